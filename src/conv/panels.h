// SPDX-License-Identifier: Apache-2.0
// Packed panels, the operands of the GEMM tile. A panel holds `width` rows of the left matrix or
// columns of the right one, side by side for every step of the depth: [depth][width]. Panels follow
// each other; what a last panel has beyond the matrix is left as it is.
#ifndef LW_CONV_PANELS_H
#define LW_CONV_PANELS_H

#include "conv/blocks.h"
#include "simd/kernels.h"

// Packs panels [first, last) of a plain matrix: lane l at depth d is source[l * lane_stride +
// d * depth_stride]. `panels` is where panel 0 starts.
void lw_conv_pack_matrix(const float *source, int64_t lane_stride, int64_t depth_stride,
                         int64_t lanes, int64_t depth, int64_t width, int64_t first, int64_t last,
                         float *panels);

// c (rows x columns, rows c_stride floats apart) = or += left panels * right panels.
void lw_conv_multiply_panels(const lw_kernel_table *kernels, const float *left, const float *right,
                             int64_t depth, int64_t rows, int64_t columns, float *c,
                             int64_t c_stride, bool accumulate);

// Estimated cycles of a matrix product with that many multiply-adds, tails included.
double lw_conv_estimate_product(const lw_kernel_table *kernels, double macs);

// What the parts of unfold (products, copies, unfolding) take together when each alone takes its part
// of `cycles`: some of it at the same time. Fitted to 300 random passes on AVX2 and AVX-512.
static inline double lw_conv_estimate_unfold(double cycles)
{
    return 0.9 * cycles;
}

#endif
