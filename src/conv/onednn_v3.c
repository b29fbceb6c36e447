// SPDX-License-Identifier: Apache-2.0
// Layouts and descriptions of convolutions for version 3 of oneDNN.
#include "conv/onednn.h"

#include <stdbool.h>
#include <stddef.h>

dnnl_status_t lw_onednn_layout_create(lw_onednn_layout *layout, int n_dims, const dnnl_dim_t *dims,
                                      dnnl_format_tag_t tag)
{
    *layout = NULL;
    return lw_onednn.memory_desc_create_with_tag(layout, n_dims, dims, dnnl_f32, tag);
}

dnnl_status_t lw_onednn_layout_create_strided(lw_onednn_layout *layout, int n_dims,
                                              const dnnl_dim_t *dims, const dnnl_dim_t *strides)
{
    *layout = NULL;
    return lw_onednn.memory_desc_create_with_strides(layout, n_dims, dims, dnnl_f32, strides);
}

void lw_onednn_layout_destroy(lw_onednn_layout *layout)
{
    if (*layout) lw_onednn.memory_desc_destroy(*layout);
    *layout = NULL;
}

// Moves a description on to the implementation behind those that are passed over.
static dnnl_status_t pass_over(dnnl_primitive_desc_t *description, int passed_over)
{
    dnnl_status_t status = dnnl_success;
    for (; passed_over > 0 && !status; passed_over--)
        status = lw_onednn.primitive_desc_next_impl(*description);
    if (status) {
        lw_onednn.primitive_desc_destroy(*description);
        *description = NULL;
    }
    return status;
}

// The forward pass; as a hint to a backward pass it is always a direct one.
static dnnl_status_t describe_forward(dnnl_primitive_desc_t *description,
                                      const lw_onednn_convolution *c, bool hint,
                                      dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes)
{
    return lw_onednn.convolution_forward_primitive_desc_create(
        description, engine, hint ? dnnl_forward_training : dnnl_forward_inference,
        hint ? dnnl_convolution_direct : c->algorithm, c->x, c->weights, c->bias, c->y, c->strides,
        c->dilations, c->pads, c->pads, attributes);
}

static dnnl_status_t describe(dnnl_primitive_desc_t *description, const lw_onednn_convolution *c,
                              lw_conv_pass pass, dnnl_engine_t engine,
                              const_dnnl_primitive_attr_t attributes)
{
    dnnl_primitive_desc_t forward = NULL;
    dnnl_status_t status;
    if (pass == LW_CONV_FORWARD) {
        status = describe_forward(description, c, false, engine, attributes);
        return status ? status : pass_over(description, c->passed_over);
    }
    // oneDNN wants to be told which forward pass a backward pass belongs to.
    status = describe_forward(&forward, c, true, engine, attributes);
    if (status) return status;
    if (pass == LW_CONV_BACKWARD_DATA)
        status = lw_onednn.convolution_backward_data_primitive_desc_create(
            description, engine, c->algorithm, c->x, c->weights, c->y, c->strides, c->dilations,
            c->pads, c->pads, forward, attributes);
    else
        status = lw_onednn.convolution_backward_weights_primitive_desc_create(
            description, engine, c->algorithm, c->x, c->weights, c->bias, c->y, c->strides,
            c->dilations, c->pads, c->pads, forward, attributes);
    if (!status) status = pass_over(description, c->passed_over);
    lw_onednn.primitive_desc_destroy(forward); // not before: moving on asks for it once more
    return status;
}

dnnl_status_t lw_onednn_describe(dnnl_primitive_desc_t *description, const lw_onednn_convolution *c,
                                 lw_conv_pass pass, dnnl_engine_t engine,
                                 const_dnnl_primitive_attr_t attributes)
{
    if (c->passed_over == 0) return describe(description, c, pass, engine, attributes);
    // A description that comes out of oneDNN's cache of primitives stays where it is (3.2), so
    // there is no cache meanwhile.
    int capacity = 0;
    dnnl_status_t status = lw_onednn.get_primitive_cache_capacity(&capacity);
    if (!status) status = lw_onednn.set_primitive_cache_capacity(0);
    if (status) return status;
    status = describe(description, c, pass, engine, attributes);
    lw_onednn.set_primitive_cache_capacity(capacity);
    return status;
}
