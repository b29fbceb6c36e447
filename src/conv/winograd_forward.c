// SPDX-License-Identifier: Apache-2.0
// Forward convolution by the Winograd algorithm, see winograd.c.
#include "conv/winograd.h"

const lw_conv_implementation lw_conv_winograd_forward = {.algorithm = LW_CONV_ALGORITHM_WINOGRAD,
                                                         .kernel = "winograd_forward",
                                                         .transforms = true,
                                                         .consider = lw_conv_winograd_consider,
                                                         .execute = lw_conv_winograd_execute};
