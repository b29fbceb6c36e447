// SPDX-License-Identifier: Apache-2.0
// What the training threads are handed: the data set's own images, rescaled, augmented, mixed.
#include "prepare/sampler.h"

#include <lanewise/resize.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { count = 60, side = 28 };

static lw_dataset *digits;

static int make_digits(void **state)
{
    (void)state;
    const lw_digits_options options = {.seed = 1, .count = count, .side = side};
    return lw_dataset_create_digits(&digits, "digits", &options) ? -1 : 0;
}

static int free_digits(void **state)
{
    (void)state;
    lw_dataset_destroy(&digits);
    return 0;
}

static void test_nothing_asked_for(void **state)
{
    (void)state;
    const lw_augment none = lw_augment_none();
    const lw_sampler_options all[] = {{.seed = 1}, {.augment = &none}};
    for (size_t k = 0; k < 2; k++) {
        lw_sampler sampler;
        assert_int_equal(LW_OK, lw_sampler_init(&sampler, digits, &all[k]));
        const lw_drawn drawn = lw_sampler_take(&sampler, 3, 5);
        assert_ptr_equal(drawn.image.pixels, lw_dataset_get(digits, 5).pixels);
        assert_float_equal(drawn.other_share, 0, 0);
        assert_null(sampler.block);
        lw_sampler_destroy(&sampler);
    }
}

static void test_sides(void **state)
{
    (void)state;
    assert_int_equal(lw_sampler_side(28, 1.0), 28);
    assert_int_equal(lw_sampler_side(28, 0.5), 16); // 14 is half-way and goes up
    assert_int_equal(lw_sampler_side(33, 1.0), 32);
    assert_int_equal(lw_sampler_side(1, 0.1), 4);
    assert_int_equal(lw_sampler_side(16384, 10), 16384);
}

static void test_rescaling(void **state)
{
    (void)state;
    const lw_sampler_options options = {.rescale_low = 0.5, .rescale_high = 2, .seed = 4};
    lw_sampler sampler;
    int seen[64] = {0}, sizes = 0;
    assert_int_equal(LW_OK, lw_sampler_init(&sampler, digits, &options));
    for (uint32_t epoch = 0; epoch < 3; epoch++)
        for (size_t i = 0; i < count; i++) {
            const lw_sample look = lw_sampler_look(&sampler, epoch, i);
            const lw_sample from = lw_dataset_get(digits, i);
            const lw_sample got = lw_sampler_take(&sampler, epoch, i).image;
            assert_int_equal(look.height, got.height);
            assert_int_equal(look.width, got.width);
            assert_int_equal(got.label, from.label);
            assert_int_equal(got.height % LW_SAMPLER_SIDE_STEP, 0);
            assert_in_range(got.height, 16, 56);
            uint8_t *expected = malloc((size_t)(got.height * got.width));
            assert_int_equal(LW_OK, lw_image_resize(from.pixels, side, side, 1, expected,
                                                    got.height, got.width, LW_RESIZE_BILINEAR));
            assert_memory_equal(got.pixels, expected, (size_t)(got.height * got.width));
            free(expected);
            sizes += seen[got.height]++ == 0;
        }
    assert_int_equal(sizes, 11); // 16, 20, ..., 56
    lw_sampler_destroy(&sampler);
}

static void test_mixtures(void **state)
{
    (void)state;
    lw_augment augment, alone;
    assert_int_equal(LW_OK, lw_augment_parse(&augment, "rotate=20,mixup=1"));
    assert_int_equal(LW_OK, lw_augment_parse(&alone, "rotate=20"));
    const lw_sampler_options options = {.augment = &augment, .seed = 9};
    const lw_sampler_options plain = {.augment = &alone, .seed = 9};
    lw_sampler sampler, other;
    assert_int_equal(LW_OK, lw_sampler_init(&sampler, digits, &options));
    assert_int_equal(LW_OK, lw_sampler_init(&other, digits, &plain));
    int mixed = 0;
    for (size_t i = 0; i < count; i++) {
        const lw_mixup mixup =
            lw_augment_draw_mixup(&augment, (lw_augment_key){9, 2, i}, lw_dataset_size(digits));
        const lw_drawn drawn = lw_sampler_take(&sampler, 2, i);
        uint8_t expected[side * side], partner[side * side];
        // Both images are what they are in that epoch without mixing.
        memcpy(expected, lw_sampler_take(&other, 2, i).image.pixels, sizeof expected);
        memcpy(partner, lw_sampler_take(&other, 2, mixup.other).image.pixels, sizeof partner);
        lw_augment_mix(expected, partner, sizeof expected, mixup.share);
        assert_memory_equal(drawn.image.pixels, expected, sizeof expected);
        assert_int_equal(drawn.image.label, lw_dataset_get(digits, i).label);
        if (mixup.share == 0) continue;
        assert_int_equal(drawn.other_label, lw_dataset_get(digits, mixup.other).label);
        assert_float_equal(drawn.other_share, (float)mixup.share / 256, 0);
        mixed++;
    }
    assert_in_range(mixed, count / 2, count);
    lw_sampler_destroy(&sampler);
    lw_sampler_destroy(&other);
}

// Rescaled, augmented and mixed at once, in any order: a function of epoch and index.
static void test_any_order(void **state)
{
    (void)state;
    lw_augment augment;
    assert_int_equal(LW_OK, lw_augment_parse(&augment, "digits,elastic=1,blur=1,noise=4,mixup=1"));
    const lw_sampler_options options = {&augment, 0.7, 1.5, 3};
    lw_sampler a, b;
    assert_int_equal(LW_OK, lw_sampler_init(&a, digits, &options));
    assert_int_equal(LW_OK, lw_sampler_init(&b, digits, &options));
    for (size_t i = 0; i < count; i++) lw_sampler_take(&b, 7, i);
    for (size_t i = count; i-- > 0;) {
        const lw_sample one = lw_sampler_take(&a, 1, i).image;
        lw_sampler_take(&b, 5, (i * 7) % count);
        const lw_sample two = lw_sampler_take(&b, 1, i).image;
        assert_int_equal(one.height, two.height);
        assert_memory_equal(one.pixels, two.pixels, (size_t)(one.height * one.width));
    }
    lw_sampler_destroy(&a);
    lw_sampler_destroy(&b);
}

static void test_refusals(void **state)
{
    (void)state;
    lw_augment wrong = lw_augment_none();
    wrong.noise = -1;
    const lw_sampler_options all[] = {{.augment = &wrong},
                                      {.rescale_low = 0.05, .rescale_high = 1},
                                      {.rescale_low = 1, .rescale_high = 0.5},
                                      {.rescale_low = 1, .rescale_high = 11},
                                      {.rescale_low = NAN, .rescale_high = 1}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        lw_sampler sampler;
        assert_int_equal(LW_ERROR_ARGUMENT, lw_sampler_init(&sampler, digits, &all[k]));
        lw_sampler_destroy(&sampler);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_asked_for), cmocka_unit_test(test_sides),
        cmocka_unit_test(test_rescaling),         cmocka_unit_test(test_mixtures),
        cmocka_unit_test(test_any_order),         cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_digits, free_digits);
}
