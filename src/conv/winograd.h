// SPDX-License-Identifier: Apache-2.0
// Forward and backward-data by the Winograd algorithm: both are a 3x3 convolution with stride 1 of
// one map into another, the second one with the kernel turned round and the channels exchanged; or,
// where there is no padding, the transpose of one.
#ifndef LW_CONV_WINOGRAD_H
#define LW_CONV_WINOGRAD_H

#include "conv/blocks.h"
#include "conv/maps.h"
#include "conv/weights.h"
#include "simd/kernels.h"

#include <stdbool.h>

// Whether the shape is one for the algorithm; otherwise the answer is no, with the reason.
bool lw_conv_winograd_fits(const lw_conv_problem *problem, lw_conv_answer *answer);

// What the transforms read: weights in any order. For backward-data channels are `exchanged`: inputs
// are the convolution's output channels and outputs its input channels. The kernel is turned round
// as well (`turned`) where winograd_forward runs over the gradients, but not for
// winograd_backward_data. Points of other kinds than the map's tiles have are left out.
typedef struct lw_conv_winograd_weights {
    lw_conv_weights_order order;
    bool exchanged, turned;
    int32_t inputs, outputs; // channels
    uint32_t down, across;   // kinds, see winograd_filters
} lw_conv_winograd_weights;

// The work of transforming all filters comes in so many units, any of which can be done alone, into
// winograd_filters_floats(inputs, outputs) floats.
int64_t lw_conv_winograd_filter_units(const lw_conv_winograd_weights *from);
void lw_conv_winograd_filters(const lw_conv_winograd_weights *from, const float *weights,
                              int64_t unit_begin, int64_t unit_end, float *filters);

// The answer, and the execution, of forward and backward-data.
void lw_conv_winograd_consider(const lw_conv_problem *problem, lw_conv_answer *answer);
void lw_conv_winograd_execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                              void *workspace);

#endif
