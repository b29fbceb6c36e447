// SPDX-License-Identifier: Apache-2.0
// Where the parameters of a network live: all weights and biases in one array, in the layouts that
// the kernels want, and a second array with the packed copies of the forward pass. Gradients, their
// partial sums and optimizer moments use the layout of the first array.
#ifndef LW_NN_PARAMETERS_H
#define LW_NN_PARAMETERS_H

#include "conv/direct.h"

#include <lanewise/network.h>

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
    int64_t packed_offset;
} lw_layer_weights;

// A piece of the parameter array that an optimizer step treats at once.
typedef struct lw_update_unit {
    int64_t offset, count;
    int32_t weights; // index of the layer's weights when the unit has a packed copy, else -1
    int32_t conv_unit;
} lw_update_unit;

typedef struct lw_parameter_layout {
    lw_layer_weights *weights;
    size_t n_weights;
    lw_update_unit *units;
    size_t n_units;
    int64_t value_floats, packed_floats;
} lw_parameter_layout;

lw_status lw_parameter_layout_create(lw_parameter_layout *layout, const lw_network *network);
void lw_parameter_layout_destroy(lw_parameter_layout *layout);

// The weights of layer `layer`, NULL when it has none.
const lw_layer_weights *lw_parameter_layout_find(const lw_parameter_layout *layout, size_t layer);

// Exchanges weights with the order that users see: (oc, ic, kh, kw); (out, in) with `in` over
// (c, h, w).
void lw_layer_weights_import(const lw_layer_weights *weights, const float *user, float *values);
void lw_layer_weights_export(const lw_layer_weights *weights, const float *values, float *user);

// Brings the packed copy of a unit up to date with the values.
void lw_parameter_pack_unit(const lw_parameter_layout *layout, const lw_update_unit *unit,
                            const float *values, float *packed);

#endif
