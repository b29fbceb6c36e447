// SPDX-License-Identifier: Apache-2.0
// Direct backward-weights against naive, in every layout: bit for bit on small integers, within the
// bound of the number of products on real values; the same bits for 1 to 5 threads. Arrays end where
// memory ends or lie between guard zones, workspaces hold NaN.
#include "conv_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// What random shapes are too small for: copied strips and panels, several partial sums, channel
// tails on both sides, first layers, rows longer than a strip.
static const char *const problems[] = {
    "mb4ic16ih20oc32oh20kh3ph1", // two partial sums
    "mb8ic1ih28oc16oh28kh3ph1",  // eight, of a first layer
    "mb3ic1ih28oc64oh26kh3ph0",
    "mb2ic3ih64oc64oh32kh7sh2ph3", // pieces of a kernel row
    "mb3ic4ih13oc10oh13kh5ph2",
    "mb2ic3ih14oc20oh14kh3ph2dh1", // taps that are no neighbours
    "mb3ic40ih12oc81oh12kh3ph1",   // copies of x, a last block of 8 and a tail of 1
    "mb20ic48ih6oc130oh6kh3ph1",   // panels of dy, strips of many images
    "mb2ic81ih24oc98oh24kh3ph1",   // both tails, strips of several rows
    "mb2ic64ih10oc3oh10kh3ph1",    // few output channels: nothing but a tail
    "mb2ic100ih9oc10oh5kh3sh2ph1",
    "mb3ic32ih9oc10oh7kh3ph0",
    "mb2ic10ih9oc3oh9kh3ph1",
    "mb2ic40ih15oc33oh8kh1sh2ph0", // 1x1 with a stride: no copies of x
    "mb2ic64ih15oc80oh15kh1ph0",
    "mb1ic48ih9oc81oh9kh3ph2dh1",            // dilated, copied
    "mb1ic5ih3iw900oc7oh3ow900kh3kw3ph1pw1", // a strip is part of a row
    "mb1ic40ih2iw900oc81oh2ow900kh3kw3ph1pw1",
    "mb2ic18ih8iw11oc17oh3ow9kh4kw2sh2sw1ph0pw0dw1",
};
enum { n_problems = sizeof problems / sizeof *problems, n_random = 200, n_layouts = 3 };

// An array of maps in a layout, from one in (n, c, h, w).
static lw_guarded lay_out(const lw_conv_map *map, int64_t floats, int32_t images,
                          const float *values, lw_rng *rng)
{
    const size_t bytes = (size_t)floats * sizeof(float);
    lw_guarded array = lw_rng_below(rng, 2) ? lw_guarded_make(bytes, 4 * lw_rng_below(rng, 16), 5)
                                            : lw_guarded_make_walled(bytes, 5);
    float *to = array.memory;
    memset(to, 0, bytes);
    for (int32_t n = 0; n < images; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++)
                for (int32_t w = 0; w < map->width; w++)
                    to[map->origin + n * map->image + c * map->channel + h * map->row +
                       w * map->pixel] = *values++;
    return array;
}

// Runs direct in a layout; dweights and dbias of the case are overwritten.
static void run_direct(lw_conv_case *c, lw_conv_layout layout, int32_t threads, bool with_bias,
                       lw_rng *rng)
{
    const lw_conv_options options = {
        .algorithm = LW_CONV_ALGORITHM_DIRECT, .threads = threads, .layout = layout};
    lw_conv_plan *plan;
    lw_conv_map x_map, y_map;
    int64_t x_floats, y_floats;
    if (lw_conv_maps(&c->shape, layout, &x_map, &y_map, &x_floats, &y_floats) ||
        lw_conv_plan_create(&plan, &c->shape, LW_CONV_BACKWARD_WEIGHTS, &options))
        fail_msg("%s", lw_error_message());
    lw_guarded x = lay_out(&x_map, x_floats, c->shape.n, c->x.memory, rng);
    lw_guarded dy = lay_out(&y_map, y_floats, c->shape.n, c->dy.memory, rng);
    const size_t bytes = lw_conv_plan_workspace_bytes(plan);
    lw_guarded workspace = lw_guarded_make(bytes, 7, 11);
    memset(workspace.memory, 0xFF, bytes); // four of them are a NaN
    lw_fill_nan(c->dweights.memory, c->counts.weights);
    lw_fill_nan(c->dbias.memory, c->counts.bias);
    if (lw_conv_backward_weights(plan, x.memory, dy.memory, c->dweights.memory,
                                 with_bias ? c->dbias.memory : NULL, workspace.memory))
        fail_msg("%s", lw_error_message());
    lw_guarded *all[] = {&x, &dy, &workspace, &c->dweights, &c->dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_true(lw_guarded_intact(all[i]));
    for (int i = 0; i < 3; i++) lw_guarded_free(all[i]);
    lw_conv_plan_destroy(&plan);
}

static lw_conv_shape shape_of(size_t index, lw_rng *rng)
{
    if (index >= n_problems) return lw_conv_case_shape(rng, 60000);
    lw_conv_shape shape;
    if (lw_conv_shape_parse(&shape, problems[index], NULL)) fail_msg("%s", lw_error_message());
    return shape;
}

static lw_rng rng_of(size_t index)
{
    return lw_rng_stream(4, LW_RNG_TEST, 40, index);
}

static float *copy_of(const lw_guarded *array)
{
    float *copy = malloc(array->bytes);
    assert_non_null(copy);
    memcpy(copy, array->memory, array->bytes);
    return copy;
}

static void expect(bool holds, const lw_conv_case *c, int layout, int32_t threads)
{
    if (holds) return;
    char text[LW_CONV_PROBLEM_BYTES];
    lw_conv_shape_format(&c->shape, text, sizeof text);
    fail_msg("%s, %s, %d threads: %s", text, lw_conv_layout_name((lw_conv_layout)layout), threads,
             lw_compare_message());
}

static void integers_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_problems + n_random; i++) {
        lw_rng rng = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, true);
        lw_conv_case_run(&c, LW_CONV_BACKWARD_WEIGHTS, LW_CONV_ALGORITHM_NAIVE, 2, true);
        float *dweights = copy_of(&c.dweights), *dbias = copy_of(&c.dbias);
        const bool with_bias = i % 4 != 3;
        const int32_t threads = 1 + (int32_t)(i % 3);
        for (int layout = 0; layout < n_layouts; layout++) {
            run_direct(&c, (lw_conv_layout)layout, threads, with_bias, &rng);
            expect(lw_compare_bits(dweights, c.dweights.memory, c.counts.weights), &c, layout,
                   threads);
            if (with_bias)
                expect(lw_compare_bits(dbias, c.dbias.memory, c.counts.bias), &c, layout, threads);
        }
        free(dweights);
        free(dbias);
        lw_conv_case_free(&c);
    }
}

static void reals_are_within_the_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_problems + n_random / 4; i++) {
        lw_rng rng = rng_of(i), again = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        (void)shape_of(i, &again);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
        lw_conv_case absolute = lw_conv_case_make(&shape, &again, false);
        lw_conv_case_make_absolute(&absolute);
        lw_conv_case_run(&absolute, LW_CONV_BACKWARD_WEIGHTS, LW_CONV_ALGORITHM_NAIVE, 2, true);
        lw_conv_case_run(&c, LW_CONV_BACKWARD_WEIGHTS, LW_CONV_ALGORITHM_NAIVE, 2, true);
        float *dweights = copy_of(&c.dweights), *dbias = copy_of(&c.dbias);
        const int layout = (int)(i % n_layouts);
        run_direct(&c, (lw_conv_layout)layout, 2, true, &rng);
        const double terms = lw_conv_case_terms(&shape, LW_CONV_BACKWARD_WEIGHTS);
        expect(lw_compare_sums(dweights, c.dweights.memory, absolute.dweights.memory,
                               c.counts.weights, terms),
               &c, layout, 2);
        expect(lw_compare_sums(dbias, c.dbias.memory, absolute.dbias.memory, c.counts.bias, terms),
               &c, layout, 2);
        free(dweights);
        free(dbias);
        lw_conv_case_free(&c);
        lw_conv_case_free(&absolute);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_problems + n_random / 4; i++) {
        lw_rng rng = rng_of(i);
        lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
        run_direct(&c, LW_CONV_LAYOUT_PADDED, 1, true, &rng);
        float *dweights = copy_of(&c.dweights), *dbias = copy_of(&c.dbias);
        for (int32_t threads = 2; threads <= 5; threads++) {
            run_direct(&c, LW_CONV_LAYOUT_PADDED, threads, true, &rng);
            expect(lw_compare_bits(dweights, c.dweights.memory, c.counts.weights), &c,
                   LW_CONV_LAYOUT_PADDED, threads);
            expect(lw_compare_bits(dbias, c.dbias.memory, c.counts.bias), &c, LW_CONV_LAYOUT_PADDED,
                   threads);
        }
        free(dweights);
        free(dbias);
        lw_conv_case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals_are_within_the_bound),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
