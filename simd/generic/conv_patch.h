// SPDX-License-Identifier: Apache-2.0
// The commonest stage, for which lw_conv_is_patch (conv_live.h): a 3x3 kernel with stride 1 behind a
// 2x2 max pool. A window's four outputs look at one patch of 4x4 inputs.
#ifndef LW_SIMD_CONV_PATCH_H
#define LW_SIMD_CONV_PATCH_H

#include "simd/kernels.h"
#include "simd/vec.h"

// conv_forward for the blocks of output channels from `first_block` on: where input channels are few,
// or the block is a single one.
void LW_KERNEL(conv_forward_patch)(const lw_conv_geometry *g, int32_t first_block, const float *x,
                                   const float *weights, const float *bias, float *y,
                                   lw_planes *planes);

// conv_backward_data, without scratch.
void LW_KERNEL(conv_backward_patch)(const lw_conv_geometry *g, const float *dy,
                                    const lw_planes *planes, const float *weights, float *dx);

#endif
