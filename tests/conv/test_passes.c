// SPDX-License-Identifier: Apache-2.0
// The unfold algorithm against naive, all passes, many random shapes: bit for bit on small
// integers, within the bound of the reduction length on real values; adjointness; the same bits for
// any number of threads. Guard zones and poison are in lw_conv_case_run.
#include "conv_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { n_random_shapes = 320, n_passes = 3 };
static const int64_t most_macs = 50000;
static const int32_t thread_counts[] = {1, 2, 3, 8};

// Case `index`: a random shape, or one of the special ones behind those.
static lw_conv_shape shape_of(size_t index, lw_rng *rng)
{
    if (index < n_random_shapes) return lw_conv_case_shape(rng, most_macs);
    lw_conv_shape shape;
    if (lw_conv_shape_parse(&shape, lw_conv_case_problems[index - n_random_shapes], NULL))
        fail_msg("%s", lw_error_message());
    return shape;
}

static size_t count_cases(void)
{
    return n_random_shapes + lw_conv_case_problem_count;
}

static lw_rng rng_of(size_t index)
{
    return lw_rng_stream(4, LW_RNG_TEST, 0, index);
}

static void fail_case(const lw_conv_shape *shape, lw_conv_pass pass, int32_t threads)
{
    char text[LW_CONV_PROBLEM_BYTES];
    lw_conv_shape_format(shape, text, sizeof text);
    fail_msg("%s %s, %d threads: %s", text, lw_conv_pass_name(pass), threads, lw_compare_message());
}

static float *copy_of(const float *values, size_t count)
{
    float *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

// Compares unfold with naive on integers, bit for bit.
static void compare_exactly(lw_conv_case *c, lw_conv_pass pass, int32_t threads, bool with_bias)
{
    size_t count;
    const float *output = lw_conv_case_output(c, pass, &count);
    lw_conv_case_run(c, pass, LW_CONV_ALGORITHM_NAIVE, threads, with_bias);
    float *expected = copy_of(output, count);
    float *dbias = copy_of(c->dbias.memory, c->counts.bias);
    lw_conv_case_run(c, pass, LW_CONV_ALGORITHM_UNFOLD, threads, with_bias);
    if (!lw_compare_bits(expected, output, count)) fail_case(&c->shape, pass, threads);
    if (pass == LW_CONV_BACKWARD_WEIGHTS && with_bias &&
        !lw_compare_bits(dbias, c->dbias.memory, c->counts.bias))
        fail_case(&c->shape, pass, threads);
    free(expected);
    free(dbias);
}

static void integers_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        lw_rng rng = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, true);
        int32_t threads = thread_counts[i % 3]; // 8 is for the test of threads
        for (int pass = 0; pass < n_passes; pass++)
            compare_exactly(&c, (lw_conv_pass)pass, threads, i % 4 != 0);
        lw_conv_case_free(&c);
    }
}

// Compares unfold with naive on reals; `absolute` has the same inputs without their signs.
static void compare_within_bound(lw_conv_case *c, lw_conv_case *absolute, lw_conv_pass pass,
                                 bool with_bias)
{
    size_t count;
    const float *output = lw_conv_case_output(c, pass, &count);
    const float *magnitude = lw_conv_case_output(absolute, pass, &count);
    lw_conv_case_run(absolute, pass, LW_CONV_ALGORITHM_NAIVE, 1, with_bias);
    lw_conv_case_run(c, pass, LW_CONV_ALGORITHM_NAIVE, 1, with_bias);
    float *expected = copy_of(output, count);
    float *dbias = copy_of(c->dbias.memory, c->counts.bias);
    lw_conv_case_run(c, pass, LW_CONV_ALGORITHM_UNFOLD, 2, with_bias);
    double terms = lw_conv_case_terms(&c->shape, pass);
    if (!lw_compare_sums(expected, output, magnitude, count, terms))
        fail_case(&c->shape, pass, 2);
    if (pass == LW_CONV_BACKWARD_WEIGHTS && with_bias &&
        !lw_compare_sums(dbias, c->dbias.memory, absolute->dbias.memory, c->counts.bias, terms))
        fail_case(&c->shape, pass, 2);
    free(expected);
    free(dbias);
}

static void reals_are_within_the_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        lw_rng rng = rng_of(i), again = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        shape = shape_of(i, &again);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
        lw_conv_case absolute = lw_conv_case_make(&shape, &again, false);
        lw_conv_case_make_absolute(&absolute);
        for (int pass = 0; pass < n_passes; pass++)
            compare_within_bound(&c, &absolute, (lw_conv_pass)pass, i % 4 != 0);
        lw_conv_case_free(&c);
        lw_conv_case_free(&absolute);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        if (i < n_random_shapes && i % 5 != 0) continue;
        lw_rng rng = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
        for (int pass = 0; pass < n_passes; pass++)
            for (int algorithm = LW_CONV_ALGORITHM_NAIVE; algorithm <= LW_CONV_ALGORITHM_UNFOLD;
                 algorithm++) {
                size_t count;
                const float *output = lw_conv_case_output(&c, (lw_conv_pass)pass, &count);
                lw_conv_case_run(&c, (lw_conv_pass)pass, (lw_conv_algorithm)algorithm, 1, true);
                float *expected = copy_of(output, count);
                float *dbias = copy_of(c.dbias.memory, c.counts.bias);
                for (size_t t = 1; t < sizeof thread_counts / sizeof *thread_counts; t++) {
                    lw_conv_case_run(&c, (lw_conv_pass)pass, (lw_conv_algorithm)algorithm,
                                     thread_counts[t], true);
                    if (!lw_compare_bits(expected, output, count))
                        fail_case(&shape, (lw_conv_pass)pass, thread_counts[t]);
                    if (pass == LW_CONV_BACKWARD_WEIGHTS &&
                        !lw_compare_bits(dbias, c.dbias.memory, c.counts.bias))
                        fail_case(&shape, (lw_conv_pass)pass, thread_counts[t]);
                }
                free(expected);
                free(dbias);
            }
        lw_conv_case_free(&c);
    }
}

// <conv(x, w), dy> = <x, conv^T(dy, w)> = <w, dw(x, dy)>: on integers all three are exact.
static void passes_are_adjoint(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        lw_rng rng = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, true);
        for (int algorithm = LW_CONV_ALGORITHM_NAIVE; algorithm <= LW_CONV_ALGORITHM_UNFOLD;
             algorithm++) {
            for (int pass = 0; pass < n_passes; pass++)
                lw_conv_case_run(&c, (lw_conv_pass)pass, (lw_conv_algorithm)algorithm, 2, false);
            double forward = lw_compare_dot(c.y.memory, c.dy.memory, c.counts.y);
            double data = lw_compare_dot(c.x.memory, c.dx.memory, c.counts.x);
            double weights = lw_compare_dot(c.weights.memory, c.dweights.memory, c.counts.weights);
            if (forward != data) fail_case(&shape, LW_CONV_BACKWARD_DATA, 2);
            if (forward != weights) fail_case(&shape, LW_CONV_BACKWARD_WEIGHTS, 2);
        }
        lw_conv_case_free(&c);
    }
}

// NaN and infinity in the input reach exactly the outputs whose sums they are part of.
static void non_finite_values_stay_visible(void **state)
{
    (void)state;
    lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 1, 0);
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb2ic3ih9oc5oh9kh3ph1", NULL), LW_OK);
    lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
    float *x = c.x.memory, *y = c.y.memory;
    x[9 * 4 + 4] = NAN; // image 0, channel 0, the middle
    for (int algorithm = LW_CONV_ALGORITHM_NAIVE; algorithm <= LW_CONV_ALGORITHM_UNFOLD;
         algorithm++) {
        lw_conv_case_run(&c, LW_CONV_FORWARD, (lw_conv_algorithm)algorithm, 2, true);
        for (int n = 0; n < 2; n++)
            for (int oc = 0; oc < 5; oc++)
                for (int oh = 0; oh < 9; oh++)
                    for (int ow = 0; ow < 9; ow++) {
                        bool seen = n == 0 && abs(oh - 4) <= 1 && abs(ow - 4) <= 1;
                        assert_int_equal(isnan(y[((n * 5 + oc) * 9 + oh) * 9 + ow]) != 0, seen);
                    }
    }
    lw_conv_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals_are_within_the_bound),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(passes_are_adjoint),
        cmocka_unit_test(non_finite_values_stay_visible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
