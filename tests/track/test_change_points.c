// SPDX-License-Identifier: Apache-2.0
// Change points of series whose changes are known: how often a step of two standard deviations is
// found, how often one is found that is not there, and what outliers do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "track/change_points.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { n_runs = 80 };

// Noise with a standard deviation of about one and a tail as benchmarks have it: now and then a run
// is far too slow.
static double noise(lw_rng *rng)
{
    const double usual = lw_rng_normal(rng);
    return lw_rng_below(rng, 20) == 0 ? usual + 4 * (double)lw_rng_uniform(rng) : usual;
}

static void fill(double *values, size_t n, uint64_t seed, size_t at, double step)
{
    lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, 3, 0);
    for (size_t i = 0; i < n; i++) values[i] = 100 + noise(&rng) + (i >= at ? step : 0);
}

static lw_change *find(const double *values, size_t n, size_t *n_changes)
{
    lw_change *changes;
    assert_int_equal(lw_change_points_find(&changes, n_changes, values, n), LW_OK);
    return changes;
}

static void steps_are_found(void **state)
{
    (void)state;
    int found = 0, others = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        double values[n_runs];
        size_t n;
        const size_t at = 15 + seed % 50;
        fill(values, n_runs, seed, at, 2.5);
        lw_change *changes = find(values, n_runs, &n);
        bool here = false;
        for (size_t i = 0; i < n; i++) {
            const bool near = changes[i].index + 2 >= at && changes[i].index <= at + 2;
            here = here || near;
            others += !near;
            assert_true(changes[i].first <= changes[i].index);
            assert_true(changes[i].last >= changes[i].index);
            assert_true(changes[i].p <= 0.003);
        }
        found += here;
        free(changes);
    }
    assert_true(found >= 190);
    assert_true(others <= 12); // of the same change, farther off
}

static void nothing_is_found_where_nothing_is(void **state)
{
    (void)state;
    int found = 0;
    for (uint64_t seed = 1000; seed < 1200; seed++) {
        double values[n_runs];
        size_t n;
        fill(values, n_runs, seed, n_runs, 0);
        free(find(values, n_runs, &n));
        found += n > 0;
    }
    assert_true(found <= 4);
}

static void outliers_are_no_changes(void **state)
{
    (void)state;
    double values[40];
    size_t n;
    fill(values, 40, 7, 40, 0);
    values[20] = 500;
    values[31] = 1000;
    free(find(values, 40, &n));
    assert_int_equal(n, 0);
    // Nor do they hide one.
    for (size_t i = 25; i < 40; i++) values[i] += 5;
    lw_change *changes = find(values, 40, &n);
    assert_int_equal(n, 1);
    assert_in_range(changes[0].index, 24, 26);
    assert_true(fabs(changes[0].after - changes[0].before - 5) < 1.5);
    free(changes);
}

static void several_changes_come_in_order(void **state)
{
    (void)state;
    double values[90];
    size_t n;
    fill(values, 90, 11, 30, 6);
    for (size_t i = 60; i < 90; i++) values[i] -= 10;
    lw_change *changes = find(values, 90, &n);
    assert_int_equal(n, 2);
    assert_in_range(changes[0].index, 29, 31);
    assert_in_range(changes[1].index, 59, 61);
    assert_true(changes[0].after > changes[0].before && changes[1].after < changes[1].before);
    free(changes);
    // And the same again: nothing depends on what was drawn before.
    size_t again;
    changes = find(values, 90, &again);
    assert_int_equal(again, n);
    free(changes);
}

static void short_and_constant_series_have_none(void **state)
{
    (void)state;
    double values[60];
    size_t n;
    for (size_t i = 0; i < 60; i++) values[i] = 3;
    for (size_t length = 0; length <= 60; length += 5) {
        free(find(values, length, &n));
        assert_int_equal(n, 0);
    }
    // Constant levels: no noise at all to compare with.
    for (size_t i = 40; i < 60; i++) values[i] = 4;
    lw_change *changes = find(values, 60, &n);
    assert_int_equal(n, 1);
    assert_int_equal(changes[0].index, 40);
    assert_int_equal(changes[0].first, 40);
    assert_int_equal(changes[0].last, 40);
    free(changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_found),
        cmocka_unit_test(nothing_is_found_where_nothing_is),
        cmocka_unit_test(outliers_are_no_changes),
        cmocka_unit_test(several_changes_come_in_order),
        cmocka_unit_test(short_and_constant_series_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
