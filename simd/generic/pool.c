// SPDX-License-Identifier: Apache-2.0
// Pooling that is not fused into a convolution (global pooling is a window as large as the map),
// and the elementwise layers. Lanes hold channels.
#include "simd/declare.h"

// The part of a window that lies inside the map.
typedef struct window {
    int32_t ih_begin, ih_end, iw_begin, iw_end;
} window;

LW_INLINE window clip_window(const lw_pool_geometry *g, int32_t oh, int32_t ow)
{
    int32_t ih = oh * g->stride_h - g->pad_h, iw = ow * g->stride_w - g->pad_w;
    window clipped = {ih, ih + g->kernel_h, iw, iw + g->kernel_w};
    if (clipped.ih_begin < 0) clipped.ih_begin = 0;
    if (clipped.iw_begin < 0) clipped.iw_begin = 0;
    if (clipped.ih_end > g->ih) clipped.ih_end = g->ih;
    if (clipped.iw_end > g->iw) clipped.iw_end = g->iw;
    return clipped;
}

void LW_KERNEL(maxpool_forward)(const lw_pool_geometry *g, const float *x, float *y, float *winner)
{
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            window in = clip_window(g, oh, ow);
            float *winner_pixel = winner + ((int64_t)oh * g->ow + ow) * g->channels;
            for (int32_t c = 0; c < g->channels; c += LW_VEC) {
                lw_vec best =
                    lw_vec_load(x + in.ih_begin * g->x_row + in.iw_begin * g->x_pixel + c);
                lw_vec place = lw_vec_broadcast((float)(in.ih_begin * g->iw + in.iw_begin));
                for (int32_t ih = in.ih_begin; ih < in.ih_end; ih++)
                    for (int32_t iw = in.iw_begin; iw < in.iw_end; iw++) {
                        lw_vec value = lw_vec_load(x + ih * g->x_row + iw * g->x_pixel + c);
                        uint32_t larger = lw_vec_greater(value, best);
                        lw_vec here = lw_vec_broadcast((float)(ih * g->iw + iw));
                        best = lw_vec_select(larger, value, best);
                        place = lw_vec_select(larger, here, place);
                    }
                lw_vec_store(y + oh * g->y_row + ow * g->y_pixel + c, best);
                lw_vec_store(winner_pixel + c, place);
            }
        }
}

void LW_KERNEL(maxpool_backward)(const lw_pool_geometry *g, const float *dy, const float *winner,
                                 float *dx)
{
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            const float *gradient = dy + oh * g->dy_row + ow * g->dy_pixel;
            const float *place = winner + ((int64_t)oh * g->ow + ow) * g->channels;
            for (int32_t c = 0; c < g->channels; c++) {
                int32_t pixel = (int32_t)place[c];
                dx[pixel / g->iw * g->x_row + pixel % g->iw * g->x_pixel + c] += gradient[c];
            }
        }
}

void LW_KERNEL(avgpool_forward)(const lw_pool_geometry *g, const float *x, float *y)
{
    lw_vec scale = lw_vec_broadcast(1.0f / (float)((int64_t)g->kernel_h * g->kernel_w));
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            window in = clip_window(g, oh, ow);
            for (int32_t c = 0; c < g->channels; c += LW_VEC) {
                lw_vec sum = lw_vec_zero();
                for (int32_t ih = in.ih_begin; ih < in.ih_end; ih++)
                    for (int32_t iw = in.iw_begin; iw < in.iw_end; iw++)
                        sum = lw_vec_add(sum, lw_vec_load(x + ih * g->x_row + iw * g->x_pixel + c));
                lw_vec_store(y + oh * g->y_row + ow * g->y_pixel + c, lw_vec_mul(sum, scale));
            }
        }
}

void LW_KERNEL(avgpool_backward)(const lw_pool_geometry *g, const float *dy, float *dx)
{
    lw_vec scale = lw_vec_broadcast(1.0f / (float)((int64_t)g->kernel_h * g->kernel_w));
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            window in = clip_window(g, oh, ow);
            for (int32_t c = 0; c < g->channels; c += LW_VEC) {
                const float *gradient = dy + oh * g->dy_row + ow * g->dy_pixel + c;
                lw_vec share = lw_vec_mul(lw_vec_load(gradient), scale);
                for (int32_t ih = in.ih_begin; ih < in.ih_end; ih++)
                    for (int32_t iw = in.iw_begin; iw < in.iw_end; iw++) {
                        float *out = dx + ih * g->x_row + iw * g->x_pixel + c;
                        lw_vec_store(out, lw_vec_add(lw_vec_load(out), share));
                    }
            }
        }
}

void LW_KERNEL(relu_forward)(int64_t count, const float *x, float *y)
{
    for (int64_t i = 0; i < count; i += LW_VEC)
        lw_vec_store(y + i, lw_vec_max(lw_vec_zero(), lw_vec_load(x + i)));
}

void LW_KERNEL(relu_backward)(int64_t count, const float *y, const float *dy, float *dx)
{
    for (int64_t i = 0; i < count; i += LW_VEC) {
        uint32_t live = lw_vec_greater(lw_vec_load(y + i), lw_vec_zero());
        lw_vec_store(dx + i, lw_vec_keep(live, lw_vec_load(dy + i)));
    }
}

void LW_KERNEL(multiply)(int64_t count, const float *x, const float *factor, float *y)
{
    for (int64_t i = 0; i < count; i += LW_VEC)
        lw_vec_store(y + i, lw_vec_mul(lw_vec_load(x + i), lw_vec_load(factor + i)));
}
