// SPDX-License-Identifier: Apache-2.0
// The arrays of the Winograd algorithm's backward-weights, for kernels, drivers and tests.
#ifndef LW_SIMD_WINOGRAD_WEIGHTS_H
#define LW_SIMD_WINOGRAD_WEIGHTS_H

#include "simd/kernels.h"
#include "simd/winograd_tiles.h"

// Rows of sums come in fours.
enum { LW_WINOGRAD_SUM_ROWS = 4 };

// The sum for row r and column c at point (i, j) is sums[(i * 6 + j) * point + r * columns + c].
typedef struct lw_winograd_sums {
    int32_t rows, columns; // rounded up: spare ones hold anything
    int64_t point;         // floats; its last line is spare, against conflicts in the cache
    int64_t floats;        // of all points
} lw_winograd_sums;

static inline lw_winograd_sums lw_winograd_sums_of(const lw_winograd_weights *g)
{
    const int32_t row = g->lanes_are_inputs ? g->oc : g->ic;
    const int32_t column = g->lanes_are_inputs ? g->ic : g->oc;
    lw_winograd_sums sums;
    sums.rows = (row + LW_WINOGRAD_SUM_ROWS - 1) / LW_WINOGRAD_SUM_ROWS * LW_WINOGRAD_SUM_ROWS;
    sums.columns = (column + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
    sums.point = (int64_t)sums.rows * sums.columns + LW_BLOCK;
    sums.floats = LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS * sums.point;
    return sums;
}

// Whether any tile of the maps has point (i, j). The sums of other points are neither written nor
// read: they are zero.
static inline bool lw_winograd_weights_has(const lw_winograd_weights *g, int i, int j)
{
    const lw_winograd_tiles down = lw_winograd_tiles_of(g->oh);
    const lw_winograd_tiles across = lw_winograd_tiles_of(g->ow);
    return lw_winograd_tile_count(&down, lw_winograd_kind(i)) > 0 &&
           lw_winograd_tile_count(&across, lw_winograd_kind(j)) > 0;
}

// The place of `tiles` tiles of a block: an odd number, so that the points of a tile do not meet in
// one set of the cache.
static inline int64_t lw_winograd_weights_pitch(int64_t tiles)
{
    return tiles | 1;
}

// Floats of scratch for blocks of at most `tiles` tiles.
static inline int64_t lw_winograd_weights_scratch(const lw_winograd_weights *g, int64_t tiles)
{
    const int64_t channels = (int64_t)(g->ic + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK +
                             (int64_t)(g->oc + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
    return LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS * lw_winograd_weights_pitch(tiles) * channels;
}

#endif
