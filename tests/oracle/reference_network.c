// SPDX-License-Identifier: Apache-2.0
// Every layer as its definition reads, one output value at a time.
#include "oracle/reference_network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- sizes

// How many windows start between the padded borders: counted, not computed.
static int32_t count_windows(int32_t size, int32_t kernel, int32_t stride, int32_t pad,
                             int32_t dilation)
{
    int32_t count = 0;
    while (count * stride - pad + dilation * (kernel - 1) <= size + pad - 1) count++;
    return count;
}

static lw_extent output_extent(const lw_layer *layer, lw_extent in)
{
    lw_extent out = in;
    switch (layer->kind) {
    case LW_LAYER_CONV:
    case LW_LAYER_MAXPOOL:
    case LW_LAYER_AVGPOOL:
        if (layer->kind == LW_LAYER_CONV) out.channels = layer->channels;
        out.height = count_windows(in.height, layer->kernel_h, layer->stride_h, layer->pad_h,
                                   layer->dilation_h);
        out.width = count_windows(in.width, layer->kernel_w, layer->stride_w, layer->pad_w,
                                  layer->dilation_w);
        break;
    case LW_LAYER_GLOBAL_MAXPOOL:
    case LW_LAYER_GLOBAL_MEANPOOL: out = (lw_extent){in.channels, 1, 1}; break;
    case LW_LAYER_FLATTEN: out = (lw_extent){in.channels * in.height * in.width, 1, 1}; break;
    case LW_LAYER_LINEAR: out = (lw_extent){layer->channels, 1, 1}; break;
    case LW_LAYER_RELU:
    case LW_LAYER_DROPOUT:
    case LW_LAYER_SOFTMAX_CROSS_ENTROPY: break;
    }
    return out;
}

static void add_tensor(reference_network *reference, reference_tensor *tensor)
{
    tensor->offset = reference->n_parameters;
    tensor->count = 1;
    for (int axis = 0; axis < tensor->rank; axis++) tensor->count *= (size_t)tensor->shape[axis];
    reference->n_parameters += tensor->count;
    reference->tensors[reference->n_tensors++] = tensor;
}

static void add_parameters(reference_network *reference, size_t index, lw_extent in)
{
    const lw_layer *layer = lw_network_layer(reference->network, index);
    if (layer->kind != LW_LAYER_CONV && layer->kind != LW_LAYER_LINEAR) return;
    reference_tensor *weight = &reference->weights[index], *bias = &reference->biases[index];
    *weight = (reference_tensor){.layer = layer};
    if (layer->kind == LW_LAYER_CONV) {
        int64_t shape[4] = {layer->channels, in.channels, layer->kernel_h, layer->kernel_w};
        weight->rank = 4;
        memcpy(weight->shape, shape, sizeof shape);
        weight->fan_in = shape[1] * shape[2] * shape[3];
    } else {
        weight->rank = 2;
        weight->shape[0] = layer->channels;
        weight->shape[1] = weight->fan_in = (int64_t)in.channels * in.height * in.width;
    }
    add_tensor(reference, weight);
    if (!layer->bias) return;
    *bias = (reference_tensor){.layer = layer, .is_bias = true, .rank = 1};
    bias->shape[0] = layer->channels;
    bias->fan_in = weight->fan_in;
    add_tensor(reference, bias);
}

bool reference_network_create(reference_network *reference, const lw_network *network,
                              lw_extent input)
{
    size_t n_layers = lw_network_layer_count(network);
    *reference = (reference_network){.network = network, .input = input, .n_layers = n_layers};
    reference->outputs = calloc(n_layers, sizeof *reference->outputs);
    reference->weights = calloc(n_layers, sizeof *reference->weights);
    reference->biases = calloc(n_layers, sizeof *reference->biases);
    reference->tensors = calloc(2 * n_layers, sizeof(reference_tensor *));
    if (!reference->outputs || !reference->weights || !reference->biases || !reference->tensors)
        return false;
    lw_extent map = input;
    for (size_t i = 0; i < n_layers; i++) {
        add_parameters(reference, i, map);
        map = reference->outputs[i] = output_extent(lw_network_layer(network, i), map);
    }
    reference->classes = map.channels;
    return true;
}

void reference_network_free(reference_network *reference)
{
    free(reference->outputs);
    free(reference->weights);
    free(reference->biases);
    free(reference->tensors);
    memset(reference, 0, sizeof *reference);
}

// ---- layers

static size_t count_values(lw_extent map)
{
    return (size_t)map.channels * (size_t)map.height * (size_t)map.width;
}

// x[c][h][w]
static double at(const double *x, lw_extent map, int32_t c, int32_t h, int32_t w)
{
    return x[((size_t)c * (size_t)map.height + (size_t)h) * (size_t)map.width + (size_t)w];
}

static void note_decision(reference_kinks *kinks, uint64_t decision, double margin)
{
    kinks->decisions = (kinks->decisions ^ decision) * 1099511628211u; // FNV-1a, a word at a time
    if (margin < kinks->margin) kinks->margin = margin;
}

static double conv_output(const lw_layer *layer, const double *weight, const double *x,
                          lw_extent in, int32_t oh, int32_t ow)
{
    double sum = 0;
    for (int32_t ic = 0; ic < in.channels; ic++)
        for (int32_t kh = 0; kh < layer->kernel_h; kh++)
            for (int32_t kw = 0; kw < layer->kernel_w; kw++, weight++) {
                int32_t ih = oh * layer->stride_h - layer->pad_h + kh * layer->dilation_h;
                int32_t iw = ow * layer->stride_w - layer->pad_w + kw * layer->dilation_w;
                if (ih >= 0 && ih < in.height && iw >= 0 && iw < in.width)
                    sum += *weight * at(x, in, ic, ih, iw);
            }
    return sum;
}

static void conv(const lw_layer *layer, const double *weight, const double *bias, const double *x,
                 lw_extent in, double *y, lw_extent out)
{
    size_t fan_in = (size_t)in.channels * (size_t)layer->kernel_h * (size_t)layer->kernel_w;
    for (int32_t oc = 0; oc < out.channels; oc++, weight += fan_in)
        for (int32_t oh = 0; oh < out.height; oh++)
            for (int32_t ow = 0; ow < out.width; ow++)
                *y++ = conv_output(layer, weight, x, in, oh, ow) + (bias ? bias[oc] : 0);
}

// A rectangle of one channel's map; what lies outside of the map does not count.
typedef struct pool_window {
    int32_t c, first_h, first_w, height, width;
} pool_window;

static double window_maximum(const double *x, lw_extent in, pool_window window,
                             reference_kinks *kinks)
{
    double best = -INFINITY, second = -INFINITY;
    uint64_t winner = 0;
    for (int32_t kh = 0; kh < window.height; kh++)
        for (int32_t kw = 0; kw < window.width; kw++) {
            int32_t h = window.first_h + kh, w = window.first_w + kw;
            if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
            double value = at(x, in, window.c, h, w);
            if (value > best) {
                second = best;
                best = value;
                winner = (uint64_t)(kh * window.width + kw);
            } else if (value > second) {
                second = value;
            }
        }
    // Equal values come from zeros behind a ReLU; which of them wins changes nothing.
    note_decision(kinks, winner, best > second ? best - second : INFINITY);
    return best;
}

static double window_sum(const double *x, lw_extent in, pool_window window)
{
    double sum = 0;
    for (int32_t h = window.first_h; h < window.first_h + window.height; h++)
        for (int32_t w = window.first_w; w < window.first_w + window.width; w++)
            if (h >= 0 && h < in.height && w >= 0 && w < in.width) sum += at(x, in, window.c, h, w);
    return sum;
}

static void pool(const lw_layer *layer, const double *x, lw_extent in, double *y, lw_extent out,
                 reference_kinks *kinks)
{
    bool global = layer->kind == LW_LAYER_GLOBAL_MAXPOOL || layer->kind == LW_LAYER_GLOBAL_MEANPOOL;
    bool maximum = layer->kind == LW_LAYER_MAXPOOL || layer->kind == LW_LAYER_GLOBAL_MAXPOOL;
    pool_window window = {0, 0, 0, layer->kernel_h, layer->kernel_w};
    if (global) {
        window.height = in.height;
        window.width = in.width;
    }
    for (window.c = 0; window.c < out.channels; window.c++)
        for (int32_t oh = 0; oh < out.height; oh++)
            for (int32_t ow = 0; ow < out.width; ow++) {
                window.first_h = oh * layer->stride_h - layer->pad_h;
                window.first_w = ow * layer->stride_w - layer->pad_w;
                *y++ = maximum ? window_maximum(x, in, window, kinks)
                               : window_sum(x, in, window) / (window.height * window.width);
            }
}

static void relu(const double *x, double *y, size_t count, reference_kinks *kinks)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] > 0 ? x[i] : 0;
        // An exact zero is one that an earlier ReLU made; it stays zero.
        note_decision(kinks, x[i] > 0, x[i] != 0 ? fabs(x[i]) : INFINITY);
    }
}

static void linear(const double *weight, const double *bias, const double *x, size_t n_in,
                   double *y, int32_t n_out)
{
    for (int32_t o = 0; o < n_out; o++) {
        double sum = bias ? bias[o] : 0;
        for (size_t i = 0; i < n_in; i++) sum += *weight++ * x[i];
        y[o] = sum;
    }
}

// log(sum(exp(z))) - z[label], with the largest logit taken out first.
static double cross_entropy(const double *logits, int32_t classes, int32_t label)
{
    double largest = logits[0], sum = 0;
    for (int32_t i = 1; i < classes; i++) largest = fmax(largest, logits[i]);
    for (int32_t i = 0; i < classes; i++) sum += exp(logits[i] - largest);
    return log(sum) + largest - logits[label];
}

// ---- the network

static void run_layer(const reference_network *reference, const double *parameters, size_t index,
                      const double *x, lw_extent in, double *y, reference_kinks *kinks)
{
    const lw_layer *layer = lw_network_layer(reference->network, index);
    lw_extent out = reference->outputs[index];
    const double *weight = parameters + reference->weights[index].offset;
    const double *bias = layer->bias ? parameters + reference->biases[index].offset : NULL;
    switch (layer->kind) {
    case LW_LAYER_CONV: conv(layer, weight, bias, x, in, y, out); break;
    case LW_LAYER_LINEAR: linear(weight, bias, x, count_values(in), y, out.channels); break;
    case LW_LAYER_RELU: relu(x, y, count_values(in), kinks); break;
    case LW_LAYER_MAXPOOL:
    case LW_LAYER_AVGPOOL:
    case LW_LAYER_GLOBAL_MAXPOOL:
    case LW_LAYER_GLOBAL_MEANPOOL: pool(layer, x, in, y, out, kinks); break;
    case LW_LAYER_FLATTEN: // (c, h, w) is already the order of the row
    case LW_LAYER_DROPOUT:
    case LW_LAYER_SOFTMAX_CROSS_ENTROPY: memcpy(y, x, count_values(in) * sizeof *x); break;
    }
}

// The logits of one image as a new array (free()); NULL when memory ran out.
static double *run_image(const reference_network *reference, const double *parameters,
                         const double *image, reference_kinks *kinks)
{
    lw_extent in = reference->input;
    double *x = malloc(count_values(in) * sizeof *x);
    if (!x) return NULL;
    memcpy(x, image, count_values(in) * sizeof *x);
    for (size_t i = 0; i < reference->n_layers; i++) {
        double *y = malloc(count_values(reference->outputs[i]) * sizeof *y);
        if (y) run_layer(reference, parameters, i, x, in, y, kinks);
        free(x);
        if (!y) return NULL;
        x = y;
        in = reference->outputs[i];
    }
    return x;
}

double reference_network_loss(const reference_network *reference, const double *parameters,
                              const double *images, const int32_t *labels, int32_t n,
                              double *losses, double *logits, reference_kinks *kinks)
{
    reference_kinks unwanted;
    if (!kinks) kinks = &unwanted;
    *kinks = (reference_kinks){14695981039346656037u, INFINITY};
    size_t classes = (size_t)reference->classes, image_values = count_values(reference->input);
    double loss = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        double *row = run_image(reference, parameters, images + i * image_values, kinks);
        if (!row) return NAN;
        double image_loss = cross_entropy(row, reference->classes, labels[i]);
        loss += image_loss;
        if (losses) losses[i] = image_loss;
        if (logits) memcpy(logits + i * classes, row, classes * sizeof *row);
        free(row);
    }
    return loss / n;
}
