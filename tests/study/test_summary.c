// SPDX-License-Identifier: Apache-2.0
// Mean, deviation and interval of a few seeds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "study/summary.h"
#include "study/trial.h"

#include <math.h>

// Tables of Student's distribution have these, for 95 and 99 %.
static void quantiles_are_those_of_the_tables(void **state)
{
    static const struct {
        double confidence;
        size_t freedom;
        double quantile;
    } rows[] = {{0.95, 1, 12.7062047364},  {0.95, 2, 4.30265272991},      {0.95, 3, 3.18244630528},
                {0.95, 4, 2.77644510520},  {0.95, 9, 2.26215716280},      {0.95, 10, 2.22813885196},
                {0.95, 29, 2.04522964213}, {0.95, 120, 1.97993040505},    {0.99, 1, 63.6567411629},
                {0.99, 9, 3.24983554402},  {0.95, 1000000, 1.95996635682}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const double got = lw_summary_student(rows[i].confidence, rows[i].freedom);
        if (!(fabs(got / rows[i].quantile - 1) <= 1e-9))
            fail_msg("%zu degrees of freedom: expected %.10f, got %.10f", rows[i].freedom,
                     rows[i].quantile, got);
    }
}

static void a_sample_is_summed_up(void **state)
{
    (void)state;
    const double values[] = {98.4, NAN, 98.6, 98.2, 98.8}; // a seed without a figure does not count
    const lw_summary summary = lw_summary_of(values, 5);
    assert_int_equal(summary.n, 4);
    assert_true(fabs(summary.mean - 98.5) < 1e-12);
    assert_true(fabs(summary.deviation - 0.258198889747161) < 1e-12);
    const double reach = 3.18244630528 * 0.258198889747161 / 2;
    assert_true(fabs(summary.low - (98.5 - reach)) < 1e-9);
    assert_true(fabs(summary.high - (98.5 + reach)) < 1e-9);
    assert_true(summary.smallest == 98.2 && summary.largest == 98.8);
}

static void few_values_have_no_interval(void **state)
{
    (void)state;
    const double one = 3, nothing = NAN;
    lw_summary summary = lw_summary_of(&one, 1);
    assert_true(summary.n == 1 && summary.mean == 3 && summary.smallest == 3);
    assert_true(isnan(summary.deviation) && isnan(summary.low) && isnan(summary.high));
    summary = lw_summary_of(&nothing, 1);
    assert_int_equal(summary.n, 0);
    assert_true(isnan(summary.mean) && isnan(summary.largest));
}

static void time_to_an_accuracy(void **state)
{
    (void)state;
    lw_epoch_result epochs[] = {{.seconds = 2, .validation_accuracy = 0.95},
                                {.seconds = 3, .validation_accuracy = 0.98},
                                {.seconds = 4, .validation_accuracy = 0.97}};
    lw_trial trial;
    lw_trial_clear(&trial);
    trial.epochs = epochs;
    trial.n_epochs = 3;
    assert_true(lw_trial_seconds_to(&trial, 0.9) == 2);
    assert_true(lw_trial_seconds_to(&trial, 0.97) == 5);
    assert_true(lw_trial_seconds_to(&trial, 0.98) == 5);
    assert_true(isnan(lw_trial_seconds_to(&trial, 0.99)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_the_tables),
        cmocka_unit_test(a_sample_is_summed_up),
        cmocka_unit_test(few_values_have_no_interval),
        cmocka_unit_test(time_to_an_accuracy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
