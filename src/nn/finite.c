// SPDX-License-Identifier: Apache-2.0
#include "nn/finite.h"

#include <math.h>
#include <stdio.h>

const char *lw_finite_word(double value)
{
    if (isnan(value)) return "nan";
    return value < 0.0 ? "-inf" : "inf";
}

bool lw_finite_all(const float *values, int64_t count)
{
    // 0 times a finite number is 0, and one NaN makes a sum NaN: no branch for each value.
    float sum = 0.0f;
    for (int64_t i = 0; i < count; i++) sum += 0.0f * values[i];
    return sum == 0.0f;
}

static float first_other(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return values[i];
    return 0.0f;
}

static bool describe_layer(const lw_layer_weights *weights, const float *values,
                           const lw_network *network, char *text, size_t text_bytes)
{
    const int64_t offsets[] = {weights->weights_offset, weights->bias_offset};
    const int64_t counts[] = {weights->weights_floats, weights->bias_floats};
    for (int i = 0; i < 2; i++) {
        if (lw_finite_all(values + offsets[i], counts[i])) continue;
        snprintf(text, text_bytes, "a %s of %s is %s", i ? "bias" : "weight",
                 lw_network_layer(network, weights->layer)->name,
                 lw_finite_word((double)first_other(values + offsets[i], counts[i])));
        return true;
    }
    return false;
}

// The layer that a unit belongs to, and whether it is its bias.
static const lw_layer_weights *layer_of(const lw_parameter_layout *layout,
                                        const lw_update_unit *unit, bool *is_bias)
{
    for (size_t i = 0; i < layout->n_weights; i++) {
        const lw_layer_weights *w = &layout->weights[i];
        *is_bias = unit->offset >= w->bias_offset && unit->offset < w->bias_offset + w->bias_floats;
        if (*is_bias || (unit->offset >= w->weights_offset &&
                         unit->offset < w->weights_offset + w->weights_floats))
            return w;
    }
    return NULL;
}

bool lw_finite_describe_weights(const lw_parameter_layout *layout, const float *values,
                                const lw_network *network, size_t begin, size_t end, char *text,
                                size_t text_bytes)
{
    for (size_t u = begin; u < end; u++) {
        const lw_update_unit *unit = &layout->units[u];
        bool is_bias = false;
        if (lw_finite_all(values + unit->offset, unit->count)) continue;
        const lw_layer_weights *weights = layer_of(layout, unit, &is_bias);
        snprintf(text, text_bytes, "a %s of %s is %s", is_bias ? "bias" : "weight",
                 weights ? lw_network_layer(network, weights->layer)->name : "a layer",
                 lw_finite_word((double)first_other(values + unit->offset, unit->count)));
        return true;
    }
    return false;
}

// `what`: "the output of conv2".
static bool describe_map(const lw_map *map, const float *values, const char *what, char *text,
                         size_t text_bytes)
{
    for (int32_t c = 0; c < map->extent.channels; c++)
        for (int32_t h = 0; h < map->height; h++)
            for (int32_t w = 0; w < map->width; w++) {
                const float value = values[map->origin + h * map->row + w * map->pixel + c];
                if (isfinite(value)) continue;
                snprintf(text, text_bytes, "%s has %s (channel %d, row %d, column %d)", what,
                         lw_finite_word((double)value), c, h, w);
                return true;
            }
    return false;
}

bool lw_finite_describe_image(const lw_workspace *workspace, lw_parameter_view parameters,
                              const lw_network *network, int32_t slot, char *text,
                              size_t text_bytes)
{
    const lw_plan *plan = workspace->plan;
    for (size_t i = 0; i <= plan->n_stages; i++) {
        const lw_map *map = &plan->maps[i];
        char what[80] = "the image, normalised,";
        if (i > 0) {
            const lw_stage *stage = &plan->stages[i - 1];
            if (stage->weights &&
                describe_layer(stage->weights, parameters.values, network, text, text_bytes))
                return true;
            snprintf(what, sizeof what, "the output of %s",
                     lw_network_layer(network, stage->first_layer)->name);
        }
        const float *values = workspace->values[i] + slot * map->image;
        if (describe_map(map, values, what, text, text_bytes)) return true;
    }
    return false;
}
