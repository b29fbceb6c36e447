// SPDX-License-Identifier: Apache-2.0
// Opening a database, and bringing its schema up to date.
#include "database/database.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { busy_milliseconds = 10000 };

// ---- failures ---------------------------------------------------------------------------------

lw_status lw_database_fail_damaged(const lw_database *database, const char *reason)
{
    return lw_fail(LW_ERROR_INPUT, "%s: the %s is damaged (%s); nothing was changed; %s",
                   database->path, database->kind->name, reason, database->kind->recovery);
}

// What the system said, where SQLite only knows that it said no.
static const char *reason_of(lw_database *database, int code)
{
    const int number = sqlite3_system_errno(database->handle);
    const bool of_system = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN;
    return of_system && number ? strerror(number) : sqlite3_errmsg(database->handle);
}

lw_status lw_database_fail(lw_database *database, int code)
{
    const lw_database_kind *kind = database->kind;
    const char *path = database->path, *reason = reason_of(database, code);
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return lw_fail(LW_ERROR_INPUT, "%s: another process has held it locked for %d s", path,
                       busy_milliseconds / 1000);
    case SQLITE_READONLY:
        return lw_fail(LW_ERROR_INPUT, "%s: it may only be read, not written", path);
    case SQLITE_NOTADB:
        return lw_fail(LW_ERROR_INPUT, "%s: expected a %s of lanewise, got something else", path,
                       kind->name);
    case SQLITE_CORRUPT: return lw_database_fail_damaged(database, reason);
    case SQLITE_FULL: return lw_fail(LW_ERROR_IO, "%s: cannot write: the disk is full", path);
    case SQLITE_NOMEM: return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    case SQLITE_CANTOPEN: return lw_fail(LW_ERROR_INPUT, "%s: cannot open: %s", path, reason);
    default: return lw_fail(LW_ERROR_IO, "%s: cannot read or write: %s", path, reason);
    }
}

lw_status lw_database_prepare(lw_database *database, sqlite3_stmt **statement, const char *sql)
{
    const int code = sqlite3_prepare_v2(database->handle, sql, -1, statement, NULL);
    return code ? lw_database_fail(database, code) : LW_OK;
}

lw_status lw_database_bind_text(lw_database *database, sqlite3_stmt *statement, int index,
                                const char *text)
{
    const int code = sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    return code ? lw_database_fail(database, code) : LW_OK;
}

lw_status lw_database_step(lw_database *database, sqlite3_stmt *statement, bool *row)
{
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return *row || code == SQLITE_DONE ? LW_OK : lw_database_fail(database, code);
}

lw_status lw_database_execute(lw_database *database, const char *sql)
{
    const int code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
    return code ? lw_database_fail(database, code) : LW_OK;
}

void lw_database_copy_text(char *to, size_t to_bytes, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(to, to_bytes, "%s", text ? (const char *)text : "");
}

// ---- opening ----------------------------------------------------------------------------------

static lw_status read_number(lw_database *database, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(lw_database_prepare(database, &statement, sql));
    const lw_status status = lw_database_step(database, statement, &row);
    *number = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return status;
}

// A file that was cut off: its header knows how many pages there should be. SQLite itself would
// notice only when it needs one that is missing, perhaps after having written others.
static lw_status compare_length(const char *path, const lw_database_kind *kind)
{
    unsigned char header[32] = {0};
    char log_path[4200], journal_path[4200];
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    snprintf(journal_path, sizeof journal_path, "%s-journal", path);
    FILE *file = fopen(path, "rb");
    if (!file) return LW_OK;
    const size_t got = fread(header, 1, sizeof header, file);
    struct stat info;
    const long long size = fstat(fileno(file), &info) == 0 ? (long long)info.st_size : -1;
    fclose(file);
    // What the log has not handed on yet may be missing in the file.
    // Nor is it whole while another process writes it.
    if (size == 0 || lw_file_exists(log_path) || lw_file_exists(journal_path)) return LW_OK;
    if (got < sizeof header || memcmp(header, "SQLite format 3", 16) != 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a %s of lanewise, got something else", path,
                       kind->name);
    const long long raw = header[16] << 8 | header[17], page = raw == 1 ? 65536 : raw;
    const long long pages =
        (long long)header[28] << 24 | header[29] << 16 | header[30] << 8 | header[31];
    if (size < page * pages)
        return lw_fail(
            LW_ERROR_INPUT,
            "%s: the %s is damaged (cut off: expected %lld bytes, got %lld); nothing was "
            "changed; %s",
            path, kind->name, page * pages, size, kind->recovery);
    return LW_OK;
}

// A file that another process is just bringing up to date may look cut off for a moment.
static lw_status check_length(const char *path, const lw_database_kind *kind)
{
    enum { tries = 5 };
    const struct timespec pause = {.tv_nsec = 20000000};
    lw_status status = compare_length(path, kind);
    for (int i = 1; status && i < tries; i++) {
        nanosleep(&pause, NULL);
        status = compare_length(path, kind);
    }
    return status;
}

static lw_status check_kind(lw_database *database, int64_t *version)
{
    int64_t kind, tables;
    LW_TRY(read_number(database, "PRAGMA application_id", &kind));
    LW_TRY(read_number(database, "PRAGMA user_version", version));
    LW_TRY(read_number(database, "SELECT count(*) FROM sqlite_schema", &tables));
    if (kind != database->kind->application_id && (tables > 0 || *version != 0))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a %s of lanewise, got another database",
                       database->path, database->kind->name);
    if (*version < 0) return lw_database_fail_damaged(database, "its version is below zero");
    if (*version > database->kind->newest_version)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the %s is of version %lld, and this lanewise knows versions up to %d: "
                       "use a newer one",
                       database->path, database->kind->name, (long long)*version,
                       database->kind->newest_version);
    return LW_OK;
}

lw_status lw_database_begin(lw_database *database)
{
    return lw_database_execute(database, "BEGIN IMMEDIATE");
}

lw_status lw_database_end(lw_database *database, lw_status status)
{
    if (!status) status = lw_database_execute(database, "COMMIT");
    if (status) sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

// Of several processes that find an old file, one brings it up to date; the others wait and see.
static lw_status migrate(lw_database *database)
{
    int64_t version;
    char sql[96];
    LW_TRY(lw_database_begin(database));
    lw_status status = check_kind(database, &version);
    for (; !status && version < database->kind->newest_version; version++)
        status = lw_database_execute(database, database->kind->migrations[version]);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             database->kind->application_id, database->kind->newest_version);
    if (!status) status = lw_database_execute(database, sql);
    return lw_database_end(database, status);
}

// What the file is, at one moment: another process may be making it.
static lw_status look_at(lw_database *database, int64_t *version, int64_t *tables)
{
    LW_TRY(lw_database_execute(database, "BEGIN"));
    lw_status status = check_kind(database, version);
    if (!status) status = read_number(database, "SELECT count(*) FROM sqlite_schema", tables);
    sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

// With a write-ahead log readers do not wait for writers, nor they for them. Of processes that switch at
// the same time SQLite turns some away at once, without the patience that it was asked for.
static lw_status switch_to_log(lw_database *database)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int code = SQLITE_BUSY;
    for (int waited = 0; code == SQLITE_BUSY && waited < busy_milliseconds; waited += 10) {
        if (waited > 0) nanosleep(&pause, NULL);
        code = sqlite3_exec(database->handle,
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                            "PRAGMA foreign_keys = ON",
                            NULL, NULL, NULL) &
               0xFF;
    }
    return code ? lw_database_fail(database, code) : LW_OK;
}

static lw_status prepare_file(lw_database *database, lw_database_mode mode)
{
    int64_t version, tables;
    sqlite3_busy_timeout(database->handle, busy_milliseconds);
    if (mode == LW_DATABASE_WRITE && sqlite3_db_readonly(database->handle, "main") == 1)
        return lw_fail(LW_ERROR_INPUT, "%s: it may only be read, not written", database->path);
    LW_TRY(look_at(database, &version, &tables));
    if (mode == LW_DATABASE_READ && tables == 0)
        return lw_fail(LW_ERROR_INPUT, "%s: the %s is empty", database->path, database->kind->name);
    if (mode == LW_DATABASE_READ && version == database->kind->newest_version) return LW_OK;
    LW_TRY(switch_to_log(database));
    return version < database->kind->newest_version ? migrate(database) : LW_OK;
}

// Why nothing may be written beside the file; 0 where it may.
static int refusal_of_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return access(folder, W_OK) == 0 ? 0 : errno;
}

// Whether no process can change the file now, and no log waits beside it. SQLite would make files for its locks
// all the same, also to read; it does without them where it is told that the file does not change.
static bool lies_still(const char *path)
{
    char log_path[4200];
    const int refusal = refusal_of_folder(path);
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    return (refusal == EROFS || refusal == EACCES) && !lw_file_exists(log_path);
}

static int open_to_read_only(const char *path, sqlite3 **handle)
{
    lw_text name = {0};
    lw_text_print(&name, "file:");
    for (; *path; path++)
        lw_text_print(&name, strchr("%?#", *path) ? "%%%02X" : "%c", (unsigned char)*path);
    lw_text_print(&name, "?immutable=1");
    const int code = name.failed ? SQLITE_NOMEM
                                 : sqlite3_open_v2(name.bytes, handle,
                                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    lw_text_free(&name);
    return code;
}

static int open_handle(const char *path, lw_database_mode mode, sqlite3 **handle)
{
    const int flags = SQLITE_OPEN_READWRITE | (mode == LW_DATABASE_WRITE ? SQLITE_OPEN_CREATE : 0);
    if (mode == LW_DATABASE_READ && lies_still(path)) return open_to_read_only(path, handle);
    return sqlite3_open_v2(path, handle, flags, NULL);
}

static lw_status open_file(lw_database *database, const char *path, lw_database_mode mode)
{
    if (strlen(path) >= sizeof database->path)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", path);
    snprintf(database->path, sizeof database->path, "%s", path);
    if (lw_file_is_folder(path))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a file, got a folder", path);
    if (mode == LW_DATABASE_READ && !lw_file_exists(path))
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: there is no %s yet; %s", path, database->kind->name,
                       database->kind->beginning);
    const int refusal = lw_file_exists(path) ? 0 : refusal_of_folder(path);
    if (refusal && refusal != ENOENT)
        return lw_fail(LW_ERROR_IO, "%s: cannot write: %s", path, strerror(refusal));
    LW_TRY(check_length(path, database->kind));
    const int code = open_handle(path, mode, &database->handle);
    if (!database->handle) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    if (code) return lw_database_fail(database, code);
    const int added =
        database->kind->add_functions ? database->kind->add_functions(database->handle) : SQLITE_OK;
    return added ? lw_database_fail(database, added) : prepare_file(database, mode);
}

lw_status lw_database_open(lw_database **database, const char *path, const lw_database_kind *kind,
                           lw_database_mode mode)
{
    *database = calloc(1, sizeof **database);
    if (!*database) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    (*database)->kind = kind;
    const bool was_there = lw_file_exists(path);
    const lw_status status = open_file(*database, path, mode);
    if (!status) return LW_OK;
    const bool opened = (*database)->handle != NULL;
    lw_database_close(database);
    // An empty file would be all that is left of the try; one with content is another process's.
    struct stat file;
    if (!was_there && opened && stat(path, &file) == 0 && file.st_size == 0) remove(path);
    return status;
}

void lw_database_close(lw_database **database)
{
    if (!*database) return;
    sqlite3_close((*database)->handle);
    free(*database);
    *database = NULL;
}
