// SPDX-License-Identifier: Apache-2.0
// Folders and archives of images, as a user meets them: what is in them, training on them, and what
// happens with bad files.
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
#include <sys/stat.h>
#include <unistd.h>

static void write_image(const char *path, int32_t side, int32_t channels, uint8_t value)
{
    uint8_t *pixels = malloc((size_t)(side * side * channels));
    assert_non_null(pixels);
    for (int32_t i = 0; i < side * side * channels; i++) pixels[i] = (uint8_t)(value + i % 5);
    assert_int_equal(lw_image_write(path, pixels, side, side, channels), LW_OK);
    free(pixels);
}

// Ten classes with images of 28 pixels, or of two sizes: 16 for training and 4 for test each, dark
// for the first class and bright for the last.
static void write_set(const char *name, int32_t side, int32_t other_side, int32_t channels)
{
    char path[256];
    mkdir(name, 0777);
    for (int part = 0; part < 2; part++) {
        snprintf(path, sizeof path, "%s/%s", name, part ? "test" : "train");
        mkdir(path, 0777);
        for (int label = 0; label < 10; label++) {
            snprintf(path, sizeof path, "%s/%s/digit %d", name, part ? "test" : "train", label);
            mkdir(path, 0777);
            for (int i = 0; i < (part ? 4 : 16); i++) {
                snprintf(path, sizeof path, "%s/%s/digit %d/%d.png", name, part ? "test" : "train",
                         label, i);
                write_image(path, i % 2 ? other_side : side, channels, (uint8_t)(25 * label + i));
            }
        }
    }
}

static int set_up(void **state)
{
    if (program_enter_folder(state)) return 1;
#ifdef LW_HAVE_PNG
    write_set("fixed-size", 28, 28, 1);
    write_set("mixed", 20, 24, 1);
#endif
    return 0;
}

static void info_counts_classes_and_sizes(void **state)
{
    (void)state;
    program_result result = program_run("data", "info", "mixed", "--sizes", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "data: 200 images of 10 classes from the folder mixed"));
    assert_true(contains(result.out, "digit 3     13           3     4"));
    assert_true(contains(result.out, "total      134          26    40"));
    assert_true(contains(result.out, "20x20 to 24x24 pixels (height x width), 1 channel"));
    assert_true(contains(result.out, "2 sizes from 20x20 to 24x24, channels: 1"));
    expect_narrow(result.out, 100);
    program_free(&result);
    result = program_run("data", "info", "mixed/", "--sizes", "--json", NULL);
    cJSON *json = json_parse(result.out);
    const cJSON *sizes = json_member(json, "sizes");
    assert_int_equal(cJSON_GetArraySize(sizes), 2);
    const cJSON *first = cJSON_GetArrayItem(sizes, 0);
    assert_int_equal(json_number(first, "height"), 20);
    assert_int_equal(json_number(first, "test"), 20);
    assert_int_equal(json_number(first, "train") + json_number(first, "validation"), 80);
    assert_int_equal(json_number(json, "channels"), 1);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "problems")), 0);
    assert_true(cJSON_IsTrue(json_member(json, "in_memory")));
    cJSON_Delete(json);
    program_free(&result);
    // Less memory than it takes: counted all the same.
    write_set("large", 200, 250, 1);
    result = program_run("data", "info", "large", "--memory", "1M", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "read as they are needed"));
    assert_true(contains(result.out, "when decoded, read as they are needed"));
    program_free(&result);
    expect_failure(2, "--memory: expected a size from 1M on, as in 512M or 2G, got \"much\"",
                   "data", "info", "mixed", "--memory", "much", NULL);
    expect_failure(2, "--memory: expected a size", "data", "info", "mixed", "--memory", "10", NULL);
}

// Images that are read as they are needed train to the same weights as images in memory.
static void streamed_images_train_alike(void **state)
{
    (void)state;
    static const char *const runs[] = {"from-memory", "from-files"}, *const sizes[] = {"1G", "1M"};
    uint8_t *weights[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        char path[64];
        program_result result =
            program_run("train", "varres", "--data", "large", "--memory", sizes[i], "--epochs", "2",
                        "--threads", "2", "--augment", "rotate=10", "--train-limit", "40",
                        "--quiet", "--out", runs[i], NULL);
        expect_code(&result, 0);
        program_free(&result);
        snprintf(path, sizeof path, "%s/model.safetensors", runs[i]);
        assert_int_equal(lw_file_read(path, 1 << 24, &weights[i], &bytes[i]), LW_OK);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(weights[0], weights[1], bytes[0]);
    free(weights[0]);
    free(weights[1]);
    expect_failure(2, "mixup needs all images in memory", "train", "varres", "--data", "large",
                   "--memory", "1M", "--augment", "mixup=0.2", NULL);
}

static void show_draws_folders(void **state)
{
    (void)state;
    program_result result =
        program_run("data", "show", "mixed", "--split", "test", "--out", "sheet.png", NULL);
    expect_code(&result, 0);
    program_free(&result);
    uint8_t *pixels;
    int32_t height, width, channels = 0;
    assert_int_equal(lw_image_read(&pixels, &height, &width, &channels, "sheet.png"), LW_OK);
    assert_int_equal(height, 2 + 10 * 26); // as high as the largest
    assert_int_equal(pixels[2 * width + 2], 0);
    free(pixels);
    // Streamed: the same sheet.
    result = program_run("data", "show", "large", "--memory", "1M", "--out", "large.png", "--count",
                         "20", NULL);
    expect_code(&result, 0);
    program_free(&result);
    assert_true(is_there("large.png"));
    result = program_run("data", "show", "mixed", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "digit 9"));
    program_free(&result);
}

// Trains for a moment and gives the JSON of the run.
static cJSON *train(const char *network, const char *data, const char *option, const char *value)
{
    program_result result = program_run("train", network, "--data", data, "--epochs", "1", "--json",
                                        "--quiet", "--threads", "1", option, value, NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    program_free(&result);
    return json;
}

static void train_works_on_folders(void **state)
{
    (void)state;
    cJSON *json = train("fixed", "fixed-size", "--val", "0.25");
    assert_int_equal(json_number(json, "train_images"), 120);
    assert_int_equal(json_number(json, "parameters"), 29066);
    const char *run = json_word(json, "run_directory");
    // The run remembers how it was divided.
    program_result result = program_run("eval", run, "--split", "validation", "--json", NULL);
    cJSON *validation = json_parse(result.out);
    assert_int_equal(json_number(validation, "images"), 40);
    assert_true(json_number(validation, "loss") == json_number(json, "validation_loss"));
    cJSON_Delete(validation);
    program_free(&result);
    cJSON_Delete(json);
    json = train("fixed", "fixed-size", "--validation", "0");
    assert_int_equal(json_number(json, "train_images"), 160);
    cJSON_Delete(json);
    json = train("fixed", "fixed-size", "--val", "0");
    assert_int_equal(json_number(json, "train_images"), 160);
    cJSON_Delete(json);
    expect_failure(2, "--val and --validation say the same", "train", "fixed", "--data",
                   "fixed-size", "--val", "0.1", "--validation", "3", NULL);
    expect_failure(2, "--val: expected a number", "train", "fixed", "--data", "fixed-size", "--val",
                   "1", NULL);
    expect_failure(2, "leaves none", "train", "fixed", "--data", "fixed-size", "--val", "0",
                   "--until", "99", NULL);
}

static void channels_are_converted(void **state)
{
    (void)state;
    cJSON *json = train("fixed", "fixed-size", "--channels", "3");
    assert_int_equal(json_number(json, "parameters"), 29354);
    // The model knows how many channels it wants, so that eval and predict give them to it.
    program_result result = program_run("eval", json_word(json, "run_directory"), "--json", NULL);
    expect_code(&result, 0);
    program_free(&result);
    result = program_run("predict", json_word(json, "run_directory"),
                         "fixed-size/test/digit 1/0.png", NULL);
    expect_code(&result, 0);
    program_free(&result);
    cJSON_Delete(json);
    json = train("varres", "mixed", "--channels", "3");
    assert_int_equal(json_number(json, "parameters"), 29317);
    cJSON_Delete(json);
    // Colour for a network that takes grey.
    write_set("colour", 28, 28, 3);
    json = train("fixed", "colour", "--channels", "1");
    assert_int_equal(json_number(json, "parameters"), 29066);
    cJSON_Delete(json);
    expect_failure(2, "--channels: expected 1 or 3, got 2", "train", "fixed", "--data", "colour",
                   "--channels", "2", NULL);
}

static void sizes_are_listed_before_training(void **state)
{
    (void)state;
    program_result result = program_run("train", "varres", "--data", "mixed", "--epochs", "1",
                                        "--sizes", "--threads", "2", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "2 sizes from 20x20 to 24x24, channels: 1"));
    program_free(&result);
}

static void misfits_are_named(void **state)
{
    (void)state;
    expect_failure(2, "mixed train, train/digit 0/", "train", "fixed", "--data", "mixed", NULL);
    expect_failure(2, "more images); --resize 28x28 brings all images to that size", "train",
                   "fixed", "--data", "mixed", NULL);
    // One image too small for varres, in each part.
    write_set("small", 20, 24, 1);
    write_image("small/train/digit 4/tiny.png", 1, 1, 1);
    expect_failure(2, "small train, train/digit 4/tiny.png: ", "train", "varres", "--data", "small",
                   "--validation", "0", NULL);
    program_result result = program_run("train", "varres", "--data", "small", "--validation", "0",
                                        "--epochs", "1", "--skip-bad", "--json", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "left out with --skip-bad, or missing:"));
    assert_true(contains(result.err, "  small train, train/digit 4/tiny.png: "));
    cJSON *json = json_parse(result.out);
    assert_int_equal(json_number(json, "train_images"), 160);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "problems")), 1);
    program_free(&result);
    // eval leaves out what train left out.
    result =
        program_run("eval", json_word(json, "run_directory"), "--split", "train", "--json", NULL);
    expect_code(&result, 0);
    cJSON *evaluation = json_parse(result.out);
    assert_int_equal(json_number(evaluation, "images"), 160);
    assert_int_equal(cJSON_GetArraySize(json_member(evaluation, "problems")), 1);
    cJSON_Delete(evaluation);
    cJSON_Delete(json);
    program_free(&result);
}

static void bad_files_are_named_or_listed(void **state)
{
    (void)state;
    write_set("bad", 20, 24, 1);
    for (int i = 0; i < 12; i++) {
        char path[64];
        snprintf(path, sizeof path, "bad/train/digit 2/no image %02d\n.png", i);
        write_text(path, "hello");
    }
    expect_failure(2,
                   "bad/train/digit 2/no image 00\\n.png: expected a PNG or JPEG image, the file "
                   "does not begin like one (and 11 more problems)",
                   "data", "info", "bad", NULL);
    program_result result = program_run("data", "info", "bad", "--skip-bad", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "no image 09\\n.png"));
    assert_null(strstr(result.err, "no image 10"));
    assert_true(contains(result.err, "  and 2 more"));
    program_free(&result);
    result = program_run("data", "info", "bad", "--skip-bad", "--json", "--quiet", NULL);
    assert_string_equal(result.err, "");
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "problems")), 12);
    cJSON_Delete(json);
    program_free(&result);
    assert_int_equal(mkdir("nothing", 0777), 0);
    expect_failure(2, "nothing: expected a folder for each class", "data", "info", "nothing", NULL);
    write_text("text.zip", "no archive");
    expect_failure(2, "text.zip", "data", "info", "text.zip", NULL);
}

// A damaged cache costs a line and some time, nothing else.
static void the_cache_heals(void **state)
{
    (void)state;
    program_result result = program_run("data", "info", "fixed-size", "--quiet", NULL);
    expect_code(&result, 0);
    program_free(&result);
    // The program's cache is the folder of the test.
    assert_int_equal(system("for f in images/*.images; do printf x >>\"$f\"; done"), 0);
    result = program_run("data", "info", "fixed-size", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "fixed-size: the cache of its images is made anew: it is "
                                     "damaged"));
    program_free(&result);
    result = program_run("data", "info", "fixed-size", NULL);
    assert_null(strstr(result.err, "anew"));
    program_free(&result);
    // No place for a cache is no reason to stop.
    program_next.variable = "LANEWISE_CACHE_DIR";
    program_next.value = "/proc/none";
    result = program_run("data", "info", "fixed-size", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "the decoded images are not kept: "));
    program_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_counts_classes_and_sizes),
        cmocka_unit_test(streamed_images_train_alike),
        cmocka_unit_test(show_draws_folders),
        cmocka_unit_test(train_works_on_folders),
        cmocka_unit_test(channels_are_converted),
        cmocka_unit_test(sizes_are_listed_before_training),
        cmocka_unit_test(misfits_are_named),
        cmocka_unit_test(bad_files_are_named_or_listed),
        cmocka_unit_test(the_cache_heals),
    };
#ifndef LW_HAVE_PNG
    puts("no libpng: skipped");
    return 0;
#endif
    return cmocka_run_group_tests(tests, set_up, program_leave_folder);
}
