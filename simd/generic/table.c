// SPDX-License-Identifier: Apache-2.0
// The portable kernels, compiled for one ISA, as a table: lw_kernel_table_<isa>.
#include "simd/declare.h"
#include "simd/generic/dense_tile.h"
#include "simd/generic/gemm_tile.h"

#define LW_TABLE_PASTE(isa) lw_kernel_table_##isa
#define LW_TABLE_EXPAND(isa) LW_TABLE_PASTE(isa)
#define LW_STRING_PASTE(isa) #isa
#define LW_STRING_EXPAND(isa) LW_STRING_PASTE(isa)

extern const lw_kernel_table LW_TABLE_EXPAND(LW_ISA);

const lw_kernel_table LW_TABLE_EXPAND(LW_ISA) = {
    .isa = LW_STRING_EXPAND(LW_ISA),
    .vector_floats = LW_VEC,
    .gemm_rows = LW_TILE_ROWS,
    .gemm_columns = LW_TILE_COLUMNS,
    .dot_rows = LW_TILE_ROWS,
    .dot_columns = LW_TILE_VECTORS,
    .dense_channels = LW_DENSE_CHANNELS,
    .dense_pixels = 2 * LW_DENSE_PIXELS,
#define LW_KERNEL_ENTRY(slot, family) .slot = LW_KERNEL(slot),
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY
};
