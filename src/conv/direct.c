// SPDX-License-Identifier: Apache-2.0
// Weight layouts of the direct convolution.
#include "conv/direct.h"

#include "cpu/kernel_table.h"

static int32_t blocks_of(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK;
}

lw_conv_direct lw_conv_direct_describe(int32_t ic, int32_t oc, int32_t kh, int32_t kw, bool first)
{
    lw_conv_direct conv = {.ic = ic, .oc = oc, .kh = kh, .kw = kw, .first = first};
    int64_t taps = (int64_t)kh * kw, oc_blocks = blocks_of(oc), ic_blocks = blocks_of(ic);
    int64_t forward_floats = oc_blocks * taps * ic * LW_BLOCK;
    conv.bias_floats = oc_blocks * LW_BLOCK;
    conv.weights_floats = first ? forward_floats : ic_blocks * oc * taps * LW_BLOCK;
    conv.packed_floats = first ? 0 : forward_floats;
    conv.units = (int32_t)(first ? oc_blocks : ic_blocks * oc_blocks);
    return conv;
}

// Where weight (oc, ic, tap) stands in the forward layout.
static int64_t forward_place(const lw_conv_direct *conv, int32_t oc, int32_t ic, int32_t tap)
{
    int64_t taps = (int64_t)conv->kh * conv->kw;
    return ((oc / LW_BLOCK * taps + tap) * conv->ic + ic) * LW_BLOCK + oc % LW_BLOCK;
}

// The same in the layout of the weights.
static int64_t weight_place(const lw_conv_direct *conv, int32_t oc, int32_t ic, int32_t tap)
{
    if (conv->first) return forward_place(conv, oc, ic, tap);
    int64_t taps = (int64_t)conv->kh * conv->kw;
    return ((ic / LW_BLOCK * (int64_t)conv->oc + oc) * taps + tap) * LW_BLOCK + ic % LW_BLOCK;
}

void lw_conv_direct_import(const lw_conv_direct *conv, const float *user, float *weights)
{
    for (int32_t oc = 0; oc < conv->oc; oc++)
        for (int32_t ic = 0; ic < conv->ic; ic++)
            for (int32_t tap = 0; tap < conv->kh * conv->kw; tap++)
                weights[weight_place(conv, oc, ic, tap)] = *user++;
}

void lw_conv_direct_export(const lw_conv_direct *conv, const float *weights, float *user)
{
    for (int32_t oc = 0; oc < conv->oc; oc++)
        for (int32_t ic = 0; ic < conv->ic; ic++)
            for (int32_t tap = 0; tap < conv->kh * conv->kw; tap++)
                *user++ = weights[weight_place(conv, oc, ic, tap)];
}

void lw_conv_direct_accumulate(const lw_conv_direct *conv, const float *user, float *dweights)
{
    for (int32_t oc = 0; oc < conv->oc; oc++)
        for (int32_t ic = 0; ic < conv->ic; ic++)
            for (int32_t tap = 0; tap < conv->kh * conv->kw; tap++)
                dweights[weight_place(conv, oc, ic, tap)] += *user++;
}

void lw_conv_direct_unit(const lw_conv_direct *conv, int32_t unit, int64_t *offset, int64_t *count)
{
    int64_t taps = (int64_t)conv->kh * conv->kw;
    if (conv->first) {
        *count = taps * conv->ic * LW_BLOCK;
        *offset = unit * *count;
        return;
    }
    int32_t oc_blocks = blocks_of(conv->oc);
    int32_t ic_block = unit / oc_blocks, oc = unit % oc_blocks * LW_BLOCK;
    int32_t rows = conv->oc - oc < LW_BLOCK ? conv->oc - oc : LW_BLOCK;
    *offset = ((int64_t)ic_block * conv->oc + oc) * taps * LW_BLOCK;
    *count = rows * taps * LW_BLOCK;
}

void lw_conv_direct_pack(const lw_conv_direct *conv, int32_t unit, const float *weights,
                         int64_t tap_step, float *to)
{
    const int32_t taps = conv->kh * conv->kw, oc_blocks = blocks_of(conv->oc);
    const int32_t ic = unit / oc_blocks * LW_BLOCK, oc = unit % oc_blocks * LW_BLOCK;
    const int32_t columns = conv->ic - ic < LW_BLOCK ? conv->ic - ic : LW_BLOCK;
    const int32_t rows = conv->oc - oc < LW_BLOCK ? conv->oc - oc : LW_BLOCK;
    for (int32_t tap = 0; tap < taps; tap++)
        lw_kernels()->transpose(weights + weight_place(conv, oc, ic, tap), (int64_t)taps * LW_BLOCK,
                                rows, columns, to + tap * tap_step, LW_BLOCK);
}
