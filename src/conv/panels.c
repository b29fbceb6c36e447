// SPDX-License-Identifier: Apache-2.0
// Packing plain matrices, and the loop over tiles.
#include "conv/panels.h"

#include <string.h>

void lw_conv_pack_matrix(const float *source, int64_t lane_stride, int64_t depth_stride,
                         int64_t lanes, int64_t depth, int64_t width, int64_t first, int64_t last,
                         float *panels)
{
    for (int64_t panel = first; panel < last; panel++) {
        int64_t lane = panel * width, count = lw_conv_smaller(width, lanes - lane);
        const float *from = source + lane * lane_stride;
        float *to = panels + panel * width * depth;
        for (int64_t d = 0; d < depth; d++)
            for (int64_t l = 0; l < count; l++)
                to[d * width + l] = from[l * lane_stride + d * depth_stride];
    }
}

void lw_conv_multiply_panels(const lw_kernel_table *kernels, const float *left, const float *right,
                             int64_t depth, int64_t rows, int64_t columns, float *c,
                             int64_t c_stride, bool accumulate)
{
    const int32_t tile_rows = kernels->gemm_rows, tile_columns = kernels->gemm_columns;
    for (int64_t j = 0; j < columns; j += tile_columns)
        for (int64_t i = 0; i < rows; i += tile_rows)
            kernels->gemm_tile(left + i * depth, right + j * depth, depth, c + i * c_stride + j,
                               c_stride, (int32_t)lw_conv_smaller(tile_rows, rows - i),
                               (int32_t)lw_conv_smaller(tile_columns, columns - j), accumulate);
}

double lw_conv_estimate_product(const lw_kernel_table *kernels, double macs)
{
    // Two fused multiply-adds a cycle at four fifths of peak; half of that without the fused form.
    double per_cycle = strcmp(kernels->isa, "generic") == 0 ? 0.8 : 1.6;
    return macs / (per_cycle * kernels->vector_floats);
}
