// SPDX-License-Identifier: Apache-2.0
// Benchmark programs, good ones and bad ones, and the JSON of Google Benchmark, good and bad.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/fake_program.h"
#include "track/gbench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const lw_gbench_options usual = {
    .timeout_seconds = 60, .cpu = -1, .slice_seconds = 0.001, .repetitions = 2};

static void expect_message(const char *part)
{
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\" in \"%s\"", part, lw_error_message());
}

// ---- JSON -------------------------------------------------------------------------------------

static lw_gbench_report parse(const char *text, lw_gbench_clock clock)
{
    lw_gbench_report report;
    if (lw_gbench_parse(&report, text, strlen(text), clock, "x.json"))
        fail_msg("%s", lw_error_message());
    return report;
}

static void repetitions_are_collected(void **state)
{
    (void)state;
    lw_gbench_report report = parse(
        "{\"context\": {\"date\": \"2026\", \"num_cpus\": 4, \"compiler\": \"gcc\"}, "
        "\"benchmarks\": ["
        "{\"name\": \"a\", \"run_name\": \"a\", \"run_type\": \"iteration\", \"real_time\": 2, "
        "\"cpu_time\": 1, \"time_unit\": \"us\", \"label\": \"direct\"},"
        "{\"name\": \"a\", \"run_name\": \"a\", \"run_type\": \"iteration\", \"real_time\": 4, "
        "\"cpu_time\": 3, \"time_unit\": \"us\", \"label\": \"direct\"},"
        "{\"name\": \"a_mean\", \"run_name\": \"a\", \"run_type\": \"aggregate\", "
        "\"aggregate_name\": \"mean\", \"real_time\": 3, \"cpu_time\": 2, \"time_unit\": \"us\"},"
        "{\"name\": \"b/real_time\", \"real_time\": 5, \"cpu_time\": 1}]}",
        LW_GBENCH_AUTO);
    assert_int_equal(report.n, 2);
    assert_int_equal(report.cpus, 4);
    assert_string_equal(report.compiler, "gcc");
    assert_string_equal(report.series[0].label, "direct");
    assert_int_equal(report.series[0].n, 2);
    // The processor's time, unless the name says otherwise.
    assert_true(fabs(report.series[0].seconds[1] - 3e-6) < 1e-15);
    assert_true(fabs(report.series[1].seconds[0] - 5e-9) < 1e-18);
    assert_non_null(lw_gbench_find(&report, "b/real_time"));
    assert_null(lw_gbench_find(&report, "c"));
    lw_gbench_free(&report);
}

static void medians_stand_for_missing_repetitions(void **state)
{
    (void)state;
    lw_gbench_report report = parse(
        "{\"benchmarks\": [{\"name\": \"a_mean\", \"run_name\": \"a\", \"run_type\": "
        "\"aggregate\", \"aggregate_name\": \"mean\", \"real_time\": 9, \"time_unit\": \"ms\"},"
        "{\"name\": \"a_median\", \"run_name\": \"a\", \"run_type\": \"aggregate\", "
        "\"aggregate_name\": \"median\", \"real_time\": 3, \"time_unit\": \"ms\"}]}",
        LW_GBENCH_REAL);
    assert_int_equal(report.n, 1);
    assert_int_equal(report.series[0].n, 1);
    assert_true(fabs(report.series[0].seconds[0] - 3e-3) < 1e-15);
    lw_gbench_free(&report);
}

static void impossible_times_are_problems(void **state)
{
    (void)state;
    lw_gbench_report report =
        parse("{\"benchmarks\": [{\"name\": \"zero\", \"real_time\": 0},"
              "{\"name\": \"negative\", \"real_time\": -3}, {\"name\": \"none\"},"
              "{\"name\": \"unit\", \"real_time\": 3, \"time_unit\": \"h\"},"
              "{\"name\": \"error\", \"error_occurred\": true, \"error_message\": \"no data\"},"
              "{\"name\": \"underflow\", \"real_time\": 1e-320}]}",
              LW_GBENCH_REAL);
    static const char *const parts[] = {"above zero, got 0", "above zero, got -3",
                                        "no real_time",      "time_unit",
                                        "no data",           "told from zero"};
    assert_int_equal(report.n, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(report.series[i].n, 0);
        assert_non_null(report.series[i].problem);
        if (!strstr(report.series[i].problem, parts[i])) fail_msg("%s", report.series[i].problem);
    }
    lw_gbench_free(&report);
}

static void other_json_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "{\"benchmarks\": 3}",
                                        "{\"benchmarks\": [{\"real_time\": 3}]}"};
    for (size_t i = 0; i < 5; i++) {
        lw_gbench_report report;
        assert_int_equal(
            lw_gbench_parse(&report, texts[i], strlen(texts[i]), LW_GBENCH_AUTO, "x.json"),
            LW_ERROR_INPUT);
        expect_message("x.json: ");
        assert_int_equal(report.n, 0);
    }
}

// ---- programs ---------------------------------------------------------------------------------

static void programs_are_listed_and_run(void **state)
{
    (void)state;
    fake_program("bench", "conv/1 conv/10 a.b[c] axb", "name == \"conv/1\" ? 1000 : 2000", "");
    lw_name_list names;
    lw_gbench_report report;
    assert_int_equal(lw_gbench_list(&names, "bench", NULL, &usual), LW_OK);
    assert_int_equal(names.n, 4);
    lw_names_free(&names);
    assert_int_equal(lw_gbench_list(&names, "./bench", "conv/1.?$", &usual), LW_OK);
    assert_int_equal(names.n, 2);
    lw_names_free(&names);
    double wall;
    assert_int_equal(lw_gbench_run(&report, &wall, "./bench", "conv/1", true, &usual), LW_OK);
    assert_int_equal(report.n, 1); // and not conv/10
    assert_int_equal(report.series[0].n, 2);
    assert_true(fabs(report.series[0].seconds[0] - 1e-6) < 1e-12);
    assert_true(wall > 0);
    lw_gbench_free(&report);
    assert_int_equal(lw_gbench_run(&report, NULL, "./bench", "conv", false, &usual), LW_OK);
    assert_int_equal(report.n, 2);
    lw_gbench_free(&report);
}

static void names_are_taken_literally(void **state)
{
    (void)state;
    lw_text text = {0};
    lw_gbench_print_filter(&text, "a.b<c(d)>[e]*/1+2|$");
    assert_string_equal(text.bytes, "--benchmark_filter=^a\\.b<c\\(d\\)>\\[e\\]\\*/1\\+2\\|\\$$");
    lw_text_free(&text);
}

static void expect_list_fails(lw_status status, const char *program, const char *filter,
                              const char *part)
{
    lw_name_list names;
    lw_gbench_options options = usual;
    options.timeout_seconds = 1;
    assert_int_equal(lw_gbench_list(&names, program, filter, &options), status);
    assert_int_equal(names.n, 0);
    expect_message(part);
}

static void other_programs_are_refused(void **state)
{
    (void)state;
    fake_program("bench", "a", "1", "");
    fake_program("silent", "", "1", "");
    fake_program("crash", "a", "1", "kill -SEGV $$");
    fake_program("complains", "a", "1", "echo first; echo 'it is broken' >&2; exit 7");
    fake_program("hangs", "a", "1", "sleep 100");
    expect_list_fails(LW_ERROR_NOT_FOUND, "./nothing", NULL, "no such program");
    expect_list_fails(LW_ERROR_INPUT, ".", NULL, "got a folder");
    expect_list_fails(LW_ERROR_INPUT, "silent", NULL, "is it a Google Benchmark program?");
    expect_list_fails(LW_ERROR_INPUT, "crash", NULL, "signal 11");
    expect_list_fails(LW_ERROR_INPUT, "complains", NULL, "exit code 7: it is broken");
    expect_list_fails(LW_ERROR_INPUT, "hangs", NULL, "did not end within 1 s");
    expect_list_fails(LW_ERROR_INPUT, "bench", "xyz", "none of its 1 benchmarks");
    expect_list_fails(LW_ERROR_ARGUMENT, "bench", "(", "the filter");
    assert_int_equal(chmod("bench", 0644), 0);
    if (lw_gbench_list(&(lw_name_list){0}, "bench", NULL, &usual) != LW_ERROR_INPUT) fail();
}

static void broken_results_are_refused(void **state)
{
    (void)state;
    // Works when it is asked for its list, and then not.
    const char *const bodies[] = {
        ("case $1 in *filter*) for a; do case $a in *_out=*) echo '{\"bench' >\"${a#*=}\";; esac; "
         "done; exit 0;; esac"),
        "case $1 in *filter*) exit 0;; esac",
        "case $1 in *filter*) echo oops >&2; exit 3;; esac",
    };
    const char *const parts[] = {"not JSON", "wrote no results", "exit code 3: oops"};
    for (size_t i = 0; i < 3; i++) {
        lw_gbench_report report;
        fake_program("bench", "a", "1", bodies[i]);
        assert_int_equal(lw_gbench_run(&report, NULL, "bench", "a", true, &usual), LW_ERROR_INPUT);
        expect_message(parts[i]);
        assert_int_equal(report.n, 0);
    }
}

static bool stop_at_once(void *user)
{
    (void)user;
    return true;
}

static void runs_can_be_stopped(void **state)
{
    (void)state;
    fake_program("hangs", "a", "1", "sleep 100");
    lw_gbench_options options = usual;
    lw_name_list names;
    options.stop = stop_at_once;
    assert_int_equal(lw_gbench_list(&names, "hangs", NULL, &options), LW_ERROR_INTERRUPTED);
}

static void long_outputs_do_not_block(void **state)
{
    (void)state;
    fake_program("loud", "a", "1",
                 "awk 'BEGIN { for (i = 0; i < 20000; i++) print \"noise\" > \"/dev/stderr\" }'");
    lw_name_list names;
    assert_int_equal(lw_gbench_list(&names, "loud", NULL, &usual), LW_OK);
    assert_int_equal(names.n, 1);
    lw_names_free(&names);
}

static void instructions_are_counted_or_refused(void **state)
{
    (void)state;
    // A script has no benchmark's loop, so whatever is counted does not grow as it should; what counts
    // is that there is an answer or a sentence.
    double count;
    fake_program("bench", "a", "1", "");
    const lw_status status =
        lw_gbench_instructions(&count, "bench", "a", LW_COUNTER_KERNEL, &usual);
    if (status) {
        assert_int_equal(status, LW_ERROR_UNSUPPORTED);
        assert_true(strlen(lw_error_message()) > 0);
    } else {
        assert_true(lw_process_can_count() && count > 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_enter, fake_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repetitions_are_collected),
        cmocka_unit_test(medians_stand_for_missing_repetitions),
        cmocka_unit_test(impossible_times_are_problems),
        cmocka_unit_test(other_json_is_refused),
        TEST(programs_are_listed_and_run),
        cmocka_unit_test(names_are_taken_literally),
        TEST(other_programs_are_refused),
        TEST(broken_results_are_refused),
        TEST(runs_can_be_stopped),
        TEST(long_outputs_do_not_block),
        TEST(instructions_are_counted_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
