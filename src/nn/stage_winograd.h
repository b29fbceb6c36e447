// SPDX-License-Identifier: Apache-2.0
// The passes of a convolution stage that run on transformed tiles: for a whole group of images at a
// time, so that a load of a filter or of a sum serves the tiles of all of them. The backward passes
// are for stages without a pool; behind a pool the winners are so few that following them is faster.
#ifndef LW_NN_STAGE_WINOGRAD_H
#define LW_NN_STAGE_WINOGRAD_H

#include "nn/plan.h"

// A stage, its maps, the images of the group, and scratch of lw_winograd_stage_scratch_bytes.
typedef struct lw_winograd_call {
    const lw_stage *stage;
    const lw_map *in, *out;
    int32_t images;
    void *scratch;
} lw_winograd_call;

// Scratch of all passes of the stage that run on transformed tiles, for call->images images.
size_t lw_winograd_stage_scratch_bytes(const lw_winograd_call *call);

// Forward: the arguments of conv_forward, of the first image, with transformed filters.
void lw_winograd_stage_forward(const lw_winograd_call *call, const float *x, const float *filters,
                               const float *bias, float *y, lw_planes *planes);

// Makes the gradient of the stage's outputs dense: zero where the ReLU stopped it and in the halo.
// y and dy are the first image's first interior pixels.
void lw_winograd_stage_mask(const lw_winograd_call *call, const float *y, float *dy);

// Backward-data: overwrites the interior of dx. `dy` is masked and has a halo of zeros, 2 - pad
// pixels wide; dy and dx are the first interior pixels.
void lw_winograd_stage_backward_data(const lw_winograd_call *call, const float *dy,
                                     const float *filters, float *dx);

// Backward-weights: adds to dweights and dbias in the stage's layout. `x` is the input under tap
// (0, 0) of output (0, 0), dy the masked gradient of that output.
void lw_winograd_stage_backward_weights(const lw_winograd_call *call, const float *x,
                                        const float *dy, float *dweights, float *dbias);

#endif
