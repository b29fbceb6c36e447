// SPDX-License-Identifier: Apache-2.0
// Linear stages, for all images of a group at once: a part of the weights is read once and serves
// every image while it is near, and a gradient is written once for all images.
#ifndef LW_NN_STAGE_LINEAR_H
#define LW_NN_STAGE_LINEAR_H

#include "nn/plan.h"

// A stage, its maps and the images of the group.
typedef struct lw_linear_call {
    const lw_stage *stage;
    const lw_map *in, *out;
    int32_t images;
} lw_linear_call;

// Bytes of scratch for backward-data; align to 4.
size_t lw_linear_stage_scratch_bytes(const lw_stage *stage);

// The arguments of the kernels of the same name, of the first image. An image's outputs and
// gradients do not depend on the others.
void lw_linear_stage_forward(const lw_linear_call *call, const float *x, const float *weights,
                             const float *bias, float *y);
void lw_linear_stage_backward_weights(const lw_linear_call *call, const float *x, const float *dy,
                                      float *dweights, float *dbias);
void lw_linear_stage_backward_data(const lw_linear_call *call, const float *dy,
                                   const float *weights, float *dx, float *scratch);

#endif
