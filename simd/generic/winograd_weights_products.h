// SPDX-License-Identifier: Apache-2.0
// What the Winograd kernels for backward-weights share: sums over tiles of outer products at a point.
#ifndef LW_SIMD_WINOGRAD_WEIGHTS_PRODUCTS_H
#define LW_SIMD_WINOGRAD_WEIGHTS_PRODUCTS_H

#include "simd/kernels.h"
#include "simd/vec.h"

// Accumulators of a tile: rows (one broadcast each) by vectors. With 16 registers 6 x 2, 4 x 2;
// with 32 narrow ones 6 x 4; with 32 wide ones 8 x 2 or 8 x 3, and 16 x 1 for a lone vector.
enum {
    VECTORS_OF_CHUNK = LW_BLOCK / LW_VEC,
    WIDE = (int)LW_VEC == (int)LW_BLOCK,
    TILE_VECTORS = WIDE || LW_VEC_REGISTERS < 32 ? 2 : VECTORS_OF_CHUNK
};

// c[r][v] (+)= sum over tiles of a[tile][r] * b[tile][v], for tiles LW_BLOCK floats apart.
LW_INLINE void multiply_tile(const int rows, const int vectors, const float *a, const float *b,
                             int64_t b_chunk, int32_t tiles, float *c, int64_t c_row,
                             const bool accumulate)
{
    lw_vec sum[16][3 > VECTORS_OF_CHUNK ? 3 : VECTORS_OF_CHUNK];
    LW_UNROLL(16)
    for (int r = 0; r < rows; r++) LW_UNROLL(4)
    for (int v = 0; v < vectors; v++) {
        sum[r][v] = lw_vec_zero();
        // The sums lie in L2: they come while the products are made.
        if (accumulate && v * LW_VEC % LW_BLOCK == 0)
            __builtin_prefetch(c + r * c_row + v * LW_VEC, 1, 3);
    }
    for (int32_t t = 0; t < tiles; t++) {
        lw_vec column[3 > VECTORS_OF_CHUNK ? 3 : VECTORS_OF_CHUNK];
        LW_UNROLL(4)
        for (int v = 0; v < vectors; v++) {
            column[v] =
                lw_vec_load(b + v / VECTORS_OF_CHUNK * b_chunk + v % VECTORS_OF_CHUNK * LW_VEC);
            LW_PIN_VEC(column[v]);
        }
        LW_UNROLL(16)
        for (int r = 0; r < rows; r++) {
            lw_vec own = lw_vec_load_broadcast(a + r);
            // No load moves across this: gcc would load all rows first and spill.
            __asm__ volatile("" : : : "memory");
            LW_UNROLL(4)
            for (int v = 0; v < vectors; v++) sum[r][v] = lw_vec_fma(own, column[v], sum[r][v]);
        }
        a += LW_BLOCK;
        b += LW_BLOCK;
    }
    LW_UNROLL(16)
    for (int r = 0; r < rows; r++) LW_UNROLL(4)
    for (int v = 0; v < vectors; v++) {
        float *place = c + r * c_row + v * LW_VEC;
        lw_vec_store(place, accumulate ? lw_vec_add(lw_vec_load(place), sum[r][v]) : sum[r][v]);
    }
}

typedef struct product {
    const float *a, *b;
    int64_t a_chunk, b_chunk;
    int32_t tiles, rows; // rows: a multiple of LW_WINOGRAD_SUM_ROWS
    float *c;
    int64_t c_row;
} product;

// All rows of `vectors` vectors of columns.
LW_INLINE void multiply_columns(const product *p, const int vectors, int32_t column,
                                const bool accumulate)
{
    const int most = WIDE ? (vectors == 1 ? 16 : 8) : 6;
    const float *b = p->b + column / LW_BLOCK * p->b_chunk + column % LW_BLOCK;
    for (int32_t chunk = 0; chunk < p->rows; chunk += LW_BLOCK) {
        int32_t left = p->rows - chunk < LW_BLOCK ? p->rows - chunk : LW_BLOCK;
        const float *a = p->a + chunk / LW_BLOCK * p->a_chunk;
        float *c = p->c + chunk * p->c_row + column;
        while (left > 0) {
            int32_t rows = 4;
            if (left >= most && left % most != 2) {
                rows = most;
                multiply_tile(most, vectors, a, b, p->b_chunk, p->tiles, c, p->c_row, accumulate);
            } else if (WIDE && vectors == 1 && left >= 8) {
                rows = 8;
                multiply_tile(8, vectors, a, b, p->b_chunk, p->tiles, c, p->c_row, accumulate);
            } else {
                multiply_tile(4, vectors, a, b, p->b_chunk, p->tiles, c, p->c_row, accumulate);
            }
            left -= rows;
            a += rows;
            c += rows * p->c_row;
        }
    }
}

LW_INLINE void multiply_all(const product *p, int32_t columns, const bool accumulate)
{
    int32_t column = 0;
    for (; columns - column >= (WIDE ? 4 : TILE_VECTORS) * LW_VEC; column += TILE_VECTORS * LW_VEC)
        multiply_columns(p, TILE_VECTORS, column, accumulate);
    if (!WIDE) return;
    switch ((columns - column) / LW_VEC) {
    case 3: multiply_columns(p, 3, column, accumulate); break;
    case 2: multiply_columns(p, 2, column, accumulate); break;
    case 1: multiply_columns(p, 1, column, accumulate); break;
    default: break;
    }
}

#endif
