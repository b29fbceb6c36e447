// SPDX-License-Identifier: Apache-2.0
// The built-in digits: the same for the same numbers, different otherwise, and readable.
#include "support.h"

#include "data/digits_internal.h"

#include <lanewise/data.h>
#include <stdlib.h>
#include <string.h>

static lw_dataset *make(uint64_t seed, uint32_t stream, uint64_t first, size_t count, int32_t side)
{
    lw_digits_options options = {
        .seed = seed, .stream = stream, .first = first, .count = count, .side = side};
    lw_dataset *dataset;
    assert_ok(lw_dataset_create_digits(&dataset, "digits", &options));
    return dataset;
}

static bool same_image(const lw_dataset *a, size_t i, const lw_dataset *b, size_t j)
{
    lw_sample left = lw_dataset_get(a, i), right = lw_dataset_get(b, j);
    return left.label == right.label && left.height == right.height &&
           memcmp(left.pixels, right.pixels, (size_t)left.height * (size_t)left.width) == 0;
}

static void test_deterministic(void **state)
{
    (void)state;
    lw_dataset *all = make(7, 0, 0, 50, 28), *again = make(7, 0, 0, 50, 28);
    lw_dataset *part = make(7, 0, 20, 30, 28);
    for (size_t i = 0; i < 50; i++) assert_true(same_image(all, i, again, i));
    for (size_t i = 0; i < 30; i++) assert_true(same_image(all, 20 + i, part, i));
    assert_false(same_image(all, 0, all, 1)); // the comparison can say no
    lw_dataset_destroy(&all);
    lw_dataset_destroy(&again);
    lw_dataset_destroy(&part);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

// No image comes twice: not within a set, not with another seed, stream or index.
static void test_all_differ(void **state)
{
    (void)state;
    enum { each = 500 };
    static uint64_t hashes[4 * each];
    lw_dataset *sets[4] = {make(1, 0, 0, each, 20), make(2, 0, 0, each, 20),
                           make(1, 1, 0, each, 20), make(1, 0, each, each, 20)};
    for (size_t set = 0; set < 4; set++)
        for (size_t i = 0; i < each; i++) {
            uint64_t hash = 14695981039346656037u; // FNV-1a
            const uint8_t *pixels = lw_dataset_get(sets[set], i).pixels;
            for (int k = 0; k < 400; k++) hash = (hash ^ pixels[k]) * 1099511628211u;
            hashes[set * each + i] = hash;
        }
    qsort(hashes, 4 * each, sizeof hashes[0], compare_hashes);
    for (size_t i = 1; i < 4 * each; i++) assert_true(hashes[i] != hashes[i - 1]);
    for (size_t set = 0; set < 4; set++) lw_dataset_destroy(&sets[set]);
}

static void test_labels_are_even(void **state)
{
    (void)state;
    lw_dataset *dataset = make(3, 0, 0, 2000, 8);
    int counts[10] = {0};
    assert_int_equal(lw_dataset_class_count(dataset), 10);
    for (size_t i = 0; i < 2000; i++) {
        int32_t label = lw_dataset_get(dataset, i).label;
        assert_in_range(label, 0, 9);
        counts[label]++;
    }
    // 200 each on average with a standard deviation of 13.
    for (int digit = 0; digit < 10; digit++) assert_in_range(counts[digit], 140, 260);
    lw_dataset_destroy(&dataset);
}

// White strokes on black that stay on the paper: ink in the middle, hardly any at the border.
static void test_ink(void **state)
{
    (void)state;
    enum { side = 28, n = 400 };
    lw_dataset *dataset = make(5, 0, 0, n, side);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pixels = lw_dataset_get(dataset, i).pixels;
        int sum = 0, brightest = 0, border = 0;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                int value = pixels[y * side + x];
                sum += value;
                if (value > brightest) brightest = value;
                if (x == 0 || y == 0 || x == side - 1 || y == side - 1) border += value;
            }
        assert_in_range(sum / (side * side), 5, 110);
        assert_in_range(brightest, 128, 255);
        assert_in_range(border / (4 * side - 4), 0, 60);
    }
    lw_dataset_destroy(&dataset);
}

// The drawing is the same at twice the side: averaged in blocks of four it looks like the small
// one.
static void test_any_resolution(void **state)
{
    (void)state;
    enum { side = 28, n = 60 };
    lw_dataset *small = make(9, 0, 0, n, side), *large = make(9, 0, 0, n, 2 * side);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *a = lw_dataset_get(small, i).pixels, *b = lw_dataset_get(large, i).pixels;
        assert_int_equal(lw_dataset_get(small, i).label, lw_dataset_get(large, i).label);
        double difference = 0, total = 0;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                const uint8_t *block = b + 2 * y * 2 * side + 2 * x;
                double mean = (block[0] + block[1] + block[2 * side] + block[2 * side + 1]) / 4.0;
                double value = a[y * side + x];
                difference += (mean - value) * (mean - value);
                total += value * value;
            }
        // Noise and each side's own anti-aliasing remain (measured: up to 0.05); another drawing
        // differs by about 2.
        assert_true(difference < 0.1 * total);
    }
    lw_dataset_destroy(&small);
    lw_dataset_destroy(&large);
}

// Whoever draws a wrong digit for a label, or one that looks like another, fails here: the nearest
// of 2000 small images names most digits right. (Chance: 10 %; measured: 88 %.)
static void test_readable(void **state)
{
    (void)state;
    enum { side = 14, n_known = 2000, n_asked = 200 };
    lw_dataset *known = make(1, 0, 0, n_known, side), *asked = make(1, 1, 0, n_asked, side);
    int right = 0;
    for (size_t i = 0; i < n_asked; i++) {
        lw_sample question = lw_dataset_get(asked, i);
        int32_t best = INT32_MAX, answer = -1;
        for (size_t j = 0; j < n_known; j++) {
            lw_sample sample = lw_dataset_get(known, j);
            int32_t distance = 0;
            for (int k = 0; k < side * side; k++) {
                int32_t d = question.pixels[k] - sample.pixels[k];
                distance += d * d;
            }
            if (distance < best) {
                best = distance;
                answer = sample.label;
            }
        }
        right += answer == question.label;
    }
    assert_in_range(right, n_asked * 75 / 100, n_asked);
    lw_dataset_destroy(&known);
    lw_dataset_destroy(&asked);
}

static void test_glyphs(void **state)
{
    (void)state;
    for (int32_t digit = 0; digit < 10; digit++) {
        assert_in_range(lw_glyph_count(digit), 4, 100);
        for (int32_t hand = 0; hand < lw_glyph_count(digit); hand++) {
            const lw_glyph *glyph = lw_glyph_get(digit, hand);
            int n = 0;
            assert_int_equal(glyph->digit, digit);
            assert_int_equal(glyph->points[0].pen, LW_PEN_DOWN);
            for (; n < LW_GLYPH_MOST_POINTS && glyph->points[n].pen != LW_PEN_END; n++) {
                assert_true(glyph->points[n].x >= 10 && glyph->points[n].x <= 90);
                assert_true(glyph->points[n].y >= 0 && glyph->points[n].y <= 100);
            }
            assert_in_range(n, 3, LW_GLYPH_MOST_POINTS - 1);
        }
    }
}

static void test_pen(void **state)
{
    (void)state;
    enum { side = 16 };
    float ink[side * side] = {0};
    lw_paper paper = {.ink = ink, .side = side, .edge = 1.0f};
    // A stroke two pixels wide whose middle is the line between rows 7 and 8.
    lw_pen_draw(&paper, (lw_nib){3.5f, 8.0f, 1.0f}, (lw_nib){12.5f, 8.0f, 1.0f});
    for (int x = 3; x <= 12; x++) {
        assert_float_equal(ink[7 * side + x], 1.0f, 1e-6);
        assert_float_equal(ink[8 * side + x], 1.0f, 1e-6);
        assert_float_equal(ink[6 * side + x], 0.0f, 1e-6);
        assert_float_equal(ink[9 * side + x], 0.0f, 1e-6);
    }
    assert_float_equal(ink[7 * side + 15], 0.0f, 1e-6);
    // A border through the middle of a pixel leaves it half dark.
    lw_pen_draw(&paper, (lw_nib){4.0f, 2.0f, 1.5f}, (lw_nib){12.0f, 2.0f, 1.5f});
    assert_float_equal(ink[3 * side + 8], 0.5f, 1e-6);
    // Off the paper, and a point instead of a piece: nothing bad (the sanitizers watch).
    lw_pen_draw(&paper, (lw_nib){-9.0f, -9.0f, 2.0f}, (lw_nib){30.0f, -5.0f, 2.0f});
    lw_pen_draw(&paper, (lw_nib){40.0f, 40.0f, 2.0f}, (lw_nib){40.0f, 40.0f, 2.0f});
    lw_pen_draw(&paper, (lw_nib){15.9f, 15.9f, 2.0f}, (lw_nib){15.9f, 15.9f, 2.0f});
    assert_float_equal(ink[15 * side + 15], 1.0f, 1e-6);
}

static void test_bad_options(void **state)
{
    (void)state;
    lw_dataset *dataset = (lw_dataset *)&dataset;
    lw_digits_options good = {.count = 1, .side = 28}, bad = good;
    bad.count = 0;
    assert_failed(lw_dataset_create_digits(&dataset, "d", &bad), LW_ERROR_ARGUMENT, "got 0");
    assert_null(dataset);
    bad.count = SIZE_MAX;
    assert_failed(lw_dataset_create_digits(&dataset, "d", &bad), LW_ERROR_ARGUMENT, "digits, got");
    bad = good;
    bad.side = 7;
    assert_failed(lw_dataset_create_digits(&dataset, "d", &bad), LW_ERROR_ARGUMENT, "side, got 7");
    bad.side = 1025;
    assert_failed(lw_dataset_create_digits(&dataset, "d", &bad), LW_ERROR_ARGUMENT, "got 1025");
    bad = good;
    bad.stream = 1u << 24;
    assert_failed(lw_dataset_create_digits(&dataset, "d", &bad), LW_ERROR_ARGUMENT, "stream");
    assert_failed(lw_dataset_create_digits(&dataset, "d", NULL), LW_ERROR_ARGUMENT, "NULL");
    assert_failed(lw_dataset_create_digits(NULL, "d", &good), LW_ERROR_ARGUMENT, "NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deterministic),   cmocka_unit_test(test_all_differ),
        cmocka_unit_test(test_labels_are_even), cmocka_unit_test(test_ink),
        cmocka_unit_test(test_any_resolution),  cmocka_unit_test(test_readable),
        cmocka_unit_test(test_glyphs),          cmocka_unit_test(test_pen),
        cmocka_unit_test(test_bad_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
