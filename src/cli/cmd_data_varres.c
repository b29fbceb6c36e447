// SPDX-License-Identifier: Apache-2.0
// `lanewise data varres`: an image folder whose images have resolutions of their own, drawn from another
// data set.
#include "base/error.h"
#include "base/file.h"
#include "cli/data_export.h"

#include <lanewise/varres.h>
#include <lanewise/version.h>
#include <math.h>
#include <string.h>

typedef struct varres_settings {
    lw_common_settings common;
    const char *from, *out, *sizes;
    int64_t seed, count, clutter;
    double rotate, val;
} varres_settings;

static const lw_option varres_options[] = {
    {.name = "from",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(varres_settings, from),
     .value_name = "NAME",
     .preset = "auto",
     .help = "the data set whose images are drawn: mnist, fashion-mnist, digits, or any other"},
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(varres_settings, out),
     .value_name = "FOLDER",
     .help = "the folder to write; it must not exist yet"},
    {.name = "sizes",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(varres_settings, sizes),
     .value_name = "LIST",
     .preset = "32,48,64",
     .help = "sides in pixels, 32,48,64, or a range, 20..96; each with the same probability"},
    {.name = "seed",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(varres_settings, seed),
     .value_name = "N",
     .preset = "1",
     .minimum = 0,
     .maximum = 9007199254740992.0,
     .help = "of the sizes, places, turns and scraps"},
    {.name = "count",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(varres_settings, count),
     .value_name = "N",
     .minimum = 1,
     .maximum = 1e9,
     .help = "only the first N training images, and a sixth as many test images"},
    {.name = "rotate",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(varres_settings, rotate),
     .value_name = "DEGREES",
     .preset = "0",
     .minimum = 0,
     .maximum = 180,
     .help = "turn each image by up to so much either way"},
    {.name = "clutter",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(varres_settings, clutter),
     .value_name = "N",
     .preset = "0",
     .minimum = 0,
     .maximum = 64,
     .help = "scraps of other images around each one"},
    {.name = "val",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(varres_settings, val),
     .value_name = "SHARE",
     .preset = "0",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true,
     .help = "share of the training images, the last ones, that go into val/"},
};

// What is asked for, with the seed as raw digits and everything in it that the pixels depend on: the same
// manifest goes with the same bytes.
static cJSON *manifest_json(const varres_settings *settings, const lw_data_splits *source)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "made_by", "lanewise data varres");
    lw_json_add_text(&object, "version", lw_version());
    lw_json_add_text(&object, "from", source->name);
    lw_json_add_text(&object, "sizes", settings->sizes);
    lw_json_add_count(&object, "seed", settings->seed);
    lw_json_add_number(&object, "rotate", settings->rotate);
    lw_json_add_count(&object, "clutter", settings->clutter);
    lw_json_add_number(&object, "val", settings->val);
    lw_json_add_count(&object, "train_images", (int64_t)lw_dataset_size(source->train));
    lw_json_add_count(&object, "validation_images",
                      source->validation ? (int64_t)lw_dataset_size(source->validation) : 0);
    lw_json_add_count(&object, "test_images",
                      source->test ? (int64_t)lw_dataset_size(source->test) : 0);
    return lw_json_object_take(&object);
}

static void show_drawing(void *user, size_t done, size_t count)
{
    (void)lw_image_progress_update(user, done, count);
}

static lw_status draw_part(lw_dataset **part, const lw_dataset *source, lw_varres_options *options,
                           uint32_t stream)
{
    options->stream = stream;
    return source ? lw_dataset_create_varres(part, lw_dataset_name(source), source, options)
                  : LW_OK;
}

static lw_status draw_parts(lw_data_splits *drawn, const lw_data_splits *source,
                            const varres_settings *settings, const lw_output *output)
{
    lw_image_progress progress = lw_image_progress_begin("drawing", output);
    lw_varres_options options = {.seed = (uint64_t)settings->seed,
                                 .rotate_degrees = settings->rotate,
                                 .clutter = (int32_t)settings->clutter,
                                 .threads = (int32_t)settings->common.threads,
                                 .progress = show_drawing,
                                 .user = &progress};
    LW_TRY(lw_side_choice_parse(&options.sides, settings->sizes, "--sizes"));
    // The streams are those of the set named varres.
    lw_status status = draw_part(&drawn->train, source->train, &options, 0);
    if (!status) status = draw_part(&drawn->test, source->test, &options, 1);
    if (!status) status = draw_part(&drawn->validation, source->validation, &options, 2);
    lw_progress_clear(&progress.bar);
    return status;
}

// Cuts the sets to --count images; the views share the memory.
static lw_status cut(lw_dataset **part, int64_t count)
{
    if (!*part || count >= (int64_t)lw_dataset_size(*part)) return LW_OK;
    lw_dataset *shorter;
    LW_TRY(lw_dataset_slice(&shorter, *part, 0, (size_t)count));
    lw_dataset_destroy(part);
    *part = shorter;
    return LW_OK;
}

static lw_status split_validation(lw_data_splits *source, double share)
{
    size_t size = lw_dataset_size(source->train), held_back = (size_t)llround((double)size * share);
    if (held_back == 0) return LW_OK;
    if (held_back >= size)
        return lw_fail(LW_ERROR_ARGUMENT, "--val %g leaves none of %zu images for training", share,
                       size);
    lw_dataset *train;
    LW_TRY(lw_dataset_slice(&source->validation, source->train, size - held_back, size));
    LW_TRY(lw_dataset_slice(&train, source->train, 0, size - held_back));
    lw_dataset_destroy(&source->train);
    source->train = train;
    return LW_OK;
}

static lw_status work(const lw_invocation *invocation, lw_data_splits *source,
                      lw_data_splits *drawn)
{
    const varres_settings *settings = invocation->settings;
    const lw_output *output = &invocation->output;
    // The whole training files, of which --val takes its share.
    LW_TRY(lw_open_data(source, &settings->common, settings->from, 0, output));
    if (settings->count > 0) {
        LW_TRY(cut(&source->train, settings->count));
        LW_TRY(cut(&source->test, settings->count < 6 ? 1 : settings->count / 6));
    }
    LW_TRY(split_validation(source, settings->val));
    LW_TRY(draw_parts(drawn, source, settings, output));
    snprintf(drawn->name, sizeof drawn->name, "varres");
    snprintf(drawn->source, sizeof drawn->source, "%s", source->source);
    return lw_export_data(drawn, settings->out, settings->common.threads,
                          manifest_json(settings, source), output);
}

static lw_status run_data_varres(const lw_invocation *invocation)
{
    const varres_settings *settings = invocation->settings;
    lw_side_choice unused;
    if (!settings->out)
        return lw_fail(LW_ERROR_ARGUMENT, "data varres: expected --out and the folder to write");
    LW_TRY(lw_side_choice_parse(&unused, settings->sizes, "--sizes"));
    if (lw_file_exists(settings->out)) // before anything is fetched or drawn
        return lw_fail(LW_ERROR_INPUT, "%s: expected a new folder, there is one of that name",
                       settings->out);
    lw_data_splits source = {.train = NULL}, drawn = {.train = NULL};
    lw_status status = work(invocation, &source, &drawn);
    lw_data_close(&source);
    lw_data_close(&drawn);
    return status;
}

const lw_command lw_command_data_varres = {
    .name = "data varres",
    .summary = "draw a variable-resolution image folder from a data set",
    .operands = "",
    .description = "Draws every image of a data set at a resolution of its own: a black square of "
                   "one of the sizes, "
                   "with the drawing scaled to 50 to 100 % of it at a random place. Writes an "
                   "image folder, train/ "
                   "and test/ with a folder for each class, and manifest.json with the options. "
                   "The same options "
                   "give the same pixels.",
    .examples = "  lanewise data varres --from mnist --out varres\n"
                "  lanewise data varres --out sizes --sizes 20..96 --rotate 15 --clutter 4\n"
                "  lanewise data varres --from digits --out few --count 600 --val 0.1 --json\n",
    .options = {.tables = {varres_options, lw_offline_option_table, lw_thread_option_table,
                           lw_output_option_table},
                .counts = {LW_COUNT(varres_options), LW_N_OFFLINE_OPTIONS, LW_N_THREAD_OPTIONS,
                           LW_N_OUTPUT_OPTIONS},
                .n_tables = 4},
    .settings_bytes = sizeof(varres_settings),
    .run = run_data_varres,
};
