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

// The answer, and the execution, of forward and backward-data.
void lw_conv_winograd_consider(const lw_conv_problem *problem, lw_conv_answer *answer);
void lw_conv_winograd_execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                              void *workspace);

#endif
