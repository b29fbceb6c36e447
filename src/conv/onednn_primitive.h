// SPDX-License-Identifier: Apache-2.0
// One convolution of oneDNN and its three parts: bringing the inputs into the layouts that it wants,
// computing, and bringing the outputs back. The algorithm `onednn` does all three; who measures
// what oneDNN is capable of may leave the first and the last out. There only where the build has
// oneDNN; nothing of oneDNN's own headers is needed.
#ifndef LW_CONV_ONEDNN_PRIMITIVE_H
#define LW_CONV_ONEDNN_PRIMITIVE_H

#include "conv/list.h"

// The layouts of x, y and their gradients that oneDNN is given. Those of weights are its own choice.
typedef enum lw_onednn_maps {
    LW_ONEDNN_CALLER,        // the caller's, described by their strides: nothing is copied
    LW_ONEDNN_CHANNELS_LAST, // (n, h, w, c), dense
    LW_ONEDNN_ANY            // its own choice
} lw_onednn_maps;

typedef struct lw_onednn_setting {
    lw_onednn_maps maps;
    bool winograd;   // its Winograd algorithm, which only version 2 has; else the direct one
    int passed_over; // of its implementations, in its order of preference
} lw_onednn_setting;

typedef struct lw_onednn_primitive lw_onednn_primitive;

// Makes the convolution for problem->threads threads. LW_OK with *primitive NULL when oneDNN has
// none like that; *refusal (NULL: not wanted) is then its status. LW_ERROR_MEMORY, LW_ERROR_UNSUPPORTED (oneDNN does not
// load).
lw_status lw_onednn_primitive_create(lw_onednn_primitive **primitive,
                                     const lw_conv_problem *problem,
                                     const lw_onednn_setting *setting, int *refusal);
void lw_onednn_primitive_destroy(lw_onednn_primitive **primitive);

// oneDNN's name for the implementation, and whether it is the plain loops that take anything.
const char *lw_onednn_primitive_name(const lw_onednn_primitive *primitive);
bool lw_onednn_primitive_is_reference(const lw_onednn_primitive *primitive);

// Bytes that the parts need, in any alignment; all of them get the same memory.
size_t lw_onednn_primitive_workspace_bytes(const lw_onednn_primitive *primitive);

// The three parts. One after the other they are an execution; `compute` may be repeated, it keeps
// the arrays and the workspace that `fetch` was given. Not by two threads at once. LW_ERROR_INTERNAL.
lw_status lw_onednn_primitive_fetch(lw_onednn_primitive *primitive, const lw_conv_arrays *arrays,
                                    void *workspace);
lw_status lw_onednn_primitive_compute(lw_onednn_primitive *primitive);
lw_status lw_onednn_primitive_store(lw_onednn_primitive *primitive, const lw_conv_arrays *arrays);

#endif
