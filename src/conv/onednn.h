// SPDX-License-Identifier: Apache-2.0
// What differs between versions 2 and 3 of oneDNN, behind one interface: a layout ("memory
// descriptor") is a struct in one and a handle in the other, and a convolution is described in two
// steps or in one. onednn_v2.c or onednn_v3.c is built, onednn_primitive.c knows neither. Of oneDNN itself the build needs
// the headers alone.
#ifndef LW_CONV_ONEDNN_H
#define LW_CONV_ONEDNN_H

#include <lanewise/conv.h>
#include <oneapi/dnnl/dnnl.h>

// oneDNN's functions under its own names without "dnnl_", and the two by which its threads are counted. They are there once
// lw_onednn_load has been successful.
typedef struct lw_onednn_functions {
#define LW_ONEDNN_FUNCTION(name) __typeof__(dnnl_##name) *(name);
#include "conv/onednn_functions.def"
#undef LW_ONEDNN_FUNCTION
    int (*omp_get_max_threads)(void);
    void (*omp_set_num_threads)(int threads);
} lw_onednn_functions;
extern lw_onednn_functions lw_onednn;

// Loads oneDNN when the first plan is made for it: with its libraries it takes 4 MB of memory and some milliseconds.
// LW_ERROR_UNSUPPORTED names what is missing.
lw_status lw_onednn_load(void);

// A layout of ours, and one that belongs to a primitive. All functions of oneDNN that take layouts
// take the second.
#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t lw_onednn_layout;
typedef const_dnnl_memory_desc_t lw_onednn_const_layout;
#else
typedef dnnl_memory_desc_t *lw_onednn_layout;
typedef const dnnl_memory_desc_t *lw_onednn_const_layout;
#endif

// The layout of an array of floats. NULL on failure; destroy takes NULL.
dnnl_status_t lw_onednn_layout_create(lw_onednn_layout *layout, int n_dims, const dnnl_dim_t *dims,
                                      dnnl_format_tag_t tag);
// The same with the floats from one element of each dimension to the next.
dnnl_status_t lw_onednn_layout_create_strided(lw_onednn_layout *layout, int n_dims,
                                              const dnnl_dim_t *dims, const dnnl_dim_t *strides);
void lw_onednn_layout_destroy(lw_onednn_layout *layout);

// A convolution in oneDNN's terms.
typedef struct lw_onednn_convolution {
    dnnl_alg_kind_t algorithm;
    int passed_over;                      // implementations that oneDNN would rather take
    lw_onednn_layout x, weights, bias, y; // gradients have the layouts of what they belong to
    dnnl_dims_t strides, dilations, pads; // dilations count from 0; the same pads on both sides
} lw_onednn_convolution;

// Asks oneDNN how it would compute a pass.
dnnl_status_t lw_onednn_describe(dnnl_primitive_desc_t *description,
                                 const lw_onednn_convolution *convolution, lw_conv_pass pass,
                                 dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes);

#endif
