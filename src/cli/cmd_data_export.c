// SPDX-License-Identifier: Apache-2.0
// `lanewise data export`: any data set as a folder of images.
#include "base/error.h"
#include "base/file.h"
#include "cli/data_export.h"

#include <lanewise/version.h>

typedef struct export_settings {
    lw_common_settings common;
    const char *out;
    int64_t validation;
} export_settings;

static const lw_option export_options[] = {
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(export_settings, out),
     .value_name = "FOLDER",
     .help = "the folder to write; it must not exist yet"},
    {.name = "validation",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(export_settings, validation),
     .value_name = "N",
     .preset = "0",
     .minimum = -1,
     .maximum = 1e9,
     .help = "images at the end of the training files that go into val/; -1 for a sixth"},
};

static cJSON *manifest_json(const lw_data_splits *splits)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "made_by", "lanewise data export");
    lw_json_add_text(&object, "version", lw_version());
    lw_json_add_text(&object, "data", splits->name);
    return lw_json_object_take(&object);
}

static lw_status run_data_export(const lw_invocation *invocation)
{
    const export_settings *settings = invocation->settings;
    if (!settings->out)
        return lw_fail(LW_ERROR_ARGUMENT, "data export: expected --out and the folder to write");
    if (lw_file_exists(settings->out)) // before anything is fetched or drawn
        return lw_fail(LW_ERROR_INPUT, "%s: expected a new folder, there is one of that name",
                       settings->out);
    lw_data_splits splits;
    LW_TRY(lw_open_data(&splits, &settings->common, invocation->arguments->operands[0],
                        settings->validation, &invocation->output));
    lw_status status = lw_export_data(&splits, settings->out, settings->common.threads,
                                      manifest_json(&splits), &invocation->output);
    lw_data_close(&splits);
    return status;
}

const lw_command lw_command_data_export = {
    .name = "data export",
    .summary = "write a data set as a folder of PNG images",
    .operands = "NAME",
    .description =
        "Writes a data set, a name or a folder, as an image folder: train/ and test/ (and val/) "
        "with a folder for each class. The folder appears when everything is written; Ctrl-C "
        "leaves nothing behind.",
    .examples = "  lanewise data export mnist --out mnist-png\n"
                "  lanewise data export fashion-mnist --out fashion --validation 10000\n"
                "  lanewise data export varres:digits:20..96 --out sizes --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {export_options, lw_offline_option_table, lw_thread_option_table,
                           lw_output_option_table},
                .counts = {LW_COUNT(export_options), LW_N_OFFLINE_OPTIONS, LW_N_THREAD_OPTIONS,
                           LW_N_OUTPUT_OPTIONS},
                .n_tables = 4},
    .settings_bytes = sizeof(export_settings),
    .run = run_data_export,
};
