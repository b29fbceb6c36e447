// SPDX-License-Identifier: Apache-2.0
// The backward passes of a convolution stage by register tiles that multiply everything, also what
// a ReLU stopped: for stages without a pool, where half of the gradients or more are alive. Lists of
// what is alive skip the others, but cost more for each. The tiles want the gradient masked
// (lw_winograd_stage_mask).
#ifndef LW_NN_STAGE_DENSE_H
#define LW_NN_STAGE_DENSE_H

#include "conv/direct_dense.h"
#include "nn/plan.h"

// Backward-data of one image, a forward convolution of dy for every phase of the stride.
typedef struct lw_dense_stage {
    lw_conv_problem problem; // the plan borrows it
    lw_conv_dense plan;
    size_t workspace_bytes; // packed weights and the plan's scratch
} lw_dense_stage;

// What a thread keeps for it.
typedef struct lw_dense_buffers {
    void *workspace;
    uint64_t version; // of the packed weights
} lw_dense_buffers;

// A stage, its maps and the images of the group.
typedef struct lw_dense_call {
    const lw_stage *stage;
    const lw_map *in, *out;
    int32_t images;
} lw_dense_call;

// Whether a backward pass of a convolution is faster so; it is possible without a pool only. A rule
// on the shape: training must not depend on anything else.
bool lw_dense_stage_pays(const lw_stage *stage, lw_conv_pass pass);

// The halo that backward-data reads around dy. Without it, dy is copied.
void lw_dense_stage_halo(const lw_stage *stage, const lw_map *in, const lw_map *out,
                         int32_t *halo_h, int32_t *halo_w);

// Plans backward-data for maps that are laid out. LW_ERROR_MEMORY.
lw_status lw_dense_stage_create(lw_dense_stage **dense, const lw_stage *stage, const lw_map *in,
                                const lw_map *out);
void lw_dense_stage_destroy(lw_dense_stage **dense);

// Backward-data: overwrites the interior of dx, whole blocks of channels. `values` are the stage's
// weights, which are packed anew for each `version`. dy and dx: the whole maps of the first image.
void lw_dense_stage_backward_data(const lw_dense_call *call, const float *dy, const float *values,
                                  uint64_t version, float *dx, lw_dense_buffers *buffers);

// Backward-weights: adds to dweights and dbias in the stage's layout. `x` is the input under tap
// (0, 0) of output (0, 0), dy the gradient of that output, of the first image.
void lw_dense_stage_backward_weights(const lw_dense_call *call, const float *x, const float *dy,
                                     float *dweights, float *dbias);

#endif
