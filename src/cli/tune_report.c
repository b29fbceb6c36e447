// SPDX-License-Identifier: Apache-2.0
#include "cli/tune_report.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/json.h"
#include "report/format.h"
#include "report/table.h"
#include "simd/kernels.h"

#include <lanewise/cpu.h>

#include <string.h>

// Microseconds with as many digits as say something: "0.844", "13.52", "1352".
static lw_short_text format_us(int64_t ns)
{
    lw_short_text text;
    const double us = (double)ns * 1e-3;
    snprintf(text.text, sizeof text.text, us < 1000.0 ? "%.4g" : "%.0f", us);
    return text;
}

// The tables fit a terminal of this many columns: the slowest others are left out until they do.
enum { most_columns = 100, most_others = LW_TUNED_MOST_TIMES };

// "unfold 41.2, naive 1207": the `most` fastest of the others, in microseconds.
static void describe_others(const lw_tuned_result *result, int most, char *text, size_t text_bytes)
{
    bool told[LW_TUNED_MOST_TIMES] = {false};
    text[0] = '\0';
    for (int n = 0; n < most; n++) {
        int next = -1;
        for (int i = 0; i < result->n_times; i++)
            if (!told[i] && result->times[i].algorithm != result->chosen &&
                (next < 0 || result->times[i].ns < result->times[next].ns))
                next = i;
        if (next < 0) return;
        told[next] = true;
        const size_t length = strlen(text);
        snprintf(text + length, text_bytes - length, "%s%s %s", length ? ", " : "",
                 lw_conv_algorithm_name(result->times[next].algorithm),
                 format_us(result->times[next].ns).text);
    }
}

static lw_tuned_result result_of(const lw_tune_problem *tuned)
{
    lw_tuned_result result = {.chosen = tuned->chosen};
    for (int i = 0; i < tuned->n_candidates; i++)
        if (tuned->candidates[i].ns > 0)
            result.times[result.n_times++] =
                (lw_tuned_time){tuned->candidates[i].algorithm, tuned->candidates[i].ns};
    return result;
}

// ---- tables -----------------------------------------------------------------------------------

static lw_status open_table(lw_table **table, bool with_threads)
{
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "problem");
    lw_table_column(*table, LW_ALIGN_LEFT, "pass");
    if (with_threads) lw_table_column(*table, LW_ALIGN_RIGHT, "threads");
    lw_table_column(*table, LW_ALIGN_LEFT, "chosen");
    lw_table_column(*table, LW_ALIGN_RIGHT, "us");
    lw_table_column(*table, LW_ALIGN_LEFT, "others");
    return LW_OK;
}

static void add_item(lw_table *table, const lw_tune_item *item, bool first, int n_others)
{
    const lw_tune_problem *tuned = &item->tuned;
    const lw_tuned_result result = result_of(tuned);
    char others[120];
    describe_others(&result, n_others, others, sizeof others);
    const char *name = item->problem->name;
    lw_table_cell(table, LW_STYLE_PLAIN, "%s%s%s", first ? name : "", first && name[0] ? " " : "",
                  first ? item->problem->text : "");
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_conv_pass_name(tuned->pass));
    lw_table_cell(table, LW_STYLE_PLAIN, "%d", tuned->threads);
    lw_table_cell(table, LW_STYLE_BOLD, "%s%s", lw_conv_algorithm_name(tuned->chosen),
                  tuned->chosen == tuned->before ? "" : "*");
    if (!tuned->measured) {
        lw_table_cell(table, LW_STYLE_DIM, "-");
        lw_table_cell(table, LW_STYLE_DIM, "not measured: takes about %.3g ms",
                      tuned->least_seconds * 1e3);
        return;
    }
    lw_table_cell(table, LW_STYLE_BOLD, "%s", format_us(lw_tuned_ns(&result, tuned->chosen)).text);
    lw_table_cell(table, LW_STYLE_DIM, "%s", others);
}

static lw_status fill_table(lw_table **table, const lw_tune_group *groups, size_t n, int n_others)
{
    LW_TRY(open_table(table, true));
    for (size_t g = 0; g < n; g++) {
        if (g > 0 && (groups[g].name[0] || groups[g - 1].name[0])) lw_table_rule(*table);
        for (size_t i = 0; i < groups[g].n_items; i++) {
            const lw_tune_item *item = &groups[g].items[i];
            add_item(*table, item, i == 0 || item->problem != item[-1].problem, n_others);
        }
    }
    return LW_OK;
}

static bool has_changed(const lw_tune_group *groups, size_t n)
{
    for (size_t g = 0; g < n; g++)
        for (size_t i = 0; i < groups[g].n_items; i++)
            if (groups[g].items[i].tuned.chosen != groups[g].items[i].tuned.before) return true;
    return false;
}

lw_status lw_tune_print(const lw_tune_group *groups, size_t n, const lw_output *output)
{
    lw_table *table;
    int n_others = most_others;
    LW_TRY(fill_table(&table, groups, n, n_others));
    while (lw_table_columns(table) > most_columns && n_others > 0) {
        lw_table_destroy(&table);
        LW_TRY(fill_table(&table, groups, n, --n_others));
    }
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    if (!status && has_changed(groups, n) && !output->quiet)
        fprintf(output->result, "* until now another one\n");
    lw_table_destroy(&table);
    return status;
}

// The words of an entry's key that the list shows.
typedef struct entry_words {
    char threads[16], problem[LW_CONV_PROBLEM_BYTES], pass[16], layout[16], fusion[48];
} entry_words;

static entry_words words_of(const lw_tuned_entry *entry)
{
    enum { threads = 3, problem, pass, layout, fusion };
    entry_words w = {"", "", "", "", ""};
    lw_tuned_key_field(entry->key, threads, w.threads, sizeof w.threads);
    lw_tuned_key_field(entry->key, problem, w.problem, sizeof w.problem);
    lw_tuned_key_field(entry->key, pass, w.pass, sizeof w.pass);
    lw_tuned_key_field(entry->key, layout, w.layout, sizeof w.layout);
    lw_tuned_key_field(entry->key, fusion, w.fusion, sizeof w.fusion);
    return w;
}

static void add_entry(lw_table *table, const lw_tuned_entry *entry, int n_others)
{
    char others[120];
    const entry_words w = words_of(entry);
    const bool fused = strcmp(w.fusion, LW_TUNED_PLAIN) != 0;
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", w.problem);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s%s%s", w.pass, fused ? "+" : "", fused ? w.fusion : "");
    describe_others(&entry->result, n_others, others, sizeof others);
    lw_table_cell(table, LW_STYLE_BOLD, "%s", lw_conv_algorithm_name(entry->result.chosen));
    lw_table_cell(table, LW_STYLE_BOLD, "%s",
                  format_us(lw_tuned_ns(&entry->result, entry->result.chosen)).text);
    lw_table_cell(table, LW_STYLE_DIM, "%s", others);
}

static bool same_section(const lw_tuned_entry *a, const lw_tuned_entry *b)
{
    const entry_words x = words_of(a), y = words_of(b);
    return lw_tuned_entry_is_ours(a) && lw_tuned_entry_is_ours(b) &&
           strcmp(x.threads, y.threads) == 0 && strcmp(x.layout, y.layout) == 0;
}

static lw_status fill_section(lw_table **table, const lw_tuned_table *list, size_t first,
                              int n_others)
{
    LW_TRY(open_table(table, false));
    for (size_t i = first; i < list->n; i++)
        if (same_section(&list->entries[i], &list->entries[first]))
            add_entry(*table, &list->entries[i], n_others);
    return LW_OK;
}

// Everything with the layout and number of threads of entry `first`, unless an entry before it had
// them.
static lw_status print_section(const lw_tuned_table *list, size_t first, const lw_output *output)
{
    for (size_t i = 0; i < first; i++)
        if (same_section(&list->entries[i], &list->entries[first])) return LW_OK;
    lw_table *table;
    int n_others = most_others;
    LW_TRY(fill_section(&table, list, first, n_others));
    while (lw_table_columns(table) > most_columns && n_others > 0) {
        lw_table_destroy(&table);
        LW_TRY(fill_section(&table, list, first, --n_others));
    }
    const entry_words w = words_of(&list->entries[first]);
    fprintf(output->result, "layout %s, %s thread%s, %s kernels\n", w.layout, w.threads,
            strcmp(w.threads, "1") == 0 ? "" : "s", lw_cpu_isa());
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    fprintf(output->result, "\n");
    lw_table_destroy(&table);
    return status;
}

// ---- JSON -------------------------------------------------------------------------------------

// An array of {algorithm, ms}.
static void add_times(lw_json_object *object, const lw_tuned_result *result)
{
    cJSON *times = cJSON_CreateArray();
    for (int i = 0; times && i < result->n_times; i++) {
        lw_json_object time = lw_json_object_begin();
        lw_json_add_text(&time, "algorithm", lw_conv_algorithm_name(result->times[i].algorithm));
        lw_json_add_number(&time, "ms", (double)result->times[i].ns * 1e-6);
        cJSON *item = lw_json_object_take(&time);
        if (item && cJSON_AddItemToArray(times, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(times);
        times = NULL;
    }
    lw_json_add_item(object, "times", times);
}

static cJSON *item_json(const lw_tune_item *item, const lw_tune_group *group)
{
    const lw_tune_problem *tuned = &item->tuned;
    const lw_tuned_result result = result_of(tuned);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", group->name);
    lw_json_add_text(&object, "name", item->problem->name);
    lw_json_add_text(&object, "problem", item->problem->text);
    lw_json_add_text(&object, "pass", lw_conv_pass_name(tuned->pass));
    lw_json_add_text(&object, "layout", lw_conv_layout_name(tuned->layout));
    lw_json_add_count(&object, "threads", tuned->threads);
    lw_json_add_flag(&object, "measured", tuned->measured);
    lw_json_add_text(&object, "chosen", lw_conv_algorithm_name(tuned->chosen));
    lw_json_add_text(&object, "before", lw_conv_algorithm_name(tuned->before));
    add_times(&object, &result);
    return lw_json_object_take(&object);
}

static cJSON *entry_json(const lw_tuned_entry *entry)
{
    static const char *const names[LW_TUNED_KEY_FIELDS] = {
        "cpu", "isa", "kernel_set", "threads", "problem", "pass", "layout", "fusion"};
    char field[LW_CONV_PROBLEM_BYTES];
    lw_json_object object = lw_json_object_begin();
    for (int i = 0; i < LW_TUNED_KEY_FIELDS; i++) {
        int64_t number;
        if (!lw_tuned_key_field(entry->key, i, field, sizeof field)) field[0] = '\0';
        const bool counts = strcmp(names[i], "kernel_set") == 0 || strcmp(names[i], "threads") == 0;
        if (counts && lw_parse_int64(field, &number))
            lw_json_add_count(&object, names[i], number);
        else
            lw_json_add_text(&object, names[i], field);
    }
    lw_json_add_text(&object, "chosen", lw_conv_algorithm_name(entry->result.chosen));
    add_times(&object, &entry->result);
    return lw_json_object_take(&object);
}

// Adds the item, which may be NULL; the array becomes NULL when something failed.
static void append(cJSON **array, cJSON *item)
{
    if (*array && item && cJSON_AddItemToArray(*array, item)) return;
    cJSON_Delete(item);
    cJSON_Delete(*array);
    *array = NULL;
}

lw_status lw_tune_print_json(const lw_tune_group *groups, size_t n, const char *path,
                             double budget_seconds)
{
    lw_json_object object = lw_json_object_begin();
    cJSON *items = cJSON_CreateArray();
    double seconds = 0.0;
    for (size_t g = 0; g < n; g++) {
        seconds += groups[g].seconds;
        for (size_t i = 0; i < groups[g].n_items; i++)
            append(&items, item_json(&groups[g].items[i], &groups[g]));
    }
    lw_json_add_text(&object, "file", path);
    lw_json_add_text(&object, "cpu", lw_cpu_name());
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_count(&object, "kernel_set", LW_KERNEL_SET_VERSION);
    lw_json_add_number(&object, "budget_seconds", budget_seconds);
    lw_json_add_number(&object, "seconds", seconds);
    lw_json_add_item(&object, "problems", items);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

lw_status lw_tune_print_list(const lw_tuned_table *table, const char *path, const lw_output *output)
{
    size_t n_listed = 0;
    cJSON *entries = output->json ? cJSON_CreateArray() : NULL;
    for (size_t i = 0; i < table->n; i++) {
        if (!lw_tuned_entry_is_ours(&table->entries[i])) continue;
        n_listed++;
        if (output->json)
            append(&entries, entry_json(&table->entries[i]));
        else
            LW_TRY(print_section(table, i, output));
    }
    if (!output->json) {
        lw_note(output, "%zu of the %zu measurements in %s are of this CPU and these kernels",
                n_listed, table->n, path);
        return LW_OK;
    }
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "file", path);
    lw_json_add_item(&object, "entries", entries);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}
