// SPDX-License-Identifier: Apache-2.0
#include "nn/parameters.h"

#include "base/error.h"
#include "base/memory.h"
#include "cpu/kernel_table.h"
#include "nn/network.h"
#include "simd/kernels.h"
#include "simd/winograd_tiles.h"

#include <stdlib.h>
#include <string.h>

// Floats of an update unit of a layer that needs no packing: small enough to spread over threads.
enum { plain_unit_floats = 2048 };

static int32_t padded(int32_t channels)
{
    return (int32_t)lw_round_up((size_t)channels, LW_BLOCK);
}

// True when a linear layer reads what layer `index` writes.
static bool feeds_linear(const lw_network *network, size_t index)
{
    size_t next = index + 1; // there is one: the loss comes last
    if (lw_network_layer(network, next)->kind == LW_LAYER_FLATTEN) next++;
    return lw_network_layer(network, next)->kind == LW_LAYER_LINEAR;
}

const char *lw_winograd_refusal(const lw_network *network, size_t index, bool first,
                                lw_conv_pass pass)
{
    const lw_layer *layer = lw_network_layer(network, index);
    if (layer->kernel_h != 3 || layer->kernel_w != 3) return "it is for 3x3 kernels";
    if (layer->stride_h != 1 || layer->stride_w != 1) return "it is for a stride of 1";
    if (layer->dilation_h != 1 || layer->dilation_w != 1) return "it is for a dilation of 1";
    if (first) return "the image's channels are not padded to a block";
    if (pass == LW_CONV_FORWARD) return NULL;
    lw_fusion fusion = lw_network_fuse(network, index);
    if (fusion.pool) return "behind a pool it costs less to follow the winners";
    if (pass == LW_CONV_BACKWARD_WEIGHTS) return NULL;
    if (layer->pad_h > 2 || layer->pad_w > 2) return "it is for a padding of at most 2";
    return feeds_linear(network, fusion.last_layer)
               ? "the gradient needs a halo, and the linear layer behind wants a map without"
               : NULL;
}

static lw_winograd_wish wish_winograd(const lw_network *network, size_t index,
                                      const lw_conv_direct *conv, lw_conv_pass pass)
{
    if (lw_winograd_refusal(network, index, conv->first, pass)) return LW_WINOGRAD_NO;
    lw_conv_algorithm forced;
    // A text that makes no sense is refused when a plan is made.
    if (lw_network_forced_algorithm(network, index, pass, &forced)) forced = LW_CONV_ALGORITHM_AUTO;
    if (forced == LW_CONV_ALGORITHM_WINOGRAD) return LW_WINOGRAD_FORCED;
    if (forced != LW_CONV_ALGORITHM_AUTO) return LW_WINOGRAD_NO;
    bool pays = conv->ic >= LW_WINOGRAD_LEAST_CHANNELS && conv->oc >= LW_WINOGRAD_LEAST_CHANNELS;
    return pays ? LW_WINOGRAD_CHOSEN : LW_WINOGRAD_NO;
}

bool lw_parameter_uses_winograd(const lw_parameter_layout *layout, const lw_layer_weights *weights,
                                lw_conv_pass pass)
{
    return weights->winograd[pass] == LW_WINOGRAD_FORCED ||
           (weights->winograd[pass] == LW_WINOGRAD_CHOSEN && !layout->exact);
}

static void describe_conv(lw_layer_weights *weights, const lw_network *network, lw_extent in,
                          bool reads_image)
{
    const lw_layer *layer = lw_network_layer(network, weights->layer);
    bool first = reads_image && in.channels <= LW_FIRST_CHANNELS;
    weights->conv = lw_conv_direct_describe(in.channels, layer->channels, layer->kernel_h,
                                            layer->kernel_w, first);
    weights->weights_floats = weights->conv.weights_floats;
    weights->bias_floats = weights->conv.bias_floats;
    for (int pass = 0; pass < LW_N_PASSES; pass++)
        if (!reads_image || pass != LW_CONV_BACKWARD_DATA) // nobody wants the image's gradient
            weights->winograd[pass] =
                wish_winograd(network, weights->layer, &weights->conv, (lw_conv_pass)pass);
}

static void describe_linear(lw_layer_weights *weights, const lw_layer *layer, lw_extent in,
                            bool reads_image)
{
    weights->linear = true;
    weights->in = in;
    weights->in_pitch = reads_image ? in.channels : padded(in.channels);
    int64_t row_floats = (int64_t)in.height * in.width * weights->in_pitch;
    weights->weights_floats = layer->channels * (int64_t)lw_round_up((size_t)row_floats, LW_BLOCK);
    weights->bias_floats = padded(layer->channels);
}

static void place_packed(lw_parameter_layout *layout, lw_layer_weights *weights)
{
    const lw_conv_direct *conv = &weights->conv;
    weights->packed_offset = layout->packed_floats;
    layout->packed_floats += conv->packed_floats;
    weights->filters_offset = layout->packed_floats;
    if (weights->winograd[LW_CONV_FORWARD])
        layout->packed_floats += (int64_t)lw_kernels()->winograd_filters_floats(conv->ic, conv->oc);
    weights->backward_filters_offset = layout->packed_floats;
    if (weights->winograd[LW_CONV_BACKWARD_DATA])
        layout->packed_floats += (int64_t)lw_kernels()->winograd_filters_floats(conv->oc, conv->ic);
}

// The maps as the planner sees them: a flatten layer leaves its map as it is.
static void describe_layers(lw_parameter_layout *layout, const lw_network *network,
                            const lw_layer_info *infos)
{
    lw_extent map = lw_network_input(network);
    bool is_image = true;
    for (size_t i = 0; i < lw_network_layer_count(network); i++) {
        const lw_layer *layer = lw_network_layer(network, i);
        if (layer->kind == LW_LAYER_FLATTEN) continue;
        if (layer->kind == LW_LAYER_CONV || layer->kind == LW_LAYER_LINEAR) {
            lw_layer_weights *weights = &layout->weights[layout->n_weights++];
            weights->layer = i;
            weights->bias = layer->bias;
            weights->out = layer->channels;
            if (layer->kind == LW_LAYER_CONV)
                describe_conv(weights, network, map, is_image);
            else
                describe_linear(weights, layer, map, is_image);
            weights->weights_offset = layout->value_floats;
            weights->bias_offset = weights->weights_offset + weights->weights_floats;
            layout->value_floats = weights->bias_offset + weights->bias_floats;
            place_packed(layout, weights);
        }
        // Elementwise layers behind a flatten keep the map's own shape.
        bool elementwise = layer->kind == LW_LAYER_RELU || layer->kind == LW_LAYER_DROPOUT;
        if (!elementwise) map = infos[i].output;
        is_image = false;
    }
}

static size_t count_units(const lw_layer_weights *weights)
{
    size_t bias = weights->bias ? 1 : 0;
    if (!weights->linear) return (size_t)weights->conv.units + bias;
    return (size_t)((weights->weights_floats + plain_unit_floats - 1) / plain_unit_floats) + bias;
}

static void list_units(lw_parameter_layout *layout)
{
    for (size_t w = 0; w < layout->n_weights; w++) {
        const lw_layer_weights *weights = &layout->weights[w];
        size_t n = count_units(weights) - (weights->bias ? 1 : 0);
        for (size_t i = 0; i < n; i++) {
            lw_update_unit *unit = &layout->units[layout->n_units++];
            unit->weights = -1;
            if (weights->linear) {
                unit->offset = (int64_t)i * plain_unit_floats;
                unit->count = weights->weights_floats - unit->offset;
                if (unit->count > plain_unit_floats) unit->count = plain_unit_floats;
            } else {
                lw_conv_direct_unit(&weights->conv, (int32_t)i, &unit->offset, &unit->count);
                unit->conv_unit = (int32_t)i;
                if (weights->conv.packed_floats) unit->weights = (int32_t)w;
            }
            unit->offset += weights->weights_offset;
        }
        if (weights->bias)
            layout->units[layout->n_units++] = (lw_update_unit){
                .offset = weights->bias_offset, .count = weights->bias_floats, .weights = -1};
    }
}

static lw_status fill_layout(lw_parameter_layout *layout, const lw_network *network)
{
    size_t n_layers = lw_network_layer_count(network);
    lw_layer_info *infos = calloc(n_layers, sizeof *infos);
    layout->weights = calloc(n_layers, sizeof *layout->weights);
    if (!infos || !layout->weights) {
        free(infos);
        return lw_fail(LW_ERROR_MEMORY, "no memory for the layout of %zu layers", n_layers);
    }
    // Sizes that depend on the image play no role here: a linear layer behind an any-size map is
    // only possible behind a global pool.
    lw_network_refusal refusal;
    bool fits = lw_network_walk(network, lw_network_input(network), infos, &refusal);
    if (fits) describe_layers(layout, network, infos);
    free(infos);
    if (!fits) return lw_fail(LW_ERROR_INPUT, "%s: %s", refusal.layer->name, refusal.sentence);
    size_t n_units = 0;
    for (size_t w = 0; w < layout->n_weights; w++) n_units += count_units(&layout->weights[w]);
    layout->units = calloc(n_units + 1, sizeof *layout->units);
    if (!layout->units) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu units", n_units);
    list_units(layout);
    return LW_OK;
}

lw_status lw_parameter_layout_create(lw_parameter_layout *layout, const lw_network *network)
{
    memset(layout, 0, sizeof *layout);
    lw_status status = fill_layout(layout, network);
    if (status) lw_parameter_layout_destroy(layout);
    return status;
}

void lw_parameter_layout_destroy(lw_parameter_layout *layout)
{
    free(layout->weights);
    free(layout->units);
    memset(layout, 0, sizeof *layout);
}

const lw_layer_weights *lw_parameter_layout_find(const lw_parameter_layout *layout, size_t layer)
{
    for (size_t w = 0; w < layout->n_weights; w++)
        if (layout->weights[w].layer == layer) return &layout->weights[w];
    return NULL;
}

// The place of an input feature, counted over (c, h, w), in a row of a linear layer's weights,
// which is channels-last.
static int64_t linear_place(const lw_layer_weights *weights, int64_t feature)
{
    int64_t pixels = (int64_t)weights->in.height * weights->in.width;
    return feature % pixels * weights->in_pitch + feature / pixels;
}

static int64_t linear_features(const lw_layer_weights *weights)
{
    return (int64_t)weights->in.channels * weights->in.height * weights->in.width;
}

void lw_layer_weights_import(const lw_layer_weights *weights, const float *user, float *values)
{
    values += weights->weights_offset;
    if (!weights->linear) {
        lw_conv_direct_import(&weights->conv, user, values);
        return;
    }
    for (int32_t out = 0; out < weights->out;
         out++, values += weights->weights_floats / weights->out)
        for (int64_t feature = 0; feature < linear_features(weights); feature++)
            values[linear_place(weights, feature)] = *user++;
}

void lw_layer_weights_export(const lw_layer_weights *weights, const float *values, float *user)
{
    values += weights->weights_offset;
    if (!weights->linear) {
        lw_conv_direct_export(&weights->conv, values, user);
        return;
    }
    for (int32_t out = 0; out < weights->out;
         out++, values += weights->weights_floats / weights->out)
        for (int64_t feature = 0; feature < linear_features(weights); feature++)
            *user++ = values[linear_place(weights, feature)];
}

// ---- packed copies --------------------------------------------------------------------------------

// The channels of a block that exist: [*first, *last).
static void block_channels(int32_t block, int32_t channels, int32_t *first, int32_t *last)
{
    *first = block * LW_BLOCK;
    *last = channels - *first < LW_BLOCK ? channels : *first + LW_BLOCK;
}

// A unit is a block of input channels by a block of output channels. Forward, it has a range of the input channels of one
// block's filters: in the order of conv_forward or, where the pass runs by Winograd, transformed.
static void pack_forward(const lw_layer_weights *weights, int32_t unit, bool winograd,
                         const float *values, float *packed)
{
    const lw_conv_direct *conv = &weights->conv;
    const lw_kernel_table *kernels = lw_kernels();
    const int32_t oc_blocks = padded(conv->oc) / LW_BLOCK, oc_block = unit % oc_blocks;
    int32_t first, last;
    block_channels(unit / oc_blocks, conv->ic, &first, &last);
    values += weights->weights_offset;
    if (!winograd) {
        const int64_t tap = (int64_t)conv->ic * LW_BLOCK, taps = (int64_t)conv->kh * conv->kw;
        lw_conv_direct_pack(conv, unit, values, tap,
                            packed + weights->packed_offset + oc_block * taps * tap +
                                first * LW_BLOCK);
        return;
    }
    float copy[9 * LW_BLOCK * LW_BLOCK];
    if (conv->oc < (oc_block + 1) * LW_BLOCK) memset(copy, 0, sizeof copy); // spare lanes
    lw_conv_direct_pack(conv, unit, values, LW_BLOCK * LW_BLOCK, copy);
    kernels->winograd_filters(conv->ic, first, last, copy, LW_BLOCK, LW_BLOCK * LW_BLOCK,
                              LW_WINOGRAD_ALL_KINDS, LW_WINOGRAD_ALL_KINDS,
                              packed + weights->filters_offset +
                                  (size_t)oc_block *
                                      kernels->winograd_filters_floats(conv->ic, LW_BLOCK));
}

// For backward-data input and output channels change places and the kernel is turned round: read from the
// values as they are.
static void pack_backward(const lw_layer_weights *weights, int32_t unit, const float *values,
                          float *packed)
{
    const lw_conv_direct *conv = &weights->conv;
    const lw_kernel_table *kernels = lw_kernels();
    const int32_t oc_blocks = padded(conv->oc) / LW_BLOCK, ic_block = unit / oc_blocks;
    const int64_t taps_floats = (int64_t)9 * conv->oc * LW_BLOCK;
    int32_t first, last;
    block_channels(unit % oc_blocks, conv->oc, &first, &last);
    kernels->winograd_filters(conv->oc, first, last,
                              values + weights->weights_offset + ic_block * taps_floats +
                                  ((int64_t)first * 9 + 8) * LW_BLOCK,
                              9 * LW_BLOCK, -LW_BLOCK, LW_WINOGRAD_ALL_KINDS, LW_WINOGRAD_ALL_KINDS,
                              packed + weights->backward_filters_offset +
                                  (size_t)ic_block *
                                      kernels->winograd_filters_floats(conv->oc, LW_BLOCK));
}

void lw_parameter_pack_unit(const lw_parameter_layout *layout, const lw_update_unit *unit,
                            const float *values, float *packed)
{
    if (unit->weights < 0) return;
    const lw_layer_weights *weights = &layout->weights[unit->weights];
    pack_forward(weights, unit->conv_unit,
                 lw_parameter_uses_winograd(layout, weights, LW_CONV_FORWARD), values, packed);
    if (lw_parameter_uses_winograd(layout, weights, LW_CONV_BACKWARD_DATA))
        pack_backward(weights, unit->conv_unit, values, packed);
}
