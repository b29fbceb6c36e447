// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // getrandom
#include "base/clock.h"
#include "base/error.h"
#include "track/store_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void lw_store_new_id(char id[static 40])
{
    uint64_t bits[2];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        // Without random numbers: still unlike any other on this machine.
        bits[0] = (uint64_t)lw_clock_ns();
        bits[1] = (uint64_t)getpid();
    }
    snprintf(id, 40, "%016llx%016llx", (unsigned long long)bits[0], (unsigned long long)bits[1]);
}

// Binds texts to the parameters from 1 on.
static lw_status bind_texts(lw_store *store, sqlite3_stmt *statement, const char *const *texts,
                            int n)
{
    for (int i = 0; i < n; i++)
        LW_TRY(lw_database_bind_text(store->database, statement, i + 1, texts[i]));
    return LW_OK;
}

static lw_status bind_machine(lw_store *store, sqlite3_stmt *statement, const lw_machine *machine)
{
    const char *const texts[] = {machine->cpu, machine->isa, machine->system, machine->name};
    LW_TRY(bind_texts(store, statement, texts, 4));
    int code = sqlite3_bind_int64(statement, 5, machine->processors);
    if (!code) code = sqlite3_bind_int64(statement, 6, machine->memory_gib);
    return code ? lw_database_fail(store->database, code) : LW_OK;
}

static lw_status run_with_machine(lw_store *store, const char *sql, const lw_machine *machine,
                                  int64_t *key)
{
    sqlite3_stmt *statement;
    bool row = false;
    LW_TRY(lw_database_prepare(store->database, &statement, sql));
    lw_status status = bind_machine(store, statement, machine);
    if (!status) status = lw_database_step(store->database, statement, &row);
    if (key) *key = row ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    return status;
}

lw_status lw_store_find_machine(lw_store *store, const lw_machine *machine, int64_t *key)
{
    return run_with_machine(store,
                            "SELECT id FROM machines WHERE cpu = ?1 AND isa = ?2 AND system = ?3 "
                            "AND name = ?4 AND processors = ?5 AND memory_gib = ?6",
                            machine, key);
}

static lw_status add_machine(lw_store *store, const lw_machine *machine, int64_t *key)
{
    LW_TRY(run_with_machine(store,
                            "INSERT OR IGNORE INTO machines(cpu, isa, system, name, processors, "
                            "memory_gib) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                            machine, NULL));
    return lw_store_find_machine(store, machine, key);
}

static lw_status add_run(lw_store *store, const lw_store_run *run, int64_t machine, int64_t *key,
                         bool *added)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(
        lw_database_prepare(store->database, &statement,
                            "INSERT OR IGNORE INTO runs(uuid, commit_id, compiler, flags, program, "
                            "machine, time) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
    const char *const texts[] = {run->id, run->commit, run->compiler, run->flags, run->program};
    lw_status status = bind_texts(store, statement, texts, 5);
    if (!status &&
        (sqlite3_bind_int64(statement, 6, machine) || sqlite3_bind_int64(statement, 7, run->time)))
        status = lw_database_fail(store->database, sqlite3_errcode(store->database->handle));
    if (!status) status = lw_database_step(store->database, statement, &row);
    sqlite3_finalize(statement);
    *added = !status && sqlite3_changes(store->database->handle) > 0;
    *key = sqlite3_last_insert_rowid(store->database->handle);
    return status;
}

static lw_status add_benchmark(lw_store *store, const lw_store_result *result)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "INSERT OR IGNORE INTO benchmarks(name, unit) VALUES(?1, ?2)"));
    const char *const texts[] = {result->name, result->unit};
    lw_status status = bind_texts(store, statement, texts, 2);
    if (!status) status = lw_database_step(store->database, statement, &row);
    sqlite3_finalize(statement);
    return status;
}

static lw_status check_result(const lw_store_result *result)
{
    for (size_t i = 0; i < result->n; i++)
        if (!isfinite(result->values[i]))
            return lw_fail(LW_ERROR_INPUT, "%s: expected finite values, got %g", result->name,
                           result->values[i]);
    if (result->n == 0) return lw_fail(LW_ERROR_INPUT, "%s: it has no values", result->name);
    return LW_OK;
}

// Of two results of one name in a run, the first one counts.
static lw_status add_result(lw_store *store, int64_t run, const lw_store_result *result)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(check_result(result));
    LW_TRY(add_benchmark(store, result));
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "INSERT OR IGNORE INTO results(benchmark, run, samples, label) "
                               "SELECT id, ?3, ?4, ?2 FROM benchmarks WHERE name = ?1"));
    const char *const texts[] = {result->name, result->label};
    lw_status status = bind_texts(store, statement, texts, 2);
    if (!status && (sqlite3_bind_int64(statement, 3, run) ||
                    sqlite3_bind_blob64(statement, 4, result->values,
                                        result->n * sizeof *result->values, SQLITE_STATIC)))
        status = lw_database_fail(store->database, sqlite3_errcode(store->database->handle));
    if (!status) status = lw_database_step(store->database, statement, &row);
    sqlite3_finalize(statement);
    return status;
}

static lw_status add_all(lw_store *store, const lw_store_run *run, const lw_store_result *results,
                         size_t n, bool *added)
{
    int64_t machine, key;
    LW_TRY(add_machine(store, &run->machine, &machine));
    LW_TRY(add_run(store, run, machine, &key, added));
    for (size_t i = 0; *added && i < n; i++) LW_TRY(add_result(store, key, &results[i]));
    return LW_OK;
}

lw_status lw_store_add(lw_store *store, const lw_store_run *run, const lw_store_result *results,
                       size_t n, bool *added)
{
    bool is_new = false;
    LW_TRY(lw_database_begin(store->database));
    lw_status status = add_all(store, run, results, n, &is_new);
    status = lw_database_end(store->database, status);
    if (added) *added = !status && is_new;
    return status;
}
