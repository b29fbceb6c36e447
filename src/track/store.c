// SPDX-License-Identifier: Apache-2.0
// Opening a history, and bringing its schema up to date.
#include "base/error.h"
#include "base/file.h"
#include "track/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    application_id = 0x4C575452, // "LWTR", in the header of the file
    busy_milliseconds = 10000
};

// Step i brings a history from version i to version i + 1. Steps are never changed, only added.
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
enum { newest_version = sizeof migrations / sizeof *migrations };

// ---- failures ---------------------------------------------------------------------------------

static const char recovery[] =
    "nothing was changed; move it away and begin a new one, put back a copy, or try "
    "`sqlite3 FILE .recover`, and import your exports (`lanewise track import`)";

lw_status lw_store_fail(lw_store *store, int code)
{
    const char *path = store->path, *reason = sqlite3_errmsg(store->database);
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return lw_fail(LW_ERROR_INPUT, "%s: another process has held it locked for %d s", path,
                       busy_milliseconds / 1000);
    case SQLITE_READONLY:
        return lw_fail(LW_ERROR_INPUT, "%s: it may only be read, not written", path);
    case SQLITE_NOTADB:
        return lw_fail(LW_ERROR_INPUT, "%s: expected a history of lanewise, got something else",
                       path);
    case SQLITE_CORRUPT:
        return lw_fail(LW_ERROR_INPUT, "%s: the history is damaged (%s); %s", path, reason,
                       recovery);
    case SQLITE_FULL: return lw_fail(LW_ERROR_IO, "%s: the disk is full", path);
    case SQLITE_NOMEM: return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    case SQLITE_CANTOPEN: return lw_fail(LW_ERROR_INPUT, "%s: cannot be opened: %s", path, reason);
    default: return lw_fail(LW_ERROR_IO, "%s: %s", path, reason);
    }
}

lw_status lw_store_prepare(lw_store *store, sqlite3_stmt **statement, const char *sql)
{
    const int code = sqlite3_prepare_v2(store->database, sql, -1, statement, NULL);
    return code ? lw_store_fail(store, code) : LW_OK;
}

lw_status lw_store_step(lw_store *store, sqlite3_stmt *statement, bool *row)
{
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return *row || code == SQLITE_DONE ? LW_OK : lw_store_fail(store, code);
}

lw_status lw_store_execute(lw_store *store, const char *sql)
{
    const int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    return code ? lw_store_fail(store, code) : LW_OK;
}

void lw_store_copy_text(char *to, size_t to_bytes, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(to, to_bytes, "%s", text ? (const char *)text : "");
}

// ---- opening ----------------------------------------------------------------------------------

static lw_status read_number(lw_store *store, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(lw_store_prepare(store, &statement, sql));
    const lw_status status = lw_store_step(store, statement, &row);
    *number = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return status;
}

// A file that was cut off: its header knows how many pages there should be. SQLite itself would
// notice only when it needs one that is missing, perhaps after having written others.
static lw_status compare_length(const char *path)
{
    unsigned char header[32] = {0};
    char log_path[4200], journal_path[4200];
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    snprintf(journal_path, sizeof journal_path, "%s-journal", path);
    FILE *file = fopen(path, "rb");
    if (!file) return LW_OK;
    const size_t got = fread(header, 1, sizeof header, file);
    const long long size = fseek(file, 0, SEEK_END) == 0 ? (long long)ftell(file) : -1;
    fclose(file);
    // What the log has not handed on yet may be missing in the file.
    // Nor is it whole while another process writes it.
    if (size == 0 || lw_file_exists(log_path) || lw_file_exists(journal_path)) return LW_OK;
    if (got < sizeof header || memcmp(header, "SQLite format 3", 16) != 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a history of lanewise, got something else",
                       path);
    const long long raw = header[16] << 8 | header[17], page = raw == 1 ? 65536 : raw;
    const long long pages =
        (long long)header[28] << 24 | header[29] << 16 | header[30] << 8 | header[31];
    if (size < page * pages)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the history is damaged (cut off: expected %lld bytes, got %lld); %s",
                       path, page * pages, size, recovery);
    return LW_OK;
}

// A file that another process is just bringing up to date may look cut off for a moment.
static lw_status check_length(const char *path)
{
    enum { tries = 5 };
    const struct timespec pause = {.tv_nsec = 20000000};
    lw_status status = compare_length(path);
    for (int i = 1; status && i < tries; i++) {
        nanosleep(&pause, NULL);
        status = compare_length(path);
    }
    return status;
}

static lw_status check_kind(lw_store *store, int64_t *version)
{
    int64_t kind, tables;
    LW_TRY(read_number(store, "PRAGMA application_id", &kind));
    LW_TRY(read_number(store, "PRAGMA user_version", version));
    LW_TRY(read_number(store, "SELECT count(*) FROM sqlite_schema", &tables));
    if (kind != application_id && (tables > 0 || *version != 0))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a history of lanewise, got another database",
                       store->path);
    if (*version > newest_version)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the history is of version %lld, and this lanewise knows versions up to "
                       "%d: use a newer one",
                       store->path, (long long)*version, newest_version);
    return LW_OK;
}

// Of several processes that find an old history, one brings it up to date; the others wait and see.
static lw_status migrate(lw_store *store)
{
    int64_t version;
    char sql[96];
    LW_TRY(lw_store_execute(store, "BEGIN IMMEDIATE"));
    lw_status status = check_kind(store, &version);
    for (; !status && version < newest_version; version++)
        status = lw_store_execute(store, migrations[version]);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             application_id, newest_version);
    if (!status) status = lw_store_execute(store, sql);
    if (!status) return lw_store_execute(store, "COMMIT");
    sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

// What the file is, at one moment: another process may be making it.
static lw_status look_at(lw_store *store, int64_t *version, int64_t *tables)
{
    LW_TRY(lw_store_execute(store, "BEGIN"));
    lw_status status = check_kind(store, version);
    if (!status) status = read_number(store, "SELECT count(*) FROM sqlite_schema", tables);
    sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

// With a write-ahead log readers do not wait for writers, nor they for them. Of processes that switch at
// the same time SQLite turns some away at once, without the patience that it was asked for.
static lw_status switch_to_log(lw_store *store)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int code = SQLITE_BUSY;
    for (int waited = 0; code == SQLITE_BUSY && waited < busy_milliseconds; waited += 10) {
        if (waited > 0) nanosleep(&pause, NULL);
        code = sqlite3_exec(store->database,
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                            "PRAGMA foreign_keys = ON",
                            NULL, NULL, NULL) &
               0xFF;
    }
    return code ? lw_store_fail(store, code) : LW_OK;
}

static lw_status prepare_file(lw_store *store, lw_store_mode mode)
{
    int64_t version, tables;
    sqlite3_busy_timeout(store->database, busy_milliseconds);
    LW_TRY(look_at(store, &version, &tables));
    if (mode == LW_STORE_WRITE && sqlite3_db_readonly(store->database, "main") == 1)
        return lw_fail(LW_ERROR_INPUT, "%s: it may only be read, not written", store->path);
    if (mode == LW_STORE_READ && tables == 0)
        return lw_fail(LW_ERROR_INPUT, "%s: the history is empty", store->path);
    if (mode == LW_STORE_READ && version == newest_version) return LW_OK;
    LW_TRY(switch_to_log(store));
    return version < newest_version ? migrate(store) : LW_OK;
}

static lw_status open_file(lw_store *store, const char *path, lw_store_mode mode)
{
    if (strlen(path) >= sizeof store->path)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", path);
    snprintf(store->path, sizeof store->path, "%s", path);
    if (lw_file_is_folder(path))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a file, got a folder", path);
    if (mode == LW_STORE_READ && !lw_file_exists(path))
        return lw_fail(LW_ERROR_NOT_FOUND,
                       "%s: there is no history yet; `lanewise track record` begins one", path);
    LW_TRY(check_length(path));
    const int flags = SQLITE_OPEN_READWRITE | (mode == LW_STORE_WRITE ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(path, &store->database, flags, NULL);
    if (!store->database) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    return code ? lw_store_fail(store, code) : prepare_file(store, mode);
}

lw_status lw_store_open(lw_store **store, const char *path, lw_store_mode mode)
{
    *store = calloc(1, sizeof **store);
    if (!*store) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    const bool was_there = lw_file_exists(path);
    const lw_status status = open_file(*store, path, mode);
    if (!status) return LW_OK;
    const bool opened = (*store)->database != NULL;
    lw_store_close(store);
    // An empty file would be all that is left of the try; one with content is another process's.
    struct stat file;
    if (!was_there && opened && stat(path, &file) == 0 && file.st_size == 0) remove(path);
    return status;
}

void lw_store_close(lw_store **store)
{
    if (!*store) return;
    sqlite3_close((*store)->database);
    free(*store);
    *store = NULL;
}
