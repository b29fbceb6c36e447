// SPDX-License-Identifier: Apache-2.0
// What the files of the history share: the connection, statements, and SQLite's errors as sentences.
#ifndef LW_TRACK_STORE_INTERNAL_H
#define LW_TRACK_STORE_INTERNAL_H

#include "track/store.h"

#include <sqlite3.h>

struct lw_store {
    sqlite3 *database;
    char path[4096];
};

// The sentence for what SQLite last complained of; `code` is its code.
lw_status lw_store_fail(lw_store *store, int code);

// A statement ready to be bound; NULL on failure.
lw_status lw_store_prepare(lw_store *store, sqlite3_stmt **statement, const char *sql);

// The next row: *row says whether there is one.
lw_status lw_store_step(lw_store *store, sqlite3_stmt *statement, bool *row);

// Runs SQL that gives no rows.
lw_status lw_store_execute(lw_store *store, const char *sql);

// A column as a text that fits; "" for NULL.
void lw_store_copy_text(char *to, size_t to_bytes, sqlite3_stmt *statement, int column);

#endif
