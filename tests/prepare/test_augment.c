// SPDX-License-Identifier: Apache-2.0
// What each word does to images, how strongly, and that it is a function of the key alone.
#include <lanewise/lanewise.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { side = 28, n_pixels = side * side };

static lw_dataset *digits;

static int make_digits(void **state)
{
    (void)state;
    const lw_digits_options options = {.seed = 1, .count = 40, .side = side};
    return lw_dataset_create_digits(&digits, "digits", &options) ? -1 : 0;
}

static int free_digits(void **state)
{
    (void)state;
    lw_dataset_destroy(&digits);
    return 0;
}

static lw_augment parse(const char *text)
{
    lw_augment augment;
    if (lw_augment_parse(&augment, text)) fail_msg("%s: %s", text, lw_error_message());
    return augment;
}

// The result is owned by the caller.
static uint8_t *apply(const lw_augment *augment, lw_augment_key key, const lw_sample *image)
{
    const size_t bytes =
        lw_augment_scratch_bytes(augment, image->channels, image->height, image->width);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    uint8_t *out = malloc((size_t)(image->channels * image->height * image->width));
    assert_non_null(scratch);
    assert_non_null(out);
    // Nothing may hang on what the scratch held before.
    memset(scratch, 0xA5, bytes);
    lw_augment_apply(augment, key, image, scratch, out);
    free(scratch);
    return out;
}

static uint8_t *apply_words(const char *words, uint64_t sample, const lw_sample *image)
{
    const lw_augment augment = parse(words);
    return apply(&augment, (lw_augment_key){1, 0, sample}, image);
}

static lw_sample flat_image(uint8_t *pixels, int level, int32_t channels)
{
    memset(pixels, level, (size_t)(n_pixels * channels));
    return (lw_sample){.pixels = pixels, .channels = channels, .height = side, .width = side};
}

static void test_zero_strength_changes_no_bit(void **state)
{
    (void)state;
    static const char *const idle[] = {"none",         "rotate=0",   "shift=0",       "scale=1:1",
                                       "shear=0",      "flip=0",     "vflip=0",       "crop=0",
                                       "rcrop=1:1",    "elastic=0",  "blur=0",        "noise=0",
                                       "brightness=0", "contrast=0", "erase=0",       "cutout=0",
                                       "mixup=0",      "fill=9",     "elastic=0.0001"};
    for (size_t w = 0; w < sizeof idle / sizeof *idle; w++)
        for (size_t i = 0; i < 10; i++) {
            const lw_sample image = lw_dataset_get(digits, i);
            uint8_t *out = apply_words(idle[w], i, &image);
            if (memcmp(out, image.pixels, n_pixels) != 0) fail_msg("%s changes an image", idle[w]);
            free(out);
        }
}

static void test_function_of_the_key(void **state)
{
    (void)state;
    static const char *const words[] = {
        "rotate=20", "shift=3",       "scale=0.8:1.2", "shear=20", "crop=3",
        "elastic=1", "rcrop=0.5:0.9", "blur=2",        "noise=9",  "brightness=0.4,contrast=0.4",
        "erase=0.4", "cutout=9",      "digits",        "photos"};
    const lw_sample image = lw_dataset_get(digits, 3);
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        const lw_augment augment = parse(words[w]);
        const lw_augment_key keys[] = {{1, 0, 5}, {2, 0, 5}, {1, 1, 5}, {1, 0, 6}};
        uint8_t *first = apply(&augment, keys[0], &image),
                *again = apply(&augment, keys[0], &image);
        assert_memory_equal(first, again, n_pixels);
        free(again);
        int others = 0;
        for (size_t k = 1; k < 4; k++) {
            again = apply(&augment, keys[k], &image);
            others += memcmp(first, again, n_pixels) != 0;
            free(again);
        }
        if (others < 2) fail_msg("%s: seed, epoch and sample hardly matter", words[w]);
        free(first);
    }
}

// ---- geometry -----------------------------------------------------------------------------------

static void test_flips(void **state)
{
    (void)state;
    const lw_sample image = lw_dataset_get(digits, 7);
    uint8_t *flipped = apply_words("flip=1", 0, &image),
            *upside = apply_words("vflip=1", 0, &image);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            assert_int_equal(flipped[y * side + x], image.pixels[y * side + side - 1 - x]);
            assert_int_equal(upside[y * side + x], image.pixels[(side - 1 - y) * side + x]);
        }
    free(flipped);
    free(upside);
    int count = 0;
    for (uint64_t i = 0; i < 400; i++) {
        uint8_t *out = apply_words("flip=0.25", i, &image);
        count += memcmp(out, image.pixels, n_pixels) != 0;
        free(out);
    }
    assert_in_range(count, 70, 130); // 100 expected, deviation 8.7
}

// Where the mass of a spot lies, relative to the image's centre.
static void find_spot(const uint8_t *pixels, double *x, double *y, double *mass)
{
    *x = *y = *mass = 0;
    for (int i = 0; i < n_pixels; i++) {
        *x += pixels[i] * (i % side - 0.5 * (side - 1));
        *y += pixels[i] * (i / side - 0.5 * (side - 1));
        *mass += pixels[i];
    }
    if (*mass > 0) {
        *x /= *mass;
        *y /= *mass;
    }
}

typedef struct spread {
    double low, high;
} spread;

static void widen(spread *s, double value)
{
    if (value < s->low) s->low = value;
    if (value > s->high) s->high = value;
}

// A spot of 3x3 pixels 8 right of the centre tells angle, distance and shift.
static lw_sample spot_image(uint8_t *pixels)
{
    lw_sample image = flat_image(pixels, 0, 1);
    for (int y = 12; y < 16; y++)
        for (int x = 20; x < 24; x++) pixels[y * side + x] = 200;
    return image;
}

static void expect_spread(spread s, double low, double high, double tolerance)
{
    if (!(fabs(s.low - low) <= tolerance && fabs(s.high - high) <= tolerance))
        fail_msg("expected %g .. %g, got %g .. %g", low, high, s.low, s.high);
}

static void test_ranges_of_the_warp(void **state)
{
    (void)state;
    uint8_t pixels[n_pixels];
    const lw_sample image = spot_image(pixels);
    spread angle = {0, 0}, distance = {9, 9}, shift = {0, 0}, lean = {0, 0}, crop = {0, 0};
    for (uint64_t i = 0; i < 300; i++) {
        double x, y, mass;
        uint8_t *out = apply_words("rotate=30", i, &image);
        find_spot(out, &x, &y, &mass);
        widen(&angle, atan2(y, x) * 57.29578);
        assert_true(fabs(hypot(x, y) - 8) < 0.2);
        free(out);
        out = apply_words("scale=0.75:1.25", i, &image);
        find_spot(out, &x, &y, &mass);
        widen(&distance, x);
        free(out);
        out = apply_words("shift=3", i, &image);
        find_spot(out, &x, &y, &mass);
        widen(&shift, x - 8);
        widen(&shift, y);
        free(out);
        out = apply_words("crop=2", i, &image);
        find_spot(out, &x, &y, &mass);
        assert_true(fabs(x - round(x)) < 1e-9 && fabs(y - round(y)) < 1e-9);
        widen(&crop, y);
        free(out);
    }
    expect_spread(angle, -30, 30, 1.0);
    expect_spread(distance, 6, 10, 0.15);
    expect_spread(shift, -3, 3, 0.1);
    expect_spread(crop, -2, 2, 0);
    // A spot above the centre leans sideways under shear.
    memset(pixels, 0, sizeof pixels);
    for (int k = 4; k < 8; k++) memset(pixels + k * side + 12, 200, 4);
    for (uint64_t i = 0; i < 300; i++) {
        double x, y, mass;
        uint8_t *out = apply_words("shear=20", i, &image);
        find_spot(out, &x, &y, &mass);
        widen(&lean, atan2(x, -y) * 57.29578);
        free(out);
    }
    expect_spread(lean, -20, 20, 1.0);
}

static void test_share_of_the_side(void **state)
{
    (void)state;
    uint8_t pixels[n_pixels];
    const lw_sample image = spot_image(pixels);
    spread shift = {0, 0};
    for (uint64_t i = 0; i < 300; i++) {
        double x, y, mass;
        uint8_t *out = apply_words("shift=10%", i, &image);
        find_spot(out, &x, &y, &mass);
        widen(&shift, y);
        free(out);
    }
    expect_spread(shift, -2.8, 2.8, 0.1);
}

static void test_fill_comes_in(void **state)
{
    (void)state;
    uint8_t pixels[3 * n_pixels];
    const lw_sample image = flat_image(pixels, 200, 3);
    for (uint64_t i = 0; i < 20; i++) {
        uint8_t *out = apply_words("rotate=40,fill=60", i, &image);
        for (int k = 0; k < 3 * n_pixels; k++) {
            assert_in_range(out[k], 60, 200);
            assert_int_equal(out[k], out[k - k % 3]); // channels move together
        }
        free(out);
    }
}

static void test_parts_of_the_image(void **state)
{
    (void)state;
    uint8_t ramp[n_pixels];
    const lw_sample image = {.pixels = ramp, .channels = 1, .height = side, .width = side};
    spread slope = {1, 0};
    for (int i = 0; i < n_pixels; i++) ramp[i] = (uint8_t)(9 * (i % side));
    for (uint64_t i = 0; i < 200; i++) {
        uint8_t *out = apply_words("rcrop=0.25:1", i, &image);
        // The middle half: at the border half a pixel of fill may come in.
        widen(&slope, (out[14 * side + 21] - out[14 * side + 7]) / (9.0 * 14));
        free(out);
    }
    // Sides of half to all, times the root of 3:4 to 4:3.
    if (slope.low < 0.43 || slope.low > 0.55 || slope.high < 0.9 || slope.high > 1.01)
        fail_msg("slopes from %g to %g", slope.low, slope.high);
}

// ---- values -------------------------------------------------------------------------------------

static double mean_of(const uint8_t *pixels)
{
    double sum = 0;
    for (int i = 0; i < n_pixels; i++) sum += pixels[i];
    return sum / n_pixels;
}

static void test_brightness_and_contrast(void **state)
{
    (void)state;
    uint8_t pixels[n_pixels];
    const lw_sample image = {.pixels = pixels, .channels = 1, .height = side, .width = side};
    spread level = {100, 100}, distance = {20, 20};
    for (uint64_t i = 0; i < 300; i++) {
        memset(pixels, 100, sizeof pixels);
        uint8_t *out = apply_words("brightness=0.3", i, &image);
        widen(&level, out[0]);
        free(out);
        for (int k = 0; k < n_pixels; k++) pixels[k] = k % 2 ? 120 : 80;
        out = apply_words("contrast=0.5", i, &image);
        assert_true(fabs(mean_of(out) - 100) <= 0.5);
        widen(&distance, 0.5 * (out[1] - out[0]));
        free(out);
    }
    expect_spread(level, 70, 130, 1.0);
    expect_spread(distance, 10, 30, 1.0);
}

static void test_noise(void **state)
{
    (void)state;
    uint8_t pixels[n_pixels];
    const lw_sample image = flat_image(pixels, 128, 1);
    double sum = 0, squares = 0, beside = 0;
    int count = 0;
    for (uint64_t i = 0; i < 50; i++) {
        uint8_t *out = apply_words("noise=10", i, &image);
        for (int k = 0; k + 1 < n_pixels; k++, count++) {
            sum += out[k] - 128;
            squares += (out[k] - 128) * (out[k] - 128);
            beside += (out[k] - 128) * (out[k + 1] - 128);
        }
        free(out);
    }
    // 39,150 values: the mean deviates by 0.05, the deviation by 0.04, the correlation by 0.005.
    assert_true(fabs(sum / count) < 0.25);
    assert_true(fabs(sqrt(squares / count) - 10) < 0.2);
    assert_true(fabs(beside / squares) < 0.025);
}

static void test_blur(void **state)
{
    (void)state;
    uint8_t pixels[n_pixels];
    lw_sample image = flat_image(pixels, 77, 1);
    for (uint64_t i = 0; i < 10; i++) {
        uint8_t *out = apply_words("blur=3", i, &image);
        assert_memory_equal(out, pixels, n_pixels); // flat up to the border
        free(out);
    }
    image = flat_image(pixels, 0, 1);
    pixels[14 * side + 14] = 255;
    int blurred = 0;
    for (uint64_t i = 0; i < 30; i++) {
        uint8_t *out = apply_words("blur=1", i, &image);
        double x, y, mass;
        find_spot(out, &x, &y, &mass);
        assert_true(fabs(x - 0.5) < 0.05 && fabs(y - 0.5) < 0.05); // symmetric about the pixel
        assert_true(fabs(mass - 255) < 30);                        // rounding of small values
        blurred += out[14 * side + 14] < 200;
        free(out);
    }
    assert_in_range(blurred, 8, 28); // where the deviation is above about 0.4
}

static void test_erase_and_cutout(void **state)
{
    (void)state;
    uint8_t pixels[n_pixels];
    const lw_sample image = flat_image(pixels, 200, 1);
    int largest_erased = 0, largest_cut = 0;
    for (uint64_t i = 0; i < 200; i++) {
        uint8_t *out = apply_words("erase=0.5,fill=3", i, &image);
        int erased = 0, cut = 0;
        for (int k = 0; k < n_pixels; k++) {
            assert_true(out[k] == 200 || out[k] == 3);
            erased += out[k] == 3;
        }
        free(out);
        out = apply_words("cutout=8", i, &image);
        for (int k = 0; k < n_pixels; k++) cut += out[k] == 0;
        free(out);
        if (erased > largest_erased) largest_erased = erased;
        if (cut > largest_cut) largest_cut = cut;
        assert_in_range(cut, 16, 64); // a quarter of it at least is inside
    }
    assert_in_range(largest_erased, n_pixels * 4 / 10, n_pixels * 55 / 100);
    assert_int_equal(largest_cut, 64);
}

// ---- mixup --------------------------------------------------------------------------------------

static void test_mixup(void **state)
{
    (void)state;
    const lw_augment augment = parse("mixup=1"), none = lw_augment_none();
    double sum = 0;
    int others[10] = {0};
    for (uint64_t i = 0; i < 2000; i++) {
        const lw_augment_key key = {1, 0, i};
        const lw_mixup mixup = lw_augment_draw_mixup(&augment, key, 10);
        assert_in_range(mixup.share, 0, 128);
        assert_in_range(mixup.other, 0, 9);
        others[mixup.other]++;
        sum += mixup.share;
        assert_int_equal(lw_augment_draw_mixup(&none, key, 10).share, 0);
    }
    // Beta(1, 1) is uniform; the smaller part of it has the mean 1/4.
    assert_true(fabs(sum / 2000 / 256 - 0.25) < 0.01);
    for (int k = 0; k < 10; k++) assert_in_range(others[k], 140, 260);
    // Small alphas mix little.
    const lw_augment little = parse("mixup=0.1");
    sum = 0;
    for (uint64_t i = 0; i < 2000; i++)
        sum += lw_augment_draw_mixup(&little, (lw_augment_key){1, 0, i}, 10).share;
    assert_true(sum / 2000 / 256 < 0.06);
    uint8_t image[4] = {0, 100, 200, 255};
    const uint8_t other[4] = {255, 200, 100, 255};
    lw_augment_mix(image, other, 4, 64);
    const uint8_t expected[4] = {64, 125, 175, 255};
    assert_memory_equal(image, expected, 4);
    lw_augment_mix(image, other, 4, 0);
    assert_memory_equal(image, expected, 4);
}

static void test_any_size(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{1, 1, 1}, {3, 1, 70}, {1, 90, 2}, {4, 33, 65}};
    const char *const all = "rotate=180,shift=50%,scale=0.1:10,shear=60,flip,vflip,crop=9,"
                            "rcrop=0.01:1,elastic=9:1,blur=20,brightness=1,contrast=1,noise=128,"
                            "erase=1,cutout=40,fill=7";
    uint8_t pixels[4 * 33 * 65];
    memset(pixels, 99, sizeof pixels);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint64_t k = 0; k < 40; k++) {
            const lw_sample image = {.pixels = pixels,
                                     .channels = sizes[i][0],
                                     .height = sizes[i][1],
                                     .width = sizes[i][2]};
            free(apply_words(all, k, &image));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_strength_changes_no_bit),
        cmocka_unit_test(test_function_of_the_key),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_ranges_of_the_warp),
        cmocka_unit_test(test_share_of_the_side),
        cmocka_unit_test(test_fill_comes_in),
        cmocka_unit_test(test_parts_of_the_image),
        cmocka_unit_test(test_brightness_and_contrast),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_blur),
        cmocka_unit_test(test_erase_and_cutout),
        cmocka_unit_test(test_mixup),
        cmocka_unit_test(test_any_size),
    };
    return cmocka_run_group_tests(tests, make_digits, free_digits);
}
