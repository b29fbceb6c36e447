// SPDX-License-Identifier: Apache-2.0
// Winograd convolution, forward, with bias, ReLU and 2x2 max pool in the output transform.
//
// A block of tiles is transformed, multiplied point by point (a product of tiles x input channels
// with input x output channels at each of the 36 points) and transformed back, for one or two
// blocks of output channels at a time. The block is so small that its transformed inputs, the
// products and the filters that stream by fit the L2 cache together. For few input channels
// winograd_forward_columns.c does the work.
#include "simd/declare.h"
#include "simd/generic/winograd_columns.h"
#include "simd/generic/winograd_outputs.h"
#include "simd/generic/winograd_products.h"
#include "simd/generic/winograd_upcoming.h"

size_t LW_KERNEL(winograd_scratch_bytes)(const lw_winograd_geometry *g)
{
    const int64_t chunks = ((int64_t)g->ic + LW_BLOCK - 1) / LW_BLOCK;
    const int64_t points = tile_pitch(g) * LW_BLOCK * 36 * (chunks + tile_blocks);
    const int64_t columns = LW_KERNEL(winograd_columns_floats)(g);
    return (size_t)(points > columns ? points : columns) * sizeof(float);
}

// ---- outputs ------------------------------------------------------------------------------------

// One tile of height x width outputs, one vector of channels; its products are `offset` floats
// behind those of tile 0.
LW_INLINE void output_tile(const int height, const int width, const bool pool,
                           const product_rows *products, int64_t offset, const lw_wino_place *at)
{
    const int64_t point = products->point;
    lw_vec columns[LW_WINOGRAD_MAX_TILE][LW_WINOGRAD_POINTS];
    LW_UNROLL(6)
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
        if (!lw_wino_has(height, i)) continue;
        lw_vec row[LW_WINOGRAD_POINTS], y[LW_WINOGRAD_MAX_TILE];
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            if (lw_wino_has(width, j))
                row[j] = lw_vec_load(products->from[i][lw_winograd_kind(j)] + offset + j * point);
        lw_wino_output(width, row, y);
        LW_UNROLL(4)
        for (int c = 0; c < width; c++) columns[c][i] = y[c];
    }
    if (!pool) {
        LW_UNROLL(4)
        for (int c = 0; c < width; c++) {
            lw_vec y[LW_WINOGRAD_MAX_TILE];
            lw_wino_output(height, columns[c], y);
            LW_UNROLL(4)
            for (int r = 0; r < height; r++) lw_wino_finish(at, y[r], r, c);
        }
        return;
    }
    LW_UNROLL(2)
    for (int c = 0; c + 1 < width; c += 2) {
        lw_vec left[LW_WINOGRAD_MAX_TILE], right[LW_WINOGRAD_MAX_TILE];
        lw_wino_output(height, columns[c], left);
        lw_wino_output(height, columns[c + 1], right);
        LW_UNROLL(2)
        for (int r = 0; r + 1 < height; r += 2)
            lw_wino_finish_window(at, left[r], right[r], left[r + 1], right[r + 1], r / 2, c / 2);
    }
}

// A row of tiles of `height` outputs for one vector of channels; `m` is that vector of the block's
// tile number 0 at point (0, 0).
LW_INLINE void output_row(const lw_wino_block *block, const lw_wino_row *row, const int height,
                          const bool pool, const float *m, int64_t point, lw_wino_place at)
{
    const int64_t tile = tile_blocks * LW_BLOCK;
    const product_rows products = product_rows_of(block, row, m, point, tile);
    int64_t offset = 0;
    if (block->across.threes && !pool) {
        output_tile(height, 3, false, &products, offset, &at);
        offset += tile;
        lw_wino_place_advance(&at, 3);
    }
    const int fours = pool ? 2 : 4; // stage outputs of a tile of four
    for (int32_t t = 0; t < block->across.fours; t++) {
        output_tile(height, 4, pool, &products, offset, &at);
        offset += tile;
        lw_wino_place_advance(&at, fours);
    }
    if (block->across.last == 2)
        output_tile(height, 2, pool, &products, offset, &at);
    else if (block->across.last == 1 && !pool)
        output_tile(height, 1, false, &products, offset, &at);
}

// Not inlined, which leaves its loops more registers.
__attribute__((noinline)) static void output_any_row(const lw_wino_block *block,
                                                     const lw_wino_row *row, bool pool,
                                                     const float *m, int64_t point,
                                                     lw_wino_place at)
{
    // Behind a pool all sizes are even.
    switch (row->size) {
    case 4:
        if (pool)
            output_row(block, row, 4, true, m, point, at);
        else
            output_row(block, row, 4, false, m, point, at);
        break;
    case 3: output_row(block, row, 3, false, m, point, at); break;
    case 2:
        if (pool)
            output_row(block, row, 2, true, m, point, at);
        else
            output_row(block, row, 2, false, m, point, at);
        break;
    default: output_row(block, row, 1, false, m, point, at); break;
    }
}

// The products of one block of output channels, `m` [point][tile], to y and planes.
static void output_block(const lw_wino_call *call, const lw_wino_block *block, int32_t oc_block,
                         const float *m, int64_t point)
{
    for (int32_t r = 0; r < block->n_rows; r++)
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC)
            output_any_row(block, &block->row[r], call->g->pool, m + lane, point,
                           lw_wino_place_of(call, block, &block->row[r], oc_block, lane));
}

// ---- the kernel ---------------------------------------------------------------------------------

static void forward_block(const lw_wino_call *call, const product_scratch *s,
                          const lw_wino_block *block, lw_upcoming_maps *maps)
{
    const lw_winograd_geometry *g = call->g;
    lw_wino_input_block(block, call->x, g->x_image, g->x_row, g->x_pixel, g->ic, &s->inputs);
    const lw_winograd_filter_order order = lw_winograd_filter_order_of(g->ic, LW_VEC);
    for (int32_t oc = call->oc_begin; oc < call->oc_end; oc += tile_blocks) {
        const int blocks = call->oc_end - oc < tile_blocks ? 1 : tile_blocks;
        const float *filters = call->filters + oc * order.block;
        lw_upcoming_outputs(maps, call, block, oc, blocks, 36);
        for (int p = 0; p < 36; p++) {
            const int i = p / LW_WINOGRAD_POINTS, j = p % LW_WINOGRAD_POINTS;
            lw_upcoming_fetch_maps(maps);
            multiply_point(lw_wino_tiles_at(block, i, j), blocks, g->ic,
                           s->inputs.u + p * s->inputs.point, s->inputs.chunk,
                           filters + i * order.i + j * order.j, &order,
                           s->products + p * s->products_point);
        }
        for (int b = 0; b < blocks; b++)
            output_block(call, block, oc + b, s->products + b * LW_BLOCK, s->products_point);
    }
}

static void forward_points(const lw_wino_call *call, int64_t row_begin, int64_t row_end,
                           void *scratch)
{
    const lw_winograd_geometry *g = call->g;
    const int64_t most = rows_of_block(g), rows = row_end - row_begin;
    const int64_t blocks = (rows + most - 1) / most; // of nearly equal size
    const product_scratch s = scratch_of(g, scratch);
    const int32_t passes = (call->oc_end - call->oc_begin + tile_blocks - 1) / tile_blocks;
    lw_upcoming_maps maps;
    maps.wanted = lw_upcoming_wanted(g);
    lw_wino_block block, next;
    lw_wino_block_set(&next, g->oh, g->ow, row_begin, row_begin + rows / blocks);
    for (int64_t b = 0; b < blocks; b++) {
        const bool last = b + 1 == blocks;
        block = next;
        if (!last)
            lw_wino_block_set(&next, g->oh, g->ow, row_begin + rows * (b + 1) / blocks,
                              row_begin + rows * (b + 2) / blocks);
        lw_upcoming_inputs(&maps, call, last ? NULL : &next, 36 * passes);
        forward_block(call, &s, &block, &maps);
    }
}

void LW_KERNEL(winograd_forward)(const lw_winograd_geometry *g, int64_t row_begin, int64_t row_end,
                                 int32_t oc_begin, int32_t oc_end, const float *x,
                                 const float *filters, const float *bias, float *y,
                                 lw_planes *planes, void *scratch)
{
    if (row_begin >= row_end || oc_begin >= oc_end) return;
    const lw_wino_call call = {g, oc_begin, oc_end, x, filters, bias, y, planes};
    if (lw_winograd_filter_order_of(g->ic, LW_VEC).by_columns)
        LW_KERNEL(winograd_forward_columns)(&call, row_begin, row_end, scratch);
    else
        forward_points(&call, row_begin, row_end, scratch);
}
