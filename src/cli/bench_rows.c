// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_rows.h"

#include "base/error.h"
#include "cli/json.h"

#include <lanewise/cpu.h>
#include <lanewise/version.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static lw_bench_row *append_row(lw_bench_rows *rows)
{
    if (rows->n == rows->capacity) {
        size_t capacity = 2 * rows->capacity + 64;
        lw_bench_row *grown = realloc(rows->rows, capacity * sizeof *grown);
        if (!grown) {
            lw_fail(LW_ERROR_MEMORY, "no memory for %zu measurements", capacity);
            return NULL;
        }
        rows->rows = grown;
        rows->capacity = capacity;
    }
    lw_bench_row *row = &rows->rows[rows->n++];
    *row = (lw_bench_row){.peak_share = NAN, .speedup_over_naive = NAN};
    return row;
}

void lw_bench_rows_free(lw_bench_rows *rows)
{
    free(rows->rows);
    *rows = (lw_bench_rows){0};
}

lw_status lw_bench_rows_add(lw_bench_rows *rows, const lw_problem *problem, lw_conv_layout layout,
                            const lw_bench_result *results, int n_results)
{
    for (int i = 0; i < n_results; i++) {
        const lw_bench_result *result = &results[i];
        lw_bench_row *row = append_row(rows);
        if (!row) return LW_ERROR_MEMORY;
        snprintf(row->problem, sizeof row->problem, "%s", problem->text);
        snprintf(row->name, sizeof row->name, "%s", problem->name);
        snprintf(row->pass, sizeof row->pass, "%s", lw_conv_pass_name(result->pass));
        snprintf(row->algorithm, sizeof row->algorithm, "%s",
                 lw_conv_algorithm_name(result->algorithm));
        snprintf(row->kernel, sizeof row->kernel, "%s", result->kernel);
        snprintf(row->isa, sizeof row->isa, "%s", lw_cpu_isa());
        snprintf(row->layout, sizeof row->layout, "%s", lw_conv_layout_name(layout));
        if (!result->possible) snprintf(row->reason, sizeof row->reason, "%s", result->reason);
        row->threads = result->threads;
        row->repetitions = result->repetitions;
        row->images = result->images;
        row->dense_equivalent = result->dense_equivalent;
        row->ms = 1e3 * result->seconds;
        row->low_ms = 1e3 * result->low_seconds;
        row->high_ms = 1e3 * result->high_seconds;
        row->cold_ms = 1e3 * result->cold_seconds;
        row->gflops = lw_bench_gflops(&problem->shape, result->seconds);
        const lw_bench_result *naive = lw_bench_naive(results, n_results, result->pass);
        if (naive && result->seconds > 0.0)
            row->speedup_over_naive = naive->seconds / result->seconds;
    }
    return LW_OK;
}

void lw_bench_rows_set_peak(lw_bench_rows *rows, int32_t threads, double gflops)
{
    lw_bench_peak *peak = &rows->peaks[rows->n_peaks++];
    snprintf(peak->isa, sizeof peak->isa, "%s", lw_cpu_isa());
    peak->threads = threads;
    peak->gflops = gflops;
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->rows[i].isa, peak->isa) == 0 && gflops > 0.0)
            rows->rows[i].peak_share = rows->rows[i].gflops / gflops;
}

// ---- JSON ---------------------------------------------------------------------------------------

static cJSON *measurement_json(const lw_bench_row *row)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "problem", row->problem);
    lw_json_add_text(&object, "name", row->name);
    lw_json_add_text(&object, "pass", row->pass);
    lw_json_add_text(&object, "algorithm", row->algorithm);
    lw_json_add_text(&object, "layout", row->layout);
    if (row->reason[0]) {
        lw_json_add_text(&object, "isa", row->isa);
        lw_json_add_text(&object, "reason", row->reason);
        return lw_json_object_take(&object);
    }
    lw_json_add_text(&object, "kernel", row->kernel);
    lw_json_add_text(&object, "isa", row->isa);
    lw_json_add_count(&object, "threads", row->threads);
    lw_json_add_number(&object, "ms", row->ms);
    lw_json_add_number(&object, "low_ms", row->low_ms);
    lw_json_add_number(&object, "high_ms", row->high_ms);
    lw_json_add_count(&object, "repetitions", row->repetitions);
    lw_json_add_number(&object, "gflops", row->gflops);
    lw_json_add_flag(&object, "dense_equivalent", row->dense_equivalent);
    lw_json_add_number(&object, "peak_share", row->peak_share);
    lw_json_add_number(&object, "speedup_over_naive", row->speedup_over_naive);
    lw_json_add_number(&object, "cold_ms", row->cold_ms);
    lw_json_add_count(&object, "images", row->images);
    return lw_json_object_take(&object);
}

// The rows that were measured, or those that were not.
static cJSON *list_json(const lw_bench_rows *rows, bool measured)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < rows->n; i++) {
        if ((rows->rows[i].reason[0] == '\0') != measured) continue;
        cJSON *item = measurement_json(&rows->rows[i]);
        if (item && cJSON_AddItemToArray(list, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(list);
        list = NULL;
    }
    return list;
}

static cJSON *peaks_json(const lw_bench_rows *rows)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < rows->n_peaks; i++) {
        lw_json_object object = lw_json_object_begin();
        lw_json_add_text(&object, "isa", rows->peaks[i].isa);
        lw_json_add_count(&object, "threads", rows->peaks[i].threads);
        lw_json_add_number(&object, "gflops", rows->peaks[i].gflops);
        cJSON *item = lw_json_object_take(&object);
        if (item && cJSON_AddItemToArray(list, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(list);
        list = NULL;
    }
    return list;
}

cJSON *lw_bench_rows_json(const lw_bench_rows *rows)
{
    lw_json_object machine = lw_json_object_begin();
    lw_json_add_text(&machine, "cpu", lw_cpu_name());
    lw_json_add_text(&machine, "isa", lw_cpu_isa());
    lw_json_add_count(&machine, "threads", lw_cpu_threads());
    lw_json_object versions = lw_json_object_begin();
    lw_json_add_text(&versions, "lanewise", lw_version());
#ifdef LW_HAVE_ONEDNN
    lw_json_add_text(&versions, "onednn", LW_ONEDNN_VERSION);
#endif
    lw_json_object object = lw_json_object_begin();
    lw_json_add_item(&object, "machine", lw_json_object_take(&machine));
    lw_json_add_item(&object, "versions", lw_json_object_take(&versions));
    lw_json_add_text(&object, "compiler", lw_build_info());
    lw_json_add_item(&object, "peak", peaks_json(rows));
    lw_json_add_item(&object, "measurements", list_json(rows, true));
    lw_json_add_item(&object, "skipped", list_json(rows, false));
    return lw_json_object_take(&object);
}

static void get_text(const cJSON *object, const char *key, char *text, size_t text_bytes)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    snprintf(text, text_bytes, "%s", value ? value : "");
}

// NaN for null and for what is not there.
static double get_number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static int32_t get_count(const cJSON *object, const char *key)
{
    double number = get_number(object, key);
    return number >= 0 && number <= INT32_MAX ? (int32_t)number : 0;
}

static lw_status add_row_json(lw_bench_rows *rows, const cJSON *item)
{
    lw_bench_row *row = append_row(rows);
    if (!row) return LW_ERROR_MEMORY;
    get_text(item, "problem", row->problem, sizeof row->problem);
    get_text(item, "name", row->name, sizeof row->name);
    get_text(item, "pass", row->pass, sizeof row->pass);
    get_text(item, "algorithm", row->algorithm, sizeof row->algorithm);
    get_text(item, "kernel", row->kernel, sizeof row->kernel);
    get_text(item, "isa", row->isa, sizeof row->isa);
    get_text(item, "layout", row->layout, sizeof row->layout);
    get_text(item, "reason", row->reason, sizeof row->reason);
    row->threads = get_count(item, "threads");
    row->repetitions = get_count(item, "repetitions");
    row->images = get_count(item, "images");
    row->dense_equivalent =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "dense_equivalent"));
    row->ms = get_number(item, "ms");
    row->low_ms = get_number(item, "low_ms");
    row->high_ms = get_number(item, "high_ms");
    row->cold_ms = get_number(item, "cold_ms");
    row->gflops = get_number(item, "gflops");
    row->peak_share = get_number(item, "peak_share");
    row->speedup_over_naive = get_number(item, "speedup_over_naive");
    return LW_OK;
}

lw_status lw_bench_rows_add_json(lw_bench_rows *rows, const cJSON *json)
{
    static const char *const lists[] = {"measurements", "skipped"};
    const cJSON *peaks = cJSON_GetObjectItemCaseSensitive(json, "peak"), *item;
    if (cJSON_GetArraySize(peaks) != 1 || rows->n_peaks == LW_MOST_ISAS)
        return lw_fail(LW_ERROR_INTERNAL, "the run of another instruction set has no result");
    item = cJSON_GetArrayItem(peaks, 0);
    lw_bench_peak *peak = &rows->peaks[rows->n_peaks++];
    get_text(item, "isa", peak->isa, sizeof peak->isa);
    peak->threads = get_count(item, "threads");
    peak->gflops = get_number(item, "gflops");
    for (size_t i = 0; i < LW_COUNT(lists); i++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, lists[i]);
        cJSON_ArrayForEach(item, list) LW_TRY(add_row_json(rows, item));
    }
    return LW_OK;
}
