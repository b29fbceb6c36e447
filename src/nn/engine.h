// SPDX-License-Identifier: Apache-2.0
// Takes a group of images forward and backward through a plan, on one thread.
#ifndef LW_NN_ENGINE_H
#define LW_NN_ENGINE_H

#include "base/memory.h"
#include "nn/plan.h"
#include "nn/stage_dense.h"
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

// The memory of a group of images on one thread: activations, what the forward pass remembers,
// gradients. Each pointer is the first image's; the next one follows after lw_map.image floats,
// stage.planes entries or stage.winner_floats floats.
typedef struct lw_workspace {
    const lw_plan *plan; // NULL: none yet
    bool training;
    lw_arena arena;
    size_t capacity;      // maps that the arrays below have room for
    int32_t clean_images; // slots whose halos and padded channels are zero
    float **values;       // start of each map, with halo
    float **gradients;  // the same for its gradient; NULL for the image, and all NULL for inference
    lw_planes **planes; // one per stage, NULL where the stage has none
    float **winners;    // max pools: winners; dropout: factors
    lw_plain_buffers *plain;        // one per stage, empty where the stage runs its own kernels
    lw_dense_buffers *dense;        // the same for backward-data that multiplies all
    void *scratch, *winograd;       // winograd: scratch of passes on transformed tiles
    bool dropout_active;            // in the last forward pass
    struct lw_time_sheet *times;    // where the passes book their time; NULL: nowhere
    struct lw_workspace_book *book; // offsets into the arena
} lw_workspace;

// An empty workspace, for training (with gradients) or not.
lw_status lw_workspace_create(lw_workspace **workspace, bool training);

// Lays the workspace out for a plan, which must live until the next one is assigned. Memory is taken
// only where it is the largest plan so far; the passes take none. What the workspace held is lost.
lw_status lw_workspace_assign(lw_workspace *workspace, const lw_plan *plan);
void lw_workspace_destroy(lw_workspace **workspace);

// What a byte of one channel becomes: byte * scale + offset.
typedef struct lw_levels {
    float scale, offset;
} lw_levels;

// Writes image `slot` (0 .. plan->group - 1) into the workspace: bytes (h, w, c) by the levels of
// each channel, or floats (c, h, w).
void lw_workspace_load_bytes(lw_workspace *workspace, int32_t slot, const uint8_t *pixels,
                             const lw_levels *levels);
void lw_workspace_load_floats(lw_workspace *workspace, int32_t slot, const float *image);

// Forward pass of the slots first .. first + images - 1. `dropout` has one key for each of them; NULL:
// off. What is computed for an image does not depend on the others.
void lw_engine_forward(lw_workspace *workspace, lw_parameter_view parameters, int32_t first,
                       int32_t images, const lw_dropout_key *dropout);

// The logits of a slot after the forward pass: plan->classes floats in the workspace.
const float *lw_engine_logits(const lw_workspace *workspace, int32_t slot);

// Softmax and cross-entropy of a slot's logits: returns the loss, writes the most likely class and
// the gradient of `scale` * loss for the backward pass. Call after lw_engine_forward.
double lw_engine_loss(lw_workspace *workspace, int32_t slot, int32_t label, float scale,
                      int32_t *predicted);

// The same for a mixture of two classes: (1 - share) of the first's loss and share of the second's. With
// smoothing, that mixture has 1 - smoothing of the label and all classes have equal parts of the rest.
typedef struct lw_soft_label {
    int32_t first, second;
    float share;     // of the second, 0 .. 1
    float smoothing; // 0 .. 1
} lw_soft_label;

double lw_engine_loss_soft(lw_workspace *workspace, int32_t slot, lw_soft_label label, float scale,
                           int32_t *predicted);

// Backward pass of the first `images` slots: adds the gradient of every parameter to `gradients`
// (the layout of the values), image by image in the order of the slots. `fresh`: to zero instead of
// what is there; each stage clears its part just before it adds to it, while that costs least.
void lw_engine_backward(lw_workspace *workspace, lw_parameter_view parameters, int32_t images,
                        bool fresh, float *gradients);

// The same in two halves, for several threads that share the images of a group, with the same bits:
// first each thread takes its own slots back to the image, then, when all have done that, each adds
// its part of the weights' gradients over all images. `part` of `parts`: a pure function of the plan
// and these numbers says which output channels of which stages that is.
void lw_engine_backward_data(lw_workspace *workspace, lw_parameter_view parameters, int32_t first,
                             int32_t images);
void lw_engine_backward_weights(lw_workspace *workspace, int32_t images, int32_t part,
                                int32_t parts, bool fresh, float *gradients);

// Makes `member`, a workspace laid out for the same plan, work on the images of `leader`, with scratch
// of its own; until it is assigned a plan again. The leader's slots are clean from then on, so that
// its thread calls this (for a NULL member, to that end alone) before any other thread does.
void lw_workspace_join(lw_workspace *member, lw_workspace *leader);

// The loss alone, and the class probabilities (NULL: not wanted), of `classes` logits.
double lw_softmax_cross_entropy(const float *logits, int32_t classes, int32_t label,
                                float *probabilities);

// The index of the largest logit; the first one of equals, as PyTorch's argmax.
int32_t lw_argmax(const float *values, int32_t count);

#endif
