// SPDX-License-Identifier: Apache-2.0
// The plan of a network for one image size: layers fused into stages, and the memory of everything
// that an image needs on its way forward and back. A thread takes a group of images through the
// network together, stage by stage.
#ifndef LW_NN_PLAN_H
#define LW_NN_PLAN_H

#include "nn/parameters.h"
#include "simd/kernels.h"

#include <lanewise/network.h>

typedef enum lw_stage_kind {
    LW_STAGE_CONV,    // conv + bias, with ReLU and 2x2 max pool where they follow
    LW_STAGE_LINEAR,  // linear + bias, with ReLU where it follows
    LW_STAGE_MAXPOOL, // any max pool that is not fused; global: the window is the map
    LW_STAGE_AVGPOOL, // any mean pool
    LW_STAGE_RELU,
    LW_STAGE_DROPOUT
} lw_stage_kind;

// One image's activation, channels last, with a halo of zeros for the convolution that reads it.
typedef struct lw_map {
    lw_extent extent;      // as the network has it
    int32_t height, width; // of that, what the stages behind read: only this is computed and kept
    int32_t halo_h, halo_w;
    int64_t pixel, row; // floats from a pixel or row to the next
    int64_t origin;     // floats from the start to the first interior pixel
    int64_t floats;     // with the halo
    int64_t image;      // floats from an image of a group to the next
} lw_map;

// Memory of a stage, as slots of the arena (see lw_workspace).
typedef struct lw_stage {
    lw_stage_kind kind;
    size_t first_layer, last_layer;  // of the network
    const lw_layer_weights *weights; // conv and linear
    lw_conv_geometry conv;
    int32_t pad_h, pad_w;         // conv
    bool winograd[LW_N_PASSES];   // conv: passes that run on transformed tiles (stage_winograd.h)
    bool dense[LW_N_PASSES];      // conv: backward passes that multiply all (stage_dense.h)
    lw_pool_geometry pool;
    bool relu;                    // linear: fused
    float probability;            // dropout
    size_t planes, winner_floats; // what the forward pass remembers, in entries
    struct lw_plain_stage *plain; // conv with forced algorithms (stage_plain.h), else NULL
    struct lw_dense_stage *dense_data; // conv whose backward-data is among `dense`, else NULL
} lw_stage;

enum { LW_GROUP_LIMIT = 8 }; // images of the largest group

typedef struct lw_plan {
    lw_extent input;
    int32_t classes;
    int32_t group; // images that a thread takes at a time, 1 .. LW_GROUP_LIMIT
    lw_stage *stages;
    size_t n_stages;
    lw_map *maps; // n_stages + 1: maps[i] is read by stage i, maps[n_stages] are the logits
    size_t scratch_bytes;  // of the direct backward passes
    size_t winograd_bytes; // scratch of passes on transformed tiles, 0 without such
} lw_plan;

// Plans `network` for images of `input`. The network and the layout must outlive the plan.
// Which algorithm a convolution takes follows from its shape, the instruction set and layout->exact.
// LANEWISE_CONV may force algorithms on convolutions; LW_ERROR_UNSUPPORTED when one cannot be.
// LW_ERROR_INPUT with a sentence when the network cannot take such images.
lw_status lw_plan_create(lw_plan **plan, const lw_network *network,
                         const lw_parameter_layout *layout, lw_extent input);
void lw_plan_destroy(lw_plan **plan);

// "conv + relu + maxpool 2x2", for tables.
void lw_stage_describe(const lw_stage *stage, char *text, size_t text_bytes);

#endif
