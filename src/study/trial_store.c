// SPDX-License-Identifier: Apache-2.0
// What kind of database trials are kept in, and what belongs to sets of them.
#include "study/trial_store.h"

#include "base/error.h"
#include "base/file.h"
#include "study/settings_text.h"
#include "study/trial_store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Never changed, only added to.
static const char *const migrations[] = {
    "CREATE TABLE settings(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    "CREATE TABLE trials(id INTEGER PRIMARY KEY,"
    " settings INTEGER NOT NULL REFERENCES settings(id), seed INTEGER NOT NULL,"
    " status TEXT NOT NULL, failure TEXT, folder TEXT, begun INTEGER NOT NULL,"
    " ended INTEGER NOT NULL, seconds REAL, images_per_second REAL,"
    " train_accuracy REAL, train_loss REAL, validation_accuracy REAL, validation_loss REAL,"
    " test_accuracy REAL, test_loss REAL, seconds_to_97 REAL, seconds_to_98 REAL,"
    " seconds_to_99 REAL, classes INTEGER NOT NULL, confusion BLOB,"
    " config TEXT, metrics TEXT, UNIQUE(settings, seed));"
    "CREATE TABLE epochs(trial INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,"
    " epoch INTEGER NOT NULL, train_loss REAL, train_accuracy REAL, validation_loss REAL,"
    " validation_accuracy REAL, learning_rate REAL, seconds REAL, images_per_second REAL,"
    " PRIMARY KEY(trial, epoch)) WITHOUT ROWID;"
    "CREATE TABLE test_sizes(trial INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,"
    " place INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL,"
    " images INTEGER NOT NULL, correct INTEGER NOT NULL, loss REAL,"
    " PRIMARY KEY(trial, place)) WITHOUT ROWID;"
    "CREATE TABLE sets(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, folder TEXT NOT NULL);"
    "CREATE TABLE tests(id INTEGER PRIMARY KEY, \"set\" TEXT NOT NULL, recipe TEXT NOT NULL,"
    " time INTEGER NOT NULL, accuracy REAL, loss REAL, images INTEGER NOT NULL);"
    "CREATE INDEX tests_of_sets ON tests(\"set\");",
    // Texts without what is off. Two that become the same by that are one, and their trials those of the first;
    // where both had the same seed, the second one's stays where it is, as a thing of the past.
    "CREATE TEMP TABLE shortened AS SELECT id, settings_text(text) AS text FROM settings;"
    "UPDATE OR IGNORE trials SET settings = (SELECT min(other.id) FROM temp.shortened AS own "
    "JOIN temp.shortened AS other ON other.text = own.text WHERE own.id = trials.settings);"
    "DROP TABLE temp.shortened;"
    "UPDATE OR IGNORE settings SET text = settings_text(text);"
    "UPDATE OR IGNORE sets SET text = settings_text(text);"};

// The SQL function settings_text(TEXT).
static void shorten(sqlite3_context *context, int n_values, sqlite3_value **values)
{
    const unsigned char *text = sqlite3_value_text(values[0]);
    char *copy = text ? strdup((const char *)text) : NULL;
    (void)n_values;
    if (!copy) {
        sqlite3_result_error_nomem(context);
        return;
    }
    lw_settings_text_shorten(copy);
    sqlite3_result_text(context, copy, -1, free);
}

static int add_functions(sqlite3 *handle)
{
    return sqlite3_create_function(handle, "settings_text", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                   NULL, shorten, NULL, NULL);
}

static const lw_database_kind trials = {
    .name = "store of trials",
    .beginning = "`lanewise train --seeds`, `lanewise sweep` and `lanewise study run` begin one",
    .recovery =
        "move it away and begin a new one (the run directories stay what they are), put back "
        "a copy, or try `sqlite3 FILE .recover`",
    .application_id = 0x4C575354, // "LWST"
    .migrations = migrations,
    .newest_version = sizeof migrations / sizeof *migrations,
    .add_functions = add_functions};

static lw_status open_store(lw_trial_store *store, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (strlen(path) >= sizeof store->folder)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", path);
    snprintf(store->folder, sizeof store->folder, "%.*s", slash ? (int)(slash - path + 1) : 0,
             path);
    if (slash) LW_TRY(lw_file_make_folder(store->folder));
    LW_TRY(lw_database_open(&store->database, path, &trials, LW_DATABASE_WRITE));
    // A trial is minutes of work: it waits for the disk.
    return lw_database_execute(store->database, "PRAGMA synchronous = FULL");
}

lw_status lw_trial_store_open(lw_trial_store **store, const char *path)
{
    *store = calloc(1, sizeof **store);
    if (!*store) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", path);
    const lw_status status = open_store(*store, path);
    if (status) lw_trial_store_close(store);
    return status;
}

void lw_trial_store_close(lw_trial_store **store)
{
    if (!*store) return;
    lw_database_close(&(*store)->database);
    free(*store);
    *store = NULL;
}

lw_status lw_trial_store_count(lw_trial_store *store, int64_t *n)
{
    sqlite3_stmt *statement;
    bool row;
    *n = 0;
    LW_TRY(lw_database_prepare(store->database, &statement, "SELECT count(*) FROM trials"));
    const lw_status status = lw_database_step(store->database, statement, &row);
    if (row) *n = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

// ---- folders ----------------------------------------------------------------------------------

char *lw_trial_store_pack(const lw_trial_store *store, const char *folder)
{
    const size_t length = strlen(store->folder);
    const bool below = length > 0 && strncmp(folder, store->folder, length) == 0;
    if (below) return strdup(folder + length);
    char *full = realpath(folder, NULL);
    return full ? full : strdup(folder);
}

char *lw_trial_store_unpack(const lw_trial_store *store, const char *kept)
{
    if (kept[0] == '/') return strdup(kept);
    const size_t bytes = strlen(store->folder) + strlen(kept) + 1;
    char *folder = malloc(bytes);
    if (folder) snprintf(folder, bytes, "%s%s", store->folder, kept);
    return folder;
}

// ---- sets -------------------------------------------------------------------------------------

static lw_status copy_folder(const lw_trial_store *store, sqlite3_stmt *statement, char **folder)
{
    *folder = lw_trial_store_unpack(store, (const char *)sqlite3_column_text(statement, 0));
    return *folder ? LW_OK : lw_fail(LW_ERROR_MEMORY, "%s: no memory", store->database->path);
}

static lw_status find_folder(lw_trial_store *store, const char *set, char **folder)
{
    sqlite3_stmt *statement;
    bool row = false;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "SELECT folder FROM sets WHERE text = ?1"));
    lw_status status = lw_database_bind_text(store->database, statement, 1, set);
    if (!status) status = lw_database_step(store->database, statement, &row);
    if (!status && row) status = copy_folder(store, statement, folder);
    sqlite3_finalize(statement);
    return status;
}

static lw_status add_folder(lw_trial_store *store, const char *set, const char *folder)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "INSERT OR IGNORE INTO sets(text, folder) VALUES (?1, ?2)"));
    char *kept = lw_trial_store_pack(store, folder);
    lw_status status = kept ? lw_database_bind_text(store->database, statement, 1, set)
                            : lw_fail(LW_ERROR_MEMORY, "%s: no memory", store->database->path);
    if (!status) status = lw_database_bind_text(store->database, statement, 2, kept);
    if (!status) status = lw_database_step(store->database, statement, &row);
    sqlite3_finalize(statement);
    free(kept);
    return status;
}

lw_status lw_trial_store_folder(lw_trial_store *store, const char *set, const char *fresh,
                                char **folder)
{
    *folder = NULL;
    // Another process may have been faster: what it wrote holds.
    if (fresh) LW_TRY(add_folder(store, set, fresh));
    return find_folder(store, set, folder);
}

// ---- tests ------------------------------------------------------------------------------------

void lw_test_taken_free(lw_test_taken *taken)
{
    free(taken->recipe);
    *taken = (lw_test_taken){0};
}

static lw_status read_test(lw_trial_store *store, sqlite3_stmt *statement, lw_test_taken *taken)
{
    bool row;
    LW_TRY(lw_database_step(store->database, statement, &row));
    if (!row) return LW_OK;
    taken->recipe = strdup((const char *)sqlite3_column_text(statement, 0));
    if (!taken->recipe) return lw_fail(LW_ERROR_MEMORY, "%s: no memory", store->database->path);
    taken->time = sqlite3_column_int64(statement, 1);
    taken->accuracy = sqlite3_column_double(statement, 2);
    taken->loss = sqlite3_column_double(statement, 3);
    taken->images = sqlite3_column_int64(statement, 4);
    taken->times = sqlite3_column_int64(statement, 5);
    return LW_OK;
}

lw_status lw_trial_store_test(lw_trial_store *store, const char *set, lw_test_taken *taken)
{
    sqlite3_stmt *statement;
    *taken = (lw_test_taken){0};
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "SELECT recipe, time, accuracy, loss, images, (SELECT count(*) FROM "
                               "tests WHERE \"set\" = ?1) "
                               "FROM tests WHERE \"set\" = ?1 ORDER BY id DESC LIMIT 1"));
    lw_status status = lw_database_bind_text(store->database, statement, 1, set);
    if (!status) status = read_test(store, statement, taken);
    sqlite3_finalize(statement);
    return status;
}

static lw_status bind_test(lw_trial_store *store, sqlite3_stmt *statement, const char *set,
                           const lw_test_taken *taken)
{
    LW_TRY(lw_database_bind_text(store->database, statement, 1, set));
    LW_TRY(lw_database_bind_text(store->database, statement, 2, taken->recipe));
    int code = sqlite3_bind_int64(statement, 3, taken->time);
    if (!code) code = sqlite3_bind_double(statement, 4, taken->accuracy);
    if (!code) code = sqlite3_bind_double(statement, 5, taken->loss);
    if (!code) code = sqlite3_bind_int64(statement, 6, taken->images);
    return code ? lw_database_fail(store->database, code) : LW_OK;
}

lw_status lw_trial_store_take_test(lw_trial_store *store, const char *set,
                                   const lw_test_taken *taken)
{
    sqlite3_stmt *statement;
    bool row;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "INSERT INTO tests(\"set\", recipe, time, accuracy, loss, images) "
                               "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
    lw_status status = bind_test(store, statement, set, taken);
    if (!status) status = lw_database_step(store->database, statement, &row);
    sqlite3_finalize(statement);
    return status;
}
