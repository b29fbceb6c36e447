// SPDX-License-Identifier: Apache-2.0
#include "fault/databases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void databases_make_runs(void)
{
    assert_int_equal(mkdir("r1", 0777), 0);
    assert_int_equal(mkdir("r2", 0777), 0);
    write_text("r1/metrics.json", "{\"seconds\": 1.5, \"test_accuracy\": 0.98}");
    write_text("r2/metrics.json", "{\"seconds\": 2.5, \"test_accuracy\": 0.99}");
}

void expect_sound_database(const char *path, const char *what)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    if (!is_there(path)) return;
    // With the right to write: a journal that was left behind is played back first.
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s cannot be checked: %s", what, path, sqlite3_errmsg(database));
    const char *found = (const char *)sqlite3_column_text(statement, 0);
    if (!found || strcmp(found, "ok") != 0)
        fail_msg("%s: %s is damaged: %s", what, path, found ? found : "");
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

int count_records(const char *what)
{
    expect_sound_database("h.db", what);
    program_result result =
        program_run("track", "history", "record/test accuracy", "--history=h.db", "--json", NULL);
    if (result.exit_code != 0) fail_msg("%s: the history cannot be read: %s", what, result.err);
    cJSON *json = json_parse(result.out);
    const int n = cJSON_GetArraySize(json_member(json, "points"));
    cJSON_Delete(json);
    program_free(&result);
    return n;
}

program_result databases_train_seeds(const char *folder)
{
    return program_run("train", "lab_small", "--data", "small", "--train-limit", "100", "--epochs",
                       "1", "--validation", "20", "--batch", "16", "--seeds", "2", "--on", "2",
                       "--out", folder, "--quiet", NULL);
}

void expect_whole_seeds(const char *folder, const char *what)
{
    char command[256], path[128];
    snprintf(path, sizeof path, "%s/trials.db", folder);
    expect_sound_database(path, what);
    for (int seed = 1; seed <= 2; seed++) {
        snprintf(command, sizeof command,
                 "cmp -s whole/seed-%d/model.safetensors %s/seed-%d/model.safetensors", seed,
                 folder, seed);
        if (system(command) != 0) fail_msg("%s: seed %d is missing or another one", what, seed);
    }
}
