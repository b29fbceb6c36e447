// SPDX-License-Identifier: Apache-2.0
// What is done with a run: `lanewise eval` and `lanewise predict`, and runs that are not what they
// should be.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void eval_finds_the_same_figures(void **state)
{
    (void)state;
    static const char *const splits[] = {"train", "validation", "test"};
    static const char *const keys[] = {"train_accuracy", "validation_accuracy", "test_accuracy"};
    for (size_t i = 0; i < 3; i++) {
        program_result result = program_run("eval", "runs/lab_small-1", "--split", splits[i],
                                            "--json", "--threads", "1", NULL);
        expect_code(&result, 0);
        cJSON *json = json_parse(result.out);
        assert_true(json_number(json, "accuracy") == json_number(small_run_result, keys[i]));
        assert_string_equal(json_word(json, "split"), splits[i]);
        assert_true(json_number(json, "parameters") == 9594);
        assert_true(json_number(json, "correct") <= json_number(json, "images"));
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "confusion")), 10);
        cJSON_Delete(json);
        program_free(&result);
    }
    program_result result =
        program_run("eval", "runs/lab_small-1/model.safetensors", "--data", "small", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "most often mixed up"));
    program_free(&result);
    result = program_run("eval", "runs/lab_small-1", "--quiet", NULL);
    assert_string_equal(result.err, "");
    assert_true(contains(result.out, " %\n"));
    assert_in_range(strlen(result.out), 7, 9);
    program_free(&result);
}

static void predict_names_class_and_probability(void **state)
{
    (void)state;
    small_run_needs_pictures();
    program_result result =
        program_run("predict", "runs/lab_small-1", "first.png", "colour.png", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "first.png"));
    program_free(&result);
    result = program_run("predict", "runs/lab_small-1", "first.png", "colour.png", "inverted.png",
                         "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json), 3);
    const cJSON *first = cJSON_GetArrayItem(json, 0), *colour = cJSON_GetArrayItem(json, 1);
    assert_string_equal(json_word(first, "image"), "first.png");
    const cJSON *top = cJSON_GetObjectItem(first, "top");
    assert_int_equal(cJSON_GetArraySize(top), 3);
    double sum = 0, last = 1;
    for (int i = 0; i < 3; i++) {
        double probability = json_number(cJSON_GetArrayItem(top, i), "probability");
        assert_true(probability >= 0 && probability <= last);
        sum += probability;
        last = probability;
    }
    assert_true(sum <= 1.00001);
    assert_string_equal(json_word(first, "class"), json_word(cJSON_GetArrayItem(top, 0), "class"));
    // Grey and the same grey in colour are the same image, and --invert undoes an inversion.
    assert_true(json_number(first, "probability") == json_number(colour, "probability"));
    double upright = json_number(first, "probability");
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("predict", "runs/lab_small-1", "inverted.png", "--invert", "--json", NULL);
    json = json_parse(result.out);
    assert_true(json_number(cJSON_GetArrayItem(json, 0), "probability") == upright);
    cJSON_Delete(json);
    program_free(&result);
}

static void predict_goes_on_after_a_bad_image(void **state)
{
    (void)state;
    small_run_needs_pictures();
    expect_failure(2, "wide.png: expected an image of 28x28 pixels (width x height), got 29x28",
                   "predict", "runs/lab_small-1", "wide.png", NULL);
    expect_failure(2, "none.png", "predict", "runs/lab_small-1", "none.png", NULL);
    write_text("text.png", "this is no image");
    program_result result =
        program_run("predict", "runs/lab_small-1", "text.png", "first.png", "runs", NULL);
    expect_code(&result, 2);
    assert_true(contains(result.out, "first.png"));
    assert_true(contains(result.err, "lanewise: text.png: "));
    assert_true(contains(result.err, "lanewise: runs: "));
    assert_true(contains(result.err, "lanewise: 2 of 3 images could not be used\n"));
    program_free(&result);
    result = program_run("predict", "runs/lab_small-1", "text.png", "first.png", "--json", NULL);
    expect_code(&result, 2);
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json), 2);
    assert_true(contains(json_word(cJSON_GetArrayItem(json, 0), "error"), "text.png"));
    assert_string_equal(json_word(cJSON_GetArrayItem(json, 1), "image"), "first.png");
    cJSON_Delete(json);
    program_free(&result);
}

static void bad_runs_are_named(void **state)
{
    (void)state;
    expect_failure(2, "runs/none", "eval", "runs/none", NULL);
    assert_int_equal(mkdir("hollow", 0777), 0);
    expect_failure(2, "hollow", "eval", "hollow", NULL);
    write_text("file", "no model");
    expect_failure(2, "file", "eval", "file", NULL);
    // A model that is cut off, whatever the run says of its data.
    char *model = read_text("runs/lab_small-1/model.safetensors");
    assert_int_equal(mkdir("cut", 0777), 0);
    FILE *file = fopen("cut/model.safetensors", "w");
    assert_non_null(file);
    assert_int_equal(fwrite(model, 1, 1000, file), 1000);
    assert_int_equal(fclose(file), 0);
    free(model);
    expect_failure(2, "cut/model.safetensors", "eval", "cut", NULL);
    expect_failure(2, "cut/model.safetensors", "predict", "cut", "first.png", NULL);
}

static void a_damaged_configuration_is_survived(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "{", "[]", "{\"data\": 7}",
        "{\"data\": {\"open\": \"small\", \"train_limit\": 1e300, \"validation\": \"x\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text("runs/lab_small-1/config.json", texts[i]);
        expect_exit(0, "eval", "runs/lab_small-1", "--data", "small", NULL);
    }
    expect_exit(0, "eval", "runs/lab_small-1", NULL);
    // Not known is not the same as any data.
    write_text("runs/lab_small-1/config.json", "{");
    expect_failure(2, "it is not known which data it belongs to", "eval", "runs/lab_small-1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_finds_the_same_figures),
        cmocka_unit_test(predict_names_class_and_probability),
        cmocka_unit_test(predict_goes_on_after_a_bad_image),
        cmocka_unit_test(bad_runs_are_named),
        cmocka_unit_test(a_damaged_configuration_is_survived),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
