// SPDX-License-Identifier: Apache-2.0
// Trials as rows: in and out again.
#include "base/error.h"
#include "study/trial_store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_words[] = {[LW_TRIAL_OPEN] = "open",
                                           [LW_TRIAL_FINISHED] = "finished",
                                           [LW_TRIAL_STOPPED] = "stopped",
                                           [LW_TRIAL_FAILED] = "failed"};

static lw_status fail_memory(const lw_trial_store *store)
{
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory for a trial", store->database->path);
}

// ---- writing ----------------------------------------------------------------------------------

// Not a number becomes NULL.
static int bind_real(sqlite3_stmt *statement, int index, double value)
{
    return isnan(value) ? sqlite3_bind_null(statement, index)
                        : sqlite3_bind_double(statement, index, value);
}

static int bind_reals(sqlite3_stmt *statement, int first, const double *values, int n)
{
    int code = SQLITE_OK;
    for (int i = 0; i < n && !code; i++) code = bind_real(statement, first + i, values[i]);
    return code;
}

static lw_status run_once(lw_trial_store *store, sqlite3_stmt *statement, int code)
{
    bool row;
    if (code) return lw_database_fail(store->database, code);
    return lw_database_step(store->database, statement, &row);
}

static lw_status write_epochs(lw_trial_store *store, int64_t key, const lw_trial *trial)
{
    sqlite3_stmt *statement;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "INSERT INTO epochs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
    lw_status status = LW_OK;
    for (size_t i = 0; i < trial->n_epochs && !status; i++) {
        const lw_epoch_result *epoch = &trial->epochs[i];
        const double values[] = {epoch->train_loss,       epoch->train_accuracy,
                                 epoch->validation_loss,  epoch->validation_accuracy,
                                 epoch->learning_rate,    epoch->seconds,
                                 epoch->images_per_second};
        int code = sqlite3_reset(statement);
        if (!code) code = sqlite3_bind_int64(statement, 1, key);
        if (!code) code = sqlite3_bind_int(statement, 2, epoch->epoch);
        if (!code) code = bind_reals(statement, 3, values, 7);
        status = run_once(store, statement, code);
    }
    sqlite3_finalize(statement);
    return status;
}

static lw_status write_sizes(lw_trial_store *store, int64_t key, const lw_trial *trial)
{
    sqlite3_stmt *statement;
    LW_TRY(lw_database_prepare(store->database, &statement,
                               "INSERT INTO test_sizes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
    lw_status status = LW_OK;
    for (size_t i = 0; i < trial->n_test_sizes && !status; i++) {
        const lw_size_metrics *size = &trial->test_sizes[i];
        int code = sqlite3_reset(statement);
        if (!code) code = sqlite3_bind_int64(statement, 1, key);
        if (!code) code = sqlite3_bind_int64(statement, 2, (int64_t)i);
        if (!code) code = sqlite3_bind_int(statement, 3, size->height);
        if (!code) code = sqlite3_bind_int(statement, 4, size->width);
        if (!code) code = sqlite3_bind_int64(statement, 5, size->count);
        if (!code) code = sqlite3_bind_int64(statement, 6, size->correct);
        if (!code) code = bind_real(statement, 7, size->loss);
        status = run_once(store, statement, code);
    }
    sqlite3_finalize(statement);
    return status;
}

static int bind_trial(sqlite3_stmt *statement, const lw_trial *trial, const char *folder)
{
    const double values[] = {trial->seconds,
                             trial->images_per_second,
                             trial->train_accuracy,
                             trial->train_loss,
                             trial->validation_accuracy,
                             trial->validation_loss,
                             trial->test_accuracy,
                             trial->test_loss,
                             lw_trial_seconds_to(trial, 0.97),
                             lw_trial_seconds_to(trial, 0.98),
                             lw_trial_seconds_to(trial, 0.99)};
    const char *const texts[] = {trial->settings, status_words[trial->status],
                                 trial->failure,  folder,
                                 trial->config,   trial->metrics};
    int code = SQLITE_OK;
    for (int i = 0; i < 6 && !code; i++)
        code = sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    if (!code) code = sqlite3_bind_int64(statement, 7, (int64_t)trial->seed);
    if (!code) code = sqlite3_bind_int64(statement, 8, trial->begun);
    if (!code) code = sqlite3_bind_int64(statement, 9, trial->ended);
    if (!code) code = sqlite3_bind_int(statement, 10, trial->confusion ? trial->classes : 0);
    const size_t cells = (size_t)trial->classes * (size_t)trial->classes;
    if (!code && trial->confusion)
        code = sqlite3_bind_blob64(statement, 11, trial->confusion,
                                   cells * sizeof *trial->confusion, SQLITE_STATIC);
    return code ? code : bind_reals(statement, 12, values, 11);
}

static lw_status write_trial(lw_trial_store *store, const lw_trial *trial, const char *folder)
{
    sqlite3_stmt *statement;
    LW_TRY(lw_database_prepare(
        store->database, &statement,
        "INSERT INTO trials(settings, status, failure, folder, config, metrics, seed, begun, "
        "ended, "
        "classes, confusion, seconds, images_per_second, train_accuracy, train_loss, "
        "validation_accuracy, validation_loss, test_accuracy, test_loss, seconds_to_97, "
        "seconds_to_98, seconds_to_99) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
        "?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22 FROM settings WHERE text = ?1"));
    lw_status status = run_once(store, statement, bind_trial(statement, trial, folder));
    sqlite3_finalize(statement);
    if (status) return status;
    const int64_t key = sqlite3_last_insert_rowid(store->database->handle);
    LW_TRY(write_epochs(store, key, trial));
    return write_sizes(store, key, trial);
}

// Runs a statement with the trial's settings and seed.
static lw_status run_named(lw_trial_store *store, const char *sql, const lw_trial *trial)
{
    sqlite3_stmt *statement;
    LW_TRY(lw_database_prepare(store->database, &statement, sql));
    int code = sqlite3_bind_text(statement, 1, trial->settings, -1, SQLITE_STATIC);
    if (!code && sqlite3_bind_parameter_count(statement) > 1)
        code = sqlite3_bind_int64(statement, 2, (int64_t)trial->seed);
    const lw_status status = run_once(store, statement, code);
    sqlite3_finalize(statement);
    return status;
}

static lw_status replace_trial(lw_trial_store *store, const lw_trial *trial, const char *folder)
{
    LW_TRY(run_named(store, "INSERT OR IGNORE INTO settings(text) VALUES (?1)", trial));
    LW_TRY(run_named(store,
                     "DELETE FROM trials WHERE seed = ?2 AND settings = "
                     "(SELECT id FROM settings WHERE text = ?1)",
                     trial));
    return write_trial(store, trial, folder);
}

lw_status lw_trial_store_add(lw_trial_store *store, const lw_trial *trial)
{
    char *folder = trial->folder ? lw_trial_store_pack(store, trial->folder) : NULL;
    if (trial->folder && !folder) return fail_memory(store);
    lw_status status = lw_database_begin(store->database);
    if (!status) status = lw_database_end(store->database, replace_trial(store, trial, folder));
    free(folder);
    return status;
}

// ---- reading ----------------------------------------------------------------------------------

static double read_real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

// A copy of a text in *text, NULL for NULL; false without memory.
static bool read_text(char **text, sqlite3_stmt *statement, int column)
{
    const unsigned char *bytes = sqlite3_column_text(statement, column);
    *text = bytes ? strdup((const char *)bytes) : NULL;
    return *text || !bytes;
}

static bool read_texts(const lw_trial_store *store, lw_trial *trial, sqlite3_stmt *statement)
{
    char *folder = NULL;
    bool ok = read_text(&trial->failure, statement, 2) && read_text(&folder, statement, 3) &&
              read_text(&trial->config, statement, 4) && read_text(&trial->metrics, statement, 5);
    if (ok && folder) ok = (trial->folder = lw_trial_store_unpack(store, folder)) != NULL;
    free(folder);
    return ok;
}

static bool read_confusion(lw_trial *trial, sqlite3_stmt *statement)
{
    const int classes = sqlite3_column_int(statement, 8);
    const void *bytes = sqlite3_column_blob(statement, 9);
    const size_t count = (size_t)classes * (size_t)classes * sizeof *trial->confusion;
    if (classes < 1 || classes > LW_METRICS_MAX_CLASSES || !bytes ||
        (size_t)sqlite3_column_bytes(statement, 9) != count)
        return true; // there is none
    trial->confusion = malloc(count);
    if (!trial->confusion) return false;
    memcpy(trial->confusion, bytes, count);
    trial->classes = classes;
    return true;
}

static lw_status read_trial(lw_trial_store *store, lw_trial *trial, sqlite3_stmt *statement)
{
    const char *word = (const char *)sqlite3_column_text(statement, 1);
    trial->status = LW_TRIAL_FAILED;
    for (int i = LW_TRIAL_FINISHED; i <= LW_TRIAL_FAILED; i++)
        if (word && strcmp(word, status_words[i]) == 0) trial->status = (lw_trial_status)i;
    if (!read_texts(store, trial, statement) || !read_confusion(trial, statement))
        return fail_memory(store);
    trial->begun = sqlite3_column_int64(statement, 6);
    trial->ended = sqlite3_column_int64(statement, 7);
    double *const reals[] = {&trial->seconds,
                             &trial->images_per_second,
                             &trial->train_accuracy,
                             &trial->train_loss,
                             &trial->validation_accuracy,
                             &trial->validation_loss,
                             &trial->test_accuracy,
                             &trial->test_loss};
    for (int i = 0; i < 8; i++) *reals[i] = read_real(statement, 10 + i);
    return LW_OK;
}

// A statement on what belongs to one trial, and how many rows it will have.
static lw_status prepare_rows(lw_trial_store *store, sqlite3_stmt **statement, const char *sql,
                              int64_t key)
{
    LW_TRY(lw_database_prepare(store->database, statement, sql));
    const int code = sqlite3_bind_int64(*statement, 1, key);
    return code ? lw_database_fail(store->database, code) : LW_OK;
}

static lw_status read_epochs(lw_trial_store *store, lw_trial *trial, int64_t key)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    lw_status status = prepare_rows(store, &statement,
                                    "SELECT * FROM epochs WHERE trial = ?1 ORDER BY epoch", key);
    while (!status && !(status = lw_database_step(store->database, statement, &row)) && row) {
        lw_epoch_result *grown =
            realloc(trial->epochs, (trial->n_epochs + 1) * sizeof *trial->epochs);
        if (!grown) {
            status = fail_memory(store);
            break;
        }
        trial->epochs = grown;
        grown[trial->n_epochs++] = (lw_epoch_result){.epoch = sqlite3_column_int(statement, 1),
                                                     .train_loss = read_real(statement, 2),
                                                     .train_accuracy = read_real(statement, 3),
                                                     .validation_loss = read_real(statement, 4),
                                                     .validation_accuracy = read_real(statement, 5),
                                                     .learning_rate = read_real(statement, 6),
                                                     .seconds = read_real(statement, 7),
                                                     .images_per_second = read_real(statement, 8)};
    }
    sqlite3_finalize(statement);
    return status;
}

static lw_status read_sizes(lw_trial_store *store, lw_trial *trial, int64_t key)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    lw_status status = prepare_rows(
        store, &statement, "SELECT * FROM test_sizes WHERE trial = ?1 ORDER BY place", key);
    while (!status && !(status = lw_database_step(store->database, statement, &row)) && row) {
        lw_size_metrics *grown =
            realloc(trial->test_sizes, (trial->n_test_sizes + 1) * sizeof *trial->test_sizes);
        if (!grown) {
            status = fail_memory(store);
            break;
        }
        trial->test_sizes = grown;
        grown[trial->n_test_sizes++] =
            (lw_size_metrics){.height = sqlite3_column_int(statement, 2),
                              .width = sqlite3_column_int(statement, 3),
                              .count = sqlite3_column_int64(statement, 4),
                              .correct = sqlite3_column_int64(statement, 5),
                              .loss = read_real(statement, 6)};
    }
    sqlite3_finalize(statement);
    return status;
}

static lw_status find_row(lw_trial_store *store, sqlite3_stmt *statement, lw_trial *trial,
                          int64_t *key, bool *found)
{
    int code = sqlite3_bind_text(statement, 1, trial->settings, -1, SQLITE_STATIC);
    if (!code) code = sqlite3_bind_int64(statement, 2, (int64_t)trial->seed);
    if (code) return lw_database_fail(store->database, code);
    LW_TRY(lw_database_step(store->database, statement, found));
    if (!*found) return LW_OK;
    *key = sqlite3_column_int64(statement, 0);
    return read_trial(store, trial, statement);
}

lw_status lw_trial_store_find(lw_trial_store *store, const char *settings, uint64_t seed,
                              lw_trial *trial, bool *found)
{
    sqlite3_stmt *statement;
    int64_t key = 0;
    *found = false;
    lw_trial_clear(trial);
    trial->seed = seed;
    trial->settings = strdup(settings);
    if (!trial->settings) return fail_memory(store);
    LW_TRY(lw_database_prepare(
        store->database, &statement,
        "SELECT id, status, failure, folder, config, metrics, begun, ended, classes, confusion, "
        "seconds, images_per_second, train_accuracy, train_loss, validation_accuracy, "
        "validation_loss, test_accuracy, test_loss FROM trials WHERE seed = ?2 AND settings = "
        "(SELECT id FROM settings WHERE text = ?1)"));
    lw_status status = find_row(store, statement, trial, &key, found);
    sqlite3_finalize(statement);
    if (!status && *found) status = read_epochs(store, trial, key);
    if (!status && *found) status = read_sizes(store, trial, key);
    return status;
}
