// SPDX-License-Identifier: Apache-2.0
// The last step of the Winograd forward pass: bias, ReLU, 2x2 max pool and planes of one vector of
// channels, for sums as the output transforms leave them in registers.
#ifndef LW_SIMD_WINOGRAD_OUTPUTS_H
#define LW_SIMD_WINOGRAD_OUTPUTS_H

#include "simd/generic/winograd_transform.h"

// What a call works on.
typedef struct lw_wino_call {
    const lw_winograd_geometry *g;
    int32_t oc_begin, oc_end; // blocks
    const float *x, *filters, *bias;
    float *y;
    lw_planes *planes;
} lw_wino_call;

// Where the stage outputs of a tile row go, for one vector of channels; moved on from tile to tile.
typedef struct lw_wino_place {
    float *y; // the tile's first stage output
    int64_t y_row, y_pixel;
    lw_planes *planes;  // NULL: none
    int32_t planes_row; // outputs of a row of the map
    lw_vec bias, floor; // floor: what outputs are at least
    bool relu;
    int shift; // first channel of this vector within its block
} lw_wino_place;

LW_INLINE lw_wino_place lw_wino_place_of(const lw_wino_call *call, const lw_wino_block *block,
                                         const lw_wino_row *row, int32_t oc_block, int lane)
{
    const lw_winograd_geometry *g = call->g;
    const int32_t side = g->pool ? 2 : 1, channel = oc_block * LW_BLOCK + lane;
    const int32_t first = lw_winograd_tile_begin(&block->down, row->tile) / side;
    lw_wino_place at = {
        .y = call->y + row->image * g->y_image + first * g->y_row + channel,
        .y_row = g->y_row,
        .y_pixel = g->y_pixel,
        .planes_row = g->ow / side,
        .bias = call->bias ? lw_vec_load(call->bias + channel) : lw_vec_zero(),
        .floor = g->relu ? lw_vec_zero() : lw_vec_broadcast(-INFINITY),
        .relu = g->relu,
        .shift = lane,
    };
    if (call->planes)
        at.planes = call->planes + row->image * g->planes_image +
                    ((int64_t)oc_block * (g->oh / side) + first) * at.planes_row;
    return at;
}

// To the tile behind one of so many stage outputs.
LW_INLINE void lw_wino_place_advance(lw_wino_place *at, int outputs)
{
    at->y += outputs * at->y_pixel;
    if (at->planes) at->planes += outputs;
}

LW_INLINE void lw_wino_record(lw_planes *planes, int shift, uint32_t live, uint32_t right,
                              uint32_t lower)
{
    if (shift == 0) *planes = (lw_planes){0};
    planes->live = (uint16_t)(planes->live | live << shift);
    planes->right = (uint16_t)(planes->right | right << shift);
    planes->lower = (uint16_t)(planes->lower | lower << shift);
}

LW_INLINE uint32_t lw_wino_live(const lw_wino_place *at, lw_vec sum)
{
    return at->relu ? lw_vec_greater(sum, lw_vec_zero()) : (1u << LW_VEC) - 1;
}

// Stage output (row, column) of the tile. The operand order of the maximum lets a NaN through.
LW_INLINE void lw_wino_finish(const lw_wino_place *at, lw_vec sum, int row, int column)
{
    sum = lw_vec_add(sum, at->bias);
    lw_vec_store(at->y + row * at->y_row + column * at->y_pixel, lw_vec_max(at->floor, sum));
    if (at->planes)
        lw_wino_record(at->planes + row * at->planes_row + column, at->shift, lw_wino_live(at, sum),
                       0, 0);
}

// The largest of a window's four sums; a later one must be strictly larger to win.
LW_INLINE void lw_wino_finish_window(const lw_wino_place *at, lw_vec top_left, lw_vec top_right,
                                     lw_vec bottom_left, lw_vec bottom_right, int row, int column)
{
    lw_vec top = lw_vec_max(top_right, top_left), bottom = lw_vec_max(bottom_right, bottom_left);
    lw_vec sum = lw_vec_add(lw_vec_max(bottom, top), at->bias);
    lw_vec_store(at->y + row * at->y_row + column * at->y_pixel, lw_vec_max(at->floor, sum));
    if (!at->planes) return;
    uint32_t right_of_top = lw_vec_greater(top_right, top_left);
    uint32_t right_of_bottom = lw_vec_greater(bottom_right, bottom_left);
    uint32_t lower = lw_vec_greater(bottom, top);
    uint32_t right = right_of_top ^ ((right_of_top ^ right_of_bottom) & lower);
    lw_wino_record(at->planes + row * at->planes_row + column, at->shift, lw_wino_live(at, sum),
                   right, lower);
}

#endif
