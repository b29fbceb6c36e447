// SPDX-License-Identifier: Apache-2.0
// Variable-resolution sets: what is drawn, that it follows from the options alone, what is refused, and the
// set by name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

#include <lanewise/lanewise.h>
#include <stdlib.h>
#include <string.h>

static lw_dataset *make_digits(size_t count)
{
    lw_dataset *digits;
    lw_digits_options options = {.seed = 3, .count = count, .side = 28};
    assert_ok(lw_dataset_create_digits(&digits, "digits", &options));
    return digits;
}

static lw_dataset *draw(const lw_dataset *source, const char *sides, lw_varres_options options)
{
    lw_dataset *drawn;
    if (sides) assert_ok(lw_side_choice_parse(&options.sides, sides, "sides"));
    assert_ok(lw_dataset_create_varres(&drawn, "varres", source, &options));
    assert_int_equal(lw_dataset_size(source), lw_dataset_size(drawn));
    return drawn;
}

static bool same_image(lw_sample a, lw_sample b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels &&
           a.label == b.label &&
           memcmp(a.pixels, b.pixels, (size_t)a.height * (size_t)a.width * (size_t)a.channels) == 0;
}

static size_t count_same(const lw_dataset *a, const lw_dataset *b)
{
    size_t same = 0;
    for (size_t i = 0; i < lw_dataset_size(a); i++)
        same += same_image(lw_dataset_get(a, i), lw_dataset_get(b, i));
    return same;
}

static void test_sizes_and_labels(void **state)
{
    (void)state;
    lw_dataset *digits = make_digits(600),
               *drawn = draw(digits, NULL, (lw_varres_options){.seed = 1});
    int counts[65] = {0};
    for (size_t i = 0; i < 600; i++) {
        lw_sample image = lw_dataset_get(drawn, i);
        assert_int_equal(image.height, image.width);
        assert_int_equal(image.label, lw_dataset_get(digits, i).label);
        assert_true(image.height <= 64);
        counts[image.height]++;
    }
    assert_int_equal(600, counts[32] + counts[48] + counts[64]);
    // 200 each, give or take 4.5 standard deviations.
    for (int side = 32; side <= 64; side += 16) assert_true(abs(counts[side] - 200) < 52);
    lw_dataset_destroy(&drawn);
    drawn = draw(digits, "20..24", (lw_varres_options){.seed = 1});
    bool seen[25] = {false};
    for (size_t i = 0; i < 600; i++) seen[lw_dataset_get(drawn, i).height] = true;
    for (int side = 20; side <= 24; side++) assert_true(seen[side]);
    lw_dataset_destroy(&drawn);
    lw_dataset_destroy(&digits);
}

// The longer side of what is drawn fills at least half of the square, and nothing is cut off: the ink, in
// units of the scale, is that of the source.
static void test_drawing_fills_the_square(void **state)
{
    (void)state;
    uint8_t pixels[28 * 28] = {0};
    for (int y = 6; y < 20; y++)
        for (int x = 10; x < 17; x++) pixels[y * 28 + x] = 255; // 14 high, 7 wide
    int32_t labels[200] = {0};
    uint8_t *all = malloc(200 * sizeof pixels);
    assert_non_null(all);
    for (size_t i = 0; i < 200; i++) memcpy(all + i * sizeof pixels, pixels, sizeof pixels);
    lw_dataset *bars;
    assert_ok(lw_dataset_create(&bars, "bars", all, labels, 200, 1, 28, 28, 1, NULL));
    free(all);
    lw_dataset *drawn = draw(bars, "8,40,100", (lw_varres_options){.seed = 5});
    double least = 1.0, most = 0.0, leftmost = 1.0, rightmost = 0.0;
    for (size_t i = 0; i < 200; i++) {
        lw_sample image = lw_dataset_get(drawn, i);
        int32_t side = image.height, top = side, bottom = 0, left = side, right = 0;
        double ink = 0.0;
        for (int32_t y = 0; y < side; y++)
            for (int32_t x = 0; x < side; x++) {
                int value = image.pixels[y * side + x];
                ink += value / 255.0;
                if (value < 128) continue;
                if (y < top) top = y;
                if (x < left) left = x;
                if (y >= bottom) bottom = y + 1;
                if (x >= right) right = x + 1;
            }
        double height = bottom - top, share = height / side;
        if (side == 8) { // too coarse for more
            assert_true(height >= 3);
            continue;
        }
        assert_true(share >= 0.5 - 2.0 / side && share <= 1.0);
        assert_true(height >= 2.0 * (right - left) - 3 && height <= 2.0 * (right - left) + 3);
        // A block's ink is its area: half the square of its height.
        assert_true(ink > 0.8 * height * height / 2 && ink < 1.25 * height * height / 2);
        if (share < least) least = share;
        if (share > most) most = share;
        if (left / (double)side < leftmost) leftmost = left / (double)side;
        if (right / (double)side > rightmost) rightmost = right / (double)side;
    }
    assert_true(least < 0.56 && most > 0.95 && leftmost < 0.05 && rightmost > 0.95);
    lw_dataset_destroy(&drawn);
    lw_dataset_destroy(&bars);
}

// The same options give the same pixels on any number of threads; each option changes them; the size and
// place of an image do not depend on turns and clutter.
static void test_chance(void **state)
{
    (void)state;
    lw_dataset *digits = make_digits(120);
    const lw_varres_options plain = {.seed = 1, .threads = 1};
    lw_dataset *first = draw(digits, "16..40", plain);
    lw_varres_options other = plain;
    other.threads = 5;
    lw_dataset *second = draw(digits, "16..40", other);
    assert_int_equal(120, count_same(first, second));
    lw_dataset_destroy(&second);
    for (int change = 0; change < 4; change++) {
        other = plain;
        if (change == 0) other.seed = 2;
        if (change == 1) other.stream = 1;
        if (change == 2) other.rotate_degrees = 40;
        if (change == 3) other.clutter = 3;
        second = draw(digits, "16..40", other);
        assert_true(count_same(first, second) < 6);
        for (size_t i = 0; change >= 2 && i < 120; i++)
            assert_int_equal(lw_dataset_get(first, i).height, lw_dataset_get(second, i).height);
        // Clutter only adds light.
        for (size_t i = 0; change == 3 && i < 120; i++) {
            lw_sample a = lw_dataset_get(first, i), b = lw_dataset_get(second, i);
            for (int32_t k = 0; k < a.height * a.width; k++)
                assert_true(b.pixels[k] >= a.pixels[k]);
        }
        lw_dataset_destroy(&second);
    }
    // An image does not depend on how many follow it.
    lw_dataset *few, *drawn_few;
    assert_ok(lw_dataset_slice(&few, digits, 0, 10));
    drawn_few = draw(few, "16..40", plain);
    for (size_t i = 0; i < 10; i++)
        assert_true(same_image(lw_dataset_get(first, i), lw_dataset_get(drawn_few, i)));
    lw_dataset_destroy(&drawn_few);
    lw_dataset_destroy(&few);
    lw_dataset_destroy(&first);
    lw_dataset_destroy(&digits);
}

static void test_colour_and_empty_images(void **state)
{
    (void)state;
    uint8_t pixels[2 * 6 * 10 * 3] = {0}; // the second one is black
    for (int i = 0; i < 6 * 10; i++) pixels[3 * i + 1] = 200;
    int32_t labels[2] = {1, 0};
    const char *const names[] = {"black", "green"};
    lw_dataset *source;
    assert_ok(lw_dataset_create(&source, "colours", pixels, labels, 2, 3, 6, 10, 2, names));
    lw_dataset *drawn = draw(source, "30", (lw_varres_options){.seed = 1, .rotate_degrees = 180});
    lw_sample image = lw_dataset_get(drawn, 0);
    assert_int_equal(3, image.channels);
    int brightest[3] = {0};
    for (int i = 0; i < 30 * 30; i++)
        for (int c = 0; c < 3; c++)
            if (image.pixels[3 * i + c] > brightest[c]) brightest[c] = image.pixels[3 * i + c];
    assert_int_equal(0, brightest[0]);
    assert_int_equal(200, brightest[1]);
    assert_int_equal(0, brightest[2]);
    assert_string_equal("green", lw_dataset_class_name(drawn, 1));
    image = lw_dataset_get(drawn, 1);
    for (int i = 0; i < 30 * 30 * 3; i++) assert_int_equal(0, image.pixels[i]);
    lw_dataset_destroy(&drawn);
    lw_dataset_destroy(&source);
}

static void expect_sides(lw_status status, const char *text, const char *part)
{
    lw_side_choice choice;
    if (status)
        assert_failed(lw_side_choice_parse(&choice, text, "--sizes"), status, part);
    else
        assert_ok(lw_side_choice_parse(&choice, text, "--sizes"));
}

static void test_bad_input(void **state)
{
    (void)state;
    expect_sides(LW_OK, "8..1024", NULL);
    expect_sides(LW_OK, "64", NULL);
    static const char *const wrong[] = {"",   "a",    "32,",  ",32", "32;48",
                                        "..", "20..", "..96", "1e2", "32x32"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_sides(LW_ERROR_ARGUMENT, wrong[i], "--sizes: expected sides as in 32,48,64");
    expect_sides(LW_ERROR_ARGUMENT, "7", "8 to 1024 pixels, got 7");
    expect_sides(LW_ERROR_ARGUMENT, "20..2000", "got 2000");
    expect_sides(LW_ERROR_ARGUMENT, "-5", "8 to 1024 pixels");
    expect_sides(LW_ERROR_ARGUMENT, "96..20", "ends before it begins");
    char many[4 * 65 + 1] = "";
    for (int i = 0; i < 65; i++) memcpy(many + 3 * i, i < 64 ? "32," : "32", i < 64 ? 4 : 3);
    expect_sides(LW_ERROR_ARGUMENT, many, "at most 64 sides");

    lw_dataset *digits = make_digits(3), *drawn;
    lw_varres_options options = {.rotate_degrees = 200};
    assert_failed(lw_dataset_create_varres(&drawn, "x", digits, &options), LW_ERROR_ARGUMENT,
                  "0 to 180 degrees, got 200");
    assert_null(drawn);
    options = (lw_varres_options){.clutter = 65};
    assert_failed(lw_dataset_create_varres(&drawn, "x", digits, &options), LW_ERROR_ARGUMENT,
                  "0 to 64 scraps");
    options = (lw_varres_options){.sides = {.count = 1, .sides = {5}}};
    assert_failed(lw_dataset_create_varres(&drawn, "x", digits, &options), LW_ERROR_ARGUMENT,
                  "got 5");
    options = (lw_varres_options){.stream = 1u << 24};
    assert_failed(lw_dataset_create_varres(&drawn, "x", digits, &options), LW_ERROR_ARGUMENT,
                  "2^24");
    assert_failed(lw_dataset_create_varres(&drawn, "x", NULL, &options), LW_ERROR_ARGUMENT, "NULL");
    lw_dataset_destroy(&digits);
}

static void test_by_name(void **state)
{
    (void)state;
    lw_data_splits splits, again;
    lw_data_options options = {.name = "varres:digits:20..30",
                               .train_limit = 50,
                               .validation_count = 30,
                               .offline = true,
                               .seed = 1};
    assert_ok(lw_data_open(&splits, &options));
    assert_string_equal("varres:digits:20..30", splits.name);
    assert_non_null(strstr(splits.source, "built-in digits"));
    assert_int_equal(50, lw_dataset_size(splits.train));
    assert_int_equal(30, lw_dataset_size(splits.validation));
    assert_string_equal("varres:digits:20..30 test", lw_dataset_name(splits.test));
    options.name = splits.name; // as a run remembers it
    assert_ok(lw_data_open(&again, &options));
    assert_int_equal(50, count_same(splits.train, again.train));
    assert_int_equal(lw_dataset_size(splits.test), count_same(splits.test, again.test));
    lw_data_close(&again);
    lw_data_close(&splits);
    options.name = "varres:digits";
    assert_ok(lw_data_open(&splits, &options));
    assert_string_equal("varres:digits", splits.name);
    lw_data_close(&splits);
    static const struct {
        const char *name;
        lw_status status;
        const char *part;
    } wrong[] = {
        {"varres:digtis", LW_ERROR_NOT_FOUND, "did you mean 'digits'?"},
        {"varres:varres", LW_ERROR_NOT_FOUND, "another varres"},
        {"varres:a/b", LW_ERROR_NOT_FOUND, "varres:SOURCE"},
        {"varres:digits:x", LW_ERROR_ARGUMENT, "expected sides"},
        {"varres:digits:20,21,22,23,24,25,26,27,28,29", LW_ERROR_ARGUMENT, "more than 24"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options.name = wrong[i].name;
        assert_failed(lw_data_open(&splits, &options), wrong[i].status, wrong[i].part);
        assert_null(splits.train);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_labels), cmocka_unit_test(test_drawing_fills_the_square),
        cmocka_unit_test(test_chance),           cmocka_unit_test(test_colour_and_empty_images),
        cmocka_unit_test(test_bad_input),        cmocka_unit_test(test_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
