// SPDX-License-Identifier: Apache-2.0
// `lanewise track history` and `track changes`: a benchmark's course, and where it changed.
#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/track_history.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Opens the history and reads the series that the filter (a part of the name) leaves.
typedef lw_status (*visit_series)(void *user, const lw_series *series);

static lw_status each_series(lw_store *store, int64_t machine, const char *part, visit_series visit,
                             void *user)
{
    lw_store_name *names;
    size_t n;
    LW_TRY(lw_store_names(store, machine, &names, &n));
    lw_status status = LW_OK;
    for (size_t i = 0; i < n && !status; i++) {
        if (part && !strstr(names[i].name, part)) continue;
        lw_series series;
        status = lw_series_read(&series, store, machine, names[i].name, names[i].unit);
        if (status) break;
        status = visit(user, &series);
        lw_series_free(&series);
    }
    lw_store_free_names(names, n);
    return status;
}

static lw_status open_history(lw_store **store, int64_t *machine, const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    LW_TRY(lw_store_open(store, settings->history, LW_STORE_READ));
    const lw_status status =
        lw_history_choose_machine(machine, *store, settings, &invocation->output);
    if (status) lw_store_close(store);
    return status;
}

static double change_in_percent(const lw_change *change)
{
    return 100 * (change->after / change->before - 1);
}

// "abc..def": the last run that surely is of the old level, and the first that surely is of the new.
static void print_range(char text[static 72], const lw_series *series, const lw_change *change)
{
    char from[32], to[32];
    lw_point_name(from, &series->points[change->first - 1]);
    lw_point_name(to, &series->points[change->last]);
    snprintf(text, 72, "%s..%s", from, to);
}

static cJSON *change_json(const lw_series *series, const lw_change *change)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", series->name);
    lw_json_add_text(&object, "unit", series->unit);
    lw_json_add_text(&object, "commit", series->points[change->index].commit);
    lw_json_add_text(&object, "previous_commit", series->points[change->index - 1].commit);
    lw_json_add_text(&object, "range_from", series->points[change->first - 1].commit);
    lw_json_add_text(&object, "range_to", series->points[change->last].commit);
    lw_json_add_count(&object, "run", series->points[change->index].run);
    lw_json_add_number(&object, "before", change->before);
    lw_json_add_number(&object, "after", change->after);
    lw_json_add_number(&object, "ratio", change->after / change->before);
    lw_json_add_number(&object, "p", change->p);
    return lw_json_object_take(&object);
}

// ---- history ----------------------------------------------------------------------------------

static lw_status print_points(const lw_series *series, const lw_output *output)
{
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    static const char *const titles[] = {"commit", "date",   "median", "quartiles",
                                         "n",      "kernel", ""};
    for (size_t i = 0; i < LW_COUNT(titles); i++)
        lw_table_column(table, i >= 2 && i <= 4 ? LW_ALIGN_RIGHT : LW_ALIGN_LEFT, titles[i]);
    size_t next = 0;
    for (size_t i = 0; i < series->n; i++) {
        const lw_store_point *point = &series->points[i];
        char name[32], value[40], low[40], high[40], day[32] = "-";
        const time_t seconds = (time_t)point->time;
        struct tm parts;
        if (gmtime_r(&seconds, &parts)) strftime(day, sizeof day, "%Y-%m-%d %H:%M", &parts);
        lw_point_name(name, point);
        lw_series_print_value(value, point->median, series->unit);
        lw_series_print_value(low, point->low, series->unit);
        lw_series_print_value(high, point->high, series->unit);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", name);
        lw_table_cell(table, LW_STYLE_DIM, "%s", day);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", value);
        lw_table_cell(table, LW_STYLE_DIM, "%s to %s", low, high);
        lw_table_cell(table, LW_STYLE_DIM, "%zu", point->n);
        lw_table_cell(table, LW_STYLE_DIM, "%.20s", point->label);
        if (next < series->n_changes && series->changes[next].index == i) {
            const double change = change_in_percent(&series->changes[next++]);
            const bool worse = (change > 0) == lw_series_less_is_better(series);
            lw_table_cell(table, worse ? LW_STYLE_BAD : LW_STYLE_GOOD, "%+.1f %%", change);
        } else {
            lw_table_cell(table, LW_STYLE_PLAIN, "%s", "");
        }
    }
    const lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    return status;
}

static cJSON *series_json(const lw_series *series)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", series->name);
    lw_json_add_text(&object, "unit", series->unit);
    cJSON *points = cJSON_CreateArray(), *changes = cJSON_CreateArray();
    for (size_t i = 0; points && i < series->n; i++) {
        const lw_store_point *point = &series->points[i];
        lw_json_object item = lw_json_object_begin();
        lw_json_add_text(&item, "commit", point->commit);
        lw_json_add_count(&item, "run", point->run);
        lw_json_add_count(&item, "time", point->time);
        lw_json_add_number(&item, "median", point->median);
        lw_json_add_number(&item, "low", point->low);
        lw_json_add_number(&item, "high", point->high);
        lw_json_add_count(&item, "repetitions", (int64_t)point->n);
        lw_json_add_text(&item, "label", point->label);
        cJSON_AddItemToArray(points, lw_json_object_take(&item));
    }
    for (size_t i = 0; changes && i < series->n_changes; i++)
        cJSON_AddItemToArray(changes, change_json(series, &series->changes[i]));
    lw_json_add_item(&object, "points", points);
    lw_json_add_item(&object, "changes", changes);
    return lw_json_object_take(&object);
}

static lw_status write_chart(const lw_series *series, const char *path)
{
    lw_text out = {0};
    lw_series_draw(&out, series);
    const lw_status status = out.failed ? lw_fail(LW_ERROR_MEMORY, "no memory for the chart")
                                        : lw_file_write(path, out.bytes, out.length);
    lw_text_free(&out);
    return status;
}

typedef struct wanted {
    const char *name;
    char *found; // the only name that contains it, or that is it; owned
    size_t n;
    lw_text others;
} wanted;

static lw_status find_name(wanted *w, char unit[static 32], lw_store *store, int64_t machine)
{
    lw_store_name *names;
    size_t n;
    LW_TRY(lw_store_names(store, machine, &names, &n));
    for (size_t i = 0; i < n; i++) {
        const bool exact = strcmp(names[i].name, w->name) == 0;
        if (!exact && !strstr(names[i].name, w->name)) continue;
        if (w->n++ < 5) lw_text_print(&w->others, "%s%s", w->n > 1 ? ", " : "", names[i].name);
        free(w->found);
        w->found = strdup(names[i].name);
        snprintf(unit, 32, "%s", names[i].unit);
        if (!exact) continue;
        w->n = 1;
        break;
    }
    lw_store_free_names(names, n);
    if (w->n == 0)
        return lw_fail(LW_ERROR_INPUT, "%s: the history has no benchmark of that name here",
                       w->name);
    if (w->n > 1)
        return lw_fail(LW_ERROR_INPUT, "%s: %zu benchmarks have that in their names: %s%s", w->name,
                       w->n, w->others.bytes ? w->others.bytes : "", w->n > 5 ? ", ..." : "");
    return w->found ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for a name");
}

static lw_status show_series(const lw_series *series, const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    const lw_output *output = &invocation->output;
    if (settings->svg) {
        const char *path = settings->svg[0] ? settings->svg : "history.svg";
        LW_TRY(write_chart(series, path));
        lw_note(output, "wrote %s", path);
    }
    if (output->json) return lw_json_finish(series_json(series), stdout);
    fprintf(output->result, "%s\n", series->name);
    return print_points(series, output);
}

static lw_status run_track_history(const lw_invocation *invocation)
{
    lw_store *store;
    int64_t machine;
    char unit[32];
    wanted w = {.name = invocation->arguments->operands[0]};
    LW_TRY(open_history(&store, &machine, invocation));
    lw_status status = find_name(&w, unit, store, machine);
    if (!status) {
        lw_series series;
        status = lw_series_read(&series, store, machine, w.found, unit);
        if (!status) {
            status = show_series(&series, invocation);
            lw_series_free(&series);
        }
    }
    free(w.found);
    lw_text_free(&w.others);
    lw_store_close(&store);
    return status;
}

// ---- changes ----------------------------------------------------------------------------------

typedef struct change_list {
    lw_table *table;
    cJSON *json;
    size_t n, series;
} change_list;

static lw_status add_changes(void *user, const lw_series *series)
{
    change_list *list = user;
    list->series++;
    for (size_t i = 0; i < series->n_changes; i++) {
        const lw_change *change = &series->changes[i];
        const bool worse = (change->after > change->before) == lw_series_less_is_better(series);
        char range[72], name[64], value[40];
        cJSON_AddItemToArray(list->json, change_json(series, change));
        list->n++;
        print_range(range, series, change);
        lw_series_print_value(value, change->after, series->unit);
        snprintf(name, sizeof name, "%.44s", series->name);
        lw_table_cell(list->table, LW_STYLE_PLAIN, "%s", name);
        lw_table_cell(list->table, worse ? LW_STYLE_BAD : LW_STYLE_GOOD, "%+.1f %%",
                      change_in_percent(change));
        lw_table_cell(list->table, LW_STYLE_PLAIN, "%s", value);
        lw_table_cell(list->table, LW_STYLE_PLAIN, "%s", range);
        if (change->p < 0.0005)
            lw_table_cell(list->table, LW_STYLE_DIM, "> 99.9 %%");
        else
            lw_table_cell(list->table, LW_STYLE_DIM, "%.1f %%", 100 * (1 - change->p));
    }
    return LW_OK;
}

static lw_status finish_changes(change_list *list, const lw_output *output)
{
    if (output->json) {
        cJSON *json = list->json;
        list->json = NULL;
        return lw_json_finish(json, stdout);
    }
    if (list->n) LW_TRY(lw_table_print(list->table, output->result, &output->terminal, 0));
    if (!output->quiet || !list->n)
        fprintf(output->result, "%zu change%s in %zu series\n", list->n, list->n == 1 ? "" : "s",
                list->series);
    return LW_OK;
}

static lw_status run_track_changes(const lw_invocation *invocation)
{
    const lw_option_result *arguments = invocation->arguments;
    lw_store *store;
    int64_t machine;
    change_list list = {.json = cJSON_CreateArray()};
    lw_status status = list.json ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the changes");
    if (!status) status = lw_table_create(&list.table);
    if (!status) {
        static const char *const titles[] = {"benchmark", "change", "now", "between", "sure"};
        for (size_t i = 0; i < LW_COUNT(titles); i++)
            lw_table_column(list.table, i == 1 || i == 2 ? LW_ALIGN_RIGHT : LW_ALIGN_LEFT,
                            titles[i]);
        status = open_history(&store, &machine, invocation);
        if (!status) {
            status =
                each_series(store, machine, arguments->n_operands ? arguments->operands[0] : NULL,
                            add_changes, &list);
            lw_store_close(&store);
        }
        if (!status) status = finish_changes(&list, &invocation->output);
        lw_table_destroy(&list.table);
    }
    cJSON_Delete(list.json);
    return status;
}

static const lw_option history_options[] = {
    {.name = "svg",
     .kind = LW_OPTION_OPTIONAL,
     .offset = offsetof(lw_history_settings, svg),
     .value_name = "FILE.svg",
     .suffix = ".svg",
     .help = "draw a line chart too; without a file: history.svg"},
};

const lw_command lw_command_track_history = {
    .name = "track history",
    .summary = "the course of one benchmark, run by run",
    .operands = "NAME",
    .description = "Prints every run of a benchmark on this machine: commit, date, median and "
                   "quartiles of the repetitions, and the changes of its level. NAME may be a part "
                   "of the name.",
    .examples = "  lanewise track history fixed/step\n"
                "  lanewise track history fixed/step --svg step.svg\n"
                "  lanewise track history 'record/test accuracy' --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {history_options, lw_history_option_table, lw_output_option_table},
                .counts = {LW_COUNT(history_options), LW_N_HISTORY_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(lw_history_settings),
    .run = run_track_history,
};

const lw_command lw_command_track_changes = {
    .name = "track changes",
    .summary = "where benchmarks changed for good, by how much, how sure",
    .operands = "[PART-OF-A-NAME]",
    .description =
        "Looks through the history of every benchmark on this machine for runs from which on the "
        "level is another one: by how much, between which commits, and how sure that is. A level "
        "holds for three runs at least, so single outliers are no changes, and the last two runs "
        "are not judged yet. The same history always gives the same answer.",
    .examples = "  lanewise track changes\n"
                "  lanewise track changes conv2 --json\n",
    .least_operands = 0,
    .most_operands = 1,
    .options = {.tables = {lw_history_option_table, lw_output_option_table},
                .counts = {LW_N_HISTORY_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(lw_history_settings),
    .run = run_track_changes,
};
