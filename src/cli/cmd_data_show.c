// SPDX-License-Identifier: Apache-2.0
// `lanewise data show`: images of a data set, on the terminal or as a contact sheet, one row a
// class.
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/augmented.h"
#include "cli/common.h"
#include "cli/json.h"
#include "report/format.h"
#include "report/picture.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct show_settings {
    lw_common_settings common;
    const char *out, *augment;
    int64_t count, versions;
    int split;
} show_settings;

static const lw_option show_options[] = {
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(show_settings, out),
     .value_name = "FILE.png",
     .help = "write a contact sheet, one row a class; without it a few images are drawn with "
             "characters"},
    {.name = "count",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(show_settings, count),
     .value_name = "N",
     .minimum = 1,
     .maximum = 100000,
     .help = "about how many images in all (default: 100 on a sheet, one a class on the terminal)"},
    {.name = "augment",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(show_settings, augment),
     .value_name = "WORDS",
     .help = "one row an image: the image, then what training with this --augment makes of it in "
             "the first epochs; needs --out"},
    {.name = "versions",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(show_settings, versions),
     .value_name = "N",
     .preset = "9",
     .minimum = 1,
     .maximum = 1000,
     .help = "with --augment: how many versions of each image"},
    {.name = "split",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(show_settings, split),
     .value_name = "WORD",
     .preset = "train",
     .choices = lw_split_words,
     .help = "which part"},
};

// Chosen images: the first few of each class, class after class.
typedef struct selection {
    lw_sample *samples; // (classes, per_class), owned; pixels NULL where a class has fewer
    uint8_t **pixels;   // the same, owned, where the images are not in memory; else NULL
    size_t *indices;    // of the samples in the data set, owned
    int32_t classes;
    size_t per_class;
    int32_t height, width, channels; // of the largest one
    size_t found; // at least one: the data set is not empty
} selection;

// The pixels of a sample that is not in memory.
static lw_status read_pixels(selection *chosen, size_t place, const lw_dataset *dataset,
                             size_t index)
{
    lw_sample *sample = &chosen->samples[place];
    size_t bytes = (size_t)sample->height * (size_t)sample->width * (size_t)sample->channels;
    chosen->pixels[place] = malloc(bytes);
    if (!chosen->pixels[place])
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu bytes of pixels", bytes);
    sample->pixels = chosen->pixels[place];
    return lw_dataset_read(dataset, index, chosen->pixels[place]);
}

static void free_selection(selection *chosen)
{
    for (size_t i = 0; chosen->pixels && i < (size_t)chosen->classes * chosen->per_class; i++)
        free(chosen->pixels[i]);
    free(chosen->pixels);
    free(chosen->samples);
    free(chosen->indices);
}

static lw_status select_samples(selection *chosen, const lw_dataset *dataset, int64_t count)
{
    size_t classes = (size_t)lw_dataset_class_count(dataset), *taken;
    *chosen = (selection){.classes = (int32_t)classes, .channels = 1};
    chosen->per_class = ((size_t)count + classes - 1) / classes;
    chosen->samples = calloc(classes * chosen->per_class, sizeof *chosen->samples);
    chosen->indices = calloc(classes * chosen->per_class, sizeof *chosen->indices);
    taken = calloc(classes, sizeof *taken);
    bool streamed = lw_dataset_is_streamed(dataset);
    if (streamed) chosen->pixels = calloc(classes * chosen->per_class, sizeof *chosen->pixels);
    if (!chosen->samples || !chosen->indices || !taken || (streamed && !chosen->pixels)) {
        free(taken);
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu images", classes * chosen->per_class);
    }
    lw_status status = LW_OK;
    for (size_t i = 0; !status && i < lw_dataset_size(dataset); i++) {
        lw_sample sample = lw_dataset_get(dataset, i);
        size_t label = (size_t)sample.label;
        if (taken[label] == chosen->per_class) continue;
        size_t place = label * chosen->per_class + taken[label]++;
        chosen->samples[place] = sample;
        chosen->indices[place] = i;
        if (streamed) status = read_pixels(chosen, place, dataset, i);
        chosen->found++;
        if (sample.height > chosen->height) chosen->height = sample.height;
        if (sample.width > chosen->width) chosen->width = sample.width;
        if (sample.channels == 3) chosen->channels = 3;
    }
    free(taken);
    return status;
}

// ---- the sheet --------------------------------------------------------------------------------

enum { gap = 2, gap_grey = 64 }; // pixels between the images

typedef struct sheet {
    uint8_t *pixels; // (height, width, channels), owned
    int32_t height, width, channels;
} sheet;

// Copies a sample to a place of the sheet; grey becomes colour where the sheet has colours.
static void paste(sheet *target, const lw_sample *sample, int32_t top, int32_t left)
{
    for (int32_t y = 0; y < sample->height; y++)
        for (int32_t x = 0; x < sample->width; x++) {
            const uint8_t *from = sample->pixels + ((size_t)y * (size_t)sample->width + (size_t)x) *
                                                       (size_t)sample->channels;
            uint8_t *to =
                target->pixels + ((size_t)(top + y) * (size_t)target->width + (size_t)(left + x)) *
                                     (size_t)target->channels;
            for (int32_t c = 0; c < target->channels; c++)
                to[c] = from[sample->channels == 3 ? c : 0];
        }
}

static lw_status draw_sheet(sheet *target, const selection *chosen)
{
    // PNG readers, ours among them, take no more than this; it also keeps the products small.
    enum { largest_side = 16384 };
    int64_t height = gap + (int64_t)chosen->classes * (chosen->height + gap);
    int64_t width = gap + (int64_t)chosen->per_class * (chosen->width + gap);
    if (height > largest_side || width > largest_side)
        return lw_fail(
            LW_ERROR_ARGUMENT,
            "--count: a sheet of %lldx%lld pixels is more than the %d a side of an image",
            (long long)width, (long long)height, largest_side);
    *target =
        (sheet){.height = (int32_t)height, .width = (int32_t)width, .channels = chosen->channels};
    size_t bytes = (size_t)height * (size_t)width * (size_t)chosen->channels;
    target->pixels = malloc(bytes);
    if (!target->pixels)
        return lw_fail(LW_ERROR_MEMORY, "no memory for a sheet of %zu bytes", bytes);
    memset(target->pixels, gap_grey, bytes);
    for (int32_t label = 0; label < chosen->classes; label++)
        for (size_t k = 0; k < chosen->per_class; k++) {
            const lw_sample *sample = &chosen->samples[(size_t)label * chosen->per_class + k];
            if (sample->pixels)
                paste(target, sample, gap + label * (chosen->height + gap),
                      gap + (int32_t)k * (chosen->width + gap));
        }
    return LW_OK;
}

static lw_status write_sheet(const selection *chosen, const char *path, const char *order,
                             const lw_output *output)
{
    sheet target = {0};
    lw_status status = draw_sheet(&target, chosen);
    if (!status)
        status = lw_image_write(path, target.pixels, target.height, target.width, target.channels);
    free(target.pixels);
    if (status) return status;
    lw_note(output, "wrote %s: %zu images, %s", path, chosen->found, order);
    if (!output->json) return LW_OK;
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "file", path);
    lw_json_add_count(&object, "images", (int64_t)chosen->found);
    lw_json_add_count(&object, "rows", chosen->classes);
    lw_json_add_count(&object, "columns", (int64_t)chosen->per_class);
    lw_json_add_count(&object, "height", target.height);
    lw_json_add_count(&object, "width", target.width);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

// ---- the terminal -----------------------------------------------------------------------------

static lw_status draw_on_terminal(const selection *chosen, const lw_dataset *dataset,
                                  const lw_output *output)
{
    assert(chosen->found > 0);
    size_t total = (size_t)chosen->classes * chosen->per_class, n = 0;
    lw_picture *pictures = calloc(chosen->found, sizeof *pictures);
    if (!pictures) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu pictures", chosen->found);
    for (size_t i = 0; i < total; i++) {
        const lw_sample *sample = &chosen->samples[i];
        if (!sample->pixels) continue;
        pictures[n].image = *sample;
        lw_picture_caption(&pictures[n], 0, lw_dataset_class_name(dataset, sample->label));
        n++;
    }
    lw_picture_print(pictures, n, output->result, &output->terminal);
    free(pictures);
    return LW_OK;
}

// The sheet of --augment has a row for each chosen image.
static lw_status write_augmented(const selection *chosen, const show_settings *settings,
                                 const lw_dataset *dataset, const lw_augment *augment,
                                 const lw_output *output)
{
    assert(chosen->found > 0);
    const size_t total = (size_t)chosen->classes * chosen->per_class;
    // A row an image: here --count may be less than one a class.
    const int64_t count = settings->count ? settings->count : (int64_t)chosen->found;
    size_t *indices = calloc(chosen->found, sizeof *indices), n = 0;
    if (!indices) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu images", chosen->found);
    for (size_t i = 0; i < total; i++)
        if (chosen->samples[i].pixels && n < (size_t)count) indices[n++] = chosen->indices[i];
    lw_augmented made;
    lw_status status =
        lw_augmented_make(&made, dataset, indices, n, augment, (size_t)settings->versions);
    free(indices);
    if (!status) {
        selection rows = *chosen;
        rows.samples = made.samples;
        rows.classes = (int32_t)made.rows;
        rows.per_class = made.columns;
        rows.found = made.rows * made.columns;
        status = write_sheet(&rows, settings->out, "one row an image, the original first", output);
    }
    lw_augmented_free(&made);
    return status;
}

static lw_status show(const show_settings *settings, const lw_data_splits *splits,
                      const lw_augment *augment, const lw_output *output)
{
    enum { usual_sheet = 100 };
    const lw_dataset *dataset = lw_split_at(splits, settings->split);
    if (!dataset || lw_dataset_size(dataset) == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "--split %s: %s has no such images",
                       lw_split_words[settings->split], splits->name);
    int64_t count = settings->count;
    if (count == 0) count = settings->out && !settings->augment ? usual_sheet : lw_dataset_class_count(dataset);
    selection chosen;
    lw_status status = select_samples(&chosen, dataset, count);
    if (!status && settings->augment)
        status = write_augmented(&chosen, settings, dataset, augment, output);
    else if (!status)
        status = settings->out ? write_sheet(&chosen, settings->out, "one row a class", output)
                               : draw_on_terminal(&chosen, dataset, output);
    free_selection(&chosen);
    return status;
}

static lw_status run_data_show(const lw_invocation *invocation)
{
    const show_settings *settings = invocation->settings;
    if (invocation->output.json && !settings->out)
        return lw_fail(LW_ERROR_ARGUMENT, "--json needs --out: drawings are for people");
    if (settings->out && lw_file_exists(settings->out))
        return lw_fail(LW_ERROR_ARGUMENT, "%s: there is such a file already", settings->out);
    lw_augment augment = lw_augment_none();
    if (settings->augment && !settings->out)
        return lw_fail(LW_ERROR_ARGUMENT, "--augment needs --out: the terminal has no room for it");
    if (!settings->augment && lw_option_given(invocation->arguments, "versions"))
        return lw_fail(LW_ERROR_ARGUMENT, "--versions only has a meaning with --augment");
    if (settings->augment) LW_TRY(lw_augment_parse(&augment, settings->augment));
    lw_data_splits splits;
    LW_TRY(lw_open_data(&splits, &settings->common, invocation->arguments->operands[0], -1,
                        &invocation->output));
    lw_status status = show(settings, &splits, &augment, &invocation->output);
    lw_data_close(&splits);
    return status;
}

const lw_command lw_command_data_show = {
    .name = "data show",
    .summary = "look at the images of a data set",
    .operands = "NAME",
    .description =
        "Draws the first images of each class of a data set (a name, a folder or archive of images, "
        "or a folder with IDX files), with characters or as a PNG contact sheet with one row a class; "
        "with --augment, images and what training sees of them.",
    .examples = "  lanewise data show digits\n"
                "  lanewise data show photos/ --split test --out sheet.png\n"
                "  lanewise data show mnist --out sheet.png --count 200\n"
                "  lanewise data show digits --augment rotate=15,shift=2 --out sheet.png\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {show_options, lw_offline_option_table, lw_output_option_table},
                .counts = {LW_COUNT(show_options), LW_N_OFFLINE_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(show_settings),
    .run = run_data_show,
};
