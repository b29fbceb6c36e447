// SPDX-License-Identifier: Apache-2.0
// Pooling windows one by one.
#include "kernel/reference.h"

static int32_t clip(int32_t value, int32_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

lw_reference_window lw_reference_pool_window(const lw_pool_geometry *g, int32_t oh, int32_t ow)
{
    const int32_t ih = oh * g->stride_h - g->pad_h, iw = ow * g->stride_w - g->pad_w;
    return (lw_reference_window){clip(ih, g->ih), clip(ih + g->kernel_h, g->ih), clip(iw, g->iw),
                                 clip(iw + g->kernel_w, g->iw)};
}

float lw_reference_maxpool(const lw_pool_geometry *g, const float *x, int32_t channel, int32_t oh,
                           int32_t ow, int32_t *winner)
{
    const lw_reference_window in = lw_reference_pool_window(g, oh, ow);
    float best = x[in.ih_begin * g->x_row + in.iw_begin * g->x_pixel + channel];
    *winner = in.ih_begin * g->iw + in.iw_begin;
    for (int32_t ih = in.ih_begin; ih < in.ih_end; ih++)
        for (int32_t iw = in.iw_begin; iw < in.iw_end; iw++) {
            const float value = x[ih * g->x_row + iw * g->x_pixel + channel];
            if (!(value > best)) continue;
            best = value;
            *winner = ih * g->iw + iw;
        }
    return best;
}

lw_reference_sum lw_reference_avgpool(const lw_pool_geometry *g, const float *x, int32_t channel,
                                      int32_t oh, int32_t ow)
{
    const lw_reference_window in = lw_reference_pool_window(g, oh, ow);
    lw_reference_sum sum = {0};
    for (int32_t ih = in.ih_begin; ih < in.ih_end; ih++)
        for (int32_t iw = in.iw_begin; iw < in.iw_end; iw++)
            lw_reference_add(&sum, (double)x[ih * g->x_row + iw * g->x_pixel + channel], 1.0);
    const double area = (double)g->kernel_h * (double)g->kernel_w;
    return (lw_reference_sum){sum.value / area, sum.magnitude / area};
}
