// SPDX-License-Identifier: Apache-2.0
// The register tile of the GEMM kernels, for the ISA a file is compiled for.
//
// LW_TILE_ROWS x LW_TILE_VECTORS accumulators, one register for each vector of b and one for a
// broadcast: 8 x 3 + 3 + 1 = 28 of 32 registers, 4 x 3 + 3 + 1 = 16 of 16. Without a fused
// multiply-add the product needs a register too, so the portable x86 tile is 4 x 2. Rows are powers
// of two because channel counts mostly are.
#ifndef LW_SIMD_GENERIC_GEMM_TILE_H
#define LW_SIMD_GENERIC_GEMM_TILE_H

#include "simd/vec.h"

enum {
    LW_TILE_ROWS = LW_VEC_REGISTERS == 32 ? 8 : 4,
    LW_TILE_VECTORS = LW_VEC_REGISTERS == 16 && LW_VEC == 4 ? 2 : 3,
    LW_TILE_COLUMNS = LW_TILE_VECTORS * LW_VEC
};

#endif
