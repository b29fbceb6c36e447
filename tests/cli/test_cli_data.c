// SPDX-License-Identifier: Apache-2.0
// `lanewise data`: what is listed, fetched, counted and drawn, and what is refused. The digits are
// the data set that is always at hand; the tests are offline.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"

#include <cjson/cJSON.h>
#include <lanewise/data.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void list_names_every_data_set(void **state)
{
    (void)state;
    program_result result = program_run("data", "list", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "MNIST handwritten digits"));
    assert_true(contains(result.out, "60,000"));
    assert_true(contains(result.out, "digits: "));
    program_free(&result);
    result = program_run("data", "list", "--quiet", NULL);
    assert_string_equal(result.out, "mnist\nfashion-mnist\ndigits\nvarres\n");
    program_free(&result);
    result = program_run("data", "list", "--json", NULL);
    cJSON *json = cJSON_Parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json), 4);
    const cJSON *digits = cJSON_GetArrayItem(json, 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(digits, "name")), "digits");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(digits, "at_hand")));
    static const char *const numbers[] = {"classes", "channels",     "height",
                                          "width",   "train_images", "test_images"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(digits, numbers[i])) >= 1);
    assert_true(cJSON_IsString(cJSON_GetObjectItem(digits, "title")));
    assert_true(cJSON_IsString(cJSON_GetObjectItem(digits, "where")));
    cJSON_Delete(json);
    program_free(&result);
}

static void fetch_says_whether_it_is_there(void **state)
{
    (void)state;
    program_result result = program_run("data", "fetch", "digits", "--quiet", NULL);
    expect_code(&result, 0);
    assert_string_equal(result.out, "");
    assert_string_equal(result.err, "");
    program_free(&result);
    result = program_run("data", "fetch", "digits", "--json", NULL);
    assert_true(contains(result.out, "\"fetched\":\tfalse"));
    program_free(&result);
    // Offline and nowhere: the work failed, the usage was right.
    expect_failure(1, "MNIST is not fetched", "data", "fetch", "mnist", NULL);
    expect_failure(2, "unknown data set 'mnst' (did you mean 'mnist'?)", "data", "fetch", "mnst",
                   NULL);
    expect_failure(2, "expected the name of one data set, got auto", "data", "fetch", "auto", NULL);
}

static void info_counts_the_classes(void **state)
{
    (void)state;
    program_result result = program_run("data", "info", "digits", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "total  16,667       3,333  4,000"));
    assert_true(contains(result.err, "data: "));
    program_free(&result);
    result = program_run("data", "info", "digits", "--json", NULL);
    cJSON *json = cJSON_Parse(result.out);
    assert_non_null(json);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "classes")), 10);
    const cJSON *train = cJSON_GetObjectItem(json, "train");
    double sum = 0;
    const cJSON *count;
    cJSON_ArrayForEach(count, cJSON_GetObjectItem(train, "per_class")) sum += count->valuedouble;
    assert_true(sum == cJSON_GetNumberValue(cJSON_GetObjectItem(train, "images")));
    assert_true(sum == 16667);
    cJSON_Delete(json);
    program_free(&result);
    expect_failure(2, "digts", "data", "info", "digts", NULL);
}

static void show_draws_a_sheet(void **state)
{
    (void)state;
#ifndef LW_HAVE_PNG
    skip();
#endif
    program_result result = program_run("data", "show", "digits", "--out", "sheet.png", "--count",
                                        "20", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = cJSON_Parse(result.out);
    assert_non_null(json);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(json, "images")), 20);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(json, "columns")), 2);
    cJSON_Delete(json);
    program_free(&result);
    uint8_t *pixels;
    int32_t height, width, channels = 0;
    assert_int_equal(lw_image_read(&pixels, &height, &width, &channels, "sheet.png"), LW_OK);
    assert_int_equal(height, 2 + 10 * (28 + 2));
    assert_int_equal(width, 2 + 2 * (28 + 2));
    assert_int_equal(channels, 1);
    assert_int_equal(pixels[0], 64);         // the gap
    assert_true(pixels[3 * width + 3] < 64); // the dark corner of a digit
    free(pixels);
    // What is there stays there.
    expect_failure(2, "sheet.png: there is such a file already", "data", "show", "digits", "--out",
                   "sheet.png", NULL);
}

static void show_draws_with_characters(void **state)
{
    (void)state;
    program_result result = program_run("data", "show", "digits", "--split", "test", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "#"));
    assert_true(contains(result.out, "  9"));
    assert_null(strchr(result.out, '\x1b'));
    program_free(&result);
}

static void show_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    expect_failure(2, "--json needs --out", "data", "show", "digits", "--json", NULL);
    expect_failure(
        2, "--split: expected train, validation or test, got \"tset\"; did you mean \"test\"?",
        "data", "show", "digits", "--split", "tset", NULL);
    expect_failure(2, "--count: expected a whole number from 1", "data", "show", "digits",
                   "--count", "0", NULL);
    expect_failure(2, "--count: a sheet of", "data", "show", "digits", "--out", "wide.png",
                   "--count", "100000", NULL);
    expect_failure(2, "no-folder/sheet.png", "data", "show", "digits", "--out",
                   "no-folder/sheet.png", NULL);
#ifdef LW_HAVE_PNG
    program_next.file_limit_bytes = 1000;
    expect_failure(1, "full.png", "data", "show", "digits", "--out", "full.png", NULL);
#endif
    assert_false(is_there("full.png"));
    assert_false(is_there("wide.png"));
}

static void folders_with_bad_files_are_named(void **state)
{
    (void)state;
    assert_int_equal(mkdir("images", 0777), 0);
    expect_failure(2, "images", "data", "info", "images", NULL);
    write_text("images/train-images-idx3-ubyte", "no IDX file");
    write_text("images/train-labels-idx1-ubyte", "no IDX file");
    write_text("images/t10k-images-idx3-ubyte", "no IDX file");
    write_text("images/t10k-labels-idx1-ubyte", "no IDX file");
    expect_failure(2, "images/train-", "data", "info", "images", NULL);
    write_text("file", "not a folder");
    expect_failure(2, "file", "data", "info", "file", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_names_every_data_set),
        cmocka_unit_test(fetch_says_whether_it_is_there),
        cmocka_unit_test(info_counts_the_classes),
        cmocka_unit_test(show_draws_a_sheet),
        cmocka_unit_test(show_draws_with_characters),
        cmocka_unit_test(show_refuses_what_it_cannot_do),
        cmocka_unit_test(folders_with_bad_files_are_named),
    };
    return cmocka_run_group_tests(tests, program_enter_folder, program_leave_folder);
}
