// SPDX-License-Identifier: Apache-2.0
// `lanewise tune` as a user runs it: what it measures, keeps, lists and forgets, and every kind of
// wrong input. No time is looked at.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/program.h"

#include <lanewise/conv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The cache folder of a test is its own folder.
#define CACHE "conv-tuning.txt"
#define SMALL "mb1ic3ih6oc4oh6kh3ph1"
// Where nothing else takes the machine away, these take milliseconds.
#define PATIENT "--budget=60s"

// An item of `problems` or `entries` whose chosen algorithm was measured.
static void check_item(const cJSON *item)
{
    lw_conv_pass pass;
    lw_conv_layout layout;
    lw_conv_shape shape;
    assert_int_equal(lw_conv_pass_parse(&pass, json_word(item, "pass")), LW_OK);
    assert_int_equal(lw_conv_layout_parse(&layout, json_word(item, "layout")), LW_OK);
    assert_int_equal(lw_conv_shape_parse(&shape, json_word(item, "problem"), NULL), LW_OK);
    assert_true(cJSON_GetNumberValue(json_member(item, "threads")) >= 1);
    const cJSON *time;
    bool found = false;
    cJSON_ArrayForEach(time, json_member(item, "times"))
    {
        assert_true(cJSON_GetNumberValue(json_member(time, "ms")) > 0.0);
        assert_string_not_equal(json_word(time, "algorithm"), "onednn");
        found = found || strcmp(json_word(time, "algorithm"), json_word(item, "chosen")) == 0;
    }
    assert_true(found);
}

static void a_problem_is_measured_and_remembered(void **state)
{
    (void)state;
    expect_exit(0, "tune", "--clear", NULL);
    program_result result =
        program_run("tune", SMALL, "--threads", "1", "--layout=nchw", PATIENT, "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_true(strlen(json_word(json, "cpu")) > 0 && strlen(json_word(json, "isa")) > 0);
    const cJSON *problems = json_member(json, "problems"), *item;
    assert_int_equal(cJSON_GetArraySize(problems), 3);
    cJSON_ArrayForEach(item, problems)
    {
        assert_true(cJSON_IsTrue(json_member(item, "measured")));
        assert_string_equal(json_word(item, "problem"), SMALL);
        assert_string_equal(json_word(item, "layout"), "nchw");
        check_item(item);
    }
    program_free(&result);
    assert_true(is_there(CACHE));
    assert_int_equal(count_measured_times(), 3);

    // What was measured is what the list says.
    result = program_run("tune", "--list", "--json", NULL);
    cJSON *list = json_parse(result.out);
    int i = 0;
    cJSON_ArrayForEach(item, json_member(list, "entries"))
    {
        check_item(item);
        assert_string_equal(json_word(item, "fusion"), "plain");
        assert_string_equal(json_word(item, "chosen"),
                            json_word(cJSON_GetArrayItem(problems, i++), "chosen"));
    }
    cJSON_Delete(list);
    cJSON_Delete(json);
    program_free(&result);

    // Another layout and another number of threads are other entries; the same again is not.
    expect_exit(0, "tune", SMALL, "--threads=1", "--layout=nchw", PATIENT, NULL);
    assert_int_equal(count_measured_times(), 3);
    expect_exit(0, "tune", SMALL, "--threads=1", "--layout=padded", "--passes=fwd", PATIENT, NULL);
    expect_exit(0, "tune", SMALL, "--threads=2", "--layout=nchw", "--passes=fwd", PATIENT, NULL);
    assert_int_equal(count_measured_times(), 5);
}

static void plans_take_what_was_measured(void **state)
{
    (void)state;
    expect_exit(0, "tune", SMALL, "--threads=1", "--layout=nchw", PATIENT, NULL);
    program_next.variable = "LANEWISE_VERBOSE";
    program_next.value = "dispatch";
    program_result result = program_run("check", SMALL, "--passes=fwd", "--algorithms=naive", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, ", measured "));
    program_free(&result);
}

static void networks_and_lists_are_taken(void **state)
{
    (void)state;
    program_result result = program_run("tune", "--threads=1", "--layout=nchw", PATIENT, NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "conv3 mb16ic32ih7oc64oh7kh3ph1"));
    assert_true(contains(result.err, "measured 8 of 8")); // nobody wants the image's gradient
    expect_narrow(result.out, 100);
    program_free(&result);

    write_text("shapes.txt", "# two\nmb1ic3ih6oc4oh6kh3ph1\n\nmb1ic4ih5oc2oh5kh3ph1nlast\n");
    result = program_run("tune", "shapes.txt", "--passes=bwd_w", "--threads=1", PATIENT, NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "last mb1ic4ih5oc2oh5kh3ph1"));
    assert_true(contains(result.err, "measured 2 of 2"));
    program_free(&result);

    result = program_run("tune", "--list", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "mb1ic4ih5oc2oh5kh3ph1"));
    assert_true(contains(result.err, "are of this CPU and these kernels"));
    expect_narrow(result.out, 100);
    program_free(&result);
    result = program_run("tune", SMALL, "--threads=1", PATIENT, "--quiet", NULL);
    expect_code(&result, 0);
    assert_string_equal(result.err, "");
    program_free(&result);
}

static void what_does_not_fit_the_budget_is_left_to_the_model(void **state)
{
    (void)state;
    expect_exit(0, "tune", "--clear", NULL);
    program_result result = program_run("tune", "mb64ic256ih56oc256oh56kh3ph1", "--budget=1ms",
                                        "--layout=nchw", "--passes=fwd", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "not measured"));
    assert_true(contains(result.err, "longer than the budget: --budget"));
    program_free(&result);
    assert_int_equal(count_measured_times(), 0);
}

static void everything_can_be_forgotten(void **state)
{
    (void)state;
    expect_exit(0, "tune", SMALL, "--threads=1", PATIENT, NULL);
    assert_true(is_there(CACHE));
    expect_exit(0, "tune", "--clear", NULL);
    assert_false(is_there(CACHE));
    program_result result = program_run("tune", "--clear", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "nothing to forget"));
    program_free(&result);
    assert_int_equal(count_measured_times(), 0);
}

// A file that cannot be used is told about once, ignored, and replaced by the next measurement.
static void expect_replaced(const char *content, const char *reason)
{
    write_text(CACHE, content);
    program_result result = program_run("tune", "--list", NULL);
    expect_code(&result, 0);
    const char *note = strstr(result.err, "ignored, since");
    if (!note || !strstr(note, reason) || strstr(note + 1, "ignored, since"))
        fail_msg("expected one line with \"%s\", got:\n%s", reason, result.err);
    program_free(&result);
    result = program_run("tune", SMALL, "--threads=1", "--passes=fwd", PATIENT, NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, reason));
    program_free(&result);
    assert_int_equal(count_measured_times(), 1);
    result = program_run("tune", "--list", NULL);
    assert_null(strstr(result.err, "ignored, since"));
    program_free(&result);
}

static void damaged_and_foreign_caches_are_replaced(void **state)
{
    (void)state;
    expect_replaced("", "no tuning file");
    expect_replaced("rubbish\n", "no tuning file");
    expect_replaced("lanewise-tuning 7 0123456789abcdef\n", "no tuning file of this version");
    expect_replaced("lanewise-tuning 1 0123456789abcdef\nrubbish\n", "checksum");
    char *whole = read_text(CACHE), cut[4096];
    snprintf(cut, sizeof cut, "%.*s", (int)strlen(whole) - 4, whole);
    free(whole);
    expect_replaced(cut, "checksum");
    expect_replaced("lanewise-tuning 1 8c53b58cc076bec0\n"
                    "Abacus 3000\tavx2\t1\t1\t" SMALL "\tfwd\tnchw\tplain\tnaive\tnaive=3\n",
                    "nothing in it was measured on this CPU");
}

static void wrong_input_gets_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "character 16", "tune", "mb16ic16ih14oc3z2oh14kh3ph1", NULL);
    expect_failure(2, "character", "tune", "nb16ic16ih14oc32", NULL);
    expect_failure(2, "mb1ic1ih2oc1kh5", "tune", "mb1ic1ih2oc1kh5", NULL); // kernel > input
    expect_failure(2, "mb1ic0ih4oc1oh4kh3ph1", "tune", "mb1ic0ih4oc1oh4kh3ph1", NULL);
    expect_failure(2, "did you mean \"fixed\"", "tune", "fixd", NULL);
    expect_failure(2, "missing.net", "tune", "missing.net", NULL);
    expect_failure(2, "fast", "tune", SMALL, "--layout", "fast", NULL);
    expect_failure(2, "unknown pass", "tune", SMALL, "--passes", "forward", NULL);
    expect_failure(2, "--threads", "tune", SMALL, "--threads", "0", NULL);
    expect_failure(2, "--budget: expected a time", "tune", SMALL, "--budget", "soon", NULL);
    expect_failure(2, "--budget: expected a time", "tune", SMALL, "--budget", "-3s", NULL);
    expect_failure(2, "--budget: expected 1ms to 3600s", "tune", SMALL, "--budget", "9999s", NULL);
    expect_failure(2, "do not go together", "tune", "--list", "--clear", NULL);
    expect_failure(2, "--list takes no argument", "tune", SMALL, "--list", NULL);
    expect_failure(2, "--threads is of no use with --clear", "tune", "--clear", "--threads=1",
                   NULL);
    expect_failure(2, "--input: expected", "tune", "lab", "--input", "28", NULL);
    write_text("bad.txt", "mb1ic3ih6oc4oh6kh3ph1\nmb1ic3ih6oc4oh6kh3pp1\n");
    expect_failure(2, "bad.txt:2: ", "tune", "bad.txt", NULL);
    program_next.variable = "LANEWISE_MAX_ISA";
    program_next.value = "avx3";
    expect_failure(2, "LANEWISE_MAX_ISA", "tune", SMALL, NULL);
}

static void an_unusable_cache_folder_gets_a_sentence(void **state)
{
    (void)state;
    write_text("file", "not a folder");
    program_next.variable = "LANEWISE_CACHE_DIR";
    program_next.value = "file/cache";
    expect_failure(1, "file", "tune", SMALL, NULL);
    // What was measured cannot be kept when the disk is full; what was there stays.
    expect_exit(0, "tune", SMALL, "--threads=1", PATIENT, NULL);
    char *before = read_text(CACHE);
    program_next.file_limit_bytes = 400;
    expect_failure(1, CACHE, "tune", SMALL, "--threads=2", PATIENT, "--quiet", NULL);
    char *after = read_text(CACHE);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_is_measured_and_remembered),
        cmocka_unit_test(plans_take_what_was_measured),
        cmocka_unit_test(networks_and_lists_are_taken),
        cmocka_unit_test(what_does_not_fit_the_budget_is_left_to_the_model),
        cmocka_unit_test(everything_can_be_forgotten),
        cmocka_unit_test(damaged_and_foreign_caches_are_replaced),
        cmocka_unit_test(wrong_input_gets_a_sentence),
        cmocka_unit_test(an_unusable_cache_folder_gets_a_sentence),
    };
    return cmocka_run_group_tests(tests, program_enter_folder, program_leave_folder);
}
