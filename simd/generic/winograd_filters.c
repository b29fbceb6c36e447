// SPDX-License-Identifier: Apache-2.0
// The filter transform of the Winograd algorithm: nine taps to 36 points, for one block of output
// channels at a time.
#include "simd/declare.h"
#include "simd/generic/winograd_transform.h"

size_t LW_KERNEL(winograd_filters_floats)(int32_t ic, int32_t oc)
{
    size_t blocks = ((size_t)oc + LW_BLOCK - 1) / LW_BLOCK;
    return blocks * (size_t)lw_winograd_filter_order_of(ic, LW_VEC).block;
}

// One vector of output channels for one input channel.
LW_INLINE void filter_tile(const float *weights, int64_t tap_step, const bool all, uint32_t down,
                           uint32_t across, const lw_winograd_filter_order *order, float *to)
{
    lw_vec column[3][LW_WINOGRAD_POINTS]; // vertical points of each column of taps
    LW_UNROLL(3)
    for (int kw = 0; kw < 3; kw++) {
        const lw_vec taps[3] = {lw_vec_load(weights + kw * tap_step),
                                lw_vec_load(weights + (3 + kw) * tap_step),
                                lw_vec_load(weights + (6 + kw) * tap_step)};
        lw_wino_filter(taps, column[kw]);
    }
    LW_UNROLL(6)
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
        if (!all && !(down >> lw_winograd_kind(i) & 1)) continue;
        const lw_vec taps[3] = {column[0][i], column[1][i], column[2][i]};
        lw_vec t[LW_WINOGRAD_POINTS];
        lw_wino_filter(taps, t);
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            if (all || across >> lw_winograd_kind(j) & 1)
                lw_vec_store(to + i * order->i + j * order->j, t[j]);
    }
}

void LW_KERNEL(winograd_filters)(int32_t ic, int32_t first, int32_t last, const float *weights,
                                 int64_t ic_step, int64_t tap_step, uint32_t down, uint32_t across,
                                 float *filters)
{
    const lw_winograd_filter_order order = lw_winograd_filter_order_of(ic, LW_VEC);
    const bool all = (down & across) == LW_WINOGRAD_ALL_KINDS;
    for (int32_t c = first; c < last; c++)
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
            const float *from = weights + (c - first) * ic_step + lane;
            float *to = filters + c * order.ic + lane;
            if (all)
                filter_tile(from, tap_step, true, down, across, &order, to);
            else
                filter_tile(from, tap_step, false, down, across, &order, to);
        }
}
