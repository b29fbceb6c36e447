// SPDX-License-Identifier: Apache-2.0
// How the Winograd algorithm cuts a map into tiles, for kernels, drivers and tests.
//
// A 3x3 kernel is applied by polynomial interpolation at six points in each dimension: 0, +-3/4,
// +-3/2 and infinity, numbered 0 .. 5. A tile of n outputs in one dimension reads n + 2 inputs and
// needs n + 2 of the points:
//
//     4 outputs: all six                 3 outputs: 0 1 2 3 4 (without infinity)
//     2 outputs: 0 1 2 5                 1 output:  0 1 2
//
// so that one set of transformed filters serves tiles of every size, and a dimension is covered
// exactly. Tiles stand in the order 3, 4, 4, ..., 4, 2 (a lone output: 1): the tiles that have a
// point are neighbours.
#ifndef LW_SIMD_WINOGRAD_TILES_H
#define LW_SIMD_WINOGRAD_TILES_H

#include <stdbool.h>
#include <stdint.h>

enum { LW_WINOGRAD_POINTS = 6, LW_WINOGRAD_MAX_TILE = 4 };

// The tiles of one dimension.
typedef struct lw_winograd_tiles {
    int32_t threes, fours, last; // 0 or 1; any number; outputs of the last tile: 0 (none), 1 or 2
    int32_t count;
} lw_winograd_tiles;

// Fours as far as they go; 4k + 1 outputs end with 3 + 2 instead of 4 + 1. n outputs in t tiles
// cost n + 2t products.
static inline lw_winograd_tiles lw_winograd_tiles_of(int32_t outputs)
{
    lw_winograd_tiles tiles = {0, outputs / 4, 0, 0};
    switch (outputs % 4) {
    case 1:
        if (outputs == 1) {
            tiles.last = 1;
        } else {
            tiles.fours--;
            tiles.threes = 1;
            tiles.last = 2;
        }
        break;
    case 2: tiles.last = 2; break;
    case 3: tiles.threes = 1; break;
    default: break;
    }
    tiles.count = tiles.threes + tiles.fours + (tiles.last > 0);
    return tiles;
}

// Outputs of tile t, and the first of them.
static inline int32_t lw_winograd_tile_size(const lw_winograd_tiles *tiles, int32_t t)
{
    if (t < tiles->threes) return 3;
    return t < tiles->threes + tiles->fours ? 4 : tiles->last;
}

static inline int32_t lw_winograd_tile_begin(const lw_winograd_tiles *tiles, int32_t t)
{
    return 4 * t - (t > 0 && tiles->threes ? 1 : 0);
}

// Points fall into three kinds by the tiles that have them: 0 1 2 (all tiles), 3 4 (those of 4 and
// 3 outputs) and 5 (those of 4 and 2).
enum { LW_WINOGRAD_KINDS = 3 };

static inline int lw_winograd_kind(int point)
{
    return point < 3 ? 0 : point < 5 ? 1 : 2;
}

// Whether a tile of that size has the points of that kind.
static inline int lw_winograd_has(int size, int kind)
{
    return kind == 0 || (kind == 1 ? size >= 3 : size == 4 || size == 2);
}

// The order of transformed filters. Each block of LW_BLOCK output channels has a vector of LW_BLOCK
// floats for every input channel at every point (i, j), i vertical, j horizontal:
//
//     by points   [i][j][ic]  for products of one point after the other, with many tiles each
//     by columns  [j][ic][i]  for products of all vertical points of a few tiles at a time, whose
//                             transform then happens in registers
//
// Columns want registers for the sums of 6 points by 4 tiles, multiply-adds that broadcast one operand
// from memory, and few input channels: with many, the products take so long that transforms matter
// less, and inputs are loaded less often where a broadcast serves two blocks of output channels.
typedef struct lw_winograd_filter_order {
    bool by_columns;
    int64_t block;    // floats from a block of output channels to the next one
    int64_t i, j, ic; // floats from a point, or from an input channel, to the next one
} lw_winograd_filter_order;

enum { LW_WINOGRAD_COLUMN_CHANNELS = 64 };

// The order depends on the input channels and on the ISA alone. An odd number of vectors, or of groups
// of six, keeps the 36 vectors of a channel out of one set of the L1 cache.
static inline lw_winograd_filter_order lw_winograd_filter_order_of(int32_t ic,
                                                                   int32_t vector_floats)
{
    const int64_t points = LW_WINOGRAD_POINTS, vector = 16, channels = ic | 1;
    lw_winograd_filter_order order = {.block = points * points * channels * vector};
    order.by_columns = vector_floats == vector && ic <= LW_WINOGRAD_COLUMN_CHANNELS;
    order.ic = order.by_columns ? points * vector : vector;
    order.i = order.by_columns ? vector : points * channels * vector;
    order.j = order.by_columns ? points * channels * vector : channels * vector;
    return order;
}

// The tiles that have a kind's points: [first, first + count).
static inline int32_t lw_winograd_first_tile(const lw_winograd_tiles *tiles, int kind)
{
    return kind == 2 ? tiles->threes : 0;
}

static inline int32_t lw_winograd_tile_count(const lw_winograd_tiles *tiles, int kind)
{
    if (kind == 0) return tiles->count;
    return tiles->fours + (kind == 1 ? tiles->threes : tiles->last == 2);
}

// The kinds of points that some tile of a dimension has, a bit for each.
enum { LW_WINOGRAD_ALL_KINDS = (1 << LW_WINOGRAD_KINDS) - 1 };

static inline uint32_t lw_winograd_kinds_of(int32_t outputs)
{
    const lw_winograd_tiles tiles = lw_winograd_tiles_of(outputs);
    uint32_t kinds = 0;
    for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++)
        if (lw_winograd_tile_count(&tiles, kind) > 0) kinds |= 1u << kind;
    return kinds;
}

#endif
