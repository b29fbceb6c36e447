// SPDX-License-Identifier: Apache-2.0
// Whole comparisons of programs whose times are known, and what comes out for pull requests.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "track/ab.h"
#include "track/disturbance.h"
#include "track/fake_program.h"
#include "track/gate.h"
#include "track/level.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lw_ab_options usual(void)
{
    lw_ab_options options = lw_ab_options_default();
    options.programs[LW_AB_OLD] = "./old";
    options.programs[LW_AB_NEW] = "./new";
    options.runs.repetitions = 1;
    options.budget_seconds = 600; // what is decided ends it, not the clock
    return options;
}

static bool file_has(const char *path, const char *part)
{
    uint8_t *bytes;
    size_t count;
    assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &count), LW_OK);
    const bool found = strstr((const char *)bytes, part) != NULL;
    if (!found) print_error("expected \"%s\" in:\n%s\n", part, (const char *)bytes);
    free(bytes);
    return found;
}

static void changes_are_said_and_the_rest_is_the_same(void **state)
{
    (void)state;
    fake_program("old", "gone a b|x", "1000 * (1 + 0.01 * r)", "");
    fake_program("new", "a b|x fresh", "(name == \"a\" ? 1100 : 1000) * (1 + 0.01 * r)", "");
    const lw_ab_options options = usual();
    lw_ab *ab;
    lw_gate gate;
    assert_int_equal(lw_ab_run(&ab, &options), LW_OK);
    assert_int_equal(ab->n, 2);
    assert_int_equal(ab->only[LW_AB_OLD].n, 1);
    assert_string_equal(ab->only[LW_AB_OLD].names[0], "gone");
    assert_string_equal(ab->only[LW_AB_NEW].names[0], "fresh");
    assert_int_equal(lw_ab_count(ab, LW_VERDICT_SLOWER), 1);
    assert_int_equal(lw_ab_count(ab, LW_VERDICT_SAME), 1);
    assert_int_equal(lw_gate_from_ab(&gate, ab, &options), LW_OK);
    assert_int_equal(gate.outcome, LW_OUTCOME_REGRESSION);
    assert_int_equal(gate.compared, 2);
    assert_int_equal(gate.rows[0].verdict, LW_VERDICT_SLOWER);
    assert_true(fabs(gate.rows[0].ratio.center - 1.1) < 0.01);
    assert_true(fabs(gate.rows[0].old_value - 1.005e-6) < 5e-9);

    assert_int_equal(lw_gate_write_markdown(&gate, "gate.md"), LW_OK);
    assert_true(file_has("gate.md", "| `a` | +"));
    assert_true(file_has("gate.md", "**slower**"));
    assert_true(file_has("gate.md", "b\\|x")); // would end the cell
    assert_true(file_has("gate.md", "vanished: `gone`"));
    assert_true(file_has("gate.md", "not compared: `fresh`"));
    assert_int_equal(lw_gate_write_junit(&gate, "gate.xml"), LW_OK);
    assert_true(file_has("gate.xml", "tests=\"2\" failures=\"1\" skipped=\"0\""));
    assert_true(file_has("gate.xml", "<failure message=\"slower: +"));
    lw_gate_free(&gate);

    // The same slowdown within a limit passes.
    lw_ab_options patient = options;
    patient.rules.limit = patient.rules.margin = 0.2;
    lw_ab_destroy(&ab);
    assert_int_equal(lw_ab_run(&ab, &patient), LW_OK);
    assert_int_equal(lw_gate_from_ab(&gate, ab, &patient), LW_OK);
    assert_int_equal(gate.outcome, LW_OUTCOME_PASS);
    lw_gate_free(&gate);
    lw_ab_destroy(&ab);
    assert_null(ab);
}

static void the_budget_ends_it(void **state)
{
    (void)state;
    fake_program("old", "a", "1000 * (1 + r)", "");
    fake_program("new", "a", "1000 * (1 + r)", "");
    lw_ab_options options = usual();
    options.budget_seconds = 0.3;
    lw_ab *ab;
    lw_gate gate;
    assert_int_equal(lw_ab_run(&ab, &options), LW_OK);
    assert_true(ab->budget_ended);
    assert_int_equal(lw_gate_from_ab(&gate, ab, &options), ab->blocks ? LW_OK : LW_ERROR_INPUT);
    if (ab->blocks) assert_int_equal(gate.outcome, LW_OUTCOME_INCONCLUSIVE);
    lw_gate_free(&gate);
    lw_ab_destroy(&ab);
}

static void expect_refused(lw_status status, const char *part)
{
    const lw_ab_options options = usual();
    lw_ab *ab;
    assert_int_equal(lw_ab_run(&ab, &options), status);
    assert_null(ab);
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\" in \"%s\"", part, lw_error_message());
}

static void what_cannot_be_compared_is_refused(void **state)
{
    (void)state;
    fake_program("old", "a b", "1000", "");
    fake_program("new", "c d", "1000", "");
    expect_refused(LW_ERROR_INPUT, "no benchmark in common");
    fake_program("new", "a", "0", "");
    expect_refused(LW_ERROR_INPUT, "above zero");
    // Crashes only when it measures.
    fake_program("new", "a", "1000", "case $1 in *filter*) kill -ABRT $$;; esac");
    expect_refused(LW_ERROR_INPUT, "./new: was ended by signal 6");
    remove("new");
    expect_refused(LW_ERROR_NOT_FOUND, "./new");
}

static void one_bad_benchmark_does_not_spoil_the_others(void **state)
{
    (void)state;
    fake_program("old", "a b", "1000 + r", "");
    fake_program("new", "a b", "name == \"b\" ? 0 : 1000 + r", "");
    const lw_ab_options options = usual();
    lw_ab *ab;
    lw_gate gate;
    assert_int_equal(lw_ab_run(&ab, &options), LW_OK);
    assert_int_equal(lw_gate_from_ab(&gate, ab, &options), LW_OK);
    assert_int_equal(gate.rows[0].verdict, LW_VERDICT_SAME);
    assert_non_null(strstr(gate.rows[1].problem, "above zero"));
    assert_int_equal(gate.outcome, LW_OUTCOME_INCONCLUSIVE);
    assert_int_equal(gate.compared, 1);
    lw_gate_free(&gate);
    lw_ab_destroy(&ab);
}

static void nothing_compared_is_no_pass(void **state)
{
    (void)state;
    lw_gate gate = {.rows = NULL, .n = 0};
    assert_int_equal(lw_gate_judge(&gate), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "nothing was compared"));
    lw_gate_row row = {.problem = "broken", .ratio = {NAN, NAN, NAN}};
    gate = (lw_gate){.rows = &row, .n = 1};
    assert_int_equal(lw_gate_judge(&gate), LW_ERROR_INPUT);
}

static void changed_kernels_are_named(void **state)
{
    (void)state;
    lw_gate_row row = {.name = "a",
                       .problem = "",
                       .unit = "s",
                       .ratio = {1, 1, 1},
                       .verdict = LW_VERDICT_SAME,
                       .blocks = 9,
                       .labels = {"direct", "winograd"}};
    lw_gate gate = {.rows = &row, .n = 1, .sides = {"old", "new"}};
    assert_int_equal(lw_gate_judge(&gate), LW_OK);
    assert_int_equal(lw_gate_write_markdown(&gate, "gate.md"), LW_OK);
    assert_true(file_has("gate.md", "`winograd` instead of `direct`"));
}

static void disturbed_blocks_are_known_by_the_spin_alone(void **state)
{
    (void)state;
    lw_disturbance machine = {.n = 0};
    for (int i = 0; i < 8; i++) assert_false(lw_disturbance_note(&machine, 1, i < 4 ? 1 : 5));
    for (int i = 0; i < 20; i++) assert_false(lw_disturbance_note(&machine, 1, 1.1));
    assert_true(lw_disturbance_note(&machine, 1, 1.6));
    assert_true(lw_disturbance_note(&machine, 1.6, 1));
    // Another speed becomes the usual one.
    bool last = true;
    for (int i = 0; i < 100; i++) last = lw_disturbance_note(&machine, 2, 2);
    assert_false(last);
    assert_true(lw_spin_measure(-1) > 0);
}

static void torn_blocks_are_known_without_the_answer(void **state)
{
    (void)state;
    lw_tears tears = {.n = 0}, exchanged = {.n = 0};
    for (int i = 0; i < 40; i++) {
        // The new program takes twice the time, which is no tear; every tenth block has one.
        const double old_times[] = {1, 1.002}, new_times[] = {2, i % 10 == 9 ? 2.3 : 2.004};
        const bool torn = lw_tears_note(&tears, old_times, new_times);
        assert_int_equal(torn, i % 10 == 9);
        assert_int_equal(lw_tears_note(&exchanged, new_times, old_times), torn);
    }
}

static void levels_predict_the_next_run(void **state)
{
    (void)state;
    const double medians[] = {1.00, 1.01, 0.99, 1.02, 0.98, 1.00, 5.0};
    lw_level level;
    lw_interval ratio;
    double p;
    assert_int_equal(lw_level_measure(&level, medians, 7), LW_OK);
    lw_level_compare(&level, 1.0, &ratio, &p);
    assert_true(ratio.low < 1 && ratio.high > 1 && p > 0.3);
    lw_level_compare(&level, 1.5, &ratio, &p);
    assert_true(ratio.low > 1 && p < 0.01);
    lw_level_compare(&level, 0.6, &ratio, &p);
    assert_true(ratio.high < 1 && p < 0.01);
    // Student's t with 4 degrees of freedom has its 97.5 % quantile at 2.776.
    const lw_level five = {.center = 0, .scatter = 1, .n = 5};
    lw_level_compare(&five, exp(2.776 * sqrt(1.2)), &ratio, &p);
    assert_true(fabs(p - 0.05) < 0.01);
    assert_true(fabs(log(ratio.low)) < 0.06);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_enter, fake_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_are_said_and_the_rest_is_the_same),
        TEST(the_budget_ends_it),
        TEST(what_cannot_be_compared_is_refused),
        TEST(one_bad_benchmark_does_not_spoil_the_others),
        cmocka_unit_test(nothing_compared_is_no_pass),
        TEST(changed_kernels_are_named),
        cmocka_unit_test(disturbed_blocks_are_known_by_the_spin_alone),
        cmocka_unit_test(torn_blocks_are_known_without_the_answer),
        cmocka_unit_test(levels_predict_the_next_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
