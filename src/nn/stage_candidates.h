// SPDX-License-Identifier: Apache-2.0
// Which algorithms could run a convolution of a planned network, and which one does.
#ifndef LW_NN_STAGE_CANDIDATES_H
#define LW_NN_STAGE_CANDIDATES_H

#include "nn/plan.h"

#include <lanewise/conv.h>

typedef struct lw_stage_candidate {
    lw_conv_algorithm algorithm;
    bool possible, chosen;
    char answer[200];       // what it would do, or why it cannot
    size_t workspace_bytes; // algorithms on plain arrays
    double cycles;          // the same: estimate for one image on one thread; 0: none
} lw_stage_candidate;

enum { LW_MAX_STAGE_CANDIDATES = 16 };

// Fills `candidates` for convolution stage `stage` of the plan and one pass, the stage's own kernels
// first; *count is their number, 0 for the backward-data pass of a convolution that reads the image,
// which nobody runs. LW_ERROR_ARGUMENT when the stage is no convolution.
// `network` and `layout` are those of the plan.
lw_status lw_stage_candidates(const lw_network *network, const lw_parameter_layout *layout,
                              const lw_plan *plan, size_t stage, lw_conv_pass pass,
                              lw_stage_candidate candidates[LW_MAX_STAGE_CANDIDATES],
                              size_t *count);

// The convolution of a stage on plain arrays, for one image.
lw_conv_shape lw_stage_conv_shape(const lw_plan *plan, size_t stage);

#endif
