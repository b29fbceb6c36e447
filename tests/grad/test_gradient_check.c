// SPDX-License-Identifier: Apache-2.0
// The gradient check itself: it accepts right gradients and finds each kind of wrong one.
#include "grad/gradient_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { most_tensors = 4 };

// Right gradients, by a difference for every single value.
static void differentiate(const gradient_case *made, float **gradients)
{
    for (size_t t = 0; t < made->reference.n_tensors; t++) {
        size_t count = made->reference.tensors[t]->count;
        double *direction = calloc(count, sizeof *direction);
        gradients[t] = calloc(count, sizeof **gradients);
        assert_true(direction && gradients[t]);
        for (size_t i = 0; i < count; i++) {
            double derivative, terms;
            direction[i] = 1;
            assert_true(gradient_difference(made, t, direction, &derivative, &terms));
            direction[i] = 0;
            gradients[t][i] = (float)derivative;
        }
        free(direction);
    }
}

static void make(gradient_case *made, float **gradients)
{
    gradient_case_create(made, (lw_extent){2, 5, 5}, "conv 3 3\nrelu\nmaxpool 2\nlinear 4", 2, 1);
    assert_int_equal(made->reference.n_tensors, most_tensors);
    differentiate(made, gradients);
}

static void clear(gradient_case *made, float **gradients)
{
    for (size_t t = 0; t < most_tensors; t++) free(gradients[t]);
    gradient_case_free(made);
}

static void test_accepts_right_gradients(void **state)
{
    (void)state;
    gradient_case made;
    float *gradients[most_tensors];
    make(&made, gradients);
    gradient_report report = gradient_check(&made, gradients, 40, 3);
    assert_int_equal(report.mismatches, 0);
    assert_string_equal(report.sentence, "");
    assert_true(report.worst < 1);
    // 54 + 3 + 12 + 4 values, the first tensor in part, and three directions each.
    assert_int_equal(report.checked + report.skipped, 40 + 3 + 12 + 4 + 4 * 3);
    clear(&made, gradients);
}

// Each value in turn is off by a thousandth of the largest: samples or directions must see it.
static void test_finds_one_wrong_value(void **state)
{
    (void)state;
    gradient_case made;
    float *gradients[most_tensors];
    make(&made, gradients);
    for (size_t t = 0; t < most_tensors; t++) {
        size_t count = made.reference.tensors[t]->count;
        float largest = 0;
        for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(gradients[t][i]));
        assert_true(largest > 0);
        for (size_t i = 0; i < count; i++) {
            float right = gradients[t][i];
            gradients[t][i] = right + 1e-3F * largest;
            assert_true(gradient_check(&made, gradients, 2, 2).mismatches > 0);
            gradients[t][i] = right;
        }
    }
    assert_int_equal(gradient_check(&made, gradients, 2, 2).mismatches, 0);
    clear(&made, gradients);
}

static void test_finds_other_mistakes(void **state)
{
    (void)state;
    gradient_case made;
    float *gradients[most_tensors];
    make(&made, gradients);
    // Zeros, another sign, twice the value, NaN, input and output channels exchanged.
    for (int mistake = 0; mistake < 4; mistake++) {
        static const float factors[] = {0, -1, 2, NAN};
        float saved[54];
        memcpy(saved, gradients[0], sizeof saved);
        for (size_t i = 0; i < 54; i++) gradients[0][i] *= factors[mistake];
        gradient_report report = gradient_check(&made, gradients, 10, 1);
        assert_true(report.mismatches > 0);
        assert_non_null(strstr(report.sentence, "conv1.weight ["));
        memcpy(gradients[0], saved, sizeof saved);
    }
    float exchanged[54];
    for (size_t oc = 0; oc < 3; oc++)
        for (size_t ic = 0; ic < 2; ic++)
            memcpy(&exchanged[(ic * 3 + oc) * 9], &gradients[0][(oc * 2 + ic) * 9],
                   9 * sizeof *exchanged);
    memcpy(gradients[0], exchanged, sizeof exchanged);
    assert_true(gradient_check(&made, gradients, 10, 1).mismatches > 0);
    clear(&made, gradients);
}

// A step across a ReLU's kink is noticed.
static void test_notices_kinks(void **state)
{
    (void)state;
    gradient_case made;
    gradient_case_create(&made, (lw_extent){1, 1, 1}, "linear 2\nrelu\nlinear 2", 1, 1);
    // The bias puts the first ReLU a millionth above its kink.
    double *p = made.parameters;
    p[2] = 1e-6 - p[0] * made.images[0];
    made.loss = reference_network_loss(&made.reference, p, made.images, made.labels, 1, NULL, NULL,
                                       &made.kinks);
    assert_true(made.kinks.margin < 1.1e-6);
    double derivative, terms, both[] = {1, 0}, second[] = {0, 1};
    assert_false(gradient_difference(&made, 1, both, &derivative, &terms));
    assert_true(gradient_difference(&made, 1, second, &derivative, &terms));
    gradient_case_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts_right_gradients),
        cmocka_unit_test(test_finds_one_wrong_value),
        cmocka_unit_test(test_finds_other_mistakes),
        cmocka_unit_test(test_notices_kinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
