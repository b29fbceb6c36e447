// SPDX-License-Identifier: Apache-2.0
// Layouts of maps: where elements stand, and images between a caller's layout and a kernel's view.
#include "conv/maps.h"
#include "simd/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const lw_conv_shape shape = {.n = 2, .ic = 19, .ih = 6, .iw = 7, .oc = 5, .kh = 3, .kw = 5,
                                    .stride_h = 1, .stride_w = 1, .pad_h = 1, .pad_w = 1,
                                    .dilation_h = 1, .dilation_w = 2};

static int64_t place(const lw_conv_map *map, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return map->origin + n * map->image + c * map->channel + h * map->row + w * map->pixel;
}

static void plain_layouts_are_dense(void **state)
{
    (void)state;
    lw_conv_map x, y;
    int64_t x_floats, y_floats;
    assert_int_equal(
        lw_conv_maps(&shape, LW_CONV_LAYOUT_NCHW, &x, &y, &x_floats, &y_floats), LW_OK);
    assert_int_equal(x_floats, 2 * 19 * 6 * 7);
    assert_int_equal(place(&x, 1, 2, 3, 4), ((1 * 19 + 2) * 6 + 3) * 7 + 4);
    assert_int_equal(lw_conv_maps(&shape, LW_CONV_LAYOUT_NHWC, &x, &y, NULL, &y_floats), LW_OK);
    assert_int_equal(place(&x, 1, 2, 3, 4), ((1 * 6 + 3) * 7 + 4) * 19 + 2);
    assert_int_equal(x.halo_h, 0);
    assert_int_equal(y_floats, 2 * 5 * y.height * y.width);
}

// Halo of x: the padding; of y: what a backward pass reads beyond the map.
static void padded_layout_has_blocks_and_halos(void **state)
{
    (void)state;
    lw_conv_map x, y;
    int64_t x_floats, y_floats;
    assert_int_equal(
        lw_conv_maps(&shape, LW_CONV_LAYOUT_PADDED, &x, &y, &x_floats, &y_floats), LW_OK);
    assert_int_equal(x.padded_channels, 32);
    assert_int_equal(x_floats, 2 * 8 * 9 * 32);
    assert_int_equal(x.origin, (9 + 1) * 32);
    assert_int_equal(y.padded_channels, 16);
    assert_int_equal(y.halo_h, 1);
    assert_int_equal(y.halo_w, 7);
    assert_int_equal(y.height, 6);
    assert_int_equal(y.width, 1);
    assert_int_equal(y_floats, 2 * 8 * 15 * 16);
    lw_conv_shape first = shape;
    first.ic = 3;
    assert_int_equal(lw_conv_maps(&first, LW_CONV_LAYOUT_PADDED, &x, NULL, NULL, NULL), LW_OK);
    assert_int_equal(x.pixel, 3);
}

static void impossible_maps_are_refused(void **state)
{
    (void)state;
    lw_conv_map x, y;
    assert_int_equal(lw_conv_maps(&shape, (lw_conv_layout)7, &x, &y, NULL, NULL),
                     LW_ERROR_ARGUMENT);
    lw_conv_shape bad = shape;
    bad.ic = 0;
    assert_int_equal(lw_conv_maps(&bad, LW_CONV_LAYOUT_NCHW, &x, &y, NULL, NULL),
                     LW_ERROR_ARGUMENT);
    bad = shape; // dense it fits 63 bits, with a halo it does not
    bad.n = bad.ih = bad.iw = 1;
    bad.pad_h = bad.pad_w = INT32_MAX / 2;
    bad.ic = INT32_MAX / 2;
    assert_int_not_equal(lw_conv_maps(&bad, LW_CONV_LAYOUT_PADDED, &x, &y, NULL, NULL), LW_OK);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    lw_conv_layout layout;
    for (int i = LW_CONV_LAYOUT_NCHW; i <= LW_CONV_LAYOUT_PADDED; i++) {
        assert_int_equal(lw_conv_layout_parse(&layout, lw_conv_layout_name((lw_conv_layout)i)),
                         LW_OK);
        assert_int_equal(layout, i);
    }
    assert_string_equal(lw_conv_layout_name((lw_conv_layout)3), "unknown");
    assert_int_equal(lw_conv_layout_parse(&layout, "nhcw"), LW_ERROR_INPUT);
    assert_int_equal(lw_conv_layout_parse(NULL, "nchw"), LW_ERROR_ARGUMENT);
}

// A number that says which element it is.
static float mark(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return (float)(((n * 64 + c) * 64 + h) * 64 + w + 1);
}

static float *marked_array(const lw_conv_map *map, int64_t floats)
{
    float *array = calloc((size_t)floats, sizeof *array);
    assert_non_null(array);
    for (int64_t n = 0; n < shape.n; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++)
                for (int32_t w = 0; w < map->width; w++)
                    array[place(map, n, c, h, w)] = mark(n, c, h, w);
    return array;
}

// What a view reads is the image with zeros around it, whatever the caller's layout.
static void views_read_images(void **state)
{
    (void)state;
    for (int layout = LW_CONV_LAYOUT_NCHW; layout <= LW_CONV_LAYOUT_PADDED; layout++)
        for (int32_t halo = 0; halo < 3; halo++) {
            lw_conv_map x;
            int64_t floats;
            assert_int_equal(lw_conv_maps(&shape, (lw_conv_layout)layout, &x, NULL, &floats, NULL),
                             LW_OK);
            float *array = marked_array(&x, floats);
            lw_conv_view view = {.channels = shape.ic, .height = shape.ih, .width = shape.iw,
                                 .top = halo, .left = halo, .bottom = halo, .right = halo,
                                 .padded_channels = true};
            lw_conv_view_layout(&view, &x, false);
            assert_int_equal(view.in_place, layout == LW_CONV_LAYOUT_PADDED && halo < 2);
            float *scratch = malloc((size_t)view.scratch_floats * sizeof *scratch + 1);
            assert_non_null(scratch);
            for (int64_t i = 0; i < view.scratch_floats; i++) scratch[i] = NAN;
            const float *image = lw_conv_view_read(&view, &x, array, 1, scratch);
            for (int32_t h = -halo; h < shape.ih + halo; h++)
                for (int32_t w = -halo; w < shape.iw + halo; w++)
                    for (int32_t c = 0; c < 32; c++) {
                        bool real = h >= 0 && h < shape.ih && w >= 0 && w < shape.iw &&
                                    c < shape.ic;
                        float got = image[h * view.row + w * view.pixel + c];
                        assert_true(got == (real ? mark(1, c, h, w) : 0.0f));
                    }
            free(scratch);
            free(array);
        }
}

// What a kernel writes reaches the array and nothing else of it changes.
static void views_write_images(void **state)
{
    (void)state;
    for (int layout = LW_CONV_LAYOUT_NCHW; layout <= LW_CONV_LAYOUT_PADDED; layout++) {
        lw_conv_map x;
        int64_t floats;
        assert_int_equal(lw_conv_maps(&shape, (lw_conv_layout)layout, &x, NULL, &floats, NULL),
                         LW_OK);
        float *expected = marked_array(&x, floats);
        float *array = marked_array(&x, floats);
        lw_conv_view view = {.channels = shape.ic, .height = shape.ih, .width = shape.iw,
                             .padded_channels = true};
        lw_conv_view_layout(&view, &x, true);
        float *scratch = calloc((size_t)view.scratch_floats + 1, sizeof *scratch);
        assert_non_null(scratch);
        float *image = lw_conv_view_target(&view, &x, array, 1, scratch);
        for (int32_t h = 2; h < 4; h++)
            for (int32_t w = 0; w < shape.iw; w++)
                for (int32_t c = 16; c < shape.ic; c++) {
                    image[h * view.row + w * view.pixel + c] = -mark(1, c, h, w);
                    expected[place(&x, 1, c, h, w)] = -mark(1, c, h, w);
                }
        lw_conv_view_written(&view, &x, scratch, 2, 2, 16, shape.ic - 16, array, 1);
        assert_memory_equal(array, expected, (size_t)floats * sizeof *array);
        free(scratch);
        free(array);
        free(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_layouts_are_dense),
        cmocka_unit_test(padded_layout_has_blocks_and_halos),
        cmocka_unit_test(impossible_maps_are_refused),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(views_read_images),
        cmocka_unit_test(views_write_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
