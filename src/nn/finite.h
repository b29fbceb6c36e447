// SPDX-License-Identifier: Apache-2.0
// Finding where infinity, or what is no number, came into a computation. For sentences about failures:
// slow, and never called while all goes well.
#ifndef LW_NN_FINITE_H
#define LW_NN_FINITE_H

#include "nn/engine.h"

// Words for the first thing that is not finite on an image's way through the network: a weight, or a value that
// a layer gave. "the output of conv2 has inf (channel 5, row 3, column 1)"; what a forward pass has left in
// `slot` of the workspace is looked at. False when there is none.
bool lw_finite_describe_image(const lw_workspace *workspace, lw_parameter_view parameters,
                              const lw_network *network, int32_t slot, char *text,
                              size_t text_bytes);

// The same for the weights of the layout's units [begin, end), in the layout of the values: "a weight of conv2
// is nan".
bool lw_finite_describe_weights(const lw_parameter_layout *layout, const float *values,
                                const lw_network *network, size_t begin, size_t end, char *text,
                                size_t text_bytes);

// "nan", "inf" or "-inf": printf gives what is no number a sign that means nothing.
const char *lw_finite_word(double value);

// True when all of them are finite.
bool lw_finite_all(const float *values, int64_t count);

#endif
