// SPDX-License-Identifier: Apache-2.0
// A network as an object: loading, copying and reading it.
#include "nn/network.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

lw_status lw_network_load(lw_network **network, const char *path)
{
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "lw_network_load: network is NULL");
    *network = NULL;
    if (!path) return lw_fail(LW_ERROR_ARGUMENT, "lw_network_load: path is NULL");
    uint8_t *bytes;
    size_t count;
    LW_TRY(lw_file_read(path, LW_NETWORK_TEXT_LIMIT_BYTES, &bytes, &count));
    lw_status status = lw_network_parse(network, (const char *)bytes, count, path);
    free(bytes);
    return status;
}

lw_status lw_network_copy(lw_network **copy, const lw_network *network)
{
    *copy = NULL;
    lw_network *made = malloc(sizeof *made);
    size_t text_bytes = strlen(network->text) + 1;
    char *text = malloc(text_bytes);
    lw_layer *layers = calloc(network->n_layers, sizeof *layers);
    if (!made || !text || !layers) {
        free(made);
        free(text);
        free(layers);
        return lw_fail(LW_ERROR_MEMORY, "network %s: out of memory for a copy", network->name);
    }
    *made = *network;
    made->text = memcpy(text, network->text, text_bytes);
    made->layers = memcpy(layers, network->layers, network->n_layers * sizeof *layers);
    *copy = made;
    return LW_OK;
}

lw_status lw_network_change_channels(lw_network **changed, const lw_network *network,
                                     int32_t channels)
{
    if (!changed)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_network_change_channels: changed is NULL");
    *changed = NULL;
    if (!network)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_network_change_channels: network is NULL");
    if (channels < 1 || channels > LW_NETWORK_CHANNEL_LIMIT)
        return lw_fail(LW_ERROR_ARGUMENT, "network %s: expected 1 to %d channels, got %d",
                       network->name, LW_NETWORK_CHANNEL_LIMIT, channels);
    const char *rest = strchr(network->text + network->input_at, 'x');
    lw_text text = {0};
    lw_text_append(&text, network->text, network->input_at);
    lw_text_print(&text, "%d%s", channels, rest ? rest : "");
    lw_status status = text.failed ? lw_fail(LW_ERROR_MEMORY, "network %s: no memory for its text",
                                             network->name)
                                   : lw_network_parse(changed, text.bytes, text.length,
                                                      network->name);
    lw_text_free(&text);
    return status;
}

void lw_network_destroy(lw_network **network)
{
    if (!network || !*network) return;
    free((*network)->text);
    free((*network)->layers);
    free(*network);
    *network = NULL;
}

const char *lw_network_text(const lw_network *network)
{
    return network->text;
}

const char *lw_network_name(const lw_network *network)
{
    return network->name;
}

lw_extent lw_network_input(const lw_network *network)
{
    return network->input;
}

size_t lw_network_layer_count(const lw_network *network)
{
    return network->n_layers;
}

const lw_layer *lw_network_layer(const lw_network *network, size_t index)
{
    return index < network->n_layers ? &network->layers[index] : NULL;
}

int64_t lw_network_parameter_count(const lw_network *network)
{
    return network->parameters;
}

int32_t lw_network_class_count(const lw_network *network)
{
    return network->classes;
}

const char *lw_layer_kind_name(lw_layer_kind kind)
{
    switch (kind) {
    case LW_LAYER_CONV: return "conv";
    case LW_LAYER_RELU: return "relu";
    case LW_LAYER_MAXPOOL: return "maxpool";
    case LW_LAYER_AVGPOOL: return "avgpool";
    case LW_LAYER_GLOBAL_MAXPOOL: return "global_maxpool";
    case LW_LAYER_GLOBAL_MEANPOOL: return "global_meanpool";
    case LW_LAYER_FLATTEN: return "flatten";
    case LW_LAYER_LINEAR: return "linear";
    case LW_LAYER_DROPOUT: return "dropout";
    case LW_LAYER_SOFTMAX_CROSS_ENTROPY: return "softmax_cross_entropy";
    }
    return "unknown";
}

// The pool that convolution stages take in: 2x2, stride 2, no padding.
static bool is_fusable_pool(const lw_layer *layer)
{
    return layer->kind == LW_LAYER_MAXPOOL && layer->kernel_h == 2 && layer->kernel_w == 2 &&
           layer->stride_h == 2 && layer->stride_w == 2 && layer->pad_h == 0 && layer->pad_w == 0;
}

lw_fusion lw_network_fuse(const lw_network *network, size_t index)
{
    lw_fusion fusion = {.last_layer = index};
    for (size_t i = index + 1; i < network->n_layers; i++) {
        const lw_layer *layer = &network->layers[i];
        if (layer->kind == LW_LAYER_RELU && !fusion.relu)
            fusion.relu = true;
        else if (is_fusable_pool(layer) && !fusion.pool)
            fusion.pool = true;
        else
            break;
        fusion.last_layer = i;
    }
    return fusion;
}
