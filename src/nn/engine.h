// SPDX-License-Identifier: Apache-2.0
// Takes one image forward and backward through a plan, on one thread.
#ifndef LW_NN_ENGINE_H
#define LW_NN_ENGINE_H

#include "base/memory.h"
#include "nn/plan.h"
#include "nn/stage_plain.h"

#include <lanewise/data.h>
#include <lanewise/model.h>

// The parameters that the engine reads; see parameters.h.
typedef struct lw_parameter_view {
    const float *values, *packed;
    uint64_t version; // never 0; another one whenever the values have changed
} lw_parameter_view;

// Which values a dropout layer drops: a pure function of these, whoever asks.
typedef struct lw_dropout_key {
    uint64_t seed;
    uint32_t epoch;
    uint64_t sample;
} lw_dropout_key;

// The memory of one image on one thread: activations, what the forward pass remembers, gradients.
typedef struct lw_workspace {
    const lw_plan *plan;
    lw_arena arena;
    float **values;     // start of each map, with halo
    float **gradients;  // the same for its gradient; NULL for the image, and all NULL for inference
    lw_planes **planes; // one per stage, NULL where the stage has none
    float **winners;    // max pools: winners; dropout: factors
    lw_plain_buffers *plain; // one per stage, empty where the stage runs its own kernels
    void *scratch;
    bool dropout_active; // in the last forward pass
} lw_workspace;

// Allocates everything; nothing is allocated afterwards. The plan must outlive the workspace.
lw_status lw_workspace_create(lw_workspace **workspace, const lw_plan *plan, bool training);
void lw_workspace_destroy(lw_workspace **workspace);

// The 256 values that the bytes of one channel become.
typedef float lw_levels[256];

// Writes an image into the workspace: bytes (h, w, c) through one table per channel, or floats
// (c, h, w).
void lw_workspace_load_bytes(lw_workspace *workspace, const uint8_t *pixels, lw_levels *levels);
void lw_workspace_load_floats(lw_workspace *workspace, const float *image);

// Forward pass; returns the logits (borrowed, plan->classes floats). `dropout` NULL: off.
const float *lw_engine_forward(lw_workspace *workspace, lw_parameter_view parameters,
                               const lw_dropout_key *dropout);

// Softmax and cross-entropy of the logits: returns the loss, writes the most likely class and the
// gradient of `scale` * loss for the backward pass. Call after lw_engine_forward.
double lw_engine_loss(lw_workspace *workspace, int32_t label, float scale, int32_t *predicted);

// Backward pass: adds the gradient of every parameter to `gradients` (the layout of the values).
void lw_engine_backward(lw_workspace *workspace, lw_parameter_view parameters, float *gradients);

// The loss alone, and the class probabilities (NULL: not wanted), of `classes` logits.
double lw_softmax_cross_entropy(const float *logits, int32_t classes, int32_t label,
                                float *probabilities);

// The index of the largest logit; the first one of equals, as PyTorch's argmax.
int32_t lw_argmax(const float *values, int32_t count);

#endif
