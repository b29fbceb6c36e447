// SPDX-License-Identifier: Apache-2.0
// What kind of database a history is.
#include "base/error.h"
#include "track/store_internal.h"

#include <stdlib.h>

// Never changed, only added to.
static const char *const migrations[] = {
    "CREATE TABLE machines(id INTEGER PRIMARY KEY, cpu TEXT NOT NULL, isa TEXT NOT NULL,"
    " system TEXT NOT NULL, name TEXT NOT NULL, processors INTEGER NOT NULL,"
    " memory_gib INTEGER NOT NULL, UNIQUE(cpu, isa, system, name, processors, memory_gib));"
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,"
    " machine INTEGER NOT NULL REFERENCES machines(id), time INTEGER NOT NULL,"
    " commit_id TEXT NOT NULL, compiler TEXT NOT NULL, flags TEXT NOT NULL, program TEXT NOT NULL);"
    "CREATE TABLE benchmarks(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " unit TEXT NOT NULL);"
    "CREATE TABLE results(benchmark INTEGER NOT NULL REFERENCES benchmarks(id),"
    " run INTEGER NOT NULL REFERENCES runs(id), samples BLOB NOT NULL,"
    " PRIMARY KEY(benchmark, run)) WITHOUT ROWID;"
    "CREATE INDEX results_of_runs ON results(run);",
    // Version 2: which kernel ran.
    "ALTER TABLE results ADD COLUMN label TEXT NOT NULL DEFAULT '';"};

static const lw_database_kind history = {
    .name = "history",
    .beginning = "`lanewise track record` begins one",
    .recovery = "move it away and begin a new one, put back a copy, or try "
                "`sqlite3 FILE .recover`, and import your exports (`lanewise track import`)",
    .application_id = 0x4C575452, // "LWTR"
    .migrations = migrations,
    .newest_version = sizeof migrations / sizeof *migrations};

lw_status lw_store_open(lw_store **store, const char *path, lw_store_mode mode)
{
    *store = calloc(1, sizeof **store);
    if (!*store) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    const lw_status status =
        lw_database_open(&(*store)->database, path, &history,
                         mode == LW_STORE_READ ? LW_DATABASE_READ : LW_DATABASE_WRITE);
    if (status) lw_store_close(store);
    return status;
}

void lw_store_close(lw_store **store)
{
    if (!*store) return;
    lw_database_close(&(*store)->database);
    free(*store);
    *store = NULL;
}
