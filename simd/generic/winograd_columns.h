// SPDX-License-Identifier: Apache-2.0
// The Winograd forward pass by columns: for filters whose order is by columns.
#ifndef LW_SIMD_WINOGRAD_COLUMNS_H
#define LW_SIMD_WINOGRAD_COLUMNS_H

#include "simd/generic/winograd_outputs.h"

// Tile rows row_begin .. row_end - 1, at least one.
void LW_KERNEL(winograd_forward_columns)(const lw_wino_call *call, int64_t row_begin,
                                         int64_t row_end, float *scratch);

// Floats of its scratch; 0 where the order is another one.
int64_t LW_KERNEL(winograd_columns_floats)(const lw_winograd_geometry *g);

#endif
