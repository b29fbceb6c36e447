// SPDX-License-Identifier: Apache-2.0
// Maps that are larger than L2 are fetched into it while the Winograd kernels make products: the next
// block's inputs, and the places of this block's outputs. That makes 64 to 64 channels at 56x56 15 to
// 25 % faster and 128 to 128 at 28x28 7 %; with 32 channels the products are too short to hide it in,
// and it costs 8 %.
#ifndef LW_SIMD_WINOGRAD_UPCOMING_H
#define LW_SIMD_WINOGRAD_UPCOMING_H

#include "simd/generic/winograd_outputs.h"

enum { LW_UPCOMING_ROWS = LW_WINO_MAX_ROWS * LW_WINOGRAD_POINTS };

// Rows of pixels that are fetched a little at a time.
typedef struct lw_upcoming {
    const float *rows[LW_UPCOMING_ROWS]; // first pixels
    int32_t n_rows, columns, lines;      // rows, pixels in a row, cache lines of a pixel
    int64_t pixel;                       // floats
    int32_t row, column;                 // the next one
    int32_t per_call;                    // pixels
} lw_upcoming;

// What is fetched in a call of a kernel, if anything is.
typedef struct lw_upcoming_maps {
    bool wanted;
    lw_upcoming inputs, outputs;
} lw_upcoming_maps;

static inline bool lw_upcoming_wanted(const lw_winograd_geometry *g)
{
    const double least_bytes = 1 << 20, least_channels = 48;
    const double bytes = (double)g->images * (double)(g->x_image + g->y_image) * sizeof(float);
    return bytes > least_bytes && g->ic >= least_channels;
}

// Everything is fetched after `calls` calls.
static inline void lw_upcoming_start(lw_upcoming *next, int32_t columns, int64_t pixel,
                                     int32_t lines, int32_t calls)
{
    next->columns = columns;
    next->pixel = pixel;
    next->lines = lines;
    next->row = next->column = 0;
    next->per_call = (int32_t)(((int64_t)next->n_rows * columns + calls - 1) / calls);
}

static inline void lw_upcoming_fetch(lw_upcoming *next)
{
    const int32_t line_floats = 16;
    for (int32_t i = 0; i < next->per_call && next->row < next->n_rows; i++) {
        const float *pixel = next->rows[next->row] + next->column * next->pixel;
        for (int32_t k = 0; k < next->lines; k++) __builtin_prefetch(pixel + k * line_floats, 0, 2);
        if (++next->column < next->columns) continue;
        next->column = 0;
        next->row++;
    }
}

// A little of both.
static inline void lw_upcoming_fetch_maps(lw_upcoming_maps *maps)
{
    if (!maps->wanted) return;
    lw_upcoming_fetch(&maps->inputs);
    lw_upcoming_fetch(&maps->outputs);
}

// The pixel rows that the next block reads, if there is one, in so many calls.
static inline void lw_upcoming_inputs(lw_upcoming_maps *maps, const lw_wino_call *call,
                                      const lw_wino_block *block, int32_t calls)
{
    const lw_winograd_geometry *g = call->g;
    lw_upcoming *next = &maps->inputs;
    next->n_rows = 0;
    for (int32_t r = 0; maps->wanted && block && r < block->n_rows; r++) {
        const lw_wino_row *row = &block->row[r];
        const int32_t first = lw_winograd_tile_begin(&block->down, row->tile);
        for (int32_t h = 0; h < row->size + 2; h++) {
            if (r > 0 && h < 2 && row->tile > 0) continue; // the row before has fetched it
            next->rows[next->n_rows++] = call->x + row->image * g->x_image + (first + h) * g->x_row;
        }
    }
    lw_upcoming_start(next, g->ow + 2, g->x_pixel, (g->ic + LW_BLOCK - 1) / LW_BLOCK, calls);
}

// Those that this block writes, for `blocks` blocks of output channels from `oc` on.
static inline void lw_upcoming_outputs(lw_upcoming_maps *maps, const lw_wino_call *call,
                                       const lw_wino_block *block, int32_t oc, int32_t blocks,
                                       int32_t calls)
{
    const lw_winograd_geometry *g = call->g;
    const int32_t side = g->pool ? 2 : 1;
    lw_upcoming *next = &maps->outputs;
    next->n_rows = 0;
    for (int32_t r = 0; maps->wanted && r < block->n_rows; r++) {
        const lw_wino_row *row = &block->row[r];
        const int32_t first = lw_winograd_tile_begin(&block->down, row->tile) / side;
        for (int32_t h = 0; h < row->size / side; h++)
            next->rows[next->n_rows++] =
                call->y + row->image * g->y_image + (first + h) * g->y_row + oc * LW_BLOCK;
    }
    lw_upcoming_start(next, g->ow / side, g->y_pixel, blocks, calls);
}

#endif
