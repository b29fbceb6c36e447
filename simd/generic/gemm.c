// SPDX-License-Identifier: Apache-2.0
// The two register tiles of matrix products: outer products of packed panels, and inner products of
// rows. Both keep LW_TILE_ROWS x LW_TILE_VECTORS accumulators in registers over the whole of k, and
// do so many multiply-adds per load that L1 and L2 keep up.
#include "simd/declare.h"
#include "simd/generic/gemm_tile.h"

typedef lw_vec tile_sums[LW_TILE_ROWS][LW_TILE_VECTORS];

// No load moves across this. Left alone, gcc loads the values of all rows first and, on NEON,
// spills accumulators to make room for them.
LW_INLINE void keep_order(void)
{
    __asm__ volatile("" : : : "memory");
}

LW_INLINE void clear(tile_sums sum)
{
    LW_UNROLL(8)
    for (int r = 0; r < LW_TILE_ROWS; r++) LW_UNROLL(3)
    for (int v = 0; v < LW_TILE_VECTORS; v++) sum[r][v] = lw_vec_zero();
}

LW_INLINE void store(tile_sums sum, float *c, int64_t c_stride, const bool accumulate)
{
    LW_UNROLL(8)
    for (int r = 0; r < LW_TILE_ROWS; r++) LW_UNROLL(3)
    for (int v = 0; v < LW_TILE_VECTORS; v++) {
        float *place = c + r * c_stride + v * LW_VEC;
        lw_vec_store(place, accumulate ? lw_vec_add(lw_vec_load(place), sum[r][v]) : sum[r][v]);
    }
}

void LW_KERNEL(gemm_tile)(const float *a_panel, const float *b_panel, int64_t k, float *c,
                          int64_t c_stride, int32_t rows, int32_t columns, bool accumulate)
{
    tile_sums sum;
    clear(sum);
    for (int64_t i = 0; i < k; i++) {
        lw_vec b[LW_TILE_VECTORS];
        LW_UNROLL(3)
        for (int v = 0; v < LW_TILE_VECTORS; v++) {
            b[v] = lw_vec_load(b_panel + v * LW_VEC);
            LW_PIN_VEC(b[v]);
        }
        LW_UNROLL(8)
        for (int r = 0; r < LW_TILE_ROWS; r++) {
            lw_vec a = lw_vec_load_broadcast(a_panel + r);
            keep_order();
            LW_UNROLL(3)
            for (int v = 0; v < LW_TILE_VECTORS; v++) sum[r][v] = lw_vec_fma(a, b[v], sum[r][v]);
        }
        a_panel += LW_TILE_ROWS;
        b_panel += LW_TILE_COLUMNS;
    }
    if (rows == LW_TILE_ROWS && columns == LW_TILE_COLUMNS) {
        if (accumulate)
            store(sum, c, c_stride, true);
        else
            store(sum, c, c_stride, false);
        return;
    }
    // A tile at the edge goes through the stack, so that nothing outside of c is touched.
    float tile[LW_TILE_ROWS * LW_TILE_COLUMNS];
    store(sum, tile, LW_TILE_COLUMNS, false);
    for (int32_t r = 0; r < rows; r++)
        for (int32_t j = 0; j < columns; j++) {
            float *place = c + r * c_stride + j;
            *place =
                accumulate ? *place + tile[r * LW_TILE_COLUMNS + j] : tile[r * LW_TILE_COLUMNS + j];
        }
}

void LW_KERNEL(gemm_dot)(const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                         int64_t k, float *lanes)
{
    tile_sums sum;
    clear(sum);
    for (int64_t i = 0; i < k; i += LW_VEC) {
        lw_vec row_of_b[LW_TILE_VECTORS];
        LW_UNROLL(3)
        for (int j = 0; j < LW_TILE_VECTORS; j++) {
            row_of_b[j] = lw_vec_load(b + j * b_stride + i);
            LW_PIN_VEC(row_of_b[j]);
        }
        LW_UNROLL(8)
        for (int r = 0; r < LW_TILE_ROWS; r++) {
            lw_vec row_of_a = lw_vec_load(a + r * a_stride + i);
            keep_order();
            LW_UNROLL(3)
            for (int j = 0; j < LW_TILE_VECTORS; j++)
                sum[r][j] = lw_vec_fma(row_of_a, row_of_b[j], sum[r][j]);
        }
    }
    // Row r of the tile is LW_TILE_VECTORS vectors of lanes.
    store(sum, lanes, LW_TILE_COLUMNS, true);
}
