// SPDX-License-Identifier: Apache-2.0
// Learning rates against values worked out by hand and, for one-cycle, PyTorch 2.13's OneCycleLR.
#include <lanewise/train.h>

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

static double rate(const lw_schedule_config *schedule, int64_t step)
{
    return lw_schedule_rate(schedule, 0.1, step, 100, 10);
}

static void test_constant_with_warm_up(void **state)
{
    (void)state;
    lw_schedule_config schedule = {.kind = LW_SCHEDULE_CONSTANT};
    assert_near(0.1, rate(&schedule, 0), 1e-12);
    assert_near(0.1, rate(&schedule, 99), 1e-12);
    schedule.warmup_fraction = 0.04; // four steps: 1/5, 2/5, 3/5, 4/5, then all of it
    assert_near(0.02, rate(&schedule, 0), 1e-12);
    assert_near(0.08, rate(&schedule, 3), 1e-12);
    assert_near(0.1, rate(&schedule, 4), 1e-12);
}

static void test_step(void **state)
{
    (void)state;
    lw_schedule_config schedule = {.kind = LW_SCHEDULE_STEP, .step_epochs = 3, .gamma = 0.5};
    assert_near(0.1, rate(&schedule, 29), 1e-12);
    assert_near(0.05, rate(&schedule, 30), 1e-12);
    assert_near(0.0125, rate(&schedule, 99), 1e-12);
}

static void test_cosine(void **state)
{
    (void)state;
    lw_schedule_config schedule = {.kind = LW_SCHEDULE_COSINE, .final_fraction = 0.2};
    assert_near(0.1, rate(&schedule, 0), 1e-12);
    assert_near(0.06, rate(&schedule, 50), 1e-12); // half way between 0.1 and 0.02
    assert_true(rate(&schedule, 99) < 0.0201);
}

static void test_one_cycle_is_pytorchs(void **state)
{
    (void)state;
    // max_lr=0.1, total_steps=100, pct_start=0.3, div_factor=25, final_div_factor=1e4
    lw_schedule_config schedule = {.kind = LW_SCHEDULE_ONE_CYCLE,
                                   .warmup_fraction = 0.3,
                                   .start_fraction = 1.0 / 25.0,
                                   .final_fraction = 1.0 / 25e4};
    const struct {
        int64_t step;
        double rate;
    } expected[] = {{0, 0.004},
                    {10, 0.029516394846410082},
                    {29, 0.1},
                    {30, 0.09994965352845243},
                    {50, 0.0793893450575732},
                    {99, 4e-07}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_near(expected[i].rate, rate(&schedule, expected[i].step), 1e-12);
}

// Runs of one or two steps must not divide by zero.
static void test_short_runs(void **state)
{
    (void)state;
    for (int kind = LW_SCHEDULE_CONSTANT; kind <= LW_SCHEDULE_ONE_CYCLE; kind++)
        for (int64_t steps = 1; steps <= 3; steps++)
            for (int64_t step = 0; step < steps; step++) {
                lw_schedule_config schedule = {.kind = (lw_schedule_kind)kind,
                                               .step_epochs = 1,
                                               .gamma = 0.1,
                                               .warmup_fraction = 0.3};
                double value = lw_schedule_rate(&schedule, 0.1, step, steps, steps);
                assert_true(value >= 0.0 && value <= 0.1);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_with_warm_up),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_one_cycle_is_pytorchs),
        cmocka_unit_test(test_short_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
