// SPDX-License-Identifier: Apache-2.0
// Measurements are complete and consistent; how long anything takes is not looked at.
#include "bench/measure.h"

#include "base/error.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lw_conv_shape parse(const char *problem)
{
    lw_conv_shape shape;
    if (lw_conv_shape_parse(&shape, problem, NULL)) fail_msg("%s", lw_error_message());
    return shape;
}

static int n_calls;
static double last_fraction;

static void note_progress(void *context, double fraction)
{
    (void)context;
    n_calls++;
    last_fraction = fraction;
}

static void every_algorithm_and_pass_has_a_result(void **state)
{
    (void)state;
    lw_conv_shape shape = parse("mb4ic5ih9oc7oh9kh3ph1");
    lw_bench_options options = {.selection = lw_bench_select_all(),
                                .threads = 2,
                                .budget_seconds = 0.05,
                                .progress = note_progress};
    static lw_bench_result results[LW_BENCH_MOST_RESULTS];
    int n;
    n_calls = 0;
    if (lw_bench_measure(&shape, &options, results, &n)) fail_msg("%s", lw_error_message());
    int n_algorithms = lw_bench_algorithm_count() - LW_CONV_ALGORITHM_NAIVE;
    assert_true(n_algorithms >= 2);
    assert_int_equal(n, n_algorithms * LW_BENCH_PASSES);
    assert_true(n_calls > 0 && last_fraction >= 0.0 && last_fraction <= 1.0);
    for (int i = 0; i < n; i++) {
        const lw_bench_result *r = &results[i];
        assert_int_equal(r->pass, i / n_algorithms);
        assert_int_equal(r->algorithm, LW_CONV_ALGORITHM_NAIVE + i % n_algorithms);
        if (!r->possible) {
            assert_true(strlen(r->reason) > 0);
            continue;
        }
        assert_string_equal(r->reason, "");
        assert_true(strlen(r->kernel) > 0);
        assert_int_equal(r->threads, 2);
        assert_true(r->repetitions >= 1);
        assert_true(r->low_seconds > 0 && r->low_seconds <= r->seconds);
        assert_true(r->seconds <= r->high_seconds && r->cold_seconds > 0);
        assert_true(r->images >= 1 && r->images <= 4);
        assert_true(r->algorithm == LW_CONV_ALGORITHM_NAIVE || r->images == 4);
    }
    const lw_bench_result *naive = lw_bench_naive(results, n, LW_CONV_BACKWARD_DATA);
    assert_non_null(naive);
    assert_int_equal(naive->pass, LW_CONV_BACKWARD_DATA);
}

// Measured or left out with a reason, by estimate alone: nobody waits for a slow naive.
static void naive_is_left_out_when_told_or_too_slow(void **state)
{
    (void)state;
    static lw_bench_result results[LW_BENCH_MOST_RESULTS];
    int n;
    lw_conv_shape shape = parse("mb2ic64ih30oc64oh30kh3ph1"); // 33 million multiply-adds an image
    lw_bench_options options = {.threads = 1, .budget_seconds = 0.01};
    options.selection.passes[LW_CONV_FORWARD] = true;
    options.selection.algorithms[LW_CONV_ALGORITHM_NAIVE] = true;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_OK);
    assert_int_equal(n, 1);
    assert_false(results[0].possible);
    assert_non_null(strstr(results[0].reason, "budget"));
    options.naive = LW_BENCH_NAIVE_NEVER;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_OK);
    assert_int_equal(n, 0);
    shape = parse("mb1ic2ih5oc3oh5kh3ph1");
    options.naive = LW_BENCH_NAIVE_ALWAYS;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_OK);
    assert_true(n == 1 && results[0].possible);
}

static void maps_may_lie_in_every_layout(void **state)
{
    (void)state;
    static lw_bench_result results[LW_BENCH_MOST_RESULTS];
    lw_conv_shape shape = parse("mb2ic5ih9oc17oh9kh3ph1");
    for (int layout = 0; layout < LW_BENCH_LAYOUTS; layout++)
        for (int least = 0; least < 2; least++) {
            lw_bench_options options = {.selection = lw_bench_select_all(),
                                        .layout = (lw_conv_layout)layout,
                                        .least = least == 1,
                                        .threads = 1,
                                        .budget_seconds = 0.02};
            int n, measured = 0;
            if (lw_bench_measure(&shape, &options, results, &n)) fail_msg("%s", lw_error_message());
            for (int i = 0; i < n; i++) {
                measured += results[i].possible;
                if (!results[i].possible) continue;
                assert_true(least ? results[i].seconds <= results[i].low_seconds
                                  : results[i].seconds >= results[i].low_seconds);
                assert_true(results[i].algorithm != LW_CONV_ALGORITHM_WINOGRAD ||
                            results[i].dense_equivalent);
            }
            assert_true(measured >= LW_BENCH_PASSES);
        }
}

static void a_selection_is_kept_to(void **state)
{
    (void)state;
    lw_conv_shape shape = parse("mb1ic2ih5oc3oh5kh3ph1");
    lw_bench_options options = {.threads = 1, .budget_seconds = 0.01};
    options.selection.passes[LW_CONV_BACKWARD_WEIGHTS] = true;
    options.selection.algorithms[LW_CONV_ALGORITHM_UNFOLD] = true;
    static lw_bench_result results[LW_BENCH_MOST_RESULTS];
    int n;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_OK);
    assert_int_equal(n, 1);
    assert_int_equal(results[0].pass, LW_CONV_BACKWARD_WEIGHTS);
    assert_int_equal(results[0].algorithm, LW_CONV_ALGORITHM_UNFOLD);
    assert_null(lw_bench_naive(results, n, LW_CONV_BACKWARD_WEIGHTS));
}

// A slow naive gets part of the batch, as many images as there are threads at least.
static void naive_gets_what_the_budget_allows(void **state)
{
    (void)state;
    lw_conv_shape shape = parse("mb64ic32ih20oc32oh20kh3ph1");
    lw_bench_options options = {.threads = 2, .budget_seconds = 0.02};
    options.selection.passes[LW_CONV_FORWARD] = true;
    options.selection.algorithms[LW_CONV_ALGORITHM_NAIVE] = true;
    static lw_bench_result results[LW_BENCH_MOST_RESULTS];
    int n;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_OK);
    assert_int_equal(n, 1);
    // 64 images are 236 million multiply-adds, one at a time: no CPU does that in a millisecond.
    assert_true(results[0].images >= 2 && results[0].images < 64);
    assert_int_equal(results[0].images % 2, 0);
}

static void what_cannot_be_measured_is_refused(void **state)
{
    (void)state;
    static lw_bench_result results[LW_BENCH_MOST_RESULTS];
    int n;
    lw_conv_shape shape = parse("mb1ic1ih4oc1oh4kh3ph1");
    lw_bench_options options = {
        .selection = lw_bench_select_all(), .threads = 0, .budget_seconds = 1};
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_ERROR_ARGUMENT);
    options.threads = 1;
    options.budget_seconds = NAN;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_ERROR_ARGUMENT);
    // 2^40 floats and more: larger than any machine's memory, smaller than an address space.
    options.budget_seconds = 1;
    shape = parse("mb65536ic1024ih256oc1oh256kh1ph0");
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "GiB"));
    shape.ic = 0;
    assert_int_equal(lw_bench_measure(&shape, &options, results, &n), LW_ERROR_ARGUMENT);
}

static void quantiles_and_rates(void **state)
{
    (void)state;
    double samples[] = {5, 1, 4, 2, 3};
    assert_true(lw_bench_quantile(samples, 5, 0.5) == 3.0);
    assert_true(lw_bench_quantile(samples, 5, 0.25) == 2.0);
    assert_true(lw_bench_quantile(samples, 5, 1.0) == 5.0);
    assert_true(lw_bench_quantile(samples, 4, 0.5) == 2.5);
    assert_true(lw_bench_quantile(samples, 1, 0.75) == 1.0);
    assert_true(lw_bench_quantile(samples, 0, 0.5) == 0.0);
    lw_conv_shape shape = parse("mb1ic10ih10oc10oh10kh1ph0"); // 10,000 multiply-adds
    assert_true(fabs(lw_bench_gflops(&shape, 1e-5) - 2.0) < 1e-12);
    assert_true(lw_bench_gflops(&shape, 0.0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_and_pass_has_a_result),
        cmocka_unit_test(naive_is_left_out_when_told_or_too_slow),
        cmocka_unit_test(maps_may_lie_in_every_layout),
        cmocka_unit_test(a_selection_is_kept_to),
        cmocka_unit_test(naive_gets_what_the_budget_allows),
        cmocka_unit_test(what_cannot_be_measured_is_refused),
        cmocka_unit_test(quantiles_and_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
