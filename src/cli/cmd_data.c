// SPDX-License-Identifier: Apache-2.0
// `lanewise data list`, `data fetch` and `data info`: which data sets there are, how to get them,
// and what is in them.
#include "base/error.h"
#include "cli/common.h"
#include "cli/data_sizes.h"
#include "cli/json.h"
#include "data/catalog.h"
#include "report/format.h"
#include "report/table.h"

#include <stdlib.h>
#include <string.h>

// ---- data list --------------------------------------------------------------------------------

static cJSON *entry_json(const lw_data_entry *entry)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", entry->name);
    lw_json_add_text(&object, "title", entry->title);
    lw_json_add_count(&object, "classes", entry->classes);
    lw_json_add_count(&object, "channels", entry->channels);
    lw_json_add_count(&object, "height", entry->height);
    lw_json_add_count(&object, "width", entry->width);
    lw_json_add_count(&object, "train_images", entry->train_count);
    lw_json_add_count(&object, "test_images", entry->test_count);
    lw_json_add_flag(&object, "at_hand", entry->at_hand);
    lw_json_add_text(&object, "where", entry->where);
    return lw_json_object_take(&object);
}

static lw_status list_as_json(void)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < lw_data_catalog_size(); i++) {
        lw_data_entry entry;
        lw_status status = lw_data_catalog_get(i, &entry);
        cJSON *item = status ? NULL : entry_json(&entry);
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
        if (status) return status;
    }
    return lw_json_finish(array, stdout);
}

static lw_status add_entries(lw_table *table)
{
    for (size_t i = 0; i < lw_data_catalog_size(); i++) {
        lw_data_entry entry;
        LW_TRY(lw_data_catalog_get(i, &entry));
        lw_table_cell(table, LW_STYLE_BOLD, "%s", entry.name);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(entry.train_count).text);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(entry.test_count).text);
        if (entry.height > 0)
            lw_table_cell(table, LW_STYLE_PLAIN, "%dx%dx%d", entry.channels, entry.height,
                          entry.width);
        else
            lw_table_cell(table, LW_STYLE_PLAIN, "%dx?x?", entry.channels);
        lw_table_cell(table, LW_STYLE_PLAIN, "%d", entry.classes);
        lw_table_cell(table, entry.at_hand ? LW_STYLE_GOOD : LW_STYLE_DIM, "%s",
                      entry.at_hand ? "yes" : "no");
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", entry.title);
    }
    return LW_OK;
}

// Folders and hints are too long for a column of the table.
static lw_status print_places(FILE *file)
{
    for (size_t i = 0; i < lw_data_catalog_size(); i++) {
        lw_data_entry entry;
        LW_TRY(lw_data_catalog_get(i, &entry));
        if (entry.where[0]) fprintf(file, "  %s: %s\n", entry.name, entry.where);
    }
    return LW_OK;
}

static lw_status list_names(FILE *file)
{
    for (size_t i = 0; i < lw_data_catalog_size(); i++) {
        lw_data_entry entry;
        LW_TRY(lw_data_catalog_get(i, &entry));
        fprintf(file, "%s\n", entry.name);
    }
    return LW_OK;
}

static lw_status run_data_list(const lw_invocation *invocation)
{
    const lw_output *output = &invocation->output;
    if (output->json) return list_as_json();
    if (output->quiet) return list_names(output->result);
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "name");
    lw_table_column(table, LW_ALIGN_RIGHT, "training");
    lw_table_column(table, LW_ALIGN_RIGHT, "test");
    lw_table_column(table, LW_ALIGN_RIGHT, "size");
    lw_table_column(table, LW_ALIGN_RIGHT, "classes");
    lw_table_column(table, LW_ALIGN_LEFT, "at hand");
    lw_table_column(table, LW_ALIGN_LEFT, "what");
    lw_status status = add_entries(table);
    if (!status) status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    if (status) return status;
    fprintf(output->result, "where:\n");
    return print_places(output->result);
}

// ---- data fetch -------------------------------------------------------------------------------

static lw_status fetch(const char *name, const lw_output *output, bool *fetched)
{
    // Opening reads and checks every file, which a look at the folder would not. (The limit spares
    // the built-in digits most of their drawing.)
    lw_data_splits splits;
    lw_data_options options = {.name = name, .train_limit = 1, .offline = true, .seed = 1};
    *fetched = false;
    if (lw_data_open(&splits, &options) == LW_OK) {
        lw_note(output, "%s is at hand: %s", name, splits.source);
        lw_data_close(&splits);
        return LW_OK;
    }
    lw_output notes = *output;
    lw_status status = lw_data_fetch(name, lw_note_sentence, &notes);
    // The name is a good one, so whatever failed is the work: exit code 1.
    if (status) return lw_fail(LW_ERROR_IO, "%s", lw_error_message());
    *fetched = true;
    lw_note(output, "%s is at hand now", name);
    return LW_OK;
}

static lw_status run_data_fetch(const lw_invocation *invocation)
{
    const char *name = invocation->arguments->operands[0];
    bool fetched;
    if (strcmp(name, "auto") == 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data fetch: expected the name of one data set, got auto");
    if (!lw_data_find_set(name)) return lw_data_fail_unknown(name);
    LW_TRY(fetch(name, &invocation->output, &fetched));
    if (!invocation->output.json) return LW_OK;
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", name);
    lw_json_add_flag(&object, "fetched", fetched);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

// ---- data info --------------------------------------------------------------------------------

enum { n_splits = 3 };

// Images per class and split.
typedef struct class_counts {
    int64_t *counts[n_splits]; // one owned block, classes entries each
    int64_t totals[n_splits];
    int32_t classes;
} class_counts;

static lw_status count_classes(class_counts *result, const lw_data_splits *splits)
{
    result->classes = lw_dataset_class_count(splits->train);
    int64_t *block = calloc((size_t)result->classes * n_splits, sizeof *block);
    if (!block) return lw_fail(LW_ERROR_MEMORY, "no memory for %d classes", result->classes);
    for (int split = 0; split < n_splits; split++) {
        const lw_dataset *part = lw_split_at(splits, split);
        result->counts[split] = block + (size_t)split * (size_t)result->classes;
        size_t size = part ? lw_dataset_size(part) : 0;
        result->totals[split] = (int64_t)size;
        for (size_t i = 0; i < size; i++) result->counts[split][lw_dataset_get(part, i).label]++;
    }
    return LW_OK;
}

static lw_status print_counts(const class_counts *counts, const lw_data_splits *splits,
                              const lw_output *output)
{
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "class");
    for (int split = 0; split < n_splits; split++)
        lw_table_column(table, LW_ALIGN_RIGHT, lw_split_words[split]);
    for (int32_t label = 0; label < counts->classes; label++) {
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_dataset_class_name(splits->train, label));
        for (int split = 0; split < n_splits; split++)
            lw_table_cell(table, LW_STYLE_PLAIN, "%s",
                          lw_format_count(counts->counts[split][label]).text);
    }
    lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_BOLD, "total");
    for (int split = 0; split < n_splits; split++)
        lw_table_cell(table, LW_STYLE_BOLD, "%s", lw_format_count(counts->totals[split]).text);
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    return status;
}

static cJSON *counts_json(const class_counts *counts, int split)
{
    cJSON *array = cJSON_CreateArray();
    for (int32_t label = 0; array && label < counts->classes; label++) {
        cJSON *number = cJSON_CreateNumber((double)counts->counts[split][label]);
        if (number && cJSON_AddItemToArray(array, number)) continue;
        cJSON_Delete(number);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

typedef struct info_settings {
    lw_common_settings common;
    bool sizes;
} info_settings;

static const lw_option info_options[] = {
    {.name = "sizes",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(info_settings, sizes),
     .help = "list the sizes of the images, too"},
};

static lw_status print_info_json(const class_counts *counts, const lw_data_splits *splits,
                                 size_t bytes, bool sizes)
{
    lw_json_object object = lw_json_object_begin();
    const char **names;
    LW_TRY(lw_class_names(&names, splits->train));
    lw_json_add_text(&object, "name", splits->name);
    lw_json_add_text(&object, "source", splits->source);
    lw_json_add_item(&object, "classes", cJSON_CreateStringArray(names, counts->classes));
    free(names);
    lw_json_add_count(&object, "bytes", (int64_t)bytes);
    for (int split = 0; split < n_splits; split++) {
        lw_json_object part = lw_json_object_begin();
        lw_json_add_count(&part, "images", counts->totals[split]);
        lw_json_add_item(&part, "per_class", counts_json(counts, split));
        lw_json_add_item(&object, lw_split_words[split], lw_json_object_take(&part));
    }
    lw_json_add_count(&object, "channels", lw_dataset_get(splits->train, 0).channels);
    lw_json_add_flag(&object, "in_memory", !lw_dataset_is_streamed(splits->train));
    if (sizes) lw_json_add_item(&object, "sizes", lw_data_sizes_json(splits));
    lw_json_add_item(&object, "problems", lw_json_texts(splits->problems, splits->n_problems));
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

// "all of 28x28 pixels", "from 32x32 to 64x64 pixels".
static void describe_sizes(char *text, size_t text_bytes, const lw_dataset *train)
{
    lw_sample smallest = lw_dataset_get(train, 0), largest = smallest;
    for (size_t i = 1; i < lw_dataset_size(train); i++) {
        lw_sample sample = lw_dataset_get(train, i);
        int64_t area = (int64_t)sample.height * sample.width;
        if (area < (int64_t)smallest.height * smallest.width) smallest = sample;
        if (area > (int64_t)largest.height * largest.width) largest = sample;
    }
    if (smallest.height == largest.height && smallest.width == largest.width)
        snprintf(text, text_bytes, "%dx%d pixels", (int)smallest.height, (int)smallest.width);
    else
        snprintf(text, text_bytes, "%dx%d to %dx%d pixels", (int)smallest.height,
                 (int)smallest.width, (int)largest.height, (int)largest.width);
}

static void print_summary(const lw_data_splits *splits, size_t bytes, FILE *file)
{
    char sizes[96];
    int32_t channels = lw_dataset_get(splits->train, 0).channels;
    describe_sizes(sizes, sizeof sizes, splits->train);
    fprintf(file, "%s (height x width), %d channel%s; %s %s\n", sizes, (int)channels,
            channels == 1 ? "" : "s", lw_format_bytes(bytes).text,
            lw_dataset_is_streamed(splits->train) ? "when decoded, read as they are needed"
                                                  : "of memory");
}

static lw_status show_info(const lw_data_splits *splits, bool sizes, const lw_output *output)
{
    class_counts counts;
    size_t bytes = 0;
    LW_TRY(count_classes(&counts, splits));
    for (int split = 0; split < n_splits; split++)
        if (lw_split_at(splits, split)) bytes += lw_dataset_bytes(lw_split_at(splits, split));
    lw_status status = output->json ? print_info_json(&counts, splits, bytes, sizes)
                                    : print_counts(&counts, splits, output);
    free(counts.counts[0]);
    if (status || output->json) return status;
    if (!output->quiet) print_summary(splits, bytes, output->result);
    if (!sizes) return LW_OK;
    fputc('\n', output->result);
    return lw_data_sizes_print(splits, output);
}

static lw_status run_data_info(const lw_invocation *invocation)
{
    const info_settings *settings = invocation->settings;
    lw_data_splits splits;
    LW_TRY(lw_open_data(&splits, &settings->common, invocation->arguments->operands[0], -1,
                        &invocation->output));
    lw_status status = show_info(&splits, settings->sizes, &invocation->output);
    lw_data_close(&splits);
    return status;
}

// ---- the commands -----------------------------------------------------------------------------

const lw_command lw_command_data_list = {
    .name = "data list",
    .summary = "the data sets that have a name",
    .operands = "",
    .description = "Lists the data sets that Lanewise knows by name, whether they are at hand, and "
                   "where they are or how to get them. Folders and archives of images and "
                   "folders with IDX files work too: give the path to --data.",
    .examples = "  lanewise data list\n"
                "  lanewise data list --json\n",
    .options = {.tables = {lw_output_option_table}, .counts = {LW_N_OUTPUT_OPTIONS}, .n_tables = 1},
    .settings_bytes = sizeof(lw_common_settings),
    .run = run_data_list,
};

const lw_command lw_command_data_fetch = {
    .name = "data fetch",
    .summary = "bring a data set to this machine",
    .operands = "NAME",
    .description = "Fetches a data set into the user's cache and checks it, unless it is at hand "
                   "already. The exit code is 0 when it is there afterwards, 1 otherwise.",
    .examples = "  lanewise data fetch mnist\n"
                "  lanewise data fetch mnist --quiet && echo there\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {lw_output_option_table}, .counts = {LW_N_OUTPUT_OPTIONS}, .n_tables = 1},
    .settings_bytes = sizeof(lw_common_settings),
    .run = run_data_fetch,
};

const lw_command lw_command_data_info = {
    .name = "data info",
    .summary = "how many images of which class a data set has",
    .operands = "NAME",
    .description = "Opens a data set, by name, as a folder or archive of images or as a folder with IDX "
                   "files, and counts its images per class, for training, validation and test.",
    .examples = "  lanewise data info mnist\n"
                "  lanewise data info photos/ --sizes\n"
                "  lanewise data info photos.zip --skip-bad --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {info_options, lw_offline_option_table, lw_output_option_table},
                .counts = {LW_COUNT(info_options), LW_N_OFFLINE_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(info_settings),
    .run = run_data_info,
};
