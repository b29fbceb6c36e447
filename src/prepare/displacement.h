// SPDX-License-Identifier: Apache-2.0
// The rows of a displacement field, one after the other from the top.
#ifndef LW_PREPARE_DISPLACEMENT_H
#define LW_PREPARE_DISPLACEMENT_H

#include "prepare/warp.h"

enum { LW_SPLINE_TAPS = 4 };

typedef struct lw_displacement_rows {
    const lw_displacement *displacement;
    int32_t width, next_node; // next_node: row of the grid that has not been spread out yet
    float *nodes[2];          // (4, width) each: the last rows of the grid, along x and along y
    float *weights;           // (width, 4) of the grid's columns
    int32_t *columns;         // (width): first column of the grid
    int32_t *x, *y;           // (width): the row's displacements, 16 fraction bits
} lw_displacement_rows;

size_t lw_displacement_scratch_bytes(int32_t width);
lw_displacement_rows lw_displacement_begin(const lw_displacement *displacement, int32_t width,
                                           void *scratch);
// Makes row `row`; rows are asked for in order, from 0.
void lw_displacement_row(lw_displacement_rows *rows, int32_t row);

#endif
