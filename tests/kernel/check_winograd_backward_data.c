// SPDX-License-Identifier: Apache-2.0
// Checks of the Winograd kernel for backward-data, tile by tile.
#include "kernel/check_winograd.h"
#include "kernel/families.h"
#include "kernel/reference_winograd.h"

#include <math.h>

// The shape of the forward checks with the maps' parts exchanged: x is dy, without a border, and y
// is dx, with one.
static void prepare_backward_data(lw_check *c)
{
    lw_check_winograd *o = lw_check_winograd_shape(c);
    lw_winograd_geometry *g = &o->g;
    g->pool = g->relu = false;
    lw_check_winograd_weights(c, o);
    const int64_t x_channels = o->ic_blocks * LW_BLOCK, y_channels = o->blocks * LW_BLOCK;
    g->x_row = lw_check_winograd_room(c, g->ow * g->x_pixel, 1);
    g->x_image = lw_check_winograd_room(c, g->oh * g->x_row, 1);
    g->y_row = lw_check_winograd_room(c, (g->ow + 2) * g->y_pixel, 1);
    g->y_image = lw_check_winograd_room(c, (g->oh + 2) * g->y_row, 1);
    o->x_floats = (size_t)((g->images - 1) * g->x_image + (g->oh - 1) * g->x_row +
                           (g->ow - 1) * g->x_pixel + x_channels);
    o->y_floats = (size_t)((g->images - 1) * g->y_image + (g->oh + 1) * g->y_row +
                           (g->ow + 1) * g->y_pixel + y_channels);
    const int32_t rows = lw_winograd_tiles_of(g->oh).count;
    o->row_begin /= rows; // images
    o->row_end = (o->row_end + rows - 1) / rows;
    o->x = lw_check_input(c, "dy", o->x_floats, sizeof(float));
    for (int32_t n = 0; n < g->images; n++)
        for (int32_t h = 0; h < g->oh; h++)
            for (int32_t w = 0; w < g->ow; w++)
                lw_check_fill(c, o->x + n * g->x_image + h * g->x_row + w * g->x_pixel,
                              (size_t)g->ic);
    lw_check_winograd_filters(c, o);
    o->y = lw_check_output_make(c, "dx", o->y_floats, sizeof(float));
    o->scratch =
        lw_check_memory(c, "scratch", c->kernels->winograd_scratch_bytes(g), sizeof(float), false);
    c->flops = 2.0 * lw_check_winograd_products(g);
}

static void call_backward_data(lw_check *c, const lw_kernel_table *kernels)
{
    lw_check_winograd *o = c->operands;
    kernels->winograd_backward_data(&o->g, o->row_begin, o->row_end, o->block_begin, o->block_end,
                                    o->x, o->filters, o->y.values, o->scratch);
}

// The gradients of one tile for one channel of dx: values at their places and the magnitudes of all
// that goes through the transforms, from the largest gradient of the tile.
static void spread_tile(lw_check_winograd *o, const lw_check_winograd_tile *tile, int32_t oc)
{
    const lw_winograd_geometry *g = &o->g;
    double products_at[LW_CHECK_WINOGRAD_POINTS] = {0};
    const int64_t first = tile->image * g->y_image + tile->h * g->y_row + tile->w * g->y_pixel + oc;
    for (int32_t ic = 0; ic < g->ic; ic++) {
        double taps[9];
        lw_check_winograd_taps(o, oc, ic, taps);
        for (int h = 0; h < tile->height; h++)
            for (int w = 0; w < tile->width; w++) {
                const double dy =
                    (double)lw_check_winograd_input(o, tile->image, tile->h + h, tile->w + w)[ic];
                for (int tap = 0; tap < 9; tap++)
                    o->y.expected[first + (h + tap / 3) * g->y_row + (w + tap % 3) * g->y_pixel] +=
                        dy * taps[tap];
                for (int p = 0; p < LW_CHECK_WINOGRAD_POINTS; p++)
                    products_at[p] +=
                        fabs(dy *
                             lw_reference_winograd_output(tile->height, p / LW_WINOGRAD_POINTS, h) *
                             lw_reference_winograd_output(tile->width, p % LW_WINOGRAD_POINTS, w)) *
                        o->weight_magnitudes[(oc * g->ic + ic) * LW_CHECK_WINOGRAD_POINTS + p];
            }
    }
    for (int h = 0; h < tile->height + 2; h++)
        for (int w = 0; w < tile->width + 2; w++)
            for (int p = 0; p < LW_CHECK_WINOGRAD_POINTS; p++) {
                const int i = p / LW_WINOGRAD_POINTS, j = p % LW_WINOGRAD_POINTS;
                if (!lw_winograd_has(tile->height, lw_winograd_kind(i)) ||
                    !lw_winograd_has(tile->width, lw_winograd_kind(j)))
                    continue;
                o->y.magnitude[first + h * g->y_row + w * g->y_pixel] +=
                    products_at[p] * fabs(lw_reference_winograd_input(tile->height, i, h) *
                                          lw_reference_winograd_input(tile->width, j, w));
            }
}

static void compare_backward_data(lw_check *c)
{
    lw_check_winograd *o = c->operands;
    const lw_winograd_geometry *g = &o->g;
    const lw_winograd_tiles down = lw_winograd_tiles_of(g->oh),
                            across = lw_winograd_tiles_of(g->ow);
    for (int32_t n = o->row_begin; n < o->row_end; n++)
        for (int32_t oc = o->block_begin * LW_BLOCK; oc < o->block_end * LW_BLOCK; oc++) {
            for (int32_t h = 0; h < g->oh + 2; h++)
                for (int32_t w = 0; w < g->ow + 2; w++)
                    o->y.magnitude[n * g->y_image + h * g->y_row + w * g->y_pixel + oc] = 0.0;
            if (oc >= g->oc) continue;
            for (int32_t row = 0; row < down.count; row++)
                for (int32_t t = 0; t < across.count; t++) {
                    const lw_check_winograd_tile tile = {
                        .image = n,
                        .h = lw_winograd_tile_begin(&down, row),
                        .height = lw_winograd_tile_size(&down, row),
                        .w = lw_winograd_tile_begin(&across, t),
                        .width = lw_winograd_tile_size(&across, t)};
                    spread_tile(o, &tile, oc);
                }
        }
    lw_check_compare(c, &o->y, g->ic + LW_CHECK_WINOGRAD_TERMS + 4.0);
}

const lw_check_kernel lw_check_winograd_backward_data_kernels[] = {
    {"winograd_backward_data", prepare_backward_data, call_backward_data, compare_backward_data},
    {0},
};
