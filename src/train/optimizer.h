// SPDX-License-Identifier: Apache-2.0
// One optimizer step over a range of update units, fused with the sum of the gradient partials and
// with packing. The weights and moments that it works on are a replica: a step gives all replicas
// the same bits.
#ifndef LW_TRAIN_OPTIMIZER_H
#define LW_TRAIN_OPTIMIZER_H

#include "nn/model.h"

#include <lanewise/train.h>

typedef struct lw_replica {
    float *values, *packed; // of the model, or its own
    bool own;
    float *first_moment, *second_moment; // in the layout of the values; NULL where not needed
    uint64_t version;                    // see lw_parameter_view
} lw_replica;

// The gradient as partial sums: number p starts at sums + p * stride.
typedef struct lw_gradient_partials {
    float *sums;
    int64_t stride; // floats
    int32_t count;
} lw_gradient_partials;

// Refuses settings that cannot work, naming the field.
lw_status lw_optimizer_check(const lw_optimizer_config *config);

// A replica of the model's weights with fresh moments: `own` copies of them, or the model's arrays
// themselves, which must outlive it.
lw_status lw_replica_init(lw_replica *replica, const lw_model *model,
                          const lw_optimizer_config *config, bool own);
void lw_replica_destroy(lw_replica *replica);

// Makes a replica with arrays of its own equal to another one.
void lw_replica_copy(lw_replica *to, const lw_replica *from, const lw_parameter_layout *layout);

// Step number `step` (from 1) at `learning_rate` for the layout's units [begin, end): adds the
// partials in their order, updates the values and renews the packed copies. The version is the
// caller's to count. True as long as all that it computed is finite.
bool lw_optimizer_step(const lw_optimizer_config *config, const lw_parameter_layout *layout,
                       lw_replica *replica, const lw_gradient_partials *gradient, int64_t step,
                       double learning_rate, size_t begin, size_t end);

// Global gradient clipping, in two parts with a barrier between them. The first adds the partials of the
// units [begin, end) in their order, into the first partial, and notes each unit's sum of squares.
void lw_gradient_gather(const lw_parameter_layout *layout, const lw_gradient_partials *gradient,
                        size_t begin, size_t end, double *unit_squares);
// The second takes all units' squares, in their order, and shrinks the gradient of the units [begin, end)
// where its norm over all units is above clip_norm. From then on the first partial is all of the gradient.
void lw_gradient_clip(const lw_parameter_layout *layout, lw_gradient_partials *gradient,
                      const double *unit_squares, double clip_norm, size_t begin, size_t end);

// Moves the average of the units [begin, end), in the layout of the values, towards the values after
// step number `step`. At first the average forgets faster than by `decay`, so that it follows the weights
// from their beginning and a short run has one: the decay is at most step / (step + 9).
void lw_average_step(const lw_parameter_layout *layout, const float *values, float *average,
                     double decay, int64_t step, size_t begin, size_t end);

#endif
