// SPDX-License-Identifier: Apache-2.0
// Space to depth: blocks of stride x stride pixels of a padded image become one pixel with all of
// their channels, and a strided convolution one with stride 1 whose kernel has as many taps as the
// old one spans strides. Taps that the old kernel does not have are zero.
#ifndef LW_CONV_SPACE_TO_DEPTH_H
#define LW_CONV_SPACE_TO_DEPTH_H

#include "conv/list.h"
#include "conv/maps.h"
#include "simd/kernels.h"

// Channel c of the pixel at (ph, pw) of a block is channel (ph * stride_w + pw) * ic + c. The first
// block starts with the padding, so that output (oh, ow) reads the blocks from (oh, ow) on.
typedef struct lw_conv_depth {
    int32_t stride_h, stride_w, pad_h, pad_w;
    int32_t ic, channels;  // of the image; of a block
    int32_t kh, kw, taps;  // of the kernel; taps in each dimension, the larger number of the two
    int32_t height, width; // blocks that are read
    int64_t row, pixel, floats; // of the rearranged image
    lw_conv_view view;          // of an image with its channels together
} lw_conv_depth;

// How x is rearranged for whole tiles of the algorithm. `taps` as lw_conv_depth_taps says.
lw_conv_depth lw_conv_depth_of(const lw_conv_problem *problem, int32_t taps);

// Taps of a kernel of that size in strides.
int32_t lw_conv_depth_taps(int32_t kernel, int32_t stride);

// Rearranges image n of x: `depth` gets depth.floats floats. `scratch` has view.scratch_floats.
void lw_conv_depth_read(const lw_conv_depth *depth, const lw_conv_map *map, const float *x,
                        int64_t n, float *scratch, float *to);

// The place of the weight for a channel and a tap, kh * KW + kw, of the old kernel among
// [channel][tap] of the new one.
int64_t lw_conv_depth_weight(const lw_conv_depth *depth, int32_t ic, int32_t kh, int32_t kw);

#endif
