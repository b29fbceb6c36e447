// SPDX-License-Identifier: Apache-2.0
// Help, wrong usage, and the commands that need no data: version, shape, info.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"

#include <cjson/cJSON.h>
#include <lanewise/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ---- help -------------------------------------------------------------------------------------

// Runs the program, which must print this on stdout and nothing on stderr.
static void expect_help(const program_result *result, const char *usage)
{
    expect_code(result, 0);
    assert_string_equal(result->err, "");
    assert_true(contains(result->out, usage));
}

static void the_program_explains_itself(void **state)
{
    (void)state;
    program_result result = program_run("--help", NULL);
    expect_help(&result, "Usage: lanewise COMMAND");
    assert_true(contains(result.out, "Examples:"));
    program_result other = program_run("help", NULL);
    assert_string_equal(other.out, result.out);
    program_free(&other);
    other = program_run("-h", NULL);
    assert_string_equal(other.out, result.out);
    program_free(&other);
    // Without a command the same text is a complaint.
    other = program_run(NULL, NULL);
    expect_code(&other, 2);
    assert_string_equal(other.out, "");
    assert_string_equal(other.err, result.out);
    program_free(&other);
    program_free(&result);
}

// One command: help in all its forms, with examples, in 80 columns; `second` may be NULL.
static void expect_own_help(const char *first, const char *second)
{
    program_result result =
        second ? program_run(first, second, "--help", NULL) : program_run(first, "--help", NULL);
    expect_help(&result, "Usage: lanewise ");
    assert_true(contains(result.out, first));
    assert_true(contains(result.out, "Options:"));
    assert_true(contains(result.out, "--json"));
    assert_true(contains(result.out, "--quiet"));
    assert_true(contains(result.out, "Examples:\n  lanewise "));
    for (const char *line = result.out; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 80);
    program_result other = program_run("help", first, second, NULL);
    assert_string_equal(other.out, result.out);
    program_free(&other);
    program_free(&result);
}

// Every one that the program's own help lists: "  track ab         compare two builds ...".
static void every_command_explains_itself(void **state)
{
    (void)state;
    program_result all = program_run("--help", NULL);
    const char *line = strstr(all.out, "Commands:\n");
    int n = 0;
    assert_non_null(line);
    for (line = strchr(line, '\n') + 1; *line == ' '; line = strchr(line, '\n') + 1) {
        const char *end = strstr(line + 2, "  ");
        assert_true(end && end < strchr(line, '\n'));
        char name[32];
        assert_in_range(end - line - 2, 1, sizeof name - 1);
        snprintf(name, sizeof name, "%.*s", (int)(end - line - 2), line + 2);
        char *second = strchr(name, ' ');
        if (second) *second++ = '\0';
        expect_own_help(name, second);
        n++;
    }
    assert_true(n >= 30);
    program_free(&all);
}

static void a_group_explains_itself(void **state)
{
    (void)state;
    program_result result = program_run("data", "--help", NULL);
    expect_help(&result, "Usage: lanewise data COMMAND");
    assert_true(contains(result.out, "data fetch"));
    program_free(&result);
    expect_exit(0, "help", "data", NULL);
    expect_failure(2, "data: which command?", "data", NULL);
}

static void help_wins_over_other_options(void **state)
{
    (void)state;
    expect_exit(0, "train", "--epochs", "2", "--help", "--nonsense", NULL);
    expect_failure(2, "unknown command \"trian\"; did you mean \"train\"?", "help", "trian", NULL);
}

// ---- wrong usage ------------------------------------------------------------------------------

static void a_typo_gets_the_nearest_word(void **state)
{
    (void)state;
    expect_failure(2, "unknown command \"trian\"; did you mean \"train\"?", "trian", NULL);
    expect_failure(2, "unknown command \"data lst\"; did you mean \"data list\"?", "data", "lst",
                   NULL);
    expect_failure(2, "unknown command \"xyzzy\"; \"lanewise --help\" lists the commands", "xyzzy",
                   NULL);
    expect_failure(2, "unknown option \"--epoch\"; did you mean \"--epochs\"?", "train", "--epoch",
                   "2", NULL);
    expect_failure(2, "unknown option \"--epoch\"; did you mean \"--epochs\"?", "train",
                   "--epoch=2", NULL);
    expect_failure(2, "unknown option \"-e\"", "train", "-e", "2", NULL);
    expect_failure(2, "unknown option \"--verbose\"; \"lanewise train --help\" lists the options",
                   "train", "--verbose", NULL);
    expect_failure(2,
                   "--optimizer: expected sgd, adam or adamw, got \"adm\"; did you mean \"adam\"?",
                   "train", "--optimizer", "adm", NULL);
    expect_failure(2, "neither a file nor one of the shipped networks (allconv, fixed, lab", "info",
                   "labb", NULL);
    expect_failure(2, "did you mean \"lab\"?", "info", "labb", NULL);
}

static void wrong_values_get_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "--epochs needs a value: expected a whole number from 1 to 100,000", "train",
                   "--epochs", NULL);
    expect_failure(2, "--out needs a value", "train", "--out", "--json", NULL);
    expect_failure(2, "--epochs: expected a whole number from 1 to 100,000, got \"0\"", "train",
                   "--epochs", "0", NULL);
    expect_failure(2, "got \"-3\"", "train", "--epochs", "-3", NULL);
    expect_failure(2, "got \"three\"", "train", "--epochs=three", NULL);
    expect_failure(2, "got \"2.5\"", "train", "--batch", "2.5", NULL);
    expect_failure(2, "got \"99999999999999999999\"", "train", "--batch", "99999999999999999999",
                   NULL);
    expect_failure(2, "--lr: expected a number above 0 and at most 1,000, got \"0\"", "train",
                   "--lr", "0", NULL);
    expect_failure(2, "got \"nan\"", "train", "--lr", "nan", NULL);
    expect_failure(2, "--momentum: expected a number from 0 to less than 1, got \"1\"", "train",
                   "--momentum", "1", NULL);
    expect_failure(2, "--threads: expected a whole number from 1 to 1,024, got \"0\"", "train",
                   "--threads", "0", NULL);
    expect_failure(2, "--data: expected a text that is not empty, got \"\"", "train",
                   "--data=", NULL);
    expect_failure(2, "--json takes no value, got \"yes\"", "train", "--json=yes", NULL);
    expect_failure(2, "--epochs is given twice", "train", "--epochs", "1", "--epochs", "2", NULL);
    expect_failure(2, "--momentum only has a meaning with --optimizer sgd", "train", "--momentum",
                   "0.9", NULL);
    expect_failure(2, "--gamma only has a meaning with --schedule step", "train", "--gamma", "0.5",
                   NULL);
    expect_failure(2, "--nesterov needs a --momentum above 0", "train", "--optimizer", "sgd",
                   "--momentum", "0", "--nesterov", NULL);
}

static void wrong_operands_get_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "eval: expected RUN, got 0 arguments", "eval", NULL);
    expect_failure(2, "predict: expected RUN IMAGE..., got 1 argument;", "predict", "run", NULL);
    expect_failure(2, "train: unexpected argument \"b.net\"", "train", "a.net", "b.net", NULL);
    expect_failure(2, "version: unexpected argument \"--json\"", "version", "--", "--json", NULL);
    expect_failure(2, "info: an argument is empty", "info", "", NULL);
}

static void an_output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    if (!is_there("/dev/full")) skip();
    program_next.stdout_path = "/dev/full";
    expect_failure(1, "standard output: cannot write: No space left on device", "version", NULL);
    program_next.stdout_path = "/dev/full";
    expect_failure(1, "standard output", "info", "fixed", "--json", NULL);
}

// ---- version, shape ---------------------------------------------------------------------------

static void version_knows_the_machine(void **state)
{
    (void)state;
    program_result result = program_run("--version", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, lw_version()));
    program_free(&result);
    result = program_run("version", "--quiet", NULL);
    assert_int_equal(strncmp(result.out, lw_version(), strlen(lw_version())), 0);
    program_free(&result);
    result = program_run("version", "--json", NULL);
    cJSON *json = cJSON_Parse(result.out);
    assert_non_null(json);
    static const char *const texts[] = {"version", "build", "isa", "cpu"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_true(cJSON_IsString(cJSON_GetObjectItem(json, texts[i])));
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(json, "threads")) >= 1);
    cJSON_Delete(json);
    program_free(&result);
    program_next.variable = "LANEWISE_MAX_ISA";
    program_next.value = "generic";
    result = program_run("version", NULL);
    assert_true(contains(result.out, "isa      generic\n"));
    program_free(&result);
}

static void shape_follows_the_formula(void **state)
{
    (void)state;
    program_result result =
        program_run("shape", "1024x768", "--kernel", "5", "--pad", "1", "--stride", "2", NULL);
    expect_code(&result, 0);
    assert_string_equal(
        result.out, "511x383\n"
                    "  out = floor((in + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1\n"
                    "  511 = floor((1024 + 2*1 - 1*(5 - 1) - 1) / 2) + 1 = floor(1021 / 2) + 1\n"
                    "  383 = floor((768 + 2*1 - 1*(5 - 1) - 1) / 2) + 1 = floor(765 / 2) + 1\n");
    program_free(&result);
    result =
        program_run("shape", "1920x1080", "--kernel=5", "--pad=1", "--stride=2", "--quiet", NULL);
    assert_string_equal(result.out, "959x539\n");
    program_free(&result);
    result = program_run("shape", "20x30", "--kernel", "5x3", "--dilation", "2x1", "--json", NULL);
    cJSON *json = cJSON_Parse(result.out);
    assert_non_null(json);
    const cJSON *output = cJSON_GetObjectItem(json, "output");
    assert_int_equal(cJSON_GetArrayItem(output, 0)->valueint, 12); // 20 - 2*(5-1)
    assert_int_equal(cJSON_GetArrayItem(output, 1)->valueint, 28);
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("shape", "28", "--quiet", NULL);
    assert_string_equal(result.out, "26x26\n");
    program_free(&result);
}

static void shape_refuses_what_has_no_output(void **state)
{
    (void)state;
    expect_failure(2, "side 3", "shape", "3x9", "--kernel", "5", NULL);
    expect_failure(2, "got \"0x5\"", "shape", "0x5", NULL);
    expect_failure(2, "got \"-4x5\"", "shape", "--", "-4x5", NULL);
    expect_failure(2, "got \"5x\"", "shape", "5x", NULL);
    expect_failure(2, "got \"5x5x5\"", "shape", "5x5x5", NULL);
    expect_failure(2, "got \"99999999999x5\"", "shape", "99999999999x5", NULL);
    expect_failure(2, "--stride: expected a whole number or two as in 5x3", "shape", "9",
                   "--stride", "0", NULL);
    expect_failure(2, "--pad", "shape", "9", "--pad", "-1", NULL);
    // Beyond 32 bits, but only in the sum.
    expect_failure(2, "side", "shape", "2147483647", "--pad", "2147483647", NULL);
}

// ---- info -------------------------------------------------------------------------------------

static int parameters_of(const char *network)
{
    program_result result = program_run("info", network, "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = cJSON_Parse(result.out);
    assert_non_null(json);
    int parameters = cJSON_GetObjectItem(json, "parameters")->valueint;
    assert_true(cJSON_GetObjectItem(json, "macs")->valuedouble > 0);
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(json, "layers")) > 5);
    cJSON_Delete(json);
    program_free(&result);
    return parameters;
}

static void info_counts_parameters(void **state)
{
    (void)state;
    assert_int_equal(parameters_of("fixed"), 29066);
    assert_int_equal(parameters_of("varres"), 29029);
    assert_int_equal(parameters_of("lab"), 149798);
    assert_int_equal(parameters_of("lab_small"), 9594);
    assert_int_equal(parameters_of(LW_SOURCE_DIR "/networks/lab.net"), 149798);
    program_result result = program_run("info", "fixed", NULL);
    assert_true(contains(result.out, "29,066"));
    assert_true(contains(result.out, "conv 3x3 16 pad 1"));
    assert_false(contains(result.out, "of the image only")); // it sees all of it
    program_free(&result);
}

static void info_says_what_is_not_seen(void **state)
{
    (void)state;
    program_result result = program_run("info", "lab", NULL);
    assert_true(contains(result.out, "of the image only the upper left 22x22 pixels are read"));
    program_free(&result);
    result = program_run("info", "lab", "--json", NULL);
    cJSON *json = cJSON_Parse(result.out);
    assert_non_null(json);
    const cJSON *read = cJSON_GetObjectItem(json, "read");
    assert_int_equal(cJSON_GetObjectItem(read, "height")->valueint, 22);
    assert_int_equal(cJSON_GetObjectItem(read, "width")->valueint, 22);
    cJSON_Delete(json);
    program_free(&result);
}

static void info_takes_any_size(void **state)
{
    (void)state;
    program_result result = program_run("info", "varres", "--input", "1x48x50", NULL);
    assert_true(contains(result.out, "input 1x48x50"));
    assert_string_equal(result.err, "");
    program_free(&result);
    result = program_run("info", "varres", NULL);
    assert_true(contains(result.out, "input 1x8x8"));
    assert_true(contains(result.err, "this is for the smallest, 1x8x8"));
    program_free(&result);
    expect_failure(2, "--input: expected channels, height and width as in 1x48x48, got \"48x48\"",
                   "info", "varres", "--input", "48x48", NULL);
    expect_failure(2, "got \"1x0x8\"", "info", "varres", "--input", "1x0x8", NULL);
    expect_failure(2, "", "info", "varres", "--input", "1x4x4", NULL);
    expect_failure(2, "", "info", "varres", "--input", "3x48x48", NULL);
    expect_failure(2, "", "info", "varres", "--input", "1x16777216x16777216", NULL);
}

static void bad_network_files_are_named(void **state)
{
    (void)state;
    expect_failure(2, "nothing.net: ", "info", "nothing.net", NULL);
    assert_int_equal(mkdir("folder", 0777), 0);
    expect_failure(2, "folder: expected a file, got a folder", "info", "folder", NULL);
    write_text("bad.net", "input 1x28x28\nconvolution 3x3 16\n");
    expect_failure(2, "bad.net:2:1: ", "info", "bad.net", NULL);
    write_text("empty.net", "");
    expect_failure(2, "empty.net", "info", "empty.net", NULL);
    // A word that is a folder here still finds the shipped network.
    assert_int_equal(mkdir("lab", 0777), 0);
    expect_exit(0, "info", "lab", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_explains_itself),
        cmocka_unit_test(every_command_explains_itself),
        cmocka_unit_test(a_group_explains_itself),
        cmocka_unit_test(help_wins_over_other_options),
        cmocka_unit_test(a_typo_gets_the_nearest_word),
        cmocka_unit_test(wrong_values_get_a_sentence),
        cmocka_unit_test(wrong_operands_get_a_sentence),
        cmocka_unit_test(an_output_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(version_knows_the_machine),
        cmocka_unit_test(shape_follows_the_formula),
        cmocka_unit_test(shape_refuses_what_has_no_output),
        cmocka_unit_test(info_counts_parameters),
        cmocka_unit_test(info_says_what_is_not_seen),
        cmocka_unit_test(info_takes_any_size),
        cmocka_unit_test(bad_network_files_are_named),
    };
    return cmocka_run_group_tests(tests, program_enter_folder, program_leave_folder);
}
