// SPDX-License-Identifier: Apache-2.0
// The warp where its result is known exactly: turns by right angles, mirrors, whole and half pixels.
#include "prepare/warp.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const lw_affine identity = {1, 0, 0, 0, 1, 0};

static uint8_t *random_image(int32_t channels, int32_t height, int32_t width)
{
    const size_t count = (size_t)(channels * height * width);
    uint8_t *pixels = malloc(count);
    assert_non_null(pixels);
    lw_rng rng = lw_rng_stream(1, LW_RNG_TEST, 0, count);
    for (size_t i = 0; i < count; i++) pixels[i] = (uint8_t)lw_rng_below(&rng, 256);
    return pixels;
}

static uint8_t *warp(const lw_warp *w, const uint8_t *pixels)
{
    uint8_t *out = malloc((size_t)(w->channels * w->height * w->width));
    const size_t bytes = lw_warp_scratch_bytes(w->height, w->width, w->displacement.rms > 0.0f);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(out);
    assert_non_null(scratch);
    lw_warp_image(w, pixels, scratch, out);
    free(scratch);
    return out;
}

// Every output pixel is the input's at whole places, or the fill.
static void expect_moved(lw_affine map, int32_t channels, int32_t height, int32_t width)
{
    const lw_warp w = {
        .channels = channels, .height = height, .width = width, .map = map, .fill = 77};
    uint8_t *from = random_image(channels, height, width), *to = warp(&w, from);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            for (int32_t c = 0; c < channels; c++) {
                const int32_t fx = (int32_t)lround(map.xx * x + map.xy * y + map.x0);
                const int32_t fy = (int32_t)lround(map.yx * x + map.yy * y + map.y0);
                const bool inside = fx >= 0 && fx < width && fy >= 0 && fy < height;
                const int expected = inside ? from[(fy * width + fx) * channels + c] : 77;
                if (to[(y * width + x) * channels + c] != expected)
                    fail_msg("(%d, %d) of %dx%d: expected %d, got %d", x, y, width, height,
                             expected, to[(y * width + x) * channels + c]);
            }
    free(to);
    free(from);
}

static void test_whole_places(void **state)
{
    (void)state;
    // Widths below, at and above the kernel's block, and of several channels.
    static const int32_t sizes[][3] = {{1, 28, 28}, {3, 13, 17},  {1, 5, 64},
                                       {1, 3, 65},  {2, 70, 131}, {1, 1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int32_t c = sizes[i][0], h = sizes[i][1], w = sizes[i][2];
        expect_moved(identity, c, h, w);
        expect_moved((lw_affine){-1, 0, w - 1, 0, 1, 0}, c, h, w);
        expect_moved((lw_affine){1, 0, 0, 0, -1, h - 1}, c, h, w);
        expect_moved((lw_affine){1, 0, 3, 0, 1, -2}, c, h, w);
        expect_moved((lw_affine){1, 0, 5000, 0, 1, 0}, c, h, w);
        expect_moved((lw_affine){1, 0, -1e6, 0, 1, 1e6}, c, h, w);
    }
}

// Rotations by right angles about the centre, as rotate=90 would draw them at its ends.
static void test_right_angles(void **state)
{
    (void)state;
    const double pi = 3.14159265358979323846;
    for (int quarter = 0; quarter < 4; quarter++) {
        const double s = sin(quarter * pi / 2), c = cos(quarter * pi / 2);
        const int32_t side = 28;
        const double m = 0.5 * (side - 1);
        expect_moved((lw_affine){c, s, m - c * m - s * m, -s, c, m + s * m - c * m}, 1, side, side);
    }
}

static void test_half_pixels(void **state)
{
    (void)state;
    const uint8_t from[4] = {10, 20, 30, 41};
    lw_warp w = {.channels = 1, .height = 2, .width = 2, .map = {1, 0, 0.5, 0, 1, 0}, .fill = 0};
    uint8_t *to = warp(&w, from);
    assert_int_equal(to[0], 15);
    assert_int_equal(to[1], 10); // half of it is fill
    assert_int_equal(to[2], 36); // 35.5
    free(to);
    w.map = (lw_affine){1, 0, 0.5, 0, 1, 0.5};
    to = warp(&w, from);
    assert_int_equal(to[0], 25); // 25.25
    free(to);
}

static void test_composition(void **state)
{
    (void)state;
    const lw_affine a = {2, 1, 3, -1, 4, 5}, b = {0.5, -1, 2, 3, 1, -7};
    const lw_affine both = lw_affine_then(a, b);
    const double x = 11, y = -3;
    const double ax = a.xx * x + a.xy * y + a.x0, ay = a.yx * x + a.yy * y + a.y0;
    assert_true(both.xx * x + both.xy * y + both.x0 == b.xx * ax + b.xy * ay + b.x0);
    assert_true(both.yx * x + both.yy * y + both.y0 == b.yx * ax + b.yy * ay + b.y0);
    assert_true(lw_affine_is_identity(identity));
    assert_false(lw_affine_is_identity(a));
}

// A ramp, displaced, shows the displacement: its root mean square, its mean, and that neighbours move
// together.
static void test_displacement(void **state)
{
    (void)state;
    enum { side = 200, runs = 6 };
    uint8_t *ramp = malloc(side * side);
    assert_non_null(ramp);
    for (int i = 0; i < side * side; i++) ramp[i] = (uint8_t)(20 + i % side);
    double sum = 0, squares = 0, steps = 0;
    int count = 0;
    for (uint32_t run = 0; run < runs; run++) {
        const lw_warp w = {.channels = 1,
                           .height = side,
                           .width = side,
                           .map = identity,
                           .displacement = {3, 5, {run * 77 + 1, run}}};
        uint8_t *moved = warp(&w, ramp);
        for (int y = 20; y < side - 20; y++)
            for (int x = 20; x < side - 20; x++, count++) {
                const double by = moved[y * side + x] - ramp[y * side + x];
                const double next = moved[y * side + x + 1] - ramp[y * side + x + 1];
                sum += by;
                squares += by * by;
                steps += (next - by) * (next - by);
            }
        free(moved);
    }
    const double rms = sqrt(squares / count);
    if (!(fabs(rms - 3) <= 0.3)) fail_msg("expected displacements of 3 pixels, got %g", rms);
    if (!(fabs(sum / count) <= 0.3)) fail_msg("expected a mean of 0, got %g", sum / count);
    // The derivative of a field of deviation 3 that is alike over sigma 5 is about 3 / 5 / 1.4.
    if (sqrt(steps / count) > 0.8) fail_msg("neighbours differ by %g", sqrt(steps / count));
    free(ramp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_places), cmocka_unit_test(test_right_angles),
        cmocka_unit_test(test_half_pixels),  cmocka_unit_test(test_composition),
        cmocka_unit_test(test_displacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
