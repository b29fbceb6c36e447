// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "track/statistics.h"
#include "track/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A growing array: room for one more item at its end, zeroed; NULL without memory.
static void *grow(void **items, size_t n, size_t item_bytes)
{
    // Powers of two: growing is needed only when n is one (or none).
    if ((n & (n - 1)) == 0) {
        void *grown = realloc(*items, (n ? 2 * n : 1) * item_bytes);
        if (!grown) return NULL;
        *items = grown;
    }
    void *item = (char *)*items + n * item_bytes;
    memset(item, 0, item_bytes);
    return item;
}

static lw_status fail_memory(const lw_store *store)
{
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory for what is in it", store->database->path);
}

static void read_machine(lw_machine *machine, sqlite3_stmt *statement, int column)
{
    lw_database_copy_text(machine->cpu, sizeof machine->cpu, statement, column);
    lw_database_copy_text(machine->isa, sizeof machine->isa, statement, column + 1);
    lw_database_copy_text(machine->system, sizeof machine->system, statement, column + 2);
    lw_database_copy_text(machine->name, sizeof machine->name, statement, column + 3);
    machine->processors = sqlite3_column_int(statement, column + 4);
    machine->memory_gib = sqlite3_column_int64(statement, column + 5);
}

lw_status lw_store_machines(lw_store *store, lw_store_machine **machines, size_t *n)
{
    sqlite3_stmt *statement;
    bool row = true;
    *machines = NULL;
    *n = 0;
    LW_TRY(
        lw_database_prepare(store->database, &statement,
                            "SELECT m.id, count(*), cpu, isa, system, name, processors, memory_gib "
                            "FROM machines m JOIN runs r ON r.machine = m.id GROUP BY m.id "
                            "ORDER BY max(r.id) DESC"));
    lw_status status = LW_OK;
    while (!(status = lw_database_step(store->database, statement, &row)) && row) {
        lw_store_machine *machine = grow((void **)machines, *n, sizeof **machines);
        if (!machine) {
            status = fail_memory(store);
            break;
        }
        machine->key = sqlite3_column_int64(statement, 0);
        machine->runs = sqlite3_column_int64(statement, 1);
        read_machine(&machine->machine, statement, 2);
        ++*n;
    }
    sqlite3_finalize(statement);
    if (!status) return LW_OK;
    free(*machines);
    *machines = NULL;
    *n = 0;
    return status;
}

void lw_store_free_names(lw_store_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(names[i].name);
        free(names[i].unit);
    }
    free(names);
}

// A column as a text of its own. Whoever made the file may have left it empty.
static lw_status copy_text(const lw_store *store, sqlite3_stmt *statement, int column, char **text)
{
    const char *stored = (const char *)sqlite3_column_text(statement, column);
    if (!stored) return lw_database_fail_damaged(store->database, "a name is missing");
    *text = strdup(stored);
    return *text ? LW_OK : fail_memory(store);
}

static lw_status read_names(lw_store *store, sqlite3_stmt *statement, lw_store_name **names,
                            size_t *n)
{
    bool row;
    for (;;) {
        LW_TRY(lw_database_step(store->database, statement, &row));
        if (!row) return LW_OK;
        lw_store_name *name = grow((void **)names, *n, sizeof **names);
        if (!name) return fail_memory(store);
        ++*n;
        LW_TRY(copy_text(store, statement, 0, &name->name));
        LW_TRY(copy_text(store, statement, 1, &name->unit));
        name->runs = sqlite3_column_int64(statement, 2);
    }
}

lw_status lw_store_names(lw_store *store, int64_t machine, lw_store_name **names, size_t *n)
{
    sqlite3_stmt *statement;
    *names = NULL;
    *n = 0;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "SELECT b.name, b.unit, count(*) FROM results s JOIN runs r ON "
                               "r.id = s.run JOIN benchmarks b ON b.id = s.benchmark "
                               "WHERE r.machine = ?1 GROUP BY b.id ORDER BY b.name"));
    sqlite3_bind_int64(statement, 1, machine);
    const lw_status status = read_names(store, statement, names, n);
    sqlite3_finalize(statement);
    if (!status) return LW_OK;
    lw_store_free_names(*names, *n);
    *names = NULL;
    *n = 0;
    return status;
}

// The repetitions of a row as an array of its own, owned by the caller also on failure.
static lw_status copy_samples(const lw_store *store, sqlite3_stmt *statement, int column,
                              double **values, size_t *n)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    *n = (size_t)sqlite3_column_bytes(statement, column) / sizeof(double);
    if (*n == 0) return lw_database_fail_damaged(store->database, "a run has no values");
    *values = malloc(*n * sizeof **values);
    if (!*values) return fail_memory(store);
    memcpy(*values, bytes, *n * sizeof **values);
    for (size_t i = 0; i < *n; i++)
        if (!isfinite((*values)[i]))
            return lw_database_fail_damaged(store->database, "a value is not finite");
    return LW_OK;
}

static lw_status read_points(lw_store *store, sqlite3_stmt *statement, lw_store_point **points,
                             size_t *n)
{
    bool row;
    for (;;) {
        LW_TRY(lw_database_step(store->database, statement, &row));
        if (!row) return LW_OK;
        lw_store_point *point = grow((void **)points, *n, sizeof **points);
        if (!point) return fail_memory(store);
        double *samples = NULL;
        const lw_status status = copy_samples(store, statement, 4, &samples, &point->n);
        if (status) {
            free(samples);
            return status;
        }
        ++*n;
        point->run = sqlite3_column_int64(statement, 0);
        point->time = sqlite3_column_int64(statement, 1);
        lw_database_copy_text(point->commit, sizeof point->commit, statement, 2);
        lw_database_copy_text(point->label, sizeof point->label, statement, 3);
        lw_statistics_sort(samples, point->n);
        point->median = lw_statistics_quantile(samples, point->n, 0.5);
        point->low = lw_statistics_quantile(samples, point->n, 0.25);
        point->high = lw_statistics_quantile(samples, point->n, 0.75);
        free(samples);
    }
}

lw_status lw_store_series(lw_store *store, int64_t machine, const char *name,
                          lw_store_point **points, size_t *n)
{
    sqlite3_stmt *statement;
    *points = NULL;
    *n = 0;
    LW_TRY(
        lw_database_prepare(store->database, &statement,
                            "SELECT r.id, r.time, r.commit_id, s.label, s.samples FROM results s "
                            "JOIN runs r ON r.id = s.run WHERE s.benchmark = "
                            "(SELECT id FROM benchmarks WHERE name = ?1) AND r.machine = ?2 "
                            "ORDER BY r.id"));
    lw_status status = LW_OK;
    if (sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 2, machine))
        status = lw_database_fail(store->database, sqlite3_errcode(store->database->handle));
    if (!status) status = read_points(store, statement, points, n);
    sqlite3_finalize(statement);
    if (status) {
        free(*points);
        *points = NULL;
        *n = 0;
    }
    return status;
}

// ---- whole runs -------------------------------------------------------------------------------

typedef struct result_list {
    lw_store_result *results; // with texts and values of their own
    size_t n;
} result_list;

static void free_results(result_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free((void *)list->results[i].name);
        free((void *)list->results[i].unit);
        free((void *)list->results[i].label);
        free((void *)list->results[i].values);
    }
    free(list->results);
    *list = (result_list){0};
}

static lw_status read_results(lw_store *store, sqlite3_stmt *statement, int64_t run,
                              result_list *list)
{
    bool row;
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, run);
    for (;;) {
        LW_TRY(lw_database_step(store->database, statement, &row));
        if (!row) return LW_OK;
        lw_store_result *result = grow((void **)&list->results, list->n, sizeof *list->results);
        if (!result) return fail_memory(store);
        list->n++;
        char *texts[3] = {NULL, NULL, NULL};
        double *values = NULL;
        lw_status status = LW_OK;
        for (int i = 0; i < 3 && !status; i++) status = copy_text(store, statement, i, &texts[i]);
        if (!status) status = copy_samples(store, statement, 3, &values, &result->n);
        result->name = texts[0];
        result->unit = texts[1];
        result->label = texts[2];
        result->values = values;
        LW_TRY(status);
    }
}

static lw_status visit_runs(lw_store *store, sqlite3_stmt *runs, sqlite3_stmt *results,
                            lw_store_visit visit, void *user)
{
    bool row;
    for (;;) {
        LW_TRY(lw_database_step(store->database, runs, &row));
        if (!row) return LW_OK;
        lw_store_run run = {.time = sqlite3_column_int64(runs, 2)};
        lw_database_copy_text(run.id, sizeof run.id, runs, 1);
        lw_database_copy_text(run.commit, sizeof run.commit, runs, 3);
        lw_database_copy_text(run.compiler, sizeof run.compiler, runs, 4);
        lw_database_copy_text(run.flags, sizeof run.flags, runs, 5);
        lw_database_copy_text(run.program, sizeof run.program, runs, 6);
        read_machine(&run.machine, runs, 7);
        result_list list = {0};
        lw_status status = read_results(store, results, sqlite3_column_int64(runs, 0), &list);
        if (!status) status = visit(user, &run, list.results, list.n);
        free_results(&list);
        if (status) return status;
    }
}

lw_status lw_store_each(lw_store *store, lw_store_visit visit, void *user)
{
    sqlite3_stmt *runs, *results = NULL;
    LW_TRY(lw_database_prepare(store->database, &runs,
                               "SELECT r.id, uuid, time, commit_id, compiler, flags, program, cpu, "
                               "isa, system, name, processors, memory_gib FROM runs r "
                               "JOIN machines m ON m.id = r.machine ORDER BY r.id"));
    lw_status status = lw_database_prepare(store->database, &results,
                                           "SELECT name, unit, label, samples FROM results s "
                                           "JOIN benchmarks b ON b.id = s.benchmark WHERE run = ?1 "
                                           "ORDER BY name");
    if (!status) status = visit_runs(store, runs, results, visit, user);
    sqlite3_finalize(runs);
    sqlite3_finalize(results);
    return status;
}
