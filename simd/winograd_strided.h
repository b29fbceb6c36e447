// SPDX-License-Identifier: Apache-2.0
// The Winograd algorithm for the convolution behind a large strided one, for kernels, drivers and
// tests. Where the input's blocks of stride x stride pixels become one pixel each with all of their
// channels (space to depth), a kernel of three or four strides becomes one of 3x3 or 4x4 taps with
// stride 1.
//
// A tile reads 6 x 6 inputs, at the six points of simd/winograd_tiles.h, and gives 4 x 4 outputs
// behind 3x3 taps, 3 x 3 behind 4x4. All tiles are whole: the last ones reach beyond the map, where
// inputs are zeros, outputs are not stored and gradients count as zeros.
#ifndef LW_SIMD_WINOGRAD_STRIDED_H
#define LW_SIMD_WINOGRAD_STRIDED_H

#include "simd/kernels.h"
#include "simd/winograd_tiles.h"

enum { LW_WINOGRAD_ALL_POINTS = LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS };

// Outputs of a tile in one dimension, and the tiles of a dimension.
static inline int32_t lw_winograd_strided_outputs(int32_t taps)
{
    return LW_WINOGRAD_POINTS + 1 - taps;
}

static inline int32_t lw_winograd_strided_tiles(int32_t taps, int32_t outputs)
{
    const int32_t tile = lw_winograd_strided_outputs(taps);
    return (outputs + tile - 1) / tile;
}

// Pixels that the tiles of a dimension read.
static inline int32_t lw_winograd_strided_inputs(int32_t taps, int32_t outputs)
{
    return lw_winograd_strided_tiles(taps, outputs) * lw_winograd_strided_outputs(taps) + taps - 1;
}

// Transformed filters: [block of LW_BLOCK output channels][horizontal point][vertical point][ic]
// [LW_BLOCK]. Floats of a block.
static inline int64_t lw_winograd_strided_filters(int32_t ic)
{
    return (int64_t)LW_WINOGRAD_ALL_POINTS * ic * LW_BLOCK;
}

// Tiles that are transformed, multiplied and transformed back together: as many as keep their
// transformed inputs in a part of L2.
static inline int32_t lw_winograd_strided_block(int32_t ic)
{
    enum { input_floats = 32768, fewest = 14, most = 56 };
    const int32_t chunks = (ic + LW_BLOCK - 1) / LW_BLOCK;
    const int32_t tiles = input_floats / (LW_WINOGRAD_ALL_POINTS * LW_BLOCK * chunks);
    return tiles < fewest ? fewest : tiles > most ? most : tiles;
}

// Vectors of LW_BLOCK floats between the points of a chunk of channels: an odd number keeps the
// points of a tile out of one set of the L1 cache.
static inline int64_t lw_winograd_strided_pitch(int32_t ic)
{
    return lw_winograd_strided_block(ic) | 1;
}

// Floats of transformed inputs or gradients of a block of tiles.
static inline int64_t lw_winograd_strided_points(int32_t ic, int32_t channels)
{
    return LW_WINOGRAD_ALL_POINTS * lw_winograd_strided_pitch(ic) *
           ((channels + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK);
}

// Floats of scratch of winograd_strided_forward: the transformed inputs, the products of a column of
// points, and what the vertical transform makes of them; two blocks of output channels at a time.
static inline int64_t lw_winograd_strided_scratch(int32_t ic)
{
    const int64_t tiles = lw_winograd_strided_block(ic), pair = 2 * LW_BLOCK;
    return lw_winograd_strided_points(ic, ic) +
           (LW_WINOGRAD_POINTS + LW_WINOGRAD_MAX_TILE * LW_WINOGRAD_POINTS) * tiles * pair;
}

// Floats of scratch of winograd_strided_weights.
static inline int64_t lw_winograd_strided_weights_scratch(int32_t ic, int32_t oc)
{
    return lw_winograd_strided_points(ic, ic) + lw_winograd_strided_points(ic, oc);
}

// The sum for input channel r and output channel c at point p is sums[p * point + r * columns + c].
typedef struct lw_winograd_strided_sums {
    int32_t rows, columns; // rounded up: spare ones hold anything
    int64_t point, floats; // its last line is spare, against conflicts in the cache; of all points
} lw_winograd_strided_sums;

static inline lw_winograd_strided_sums lw_winograd_strided_sums_of(int32_t ic, int32_t oc)
{
    lw_winograd_strided_sums sums = {.rows = (ic + 3) / 4 * 4,
                                     .columns = (oc + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK};
    sums.point = (int64_t)sums.rows * sums.columns + LW_BLOCK;
    sums.floats = LW_WINOGRAD_ALL_POINTS * sums.point;
    return sums;
}

#endif
