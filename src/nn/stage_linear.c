// SPDX-License-Identifier: Apache-2.0
#include "nn/stage_linear.h"

#include "cpu/kernel_table.h"

// Rows of weights that stay in L1 while the images pass; the kernel takes as many at a time.
enum { rows_together = 4 };

static int32_t inputs_of(const lw_layer_weights *weights)
{
    return (int32_t)(weights->weights_floats / weights->out);
}

size_t lw_linear_stage_scratch_bytes(const lw_stage *stage)
{
    return (size_t)stage->weights->out * LW_GROUP_LIMIT * sizeof(float);
}

static int32_t rows_at(const lw_layer_weights *weights, int32_t o)
{
    return weights->out - o < rows_together ? weights->out - o : rows_together;
}

void lw_linear_stage_forward(const lw_linear_call *call, const float *x, const float *weights,
                             const float *bias, float *y)
{
    const lw_layer_weights *layer = call->stage->weights;
    const int32_t in = inputs_of(layer);
    for (int32_t o = 0; o < layer->out; o += rows_together)
        for (int32_t n = 0; n < call->images; n++)
            lw_kernels()->linear_forward(in, rows_at(layer, o), x + n * call->in->image,
                                         weights + (int64_t)o * in, bias + o, call->stage->relu,
                                         y + n * call->out->image + o);
}

// dweights[o][i] += sum over n of dy[n][o] * x[n][i]: a tile has some outputs and inputs, and the
// images are what it sums over.
void lw_linear_stage_backward_weights(const lw_linear_call *call, const float *x, const float *dy,
                                      float *dweights, float *dbias)
{
    const lw_layer_weights *layer = call->stage->weights;
    const lw_kernel_table *kernels = lw_kernels();
    const int32_t in = inputs_of(layer);
    for (int32_t n = 0; n < call->images; n++)
        for (int32_t o = 0; o < layer->out; o++) dbias[o] += dy[n * call->out->image + o];
    const lw_dense_products g = {.images = 1,
                                 .rows = 1,
                                 .columns = call->images,
                                 .a_pixel = call->out->image,
                                 .b_pixel = call->in->image,
                                 .planes = 1,
                                 .runs = 1,
                                 .length = layer->out,
                                 .lanes = in,
                                 .sums_row = in};
    kernels->dense_backward_weights(&g, dy, x, dweights, true, 0,
                                    kernels->dense_backward_weights_tiles(&g));
}

// dx[n][i] = sum over o of dy[n][o] * weights[o][i]: a tile has all images and some inputs.
void lw_linear_stage_backward_data(const lw_linear_call *call, const float *dy,
                                   const float *weights, float *dx, float *scratch)
{
    const lw_layer_weights *layer = call->stage->weights;
    const lw_kernel_table *kernels = lw_kernels();
    const int32_t in = inputs_of(layer), images = call->images;
    // A full group's tiles have many sums; of fewer images, one after the other is faster. Either way a sum is
    // one chain over the outputs, so that an image's gradient has the same bits in any company.
    if (images < LW_GROUP_LIMIT) {
        for (int32_t n = 0; n < images; n++)
            kernels->linear_backward_data(in, layer->out, dy + n * call->out->image, weights,
                                          dx + n * call->in->image);
        return;
    }
    for (int32_t n = 0; n < images; n++)
        for (int32_t o = 0; o < layer->out; o++)
            scratch[(int64_t)o * images + n] = dy[n * call->out->image + o];
    const lw_dense_products g = {.images = 1,
                                 .rows = 1,
                                 .columns = layer->out,
                                 .a_pixel = images,
                                 .b_pixel = in,
                                 .planes = 1,
                                 .runs = 1,
                                 .length = images,
                                 .lanes = in,
                                 .sums_row = call->in->image,
                                 .in_order = true};
    kernels->dense_backward_weights(&g, scratch, weights, dx, false, 0,
                                    kernels->dense_backward_weights_tiles(&g));
}
