// SPDX-License-Identifier: Apache-2.0
// Forward convolution in register tiles on channels-last maps.
#include "conv/direct_dense.h"

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    lw_conv_dense_answer(problem, false, answer);
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    lw_conv_dense_execute(problem, false, arrays, workspace);
}

const lw_conv_implementation lw_conv_direct_forward = {.algorithm = LW_CONV_ALGORITHM_DIRECT,
                                                       .kernel = "dense_forward",
                                                       .consider = consider,
                                                       .execute = execute};
