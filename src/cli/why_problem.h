// SPDX-License-Identifier: Apache-2.0
// `lanewise why` for a single convolution on plain arrays.
#ifndef LW_CLI_WHY_PROBLEM_H
#define LW_CLI_WHY_PROBLEM_H

#include "cli/conv_options.h"

// Prints what every algorithm answers to a problem string in every pass, estimated and measured
// times, and which one runs.
lw_status lw_why_problem(const char *text, const lw_conv_options *options, const lw_output *output);

#endif
