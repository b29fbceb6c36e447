// SPDX-License-Identifier: Apache-2.0
// Sizes, parameters and multiply-adds of every layer; the sentence for an input that cannot work.
#include "nn/network.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int32_t lw_window_output_size(int32_t size, int32_t kernel, int32_t stride, int32_t pad,
                              int32_t dilation)
{
    int64_t reach = (int64_t)dilation * (kernel - 1) + 1;
    int64_t room = (int64_t)size + 2 * (int64_t)pad - reach;
    return room < 0 ? 0 : (int32_t)(room / stride + 1);
}

__attribute__((format(printf, 3, 4))) static bool refuse(lw_network_refusal *refusal,
                                                         const lw_layer *layer, const char *format,
                                                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->sentence, sizeof refusal->sentence, format, arguments);
    va_end(arguments);
    refusal->layer = layer;
    return false;
}

// A height or width as users write it.
typedef struct size_text {
    char text[12];
} size_text;

static size_text show_size(int32_t size)
{
    size_text shown = {"?"};
    if (size != LW_SIZE_ANY) snprintf(shown.text, sizeof shown.text, "%d", size);
    return shown;
}

static bool is_window(const lw_layer *layer)
{
    return layer->kind == LW_LAYER_CONV || layer->kind == LW_LAYER_MAXPOOL ||
           layer->kind == LW_LAYER_AVGPOOL;
}

static bool is_global_pool(const lw_layer *layer)
{
    return layer->kind == LW_LAYER_GLOBAL_MAXPOOL || layer->kind == LW_LAYER_GLOBAL_MEANPOOL;
}

// Whether images of `side` pixels along one axis leave every window at least one position.
static bool side_fits(const lw_network *network, bool vertical, int32_t side)
{
    for (size_t i = 0; i < network->n_layers; i++) {
        const lw_layer *layer = &network->layers[i];
        if (layer->kind == LW_LAYER_FLATTEN || layer->kind == LW_LAYER_LINEAR) return true;
        if (is_global_pool(layer)) side = 1;
        if (!is_window(layer)) continue;
        side = vertical ? lw_window_output_size(side, layer->kernel_h, layer->stride_h,
                                                layer->pad_h, layer->dilation_h)
                        : lw_window_output_size(side, layer->kernel_w, layer->stride_w,
                                                layer->pad_w, layer->dilation_w);
        if (side == 0) return false;
    }
    return true;
}

// The smallest side that fits, 0 when none up to `limit` does. A larger image never makes a map
// smaller, so the answers of side_fits change once and bisection finds the place.
static int32_t smallest_side(const lw_network *network, bool vertical, int32_t limit)
{
    if (limit < 1 || !side_fits(network, vertical, limit)) return 0;
    int32_t fits = limit, fails = 0;
    while (fits - fails > 1) {
        int32_t middle = fails + (fits - fails) / 2;
        if (side_fits(network, vertical, middle))
            fits = middle;
        else
            fails = middle;
    }
    return fits;
}

static bool refuse_small_map(const lw_network *network, const lw_layer *layer, lw_extent map,
                             lw_network_refusal *refusal)
{
    char padding[40] = "", dilation[40] = "", least[80] = "";
    if (layer->pad_h || layer->pad_w)
        snprintf(padding, sizeof padding, " with padding %dx%d", layer->pad_h, layer->pad_w);
    if (layer->dilation_h > 1 || layer->dilation_w > 1)
        snprintf(dilation, sizeof dilation, " with dilation %dx%d", layer->dilation_h,
                 layer->dilation_w);
    int32_t height = smallest_side(network, true, LW_NETWORK_SIDE_LIMIT);
    int32_t width = smallest_side(network, false, LW_NETWORK_SIDE_LIMIT);
    if (height && width)
        snprintf(least, sizeof least, "; the network needs images of at least %dx%d", height,
                 width);
    return refuse(refusal, layer, "a %sx%s map%s is too small for a %dx%d window%s%s",
                  show_size(map.height).text, show_size(map.width).text, padding, layer->kernel_h,
                  layer->kernel_w, dilation, least);
}

static int64_t map_values(lw_extent map)
{
    return (int64_t)map.channels * map.height * map.width;
}

static bool refuse_large_map(const lw_layer *layer, lw_extent map, lw_network_refusal *refusal)
{
    return refuse(refusal, layer, "expected a map of at most %d values, got %dx%dx%d: %lld values",
                  LW_NETWORK_MAP_LIMIT, map.channels, map.height, map.width,
                  (long long)map_values(map));
}

// Weights and biases of a layer with `fan_in` inputs to each output.
static bool count_parameters(const lw_layer *layer, int64_t fan_in, lw_layer_info *info,
                             lw_network_refusal *refusal)
{
    int64_t weights = fan_in * layer->channels; // at most 2^36 * 2^16
    if (weights > LW_NETWORK_TENSOR_LIMIT)
        return refuse(refusal, layer, "expected at most %d weights, got %d outputs x %lld inputs",
                      LW_NETWORK_TENSOR_LIMIT, layer->channels, (long long)fan_in);
    info->parameters = weights + (layer->bias ? layer->channels : 0);
    info->macs = weights * info->output.height * info->output.width; // ANY is 0: not known
    return true;
}

// conv, maxpool and avgpool.
static bool walk_window(const lw_network *network, const lw_layer *layer, lw_layer_info *info,
                        lw_network_refusal *refusal)
{
    lw_extent in = info->input, *out = &info->output;
    if (in.height != LW_SIZE_ANY) {
        out->height = lw_window_output_size(in.height, layer->kernel_h, layer->stride_h,
                                            layer->pad_h, layer->dilation_h);
        if (out->height == 0) return refuse_small_map(network, layer, in, refusal);
    }
    if (in.width != LW_SIZE_ANY) {
        out->width = lw_window_output_size(in.width, layer->kernel_w, layer->stride_w, layer->pad_w,
                                           layer->dilation_w);
        if (out->width == 0) return refuse_small_map(network, layer, in, refusal);
    }
    if (layer->kind == LW_LAYER_CONV) out->channels = layer->channels;
    if (map_values(*out) > LW_NETWORK_MAP_LIMIT) return refuse_large_map(layer, *out, refusal);
    if (layer->kind != LW_LAYER_CONV) return true;
    int64_t fan_in = (int64_t)in.channels * layer->kernel_h * layer->kernel_w;
    return count_parameters(layer, fan_in, info, refusal);
}

// flatten and linear: the map becomes one row of values.
static bool walk_row(const lw_layer *layer, lw_layer_info *info, lw_network_refusal *refusal)
{
    lw_extent in = info->input;
    if (in.height == LW_SIZE_ANY || in.width == LW_SIZE_ANY)
        return refuse(refusal, layer,
                      "%s needs a map of fixed size, but the input may have any size; put a "
                      "global_maxpool or global_meanpool before it, or give the input a size",
                      lw_layer_kind_name(layer->kind));
    int64_t features = map_values(in);
    info->output = (lw_extent){(int32_t)features, 1, 1};
    if (layer->kind == LW_LAYER_FLATTEN) return true;
    info->output.channels = layer->channels;
    return count_parameters(layer, features, info, refusal);
}

// What the layers so far have made of the map, beside its size.
typedef struct walk_state {
    const lw_layer *row;  // the layer that made one row of values of the map; NULL: still a map
    const lw_layer *flat; // a flatten of more than one pixel without a linear layer since
} walk_state;

// The loss takes classes, not places.
static bool walk_loss(const lw_layer *layer, const walk_state *state, lw_extent in,
                      lw_network_refusal *refusal)
{
    if (state->flat)
        return refuse(refusal, layer,
                      "the loss needs one value per class, but gets every value of the map that %s "
                      "(line %d) flattens; put a linear layer before it",
                      state->flat->name, state->flat->line);
    if (in.height == 1 && in.width == 1) return true;
    return refuse(refusal, layer,
                  "the loss needs one value per class, but gets a %dx%sx%s map; put a linear layer "
                  "or a global pool before it",
                  in.channels, show_size(in.height).text, show_size(in.width).text);
}

static bool walk_layer(const lw_network *network, const lw_layer *layer, walk_state *state,
                       lw_layer_info *info, lw_network_refusal *refusal)
{
    if (state->row && (is_window(layer) || is_global_pool(layer)))
        return refuse(refusal, layer, "%s needs a map, but %s (line %d) makes it one row of values",
                      lw_layer_kind_name(layer->kind), state->row->name, state->row->line);
    lw_extent in = info->input;
    info->output = in;
    switch (layer->kind) {
    case LW_LAYER_CONV:
    case LW_LAYER_MAXPOOL:
    case LW_LAYER_AVGPOOL: return walk_window(network, layer, info, refusal);
    case LW_LAYER_GLOBAL_MAXPOOL:
    case LW_LAYER_GLOBAL_MEANPOOL: info->output = (lw_extent){in.channels, 1, 1}; return true;
    case LW_LAYER_FLATTEN:
    case LW_LAYER_LINEAR:
        if (!state->row) state->row = layer;
        if (layer->kind == LW_LAYER_LINEAR)
            state->flat = NULL;
        else if (in.height > 1 || in.width > 1)
            state->flat = layer;
        return walk_row(layer, info, refusal);
    case LW_LAYER_SOFTMAX_CROSS_ENTROPY: return walk_loss(layer, state, in, refusal);
    case LW_LAYER_RELU:
    case LW_LAYER_DROPOUT: break;
    }
    return true;
}

bool lw_network_walk(const lw_network *network, lw_extent input, lw_layer_info *infos,
                     lw_network_refusal *refusal)
{
    if (map_values(input) > LW_NETWORK_MAP_LIMIT) return refuse_large_map(NULL, input, refusal);
    walk_state state = {NULL, NULL};
    lw_extent map = input;
    int64_t macs = 0;
    for (size_t i = 0; i < network->n_layers; i++) {
        const lw_layer *layer = &network->layers[i];
        lw_layer_info info = {.input = map};
        if (!walk_layer(network, layer, &state, &info, refusal)) return false;
        // A layer has at most 2^56 multiply-adds; the sum is kept where users can add to it.
        macs += info.macs;
        if (macs > INT64_MAX / 4)
            return refuse(refusal, layer,
                          "up to here the network takes %lld multiply-adds an image, more than can "
                          "be counted",
                          (long long)macs);
        map = info.output;
        if (infos) infos[i] = info;
    }
    return true;
}

// One axis of a window that slides over a map.
typedef struct window {
    int32_t size, stride, dilation, pad;
} window;

// How many of a map's `length` rows or columns the first `outputs` windows read. At least one, since
// windows that see nothing but padding still need a map that exists.
static int32_t read_length(int32_t length, int32_t outputs, window w)
{
    int64_t last = (outputs - 1) * (int64_t)w.stride + w.dilation * (w.size - (int64_t)1) - w.pad;
    if (last < 0) return 1;
    return last < length ? (int32_t)last + 1 : length;
}

// Fills in what of each layer's input is read, from the loss back to the image.
static void find_read(const lw_network *network, lw_layer_info *infos)
{
    for (size_t i = network->n_layers; i-- > 0;) {
        const lw_layer *layer = &network->layers[i];
        lw_layer_info *info = &infos[i];
        const bool last = i + 1 == network->n_layers;
        const int32_t rows = last ? info->output.height : infos[i + 1].read_height;
        const int32_t columns = last ? info->output.width : infos[i + 1].read_width;
        info->read_height = info->input.height;
        info->read_width = info->input.width;
        if (layer->kind == LW_LAYER_RELU || layer->kind == LW_LAYER_DROPOUT) {
            info->read_height = rows;
            info->read_width = columns;
        } else if (is_window(layer)) {
            const window vertical = {layer->kernel_h, layer->stride_h, layer->dilation_h,
                                     layer->pad_h};
            const window horizontal = {layer->kernel_w, layer->stride_w, layer->dilation_w,
                                       layer->pad_w};
            info->read_height = read_length(info->input.height, rows, vertical);
            info->read_width = read_length(info->input.width, columns, horizontal);
        }
    }
}

// Whether the image size is one that the network declares.
static lw_status check_input(lw_extent declared, lw_extent input)
{
    if (input.channels != declared.channels)
        return lw_fail(LW_ERROR_INPUT, "input: expected %d channel%s, got %d", declared.channels,
                       declared.channels == 1 ? "" : "s", input.channels);
    if (input.height < 1 || input.width < 1 || input.height > LW_NETWORK_SIDE_LIMIT ||
        input.width > LW_NETWORK_SIDE_LIMIT)
        return lw_fail(LW_ERROR_INPUT, "input: expected a height and width of 1 to %d, got %dx%d",
                       LW_NETWORK_SIDE_LIMIT, input.height, input.width);
    if ((declared.height != LW_SIZE_ANY && declared.height != input.height) ||
        (declared.width != LW_SIZE_ANY && declared.width != input.width))
        return lw_fail(LW_ERROR_INPUT, "input: expected images of %sx%s, got %dx%d",
                       show_size(declared.height).text, show_size(declared.width).text,
                       input.height, input.width);
    return LW_OK;
}

lw_status lw_network_infer(const lw_network *network, lw_extent input, lw_layer_info *infos)
{
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "lw_network_infer: network is NULL");
    LW_TRY(check_input(network->input, input));
    lw_network_refusal refusal;
    if (lw_network_walk(network, input, infos, &refusal)) {
        if (infos) find_read(network, infos);
        return LW_OK;
    }
    if (!refusal.layer) return lw_fail(LW_ERROR_INPUT, "input: %s", refusal.sentence);
    return lw_fail(LW_ERROR_INPUT, "%s (line %d): %s", refusal.layer->name, refusal.layer->line,
                   refusal.sentence);
}

int32_t lw_network_smallest_input(const lw_network *network, int32_t limit)
{
    if (!network) return 0;
    if (limit > LW_NETWORK_SIDE_LIMIT) limit = LW_NETWORK_SIDE_LIMIT;
    int32_t height = smallest_side(network, true, limit);
    int32_t width = smallest_side(network, false, limit);
    if (!height || !width) return 0;
    int32_t side = height > width ? height : width;
    // A declared side leaves no choice.
    lw_extent declared = network->input;
    if (declared.height != LW_SIZE_ANY && declared.height > side) side = declared.height;
    if (declared.width != LW_SIZE_ANY && declared.width > side) side = declared.width;
    lw_network_refusal refusal;
    lw_extent square = {declared.channels, side, side};
    bool fits = side <= limit && (declared.height == LW_SIZE_ANY || declared.height == side) &&
                (declared.width == LW_SIZE_ANY || declared.width == side) &&
                lw_network_walk(network, square, NULL, &refusal);
    return fits ? side : 0;
}
