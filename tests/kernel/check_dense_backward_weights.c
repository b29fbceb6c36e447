// SPDX-License-Identifier: Apache-2.0
// Checks of the register tiles of dense backward-weights: every sum, whichever call computes it.
#include "kernel/families.h"
#include "kernel/reference.h"

#include <math.h>

typedef struct products_operands {
    lw_dense_products g;
    bool accumulate;
    int32_t cut; // tiles of the first of two calls, in thousandths
    float *a, *b;
    bool sums_b; // those of b are wanted, too
    lw_check_output sums, b_sums;
} products_operands;

static int32_t stored_lanes(const lw_check *c, const lw_dense_products *g)
{
    const int32_t vector = c->kernels->vector_floats;
    return (g->lanes + vector - 1) / vector * vector;
}

static void choose_factors(lw_check *c, lw_dense_products *g)
{
    static const int32_t lengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 21, 29, 33, 48};
    static const int32_t lanes[] = {1, 3, 8, 10, 16, 17, 32, 33, 48, 64, 80, 81, 96, 130};
    g->planes = lw_check_once_in(c, 2) ? 1 : lw_check_between(c, 1, 3);
    g->runs = lw_check_once_in(c, 3) ? 1 : lw_check_between(c, 1, 7);
    g->length = lw_check_once_in(c, 2)
                    ? lw_check_between(c, 1, 16)
                    : lw_check_one_of(c, lengths, sizeof lengths / sizeof *lengths);
    g->lanes = lw_check_one_of(c, lanes, sizeof lanes / sizeof *lanes);
}

// A bench is the 3x3 convolution 64 -> 64 on a strip of 4 x 56 outputs, in blocks of 16 channels.
static void choose_products(lw_check *c, lw_dense_products *g)
{
    if (c->bench) {
        *g = (lw_dense_products){.images = 1,
                                 .rows = 4,
                                 .columns = 56,
                                 .planes = 1,
                                 .runs = 3,
                                 .length = 48,
                                 .lanes = 32};
    } else {
        choose_factors(c, g);
        g->images = lw_check_once_in(c, 2) ? 1 : lw_check_between(c, 1, 3);
        g->rows = lw_check_between(c, 1, 4);
        g->columns = lw_check_between(c, 1, 13);
    }
    const int32_t spare = c->bench ? 0 : 5;
    g->sums_row = stored_lanes(c, g) + lw_check_between(c, 0, spare);
    // Runs may overlap, as the taps of a convolution do; a pixel may stand still.
    g->a_pixel = c->bench ? 16 : lw_check_between(c, 0, 20);
    g->a_row = c->bench ? 58 * 16 : lw_check_between(c, 0, 60);
    g->a_image = c->bench ? 0 : lw_check_between(c, 0, 300);
    g->a_run = c->bench ? 58 * 16 : lw_check_between(c, 0, 60);
    g->a_plane = c->bench ? 0 : lw_check_between(c, 0, 60);
    g->b_pixel = stored_lanes(c, g) + lw_check_between(c, 0, spare);
    g->b_row = g->columns * g->b_pixel + lw_check_between(c, 0, spare);
    g->b_image = g->rows * g->b_row + lw_check_between(c, 0, spare);
}

// The rows of a 3x3 kernel on one channel, with which the sums of b may be had.
static bool choose_threes(lw_check *c, lw_dense_products *g)
{
    if (c->bench || !lw_check_once_in(c, 4)) return false;
    g->length = 3;
    g->a_pixel = 1;
    return !lw_check_once_in(c, 4);
}

static void plant(lw_check *c, float *values, size_t count)
{
    const float specials[] = {NAN, INFINITY, -INFINITY};
    if (c->data != LW_CHECK_SPECIAL) return;
    for (int i = lw_check_between(c, 1, 2); i > 0; i--)
        values[lw_check_between(c, 0, (int32_t)count - 1)] = specials[lw_check_between(c, 0, 2)];
}

static void prepare(lw_check *c)
{
    products_operands *o = lw_check_note(c, 1, sizeof *o);
    lw_dense_products *g = &o->g;
    c->operands = o;
    choose_products(c, g);
    o->sums_b = choose_threes(c, g);
    o->accumulate = c->bench || lw_check_once_in(c, 2);
    g->in_order = !c->bench && lw_check_once_in(c, 4);
    o->cut = lw_check_between(c, 0, 1000);
    lw_check_describe(c, "%d images %dx%d a %dx%dx%d lanes %d%s%s%s", g->images, g->rows,
                      g->columns, g->planes, g->runs, g->length, g->lanes,
                      o->accumulate ? " accumulate" : "", o->sums_b ? " and b" : "",
                      g->in_order ? " in order" : "");
    const int64_t a_count = (g->images - 1) * g->a_image + (g->rows - 1) * g->a_row +
                            (g->columns - 1) * g->a_pixel + (g->planes - 1) * g->a_plane +
                            (g->runs - 1) * g->a_run + g->length;
    const int64_t b_count = (g->images - 1) * g->b_image + (g->rows - 1) * g->b_row +
                            (g->columns - 1) * g->b_pixel + stored_lanes(c, g);
    const int64_t rows = (int64_t)g->planes * g->runs * g->length;
    o->a = lw_check_input(c, "a", (size_t)a_count, sizeof(float));
    lw_check_fill(c, o->a, (size_t)a_count);
    plant(c, o->a, (size_t)a_count);
    o->b = lw_check_input(c, "b", (size_t)b_count, sizeof(float));
    lw_check_fill(c, o->b, (size_t)b_count);
    plant(c, o->b, (size_t)b_count);
    const size_t count = (size_t)((rows - 1) * g->sums_row + stored_lanes(c, g));
    o->sums = lw_check_output_make(c, "sums", count, sizeof(float));
    if (o->accumulate) lw_check_fill(c, o->sums.values, count);
    lw_check_output_ready(&o->sums);
    o->b_sums = lw_check_output_make(c, "b_sums", (size_t)stored_lanes(c, g), sizeof(float));
    if (o->accumulate) lw_check_fill(c, o->b_sums.values, (size_t)stored_lanes(c, g));
    lw_check_output_ready(&o->b_sums);
    c->flops = 2.0 * g->images * g->rows * g->columns * (double)rows * g->lanes;
}

// Two calls with the tiles between them, as two threads make them.
static void call(lw_check *c, const lw_kernel_table *kernels)
{
    products_operands *o = c->operands;
    o->g.b_sums = o->sums_b ? o->b_sums.values : NULL;
    const int32_t tiles = kernels->dense_backward_weights_tiles(&o->g);
    const int32_t cut = (int32_t)((int64_t)tiles * o->cut / 1000);
    kernels->dense_backward_weights(&o->g, o->a, o->b, o->sums.values, o->accumulate, cut, tiles);
    kernels->dense_backward_weights(&o->g, o->a, o->b, o->sums.values, o->accumulate, 0, cut);
}

// Every tile alone.
static void call_tiles(lw_check *c, const lw_kernel_table *kernels)
{
    products_operands *o = c->operands;
    o->g.b_sums = o->sums_b ? o->b_sums.values : NULL;
    for (int32_t tile = kernels->dense_backward_weights_tiles(&o->g); tile-- > 0;)
        kernels->dense_backward_weights(&o->g, o->a, o->b, o->sums.values, o->accumulate, tile,
                                        tile + 1);
}

static lw_reference_sum sum_of(const products_operands *o, int32_t plane, int32_t run, int32_t l,
                               int32_t lane)
{
    const lw_dense_products *g = &o->g;
    lw_reference_sum sum = {0};
    for (int32_t n = 0; n < g->images; n++)
        for (int32_t row = 0; row < g->rows; row++)
            for (int32_t column = 0; column < g->columns; column++) {
                const float *a = o->a + n * g->a_image + row * g->a_row + column * g->a_pixel;
                const float *b = o->b + n * g->b_image + row * g->b_row + column * g->b_pixel;
                lw_reference_add(&sum, (double)a[plane * g->a_plane + run * g->a_run + l],
                                 (double)b[lane]);
            }
    return sum;
}

static void compare_b_sums(lw_check *c)
{
    products_operands *o = c->operands;
    const lw_dense_products *g = &o->g;
    for (int32_t lane = 0; lane < stored_lanes(c, g) && o->sums_b; lane++) {
        lw_reference_sum sum = {0};
        for (int32_t n = 0; n < g->images; n++)
            for (int32_t row = 0; row < g->rows; row++)
                for (int32_t column = 0; column < g->columns; column++)
                    lw_reference_add(
                        &sum,
                        (double)o->b[n * g->b_image + row * g->b_row + column * g->b_pixel + lane],
                        1.0);
        if (o->accumulate) lw_reference_add(&sum, (double)o->b_sums.before[lane], 1.0);
        o->b_sums.expected[lane] = sum.value;
        o->b_sums.magnitude[lane] = sum.magnitude;
    }
    const double pixels = (double)g->images * g->rows * g->columns;
    lw_check_compare(c, &o->b_sums, lw_check_terms(c, pixels + 1.0));
}

static void compare(lw_check *c)
{
    products_operands *o = c->operands;
    const lw_dense_products *g = &o->g;
    int64_t row = 0;
    for (int32_t plane = 0; plane < g->planes; plane++)
        for (int32_t run = 0; run < g->runs; run++)
            for (int32_t l = 0; l < g->length; l++, row++)
                for (int32_t lane = 0; lane < stored_lanes(c, g); lane++) {
                    const int64_t at = row * g->sums_row + lane;
                    lw_reference_sum sum = sum_of(o, plane, run, l, lane);
                    if (o->accumulate) lw_reference_add(&sum, (double)o->sums.before[at], 1.0);
                    o->sums.expected[at] = sum.value;
                    o->sums.magnitude[at] = sum.magnitude;
                }
    const double pixels = (double)g->images * g->rows * g->columns;
    lw_check_compare(c, &o->sums, lw_check_terms(c, pixels + 1.0));
    compare_b_sums(c);
}

const lw_check_kernel lw_check_dense_backward_weights_kernels[] = {
    {"dense_backward_weights_tiles", prepare, call_tiles, compare},
    {"dense_backward_weights", prepare, call, compare},
    {0},
};
