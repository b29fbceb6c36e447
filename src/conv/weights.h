// SPDX-License-Identifier: Apache-2.0
// Where the weights of a convolution stand: the order that users see and the blocked orders inside
// a network are read and written by the same code.
#ifndef LW_CONV_WEIGHTS_H
#define LW_CONV_WEIGHTS_H

#include "conv/direct.h"
#include "simd/kernels.h"

#include <lanewise/conv.h>

// Weight (oc, ic, tap), tap = kh * KW + kw, is at
//   oc / LW_BLOCK * oc_block + oc % LW_BLOCK * oc + ic / LW_BLOCK * ic_block + ic % LW_BLOCK * ic
//   + tap * tap.
typedef struct lw_conv_weights_order {
    int64_t oc_block, oc, ic_block, ic, tap; // floats
} lw_conv_weights_order;

static inline int64_t lw_conv_weight_place(const lw_conv_weights_order *order, int32_t oc,
                                           int32_t ic, int32_t tap)
{
    return oc / LW_BLOCK * order->oc_block + oc % LW_BLOCK * order->oc +
           ic / LW_BLOCK * order->ic_block + ic % LW_BLOCK * order->ic + tap * order->tap;
}

// (oc, ic, kh, kw), dense.
static inline lw_conv_weights_order lw_conv_user_order(int32_t ic, int32_t kh, int32_t kw)
{
    int64_t taps = (int64_t)kh * kw;
    return (lw_conv_weights_order){.oc_block = LW_BLOCK * ic * taps, .oc = ic * taps,
                                   .ic_block = LW_BLOCK * taps, .ic = taps, .tap = 1};
}

// The layouts inside a network, see direct.h.
static inline lw_conv_weights_order lw_conv_stage_order(const lw_conv_direct *conv)
{
    int64_t taps = (int64_t)conv->kh * conv->kw;
    if (conv->first)
        return (lw_conv_weights_order){.oc_block = taps * conv->ic * LW_BLOCK, .oc = 1,
                                       .ic_block = LW_BLOCK * LW_BLOCK, .ic = LW_BLOCK,
                                       .tap = (int64_t)conv->ic * LW_BLOCK};
    return (lw_conv_weights_order){.oc_block = LW_BLOCK * taps * LW_BLOCK, .oc = taps * LW_BLOCK,
                                   .ic_block = conv->oc * taps * LW_BLOCK, .ic = 1,
                                   .tap = LW_BLOCK};
}

#endif
