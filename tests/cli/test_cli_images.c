// SPDX-License-Identifier: Apache-2.0
// What the program does to images before a network sees them: `train --augment`, `--scale-jitter`,
// `--resize`, and what becomes of it in `eval`, `predict` and `data show`.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <lanewise/data.h>
#include <stdlib.h>
#include <string.h>

static void augmentation_is_recorded(void **state)
{
    (void)state;
    program_result result =
        program_run("train", "fixed", "--data", "small", "--epochs", "1", "--augment",
                    "rotate=10,shift=5%,mixup=0.2", "--out", "augmented", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "augmentation: rotate=10,shift=5%,mixup=0.2\n"));
    program_free(&result);
    cJSON *config = json_parse_file("augmented/config.json");
    const cJSON *training = json_member(config, "training");
    assert_string_equal(json_word(training, "augment"), "rotate=10,shift=5%,mixup=0.2");
    assert_true(cJSON_IsNull(json_member(training, "scale_jitter")));
    assert_true(cJSON_IsNull(json_member(json_member(config, "data"), "resize")));
    cJSON_Delete(config);
    // Other weights than without, the same again.
    expect_exit(0, "train", "fixed", "--data", "small", "--epochs", "1", "--augment",
                "rotate=10,shift=5%,mixup=0.2", "--threads", "1", "--out", "again", "--quiet",
                NULL);
    expect_exit(0, "train", "fixed", "--data", "small", "--epochs", "1", "--out", "plain",
                "--quiet", NULL);
    uint8_t *files[3];
    static const char *const runs[] = {"augmented/model.safetensors", "again/model.safetensors",
                                       "plain/model.safetensors"};
    for (int i = 0; i < 3; i++) files[i] = (uint8_t *)read_text(runs[i]);
    assert_memory_equal(files[0], files[1], 100000);
    assert_memory_not_equal(files[0], files[2], 100000);
    for (int i = 0; i < 3; i++) free(files[i]);
}

static void jitter_needs_any_size(void **state)
{
    (void)state;
    expect_exit(0, "train", "varres", "--data", "small", "--train-limit", "64", "--epochs", "1",
                "--scale-jitter", "0.75:1.5", "--out", "jittered", "--quiet", NULL);
    cJSON *config = json_parse_file("jittered/config.json");
    const cJSON *jitter = json_member(json_member(config, "training"), "scale_jitter");
    assert_int_equal(cJSON_GetArraySize(jitter), 2);
    assert_true(cJSON_GetNumberValue(cJSON_GetArrayItem(jitter, 1)) == 1.5);
    cJSON_Delete(config);
    expect_failure(2, "--scale-jitter needs a network of any size; fixed takes 28x28 pixels only",
                   "train", "fixed", "--data", "small", "--scale-jitter", "0.5:1", NULL);
    static const char *const wrong[] = {"1.2", "1.5:0.5", "0:1", "a:b", "1:20", ":1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_failure(2, "--scale-jitter: expected LOW:HIGH within 0.1 .. 10", "train", "varres",
                       "--data", "small", "--scale-jitter", wrong[i], NULL);
    expect_failure(2, "scale jitter: image 0 times 0.1 is 4x4", "train", "varres", "--data",
                   "small", "--scale-jitter", "0.1:1", NULL);
}

static void bad_words_are_refused_first(void **state)
{
    (void)state;
    // Before any data are looked for.
    expect_failure(2, "did you mean \"rotate\"?", "train", "fixed", "--data", "nowhere",
                   "--augment", "rotat=4", NULL);
    expect_failure(2, "scale: expected LOW:HIGH", "train", "fixed", "--data", "nowhere",
                   "--augment", "scale=2", NULL);
    expect_failure(2, "did you mean \"area\"?", "train", "fixed", "--data", "nowhere", "--resize",
                   "28x28:aera", NULL);
    expect_failure(2,
                   "the network takes images of 28x28 pixels (width x height), the recipe makes "
                   "20x28",
                   "train", "fixed", "--data", "nowhere", "--resize", "20x28", NULL);
    expect_failure(2, "rotat", "data", "show", "digits", "--augment", "rotat=4", "--out", "x.png",
                   NULL);
    expect_failure(2, "--augment needs --out", "data", "show", "digits", "--augment", "flip", NULL);
    expect_failure(2, "--versions only has a meaning with --augment", "data", "show", "digits",
                   "--versions", "3", "--out", "x.png", NULL);
}

// A network of another size than the data; the recipe goes with the model.
static void resize_goes_with_the_model(void **state)
{
    (void)state;
    write_text("small14.net", "input 1x14x14\nconv 8 3\nrelu\nmaxpool 2\nlinear 10\n"
                              "softmax_cross_entropy\n");
    expect_failure(2, "14x14", "train", "small14.net", "--data", "small", NULL);
    program_result result = program_run("train", "small14.net", "--data", "small", "--epochs", "2",
                                        "--resize", "14x14:area", "--out", "resized", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "resized 2,100 images to 14x14:area"));
    program_free(&result);
    cJSON *config = json_parse_file("resized/config.json");
    assert_string_equal(json_word(json_member(config, "data"), "resize"), "14x14:area");
    cJSON_Delete(config);
    cJSON *metrics = json_parse_file("resized/metrics.json");
    result = program_run("eval", "resized", "--json", NULL);
    expect_code(&result, 0);
    cJSON *again = json_parse(result.out);
    assert_true(json_number(again, "accuracy") == json_number(metrics, "test_accuracy"));
    cJSON_Delete(again);
    cJSON_Delete(metrics);
    program_free(&result);
    // The file alone is enough.
    expect_exit(0, "eval", "resized/model.safetensors", "--data", "small", "--quiet", NULL);
#ifdef LW_HAVE_PNG
    uint8_t *photo = calloc(384 * 512 * 3, 1);
    assert_non_null(photo);
    for (int y = 90; y < 300; y++) memset(photo + (y * 512 + 240) * 3, 255, 40 * 3);
    assert_int_equal(lw_image_write("photo.png", photo, 384, 512, 3), LW_OK);
    free(photo);
    result = program_run("predict", "resized", "photo.png", "first.png", "--json", NULL);
    expect_code(&result, 0);
    cJSON *predictions = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(predictions), 2);
    cJSON_Delete(predictions);
    program_free(&result);
#endif
}

// A box moves images that have the right size already, in training and whenever the model is used.
static void a_box_moves_images(void **state)
{
    (void)state;
    write_text("seen.net", "input 1x28x28\nconv 8 3\nrelu\nmaxpool 8\nlinear 10\n"
                           "softmax_cross_entropy\n");
    program_result result = program_run("train", "seen.net", "--data", "small", "--epochs", "2",
                                        "--resize", "28x28:box=28x28-3+2", "--out", "moved", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "resized 2,100 images to 28x28:box=28x28-3+2"));
    program_free(&result);
    cJSON *metrics = json_parse_file("moved/metrics.json");
    result = program_run("eval", "moved", "--json", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "box=28x28-3+2"));
    cJSON *again = json_parse(result.out);
    assert_true(json_number(again, "accuracy") == json_number(metrics, "test_accuracy"));
    assert_true(json_number(again, "loss") == json_number(metrics, "test_loss"));
    cJSON_Delete(again);
    cJSON_Delete(metrics);
    program_free(&result);
    expect_failure(2, "nothing of the box 28x28+0+28", "train", "seen.net", "--data", "small",
                   "--resize", "28x28:box=28x28+0+28", NULL);
}

static void a_sheet_shows_versions(void **state)
{
    (void)state;
    small_run_needs_pictures();
    program_result result =
        program_run("data", "show", "small", "--augment", "rotate=0", "--out", "same.png",
                    "--count", "3", "--versions", "4", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_int_equal(json_number(json, "rows"), 3);
    assert_int_equal(json_number(json, "columns"), 5);
    assert_int_equal(json_number(json, "images"), 15);
    assert_int_equal(json_number(json, "height"), 2 + 3 * 30);
    assert_int_equal(json_number(json, "width"), 2 + 5 * 30);
    cJSON_Delete(json);
    program_free(&result);
    expect_exit(0, "data", "show", "small", "--augment", "rotate=40", "--out", "turned.png",
                "--count", "3", "--versions", "4", "--quiet", NULL);
    uint8_t *same, *turned;
    int32_t height, width, channels = 1;
    assert_int_equal(LW_OK, lw_image_read(&same, &height, &width, &channels, "same.png"));
    assert_int_equal(LW_OK, lw_image_read(&turned, &height, &width, &channels, "turned.png"));
    for (int32_t y = 0; y < height; y++) {
        // The originals are the first column of both; versions of no strength are the original.
        assert_memory_equal(same + y * width, turned + y * width, 30);
        for (int k = 1; k < 5; k++)
            assert_memory_equal(same + y * width, same + y * width + 30 * k, 30);
    }
    int32_t differ = 0;
    for (int32_t i = 0; i < height * width; i++) differ += same[i] != turned[i];
    assert_true(differ > 500);
    free(same);
    free(turned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(augmentation_is_recorded),    cmocka_unit_test(jitter_needs_any_size),
        cmocka_unit_test(bad_words_are_refused_first), cmocka_unit_test(resize_goes_with_the_model),
        cmocka_unit_test(a_box_moves_images),          cmocka_unit_test(a_sheet_shows_versions),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
