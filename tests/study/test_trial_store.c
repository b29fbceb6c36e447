// SPDX-License-Identifier: Apache-2.0
// The store of trials: what goes in comes out, a process that is killed loses only what it was at, and
// files that are no good are refused and left as they were.
#define _XOPEN_SOURCE 700
#include "base/error.h"
#include "base/file.h"
#include "study/trial_store.h"
#include "support/folder.h"

#include <lanewise/status.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

static char path[2 * path_bytes];

static int enter(void **state)
{
    if (enter_folder(state)) return -1;
    snprintf(path, sizeof path, "%s/runs/t.db", folder); // a folder that is made
    return 0;
}

static lw_trial_store *open_store(void)
{
    lw_trial_store *store;
    if (lw_trial_store_open(&store, path)) fail_msg("%s", lw_error_message());
    return store;
}

enum { n_epochs = 3, classes = 3 };

// A trial whose figures follow from its seed; texts and arrays are static.
static lw_trial make_trial(uint64_t seed)
{
    static lw_epoch_result epochs[n_epochs];
    static int64_t confusion[classes * classes];
    static lw_size_metrics sizes[2];
    static char settings[] = "lr=0.001\nit's; DROP TABLE trials", config[] = "{\"a\":1}",
                metrics[] = "{}", place[2 * path_bytes];
    lw_trial trial;
    for (int i = 0; i < n_epochs; i++)
        epochs[i] = (lw_epoch_result){.epoch = i + 1,
                                      .train_loss = 1.0 / (i + 1),
                                      .train_accuracy = 0.9,
                                      .validation_loss = 0.5,
                                      .validation_accuracy = 0.96 + 0.01 * i,
                                      .learning_rate = 1e-3,
                                      .seconds = 2,
                                      .images_per_second = 1000 + (double)seed};
    for (int i = 0; i < classes * classes; i++) confusion[i] = (int64_t)seed * 100 + i;
    sizes[0] = (lw_size_metrics){32, 32, 100, 90, 0.3};
    sizes[1] = (lw_size_metrics){48, 64, 50, 49, 0.1};
    snprintf(place, sizeof place, "%s/runs/seeds/seed-%d", folder, (int)seed);
    lw_trial_clear(&trial);
    trial.settings = settings;
    trial.seed = seed;
    trial.status = LW_TRIAL_FINISHED;
    trial.folder = place;
    trial.begun = 1000;
    trial.ended = 1010;
    trial.seconds = 6;
    trial.images_per_second = 1000;
    trial.train_accuracy = 0.99;
    trial.test_accuracy = 0.98;
    trial.epochs = epochs;
    trial.n_epochs = n_epochs;
    trial.classes = classes;
    trial.confusion = confusion;
    trial.test_sizes = sizes;
    trial.n_test_sizes = 2;
    trial.config = config;
    trial.metrics = metrics;
    return trial;
}

static void add(lw_trial_store *store, uint64_t seed)
{
    const lw_trial trial = make_trial(seed);
    if (lw_trial_store_add(store, &trial)) fail_msg("%s", lw_error_message());
}

static bool find(lw_trial_store *store, uint64_t seed, lw_trial *trial)
{
    bool found;
    if (lw_trial_store_find(store, make_trial(seed).settings, seed, trial, &found))
        fail_msg("%s", lw_error_message());
    return found;
}

static void trials_come_back(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    for (uint64_t seed = 1; seed <= 3; seed++) add(store, seed);
    lw_trial_store_close(&store);
    assert_null(store);
    store = open_store();
    lw_trial got;
    const lw_trial expected = make_trial(2);
    assert_true(find(store, 2, &got));
    assert_string_equal(got.settings, expected.settings);
    assert_int_equal(got.seed, 2);
    assert_int_equal(got.status, LW_TRIAL_FINISHED);
    assert_null(got.failure);
    assert_string_equal(got.folder, expected.folder);
    assert_string_equal(got.config, expected.config);
    assert_true(got.begun == 1000 && got.ended == 1010 && got.seconds == 6);
    assert_true(got.test_accuracy == 0.98 && isnan(got.validation_accuracy) &&
                isnan(got.test_loss));
    assert_int_equal(got.n_epochs, n_epochs);
    for (int i = 0; i < n_epochs; i++) {
        const lw_epoch_result *a = &got.epochs[i], *b = &expected.epochs[i];
        assert_true(a->epoch == b->epoch && a->train_loss == b->train_loss &&
                    a->train_accuracy == b->train_accuracy &&
                    a->validation_loss == b->validation_loss &&
                    a->validation_accuracy == b->validation_accuracy &&
                    a->learning_rate == b->learning_rate && a->seconds == b->seconds &&
                    a->images_per_second == b->images_per_second);
    }
    assert_int_equal(got.classes, classes);
    assert_memory_equal(got.confusion, expected.confusion,
                        classes * classes * sizeof *got.confusion);
    assert_int_equal(got.n_test_sizes, 2);
    assert_true(got.test_sizes[1].width == 64 && got.test_sizes[1].correct == 49);
    lw_trial_free(&got);
    assert_false(find(store, 4, &got));
    lw_trial_free(&got);
    lw_trial_store_close(&store);
}

static void a_trial_takes_the_place_of_its_like(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    add(store, 1);
    lw_trial trial = make_trial(1), got;
    char sentence[] = "the loss is not finite";
    trial.status = LW_TRIAL_FAILED;
    trial.failure = sentence;
    trial.folder = NULL;
    trial.n_epochs = 1;
    trial.confusion = NULL;
    trial.n_test_sizes = 0;
    assert_int_equal(lw_trial_store_add(store, &trial), LW_OK);
    assert_true(find(store, 1, &got));
    assert_int_equal(got.status, LW_TRIAL_FAILED);
    assert_string_equal(got.failure, sentence);
    assert_null(got.folder);
    assert_int_equal(got.n_epochs, 1);
    assert_true(got.classes == 0 && !got.confusion && got.n_test_sizes == 0);
    lw_trial_free(&got);
    int64_t n;
    assert_int_equal(lw_trial_store_count(store, &n), LW_OK);
    assert_int_equal(n, 1);
    lw_trial_store_close(&store);
}

static void store_and_runs_can_move(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    char *place, elsewhere[path_bytes + 16], expected[2 * path_bytes];
    add(store, 1);
    snprintf(expected, sizeof expected, "%s/runs/set-1", folder);
    assert_int_equal(lw_trial_store_folder(store, "a set", NULL, &place), LW_OK);
    assert_null(place);
    assert_int_equal(lw_trial_store_folder(store, "a set", expected, &place), LW_OK);
    assert_string_equal(place, expected);
    free(place);
    // What is there holds.
    assert_int_equal(lw_trial_store_folder(store, "a set", "/other", &place), LW_OK);
    assert_string_equal(place, expected);
    free(place);
    lw_trial_store_close(&store);

    snprintf(elsewhere, sizeof elsewhere, "%s/moved", folder);
    snprintf(expected, sizeof expected, "%s/runs", folder);
    assert_int_equal(rename(expected, elsewhere), 0);
    snprintf(path, sizeof path, "%s/t.db", elsewhere);
    store = open_store();
    lw_trial got;
    assert_true(find(store, 1, &got));
    snprintf(expected, sizeof expected, "%s/seeds/seed-1", elsewhere);
    assert_string_equal(got.folder, expected);
    lw_trial_free(&got);
    lw_trial_store_close(&store);
}

static void a_test_is_remembered(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    char recipe[] = "lr=0.01\n", other[] = "lr=0.02\n";
    lw_test_taken taken;
    assert_int_equal(lw_trial_store_test(store, "a sweep", &taken), LW_OK);
    assert_true(taken.times == 0 && !taken.recipe);
    taken = (lw_test_taken){
        .recipe = recipe, .time = 77, .accuracy = 0.99, .loss = 0.03, .images = 10000};
    assert_int_equal(lw_trial_store_take_test(store, "a sweep", &taken), LW_OK);
    taken.recipe = other;
    assert_int_equal(lw_trial_store_take_test(store, "a sweep", &taken), LW_OK);
    assert_int_equal(lw_trial_store_test(store, "a sweep", &taken), LW_OK);
    assert_string_equal(taken.recipe, other);
    assert_true(taken.times == 2 && taken.accuracy == 0.99 && taken.images == 10000);
    lw_test_taken_free(&taken);
    assert_int_equal(lw_trial_store_test(store, "another", &taken), LW_OK);
    assert_int_equal(taken.times, 0);
    lw_trial_store_close(&store);
}

// A process adds trials and says each time how many it has added; it is killed in the middle. All of them
// are there, whole, and the next process goes on.
static void who_is_killed_loses_nothing(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    lw_trial_store_close(&store);
    uint64_t first = 1;
    for (int kills = 1; kills <= 5; kills++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            if (lw_trial_store_open(&store, path)) _exit(1);
            for (uint64_t seed = first;; seed++) {
                const lw_trial trial = make_trial(seed);
                if (lw_trial_store_add(store, &trial) ||
                    write(ends[1], &seed, sizeof seed) != sizeof seed)
                    _exit(1);
            }
        }
        close(ends[1]);
        uint64_t seed = 0, last = 0;
        for (int i = 0; i < 3 * kills; i++)
            assert_int_equal(read(ends[0], &seed, sizeof seed), sizeof seed);
        usleep(700 * (useconds_t)kills); // at some moment of the next ones
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(ends[0], &seed, sizeof seed) == sizeof seed) last = seed;
        if (last == 0) last = first + 3 * (uint64_t)kills - 1;
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        store = open_store();
        for (uint64_t i = 1; i <= last; i++) {
            lw_trial got;
            assert_true(find(store, i, &got));
            assert_int_equal(got.n_epochs, n_epochs);
            assert_int_equal(got.n_test_sizes, 2);
            lw_trial_free(&got);
        }
        lw_trial_store_close(&store);
        first = last + 1;
    }
}

static void execute(const char *sql)
{
    sqlite3 *database;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message)) fail_msg("%s", message);
    sqlite3_close(database);
}

static void add_named(lw_trial_store *store, const char *settings, uint64_t seed)
{
    char text[128];
    lw_trial trial = make_trial(seed);
    snprintf(text, sizeof text, "%s", settings);
    trial.settings = text;
    assert_int_equal(lw_trial_store_add(store, &trial), LW_OK);
}

// A store of the first version, in which the texts name what is off, or do not know it yet.
static void old_trials_are_found(void **state)
{
    (void)state;
    static const char *const texts[] = {"data x\ntraining {\"epochs\":2,\"clip\":0}\n",
                                        "data x\ntraining {\"epochs\":2,\"patience\":0}\n",
                                        "data x\ntraining {\"epochs\":2,\"clip\":1}\n"};
    static const char now[] = "data x\ntraining {\"epochs\":2}\n";
    char set[128], *place;
    lw_trial_store *store = open_store();
    add_named(store, texts[0], 1);
    add_named(store, texts[1], 1); // twice the same, of two versions
    add_named(store, texts[1], 2);
    add_named(store, texts[2], 3); // another one
    snprintf(set, sizeof set, "seeds\n%s", texts[0]);
    assert_int_equal(lw_trial_store_folder(store, set, "/somewhere", &place), LW_OK);
    free(place);
    lw_trial_store_close(&store);
    execute("PRAGMA user_version = 1");
    store = open_store();
    for (uint64_t seed = 1; seed <= 3; seed++) {
        lw_trial trial;
        bool found;
        assert_int_equal(lw_trial_store_find(store, now, seed, &trial, &found), LW_OK);
        assert_int_equal(found, seed < 3);
        if (found) assert_int_equal(trial.n_epochs, n_epochs);
        lw_trial_free(&trial);
        assert_int_equal(lw_trial_store_find(store, texts[2], seed, &trial, &found), LW_OK);
        assert_int_equal(found, seed == 3);
        lw_trial_free(&trial);
    }
    snprintf(set, sizeof set, "seeds\n%s", now);
    assert_int_equal(lw_trial_store_folder(store, set, NULL, &place), LW_OK);
    assert_string_equal(place, "/somewhere");
    free(place);
    int64_t n;
    assert_int_equal(lw_trial_store_count(store, &n), LW_OK);
    assert_int_equal(n, 4); // nothing was thrown away
    lw_trial_store_close(&store);
}

// ---- files that are no good -------------------------------------------------------------------

static void expect_refused(const char *part)
{
    uint8_t *before, *after;
    size_t n_before, n_after;
    lw_trial_store *store;
    assert_int_equal(lw_file_read(path, 1 << 26, &before, &n_before), LW_OK);
    assert_int_equal(lw_trial_store_open(&store, path), LW_ERROR_INPUT);
    assert_null(store);
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\" in \"%s\"", part, lw_error_message());
    assert_int_equal(lw_file_read(path, 1 << 26, &after, &n_after), LW_OK);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    for (uint64_t seed = 1; seed < 20; seed++) add(store, seed);
    lw_trial_store_close(&store);
    uint8_t *bytes;
    size_t n;
    assert_int_equal(lw_file_read(path, 1 << 26, &bytes, &n), LW_OK);
    assert_int_equal(lw_file_write(path, bytes, n / 2), LW_OK);
    expect_refused("the store of trials is damaged (cut off");
    assert_int_equal(lw_file_write(path, "a text that is no database of any kind", 38), LW_OK);
    expect_refused("expected a store of trials of lanewise");
    assert_int_equal(lw_file_write(path, bytes, n), LW_OK);
    free(bytes);
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "PRAGMA user_version = 99", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(database);
    expect_refused("version 99");
}

static void a_history_is_no_store(void **state)
{
    (void)state;
    lw_trial_store *store = open_store();
    lw_trial_store_close(&store);
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "PRAGMA application_id = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(database);
    expect_refused("got another database");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(trials_come_back, enter, leave_folder),
        cmocka_unit_test_setup_teardown(a_trial_takes_the_place_of_its_like, enter, leave_folder),
        cmocka_unit_test_setup_teardown(store_and_runs_can_move, enter, leave_folder),
        cmocka_unit_test_setup_teardown(a_test_is_remembered, enter, leave_folder),
        cmocka_unit_test_setup_teardown(old_trials_are_found, enter, leave_folder),
        cmocka_unit_test_setup_teardown(who_is_killed_loses_nothing, enter, leave_folder),
        cmocka_unit_test_setup_teardown(bad_files_are_refused, enter, leave_folder),
        cmocka_unit_test_setup_teardown(a_history_is_no_store, enter, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
