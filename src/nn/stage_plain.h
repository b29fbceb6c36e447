// SPDX-License-Identifier: Apache-2.0
// A convolution stage whose passes run on plain (c, h, w) arrays through the convolution library,
// with any algorithm of its list, instead of the stage's own fused kernels. Bias, ReLU and pool are
// then separate loops and maps are copied to and fro: for comparing algorithms inside a real training
// step, not for speed.
#ifndef LW_NN_STAGE_PLAIN_H
#define LW_NN_STAGE_PLAIN_H

#include "base/memory.h"
#include "nn/plan.h"

#include <lanewise/conv.h>

// What the plan of a network knows of such a stage. NULL plans: the stage's own kernels.
typedef struct lw_plain_stage {
    lw_conv_shape shape; // of one image
    lw_conv_plan *plans[LW_N_PASSES];
    size_t x_floats, y_floats, weights_floats, workspace_bytes;
} lw_plain_stage;

// The memory of one such stage on one thread.
typedef struct lw_plain_buffers {
    float *x;       // the input, or its gradient
    float *y;       // the output before the pool, or its gradient
    float *weights; // a copy, up to date for `version`
    float *dweights, *dbias;
    void *workspace;
    uint64_t version;
} lw_plain_buffers;

// One execution: the stage, the addresses of its maps and parameters.
typedef struct lw_plain_call {
    const lw_stage *stage;
    const lw_map *in, *out;
    const lw_plain_stage *plain;
    lw_plain_buffers *buffers;
} lw_plain_call;

// Makes the plans that `forced` (an algorithm per pass; DIRECT or AUTO: none) asks for. *plain is NULL
// when none is. LW_ERROR_UNSUPPORTED when an algorithm cannot do the shape.
lw_status lw_plain_stage_create(lw_plain_stage **plain, const lw_stage *stage, lw_extent in,
                                int32_t pad_h, int32_t pad_w,
                                const lw_conv_algorithm forced[LW_N_PASSES]);
void lw_plain_stage_destroy(lw_plain_stage **plain);

// The name of the algorithm that runs a pass of a convolution stage: "direct" for its own kernels.
const char *lw_stage_algorithm_name(const lw_stage *stage, lw_conv_pass pass);

// Forward: x and y point at the maps' first interior pixels; y and planes are filled as the stage's own
// kernels would. `values` and `bias` are the stage's weights; `version` changes whenever they do.
void lw_plain_forward(const lw_plain_call *call, const float *x, const float *values,
                      const float *bias, uint64_t version, float *y, lw_planes *planes);

// Backward-weights: adds to dweights and dbias in the stage's layout.
void lw_plain_backward_weights(const lw_plain_call *call, const float *x, const float *dy,
                               const lw_planes *planes, float *dweights, float *dbias);

// Backward-data: writes the interior of the gradient map dx.
void lw_plain_backward_data(const lw_plain_call *call, const float *dy, const lw_planes *planes,
                            const float *values, uint64_t version, float *dx);

#endif
