// SPDX-License-Identifier: Apache-2.0
// Winograd convolution with stride 1 behind space to depth, forward, and the transform of its
// filters.
//
// There are few input channels, so that products are cheap and moving them is not. They are made
// column by column: those of the six vertical points of some tiles stay in L1 until the vertical
// transform has made rows of them, half as many or two thirds, which wait in L2 for the horizontal
// transform.
#include "simd/declare.h"
#include "simd/generic/winograd_products.h"
#include "simd/generic/winograd_strided_transform.h"

// ---- filters ------------------------------------------------------------------------------------

// Taps g[0 .. taps - 1] of a filter to its six points.
LW_INLINE void filter_points(const int taps, const lw_vec *g, lw_vec *t)
{
    if (taps == 3) {
        lw_wino_filter(g, t);
        return;
    }
    lw_vec even_a =
        lw_wino_scale_add(g[2], LW_WINO_A2 / LW_WINO_NA, lw_wino_scale(g[0], 1.0f / LW_WINO_NA));
    lw_vec even_b =
        lw_wino_scale_add(g[2], LW_WINO_B2 / LW_WINO_NB, lw_wino_scale(g[0], 1.0f / LW_WINO_NB));
    lw_vec odd_a = lw_wino_scale_add(g[3], LW_WINO_A3 / LW_WINO_NA,
                                     lw_wino_scale(g[1], LW_WINO_A / LW_WINO_NA));
    lw_vec odd_b = lw_wino_scale_add(g[3], LW_WINO_B3 / LW_WINO_NB,
                                     lw_wino_scale(g[1], LW_WINO_B / LW_WINO_NB));
    t[0] = lw_wino_scale(g[0], 1.0f / LW_WINO_N0);
    t[1] = lw_vec_add(even_a, odd_a);
    t[2] = lw_vec_sub(even_a, odd_a);
    t[3] = lw_vec_add(even_b, odd_b);
    t[4] = lw_vec_sub(even_b, odd_b);
    t[5] = g[3];
}

LW_INLINE void filter_channel(const int taps, const float *weights, float *filters, int64_t point)
{
    lw_vec column[4][LW_WINOGRAD_POINTS]; // vertical points of each column of taps
    LW_UNROLL(4)
    for (int kw = 0; kw < taps; kw++) {
        lw_vec g[4];
        LW_UNROLL(4)
        for (int kh = 0; kh < taps; kh++)
            g[kh] = lw_vec_load(weights + (kh * taps + kw) * LW_BLOCK);
        filter_points(taps, g, column[kw]);
    }
    LW_UNROLL(6)
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
        lw_vec g[4], t[LW_WINOGRAD_POINTS];
        LW_UNROLL(4)
        for (int kw = 0; kw < taps; kw++) g[kw] = column[kw][i];
        filter_points(taps, g, t);
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            lw_vec_store(filters + (j * LW_WINOGRAD_POINTS + i) * point, t[j]);
    }
}

void LW_KERNEL(winograd_strided_filters)(int32_t taps, int32_t ic, const float *weights,
                                         float *filters)
{
    const int64_t point = (int64_t)ic * LW_BLOCK;
    for (int32_t c = 0; c < ic; c++)
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
            const float *from = weights + (int64_t)c * taps * taps * LW_BLOCK + lane;
            float *to = filters + (int64_t)c * LW_BLOCK + lane;
            if (taps == 3)
                filter_channel(3, from, to, point);
            else
                filter_channel(4, from, to, point);
        }
}

// ---- products, by columns of points -------------------------------------------------------------

// Products m at the six points to the outputs of a tile.
LW_INLINE void output_points(const int outputs, const lw_vec *m, lw_vec *y)
{
    if (outputs == 4) {
        lw_wino_output(4, m, y);
        return;
    }
    lw_vec sum_a = lw_vec_add(m[1], m[2]), difference_a = lw_vec_sub(m[1], m[2]);
    lw_vec sum_b = lw_vec_add(m[3], m[4]), difference_b = lw_vec_sub(m[3], m[4]);
    y[0] = lw_vec_add(lw_vec_add(m[0], sum_a), sum_b);
    y[1] = lw_wino_scale_add(difference_b, LW_WINO_B, lw_wino_scale(difference_a, LW_WINO_A));
    y[2] = lw_wino_scale_add(sum_b, LW_WINO_B2, lw_wino_scale_add(sum_a, LW_WINO_A2, m[5]));
}

// The vectors of a tile for a pair of blocks of output channels.
enum { pair_floats = tile_blocks * LW_BLOCK };

// One column of `tiles` tiles, m[vertical point][tile][pair], to rows[tile][row][column][pair].
LW_INLINE void transform_column(const int outputs, int32_t tiles, int vectors, const float *m,
                                int64_t m_point, float *rows)
{
    const int64_t row = LW_WINOGRAD_POINTS * pair_floats;
    for (int32_t t = 0; t < tiles; t++)
        for (int v = 0; v < vectors; v++) {
            lw_vec at[LW_WINOGRAD_POINTS], y[LW_WINOGRAD_MAX_TILE];
            LW_UNROLL(6)
            for (int i = 0; i < LW_WINOGRAD_POINTS; i++)
                at[i] = lw_vec_load(m + i * m_point + t * pair_floats + v * LW_VEC);
            output_points(outputs, at, y);
            LW_UNROLL(4)
            for (int r = 0; r < outputs; r++)
                lw_vec_store(rows + (t * outputs + r) * row + v * LW_VEC, y[r]);
        }
}

// Where a call's arrays are.
typedef struct strided_call {
    const lw_winograd_strided *g;
    const float *bias;
    float *y;
    float *u, *products, *rows;
    int64_t chunk, point; // of u, in floats
} strided_call;

// The products of a run of tiles with a pair of blocks of output channels, transformed vertically.
static void multiply_columns(const strided_call *call, int32_t tiles, const float *filters,
                             int blocks)
{
    const lw_winograd_strided *g = call->g;
    const lw_winograd_filter_order order = {.block = lw_winograd_strided_filters(g->ic),
                                            .ic = LW_BLOCK};
    const int outputs = lw_winograd_strided_outputs(g->taps);
    for (int j = 0; j < LW_WINOGRAD_POINTS; j++) {
        int32_t first = 0;
        for (int32_t parts = (tiles + tile_tiles - 1) / tile_tiles; parts > 0; parts--) {
            const int32_t some = (tiles - first + parts - 1) / parts;
            const int64_t m_point = some * pair_floats;
            for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
                const int p = j * LW_WINOGRAD_POINTS + i;
                multiply_point(some, blocks, g->ic, call->u + p * call->point + first * LW_BLOCK,
                               call->chunk, filters + (int64_t)p * g->ic * LW_BLOCK, &order,
                               call->products + i * m_point);
            }
            float *rows = call->rows + (int64_t)first * outputs * LW_WINOGRAD_POINTS * pair_floats +
                          j * pair_floats;
            if (outputs == 3)
                transform_column(3, some, blocks * vectors_per_block, call->products, m_point,
                                 rows);
            else
                transform_column(4, some, blocks * vectors_per_block, call->products, m_point,
                                 rows);
            first += some;
        }
    }
}

// ---- outputs ------------------------------------------------------------------------------------

// The outputs of one tile, `height` x `width` of them inside the map, for one vector of channels.
LW_INLINE void output_tile(const int outputs, int32_t height, int32_t width, const float *rows,
                           lw_vec bias, float *y, int64_t y_row, int64_t y_pixel)
{
    LW_UNROLL(4)
    for (int r = 0; r < outputs; r++) {
        if (r >= height) break;
        lw_vec m[LW_WINOGRAD_POINTS], sum[LW_WINOGRAD_MAX_TILE];
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            m[j] = lw_vec_load(rows + (r * LW_WINOGRAD_POINTS + j) * pair_floats);
        output_points(outputs, m, sum);
        LW_UNROLL(4)
        for (int c = 0; c < outputs; c++)
            if (c < width) lw_vec_store(y + r * y_row + c * y_pixel, lw_vec_add(sum[c], bias));
    }
}

static void store_outputs(const strided_call *call, lw_strided_run run, int32_t oc_block,
                          int blocks)
{
    const lw_winograd_strided *g = call->g;
    const int32_t outputs = lw_winograd_strided_outputs(g->taps);
    for (int v = 0; v < blocks * vectors_per_block; v++) {
        const int32_t channel = oc_block * LW_BLOCK + v * LW_VEC;
        const lw_vec bias = call->bias ? lw_vec_load(call->bias + channel) : lw_vec_zero();
        lw_strided_run at = run;
        for (int32_t t = 0; t < run.count; t++, lw_strided_next(&at)) {
            const int32_t h = at.row * outputs, w = at.column * outputs;
            const float *rows =
                call->rows + v * LW_VEC + (int64_t)t * outputs * LW_WINOGRAD_POINTS * pair_floats;
            float *y = call->y + h * g->y_row + w * g->y_pixel + channel;
            if (outputs == 3)
                output_tile(3, g->oh - h, g->ow - w, rows, bias, y, g->y_row, g->y_pixel);
            else
                output_tile(4, g->oh - h, g->ow - w, rows, bias, y, g->y_row, g->y_pixel);
        }
    }
}

// ---- the kernel ---------------------------------------------------------------------------------

void LW_KERNEL(winograd_strided_forward)(const lw_winograd_strided *g, int32_t block_begin,
                                         int32_t block_end, const float *x, const float *filters,
                                         const float *bias, float *y, float *scratch)
{
    const int32_t across = lw_winograd_strided_tiles(g->taps, g->ow);
    const int64_t tiles = (int64_t)lw_winograd_strided_tiles(g->taps, g->oh) * across;
    const int64_t most = lw_winograd_strided_block(g->ic), runs = (tiles + most - 1) / most;
    strided_call call = {.g = g, .bias = bias, .y = y, .u = scratch};
    call.chunk = lw_winograd_strided_pitch(g->ic) * LW_BLOCK;
    call.point = call.chunk * ((g->ic + LW_BLOCK - 1) / LW_BLOCK);
    call.products = call.u + lw_winograd_strided_points(g->ic, g->ic);
    call.rows = call.products + LW_WINOGRAD_POINTS * most * pair_floats;
    for (int64_t r = 0; r < runs; r++) { // of nearly equal size
        const int64_t begin = tiles * r / runs;
        const lw_strided_run run =
            lw_strided_run_of(across, begin, (int32_t)(tiles * (r + 1) / runs - begin));
        lw_strided_inputs(g, run, x, call.u, call.chunk, call.point);
        for (int32_t oc = block_begin; oc < block_end; oc += tile_blocks) {
            const int blocks = block_end - oc < tile_blocks ? 1 : tile_blocks;
            multiply_columns(&call, run.count, filters + oc * lw_winograd_strided_filters(g->ic),
                             blocks);
            store_outputs(&call, run, oc, blocks);
        }
    }
}
