// SPDX-License-Identifier: Apache-2.0
// Resizing against Pillow, the modes of a recipe, their words, and whole data sets.
#include "prepare/resample.h"

#include <lanewise/lanewise.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct pillow_case {
    int32_t height, width, to_height, to_width, channels;
    const uint8_t *image, *bilinear, *box;
} pillow_case;

#include "pillow_table.inc"

static void expect_pillow(const pillow_case *c, lw_resize_filter filter, const uint8_t *expected)
{
    const size_t count = (size_t)(c->to_height * c->to_width * c->channels);
    uint8_t *got = malloc(count);
    assert_int_equal(LW_OK, lw_image_resize(c->image, c->height, c->width, c->channels, got,
                                            c->to_height, c->to_width, filter));
    for (size_t i = 0; i < count; i++)
        if (abs(got[i] - expected[i]) > 1)
            fail_msg("%dx%d to %dx%d, filter %d, value %zu: Pillow has %d, got %d", c->width,
                     c->height, c->to_width, c->to_height, (int)filter, i, expected[i], got[i]);
    free(got);
}

static void test_as_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pillow_cases / sizeof *pillow_cases; i++) {
        expect_pillow(&pillow_cases[i], LW_RESIZE_BILINEAR, pillow_cases[i].bilinear);
        expect_pillow(&pillow_cases[i], LW_RESIZE_AREA, pillow_cases[i].box);
    }
}

static void test_flat_images_stay_flat(void **state)
{
    (void)state;
    uint8_t flat[40 * 30], resized[64 * 64];
    for (int level = 0; level < 256; level += 51) {
        memset(flat, level, sizeof flat);
        for (int32_t side = 1; side <= 64; side += 9) {
            assert_int_equal(
                LW_OK, lw_image_resize(flat, 30, 40, 1, resized, side, side, LW_RESIZE_BILINEAR));
            for (int32_t i = 0; i < side * side; i++) assert_int_equal(resized[i], level);
        }
    }
}

static void expect_refusal(lw_status status, const char *part)
{
    assert_int_not_equal(status, LW_OK);
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\" in: %s", part, lw_error_message());
}

static void test_refuses_sizes(void **state)
{
    (void)state;
    uint8_t pixel[4] = {0};
    expect_refusal(lw_image_resize(pixel, 0, 1, 1, pixel, 1, 1, LW_RESIZE_AREA), "1x0");
    expect_refusal(lw_image_resize(pixel, 1, 1, 1, pixel, 1, 20000, LW_RESIZE_AREA), "20000x1");
    expect_refusal(lw_image_resize(pixel, 1, 1, 0, pixel, 1, 1, LW_RESIZE_AREA), "channels");
    expect_refusal(lw_image_resize(NULL, 1, 1, 1, pixel, 1, 1, LW_RESIZE_AREA), "NULL");
    expect_refusal(lw_image_resize(pixel, 1, 1, 1, pixel, 1, 1, (lw_resize_filter)7), "filter 7");
}

// ---- modes --------------------------------------------------------------------------------------

// Applies the recipe `text` to a 4x2 image of two columns of each of 40 and 200.
static void expect_mode(const char *text, const uint8_t *expected)
{
    const uint8_t image[8] = {40, 40, 200, 200, 40, 40, 200, 200};
    const lw_sample sample = {.pixels = image, .channels = 1, .height = 2, .width = 4};
    lw_resize resize;
    uint8_t *pixels;
    if (lw_resize_parse(&resize, text)) fail_msg("%s", lw_error_message());
    assert_int_equal(LW_OK, lw_resize_apply(&resize, &sample, &pixels));
    for (int32_t i = 0; i < resize.height * resize.width; i++)
        if (pixels[i] != expected[i])
            fail_msg("%s: pixel %d: expected %d, got %d", text, i, expected[i], pixels[i]);
    free(pixels);
}

static void test_modes(void **state)
{
    (void)state;
    expect_mode("2x2:area", (const uint8_t[]){40, 200, 40, 200});
    expect_mode("2x2:area:cover", (const uint8_t[]){40, 200, 40, 200}); // the two middle columns
    expect_mode("2x2:crop", (const uint8_t[]){40, 200, 40, 200});
    expect_mode("2x2:area:fit", (const uint8_t[]){40, 200, 0, 0});
    expect_mode("2x3:area:fit:fill=9", (const uint8_t[]){9, 9, 40, 200, 9, 9});
    expect_mode("6x4:crop:fill=7",
                (const uint8_t[]){7, 7,  7,  7,   7,   7, 7, 40, 40, 200, 200, 7,
                                  7, 40, 40, 200, 200, 7, 7, 7,  7,  7,   7,   7});
    expect_mode("4x2:cover", (const uint8_t[]){40, 40, 200, 200, 40, 40, 200, 200});
    expect_mode("4x2:fit", (const uint8_t[]){40, 40, 200, 200, 40, 40, 200, 200});
}

// Where the image goes in the result: any mode may have a box, which may reach beyond the result.
static void test_boxes(void **state)
{
    (void)state;
    expect_mode("4x2:box=4x2+0+0", (const uint8_t[]){40, 40, 200, 200, 40, 40, 200, 200});
    expect_mode("4x2:box=4x2-1+1:fill=7", (const uint8_t[]){7, 7, 7, 7, 40, 200, 200, 7});
    expect_mode("4x2:box=4x2+1-1:fill=7", (const uint8_t[]){7, 40, 40, 200, 7, 7, 7, 7});
    expect_mode("4x3:area:box=2x2+1+1",
                (const uint8_t[]){0, 0, 0, 0, 0, 40, 200, 0, 0, 40, 200, 0});
    expect_mode("3x3:area:box=2x4+1-1:fill=9",
                (const uint8_t[]){9, 40, 200, 9, 40, 200, 9, 40, 200});
    // What a mode cuts off, or leaves empty, it does within the box.
    expect_mode("4x2:crop:box=2x2+1+0:fill=5", (const uint8_t[]){5, 40, 200, 5, 5, 40, 200, 5});
    expect_mode("4x2:cover:box=2x2+2+0", (const uint8_t[]){0, 0, 40, 200, 0, 0, 40, 200});
    expect_mode("4x3:area:fit:box=2x3+2+0:fill=3",
                (const uint8_t[]){3, 3, 3, 3, 3, 3, 40, 200, 3, 3, 3, 3});
    expect_mode("2x1:crop:box=6x4+0-1", (const uint8_t[]){0, 40}); // enlarged by what surrounds it
}

static void test_refuses_boxes(void **state)
{
    (void)state;
    static const lw_resize wrong[] = {
        {.height = 4, .width = 4, .box_height = 4},
        {.height = 4, .width = 4, .box_top = 1},
        {.height = 4, .width = 4, .box_height = 4, .box_width = -4},
        {.height = 4, .width = 4, .box_height = 20000, .box_width = 4},
        {.height = 4, .width = 4, .box_height = 4, .box_width = 4, .box_top = INT32_MIN},
        {.height = 4, .width = 4, .box_height = 4, .box_width = 4, .box_left = INT32_MAX}};
    const uint8_t pixel = 1;
    const lw_sample sample = {.pixels = &pixel, .channels = 1, .height = 1, .width = 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t *pixels = NULL;
        expect_refusal(lw_resize_apply(&wrong[i], &sample, &pixels), "box");
        assert_null(pixels);
    }
}

static void test_extreme_shapes(void **state)
{
    (void)state;
    static uint8_t line[16384];
    static const char *const recipes[] = {"5x5",
                                          "5x5:cover",
                                          "5x5:fit",
                                          "5x5:crop",
                                          "5x5:area",
                                          "5x5:fit:box=9x9-2-2",
                                          "5x5:crop:box=9x9-2-2"};
    memset(line, 90, sizeof line);
    const lw_sample samples[] = {{.pixels = line, .channels = 1, .height = 1, .width = 16384},
                                 {.pixels = line, .channels = 1, .height = 16384, .width = 1},
                                 {.pixels = line, .channels = 1, .height = 1, .width = 1}};
    for (size_t s = 0; s < 3; s++)
        for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
            lw_resize resize;
            uint8_t *pixels;
            assert_int_equal(LW_OK, lw_resize_parse(&resize, recipes[i]));
            assert_int_equal(LW_OK, lw_resize_apply(&resize, &samples[s], &pixels));
            assert_int_equal(pixels[12], 90); // the centre
            free(pixels);
        }
}

// ---- words --------------------------------------------------------------------------------------

static void test_words(void **state)
{
    (void)state;
    static const char *const same[] = {
        "28x28",
        "64x48:area",
        "28x28:fit:fill=255",
        "1x16384:cover",
        "30x20:area:crop:fill=3",
        "28x28:box=26x24-1+2",
        "16384x16384:area:cover:box=16384x16384-16383-16383:fill=255",
        ""};
    for (size_t i = 0; *same[i]; i++) {
        lw_resize resize;
        char text[64];
        assert_int_equal(LW_OK, lw_resize_parse(&resize, same[i]));
        lw_resize_format(&resize, text, sizeof text);
        assert_string_equal(text, same[i]);
    }
    lw_resize resize;
    assert_int_equal(LW_OK, lw_resize_parse(&resize, "64x48:stretch:bilinear"));
    assert_int_equal(resize.width, 64);
    assert_int_equal(resize.height, 48);
    expect_refusal(lw_resize_parse(&resize, ""), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "28"), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "28x"), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "28x0"), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "28x28 "), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "-28x28"), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "99999x28"), "WIDTHxHEIGHT");
    expect_refusal(lw_resize_parse(&resize, "28x28:cuver"), "did you mean \"cover\"?");
    expect_refusal(lw_resize_parse(&resize, "28x28:"), "got \"\"");
    expect_refusal(lw_resize_parse(&resize, "28x28:fit:cover"), "\"cover\" comes second");
    expect_refusal(lw_resize_parse(&resize, "28x28:area:area"), "\"area\" comes second");
    expect_refusal(lw_resize_parse(&resize, "28x28:fit:fill=256"), "0 .. 255, got \"256\"");
    expect_refusal(lw_resize_parse(&resize, "28x28:fill=4"), "with fit, crop or a box");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+1"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+1+"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+1+2+3"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+1 2"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=0x28+1+2"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+1-99999"), "two offsets");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+28+0"), "box 28x28+28+0");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x20+0-20"), "box 28x20+0-20");
    expect_refusal(lw_resize_parse(&resize, "28x28:bocks=28x28+0+0"), "got \"bocks=28x28+0+0\"");
    expect_refusal(lw_resize_parse(&resize, "28x28:box=28x28+1+1:box=28x28+1+1"), "comes second");
    assert_int_equal(resize.height, 0);
}

// ---- data sets ----------------------------------------------------------------------------------

static bool stop_at_once(void *user, size_t done, size_t count)
{
    (void)user;
    assert_true(done <= count);
    return false;
}

static void test_data_set(void **state)
{
    (void)state;
    const lw_digits_options options = {.seed = 3, .count = 70, .side = 20};
    const lw_resize resize = {.height = 12,
                              .width = 15,
                              .mode = LW_RESIZE_FIT,
                              .fill = 5,
                              .box_height = 12,
                              .box_width = 13,
                              .box_top = -1,
                              .box_left = 3};
    lw_dataset *digits, *once, *again;
    assert_int_equal(LW_OK, lw_dataset_create_digits(&digits, "some", &options));
    assert_int_equal(LW_OK, lw_dataset_resize(&once, digits, &resize, 1, NULL, NULL));
    assert_int_equal(LW_OK, lw_dataset_resize(&again, digits, &resize, 5, NULL, NULL));
    assert_int_equal(lw_dataset_size(once), 70);
    assert_string_equal(lw_dataset_name(once), "some");
    for (size_t i = 0; i < 70; i++) {
        const lw_sample from = lw_dataset_get(digits, i), a = lw_dataset_get(once, i);
        uint8_t *expected;
        assert_int_equal(a.height, 12);
        assert_int_equal(a.width, 15);
        assert_int_equal(a.label, from.label);
        assert_int_equal(LW_OK, lw_resize_apply(&resize, &from, &expected));
        assert_memory_equal(a.pixels, expected, 12 * 15);
        assert_memory_equal(a.pixels, lw_dataset_get(again, i).pixels, 12 * 15);
        free(expected);
    }
    lw_dataset_destroy(&again);
    assert_int_equal(LW_ERROR_INTERRUPTED,
                     lw_dataset_resize(&again, digits, &resize, 1, stop_at_once, NULL));
    assert_null(again);
    expect_refusal(lw_dataset_resize(&again, digits, &resize, -1, NULL, NULL), "threads");
    const lw_resize nothing = {.height = 0};
    expect_refusal(lw_dataset_resize(&again, digits, &nothing, 1, NULL, NULL), "0x0");
    lw_dataset_destroy(&once);
    lw_dataset_destroy(&digits);
}

// A model keeps its recipe, and only one that fits the network.
static void test_model(void **state)
{
    (void)state;
    lw_network *network;
    lw_model *model;
    assert_int_equal(LW_OK, lw_network_load(&network, LW_SOURCE_DIR "/networks/fixed.net"));
    assert_int_equal(LW_OK, lw_model_create(&model, network, 1));
    assert_int_equal(lw_model_resize(model).height, 0);
    expect_refusal(lw_model_set_resize(model, (lw_resize){.height = 20, .width = 28}),
                   "the recipe makes 28x20");
    assert_int_equal(LW_OK, lw_model_set_resize(model, (lw_resize){.height = 28, .width = 28}));
    assert_int_equal(lw_model_resize(model).height, 28);
    assert_int_equal(LW_OK, lw_model_set_resize(model, (lw_resize){0}));
    lw_model_destroy(&model);
    lw_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_pillow),      cmocka_unit_test(test_flat_images_stay_flat),
        cmocka_unit_test(test_refuses_sizes),  cmocka_unit_test(test_modes),
        cmocka_unit_test(test_boxes),          cmocka_unit_test(test_refuses_boxes),
        cmocka_unit_test(test_extreme_shapes), cmocka_unit_test(test_words),
        cmocka_unit_test(test_data_set),       cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
