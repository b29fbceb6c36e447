// SPDX-License-Identifier: Apache-2.0
// The history: what goes in comes out, several writers lose nothing, and files that are no good are
// refused and left as they were.
#define _XOPEN_SOURCE 700
#include "base/file.h"
#include "support/folder.h"
#include "track/exchange.h"
#include "track/store.h"

#include <math.h>
#include <sqlite3.h>
#include <sys/wait.h>

static char path[2 * path_bytes];

static int enter(void **state)
{
    if (enter_folder(state)) return -1;
    snprintf(path, sizeof path, "%s/h.db", folder);
    return 0;
}

static lw_store_run make_run(int number)
{
    lw_store_run run = {.time = 1000 + number,
                        .machine = {.cpu = "a \"cpu\"",
                                    .isa = "avx2",
                                    .system = "Linux x86_64",
                                    .processors = 2,
                                    .memory_gib = 8}};
    snprintf(run.id, sizeof run.id, "run-%d", number);
    snprintf(run.commit, sizeof run.commit, "commit%d", number);
    snprintf(run.compiler, sizeof run.compiler, "gcc 12");
    return run;
}

static void add(lw_store *store, int number, double value)
{
    const lw_store_run run = make_run(number);
    const double values[] = {value, value + 2, value + 1};
    const lw_store_result results[] = {
        {.name = "conv/1", .unit = "s", .label = "direct", .values = values, .n = 3},
        {.name = "it's; DROP TABLE", .unit = "%", .label = "", .values = values, .n = 1}};
    bool added;
    assert_int_equal(lw_store_add(store, &run, results, 2, &added), LW_OK);
    assert_true(added);
    assert_int_equal(lw_store_add(store, &run, results, 2, &added), LW_OK);
    assert_false(added);
}

static lw_store *open_store(lw_store_mode mode)
{
    lw_store *store;
    if (lw_store_open(&store, path, mode)) fail_msg("%s", lw_error_message());
    return store;
}

static void runs_come_back(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    for (int i = 0; i < 5; i++) add(store, i, i);
    lw_store_close(&store);
    assert_null(store);

    store = open_store(LW_STORE_READ);
    lw_store_machine *machines;
    size_t n;
    assert_int_equal(lw_store_machines(store, &machines, &n), LW_OK);
    assert_int_equal(n, 1);
    assert_int_equal(machines[0].runs, 5);
    assert_string_equal(machines[0].machine.cpu, "a \"cpu\"");
    const int64_t key = machines[0].key;
    free(machines);

    lw_store_name *names;
    assert_int_equal(lw_store_names(store, key, &names, &n), LW_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0].name, "conv/1");
    assert_string_equal(names[1].unit, "%");
    lw_store_free_names(names, n);

    lw_store_point *points;
    assert_int_equal(lw_store_series(store, key, "conv/1", &points, &n), LW_OK);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(points[i].median - ((double)i + 1)) < 1e-12);
        assert_true(points[i].low < points[i].median && points[i].median < points[i].high);
        assert_int_equal(points[i].time, 1000 + i);
        assert_string_equal(points[i].label, "direct");
    }
    assert_string_equal(points[4].commit, "commit4");
    free(points);
    assert_int_equal(lw_store_series(store, key, "no such", &points, &n), LW_OK);
    assert_int_equal(n, 0);
    lw_store_close(&store);
}

static void machines_are_kept_apart(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    add(store, 1, 1);
    lw_store_run other = make_run(2);
    other.machine.memory_gib = 16;
    const double value = 9;
    const lw_store_result result = {
        .name = "conv/1", .unit = "s", .label = "", .values = &value, .n = 1};
    assert_int_equal(lw_store_add(store, &other, &result, 1, NULL), LW_OK);
    lw_store_machine *machines;
    lw_store_point *points;
    size_t n;
    assert_int_equal(lw_store_machines(store, &machines, &n), LW_OK);
    assert_int_equal(n, 2);
    assert_int_equal(machines[0].machine.memory_gib, 16); // the latest first
    for (size_t i = 0; i < 2; i++) {
        size_t n_points;
        assert_int_equal(lw_store_series(store, machines[i].key, "conv/1", &points, &n_points),
                         LW_OK);
        assert_int_equal(n_points, 1);
        free(points);
    }
    int64_t key;
    assert_int_equal(lw_store_find_machine(store, &other.machine, &key), LW_OK);
    assert_int_equal(key, machines[0].key);
    other.machine.processors = 99;
    assert_int_equal(lw_store_find_machine(store, &other.machine, &key), LW_OK);
    assert_int_equal(key, -1);
    free(machines);
    lw_store_close(&store);
}

static void a_run_is_added_whole_or_not_at_all(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    const lw_store_run run = make_run(1);
    const double good = 1, bad = NAN;
    const lw_store_result results[] = {
        {.name = "a", .unit = "s", .label = "", .values = &good, .n = 1},
        {.name = "b", .unit = "s", .label = "", .values = &bad, .n = 1}};
    bool added = true;
    assert_int_equal(lw_store_add(store, &run, results, 2, &added), LW_ERROR_INPUT);
    assert_false(added);
    lw_store_machine *machines;
    size_t n;
    assert_int_equal(lw_store_machines(store, &machines, &n), LW_OK);
    assert_int_equal(n, 0);
    free(machines);
    lw_store_close(&store);
}

static void fail_child(void)
{
    fprintf(stderr, "a writer failed: %s\n", lw_error_message());
    _exit(1);
}

static void writers_do_not_lose_rows(void **state)
{
    (void)state;
    enum { writers = 4, runs = 10 };
    for (int w = 0; w < writers; w++) {
        if (fork() != 0) continue;
        lw_store *store;
        if (lw_store_open(&store, path, LW_STORE_WRITE)) fail_child();
        for (int i = 0; i < runs; i++) {
            const lw_store_run run = make_run(100 * w + i);
            const double value = 1;
            const lw_store_result result = {
                .name = "a", .unit = "s", .label = "", .values = &value, .n = 1};
            if (lw_store_add(store, &run, &result, 1, NULL)) fail_child();
        }
        lw_store_close(&store);
        _exit(0);
    }
    for (int w = 0; w < writers; w++) {
        int result;
        assert_true(wait(&result) > 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    }
    lw_store *store = open_store(LW_STORE_READ);
    lw_store_machine *machines;
    size_t n;
    assert_int_equal(lw_store_machines(store, &machines, &n), LW_OK);
    assert_int_equal(n, 1);
    assert_int_equal(machines[0].runs, writers * runs);
    free(machines);
    lw_store_close(&store);
}

// ---- files that are no good -------------------------------------------------------------------

static void run_sql(const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

// Both ways of opening refuse, with a sentence that has `part` in it, and leave the file alone.
static void expect_refused(const char *part)
{
    uint8_t *before, *after;
    size_t n_before, n_after;
    assert_int_equal(lw_file_read(path, 1 << 26, &before, &n_before), LW_OK);
    for (int mode = LW_STORE_READ; mode <= LW_STORE_WRITE; mode++) {
        lw_store *store;
        assert_int_equal(lw_store_open(&store, path, (lw_store_mode)mode), LW_ERROR_INPUT);
        assert_null(store);
        if (!strstr(lw_error_message(), part))
            fail_msg("expected \"%s\" in \"%s\"", part, lw_error_message());
    }
    assert_int_equal(lw_file_read(path, 1 << 26, &after, &n_after), LW_OK);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
}

static void write_bytes(const void *bytes, size_t n)
{
    assert_int_equal(lw_file_write(path, bytes, n), LW_OK);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    write_bytes("not a database at all, but a text of some length", 48);
    expect_refused("expected a history of lanewise");
    unlink(path);
    run_sql("CREATE TABLE mine(a); INSERT INTO mine VALUES(1)");
    expect_refused("got another database");
}

static void newer_versions_are_refused(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    lw_store_close(&store);
    run_sql("PRAGMA user_version = 99");
    expect_refused("version 99");
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    for (int i = 0; i < 30; i++) add(store, i, i);
    lw_store_close(&store);
    uint8_t *bytes;
    size_t n;
    assert_int_equal(lw_file_read(path, 1 << 26, &bytes, &n), LW_OK);
    write_bytes(bytes, n / 2);
    expect_refused("cut off");
    // The schema itself is rubbish.
    memset(bytes + 100, 0x5A, 900);
    write_bytes(bytes, n);
    expect_refused("damaged");
    free(bytes);
}

static lw_status visit_any(void *user, const lw_store_run *run, const lw_store_result *results,
                           size_t n)
{
    (void)user;
    (void)run;
    (void)results;
    (void)n;
    return LW_OK;
}

// Files that SQLite finds no fault with, made by somebody who means no good.
static void planted_content_is_refused(void **state)
{
    (void)state;
    static const char *const plants[] = {
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')",
        "UPDATE benchmarks SET unit = NULL",
        "UPDATE benchmarks SET unit = 's'; UPDATE results SET samples = x''",
        "UPDATE results SET samples = x'000000000000F07F'", // infinity
    };
    static const char *const parts[] = {NULL, "a name is missing", "a run has no values",
                                        "a value is not finite"};
    lw_store *store = open_store(LW_STORE_WRITE);
    add(store, 1, 1.5);
    lw_store_close(&store);
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        run_sql(plants[i]);
        if (!parts[i]) continue;
        lw_store_point *points;
        lw_store_name *names;
        size_t n, n_points;
        assert_int_equal(lw_store_open(&store, path, LW_STORE_READ), LW_OK);
        assert_int_equal(lw_store_each(store, visit_any, NULL), LW_ERROR_INPUT);
        assert_non_null(strstr(lw_error_message(), parts[i]));
        const lw_status listed = lw_store_names(store, 1, &names, &n);
        assert_int_equal(listed, i == 1 ? LW_ERROR_INPUT : LW_OK);
        if (!listed && i > 1) {
            assert_int_equal(lw_store_series(store, 1, names[0].name, &points, &n_points),
                             LW_ERROR_INPUT);
            assert_null(points);
            assert_non_null(strstr(lw_error_message(), parts[i]));
            lw_store_free_names(names, n);
        }
        lw_store_close(&store);
    }
    run_sql("PRAGMA user_version = -3");
    expect_refused("its version is below zero");
}

static void locked_files_are_waited_for(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    lw_store_close(&store); // SQLite's connections do not survive a fork
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        sqlite3 *other;
        if (sqlite3_open(path, &other) ||
            sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL) ||
            write(ends[1], &byte, 1) != 1)
            _exit(1);
        usleep(200000);
        _exit(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL));
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    store = open_store(LW_STORE_WRITE);
    add(store, 1, 1);
    lw_store_close(&store);
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    close(ends[0]);
    close(ends[1]);
}

static void missing_and_read_only(void **state)
{
    (void)state;
    lw_store *store;
    assert_int_equal(lw_store_open(&store, path, LW_STORE_READ), LW_ERROR_NOT_FOUND);
    assert_false(lw_file_exists(path));
    assert_int_equal(lw_store_open(&store, folder, LW_STORE_WRITE), LW_ERROR_INPUT);
    assert_int_equal(lw_store_open(&store, "/no/such/folder/h.db", LW_STORE_WRITE), LW_ERROR_INPUT);
    if (geteuid() == 0) return; // whom permissions do not keep out
    store = open_store(LW_STORE_WRITE);
    add(store, 1, 1);
    lw_store_close(&store);
    chmod(path, 0444);
    assert_int_equal(lw_store_open(&store, path, LW_STORE_WRITE), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "only be read"));
}

static void old_versions_are_brought_up_to_date(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    add(store, 1, 5);
    lw_store_close(&store);
    // What version 1 looked like.
    run_sql("ALTER TABLE results DROP COLUMN label; PRAGMA user_version = 1");
    store = open_store(LW_STORE_READ);
    lw_store_point *points;
    size_t n;
    assert_int_equal(lw_store_series(store, 1, "conv/1", &points, &n), LW_OK);
    assert_int_equal(n, 1);
    assert_string_equal(points[0].label, "");
    free(points);
    lw_store_close(&store);
}

// ---- export and import ------------------------------------------------------------------------

static char *export_text(lw_store *store, size_t *length)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, length);
    assert_non_null(file);
    assert_int_equal(lw_exchange_export(store, file), LW_OK);
    fclose(file);
    return text;
}

static void exports_are_imported(void **state)
{
    (void)state;
    lw_store *store = open_store(LW_STORE_WRITE);
    for (int i = 0; i < 3; i++) add(store, i, 0.1 * i);
    size_t length, again_length, added, skipped;
    char *text = export_text(store, &length);
    assert_true(lw_exchange_recognize(text, length));
    assert_int_equal(lw_exchange_import(store, text, length, "x", &added, &skipped), LW_OK);
    assert_int_equal(added, 0);
    assert_int_equal(skipped, 3);
    lw_store_close(&store);
    unlink(path);
    store = open_store(LW_STORE_WRITE);
    assert_int_equal(lw_exchange_import(store, text, length, "x", &added, &skipped), LW_OK);
    assert_int_equal(added, 3);
    char *again = export_text(store, &again_length);
    assert_string_equal(text, again);
    // A line that is cut off: the sentence names it, and nothing is added.
    lw_store_close(&store);
    unlink(path);
    store = open_store(LW_STORE_WRITE);
    assert_int_equal(lw_exchange_import(store, text, length - 20, "x", &added, &skipped),
                     LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "x:3:"));
    free(again);
    again = export_text(store, &again_length);
    assert_int_equal(again_length, 0);
    free(again);
    free(text);
    lw_store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_come_back),
        TEST(machines_are_kept_apart),
        TEST(a_run_is_added_whole_or_not_at_all),
        TEST(writers_do_not_lose_rows),
        TEST(other_files_are_refused),
        TEST(newer_versions_are_refused),
        TEST(damaged_files_are_refused),
        TEST(planted_content_is_refused),
        TEST(locked_files_are_waited_for),
        TEST(missing_and_read_only),
        TEST(old_versions_are_brought_up_to_date),
        TEST(exports_are_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
