// SPDX-License-Identifier: Apache-2.0
// A network that differs from another one in the channels of one layer: its text is changed and parsed
// again, so it can be saved like any other.
#include "nn/network.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

static const lw_layer *find_layer(const lw_network *network, const char *name)
{
    for (size_t i = 0; i < network->n_layers; i++)
        if (strcmp(network->layers[i].name, name) == 0) return &network->layers[i];
    return NULL;
}

static bool has_channels(const lw_layer *layer)
{
    return layer->kind == LW_LAYER_CONV || layer->kind == LW_LAYER_LINEAR;
}

static lw_status fail_unknown_layer(const lw_network *network, const char *name)
{
    const char *words[LW_NETWORK_LAYER_LIMIT];
    size_t n = 0;
    lw_text known = {0};
    for (size_t i = 0; i < network->n_layers; i++) {
        if (!has_channels(&network->layers[i])) continue;
        lw_text_print(&known, "%s%s", n ? ", " : "", network->layers[i].name);
        words[n++] = network->layers[i].name;
    }
    const char *nearest = lw_nearest_word(name, words, n);
    lw_fail(LW_ERROR_ARGUMENT,
            "network %s has no layer '%.40s'%s%s%s; its layers with channels are %s", network->name,
            name, nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "",
            known.failed ? "unknown" : known.bytes);
    lw_text_free(&known);
    return LW_ERROR_ARGUMENT;
}

// The place of the number of channels in the text of a layer that was parsed: the word behind the kind, of a
// convolution the one behind its kernel.
static const char *find_number(const lw_network *network, const lw_layer *layer)
{
    const char *at = network->text;
    for (int32_t line = 1; line < layer->line; line++) at = strchr(at, '\n') + 1;
    at += layer->column - 1;
    for (int words = layer->kind == LW_LAYER_CONV ? 2 : 1; words > 0; words--) {
        at += strcspn(at, " \t");
        at += strspn(at, " \t");
    }
    return at;
}

lw_status lw_network_with_channels(lw_network **changed, const lw_network *network,
                                   const char *layer_name, int32_t channels)
{
    if (!changed) return lw_fail(LW_ERROR_ARGUMENT, "lw_network_with_channels: changed is NULL");
    *changed = NULL;
    if (!network || !layer_name)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_network_with_channels: network or layer is NULL");
    const lw_layer *layer = find_layer(network, layer_name);
    if (!layer) return fail_unknown_layer(network, layer_name);
    if (!has_channels(layer))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "network %s: %s is a %s, which has no channels of its own", network->name,
                       layer->name, lw_layer_kind_name(layer->kind));
    const char *number = find_number(network, layer);
    lw_text text = {0};
    lw_text_append(&text, network->text, (size_t)(number - network->text));
    lw_text_print(&text, "%d", channels);
    lw_text_print(&text, "%s", number + strspn(number, "0123456789"));
    lw_status status =
        text.failed ? lw_fail(LW_ERROR_MEMORY, "network %s: no memory for a copy", network->name)
                    : lw_network_parse(changed, text.bytes, text.length, network->name);
    lw_text_free(&text);
    return status;
}
