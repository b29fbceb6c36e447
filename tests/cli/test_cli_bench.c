// SPDX-License-Identifier: Apache-2.0
// `lanewise bench` and `lanewise check` as a user runs them: tables, JSON, the chart, other
// instruction sets, lists and networks, and every kind of wrong input. No time is looked at.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/program.h"

#include <lanewise/conv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Other instruction sets are measured by a process of their own, which an emulator of another CPU does not get to see.
#if defined(LW_TESTS_ARE_EMULATED) && !defined(__x86_64__)
static const bool starts_itself = false;
#else
static const bool starts_itself = true;
#endif

#define SMALL "mb2ic3ih6oc4oh6kh3ph1"

// ---- bench --------------------------------------------------------------------------------------

// Every measurement has what a reader of the file relies on.
static void check_measurement(const cJSON *item)
{
    static const char *const numbers[] = {"threads",    "ms",          "low_ms",
                                          "high_ms",    "repetitions", "gflops",
                                          "peak_share", "cold_ms",     "images"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(cJSON_GetNumberValue(json_member(item, numbers[i])) > 0))
            fail_msg("%s is not positive in %s", numbers[i], cJSON_Print(item));
    assert_true(strlen(json_word(item, "kernel")) > 0);
    assert_true(strlen(json_word(item, "isa")) > 0);
    lw_conv_pass pass;
    lw_conv_algorithm algorithm;
    lw_conv_layout layout;
    assert_int_equal(lw_conv_layout_parse(&layout, json_word(item, "layout")), LW_OK);
    assert_int_equal(lw_conv_pass_parse(&pass, json_word(item, "pass")), LW_OK);
    assert_int_equal(lw_conv_algorithm_parse(&algorithm, json_word(item, "algorithm")), LW_OK);
    const cJSON *equivalent = json_member(item, "dense_equivalent");
    if (algorithm == LW_CONV_ALGORITHM_WINOGRAD)
        assert_true(cJSON_IsTrue(equivalent));
    else if (algorithm != LW_CONV_ALGORITHM_ONEDNN) // which may run its own Winograd
        assert_true(cJSON_IsFalse(equivalent));
    double speedup = cJSON_GetNumberValue(json_member(item, "speedup_over_naive"));
    assert_true(algorithm == LW_CONV_ALGORITHM_NAIVE ? speedup == 1.0 : speedup > 0.0);
    // GFLOP/s and time say the same, and so do share and peak (below).
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, json_word(item, "problem"), NULL), LW_OK);
    double flops = 2.0 * (double)lw_conv_shape_macs(&shape);
    double ratio = cJSON_GetNumberValue(json_member(item, "gflops")) * 1e6 *
                   cJSON_GetNumberValue(json_member(item, "ms")) / flops;
    assert_true(ratio > 0.999 && ratio < 1.001);
}

static int count_measurements(const cJSON *json, const char *key, const char *value)
{
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, json_member(json, "measurements")) n +=
        strcmp(json_word(item, key), value) == 0;
    return n;
}

static void json_has_every_measurement(void **state)
{
    (void)state;
    program_result result = program_run("bench", SMALL, "--json", "--budget", "0.05", "--threads",
                                        "2", "--layout", "nchw", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
#ifdef LW_HAVE_ONEDNN
    assert_string_equal(json_word(json_member(json, "versions"), "onednn"), LW_ONEDNN_VERSION);
#endif
    assert_true(strlen(json_word(json_member(json, "machine"), "cpu")) > 0);
    assert_true(cJSON_GetNumberValue(json_member(json_member(json, "machine"), "threads")) >= 1);
    assert_true(strlen(json_word(json_member(json, "versions"), "lanewise")) > 0);
    assert_true(strlen(json_word(json, "compiler")) > 0);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "peak")), 1);
    const cJSON *item, *peak = cJSON_GetArrayItem(json_member(json, "peak"), 0);
    double gflops = cJSON_GetNumberValue(json_member(peak, "gflops"));
    assert_true(gflops > 0);
    assert_true(cJSON_GetNumberValue(json_member(peak, "threads")) == 2);
    cJSON_ArrayForEach(item, json_member(json, "measurements"))
    {
        check_measurement(item);
        assert_string_equal(json_word(item, "problem"), SMALL);
        assert_string_equal(json_word(item, "layout"), "nchw");
        double share = cJSON_GetNumberValue(json_member(item, "gflops")) / gflops;
        double said = cJSON_GetNumberValue(json_member(item, "peak_share"));
        assert_true(said > 0.999 * share && said < 1.001 * share);
    }
    assert_int_equal(count_measurements(json, "algorithm", "naive"), 3);
    assert_int_equal(count_measurements(json, "algorithm", "unfold"), 3);
    cJSON_ArrayForEach(item, json_member(json, "skipped"))
        assert_true(strlen(json_word(item, "reason")) > 0);
    cJSON_Delete(json);
    program_free(&result);
}

static void tables_fit_a_terminal(void **state)
{
    (void)state;
    program_result result =
        program_run("bench", SMALL, "mb1ic2ih5oc3oh5kh1nlast", "--budget", "0.02", "--isa",
                    "generic", "--layout", "nchw", "--threads=1", "--passes=bwd_w", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, SMALL));
    assert_true(contains(result.out, "last: mb1ic2ih5oc3oh5kh1ph0"));
    assert_true(contains(result.out, "GFLOP/s"));
    assert_true(contains(result.out, "of peak"));
    assert_true(contains(result.out, "bwd_w"));
    assert_true(contains(result.out, "unfold"));
    program_free(&result);
}

// Padded maps are the usual ones, and a child process gets the layout, too.
static void maps_have_a_layout(void **state)
{
    (void)state;
    static const char *const words[] = {"padded", "nhwc", "nchw"};
    for (size_t i = 0; i < 3; i++) {
        program_result result =
            program_run("bench", SMALL, "--isa", "generic", "--budget", "0.01", "--passes", "fwd",
                        "--algorithms", "naive", "--json", "--threads=1",
                        i == 0 ? "--quiet" : "--layout", i == 0 ? NULL : words[i], NULL);
        expect_code(&result, 0);
        cJSON *json = json_parse(result.out);
        assert_int_equal(count_measurements(json, "layout", words[i]), 1);
        assert_int_equal(cJSON_GetArraySize(json_member(json, "measurements")), 1);
        cJSON_Delete(json);
        program_free(&result);
    }
}

// A line for each pass, and the mean of the ratios where oneDNN is there to compare with. The name of these instructions
// makes the longest lines.
static void a_summary_is_short(void **state)
{
    (void)state;
    program_result result = program_run("bench", SMALL "nsmall", "mb1ic16ih5oc16oh5kh3ph1",
                                        "--budget", "0.02", "--summary", "--least", "--naive",
                                        "never", "--threads=1", "--isa", "generic", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, "small"));
    assert_true(contains(result.out, "ratio"));
    assert_true(contains(result.out, "bwd_w"));
    assert_null(strstr(result.out, "spread"));
#ifdef LW_HAVE_ONEDNN
    assert_true(contains(result.out, "geometric mean of 6"));
    assert_true(contains(result.out, "geometric mean of 3"));
#endif
    program_free(&result);
}

// Two instruction sets, if the machine has them, are two child processes and one result.
static void other_instruction_sets_take_part(void **state)
{
    (void)state;
    bool both = false;
#ifdef LW_HAVE_AVX2
    program_result version = program_run("version", "--json", NULL);
    cJSON *machine = json_parse(version.out);
    both = strcmp(json_word(machine, "isa"), "generic") != 0;
    cJSON_Delete(machine);
    program_free(&version);
#endif
    program_result result =
        program_run("bench", SMALL, "--isa", both ? "generic,avx2" : "generic", "--passes", "fwd",
                    "--algorithms", "naive,unfold", "--budget", "0.02", "--layout", "nchw",
                    "--threads=1", "--json=found", "--svg", "chart.svg", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.err, "wrote chart.svg"));
    char *text = read_text("found");
    cJSON *json = json_parse(text);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "measurements")), both ? 4 : 2);
    assert_int_equal(count_measurements(json, "isa", "generic"), 2);
    assert_int_equal(count_measurements(json, "pass", "fwd"), both ? 4 : 2);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "peak")), both ? 2 : 1);
    char *chart = read_text("chart.svg");
    assert_true(contains(chart, "</svg>"));
    assert_true(contains(chart, "GFLOP/s"));
    assert_true(contains(chart, "FMA peak, generic"));
    assert_true(contains(chart, both ? "unfold, avx2" : "unfold"));
    free(chart);
    free(text);
    cJSON_Delete(json);
    program_free(&result);
}

// "--json compare.json" names a file; "--json" in front of a problem does not.
static void json_takes_a_file_or_nothing(void **state)
{
    (void)state;
    expect_exit(0, "bench", SMALL, "--json", "compare.json", "--budget", "0.01", "--passes", "fwd",
                "--threads=1", NULL);
    assert_true(is_there("compare.json"));
    // Once more: it is replaced.
    expect_exit(0, "bench", SMALL, "--json", "compare.json", "--budget", "0.01", "--passes",
                "bwd_d", "--threads=1", NULL);
    char *text = read_text("compare.json");
    cJSON *json = json_parse(text);
    assert_int_equal(count_measurements(json, "pass", "fwd"), 0);
    cJSON_Delete(json);
    free(text);
    program_result result = program_run("bench", "--budget", "0.01", "--passes", "fwd",
                                        "--threads=1", "--json", SMALL, NULL);
    expect_code(&result, 0);
    cJSON_Delete(json_parse(result.out));
    program_free(&result);
    expect_failure(2, "expected a text that is not empty", "bench", SMALL, "--json=", NULL);
}

static void networks_and_lists_are_taken(void **state)
{
    (void)state;
    program_result result = program_run("bench", "--net", "varres", "--input", "1x12x9", "--batch",
                                        "2", "--json", "--budget", "0.01", "--algorithms", "unfold",
                                        "--passes", "fwd", "--layout", "nchw", "--threads=1", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const cJSON *list = json_member(json, "measurements");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    assert_string_equal(json_word(cJSON_GetArrayItem(list, 0), "name"), "conv1");
    assert_string_equal(json_word(cJSON_GetArrayItem(list, 1), "problem"),
                        "mb2ic16ih6iw4oc32oh6ow4kh3kw3ph1pw1");
    assert_true(cJSON_IsNull(json_member(cJSON_GetArrayItem(list, 0), "speedup_over_naive")));
    cJSON_Delete(json);
    program_free(&result);

    write_text("shapes.txt", "# a comment\n\n  " SMALL "  \r\nmb1ic1ih4oc2oh4kh3ph1n\"my layer\"\n"
                             "mb1ic2ih4oc2oh4kh1_nother");
    result = program_run("bench", "--file", "shapes.txt", "--json", "--budget", "0.01", "--passes",
                         "fwd", "--algorithms", "unfold", "--layout", "nchw", "--threads=1", NULL);
    expect_code(&result, 0);
    json = json_parse(result.out);
    list = json_member(json, "measurements");
    assert_int_equal(cJSON_GetArraySize(list), 3);
    assert_string_equal(json_word(cJSON_GetArrayItem(list, 1), "name"), "my layer");
    assert_string_equal(json_word(cJSON_GetArrayItem(list, 2), "name"), "other");
    cJSON_Delete(json);
    program_free(&result);
}

static void wrong_input_gets_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "expected a problem", "bench", NULL);
    expect_failure(2, "character 4", "bench", "mb2xc3ih6oc4oh6kh3ph1", NULL);
    expect_failure(2, "oh 7 does not follow", "bench", "mb2ic3ih6oc4oh7kh3ph1", NULL);
    expect_failure(2, "ic: expected at least 1", "bench", "mb2ic0ih6oc4oh6kh3ph1", NULL);
    expect_failure(2, "GiB", "bench", "mb65536ic1024ih256oc1oh256kh1ph0", "--budget", "0.01", NULL);
    expect_failure(2, "did you mean unfold", "bench", SMALL, "--algorithms", "unfld", NULL);
    expect_failure(2, "auto stands for", "bench", SMALL, "--algorithms", "auto", NULL);
    expect_failure(2, "unknown pass 'bwd'", "bench", SMALL, "--passes", "fwd,bwd", NULL);
    expect_failure(2, "did you mean avx512", "bench", SMALL, "--isa", "avx51", NULL);
    expect_failure(2, "twice", "bench", SMALL, "--isa", "generic,generic", NULL);
#if defined(__x86_64__)
    expect_failure(2, "cannot run neon kernels", "bench", SMALL, "--isa", "generic,neon", NULL);
#else
    expect_failure(2, "cannot run avx512 kernels", "bench", SMALL, "--isa", "avx512", NULL);
#endif
    expect_failure(2, "--threads", "bench", SMALL, "--threads", "0", NULL);
    expect_failure(2, "--layout", "bench", SMALL, "--layout", "nchv", NULL);
    expect_failure(2, "--naive", "bench", SMALL, "--naive", "sometimes", NULL);
    expect_failure(2, "--budget", "bench", SMALL, "--budget", "0", NULL);
    expect_failure(2, "--net only", "bench", SMALL, "--input", "1x8x8", NULL);
    expect_failure(2, "--net only", "bench", SMALL, "--batch", "4", NULL);
    expect_failure(2, "as in 1x28x28", "bench", "--net", "fixed", "--input", "28x28", NULL);
    expect_failure(2, "neither a file nor", "bench", "--net", "fixd", NULL);
    expect_failure(2, "no folder nowhere", "bench", SMALL, "--svg", "nowhere/a.svg", NULL);
    expect_failure(2, "is a folder", "bench", SMALL, "--json=.", NULL);
}

static void wrong_lists_get_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "missing.txt", "bench", "--file", "missing.txt", NULL);
    expect_failure(2, "got a folder", "bench", "--file", "/", NULL);
    write_text("empty.txt", "# nothing\n\n");
    expect_failure(2, "no problem in it", "bench", "--file", "empty.txt", NULL);
    write_text("wrong.txt", SMALL "\n\nmb2ic3ih6oc4oh6kh3px1\n");
    expect_failure(2, "wrong.txt:3: ", "bench", "--file", "wrong.txt", NULL);
    write_text("options.txt", "--batch=shapes\n");
    expect_failure(2, "options of benchdnn", "bench", "--file", "options.txt", NULL);
    FILE *file = fopen("zeros.txt", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite("mb1\0ic1", 1, 7, file), 7);
    fclose(file);
    expect_failure(2, "zero bytes", "bench", "--file", "zeros.txt", NULL);
}

// ---- check --------------------------------------------------------------------------------------

static void a_check_finds_everything_right(void **state)
{
    (void)state;
    program_result result = program_run("check", SMALL, "mb1ic17ih5oc9oh5kh3ph1", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, "unfold"));
    assert_true(contains(result.out, "right"));
    assert_null(strstr(result.out, "WRONG"));
    program_free(&result);
    expect_exit(0, "check", SMALL, "--layout", "padded,nhwc", NULL);
    expect_exit(0, "check", "--random", "3", "--passes", "fwd", "--algorithms", "unfold", "--quiet",
                NULL);
}

static void all_instruction_sets_are_checked(void **state)
{
    (void)state;
    if (!starts_itself) skip();
    program_result result = program_run("check", SMALL, "--all", "--json", "--seed", "9", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_true(cJSON_GetNumberValue(json_member(json, "seed")) == 9);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "failures")), 0);
    const cJSON *item;
    int generic = 0, unfold = 0;
    cJSON_ArrayForEach(item, json_member(json, "results"))
    {
        generic += strcmp(json_word(item, "isa"), "generic") == 0;
        assert_true(cJSON_GetNumberValue(json_member(item, "failed")) == 0);
        if (strcmp(json_word(item, "algorithm"), "unfold") != 0) continue;
        unfold++;
        // Once for each layout that it takes.
        double checked = cJSON_GetNumberValue(json_member(item, "checked"));
        double refused = cJSON_GetNumberValue(json_member(item, "refused"));
        assert_true(checked >= 1 && checked + refused == 3);
        assert_true(cJSON_GetNumberValue(json_member(item, "error_share")) <= 1);
    }
    assert_true(generic >= 3 && unfold >= 3);
    cJSON_Delete(json);
    program_free(&result);
}

static void a_wrong_check_gets_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "character", "check", "mb2ic3ihoc4", NULL);
    expect_failure(2, "do not go together", "check", "--all", "--isa", "generic", NULL);
    expect_failure(2, "without a PROBLEM only", "check", SMALL, "--random", "4", NULL);
    expect_failure(2, "--seed", "check", SMALL, "--seed", "x", NULL);
    expect_failure(2, "did you mean unfold", "check", SMALL, "--algorithms", "unfol", NULL);
    expect_failure(2, "did you mean padded", "check", SMALL, "--layout", "nchw,padde", NULL);
    expect_failure(2, "unknown instruction set", "check", SMALL, "--isa", "mmx", NULL);
}

static int make(void **state)
{
    if (!starts_itself) setenv("LANEWISE_MAX_ISA", "generic", 1);
    return program_enter_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_every_measurement),
        cmocka_unit_test(tables_fit_a_terminal),
        cmocka_unit_test(maps_have_a_layout),
        cmocka_unit_test(a_summary_is_short),
        cmocka_unit_test(other_instruction_sets_take_part),
        cmocka_unit_test(json_takes_a_file_or_nothing),
        cmocka_unit_test(networks_and_lists_are_taken),
        cmocka_unit_test(wrong_input_gets_a_sentence),
        cmocka_unit_test(wrong_lists_get_a_sentence),
        cmocka_unit_test(a_check_finds_everything_right),
        cmocka_unit_test(all_instruction_sets_are_checked),
        cmocka_unit_test(a_wrong_check_gets_a_sentence),
    };
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
