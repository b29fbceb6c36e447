// SPDX-License-Identifier: Apache-2.0
// Convolution stages as their contract reads, seven loops and nothing else.
#include "kernel/reference.h"

int64_t lw_reference_forward_weight(const lw_conv_geometry *g, int32_t oc, int32_t ic, int32_t kh,
                                    int32_t kw)
{
    int64_t tap = ((int64_t)(oc / LW_BLOCK) * g->kh + kh) * g->kw + kw;
    return (tap * g->ic + ic) * LW_BLOCK + oc % LW_BLOCK;
}

int64_t lw_reference_backward_weight(const lw_conv_geometry *g, int32_t oc, int32_t ic, int32_t kh,
                                     int32_t kw)
{
    int64_t channel = (int64_t)(ic / LW_BLOCK) * g->oc + oc;
    return ((channel * g->kh + kh) * g->kw + kw) * LW_BLOCK + ic % LW_BLOCK;
}

int64_t lw_reference_tap(const lw_conv_geometry *g, int32_t row, int32_t column, int32_t kh,
                         int32_t kw)
{
    int64_t ih = (int64_t)row * g->stride_h + (int64_t)kh * g->dilation_h;
    int64_t iw = (int64_t)column * g->stride_w + (int64_t)kw * g->dilation_w;
    return ih * g->x_row + iw * g->x_pixel;
}

lw_reference_sum lw_reference_conv_output(const lw_conv_geometry *g, const float *x,
                                          const float *weights, const float *bias, int32_t oc,
                                          int32_t row, int32_t column)
{
    lw_reference_sum sum = {0};
    lw_reference_add(&sum, (double)bias[oc], 1.0);
    for (int32_t kh = 0; kh < g->kh; kh++)
        for (int32_t kw = 0; kw < g->kw; kw++) {
            const float *pixel = x + lw_reference_tap(g, row, column, kh, kw);
            const float *weight = weights + lw_reference_forward_weight(g, oc, 0, kh, kw);
            for (int32_t ic = 0; ic < g->ic; ic++)
                lw_reference_add(&sum, (double)pixel[ic], (double)weight[ic * LW_BLOCK]);
        }
    return sum;
}

lw_reference_winner lw_reference_planes(const lw_conv_geometry *g, const lw_planes *planes,
                                        int32_t oc, int32_t oh, int32_t ow)
{
    const lw_planes plane = planes[((int64_t)(oc / LW_BLOCK) * g->oh + oh) * g->ow + ow];
    const int bit = oc % LW_BLOCK;
    lw_reference_winner winner = {.live = plane.live >> bit & 1, .row = oh, .column = ow};
    if (g->pool) {
        winner.row = 2 * oh + (plane.lower >> bit & 1);
        winner.column = 2 * ow + (plane.right >> bit & 1);
    }
    return winner;
}

lw_reference_sum lw_reference_conv_dweight(const lw_conv_geometry *g, const float *x,
                                           const float *dy, const lw_planes *planes, int32_t oc,
                                           int32_t ic, int32_t kh, int32_t kw)
{
    lw_reference_sum sum = {0};
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            lw_reference_winner winner = lw_reference_planes(g, planes, oc, oh, ow);
            if (!winner.live) continue;
            lw_reference_add(
                &sum, (double)dy[oh * g->dy_row + ow * g->dy_pixel + oc],
                (double)x[lw_reference_tap(g, winner.row, winner.column, kh, kw) + ic]);
        }
    return sum;
}

lw_reference_sum lw_reference_conv_dbias(const lw_conv_geometry *g, const float *dy,
                                         const lw_planes *planes, int32_t oc)
{
    lw_reference_sum sum = {0};
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++)
            if (lw_reference_planes(g, planes, oc, oh, ow).live)
                lw_reference_add(&sum, (double)dy[oh * g->dy_row + ow * g->dy_pixel + oc], 1.0);
    return sum;
}

void lw_reference_conv_dx(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                          const float *weights, double *value, double *magnitude)
{
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t oh = 0; oh < g->oh; oh++)
            for (int32_t ow = 0; ow < g->ow; ow++) {
                lw_reference_winner winner = lw_reference_planes(g, planes, oc, oh, ow);
                if (!winner.live) continue;
                const double gradient = (double)dy[oh * g->dy_row + ow * g->dy_pixel + oc];
                for (int32_t kh = 0; kh < g->kh; kh++)
                    for (int32_t kw = 0; kw < g->kw; kw++)
                        for (int32_t ic = 0; ic < g->ic; ic++) {
                            int64_t at =
                                lw_reference_tap(g, winner.row, winner.column, kh, kw) + ic;
                            lw_reference_sum sum = {value[at], magnitude[at]};
                            lw_reference_add(
                                &sum, gradient,
                                (double)weights[lw_reference_backward_weight(g, oc, ic, kh, kw)]);
                            value[at] = sum.value;
                            magnitude[at] = sum.magnitude;
                        }
            }
}
