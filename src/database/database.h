// SPDX-License-Identifier: Apache-2.0
// Databases that Lanewise keeps for its users: SQLite files of a kind of their own, with a version, that
// several processes may use at once. A file that is damaged, locked, read-only, of a newer version or
// of another kind is LW_ERROR_INPUT with what to do about it, and stays as it was.
#ifndef LW_DATABASE_DATABASE_H
#define LW_DATABASE_DATABASE_H

#include <lanewise/status.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is kept in a file. The words complete sentences: "expected a <name> of lanewise", "there is no
// <name> yet; <beginning>", "nothing was changed; <recovery>".
typedef struct lw_database_kind {
    const char *name, *beginning, *recovery;
    int32_t application_id; // in the header of the file
    // Step i brings a file from version i to version i + 1. Steps are never changed, only added.
    const char *const *migrations;
    int32_t newest_version; // how many there are
    // SQL functions that the steps call, added to every connection; returns SQLite's code. NULL: none.
    int (*add_functions)(sqlite3 *handle);
} lw_database_kind;

typedef enum lw_database_mode {
    LW_DATABASE_READ, // the file must be there
    LW_DATABASE_WRITE // it is made when it is missing
} lw_database_mode;

// One connection; for one thread at a time.
typedef struct lw_database {
    sqlite3 *handle;
    const lw_database_kind *kind;
    char path[4096];
} lw_database;

// Opens a file of that kind and brings it up to date. `kind` must outlive the database. A failure
// leaves no new file behind.
lw_status lw_database_open(lw_database **database, const char *path, const lw_database_kind *kind,
                           lw_database_mode mode);
void lw_database_close(lw_database **database);

// The sentence for what SQLite last complained of; `code` is its code.
lw_status lw_database_fail(lw_database *database, int code);

// The sentence for content that no such file has, and that SQLite cannot know of.
lw_status lw_database_fail_damaged(const lw_database *database, const char *reason);

// A statement ready to be bound; NULL on failure. Ended by sqlite3_finalize.
lw_status lw_database_prepare(lw_database *database, sqlite3_stmt **statement, const char *sql);

// Binds a text (NULL: as NULL) that stays where it is until the statement ends.
lw_status lw_database_bind_text(lw_database *database, sqlite3_stmt *statement, int index,
                                const char *text);

// The next row: *row says whether there is one.
lw_status lw_database_step(lw_database *database, sqlite3_stmt *statement, bool *row);

// Runs SQL that gives no rows.
lw_status lw_database_execute(lw_database *database, const char *sql);

// Begins a transaction that writes: whoever finds another one at work waits here and nowhere else. It
// ends with COMMIT, or is taken back when `status` is a failure; returns that failure, or its own.
lw_status lw_database_begin(lw_database *database);
lw_status lw_database_end(lw_database *database, lw_status status);

// A column as a text that fits; "" for NULL.
void lw_database_copy_text(char *to, size_t to_bytes, sqlite3_stmt *statement, int column);

#endif
