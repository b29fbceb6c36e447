// SPDX-License-Identifier: Apache-2.0
// What the backward passes of a convolution stage share: where the outputs through which a gradient
// flows lie. Behind a ReLU these are the positive ones, behind a 2x2 max pool the one winner of
// each window. So a fused stage costs at most a quarter of the dense multiply-adds. The result is
// exact; only the order of the additions differs from the dense loops.
#ifndef LW_SIMD_CONV_LIVE_H
#define LW_SIMD_CONV_LIVE_H

#include "simd/kernels.h"
#include "simd/vec.h"

// Taps whose sums stay in registers together: the 9 of a 3x3 kernel.
enum { LW_TAP_GROUP = 9 };

LW_INLINE int32_t lw_conv_blocks(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK;
}

// The channels of a block that exist: the last block may be padded.
LW_INLINE uint32_t lw_conv_existing(const lw_conv_geometry *g, int32_t block)
{
    int32_t left = g->oc - block * LW_BLOCK;
    return left >= LW_BLOCK ? 0xFFFFu : (1u << left) - 1;
}

// Floats in x from a window's first output to the one on its right and to the one below it.
LW_INLINE int64_t lw_conv_right_step(const lw_conv_geometry *g)
{
    return g->stride_w * g->x_pixel;
}

LW_INLINE int64_t lw_conv_lower_step(const lw_conv_geometry *g)
{
    return g->stride_h * g->x_row;
}

// Offset in x of the input under tap (0, 0) of the first output of window (oh, ow).
LW_INLINE int64_t lw_conv_window(const lw_conv_geometry *g, int32_t oh, int32_t ow)
{
    int32_t pool_step = g->pool ? 2 : 1;
    return oh * pool_step * lw_conv_lower_step(g) + ow * pool_step * lw_conv_right_step(g);
}

// Offset in x of a tap from tap (0, 0).
LW_INLINE int32_t lw_conv_tap(const lw_conv_geometry *g, int32_t tap)
{
    return (int32_t)(tap / g->kw * g->dilation_h * g->x_row +
                     tap % g->kw * g->dilation_w * g->x_pixel);
}

// A 3x3 kernel that looks at neighbouring pixels, behind a 2x2 max pool: a window's outputs look at
// 4x4 inputs.
LW_INLINE bool lw_conv_is_patch(const lw_conv_geometry *g)
{
    return g->pool && g->kh == 3 && g->kw == 3 && g->stride_h == 1 && g->stride_w == 1 &&
           g->dilation_h == 1 && g->dilation_w == 1;
}

// dbias += the live gradients of all images, for one block of output channels.
LW_INLINE void lw_conv_add_bias(const lw_conv_geometry *g, int32_t images, int32_t block,
                                const float *dy, const lw_planes *planes, float *dbias)
{
    enum { vectors = LW_BLOCK / LW_VEC };
    dbias += block * LW_BLOCK;
    lw_vec sum[vectors];
    LW_UNROLL(4)
    for (int v = 0; v < vectors; v++) sum[v] = lw_vec_load(dbias + v * LW_VEC);
    for (int32_t n = 0; n < images; n++) {
        const lw_planes *plane = planes + n * g->planes_image + (int64_t)block * g->oh * g->ow;
        for (int32_t oh = 0; oh < g->oh; oh++) {
            const float *gradients = dy + n * g->dy_image + oh * g->dy_row + block * LW_BLOCK;
            for (int32_t ow = 0; ow < g->ow; ow++, gradients += g->dy_pixel) {
                const uint32_t live = (plane++)->live;
                LW_UNROLL(4)
                for (int v = 0; v < vectors; v++)
                    sum[v] = lw_vec_add(sum[v], lw_vec_keep(live >> v * LW_VEC,
                                                            lw_vec_load(gradients + v * LW_VEC)));
            }
        }
    }
    LW_UNROLL(4)
    for (int v = 0; v < vectors; v++) lw_vec_store(dbias + v * LW_VEC, sum[v]);
}

#endif
