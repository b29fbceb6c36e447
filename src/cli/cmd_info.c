// SPDX-License-Identifier: Apache-2.0
// `lanewise info`: what a network consists of and what it costs.
#include "base/error.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/network_input.h"
#include "report/format.h"
#include "report/table.h"

#include <stdlib.h>
#include <string.h>

typedef struct info_settings {
    lw_common_settings common;
    const char *input;
} info_settings;

static const lw_option info_options[] = {
    {.name = "input",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(info_settings, input),
     .value_name = "CxHxW",
     .help = lw_input_help},
};

// The layers of a network for one input size.
typedef struct network_sizes {
    const lw_network *network;
    lw_extent input;
    lw_layer_info *layers; // owned
    size_t n_layers;
    int64_t macs, activation_bytes;
} network_sizes;

static int64_t extent_bytes(lw_extent extent)
{
    return (int64_t)extent.channels * extent.height * extent.width * (int64_t)sizeof(float);
}

static lw_status measure(network_sizes *sizes)
{
    sizes->n_layers = lw_network_layer_count(sizes->network);
    sizes->layers = calloc(sizes->n_layers, sizeof *sizes->layers);
    if (!sizes->layers)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu layers", sizes->n_layers);
    LW_TRY(lw_network_infer(sizes->network, sizes->input, sizes->layers));
    for (size_t i = 0; i < sizes->n_layers; i++) {
        sizes->macs += sizes->layers[i].macs;
        sizes->activation_bytes += extent_bytes(sizes->layers[i].output);
    }
    return LW_OK;
}

// "3" or "3x5": both sides where they differ.
static void print_sides(lw_text *text, const char *word, int32_t h, int32_t w)
{
    if (h == w)
        lw_text_print(text, " %s%d", word, h);
    else
        lw_text_print(text, " %s%dx%d", word, h, w);
}

// The layer in the words of the network text: "conv 3x3 16 stride 2 pad 1".
static void describe_layer(lw_text *text, const lw_layer *layer)
{
    bool conv = layer->kind == LW_LAYER_CONV;
    bool pool = layer->kind == LW_LAYER_MAXPOOL || layer->kind == LW_LAYER_AVGPOOL;
    lw_text_print(text, "%s", lw_layer_kind_name(layer->kind));
    if (conv || pool) lw_text_print(text, " %dx%d", layer->kernel_h, layer->kernel_w);
    if (conv || layer->kind == LW_LAYER_LINEAR) lw_text_print(text, " %d", layer->channels);
    // Convolutions step by one unless told otherwise, pools by their window.
    int32_t usual_h = pool ? layer->kernel_h : 1, usual_w = pool ? layer->kernel_w : 1;
    if ((conv || pool) && (layer->stride_h != usual_h || layer->stride_w != usual_w))
        print_sides(text, "stride ", layer->stride_h, layer->stride_w);
    if (layer->pad_h || layer->pad_w) print_sides(text, "pad ", layer->pad_h, layer->pad_w);
    if (layer->dilation_h > 1 || layer->dilation_w > 1)
        print_sides(text, "dilation ", layer->dilation_h, layer->dilation_w);
    if (layer->kind == LW_LAYER_DROPOUT) lw_text_print(text, " %g", (double)layer->probability);
}

static void add_layer_rows(lw_table *table, const network_sizes *sizes)
{
    for (size_t i = 0; i < sizes->n_layers; i++) {
        const lw_layer_info *info = &sizes->layers[i];
        const lw_layer *layer = lw_network_layer(sizes->network, i);
        lw_text words = {0};
        describe_layer(&words, layer);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", layer->name);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", words.failed ? "" : words.bytes);
        lw_text_free(&words);
        lw_table_cell(table, LW_STYLE_PLAIN, "%dx%dx%d", info->output.channels, info->output.height,
                      info->output.width);
        lw_table_cell(table, info->parameters ? LW_STYLE_PLAIN : LW_STYLE_DIM, "%s",
                      lw_format_count(info->parameters).text);
        lw_table_cell(table, info->macs ? LW_STYLE_PLAIN : LW_STYLE_DIM, "%s",
                      lw_format_count(info->macs).text);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s",
                      lw_format_bytes((uint64_t)extent_bytes(info->output)).text);
    }
    lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_BOLD, "total");
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", "");
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", "");
    lw_table_cell(table, LW_STYLE_BOLD, "%s",
                  lw_format_count(lw_network_parameter_count(sizes->network)).text);
    lw_table_cell(table, LW_STYLE_BOLD, "%s", lw_format_count(sizes->macs).text);
    lw_table_cell(table, LW_STYLE_BOLD, "%s",
                  lw_format_bytes((uint64_t)sizes->activation_bytes).text);
}

static lw_status print_table(const network_sizes *sizes, const lw_output *output)
{
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "layer");
    lw_table_column(table, LW_ALIGN_LEFT, "kind");
    lw_table_column(table, LW_ALIGN_RIGHT, "output");
    lw_table_column(table, LW_ALIGN_RIGHT, "parameters");
    lw_table_column(table, LW_ALIGN_RIGHT, "MACs");
    lw_table_column(table, LW_ALIGN_RIGHT, "memory");
    add_layer_rows(table, sizes);
    fprintf(output->result, "%s: input %dx%dx%d, %d classes\n", lw_network_name(sizes->network),
            sizes->input.channels, sizes->input.height, sizes->input.width,
            lw_network_class_count(sizes->network));
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    const lw_layer_info *first = &sizes->layers[0];
    const bool all =
        first->read_height == first->input.height && first->read_width == first->input.width;
    if (!all)
        fprintf(
            output->result,
            "of the image only the upper left %dx%d pixels are read: windows that no longer fit "
            "are dropped\n",
            first->read_width, first->read_height);
    if (!output->quiet)
        fprintf(output->result,
                "MACs: multiply-adds of the forward pass of one image, nothing left out\n"
                "memory: the layer's output for one image\n");
    return status;
}

static cJSON *extent_json(lw_extent extent)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "channels", extent.channels);
    lw_json_add_count(&object, "height", extent.height);
    lw_json_add_count(&object, "width", extent.width);
    return lw_json_object_take(&object);
}

// What of the image is read.
static cJSON *read_json(const lw_layer_info *first)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "height", first->read_height);
    lw_json_add_count(&object, "width", first->read_width);
    return lw_json_object_take(&object);
}

static cJSON *layer_json(const lw_layer *layer, const lw_layer_info *info)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", layer->name);
    lw_json_add_text(&object, "kind", lw_layer_kind_name(layer->kind));
    lw_json_add_item(&object, "output", extent_json(info->output));
    lw_json_add_count(&object, "parameters", info->parameters);
    lw_json_add_count(&object, "macs", info->macs);
    lw_json_add_count(&object, "output_bytes", extent_bytes(info->output));
    return lw_json_object_take(&object);
}

static lw_status print_json(const network_sizes *sizes)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", lw_network_name(sizes->network));
    lw_json_add_item(&object, "input", extent_json(sizes->input));
    lw_json_add_item(&object, "read", read_json(&sizes->layers[0]));
    lw_json_add_count(&object, "classes", lw_network_class_count(sizes->network));
    lw_json_add_count(&object, "parameters", lw_network_parameter_count(sizes->network));
    lw_json_add_count(&object, "macs", sizes->macs);
    lw_json_add_count(&object, "activation_bytes", sizes->activation_bytes);
    cJSON *layers = cJSON_CreateArray();
    for (size_t i = 0; i < sizes->n_layers; i++) {
        cJSON *layer = layer_json(lw_network_layer(sizes->network, i), &sizes->layers[i]);
        if (layers && layer && cJSON_AddItemToArray(layers, layer)) continue;
        cJSON_Delete(layer);
        cJSON_Delete(layers);
        layers = NULL;
    }
    lw_json_add_item(&object, "layers", layers);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status run_info(const lw_invocation *invocation)
{
    lw_network *network;
    LW_TRY(lw_find_network(&network, invocation->arguments->operands[0]));
    network_sizes sizes = {.network = network};
    const info_settings *settings = invocation->settings;
    lw_status status = lw_choose_input(&sizes.input, network, settings->input, &invocation->output);
    if (!status) status = measure(&sizes);
    if (!status && invocation->output.json)
        status = print_json(&sizes);
    else if (!status)
        status = print_table(&sizes, &invocation->output);
    free(sizes.layers);
    lw_network_destroy(&network);
    return status;
}

const lw_command lw_command_info = {
    .name = "info",
    .summary = "the layers of a network and what they cost",
    .operands = "NETWORK",
    .description =
        "Prints the layers of a network with their output sizes, parameters, multiply-adds "
        "and memory for one image. NETWORK is a network file or the name of a shipped "
        "one: fixed, varres, varres_max, lab, lab_small, vgg, allconv.",
    .examples = "  lanewise info fixed\n"
                "  lanewise info networks/varres.net --input 1x48x48\n"
                "  lanewise info my.net --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {info_options, lw_output_option_table},
                .counts = {LW_COUNT(info_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(info_settings),
    .run = run_info,
};
