// SPDX-License-Identifier: Apache-2.0
// Where the parameters of a network live: all weights and biases in one array, in the layouts that
// the kernels want, and a second array with the packed copies of the forward pass. Gradients, their
// partial sums and optimizer moments use the layout of the first array.
#ifndef LW_NN_PARAMETERS_H
#define LW_NN_PARAMETERS_H

#include "conv/direct.h"

#include <lanewise/conv.h>
#include <lanewise/network.h>

enum { LW_N_PASSES = 3 }; // indexed by lw_conv_pass

// Whether a pass of a convolution runs by the Winograd algorithm.
typedef enum lw_winograd_wish {
    LW_WINOGRAD_NO,
    LW_WINOGRAD_CHOSEN, // it pays
    LW_WINOGRAD_FORCED  // LANEWISE_CONV asks for it
} lw_winograd_wish;

// Weights and bias of one layer. Offsets count floats and are multiples of LW_BLOCK.
typedef struct lw_layer_weights {
    size_t layer; // index in the network
    bool linear, bias;
    lw_conv_direct conv; // conv layers
    lw_extent in;        // linear layers: the map that is flattened
    int32_t in_pitch;    // linear layers: floats from a pixel to the next
    int32_t out;         // output channels or features
    int64_t weights_offset, weights_floats;
    int64_t bias_offset, bias_floats; // without a bias: zeros that no optimizer step touches
    // Conv layers but the first: in the order of conv_forward. Not kept where that pass runs by Winograd.
    int64_t packed_offset;
    lw_winograd_wish winograd[LW_N_PASSES]; // conv layers
    // Transformed filters in the packed array, where a pass wishes for them: of the forward pass and
    // of backward-data.
    int64_t filters_offset, backward_filters_offset;
} lw_layer_weights;

// A piece of the parameter array that an optimizer step treats at once.
typedef struct lw_update_unit {
    int64_t offset, count;
    int32_t weights; // index of the layer's weights when the unit has packed copies, else -1
    int32_t conv_unit;
} lw_update_unit;

typedef struct lw_parameter_layout {
    lw_layer_weights *weights;
    size_t n_weights;
    lw_update_unit *units;
    size_t n_units;
    int64_t value_floats, packed_floats;
    bool exact; // Winograd's filters are neither kept up to date nor used, unless forced
} lw_parameter_layout;

lw_status lw_parameter_layout_create(lw_parameter_layout *layout, const lw_network *network);
void lw_parameter_layout_destroy(lw_parameter_layout *layout);

// True where a pass of a convolution runs by the Winograd algorithm; its filters are then up to date.
bool lw_parameter_uses_winograd(const lw_parameter_layout *layout, const lw_layer_weights *weights,
                                lw_conv_pass pass);

// With fewer input or output channels, the transforms of the maps cost more than the products save.
enum { LW_WINOGRAD_LEAST_CHANNELS = 16 };

// Why convolution `layer` of the network cannot run a pass that way; NULL when it can.
const char *lw_winograd_refusal(const lw_network *network, size_t layer, bool first,
                                lw_conv_pass pass);

// The weights of layer `layer`, NULL when it has none.
const lw_layer_weights *lw_parameter_layout_find(const lw_parameter_layout *layout, size_t layer);

// Exchanges weights with the order that users see: (oc, ic, kh, kw); (out, in) with `in` over
// (c, h, w).
void lw_layer_weights_import(const lw_layer_weights *weights, const float *user, float *values);
void lw_layer_weights_export(const lw_layer_weights *weights, const float *values, float *user);

// Brings the packed copies of a unit up to date with the values.
void lw_parameter_pack_unit(const lw_parameter_layout *layout, const lw_update_unit *unit,
                            const float *values, float *packed);

#endif
