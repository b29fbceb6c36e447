// SPDX-License-Identifier: Apache-2.0
// Optimizer steps of every kernel table against the formulas in double precision.
#include "base/rng.h"
#include "cpu/kernel_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_near(double expected, double got, double tolerance)
{
    if (!(fabs(expected - got) <= tolerance))
        fail_msg("expected %.17g within %g, got %.17g", expected, tolerance, got);
}

enum { count = 3 * LW_BLOCK, n_partials = 3, steps = 25, stride = count + 5 };

typedef struct variant {
    bool adam, nesterov;
    double rate, momentum, decay, decoupled;
} variant;

static const variant variants[] = {
    {.rate = 0.1},
    {.rate = 0.1, .momentum = 0.9},
    {.rate = 0.1, .momentum = 0.9, .nesterov = true, .decay = 0.01},
    {.adam = true, .rate = 1e-3},
    {.adam = true, .rate = 0.1},
    {.adam = true, .rate = 1e-2, .decay = 0.05},
    {.adam = true, .rate = 1e-2, .decoupled = 0.1},
};

typedef struct reference {
    double weight[count], first[count], second[count];
} reference;

static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

static void step_reference(reference *r, const variant *v, const double *gradient, int step)
{
    for (int i = 0; i < count; i++) {
        double g = gradient[i] + v->decay * r->weight[i];
        if (v->adam) {
            r->first[i] = beta1 * r->first[i] + (1 - beta1) * g;
            r->second[i] = beta2 * r->second[i] + (1 - beta2) * g * g;
            double root = sqrt(r->second[i] / (1 - pow(beta2, step))) + epsilon;
            r->weight[i] *= 1 - v->rate * v->decoupled;
            r->weight[i] -= v->rate * (r->first[i] / (1 - pow(beta1, step))) / root;
        } else {
            r->first[i] = step == 1 ? g : v->momentum * r->first[i] + g;
            double direction = v->nesterov ? g + v->momentum * r->first[i] : r->first[i];
            r->weight[i] -= v->rate * (v->momentum > 0 ? direction : g);
        }
    }
}

static lw_optimizer_args describe(const variant *v, int step)
{
    return (lw_optimizer_args){
        .partial_stride = stride,
        .n_partials = n_partials,
        .count = count,
        .learning_rate = (float)v->rate,
        .momentum = (float)v->momentum,
        .beta1 = (float)beta1,
        .beta2 = (float)beta2,
        .one_minus_beta1 = (float)(1 - beta1),
        .one_minus_beta2 = (float)(1 - beta2),
        .epsilon = (float)epsilon,
        .weight_decay = (float)v->decay,
        .decoupled_decay = (float)(1 - v->rate * v->decoupled),
        .bias_correction1 = (float)(1 - pow(beta1, step)),
        .root_bias_correction2 = (float)sqrt(1 - pow(beta2, step)),
        .nesterov = v->nesterov,
        .first_step = step == 1,
    };
}

static void run_variant(const lw_kernel_table *kernels, const variant *v)
{
    reference r = {0};
    float weight[count], first[count] = {0}, second[count] = {0}, partials[n_partials * stride];
    lw_rng rng = lw_rng_stream(5, LW_RNG_TEST, 0, 0);
    for (int i = 0; i < count; i++) r.weight[i] = weight[i] = lw_rng_uniform(&rng) - 0.5f;
    for (int step = 1; step <= steps; step++) {
        double gradient[count] = {0};
        for (int p = 0; p < n_partials; p++)
            for (int i = 0; i < count; i++) {
                partials[p * stride + i] = lw_rng_uniform(&rng) - 0.5f;
                gradient[i] += (double)partials[p * stride + i];
            }
        step_reference(&r, v, gradient, step);
        lw_optimizer_args args = describe(v, step);
        args.weights = weight;
        args.first_moment = first;
        args.second_moment = second;
        args.partials = partials;
        (v->adam ? kernels->adam_update : kernels->sgd_update)(&args);
    }
    // Rounding of 25 steps on values of size one or two. Constants that are not rounded from double,
    // such as 1 - beta2 taken in float, already show: they move Adam's second moment by 5e-5.
    for (int i = 0; i < count; i++) assert_near(r.weight[i], (double)weight[i], 4e-6);
}

static void test_all_tables(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n = lw_kernel_tables(tables);
    assert_true(n >= 1);
    for (int t = 0; t < n; t++)
        for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
            run_variant(tables[t], &variants[i]);
}

// One step with `value` at a place of the gradient or the weights; whether all watched sums stay 0.
static bool stays_finite(const lw_kernel_table *kernels, const variant *v, float value, int place,
                         bool in_gradient)
{
    float weight[count] = {0}, first[count] = {0}, second[count] = {0}, watched[LW_BLOCK] = {0};
    float partials[n_partials * stride] = {0};
    lw_optimizer_args args = describe(v, 2);
    args.weights = weight;
    args.first_moment = first;
    args.second_moment = second;
    args.partials = partials;
    args.watch = watched;
    (in_gradient ? partials + stride : weight)[place] = value;
    (v->adam ? kernels->adam_update : kernels->sgd_update)(&args);
    for (int i = 0; i < LW_BLOCK; i++)
        if (!(watched[i] >= 0.0f && watched[i] <= 0.0f)) return false;
    return true;
}

static void test_what_is_not_finite_is_noticed(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    const float values[] = {NAN, INFINITY, -INFINITY};
    int n = lw_kernel_tables(tables);
    for (int t = 0; t < n; t++)
        for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
            for (int place = 0; place < count; place++)
                for (int in_gradient = 0; in_gradient < 2; in_gradient++) {
                    const variant *v = &variants[i];
                    assert_true(stays_finite(tables[t], v, 1e4f, place, in_gradient));
                    for (int k = 0; k < 3; k++)
                        assert_false(stays_finite(tables[t], v, values[k], place, in_gradient));
                    // A gradient whose square overflows would stop Adam's weight for good.
                    assert_true(stays_finite(tables[t], v, 1e30f, place, true) == !v->adam);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_tables),
                                       cmocka_unit_test(test_what_is_not_finite_is_noticed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
