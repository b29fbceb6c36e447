// SPDX-License-Identifier: Apache-2.0
// The rule that says slower, faster or same, on synthetic suites whose truth is known: how often it
// cries wolf, and how often it misses a slowdown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/judge.h"

#include <math.h>

enum { n_benchmarks = 20, most_rounds = 60 };

// What a suite of 20 benchmarks came to, of which the first is slower by `change`.
typedef struct outcome {
    int slower, faster, same, inconclusive; // of the others
    lw_verdict first;
    lw_interval ratio; // of the first
    size_t rounds, blocks;
} outcome;

// The noise of a shared machine: mostly 1.5 %, and now and then a block that is far off.
static double noise(lw_rng *rng)
{
    const double usual = 0.015 * lw_rng_normal(rng);
    return lw_rng_below(rng, 10) == 0 ? usual + 0.15 * lw_rng_normal(rng) : usual;
}

static outcome judge_suite(uint64_t seed, double change, const lw_judge_rules *rules)
{
    outcome result = {0};
    lw_judge *judge;
    lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, 0, 0);
    assert_int_equal(lw_judge_create(&judge, rules, n_benchmarks), LW_OK);
    while (!lw_judge_done(judge) && result.rounds < most_rounds) {
        for (size_t i = 0; i < n_benchmarks; i++) {
            if (judge->cases[i].decided) continue;
            const double truth = i == 0 ? log(1 + change) : 0;
            assert_int_equal(lw_judge_add(judge, i, truth + noise(&rng)), LW_OK);
            result.blocks++;
        }
        assert_int_equal(lw_judge_end_round(judge), LW_OK);
        result.rounds++;
    }
    assert_int_equal(lw_judge_close(judge), LW_OK);
    assert_true(lw_judge_done(judge));
    for (size_t i = 1; i < n_benchmarks; i++) {
        const lw_verdict verdict = judge->cases[i].verdict;
        result.slower += verdict == LW_VERDICT_SLOWER;
        result.faster += verdict == LW_VERDICT_FASTER;
        result.same += verdict == LW_VERDICT_SAME;
        result.inconclusive += verdict == LW_VERDICT_INCONCLUSIVE;
    }
    result.first = judge->cases[0].verdict;
    result.ratio = judge->cases[0].ratio;
    lw_judge_destroy(&judge);
    assert_null(judge);
    return result;
}

static void no_change_is_no_alarm(void **state)
{
    (void)state;
    const lw_judge_rules rules = lw_judge_rules_default();
    int alarms = 0, same = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const outcome result = judge_suite(seed, 0, &rules);
        alarms += result.slower + result.faster;
        alarms += result.first == LW_VERDICT_SLOWER || result.first == LW_VERDICT_FASTER;
        same += result.same;
    }
    assert_int_equal(alarms, 0);
    assert_true(same > 40 * (n_benchmarks - 1) * 95 / 100);
}

static void slowdowns_are_found(void **state)
{
    (void)state;
    const lw_judge_rules rules = lw_judge_rules_default();
    int found = 0, others = 0;
    for (uint64_t seed = 100; seed < 140; seed++) {
        const outcome result = judge_suite(seed, 0.05, &rules);
        found += result.first == LW_VERDICT_SLOWER;
        others += result.slower;
        if (result.first == LW_VERDICT_SLOWER)
            assert_true(result.ratio.low > 1 && result.ratio.center > 1.03 &&
                        result.ratio.center < 1.08);
    }
    assert_true(found >= 39);
    assert_int_equal(others, 0);
}

static void speedups_are_found(void **state)
{
    (void)state;
    const lw_judge_rules rules = lw_judge_rules_default();
    for (uint64_t seed = 200; seed < 205; seed++)
        assert_int_equal(judge_suite(seed, -0.06, &rules).first, LW_VERDICT_FASTER);
}

static void large_changes_are_decided_early(void **state)
{
    (void)state;
    const lw_judge_rules rules = lw_judge_rules_default();
    lw_judge *judge;
    size_t rounds = 0;
    assert_int_equal(lw_judge_create(&judge, &rules, 1), LW_OK);
    for (; !lw_judge_done(judge); rounds++) {
        assert_int_equal(lw_judge_add(judge, 0, 0.2 + 0.001 * (double)(rounds % 5)), LW_OK);
        assert_int_equal(lw_judge_end_round(judge), LW_OK);
    }
    assert_int_equal(judge->cases[0].verdict, LW_VERDICT_SLOWER);
    assert_int_equal(rounds, rules.least_blocks + 10);
    // Only the fresh blocks are reported.
    assert_int_equal(judge->cases[0].used, 10);
    lw_judge_destroy(&judge);
}

static void what_fresh_blocks_do_not_show_is_no_alarm(void **state)
{
    (void)state;
    // Ten blocks that are slower by chance, and then none that is.
    const lw_judge_rules rules = lw_judge_rules_default();
    lw_judge *judge;
    assert_int_equal(lw_judge_create(&judge, &rules, 1), LW_OK);
    bool suspected = false;
    for (size_t round = 0; round < 60 && !lw_judge_done(judge); round++) {
        const double wobble = round % 2 ? 0.01 : -0.01;
        assert_int_equal(lw_judge_add(judge, 0, round < 10 ? 0.05 + wobble : wobble), LW_OK);
        assert_int_equal(lw_judge_end_round(judge), LW_OK);
        suspected = suspected || judge->cases[0].direction > 0;
    }
    assert_int_equal(lw_judge_close(judge), LW_OK);
    assert_true(suspected);
    assert_int_equal(judge->cases[0].verdict, LW_VERDICT_SAME);
    lw_judge_destroy(&judge);
}

static void too_little_is_inconclusive(void **state)
{
    (void)state;
    const lw_judge_rules rules = lw_judge_rules_default();
    lw_judge *judge;
    assert_int_equal(lw_judge_create(&judge, &rules, 2), LW_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(lw_judge_add(judge, 0, 0.3), LW_OK);
    assert_int_equal(lw_judge_close(judge), LW_OK);
    assert_int_equal(judge->cases[0].verdict, LW_VERDICT_INCONCLUSIVE);
    assert_true(judge->cases[0].ratio.center > 1.3);
    assert_int_equal(judge->cases[1].verdict, LW_VERDICT_INCONCLUSIVE);
    assert_true(isnan(judge->cases[1].ratio.center));
    lw_judge_destroy(&judge);
}

static void a_limit_allows_small_slowdowns(void **state)
{
    (void)state;
    lw_judge_rules rules = lw_judge_rules_default();
    rules.margin = rules.limit = 0.05;
    int small = 0, large = 0;
    for (uint64_t seed = 300; seed < 310; seed++) {
        small += judge_suite(seed, 0.02, &rules).first == LW_VERDICT_SLOWER;
        large += judge_suite(seed, 0.10, &rules).first == LW_VERDICT_SLOWER;
    }
    assert_int_equal(small, 0);
    assert_int_equal(large, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_change_is_no_alarm),
        cmocka_unit_test(slowdowns_are_found),
        cmocka_unit_test(speedups_are_found),
        cmocka_unit_test(large_changes_are_decided_early),
        cmocka_unit_test(what_fresh_blocks_do_not_show_is_no_alarm),
        cmocka_unit_test(too_little_is_inconclusive),
        cmocka_unit_test(a_limit_allows_small_slowdowns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
