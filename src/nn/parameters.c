// SPDX-License-Identifier: Apache-2.0
#include "nn/parameters.h"

#include "base/error.h"
#include "base/memory.h"
#include "nn/network.h"
#include "simd/kernels.h"

#include <stdlib.h>
#include <string.h>

// Floats of an update unit of a layer that needs no packing: small enough to spread over threads.
enum { plain_unit_floats = 2048 };

static int32_t padded(int32_t channels)
{
    return (int32_t)lw_round_up((size_t)channels, LW_BLOCK);
}

static void describe_conv(lw_layer_weights *weights, const lw_layer *layer, lw_extent in,
                          bool reads_image)
{
    bool first = reads_image && in.channels <= LW_FIRST_CHANNELS;
    weights->conv = lw_conv_direct_describe(in.channels, layer->channels, layer->kernel_h,
                                            layer->kernel_w, first);
    weights->weights_floats = weights->conv.weights_floats;
    weights->bias_floats = weights->conv.bias_floats;
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
                describe_conv(weights, layer, map, is_image);
            else
                describe_linear(weights, layer, map, is_image);
            weights->weights_offset = layout->value_floats;
            weights->bias_offset = weights->weights_offset + weights->weights_floats;
            weights->packed_offset = layout->packed_floats;
            layout->value_floats = weights->bias_offset + weights->bias_floats;
            layout->packed_floats += weights->conv.packed_floats;
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

void lw_parameter_pack_unit(const lw_parameter_layout *layout, const lw_update_unit *unit,
                            const float *values, float *packed)
{
    if (unit->weights < 0) return;
    const lw_layer_weights *weights = &layout->weights[unit->weights];
    lw_conv_direct_pack_unit(&weights->conv, unit->conv_unit, values + weights->weights_offset,
                             packed + weights->packed_offset);
}
