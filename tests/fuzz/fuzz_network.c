// SPDX-License-Identifier: Apache-2.0
// Network texts: what was read reads the same again, and its sizes can be worked out.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include <lanewise/network.h>
#include <stdlib.h>
#include <string.h>

static void infer(const lw_network *network)
{
    const size_t n = lw_network_layer_count(network);
    lw_extent input = lw_network_input(network); // 0: any size
    if (input.height == 0 || input.width == 0) {
        const int32_t side = lw_network_smallest_input(network, 512);
        if (side == 0) return;
        input.height = input.width = side;
    }
    lw_layer_info *infos = calloc(n, sizeof *infos);
    LW_FUZZ_CHECK(infos);
    // An input of that very size was accepted when the text was read, or found to be the smallest.
    LW_FUZZ_CHECK(lw_network_infer(network, input, infos) == LW_OK);
    int64_t parameters = 0;
    for (size_t i = 0; i < n; i++) {
        const lw_extent output = infos[i].output;
        LW_FUZZ_CHECK(output.channels > 0 && output.height > 0 && output.width > 0);
        LW_FUZZ_CHECK(infos[i].macs >= 0);
        parameters += infos[i].parameters;
    }
    LW_FUZZ_CHECK(parameters == lw_network_parameter_count(network));
    LW_FUZZ_CHECK(infos[n - 1].output.channels == lw_network_class_count(network));
    free(infos);
}

// Texts made from the text: they parse, or there is a sentence on why not.
static void change(const lw_network *network)
{
    lw_network *changed;
    const int32_t channels = lw_network_input(network).channels == 3 ? 1 : 3;
    lw_status status = lw_network_change_channels(&changed, network, channels);
    if (status)
        lw_fuzz_check_refusal(status);
    else
        LW_FUZZ_CHECK(lw_network_input(changed).channels == channels);
    lw_network_destroy(&changed);

    const char *name = lw_network_layer(network, 0)->name;
    const size_t layers = lw_network_layer_count(network);
    status = lw_network_with_channels(&changed, network, name, 7);
    if (status)
        lw_fuzz_check_refusal(status);
    else
        LW_FUZZ_CHECK(lw_network_layer_count(changed) == layers);
    lw_network_destroy(&changed);
}

void lw_fuzz_network(const uint8_t *bytes, size_t count)
{
    lw_network *network;
    const lw_status status = lw_network_parse(&network, (const char *)bytes, count, "fuzz.net");
    if (status) {
        LW_FUZZ_CHECK(!network);
        lw_fuzz_check_refusal(status);
        return;
    }
    LW_FUZZ_CHECK(strlen(lw_network_text(network)) == count);
    LW_FUZZ_CHECK(lw_network_class_count(network) > 0 && lw_network_parameter_count(network) > 0);
    infer(network);
    change(network);
    lw_network_destroy(&network);
}
