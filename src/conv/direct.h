// SPDX-License-Identifier: Apache-2.0
// Direct convolution as a stage of a network: how its weights are laid out, packed and exchanged with
// the (oc, ic, kh, kw) order that users and files see. The loops are kernels (simd/).
//
// Two layouts, since the vector lanes of backward-weights hold what there is plenty of:
//   first layer (ic <= LW_FIRST_CHANNELS): [block of oc][kh][kw][ic][16 oc], read by every pass
//   other layers: [block of ic][oc][kh][kw][16 ic], read by backward-data and written by
//   backward-weights; the forward pass reads a packed copy in the first layout
#ifndef LW_CONV_DIRECT_H
#define LW_CONV_DIRECT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct lw_conv_direct {
    int32_t ic, oc, kh, kw;
    bool first;             // a first layer with few input channels
    int64_t weights_floats; // of the layout above, padded with zeros
    int64_t bias_floats;    // oc rounded up to a block
    int64_t packed_floats;  // of the forward copy; 0 for a first layer
    int32_t units;          // independent pieces of the weights, for optimizer slices
} lw_conv_direct;

lw_conv_direct lw_conv_direct_describe(int32_t ic, int32_t oc, int32_t kh, int32_t kw, bool first);

// From and to (oc, ic, kh, kw). Padding is left alone, so `weights` must start as zeros.
void lw_conv_direct_import(const lw_conv_direct *conv, const float *user, float *weights);
void lw_conv_direct_export(const lw_conv_direct *conv, const float *weights, float *user);

// Adds a gradient in (oc, ic, kh, kw) to one in the layout of the weights.
void lw_conv_direct_accumulate(const lw_conv_direct *conv, const float *user, float *dweights);

// The floats of unit `unit` (< conv->units): weights[*offset .. *offset + *count).
void lw_conv_direct_unit(const lw_conv_direct *conv, int32_t unit, int64_t *offset, int64_t *count);

// A unit (not of a first layer) in the order of the forward copy: the vector of LW_BLOCK output channels for input channel
// c of its block and tap t becomes to[t * tap_step + c * LW_BLOCK]. Lanes of output channels that do not exist are left alone.
void lw_conv_direct_pack(const lw_conv_direct *conv, int32_t unit, const float *weights,
                         int64_t tap_step, float *to);

#endif
