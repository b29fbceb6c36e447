// SPDX-License-Identifier: Apache-2.0
// Under construction.
#include "conv/list.h"

#include <stdio.h>

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    (void)problem;
    answer->possible = false;
    snprintf(answer->reason, sizeof answer->reason, "it is under construction");
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    (void)problem;
    (void)arrays;
    (void)workspace;
}

const lw_conv_implementation lw_conv_direct_backward_weights = {
    .algorithm = LW_CONV_ALGORITHM_DIRECT, .any_layout = true,
    .consider = consider, .execute = execute};
