// SPDX-License-Identifier: Apache-2.0
// Panels of out channels and their packed weights.
#include "conv/direct_dense.h"
#include "cpu/parallel.h"

lw_conv_panel lw_conv_dense_panel(const lw_conv_dense *dense, int32_t index)
{
    const int32_t width = dense->kernels->dense_channels, full = dense->out_channels - dense->few;
    lw_conv_panel panel = {.first = index * width, .few = dense->few && index == dense->panels - 1};
    if (panel.few) {
        panel.first = full;
        panel.channels = dense->few;
        panel.weights_floats = lw_conv_round_up(dense->in_channels, LW_BLOCK) * dense->few;
    } else {
        panel.channels = (int32_t)lw_conv_smaller(width, full - panel.first);
        panel.weights_floats =
            dense->in_channels * lw_conv_round_up(panel.channels, dense->kernels->vector_floats);
    }
    // All panels before this one are as wide as vectors go.
    panel.weights_at =
        (int64_t)dense->in_channels * lw_conv_round_up(panel.first, dense->kernels->vector_floats);
    return panel;
}

int64_t lw_conv_dense_weights_floats(const lw_conv_dense *dense)
{
    lw_conv_panel last = lw_conv_dense_panel(dense, dense->panels - 1);
    return last.weights_at + last.weights_floats;
}

int64_t lw_conv_dense_taps(const lw_conv_dense *dense, int32_t phase_h, int32_t phase_w)
{
    return lw_conv_axis_taps(&dense->h, phase_h) * lw_conv_axis_taps(&dense->w, phase_w);
}

int64_t lw_conv_dense_taps_before(const lw_conv_dense *dense, int32_t phase_h, int32_t phase_w)
{
    int64_t rows = 0, columns = 0, all_columns = 0;
    for (int32_t phase = 0; phase < phase_h; phase++) rows += lw_conv_axis_taps(&dense->h, phase);
    for (int32_t phase = 0; phase < lw_conv_axis_phases(&dense->w); phase++) {
        const int64_t taps = lw_conv_axis_taps(&dense->w, phase);
        if (phase < phase_w) columns += taps;
        all_columns += taps;
    }
    return rows * all_columns + lw_conv_axis_taps(&dense->h, phase_h) * columns;
}

// The strides of the weights, seen from the maps: `in` and `out` channels instead of ic and oc.
typedef struct side {
    int64_t block, channel;
} side;

static const float *weight_at(const float *weights, side in, side out, int32_t r, int32_t c)
{
    return weights + r / LW_BLOCK * in.block + r % LW_BLOCK * in.channel +
           c / LW_BLOCK * out.block + c % LW_BLOCK * out.channel;
}

// Lane l of in channel r is out channel l of the panel.
static void pack_lanes(const lw_conv_panel *panel, side in, side out, const float *weights,
                       int32_t begin, int32_t end, int64_t width, float *to)
{
    for (int32_t l = 0; l < width; l += LW_BLOCK) {
        const int64_t lanes = lw_conv_smaller(LW_BLOCK, width - l);
        const int64_t real = lw_conv_smaller(lanes, panel->channels - l);
        for (int32_t r = begin; r < end; r++) {
            const float *from = weight_at(weights, in, out, r, panel->first + l);
            float *row = to + r * width + l;
            if (real == LW_BLOCK)
                for (int i = 0; i < LW_BLOCK; i++) row[i] = from[i * out.channel];
            else
                for (int64_t i = 0; i < lanes; i++)
                    row[i] = i < real ? from[i * out.channel] : 0.0f;
        }
    }
}

// Lane l of out channel c is in channel l of a vector.
static void pack_few(const lw_conv_dense *dense, const lw_conv_panel *panel, side in, side out,
                     const float *weights, int32_t begin, int32_t end, float *to)
{
    const int32_t vector = dense->kernels->vector_floats;
    for (int32_t r = begin; r < end; r++)
        for (int32_t c = 0; c < panel->channels; c++)
            to[(r / vector * panel->channels + c) * vector + r % vector] =
                r < dense->in_channels ? *weight_at(weights, in, out, r, panel->first + c) : 0.0f;
}

// One tap of one panel: in channels [begin, end).
static void pack_tap(const lw_conv_dense *dense, const lw_conv_weights_order *order,
                     const lw_conv_panel *panel, const float *weights, int32_t begin, int32_t end,
                     float *to)
{
    const side oc = {order->oc_block, order->oc}, ic = {order->ic_block, order->ic};
    const side in = dense->h.backward ? oc : ic, out = dense->h.backward ? ic : oc;
    const int32_t vector = dense->kernels->vector_floats;
    if (!panel->few) {
        pack_lanes(panel, in, out, weights, begin, end, lw_conv_round_up(panel->channels, vector),
                   to);
        return;
    }
    if (end == dense->in_channels) end = (int32_t)lw_conv_round_up(end, LW_BLOCK); // zeros
    pack_few(dense, panel, in, out, weights, begin, end, to);
}

// Packs in channels [begin, end) of all taps of a phase. `packed` is where the phase starts.
static void pack_phase(const lw_conv_dense *dense, const lw_conv_weights_order *order,
                       const float *weights, int32_t phase_h, int32_t phase_w, int32_t begin,
                       int32_t end, float *packed)
{
    const int64_t taps = lw_conv_dense_taps(dense, phase_h, phase_w);
    for (int32_t p = 0; p < dense->panels && taps > 0; p++) {
        const lw_conv_panel panel = lw_conv_dense_panel(dense, p);
        float *to = packed + taps * panel.weights_at;
        int32_t kh, kw;
        int64_t offset;
        for (int32_t i = 0; i < dense->h.kernel; i++) {
            if (!lw_conv_axis_tap(&dense->h, phase_h, i, &kh, &offset)) continue;
            for (int32_t j = 0; j < dense->w.kernel; j++) {
                if (!lw_conv_axis_tap(&dense->w, phase_w, j, &kw, &offset)) continue;
                const int64_t tap = (int64_t)kh * dense->w.kernel + kw;
                pack_tap(dense, order, &panel, weights + tap * order->tap, begin, end, to);
                to += panel.weights_floats;
            }
        }
    }
}

void lw_conv_dense_pack(const lw_conv_dense *dense, const lw_conv_weights_order *order,
                        const float *weights, float *packed, int32_t thread, int32_t threads)
{
    int64_t begin, end;
    lw_parallel_range(dense->in_channels, thread, threads, &begin, &end);
    if (begin == end) return;
    const int64_t floats = lw_conv_dense_weights_floats(dense);
    // A few channels at a time: their weights stay in L1 while the taps are gathered from them.
    enum { group = 16 };
    for (int64_t r = begin; r < end; r += group)
        for (int32_t h = 0; h < lw_conv_axis_phases(&dense->h); h++)
            for (int32_t w = 0; w < lw_conv_axis_phases(&dense->w); w++)
                pack_phase(dense, order, weights, h, w, (int32_t)r,
                           (int32_t)lw_conv_smaller(r + group, end),
                           packed + lw_conv_dense_taps_before(dense, h, w) * floats);
}
