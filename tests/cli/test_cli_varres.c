// SPDX-License-Identifier: Apache-2.0
// Variable resolution as a user meets it: `data varres`, `data export`, `match`, training on images of mixed
// sizes, and accuracy at each size.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/answer.h"
#include "cli/program.h"

#include <lanewise/data.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- match --------------------------------------------------------------------------------------

static void match_finds_the_published_count(void **state)
{
    (void)state;
    program_result result =
        program_run("match", "varres", "--layer", "conv3", "--to", "fixed", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "varres with 81 channels in conv3: 29,029 parameters, against "
                                     "29,066 of fixed"));
    assert_true(contains(result.out, "80      28,730        -336"));
    assert_true(contains(result.out, "82      29,328        +262"));
    expect_narrow(result.out, 100);
    program_free(&result);
    result = program_run("match", "varres", "--layer", "conv3", "--to", "fixed", "--quiet", NULL);
    assert_string_equal(result.out, "81\n");
    program_free(&result);
    result = program_run("match", "varres", "--layer", "conv3", "--to", "fixed", "--json", NULL);
    cJSON *json = json_parse(result.out);
    assert_true(json_number(json, "channels") == 81);
    assert_true(json_number(json, "parameters") == 29029);
    assert_true(json_number(json, "target") == 29066);
    const cJSON *rows = json_member(json, "candidates");
    assert_int_equal(cJSON_GetArraySize(rows), 3);
    assert_true(json_number(cJSON_GetArrayItem(rows, 2), "difference") == 262);
    cJSON_Delete(json);
    program_free(&result);
}

static void match_refuses(void **state)
{
    (void)state;
    expect_failure(2, "expected --layer", "match", "varres", "--to", "fixed", NULL);
    expect_failure(2, "expected --to", "match", "varres", "--layer", "conv3", NULL);
    expect_failure(2, "did you mean 'conv3'?", "match", "varres", "--layer", "cnov3", "--to",
                   "fixed", NULL);
    expect_failure(2, "a relu, which has no channels", "match", "varres", "--layer", "relu1",
                   "--to", "fixed", NULL);
    expect_failure(2, "its outputs are the 10 classes", "match", "varres", "--layer", "linear1",
                   "--to", "fixed", NULL);
    expect_failure(2, "neither a file nor one of the shipped", "match", "varres", "--layer",
                   "conv3", "--to", "nothing", NULL);
    write_text("tiny.net", "input 1x8x8\nlinear 10\nsoftmax_cross_entropy\n");
    expect_failure(2, "even with a single channel", "match", "varres", "--layer", "conv3", "--to",
                   "tiny.net", NULL);
    write_text("one.net", "input 1x1x1\nlinear 1 name a\nlinear 10\nsoftmax_cross_entropy\n");
    write_text("large.net", "input 1x99x99\nlinear 100\nlinear 10\nsoftmax_cross_entropy\n");
    expect_failure(2, "at most 65536 are supported", "match", "one.net", "--layer", "a", "--to",
                   "large.net", NULL);
}

// ---- generators ---------------------------------------------------------------------------------

#ifdef LW_HAVE_PNG

static void varres_writes_a_folder(void **state)
{
    (void)state;
    program_result result = program_run("data", "varres", "--from", "digits", "--out", "set",
                                        "--count", "60", "--val", "0.25", "--sizes", "20..40",
                                        "--rotate", "10", "--clutter", "2", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_string_equal(json_word(json, "folder"), "set");
    assert_true(json_number(json, "train_images") == 45);
    assert_true(json_number(json, "validation_images") == 15);
    assert_true(json_number(json, "test_images") == 10);
    cJSON_Delete(json);
    program_free(&result);
    json = json_parse_file("set/manifest.json");
    assert_string_equal(json_word(json, "from"), "digits");
    assert_string_equal(json_word(json, "sizes"), "20..40");
    assert_true(json_number(json, "seed") == 1);
    assert_true(json_number(json, "clutter") == 2);
    cJSON_Delete(json);
    assert_int_equal(count_entries("set"), 4);
    assert_int_equal(count_entries("set/train"), 10);
    int images = 0;
    for (int digit = 0; digit < 10; digit++) {
        char path[64];
        snprintf(path, sizeof path, "set/train/%d", digit);
        images += count_entries(path);
    }
    assert_int_equal(images, 45);
    // Again: the same bytes; with another seed: others.
    expect_exit(0, "data", "varres", "--from", "digits", "--out", "again", "--count", "60", "--val",
                "0.25", "--sizes", "20..40", "--rotate", "10", "--clutter", "2", "--quiet",
                "--threads", "1", NULL);
    assert_int_equal(system("diff -r set again"), 0);
    expect_exit(0, "data", "varres", "--from", "digits", "--out", "other", "--count", "60",
                "--seed", "2", "--quiet", NULL);
    assert_int_not_equal(system("diff -rq set other >/dev/null"), 0);
}

static void varres_refuses(void **state)
{
    (void)state;
    expect_failure(2, "expected --out", "data", "varres", NULL);
    expect_failure(2, "--sizes: expected sides as in 32,48,64", "data", "varres", "--out", "x",
                   "--sizes", "big", NULL);
    expect_failure(2, "--rotate", "data", "varres", "--out", "x", "--rotate", "181", NULL);
    expect_failure(2, "--clutter", "data", "varres", "--out", "x", "--clutter", "-1", NULL);
    expect_failure(2, "--val", "data", "varres", "--out", "x", "--val", "1", NULL);
    expect_failure(2, "unknown data set 'digit'", "data", "varres", "--out", "x", "--from", "digit",
                   NULL);
    expect_failure(2, "leaves none of 1 images", "data", "varres", "--out", "x", "--from", "digits",
                   "--count", "1", "--val", "0.9", NULL);
    write_text("taken", "x");
    expect_failure(2, "taken: expected a new folder", "data", "varres", "--out", "taken", NULL);
    expect_failure(2, "taken: expected a new folder", "data", "export", "digits", "--out", "taken",
                   NULL);
    expect_failure(2, "expected --out", "data", "export", "digits", NULL);
    expect_failure(1, "taken/x", "data", "varres", "--from", "digits", "--count", "5", "--out",
                   "taken/x", NULL);
    assert_false(is_there("x"));
    assert_int_equal(count_entries("."), 1);
}

static void export_writes_what_is_there(void **state)
{
    (void)state;
    program_result result =
        program_run("data", "export", "digits", "--out", "png", "--validation", "500", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out,
                         "png: 19,500 images for training, 500 for validation, 4,000 for test"));
    program_free(&result);
    assert_int_equal(count_entries("png/val"), 10);
    lw_digits_options options = {.seed = 1, .count = 20, .side = 28};
    lw_dataset *digits;
    assert_int_equal(LW_OK, lw_dataset_create_digits(&digits, "digits", &options));
    for (size_t i = 0; i < 20; i++) {
        lw_sample sample = lw_dataset_get(digits, i);
        char path[64];
        uint8_t *pixels;
        int32_t height, width, channels = 1;
        snprintf(path, sizeof path, "png/train/%d/%06zu.png", sample.label, i);
        assert_int_equal(LW_OK, lw_image_read(&pixels, &height, &width, &channels, path));
        assert_int_equal(28, height);
        assert_memory_equal(sample.pixels, pixels, 28 * 28);
        free(pixels);
    }
    lw_dataset_destroy(&digits);
}

#endif

// ---- training -----------------------------------------------------------------------------------

static void train_draws_its_own_data(void **state)
{
    (void)state;
    program_result result = program_run("train", "varres", "--epochs", "1", "--train-limit", "200",
                                        "--validation", "50", "--out", "run", NULL);
    expect_code(&result, 0);
    // From the best data at hand, which without MNIST is Debian's package, where it is installed.
    const bool package = lw_file_is_folder("/usr/share/datasets/fashion-mnist");
    assert_true(
        contains(result.err,
                 package ? "images of 32, 48 or 64 pixels a side drawn from Fashion-MNIST"
                         : "images of 32, 48 or 64 pixels a side drawn from the built-in digits"));
    assert_true(contains(result.out, "size   images  accuracy    loss"));
    assert_true(contains(result.out, "\n48x48  "));
    program_free(&result);
    cJSON *json = json_parse_file("run/metrics.json");
    const cJSON *sizes = json_member(json, "test_sizes"), *row;
    assert_int_equal(cJSON_GetArraySize(sizes), 3);
    double images = 0, correct = 0;
    cJSON_ArrayForEach(row, sizes)
    {
        images += json_number(row, "images");
        correct += json_number(row, "correct");
    }
    const double expected = package ? 10000 : 4000;
    assert_true(images == expected);
    assert_true(fabs(correct - json_number(json, "test_accuracy") * expected) < 1e-6);
    cJSON_Delete(json);
    json = json_parse_file("run/config.json");
    assert_string_equal(json_word(json_member(json, "data"), "open"),
                        package ? "varres:fashion-mnist" : "varres:digits");
    assert_string_equal(json_word(json_member(json, "training"), "order"), "mixed");
    cJSON_Delete(json);

    result = program_run("eval", "run", "--json", NULL);
    expect_code(&result, 0);
    json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "sizes")), 3);
    assert_true(json_number(json, "correct") == correct);
    cJSON_Delete(json);
    program_free(&result);

    // Sizes it was not trained on; more than a screen of them are put together.
    result = program_run("eval", "run", "--sizes", "24,96", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "\n24x24  "));
    assert_true(contains(result.out, "\n96x96  "));
    program_free(&result);
    result = program_run("eval", "run", "--sizes", "20..60", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "\n20x20 to "));
    assert_true(contains(result.out, " to 60x60 "));
    if (!package) expect_narrow(result.out, 100); // Fashion-MNIST's names of classes are long
    program_free(&result);
    expect_failure(2, "expected sides", "eval", "run", "--sizes", "small", NULL);
    expect_failure(2, "expected a set that is drawn at any size, varres, got digits", "eval", "run",
                   "--data", "digits", "--sizes", "24", NULL);
}

static void train_by_size(void **state)
{
    (void)state;
    expect_exit(0, "train", "varres_max", "--data", "varres:digits:20,28", "--order", "by-size",
                "--epochs", "1", "--train-limit", "60", "--validation", "0", "--out", "run",
                "--quiet", NULL);
    cJSON *json = json_parse_file("run/config.json");
    assert_string_equal(json_word(json_member(json, "training"), "order"), "by-size");
    assert_string_equal(json_word(json_member(json, "data"), "open"), "varres:digits:20,28");
    cJSON_Delete(json);
    expect_failure(2, "--order", "train", "varres", "--order", "by", NULL);
    // A network of one size cannot take them.
    expect_failure(2, "expected images of 28x28, got", "train", "fixed", "--data", "varres:digits",
                   "--train-limit", "20", NULL);
}

int main(void)
{
#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, program_enter_folder, program_leave_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(match_finds_the_published_count), IN_FOLDER(match_refuses),
#ifdef LW_HAVE_PNG
        IN_FOLDER(varres_writes_a_folder),          IN_FOLDER(varres_refuses),
        IN_FOLDER(export_writes_what_is_there),
#endif
        IN_FOLDER(train_draws_its_own_data),        IN_FOLDER(train_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
