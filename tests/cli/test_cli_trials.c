// SPDX-License-Identifier: Apache-2.0
// Seeds, sweeps and studies that are stopped in the middle of a training: it goes on there and ends with the
// same bytes; what does not belong to it is left out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { n_epochs = 4 };

#define LONG                                                                                       \
    "train", "lab_small", "--data", "small", "--validation", "100", "--augment", "rotate=10",      \
        "--schedule", "cosine", "--batch", "32", "--epochs", "4"
#define SEEDS LONG, "--checkpoint", "10steps", "--seeds", "2", "--on", "2"

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    expect_exit(0, LONG, "--seed", "1", "--out", "alone-1", "--quiet", NULL);
    expect_exit(0, LONG, "--seed", "2", "--out", "alone-2", "--quiet", NULL);
    return 0;
}

static void change(const char *store, const char *sql)
{
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(store, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static int number_in(const char *store, const char *sql)
{
    sqlite3 *handle;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(store, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return number;
}

// Two seeds in `out`, finished: the bytes of runs alone, whole curves, nothing left behind.
static void expect_whole(const char *out)
{
    char path[96], alone[64];
    for (int seed = 1; seed <= 2; seed++) {
        snprintf(path, sizeof path, "%s/seed-%d/model.safetensors", out, seed);
        snprintf(alone, sizeof alone, "alone-%d/model.safetensors", seed);
        expect_same_files(alone, path);
        double figures[2];
        for (int i = 0; i < 2; i++) {
            snprintf(path, sizeof path, "%s/seed-%d/metrics.json", i ? out : ".", seed);
            snprintf(alone, sizeof alone, "alone-%d/metrics.json", seed);
            cJSON *metrics = json_parse_file(i ? path : alone);
            figures[i] = json_number(metrics, "test_loss");
            cJSON_Delete(metrics);
        }
        assert_true(figures[0] == figures[1]);
        snprintf(path, sizeof path, "%s/seed-%d", out, seed);
        assert_int_equal(count_entries(path), 6);
    }
    assert_int_equal(count_entries(out), 4); // with the store and its lock
    snprintf(path, sizeof path, "%s/trials.db", out);
    assert_int_equal(number_in(path, "SELECT count(*) FROM epochs"), 2 * n_epochs);
    assert_int_equal(number_in(path, "SELECT count(DISTINCT epoch) FROM epochs"), n_epochs);
}

#ifdef LW_TESTS_ARE_EMULATED
enum { n_attempts = 10, n_moments = 80 };
#else
enum { n_attempts = 10, n_moments = 60 };
#endif

// When to interrupt a run for the i-th time: a little later each time, from a fast machine's first steps to a
// minute. A fast machine may still be done before it was interrupted in its steps; then another attempt is made,
// with moments between those of the others.
static double moment_seconds(int attempt, int i)
{
    return 0.02 * pow(1.15, i + (double)attempt / n_attempts);
}

typedef program_result run_into(const char *out);

// Runs until a run is not interrupted; true when one of them went on in the middle of a training.
static bool interrupt_until_done(run_into *run, const char *out, const int signals[2], int attempt)
{
    int exit_code = -1;
    bool went_on = false;
    for (int i = 0; i < n_moments && exit_code != 0; i++) {
        program_next.signal_after_seconds = moment_seconds(attempt, i);
        program_next.signal = signals[i % 2];
        program_result result = run(out);
        exit_code = result.exit_code;
        if (exit_code != 0 && signals[i % 2] == SIGKILL) assert_int_equal(result.signal, SIGKILL);
        went_on = went_on || strstr(result.err, " goes on in epoch ");
        program_free(&result);
    }
    assert_int_equal(exit_code, 0);
    return went_on;
}

// `out` gets the folder that the last attempt wrote, of the given name and a number.
static void expect_going_on(run_into *run, const char *name, const int signals[2], char out[32])
{
    for (int attempt = 0; attempt < n_attempts; attempt++) {
        snprintf(out, 32, "%s-%d", name, attempt);
        if (interrupt_until_done(run, out, signals, attempt)) return;
    }
    fail_msg("%s: no run went on in the middle of a training", name);
}

static program_result run_seeds(const char *out)
{
    return program_run(SEEDS, "--out", out, NULL);
}

static void a_killed_training_goes_on(void **state)
{
    (void)state;
    char out[32];
    expect_going_on(run_seeds, "killed", (const int[2]){SIGKILL, SIGKILL}, out);
    expect_whole(out);
}

// Stops both seeds in the middle, or before they begin; false where the machine was faster.
static bool interrupt_seeds(const char *out, double seconds)
{
    program_next.signal_after_seconds = seconds;
    program_next.signal = SIGINT;
    program_result result = program_run(SEEDS, "--out", out, NULL);
    const bool stopped = result.exit_code == 130, early = result.signal == SIGINT;
    if (!stopped && !early && result.exit_code != 0)
        fail_msg("exit %d: %s", result.exit_code, result.err);
    if (stopped) assert_true(contains(result.err, "the same command goes on where they were"));
    program_free(&result);
    return stopped || early;
}

// Leaves seed 1 in `out` unfinished, with checkpoints.
static void leave_unfinished(const char *out)
{
    char command[80];
    for (int attempt = 0; attempt < n_attempts; attempt++) {
        for (int i = 0; i < n_moments && interrupt_seeds(out, moment_seconds(attempt, i)); i++) {
            snprintf(command, sizeof command, "ls %s/seed-1.partial/checkpoint-* >/dev/null 2>&1",
                     out);
            if (system(command) == 0) return;
        }
        snprintf(command, sizeof command, "rm -r %s", out);
        assert_int_equal(system(command), 0);
    }
    skip(); // too fast to be stopped in the middle
}

static void an_interrupted_training_goes_on(void **state)
{
    (void)state;
    leave_unfinished("stopped");
    // By hand it cannot be gone on with: the store would not know.
    expect_failure(2, "this is one of several trainings", "train", "--resume", "stopped/seed-1",
                   NULL);
    program_result result = program_run(SEEDS, "--out", "stopped", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "seed-1 goes on in epoch "));
    program_free(&result);
    expect_whole("stopped");
}

// The name is the same, the settings are not.
static void another_training_begins_anew(void **state)
{
    (void)state;
    leave_unfinished("other");
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--validation", "100", "--batch", "16",
                    "--seeds", "1", "--epochs", "1", "--out", "other", NULL);
    expect_code(&result, 0);
    assert_null(strstr(result.err, "goes on"));
    assert_true(is_there("other/seed-1/model.safetensors"));
    assert_false(is_there("other/seed-1.partial"));
    program_free(&result);
    expect_exit(0, SEEDS, "--out", "other", "--quiet", NULL);
    expect_same_files("alone-1/model.safetensors", "other/seed-1-2/model.safetensors");
}

static void what_is_damaged_begins_anew(void **state)
{
    (void)state;
    leave_unfinished("damaged");
    assert_int_equal(system("for f in damaged/seed-1.partial/checkpoint-*; do echo x >$f; done"),
                     0);
    program_result result = program_run(SEEDS, "--out", "damaged", NULL);
    expect_code(&result, 0);
    assert_null(strstr(result.err, "seed-1 goes on in"));
    program_free(&result);
    expect_whole("damaged");
    leave_unfinished("lost");
    write_text("lost/seed-1.partial/log.jsonl", "{\"event\":\"epoch\"}\n");
    expect_exit(0, SEEDS, "--out", "lost", "--quiet", NULL);
    expect_whole("lost");
}

static int count_trained(const char *out, int n_found)
{
    program_result result = program_run(SEEDS, "--out", out, "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const int trained = (int)json_number(json, "trained");
    assert_int_equal((int)json_number(json, "found"), n_found);
    cJSON_Delete(json);
    program_free(&result);
    return trained;
}

// Killed between the name of the run directory and the row in the store.
static void what_the_store_missed_is_taken_into_it(void **state)
{
    (void)state;
    assert_int_equal(count_trained("missed", 0), 2);
    change("missed/trials.db", "PRAGMA foreign_keys = ON; DELETE FROM trials WHERE seed = 1");
    assert_int_equal(number_in("missed/trials.db", "SELECT count(*) FROM epochs"), n_epochs);
    write_text("missed/seed-1/resume.json", "{}");
    write_text("missed/seed-1/checkpoint-3.safetensors", "x");
    assert_int_equal(count_trained("missed", 2), 0);
    expect_whole("missed");
    assert_int_equal(number_in("missed/trials.db",
                               "SELECT count(*) FROM trials WHERE test_accuracy > 0 AND "
                               "seconds > 0 AND length(confusion) = 800 AND classes = 10"),
                     2);
    // Another seed's directory is none of this trial's, nor is one that is damaged.
    change("missed/trials.db", "PRAGMA foreign_keys = ON; DELETE FROM trials");
    assert_int_equal(system("cd missed && mv seed-1 one && mv seed-2 seed-1 && mv one seed-2"), 0);
    assert_int_equal(system("echo '{' >missed/seed-2/metrics.json"), 0);
    assert_int_equal(count_trained("missed", 0), 2);
    expect_same_files("alone-1/model.safetensors", "missed/seed-1-2/model.safetensors");
}

// What is off need not be said, and may be.
static void options_that_are_off_make_no_other_trial(void **state)
{
    (void)state;
    assert_int_equal(count_trained("off", 0), 2);
    expect_exit(0, SEEDS, "--label-smoothing", "0", "--weight-decay", "0", "--out", "off",
                "--quiet", NULL);
    assert_int_equal(count_entries("off"), 4);
    // A store of a version that wrote them all down, and knew fewer.
    change("off/trials.db", "UPDATE settings SET text = replace(text, '\"batch\":32', "
                            "'\"batch\":32,\"unheard_of\":0,\"clip_norm\":0,\"augment\":null'); "
                            "PRAGMA user_version = 1");
    change("off/trials.db", "UPDATE settings SET text = replace(text, ',\"augment\":null', '')");
    assert_int_equal(count_trained("off", 2), 0);
}

static program_result run_study(const char *out)
{
    return program_run("study", "run", "one.study", "--out", out, NULL);
}

// A study, and with it everything that trains a list of trials.
static void a_study_goes_on(void **state)
{
    (void)state;
    char out[32], path[80];
    write_text("one.study", "title One\nabout One arm.\nseeds 1\nnetwork lab_small\ndata small\n"
                            "validation 100\naugment rotate=10\nschedule cosine\nbatch 32\n"
                            "epochs 4\ncheckpoint 10steps\ncompare test_accuracy\narm only Only\n");
    expect_going_on(run_study, "studied", (const int[2]){SIGKILL, SIGTERM}, out);
    snprintf(path, sizeof path, "%s/only-seed-1/model.safetensors", out);
    expect_same_files("alone-1/model.safetensors", path);
    snprintf(path, sizeof path, "%s/trials.db", out);
    assert_int_equal(number_in(path, "SELECT count(*) FROM epochs"), n_epochs);
}

#define SWEEP                                                                                      \
    "sweep", "lab_small", "--data", "small", "--validation", "100", "--epochs", "6", "--batch",    \
        "32", "--lr", "1e-6,1e-5,1e-4,1e-3,1e-2,2e-2", "--trials", "6", "--on", "1"

// One at a time a search has one order, so that stopped and gone on with it chooses the same, and stops the same
// trials after the same epochs.
static void a_search_chooses_the_same(void **state)
{
    (void)state;
    expect_exit(0, SWEEP, "--out", "search-whole", "--no-test", "--quiet", NULL);
    int exit_code = -1;
    for (int i = 0; i < n_moments && exit_code != 0; i++) {
        program_next.signal_after_seconds = moment_seconds(0, i);
        program_next.signal = SIGINT;
        program_result result =
            program_run(SWEEP, "--out", "search-stopped", "--no-test", "--quiet", NULL);
        exit_code = result.exit_code;
        program_free(&result);
    }
    assert_int_equal(exit_code, 0);
    char *whole = read_text("search-whole/best.recipe");
    char *stopped = read_text("search-stopped/best.recipe");
    assert_string_equal(whole, stopped);
    free(whole);
    free(stopped);
    static const char *const figures[] = {
        "SELECT count(*) FROM trials WHERE status = 'stopped'", "SELECT count(*) FROM epochs",
        "SELECT round(sum(validation_loss) * 1000000) FROM trials"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(number_in("search-whole/trials.db", figures[i]),
                         number_in("search-stopped/trials.db", figures[i]));
    assert_true(number_in("search-whole/trials.db", figures[0]) > 0);
    // No folder of a trial that was stopped as hopeless stays.
    assert_int_equal(count_entries("search-whole"), count_entries("search-stopped"));
}

// Whether stopped or not, there are no figures of images that are not there.
static void without_validation_there_are_no_figures_of_it(void **state)
{
    (void)state;
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "200", "--epochs", "2",
                "--validation", "0", "--seeds", "1", "--out", "unjudged", "--quiet", NULL);
    assert_int_equal(number_in("unjudged/trials.db",
                               "SELECT count(*) FROM epochs WHERE validation_accuracy IS NULL "
                               "AND validation_loss IS NULL AND train_loss > 0"),
                     2);
}

static void each_seed_has_curves_of_its_own(void **state)
{
    (void)state;
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "200", "--epochs", "1",
                "--seeds", "2", "--tensorboard", "board", "--out", "watched", "--quiet", NULL);
    assert_int_equal(count_entries("board/watched"), 2);
    assert_int_equal(count_entries("board/watched/seed-1"), 1);
    assert_int_equal(count_entries("board/watched/seed-2"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_training_goes_on),
        cmocka_unit_test(an_interrupted_training_goes_on),
        cmocka_unit_test(another_training_begins_anew),
        cmocka_unit_test(what_is_damaged_begins_anew),
        cmocka_unit_test(what_the_store_missed_is_taken_into_it),
        cmocka_unit_test(options_that_are_off_make_no_other_trial),
        cmocka_unit_test(a_study_goes_on),
        cmocka_unit_test(a_search_chooses_the_same),
        cmocka_unit_test(without_validation_there_are_no_figures_of_it),
        cmocka_unit_test(each_seed_has_curves_of_its_own),
    };
    return cmocka_run_group_tests(tests, make, small_run_remove);
}
