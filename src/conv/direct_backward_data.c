// SPDX-License-Identifier: Apache-2.0
// The gradient of the input: a forward convolution of dy with the kernel turned around, phase by phase
// where there are strides.
#include "conv/direct_dense.h"

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    lw_conv_dense_answer(problem, true, answer);
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    lw_conv_dense_execute(problem, true, arrays, workspace);
}

const lw_conv_implementation lw_conv_direct_backward_data = {.algorithm = LW_CONV_ALGORITHM_DIRECT,
                                                             .kernel = "dense_forward",
                                                             .consider = consider,
                                                             .execute = execute};
