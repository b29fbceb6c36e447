// SPDX-License-Identifier: Apache-2.0
// `lanewise match`: how many channels a layer needs for a network to have as many parameters as
// another one.
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/match.h"
#include "report/format.h"
#include "report/table.h"

typedef struct match_settings {
    lw_common_settings common;
    const char *layer, *to;
} match_settings;

static const lw_option match_options[] = {
    {.name = "layer",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(match_settings, layer),
     .value_name = "NAME",
     .help = "the convolution or linear layer whose channels are to be found; `lanewise info` has "
             "the names"},
    {.name = "to",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(match_settings, to),
     .value_name = "NETWORK",
     .help = "the network to match"},
};

static lw_status print_report(const lw_match *m, const lw_output *output)
{
    const lw_match_row *best = &m->rows[m->best];
    if (output->quiet) {
        fprintf(output->result, "%d\n", best->channels);
        return LW_OK;
    }
    fprintf(output->result, "%s with %d channels in %s: %s parameters, against %s of %s\n\n",
            lw_network_name(m->network), best->channels, m->layer,
            lw_format_count(best->parameters).text, lw_format_count(m->target).text,
            lw_network_name(m->other));
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_RIGHT, "channels");
    lw_table_column(table, LW_ALIGN_RIGHT, "parameters");
    lw_table_column(table, LW_ALIGN_RIGHT, "difference");
    for (int i = 0; i < m->n_rows; i++) {
        int64_t difference = m->rows[i].parameters - m->target;
        lw_style style = i == m->best ? LW_STYLE_GOOD : LW_STYLE_PLAIN;
        lw_table_cell(table, style, "%d", m->rows[i].channels);
        lw_table_cell(table, style, "%s", lw_format_count(m->rows[i].parameters).text);
        lw_table_cell(table, style, "%s%s", difference > 0 ? "+" : "",
                      lw_format_count(difference).text);
    }
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    return status;
}

static cJSON *row_json(const lw_match *m, const lw_match_row *row)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "channels", row->channels);
    lw_json_add_count(&object, "parameters", row->parameters);
    lw_json_add_count(&object, "difference", row->parameters - m->target);
    return lw_json_object_take(&object);
}

static lw_status print_json(const lw_match *m)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", lw_network_name(m->network));
    lw_json_add_text(&object, "layer", m->layer);
    lw_json_add_text(&object, "to", lw_network_name(m->other));
    lw_json_add_count(&object, "target", m->target);
    lw_json_add_count(&object, "channels", m->rows[m->best].channels);
    lw_json_add_count(&object, "parameters", m->rows[m->best].parameters);
    cJSON *rows = cJSON_CreateArray();
    for (int i = 0; rows && i < m->n_rows; i++) {
        cJSON *row = row_json(m, &m->rows[i]);
        if (row && cJSON_AddItemToArray(rows, row)) continue;
        cJSON_Delete(row);
        cJSON_Delete(rows);
        rows = NULL;
    }
    lw_json_add_item(&object, "candidates", rows);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status match_networks(const lw_invocation *invocation, const lw_network *network,
                                const lw_network *other)
{
    const match_settings *settings = invocation->settings;
    lw_match m;
    LW_TRY(lw_match_find(&m, network, settings->layer, other));
    return invocation->output.json ? print_json(&m) : print_report(&m, &invocation->output);
}

static lw_status run_match(const lw_invocation *invocation)
{
    const match_settings *settings = invocation->settings;
    lw_network *network, *other = NULL;
    if (!settings->layer)
        return lw_fail(LW_ERROR_ARGUMENT, "match: expected --layer and the name of a layer");
    if (!settings->to)
        return lw_fail(LW_ERROR_ARGUMENT, "match: expected --to and the network to match");
    LW_TRY(lw_find_network(&network, invocation->arguments->operands[0]));
    lw_status status = lw_find_network(&other, settings->to);
    if (!status) status = match_networks(invocation, network, other);
    lw_network_destroy(&network);
    lw_network_destroy(&other);
    return status;
}

const lw_command lw_command_match = {
    .name = "match",
    .summary = "find the channels for as many parameters as another network",
    .operands = "NETWORK",
    .description =
        "Finds how many channels a layer of a network needs for the network to have as many "
        "parameters as another one, or as nearly as it can be, so that the two can be compared.",
    .examples = "  lanewise match varres --layer conv3 --to fixed\n"
                "  lanewise match my.net --layer conv2 --to lab --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {match_options, lw_output_option_table},
                .counts = {LW_COUNT(match_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(match_settings),
    .run = run_match,
};
