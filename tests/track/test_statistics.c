// SPDX-License-Identifier: Apache-2.0
// The statistics of tracking against values from SciPy and from counting by hand, and the coverage
// of the intervals on synthetic data.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double sample[] = {0.31, -0.12, 0.52, 0.11, 0.44, -0.05, 0.27, 0.61, 0.09, 0.18};
enum { n_sample = sizeof sample / sizeof *sample };

static void expect_near(double value, double expected, double error)
{
    if (!(fabs(value - expected) <= error)) fail_msg("expected %.10g, got %.10g", expected, value);
}

static void medians_and_quantiles(void **state)
{
    (void)state;
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, spread[] = {1, 2, 3, 4, 100};
    expect_near(lw_statistics_median(odd, 3), 2, 0);
    expect_near(lw_statistics_median(even, 4), 2.5, 0);
    expect_near(lw_statistics_quantile(even, 4, 0.25), 1.75, 1e-15);
    expect_near(lw_statistics_quantile(even, 4, 1), 4, 0);
    expect_near(lw_statistics_quantile(even, 1, 0.3), 1, 0);
    expect_near(lw_statistics_spread(spread, 5), 1.4826, 1e-12);
    assert_true(isnan(lw_statistics_median(odd, 0)));
}

static void the_center_is_the_median_of_pair_means(void **state)
{
    (void)state;
    lw_rng rng = lw_rng_stream(1, LW_RNG_TEST, 0, 0);
    lw_interval interval;
    assert_int_equal(lw_statistics_center(&interval, sample, n_sample, 0.95, 2000, &rng), LW_OK);
    expect_near(interval.center, 0.235, 1e-12);
    assert_true(interval.low < interval.center && interval.center < interval.high);
    // One wild value moves it by no more than one ordinary value would.
    double wild[n_sample];
    memcpy(wild, sample, sizeof sample);
    wild[7] = 1e6;
    lw_interval disturbed;
    assert_int_equal(lw_statistics_center(&disturbed, wild, n_sample, 0.95, 100, &rng), LW_OK);
    assert_true(disturbed.center < 0.31);
    // One value, and the same seed: the same interval.
    assert_int_equal(lw_statistics_center(&interval, sample, 1, 0.95, 50, &rng), LW_OK);
    expect_near(interval.low, sample[0], 0);
    expect_near(interval.high, sample[0], 0);
}

static void intervals_repeat(void **state)
{
    (void)state;
    lw_interval first, second;
    lw_rng rng = lw_rng_stream(5, LW_RNG_TRACK, 0, 3);
    assert_int_equal(lw_statistics_center(&first, sample, n_sample, 0.95, 500, &rng), LW_OK);
    rng = lw_rng_stream(5, LW_RNG_TRACK, 0, 3);
    assert_int_equal(lw_statistics_center(&second, sample, n_sample, 0.95, 500, &rng), LW_OK);
    assert_memory_equal(&first, &second, sizeof first);
}

static void intervals_cover(void **state)
{
    (void)state;
    // 300 samples of 20 normal values: a 95 % interval misses zero about 15 times. A bootstrap is a
    // little too narrow; 30 would be far too many, and none would mean that it is far too wide.
    int missed = 0;
    for (uint64_t trial = 0; trial < 300; trial++) {
        lw_rng rng = lw_rng_stream(trial, LW_RNG_TEST, 1, 0);
        double values[20];
        for (size_t i = 0; i < 20; i++) values[i] = lw_rng_normal(&rng);
        lw_interval interval;
        assert_int_equal(lw_statistics_center(&interval, values, 20, 0.95, 300, &rng), LW_OK);
        missed += interval.low > 0 || interval.high < 0;
    }
    assert_in_range(missed, 4, 30);
}

static void signed_ranks_are_counted_exactly(void **state)
{
    (void)state;
    double p, turned[n_sample];
    assert_int_equal(lw_statistics_signed_rank(&p, sample, n_sample), LW_OK);
    expect_near(p, 0.009765625, 1e-12);
    for (size_t i = 0; i < n_sample; i++) turned[i] = -sample[i];
    assert_int_equal(lw_statistics_signed_rank(&p, turned, n_sample), LW_OK);
    expect_near(p, 0.9931640625, 1e-12);
    // Shared ranks: 4 of the 64 ways to flip signs give as much; zeros change nothing.
    const double ties[] = {1, 1, -1, 2, 2, 3}, zeros[] = {0, 1, 1, -1, 0, 2, 2, 3};
    assert_int_equal(lw_statistics_signed_rank(&p, ties, 6), LW_OK);
    expect_near(p, 4.0 / 64, 1e-12);
    assert_int_equal(lw_statistics_signed_rank(&p, zeros, 8), LW_OK);
    expect_near(p, 4.0 / 64, 1e-12);
    assert_int_equal(lw_statistics_signed_rank(&p, zeros, 0), LW_OK);
    expect_near(p, 1, 0);
}

static void many_signed_ranks_are_approximated_well(void **state)
{
    (void)state;
    // Just below and just above the number from which the normal approximation is taken.
    double values[302], exact, approximate;
    lw_rng rng = lw_rng_stream(9, LW_RNG_TEST, 2, 0);
    for (size_t i = 0; i < 302; i++) values[i] = lw_rng_normal(&rng) + 0.1;
    assert_int_equal(lw_statistics_signed_rank(&exact, values, 300), LW_OK);
    values[300] = 1e-9;
    values[301] = -1e-9;
    assert_int_equal(lw_statistics_signed_rank(&approximate, values, 302), LW_OK);
    expect_near(approximate / exact, 1, 0.03);
}

static void mann_whitney_is_scipys(void **state)
{
    (void)state;
    const double x[] = {1.02, 0.98, 1.10, 1.05, 1.00, 1.21, 0.99, 1.07, 1.03, 1.04};
    const double y[] = {1.08, 1.12, 1.03, 1.15, 1.19, 1.07, 1.22, 1.11, 1.02, 1.30};
    const double same[] = {1, 1, 1};
    double p, turned;
    assert_int_equal(lw_statistics_mann_whitney(&p, x, 10, y, 10), LW_OK);
    expect_near(p, 0.02818723994726922, 1e-9);
    assert_int_equal(lw_statistics_mann_whitney(&turned, y, 10, x, 10), LW_OK);
    expect_near(turned, p, 1e-12);
    assert_int_equal(lw_statistics_mann_whitney(&p, same, 3, same, 3), LW_OK);
    expect_near(p, 1, 0);
    assert_int_equal(lw_statistics_mann_whitney(&p, x, 0, y, 10), LW_OK);
    expect_near(p, 1, 0);
}

static void benjamini_and_hochbergs_own_example(void **state)
{
    (void)state;
    // The 15 p values of their paper of 1995: four are rejected at 5 %, three by Bonferroni's rule.
    const double p[] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
    bool rejected[15];
    assert_int_equal(lw_statistics_benjamini_hochberg(rejected, p, 15, 0.05), LW_OK);
    for (size_t i = 0; i < 15; i++) assert_int_equal(rejected[i], i < 4);
    assert_int_equal(lw_statistics_benjamini_hochberg(rejected, p + 9, 6, 0.05), LW_OK);
    for (size_t i = 0; i < 6; i++) assert_false(rejected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_and_quantiles),
        cmocka_unit_test(the_center_is_the_median_of_pair_means),
        cmocka_unit_test(intervals_repeat),
        cmocka_unit_test(intervals_cover),
        cmocka_unit_test(signed_ranks_are_counted_exactly),
        cmocka_unit_test(many_signed_ranks_are_approximated_well),
        cmocka_unit_test(mann_whitney_is_scipys),
        cmocka_unit_test(benjamini_and_hochbergs_own_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
