// SPDX-License-Identifier: Apache-2.0
// One optimizer step over a range of update units, fused with the sum of the gradient partials and
// with packing.
#ifndef LW_TRAIN_OPTIMIZER_H
#define LW_TRAIN_OPTIMIZER_H

#include "nn/model.h"

#include <lanewise/train.h>

typedef struct lw_optimizer {
    lw_optimizer_config config;
    float *first_moment, *second_moment; // in the layout of the values; NULL where not needed
} lw_optimizer;

// Refuses settings that cannot work, naming the field.
lw_status lw_optimizer_check(const lw_optimizer_config *config);

lw_status lw_optimizer_init(lw_optimizer *optimizer, const lw_optimizer_config *config,
                            const lw_parameter_layout *layout);
void lw_optimizer_destroy(lw_optimizer *optimizer);

// Step number `step` (from 1) at `learning_rate` for units [begin, end) of the model: sums the
// partial gradients (partial p starts at partials + p * stride), updates the values, renews the
// packed copies.
void lw_optimizer_step(lw_optimizer *optimizer, lw_model *model, const float *partials,
                       int64_t stride, int32_t n_partials, int64_t step, double learning_rate,
                       size_t begin, size_t end);

#endif
