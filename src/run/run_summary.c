// SPDX-License-Identifier: Apache-2.0
#include "run/run_summary.h"

#include "base/error.h"
#include "base/file.h"
#include "run/json_fields.h"
#include "run/json_text.h"
#include "run/run_directory.h"
#include "run/run_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { path_bytes = 4096, json_limit = 64 << 20 };
static const double most = 1e15;

static lw_status no_memory(const char *path)
{
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory to read the run", path);
}

// Reads a file of the run. What a run directory always has and this one lacks is damage, not absence.
static lw_status read_file(const char *folder, const char *name, size_t limit, char *path,
                           char **bytes, size_t *count)
{
    int length = snprintf(path, path_bytes, "%s/%s", folder, name);
    if (length < 0 || length >= path_bytes)
        return lw_fail(LW_ERROR_INPUT, "the path of the run is too long");
    uint8_t *read;
    lw_status status = lw_file_read(path, limit, &read, count);
    if (status == LW_ERROR_NOT_FOUND)
        return lw_fail(LW_ERROR_INPUT, "%s: the run is damaged: it has no %s", folder, name);
    if (status) return status;
    *bytes = (char *)read;
    return LW_OK;
}

static lw_status read_json(const char *folder, const char *name, char *path, cJSON **json)
{
    char *bytes = NULL;
    size_t count = 0;
    LW_TRY(read_file(folder, name, json_limit, path, &bytes, &count));
    *json = lw_json_parse(bytes, count);
    free(bytes);
    if (cJSON_IsObject(*json)) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: the file is damaged: expected a JSON object", path);
}

// ---- config.json ------------------------------------------------------------------------------

static lw_status read_config(lw_run_summary *run)
{
    char path[path_bytes];
    LW_TRY(read_json(run->path, LW_RUN_CONFIG_FILE, path, &run->config));
    lw_json_fields fields = {.file = path};
    const cJSON *config = run->config;
    run->version = lw_json_text(&fields, config, "version");
    // Files from before there was this key have the first format.
    const double format = lw_json_number_or_nan(&fields, config, "format", 1, most);
    if (!fields.status && format > LW_RUN_FORMAT)
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "%s: written by lanewise %s in a format (%g) that is newer than this "
                       "program's (%d)",
                       path, run->version, format, LW_RUN_FORMAT);
    run->network = lw_json_text(&fields, config, "network");
    run->parameters = lw_json_count(&fields, config, "parameters", 1, (int64_t)most);
    const cJSON *training = lw_json_object_in(&fields, config, "training");
    run->seed = (uint64_t)lw_json_number(&fields, training, "seed", 0, 18446744073709549568.0);
    run->threads = (int32_t)lw_json_count(&fields, training, "threads", 1, 1 << 20);
    const cJSON *data = lw_json_object_in(&fields, config, "data");
    run->data = lw_json_text(&fields, data, "name");
    run->train_images = lw_json_count(&fields, data, "train_images", 1, (int64_t)most);
    run->validation_images = lw_json_count(&fields, data, "validation_images", 0, (int64_t)most);
    run->test_images = lw_json_count(&fields, data, "test_images", 0, (int64_t)most);
    const cJSON *machine = lw_json_object_in(&fields, config, "machine");
    run->cpu = lw_json_text(&fields, machine, "cpu");
    run->isa = lw_json_text(&fields, machine, "isa");
    return fields.status;
}

// ---- metrics.json -----------------------------------------------------------------------------

static lw_run_part read_part(lw_json_fields *fields, const cJSON *metrics, const char *accuracy,
                             const char *loss)
{
    return (lw_run_part){.accuracy = lw_json_number_or_nan(fields, metrics, accuracy, 0, 1),
                         .loss = lw_json_number_or_nan(fields, metrics, loss, 0, INFINITY)};
}

static void read_class_names(lw_run_summary *run, lw_json_fields *fields)
{
    const cJSON *names = lw_json_array_in(fields, run->metrics, "classes"), *name;
    const int n = cJSON_GetArraySize(names);
    if (fields->status) return;
    if (n < 1 || n > LW_METRICS_MAX_CLASSES) {
        lw_json_fields_fail(fields, "classes", "the names of 1 to 1024 classes", names);
        return;
    }
    run->class_names = calloc((size_t)n, sizeof *run->class_names);
    if (!run->class_names) {
        fields->status = no_memory(run->path);
        return;
    }
    int32_t i = 0;
    cJSON_ArrayForEach(name, names)
    {
        if (!cJSON_IsString(name)) {
            lw_json_fields_fail(fields, "classes", "an array of texts", name);
            return;
        }
        run->class_names[i++] = name->valuestring;
    }
}

static void read_row(lw_json_fields *fields, const cJSON *row, int32_t classes, int64_t *counts)
{
    int32_t i = 0;
    const cJSON *item;
    bool good = cJSON_IsArray(row);
    cJSON_ArrayForEach(item, row)
    {
        good = good && i < classes && cJSON_IsNumber(item) && item->valuedouble >= 0 &&
               item->valuedouble <= most;
        if (!good) break;
        counts[i++] = (int64_t)item->valuedouble;
    }
    if (!good || i != classes)
        lw_json_fields_fail(fields, "confusion", "a row of counts, one for each class", row);
}

// The matrix must be that of the test images: as many, and as many of them right.
static void check_confusion(lw_run_summary *run, lw_json_fields *fields)
{
    lw_metrics *matrix = &run->confusion;
    for (int32_t i = 0; i < matrix->classes; i++) {
        for (int32_t k = 0; k < matrix->classes; k++)
            matrix->count += matrix->confusion[i * matrix->classes + k];
        matrix->correct += matrix->confusion[i * matrix->classes + i];
    }
    matrix->loss = run->test.loss;
    if (!fields->status && matrix->count != run->test_images)
        fields->status =
            lw_fail(LW_ERROR_INPUT, "%s: confusion: expected %lld test images in all, found %lld",
                    fields->file, (long long)run->test_images, (long long)matrix->count);
}

static void read_confusion(lw_run_summary *run, lw_json_fields *fields)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(run->metrics, "confusion"), *row;
    if (!rows || fields->status) return;
    const int32_t classes =
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(run->metrics, "classes"));
    if (!cJSON_IsArray(rows) || cJSON_GetArraySize(rows) != classes) {
        lw_json_fields_fail(fields, "confusion", "a row for each class", rows);
        return;
    }
    lw_status status = lw_metrics_create(&run->confusion, classes);
    if (status) {
        fields->status = status;
        return;
    }
    int32_t i = 0;
    cJSON_ArrayForEach(row, rows)
        read_row(fields, row, classes, run->confusion.confusion + (size_t)classes * (size_t)i++);
    check_confusion(run, fields);
}

static void read_sizes(lw_run_summary *run, lw_json_fields *fields)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(run->metrics, "test_sizes"), *row;
    if (!rows || fields->status) return;
    run->sizes = calloc((size_t)cJSON_GetArraySize(rows) + 1, sizeof *run->sizes);
    if (!run->sizes) {
        fields->status = no_memory(run->path);
        return;
    }
    cJSON_ArrayForEach(row, rows)
    {
        lw_size_metrics *size = &run->sizes[run->n_sizes++];
        size->height = (int32_t)lw_json_count(fields, row, "height", 1, 1 << 20);
        size->width = (int32_t)lw_json_count(fields, row, "width", 1, 1 << 20);
        size->count = lw_json_count(fields, row, "images", 1, (int64_t)most);
        size->correct = lw_json_count(fields, row, "correct", 0, size->count);
        size->loss = lw_json_number_or_nan(fields, row, "loss", 0, INFINITY);
    }
}

static void copy_text(char *to, size_t bytes, const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    snprintf(to, bytes, "%s", cJSON_IsString(item) ? item->valuestring : "");
}

static void read_times(lw_run_summary *run, lw_json_fields *fields)
{
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(run->metrics, "time"), *row;
    if (!time || fields->status) return;
    run->peak_gflops = lw_json_number(fields, time, "peak_gflops", 0, most);
    const cJSON *rows = lw_json_array_in(fields, time, "rows");
    run->times = calloc((size_t)cJSON_GetArraySize(rows) + 1, sizeof *run->times);
    if (!run->times) {
        fields->status = no_memory(run->path);
        return;
    }
    cJSON_ArrayForEach(row, rows)
    {
        lw_train_time *to = &run->times[run->n_times++];
        copy_text(to->layer, sizeof to->layer, row, "layer");
        copy_text(to->work, sizeof to->work, row, "work");
        copy_text(to->pass, sizeof to->pass, row, "pass");
        copy_text(to->algorithm, sizeof to->algorithm, row, "algorithm");
        to->seconds = lw_json_number(fields, row, "seconds", 0, most);
        const double gflops = lw_json_number_or_nan(fields, row, "gflops", 0, INFINITY);
        to->flops = isfinite(gflops) ? gflops * 1e9 * to->seconds : 0;
    }
}

static lw_status read_metrics(lw_run_summary *run)
{
    char path[path_bytes];
    LW_TRY(read_json(run->path, LW_RUN_METRICS_FILE, path, &run->metrics));
    lw_json_fields fields = {.file = path};
    const cJSON *metrics = run->metrics;
    run->train = read_part(&fields, metrics, "train_accuracy", "train_loss");
    run->validation = read_part(&fields, metrics, "validation_accuracy", "validation_loss");
    run->test = read_part(&fields, metrics, "test_accuracy", "test_loss");
    run->seconds = lw_json_number(&fields, metrics, "seconds", 0, most);
    run->images_per_second = lw_json_number(&fields, metrics, "images_per_second", 0, INFINITY);
    read_class_names(run, &fields);
    read_confusion(run, &fields);
    read_sizes(run, &fields);
    read_times(run, &fields);
    return fields.status;
}

// ---- log.jsonl --------------------------------------------------------------------------------

static lw_status read_log(lw_run_summary *run)
{
    char path[path_bytes];
    char *bytes = NULL;
    size_t count = 0;
    LW_TRY(read_file(run->path, LW_RUN_LOG_FILE, LW_RUN_LOG_LIMIT, path, &bytes, &count));
    const lw_status status = lw_run_log_parse(&run->epochs, &run->n_epochs, path, bytes, count);
    free(bytes);
    return status;
}

// ---- the whole --------------------------------------------------------------------------------

static lw_status read_all(lw_run_summary *run, const char *path)
{
    char model[path_bytes], network[path_bytes];
    size_t length;
    LW_TRY(lw_run_find_model(path, model, sizeof model));
    if (!lw_file_is_folder(path))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a run directory, found a model file", path);
    run->path = strdup(path);
    if (!run->path) return no_memory(path);
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) run->path[n - 1] = '\0';
    LW_TRY(read_file(run->path, LW_RUN_NETWORK_FILE, json_limit, network, &run->network_text,
                     &length));
    LW_TRY(read_config(run));
    LW_TRY(read_metrics(run));
    return read_log(run);
}

lw_status lw_run_summary_read(lw_run_summary **summary, const char *path)
{
    *summary = calloc(1, sizeof **summary);
    if (!*summary) return no_memory(path);
    lw_status status = read_all(*summary, path);
    if (status) lw_run_summary_destroy(summary);
    return status;
}

void lw_run_summary_destroy(lw_run_summary **summary)
{
    if (!summary || !*summary) return;
    lw_run_summary *run = *summary;
    lw_metrics_destroy(&run->confusion);
    free(run->class_names);
    free(run->epochs);
    free(run->sizes);
    free(run->times);
    cJSON_Delete(run->config);
    cJSON_Delete(run->metrics);
    free(run->network_text);
    free(run->path);
    free(run);
    *summary = NULL;
}
