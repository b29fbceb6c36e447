// SPDX-License-Identifier: Apache-2.0
// Forward convolution by the Winograd algorithm: 3x3 kernels as they are, see winograd.c, and large
// strided ones by way of space to depth, see winograd_strided_forward.c.
#include "conv/winograd.h"
#include "conv/winograd_strided.h"

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    if (lw_conv_winograd_is_plain(&problem->sizes.shape))
        lw_conv_winograd_consider(problem, answer);
    else
        lw_conv_winograd_strided_forward_consider(problem, answer);
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    if (lw_conv_winograd_is_plain(&problem->sizes.shape))
        lw_conv_winograd_execute(problem, arrays, workspace);
    else
        lw_conv_winograd_strided_forward_execute(problem, arrays, workspace);
}

const lw_conv_implementation lw_conv_winograd_forward = {.algorithm = LW_CONV_ALGORITHM_WINOGRAD,
                                                         .kernel = "winograd_forward",
                                                         .transforms = true,
                                                         .consider = consider,
                                                         .execute = execute};
