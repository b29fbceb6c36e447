// SPDX-License-Identifier: Apache-2.0
#include "cli/data_sizes.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/json.h"
#include "report/format.h"
#include "report/table.h"

#include <stdlib.h>
#include <string.h>

enum { n_splits = 3, most_rows = 20 };

// One size and its images in each part.
typedef struct size_row {
    lw_image_size size;
    int64_t counts[n_splits], total;
} size_row;

typedef struct size_list {
    size_row *rows; // owned
    size_t count;
} size_list;

static int compare_sizes(const void *a, const void *b)
{
    const lw_image_size left = ((const size_row *)a)->size, right = ((const size_row *)b)->size;
    int64_t areas[2] = {(int64_t)left.height * left.width, (int64_t)right.height * right.width};
    if (areas[0] != areas[1]) return areas[0] < areas[1] ? -1 : 1;
    return (left.height > right.height) - (left.height < right.height);
}

// Most frequent first.
static int compare_totals(const void *a, const void *b)
{
    int64_t left = ((const size_row *)a)->total, right = ((const size_row *)b)->total;
    return left != right ? (left > right ? -1 : 1) : compare_sizes(a, b);
}

// One row an image, then equal ones become one.
static lw_status collect(size_list *list, const lw_data_splits *splits)
{
    size_t n = 0, kept = 0;
    for (int split = 0; split < n_splits; split++)
        if (lw_split_at(splits, split)) n += lw_dataset_size(lw_split_at(splits, split));
    *list = (size_list){.rows = calloc(n + 1, sizeof *list->rows)};
    if (!list->rows) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu sizes", n);
    n = 0;
    for (int split = 0; split < n_splits; split++) {
        const lw_dataset *part = lw_split_at(splits, split);
        for (size_t i = 0; part && i < lw_dataset_size(part); i++) {
            lw_sample sample = lw_dataset_get(part, i);
            list->rows[n] = (size_row){.size = {sample.height, sample.width}, .total = 1};
            list->rows[n++].counts[split] = 1;
        }
    }
    qsort(list->rows, n, sizeof *list->rows, compare_sizes);
    for (size_t i = 0; i < n; i++) {
        size_row *last = kept ? &list->rows[kept - 1] : NULL;
        if (!last || compare_sizes(last, &list->rows[i]) != 0) {
            list->rows[kept++] = list->rows[i];
            continue;
        }
        for (int split = 0; split < n_splits; split++)
            last->counts[split] += list->rows[i].counts[split];
        last->total++;
    }
    list->count = kept;
    return LW_OK;
}

static void add_row(lw_table *table, const size_row *row)
{
    lw_table_cell(table, LW_STYLE_PLAIN, "%dx%d", (int)row->size.height, (int)row->size.width);
    for (int split = 0; split < n_splits; split++)
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(row->counts[split]).text);
}

static void add_others(lw_table *table, const size_list *list)
{
    size_row others = {.total = 0};
    for (size_t i = most_rows; i < list->count; i++)
        for (int split = 0; split < n_splits; split++)
            others.counts[split] += list->rows[i].counts[split];
    lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s others",
                  lw_format_count((int64_t)(list->count - most_rows)).text);
    for (int split = 0; split < n_splits; split++)
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(others.counts[split]).text);
}

lw_status lw_data_sizes_print(const lw_data_splits *splits, const lw_output *output)
{
    size_list list;
    lw_table *table;
    LW_TRY(collect(&list, splits));
    lw_image_size smallest = list.rows[0].size, largest = list.rows[list.count - 1].size;
    lw_status status = lw_table_create(&table);
    if (!status) {
        if (list.count > most_rows) qsort(list.rows, list.count, sizeof *list.rows, compare_totals);
        lw_table_column(table, LW_ALIGN_LEFT, "height x width");
        for (int split = 0; split < n_splits; split++)
            lw_table_column(table, LW_ALIGN_RIGHT, lw_split_words[split]);
        for (size_t i = 0; i < list.count && i < most_rows; i++) add_row(table, &list.rows[i]);
        if (list.count > most_rows) add_others(table, &list);
        status = lw_table_print(table, output->result, &output->terminal, 0);
        lw_table_destroy(&table);
    }
    if (!status)
        fprintf(output->result, "%zu size%s from %dx%d to %dx%d, channels: %d\n", list.count,
                list.count == 1 ? "" : "s", (int)smallest.height, (int)smallest.width,
                (int)largest.height, (int)largest.width,
                (int)lw_dataset_get(splits->train, 0).channels);
    free(list.rows);
    return status;
}

cJSON *lw_data_sizes_json(const lw_data_splits *splits)
{
    size_list list;
    if (collect(&list, splits)) return NULL;
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < list.count; i++) {
        lw_json_object object = lw_json_object_begin();
        lw_json_add_count(&object, "height", list.rows[i].size.height);
        lw_json_add_count(&object, "width", list.rows[i].size.width);
        for (int split = 0; split < n_splits; split++)
            lw_json_add_count(&object, lw_split_words[split], list.rows[i].counts[split]);
        cJSON *item = lw_json_object_take(&object);
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
    }
    free(list.rows);
    return array;
}

// ---- which of them a network can take -----------------------------------------------------------

// "photos train, train/cat/a.png: the network takes ...".
static void describe_misfit(char *sentence, size_t sentence_bytes, const lw_dataset *part,
                            size_t index)
{
    char number[48], reason[600];
    const char *file = lw_dataset_file_name(part, index);
    snprintf(number, sizeof number, "sample %zu", index);
    snprintf(reason, sizeof reason, "%s", lw_error_message());
    snprintf(sentence, sentence_bytes, "%s, %s: %s", lw_dataset_name(part), file ? file : number,
             reason);
}

static lw_status add_problem(lw_data_splits *splits, const char *sentence)
{
    char **grown = realloc(splits->problems, (splits->n_problems + 1) * sizeof *splits->problems);
    if (grown) splits->problems = grown;
    char *copy = grown ? strdup(sentence) : NULL;
    if (!copy) return lw_fail(LW_ERROR_MEMORY, "no memory for a sentence");
    splits->problems[splits->n_problems++] = copy;
    return LW_OK;
}

// The positions that fit, in `fitting`; the first misfit's sentence, or all of them as problems.
static lw_status sort_out(lw_data_splits *splits, const lw_dataset *part, const lw_network *network,
                          bool skip_bad, uint32_t *fitting, size_t *n, char *first,
                          size_t first_bytes)
{
    lw_sample last = {.height = 0};
    bool last_fits = false;
    *n = 0;
    first[0] = '\0';
    for (size_t i = 0; i < lw_dataset_size(part); i++) {
        lw_sample sample = lw_dataset_get(part, i);
        bool same = sample.height == last.height && sample.width == last.width;
        if (!same || (!last_fits && skip_bad))
            last_fits =
                lw_network_infer(network, (lw_extent){sample.channels, sample.height, sample.width},
                                 NULL) == LW_OK;
        last = sample;
        if (last_fits) {
            fitting[(*n)++] = (uint32_t)i;
            continue;
        }
        if (skip_bad) {
            char sentence[1024];
            describe_misfit(sentence, sizeof sentence, part, i);
            LW_TRY(add_problem(splits, sentence));
        }
        if (!first[0]) describe_misfit(first, first_bytes, part, i);
    }
    return LW_OK;
}

static lw_status fit_part(lw_data_splits *splits, lw_dataset **part, const lw_network *network,
                          bool skip_bad)
{
    size_t size = lw_dataset_size(*part), n;
    char first[1024];
    uint32_t *fitting = malloc(size * sizeof *fitting);
    if (!fitting) return lw_fail(LW_ERROR_MEMORY, "no memory to choose %zu images", size);
    lw_status status = sort_out(splits, *part, network, skip_bad, fitting, &n, first, sizeof first);
    size_t others = size - n > 0 ? size - n - 1 : 0;
    if (!status && n < size && (!skip_bad || n == 0)) {
        if (others > 0)
            status = lw_fail(LW_ERROR_INPUT, "%s (and %zu more image%s)", first, others,
                             others == 1 ? "" : "s");
        else
            status = lw_fail(LW_ERROR_INPUT, "%s", first);
    } else if (!status && n < size) {
        lw_dataset *kept;
        status = lw_dataset_select(&kept, *part, fitting, n);
        if (!status) {
            lw_dataset_destroy(part);
            *part = kept;
        }
    }
    free(fitting);
    return status;
}

lw_status lw_data_fit(lw_data_splits *splits, const lw_network *network, bool skip_bad,
                      const lw_output *output)
{
    lw_dataset **const parts[] = {&splits->train, &splits->validation, &splits->test};
    size_t before = splits->n_problems;
    for (int split = 0; split < n_splits; split++)
        if (*parts[split]) LW_TRY(fit_part(splits, parts[split], network, skip_bad));
    if (splits->n_problems == before) return LW_OK;
    lw_data_splits added = {.problems = splits->problems + before,
                            .n_problems = splits->n_problems - before};
    lw_note_problems(&added, output);
    return LW_OK;
}
