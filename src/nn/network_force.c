// SPDX-License-Identifier: Apache-2.0
// Algorithms that somebody wants for the convolutions of a network.
#include "nn/network.h"

#include "base/config.h"
#include "base/error.h"
#include "conv/force.h"

#include <stdlib.h>
#include <string.h>

// The text that says what is forced, and what it is called in messages.
static const char *forced_text(const lw_network *network, const char **source)
{
    *source = network->forced[0] ? network->name : "LANEWISE_CONV";
    return network->forced[0] ? network->forced : lw_config_get()->conv;
}

lw_status lw_network_forced_algorithm(const lw_network *network, size_t index, lw_conv_pass pass,
                                      lw_conv_algorithm *algorithm)
{
    const char *source, *text = forced_text(network, &source);
    return lw_conv_forced_algorithm(text, source, network->layers[index].name, pass, algorithm);
}

// A layer that the network does not have is a typing error, not a wish.
lw_status lw_network_check_forced(const lw_network *network)
{
    const char *source, *text = forced_text(network, &source);
    const char **convs = calloc(network->n_layers, sizeof *convs);
    size_t n = 0;
    if (!convs)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the names of %zu layers", network->n_layers);
    for (size_t i = 0; i < network->n_layers; i++)
        if (network->layers[i].kind == LW_LAYER_CONV) convs[n++] = network->layers[i].name;
    lw_status status = lw_conv_forced_check(text, source, convs, n);
    free(convs);
    return status;
}

lw_status lw_network_force_algorithms(lw_network *network, const char *algorithms)
{
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "lw_network_force_algorithms: network is NULL");
    const char *text = algorithms ? algorithms : "";
    const size_t length = strlen(text);
    if (length >= sizeof network->forced)
        return lw_fail(LW_ERROR_INPUT,
                       "network %s: expected at most %zu characters of forced algorithms, got %zu",
                       network->name, sizeof network->forced - 1, length);
    char before[sizeof network->forced];
    memcpy(before, network->forced, sizeof before);
    memcpy(network->forced, text, length + 1);
    lw_status status = text[0] ? lw_network_check_forced(network) : LW_OK;
    if (status) memcpy(network->forced, before, sizeof before);
    return status;
}
