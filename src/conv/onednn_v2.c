// SPDX-License-Identifier: Apache-2.0
// Layouts and descriptions of convolutions for version 2 of oneDNN.
#include "conv/onednn.h"

#include <stdbool.h>
#include <stdlib.h>

dnnl_status_t lw_onednn_layout_create(lw_onednn_layout *layout, int n_dims, const dnnl_dim_t *dims,
                                      dnnl_format_tag_t tag)
{
    *layout = malloc(sizeof **layout);
    if (!*layout) return dnnl_out_of_memory;
    dnnl_status_t status = lw_onednn.memory_desc_init_by_tag(*layout, n_dims, dims, dnnl_f32, tag);
    if (status) lw_onednn_layout_destroy(layout);
    return status;
}

dnnl_status_t lw_onednn_layout_create_strided(lw_onednn_layout *layout, int n_dims,
                                              const dnnl_dim_t *dims, const dnnl_dim_t *strides)
{
    *layout = malloc(sizeof **layout);
    if (!*layout) return dnnl_out_of_memory;
    dnnl_status_t status =
        lw_onednn.memory_desc_init_by_strides(*layout, n_dims, dims, dnnl_f32, strides);
    if (status) lw_onednn_layout_destroy(layout);
    return status;
}

void lw_onednn_layout_destroy(lw_onednn_layout *layout)
{
    free(*layout);
    *layout = NULL;
}

// The implementation behind those that are passed over.
static dnnl_status_t pick(dnnl_primitive_desc_t *description, const_dnnl_op_desc_t operation,
                          int passed_over, dnnl_engine_t engine,
                          const_dnnl_primitive_attr_t attributes,
                          const_dnnl_primitive_desc_t forward)
{
    dnnl_primitive_desc_iterator_t all;
    dnnl_status_t status =
        lw_onednn.primitive_desc_iterator_create(&all, operation, attributes, engine, forward);
    if (status) return status;
    for (; passed_over > 0 && !status; passed_over--)
        status = lw_onednn.primitive_desc_iterator_next(all);
    *description = status ? NULL : lw_onednn.primitive_desc_iterator_fetch(all);
    if (!status && !*description) status = dnnl_out_of_memory;
    lw_onednn.primitive_desc_iterator_destroy(all);
    return status;
}

// The forward pass; as a hint to a backward pass it is always a direct one.
static dnnl_status_t describe_forward(dnnl_primitive_desc_t *description,
                                      const lw_onednn_convolution *c, bool hint,
                                      dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes)
{
    dnnl_convolution_desc_t operation;
    dnnl_status_t status = lw_onednn.dilated_convolution_forward_desc_init(
        &operation, hint ? dnnl_forward_training : dnnl_forward_inference,
        hint ? dnnl_convolution_direct : c->algorithm, c->x, c->weights, c->bias, c->y, c->strides,
        c->dilations, c->pads, c->pads);
    if (status) return status;
    return pick(description, &operation, hint ? 0 : c->passed_over, engine, attributes, NULL);
}

dnnl_status_t lw_onednn_describe(dnnl_primitive_desc_t *description, const lw_onednn_convolution *c,
                                 lw_conv_pass pass, dnnl_engine_t engine,
                                 const_dnnl_primitive_attr_t attributes)
{
    if (pass == LW_CONV_FORWARD) return describe_forward(description, c, false, engine, attributes);
    // oneDNN wants to be told which forward pass a backward pass belongs to.
    dnnl_primitive_desc_t forward;
    dnnl_status_t status = describe_forward(&forward, c, true, engine, attributes);
    if (status) return status;
    dnnl_convolution_desc_t operation;
    if (pass == LW_CONV_BACKWARD_DATA)
        status = lw_onednn.dilated_convolution_backward_data_desc_init(
            &operation, c->algorithm, c->x, c->weights, c->y, c->strides, c->dilations, c->pads,
            c->pads);
    else
        status = lw_onednn.dilated_convolution_backward_weights_desc_init(
            &operation, c->algorithm, c->x, c->weights, c->bias, c->y, c->strides, c->dilations,
            c->pads, c->pads);
    if (!status)
        status = pick(description, &operation, c->passed_over, engine, attributes, forward);
    lw_onednn.primitive_desc_destroy(forward);
    return status;
}
