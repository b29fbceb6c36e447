// SPDX-License-Identifier: Apache-2.0
// What the kernels of simd/winograd_strided.h share: the tiles of a block, and their inputs at the
// 36 points.
#ifndef LW_SIMD_WINOGRAD_STRIDED_TRANSFORM_H
#define LW_SIMD_WINOGRAD_STRIDED_TRANSFORM_H

#include "simd/generic/winograd_transform.h"
#include "simd/winograd_strided.h"

// A run of tiles: the first one, and those of a row of tiles.
typedef struct lw_strided_run {
    int32_t row, column, across, count;
} lw_strided_run;

// The next tile of the run.
LW_INLINE void lw_strided_next(lw_strided_run *run)
{
    if (++run->column < run->across) return;
    run->column = 0;
    run->row++;
}

// Tiles [begin, begin + count).
static inline lw_strided_run lw_strided_run_of(int32_t across, int64_t begin, int32_t count)
{
    return (lw_strided_run){(int32_t)(begin / across), (int32_t)(begin % across), across, count};
}

// One vector of channels of one tile.
LW_INLINE void lw_strided_input_tile(const float *x, int64_t row, int64_t pixel, float *u,
                                     int64_t point)
{
    LW_UNROLL(3)
    for (int group = 0; group < LW_WINO_GROUPS; group++) {
        lw_vec columns[LW_WINOGRAD_POINTS][LW_WINO_GROUP_POINTS];
        LW_UNROLL(6)
        for (int k = 0; k < LW_WINOGRAD_POINTS; k++)
            lw_wino_vertical(4, group, x + k * pixel, row, columns[k]);
        LW_UNROLL(4)
        for (int p = 0; p < lw_wino_group_points(4, group); p++) {
            lw_vec d[LW_WINOGRAD_POINTS], t[LW_WINOGRAD_POINTS];
            LW_UNROLL(6)
            for (int k = 0; k < LW_WINOGRAD_POINTS; k++) d[k] = columns[k][p];
            lw_wino_input(4, d, t);
            float *to = u + lw_wino_group_point(group, p) * point;
            LW_UNROLL(6)
            for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
                lw_vec_store(to + j * LW_WINOGRAD_POINTS * point, t[j]);
        }
    }
}

// All inputs of a run, at points [horizontal][vertical], `point` floats apart:
// u[point][chunk][tile][LW_BLOCK], chunks `chunk` floats apart. x points at the pixel under tap
// (0, 0) of output (0, 0) of the map.
static inline void lw_strided_inputs(const lw_winograd_strided *g, lw_strided_run run,
                                     const float *x, float *u, int64_t chunk, int64_t point)
{
    const int32_t outputs = lw_winograd_strided_outputs(g->taps);
    for (int32_t t = 0; t < run.count; t++, lw_strided_next(&run)) {
        const float *from =
            x + (int64_t)run.row * outputs * g->x_row + (int64_t)run.column * outputs * g->x_pixel;
        for (int32_t c = 0; c < g->ic; c += LW_BLOCK)
            for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC)
                lw_strided_input_tile(from + c + lane, g->x_row, g->x_pixel,
                                      u + c / LW_BLOCK * chunk + t * LW_BLOCK + lane, point);
    }
}

#endif
