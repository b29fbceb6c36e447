// SPDX-License-Identifier: Apache-2.0
// The check finds right what is right, and wrong what a planted mistake makes wrong: in each pass,
// for one element, for a rounding too much, for a NaN, for an output that nobody wrote, and for what
// surrounds maps in padded arrays.
#include "bench/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const problems[] = {"mb2ic5ih9oc7oh9kh3ph1", "mb3ic16ih8oc17oh4kh3sh2ph1",
                                       "mb1ic3ih6oc2oh6kh1ph0"};
enum { n_problems = sizeof problems / sizeof *problems };

// The mistake that `execute_wrongly` makes.
typedef enum mistake {
    NONE,
    ONE_ELEMENT,
    ROUNDING,
    A_NAN,
    NOT_WRITTEN,
    BIAS,
    HALO,
    SPARE_CHANNEL
} mistake;
static mistake planted;
static lw_conv_pass planted_pass;

// Where the last value of the output stands: in padded maps something comes behind it.
static size_t last_element(const lw_bench_arrays *arrays, lw_conv_pass pass)
{
    if (pass == LW_CONV_BACKWARD_WEIGHTS) return arrays->weights_count - 1;
    const lw_conv_map *map = pass == LW_CONV_FORWARD ? &arrays->y_map : &arrays->x_map;
    return (size_t)(map->origin + (arrays->shape.n - 1) * map->image +
                    (map->channels - 1) * map->channel + (map->height - 1) * map->row +
                    (map->width - 1) * map->pixel);
}

static lw_status execute_wrongly(const lw_conv_plan *plan, const lw_bench_arrays *arrays,
                                 void *workspace)
{
    lw_conv_pass pass = lw_conv_plan_pass(plan);
    if (planted == NOT_WRITTEN && pass == planted_pass) return LW_OK;
    lw_status status = lw_bench_execute(plan, arrays, workspace);
    if (status || pass != planted_pass) return status;
    size_t count;
    float *output = lw_bench_output(arrays, pass, &count);
    const size_t last = last_element(arrays, pass);
    if (planted == ONE_ELEMENT) output[last] += 1.0f;
    if (planted == A_NAN) output[last] = NAN;
    if (planted == HALO) output[0] = 0.0f;
    if (planted == SPARE_CHANNEL) output[last + 1] = 0.5f;
    if (planted == BIAS) arrays->dbias[arrays->bias_count - 1] += 1.0f;
    // Half of the mantissa is lost, which integers as small as these do not notice.
    if (planted == ROUNDING)
        for (size_t i = 0; i < count; i++) output[i] = rintf(output[i] * 4096.0f) / 4096.0f;
    return LW_OK;
}

// Checks problems with their maps in some layouts; returns how many results are wrong, all of them
// in the planted pass, of which *n_checked are.
static int count_wrong(const char *const *texts, int n_texts, lw_conv_layout first,
                       lw_conv_layout last, int *n_checked, double *error_share)
{
    lw_check_options options = {
        .selection = lw_bench_select_all(), .seed = 3, .threads = 2, .execute = execute_wrongly};
    for (int layout = (int)first; layout <= (int)last; layout++) options.layouts[layout] = true;
    static lw_check_result results[LW_CHECK_MOST_RESULTS];
    int wrong = 0;
    *n_checked = 0;
    *error_share = 0.0;
    for (int p = 0; p < n_texts; p++) {
        lw_conv_shape shape;
        int n;
        assert_int_equal(lw_conv_shape_parse(&shape, texts[p], NULL), LW_OK);
        if (lw_check_problem(&shape, &options, results, &n)) fail_msg("%s", lw_error_message());
        for (int i = 0; i < n; i++) {
            const lw_check_result *r = &results[i];
            assert_true(r->layout >= first && r->layout <= last);
            assert_false(r->algorithm == LW_CONV_ALGORITHM_NAIVE &&
                         r->layout == LW_CONV_LAYOUT_NCHW); // the oracle itself
            if (!r->possible) continue;
            *n_checked += r->pass == planted_pass;
            *error_share = fmax(*error_share, r->error_share);
            assert_true(r->right == (r->finding[0] == '\0'));
            if (r->right) continue;
            if (planted == NONE) fail_msg("%s", r->finding);
            assert_int_equal(r->pass, planted_pass);
            wrong++;
        }
    }
    return wrong;
}

static void what_is_right_is_found_right(void **state)
{
    (void)state;
    int n_checked;
    double error_share;
    planted = NONE;
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++) {
        planted_pass = (lw_conv_pass)pass;
        assert_int_equal(count_wrong(problems, n_problems, LW_CONV_LAYOUT_NCHW,
                                     LW_CONV_LAYOUT_PADDED, &n_checked, &error_share),
                         0);
        // Unfold on planes, naive on the other two.
        assert_true(n_checked >= n_problems * 3);
        assert_true(error_share > 0.0 && error_share <= 1.0);
    }
}

static void a_planted_mistake_is_found(void **state)
{
    (void)state;
    int n_checked;
    double error_share;
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++)
        for (planted = ONE_ELEMENT; planted <= NOT_WRITTEN; planted++) {
            planted_pass = (lw_conv_pass)pass;
            int wrong = count_wrong(problems, n_problems, LW_CONV_LAYOUT_NCHW,
                                    LW_CONV_LAYOUT_PADDED, &n_checked, &error_share);
            // Every algorithm of that pass on every problem.
            assert_int_equal(wrong, n_checked);
            assert_true(wrong > 0);
        }
    planted = BIAS;
    planted_pass = LW_CONV_BACKWARD_WEIGHTS;
    int wrong = count_wrong(problems, n_problems, LW_CONV_LAYOUT_NCHW, LW_CONV_LAYOUT_PADDED,
                            &n_checked, &error_share);
    assert_int_equal(wrong, n_checked);
}

// Halos on both sides of a 3x3 kernel with padding 1, spare channels next to 17 and 18 real ones.
static void what_surrounds_maps_is_looked_at(void **state)
{
    (void)state;
    static const char *const surrounded[] = {"mb2ic17ih5oc18oh5kh3ph1"};
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_DATA; pass++)
        for (planted = HALO; planted <= SPARE_CHANNEL; planted++) {
            int n_checked;
            double error_share;
            planted_pass = (lw_conv_pass)pass;
            int wrong = count_wrong(surrounded, 1, LW_CONV_LAYOUT_PADDED, LW_CONV_LAYOUT_PADDED,
                                    &n_checked, &error_share);
            assert_int_equal(wrong, n_checked);
            assert_true(wrong > 0);
        }
}

static void transformed_sums_have_their_own_bound(void **state)
{
    (void)state;
    enum { count = 1000 };
    static float expected[count], actual[count], magnitude[count];
    const double bounds[] = {1.5e-6, 1.5e-6, 5e-6};
    char finding[200] = "";
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++)
        for (int off = 0; off < 2; off++) {
            for (int i = 0; i < count; i++) {
                expected[i] = i % 2 ? 1.0f : -1.0f;
                magnitude[i] = 1.0f;
                actual[i] = (float)(expected[i] * (1.0 + (off ? 1.2 : 0.8) * bounds[pass]));
            }
            double share = 0.0;
            assert_true(lw_check_transformed(expected, actual, magnitude, count, 1.0,
                                             (lw_conv_pass)pass, &share, finding,
                                             sizeof finding) == !off);
            assert_true(off ? share > 1.1 && share < 1.3 : share > 0.7 && share < 0.9);
        }
    // One error that the root mean square would hide, and a NaN.
    double share = 0.0;
    memcpy(actual, expected, sizeof actual);
    actual[count - 1] += 4e-5f;
    assert_false(lw_check_transformed(expected, actual, magnitude, count, 1.0, LW_CONV_FORWARD,
                                      &share, finding, sizeof finding));
    assert_true(strlen(finding) > 0);
    actual[count - 1] = NAN;
    assert_false(lw_check_transformed(expected, actual, magnitude, count, 1.0, LW_CONV_FORWARD,
                                      &share, finding, sizeof finding));
    assert_true(isinf(share));
}

static void bits_are_compared(void **state)
{
    (void)state;
    const float expected[] = {1.0f, 0.0f, -3.0f};
    float actual[] = {1.0f, -0.0f, -3.0f};
    char finding[200] = "";
    assert_true(lw_check_bits(expected, actual, 3, finding, sizeof finding));
    assert_string_equal(finding, "");
    actual[2] = nextafterf(-3.0f, 0.0f);
    assert_false(lw_check_bits(expected, actual, 3, finding, sizeof finding));
    assert_non_null(strstr(finding, "element 2 of 3"));
    actual[2] = -3.0f;
    actual[0] = NAN;
    assert_false(lw_check_bits(expected, actual, 3, finding, sizeof finding));
}

static void sums_are_compared_with_their_bound(void **state)
{
    (void)state;
    // Ten products of magnitude 8 in all: 1.01 * 12 * 2^-24 * 8.
    const double bound = 1.01 * 12.0 * 0x1p-24 * 8.0;
    const float expected[] = {1.0f}, magnitude[] = {8.0f}, infinite[] = {INFINITY};
    float actual[] = {(float)(1.0 + 0.9 * bound)};
    char finding[200] = "";
    double share = 0.0;
    assert_true(lw_check_sums(expected, actual, magnitude, 1, 10.0, &share, finding, 200));
    assert_true(share > 0.85 && share < 0.95);
    actual[0] = (float)(1.0 - 1.1 * bound);
    assert_false(lw_check_sums(expected, actual, magnitude, 1, 10.0, &share, finding, 200));
    assert_true(share > 1.05 && share < 1.15);
    assert_non_null(strstr(finding, "element 0 of 1"));
    actual[0] = NAN;
    assert_false(lw_check_sums(expected, actual, magnitude, 1, 10.0, &share, finding, 200));
    assert_true(isinf(share));
    actual[0] = 1.0f;
    share = 0.0;
    assert_false(lw_check_sums(expected, actual, infinite, 1, 10.0, &share, finding, 200));
}

// The line that repeats a failure needs the same data again, whatever else was checked before.
static void data_depend_on_seed_and_shape_alone(void **state)
{
    (void)state;
    lw_conv_shape shape;
    lw_bench_arrays a, b;
    assert_int_equal(lw_conv_shape_parse(&shape, problems[0], NULL), LW_OK);
    assert_int_equal(lw_bench_arrays_create(&a, &shape, LW_CONV_LAYOUT_NCHW), LW_OK);
    assert_int_equal(lw_bench_arrays_create(&b, &shape, LW_CONV_LAYOUT_NCHW), LW_OK);
    lw_bench_arrays_fill(&a, LW_BENCH_REALS, 5);
    lw_bench_arrays_fill(&b, LW_BENCH_INTEGERS, 6);
    lw_bench_arrays_fill(&b, LW_BENCH_REALS, 5);
    assert_memory_equal(a.x, b.x, a.x_count * sizeof *a.x);
    assert_memory_equal(a.weights, b.weights, a.weights_count * sizeof *a.weights);
    lw_bench_arrays_fill(&b, LW_BENCH_REALS, 6);
    assert_memory_not_equal(a.x, b.x, a.x_count * sizeof *a.x);
    for (size_t i = 0; i < a.x_count; i++) assert_true(fabsf(a.x[i]) < 1.0f && a.x[i] != 0.0f);
    lw_bench_arrays_free(&b);
    // The same values in another layout, zeros around them.
    assert_int_equal(lw_bench_arrays_create(&b, &shape, LW_CONV_LAYOUT_PADDED), LW_OK);
    lw_bench_arrays_fill(&b, LW_BENCH_REALS, 5);
    assert_memory_equal(a.dweights, b.dweights, a.weights_count * sizeof *a.dweights);
    memcpy(a.dx, a.x, a.x_count * sizeof *a.dx);
    memcpy(b.dx, b.x, b.x_count * sizeof *b.dx);
    size_t count = lw_bench_gather(&b, LW_CONV_BACKWARD_DATA, NULL), zeros = 0;
    assert_int_equal(count, a.x_count);
    static float gathered[2 * 5 * 9 * 9];
    assert_int_equal(lw_bench_gather(&b, LW_CONV_BACKWARD_DATA, gathered), count);
    assert_memory_equal(a.x, gathered, sizeof gathered);
    for (size_t i = 0; i < b.x_count; i++) zeros += b.x[i] == 0.0f;
    assert_int_equal(zeros, b.x_count - count);
    lw_bench_arrays_free(&a);
    lw_bench_arrays_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_found_right),
        cmocka_unit_test(a_planted_mistake_is_found),
        cmocka_unit_test(what_surrounds_maps_is_looked_at),
        cmocka_unit_test(transformed_sums_have_their_own_bound),
        cmocka_unit_test(bits_are_compared),
        cmocka_unit_test(sums_are_compared_with_their_bound),
        cmocka_unit_test(data_depend_on_seed_and_shape_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
