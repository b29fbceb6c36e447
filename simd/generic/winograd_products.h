// SPDX-License-Identifier: Apache-2.0
// What the Winograd kernels for forward and backward-data share: how many tiles a block has, where
// its scratch is, and the products of its tiles with the filters at a point.
#ifndef LW_SIMD_WINOGRAD_PRODUCTS_H
#define LW_SIMD_WINOGRAD_PRODUCTS_H

#include "simd/generic/winograd_transform.h"

// The register tile: `tile_tiles` broadcasts times `tile_blocks` blocks of output channels. With
// AVX-512 a broadcast serves two blocks, so that loads do not bind.
enum {
    tile_blocks = LW_VEC == 16 ? 2 : 1,
    vectors_per_block = LW_BLOCK / LW_VEC,
    tile_tiles = LW_VEC == 16             ? 14
                 : LW_VEC_REGISTERS == 32 ? 6
                 : LW_VEC == 8            ? 6
                                          : 3
};

// Transformed inputs of a block of tiles, in floats, within limits of its tiles: a fifth of an L2 of
// 1 MiB leaves room for products and filters. Twice or half as many change little (2 to 5 %).
enum { block_floats = 49152, least_tiles = 14, most_tiles = 112 };

// Tile rows of a block.
static inline int32_t rows_of_block(const lw_winograd_geometry *g)
{
    return lw_wino_block_rows(g->ow, g->ic, block_floats, least_tiles, most_tiles);
}

// Input channels of one chain of multiply-adds. Chains are added up, so that the rounding error does
// not grow with the channels: a relative rms of 1.1e-6 instead of 2.1e-6 with 512, 2.9e-6 with 1024.
enum { most_chain = 128 };

// Where things are in scratch.
typedef struct product_scratch {
    lw_wino_inputs inputs;
    float *products;        // [point][tile][tile_blocks * LW_BLOCK]
    int64_t products_point; // floats
} product_scratch;

static inline int64_t tile_pitch(const lw_winograd_geometry *g)
{
    return ((int64_t)rows_of_block(g) * lw_winograd_tiles_of(g->ow).count) | 1;
}

static inline product_scratch scratch_of(const lw_winograd_geometry *g, void *scratch)
{
    const int64_t pitch = tile_pitch(g);
    product_scratch s = {.inputs = lw_wino_inputs_of(scratch, pitch, g->ic)};
    s.products = s.inputs.u + 36 * s.inputs.point;
    s.products_point = pitch * tile_blocks * LW_BLOCK;
    return s;
}

// ---- products -----------------------------------------------------------------------------------

// No load moves across this: left alone, gcc loads all broadcasts of a step first and spills.
LW_INLINE void keep_order(void)
{
    __asm__ volatile("" : : : "memory");
}

// The products of `tiles` tiles with `blocks` blocks of output channels at one point; `add`: to
// what is there.
//   u        [chunk][tile][LW_BLOCK], chunks `chunk` floats apart
//   filters  [ic][LW_BLOCK] per block, in that order
//   m        [tile][tile_blocks * LW_BLOCK]
LW_INLINE void multiply_tile(const int tiles, const int blocks, int32_t ic, const float *u,
                             int64_t chunk, const float *filters,
                             const lw_winograd_filter_order *order, float *m, bool add)
{
    enum { most_vectors = tile_blocks * vectors_per_block };
    const int vectors = blocks * vectors_per_block;
    lw_vec sum[tile_tiles][most_vectors];
    LW_UNROLL(14)
    for (int t = 0; t < tiles; t++) LW_UNROLL(4)
    for (int v = 0; v < vectors; v++) sum[t][v] = lw_vec_zero();
    for (; ic > 0; ic -= LW_BLOCK) {
        const int32_t steps = ic < LW_BLOCK ? ic : LW_BLOCK;
        const float *at = u;
        for (int32_t k = 0; k < steps; k++) {
            lw_vec weight[most_vectors];
            LW_UNROLL(4)
            for (int v = 0; v < vectors; v++) {
                weight[v] = lw_vec_load(filters + v / vectors_per_block * order->block +
                                        v % vectors_per_block * LW_VEC);
                LW_PIN_VEC(weight[v]);
            }
            filters += order->ic;
            LW_UNROLL(14)
            for (int t = 0; t < tiles; t++) {
                lw_vec input = lw_vec_load_broadcast(at + t * LW_BLOCK);
                if (vectors > 1) LW_PIN_VEC(input);
                keep_order();
                LW_UNROLL(4)
                for (int v = 0; v < vectors; v++)
                    sum[t][v] = lw_vec_fma(weight[v], input, sum[t][v]);
            }
            at++;
        }
        u += chunk;
    }
    if (add) {
        LW_UNROLL(14)
        for (int t = 0; t < tiles; t++) LW_UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[t][v] =
                lw_vec_add(lw_vec_load(m + t * tile_blocks * LW_BLOCK + v * LW_VEC), sum[t][v]);
    }
    LW_UNROLL(14)
    for (int t = 0; t < tiles; t++) LW_UNROLL(4)
    for (int v = 0; v < vectors; v++)
        lw_vec_store(m + t * tile_blocks * LW_BLOCK + v * LW_VEC, sum[t][v]);
}

// clang-format off
LW_INLINE void multiply_some(int32_t tiles, const int blocks, int32_t ic, const float *u,
                             int64_t chunk, const float *filters,
                             const lw_winograd_filter_order *order, float *m, bool add)
{
    // tile_tiles is a constant: of the cases beyond it nothing is compiled.
#define TILES(n) case n: if (n <= tile_tiles) multiply_tile(n <= tile_tiles ? n : 1, blocks, ic, u, chunk, filters, order, m, add); break;
    switch (tiles) {
    TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7)
    TILES(8) TILES(9) TILES(10) TILES(11) TILES(12) TILES(13) TILES(14)
    default: break;
    }
#undef TILES
}
// clang-format on

// All tiles of a point, in parts of nearly equal size.
static void multiply_point(int32_t tiles, int blocks, int32_t ic, const float *u, int64_t chunk,
                           const float *filters, const lw_winograd_filter_order *order, float *m)
{
    for (int32_t parts = (tiles + tile_tiles - 1) / tile_tiles; parts > 0; parts--) {
        const int32_t some = (tiles + parts - 1) / parts;
        for (int32_t first = 0; first < ic; first += most_chain) {
            const int32_t chain = ic - first < most_chain ? ic - first : most_chain;
            const float *inputs = u + first / LW_BLOCK * chunk;
            const float *own = filters + first * order->ic;
            if (blocks == tile_blocks)
                multiply_some(some, tile_blocks, chain, inputs, chunk, own, order, m, first > 0);
            else
                multiply_some(some, 1, chain, inputs, chunk, own, order, m, first > 0);
        }
        tiles -= some;
        u += some * LW_BLOCK;
        m += some * tile_blocks * LW_BLOCK;
    }
}

// ---- products of a row of tiles -----------------------------------------------------------------

// Where the products of a row of tiles start: those of tile 0 at the points (i, .) of each kind, the
// points of a kind being `point` floats apart.
typedef struct product_rows {
    const float *from[LW_WINOGRAD_POINTS][LW_WINOGRAD_KINDS];
    int64_t point;
} product_rows;

// `m` is the vector of the block's tile number 0 at point (0, 0), tiles are `tile` floats apart.
static inline product_rows product_rows_of(const lw_wino_block *block, const lw_wino_row *row,
                                           const float *m, int64_t point, int64_t tile)
{
    product_rows products = {.point = point};
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++)
        for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++)
            products.from[i][kind] =
                m + i * LW_WINOGRAD_POINTS * point +
                ((int64_t)row->rank[lw_winograd_kind(i)] * block->columns[kind] -
                 block->first_column[kind]) *
                    tile;
    return products;
}

#endif
