// SPDX-License-Identifier: Apache-2.0
// `lanewise train --seeds` as a user runs it: the same bits as alone, nothing trained twice, nothing
// lost when it is interrupted or killed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/program.h"
#include "cli/small_run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL                                                                                      \
    "train", "lab_small", "--data", "small", "--train-limit", "300", "--epochs", "2", "--lr",      \
        "0.003"

static cJSON *run_seeds(const char *seeds, const char *on, const char *out)
{
    program_result result =
        program_run(SMALL, "--seeds", seeds, "--on", on, "--out", out, "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    program_free(&result);
    return json;
}

static void each_seed_has_the_bits_of_a_run_alone(void **state)
{
    (void)state;
    cJSON *json = run_seeds("3", "2", "set");
    assert_true(json_number(json, "trained") == 3 && json_number(json, "found") == 0);
    const cJSON *seeds = json_member(json, "seeds"), *item;
    assert_int_equal(cJSON_GetArraySize(seeds), 3);
    int seed = 0;
    cJSON_ArrayForEach(item, seeds)
    {
        char name[32], number[16], alone[64], together[64];
        seed++;
        assert_true(json_number(item, "seed") == seed);
        assert_string_equal(json_word(item, "status"), "finished");
        snprintf(name, sizeof name, "alone-%d", seed);
        snprintf(number, sizeof number, "%d", seed);
        expect_exit(0, SMALL, "--seed", number, "--out", name, "--quiet", NULL);
        snprintf(alone, sizeof alone, "%s/model.safetensors", name);
        snprintf(together, sizeof together, "%s/model.safetensors",
                 json_word(item, "run_directory"));
        expect_same_files(alone, together);
        snprintf(alone, sizeof alone, "%s/metrics.json", name);
        cJSON *metrics = json_parse_file(alone);
        assert_true(json_number(metrics, "test_accuracy") == json_number(item, "test_accuracy"));
        assert_true(json_number(metrics, "test_loss") == json_number(item, "test_loss"));
        cJSON_Delete(metrics);
    }
    // The bits differ between seeds, so that the comparison says something.
    cJSON *first = cJSON_GetArrayItem(seeds, 0), *second = cJSON_GetArrayItem(seeds, 1);
    assert_true(json_number(first, "test_loss") != json_number(second, "test_loss"));
    cJSON_Delete(json);
}

static void finished_seeds_are_not_trained_again(void **state)
{
    (void)state;
    cJSON *json = run_seeds("5", "3", "set");
    assert_true(json_number(json, "trained") == 2 && json_number(json, "found") == 3);
    double sum = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, json_member(json, "seeds")) sum += json_number(item, "test_accuracy");
    const cJSON *test = json_member(json_member(json, "summary"), "test_accuracy");
    assert_true(fabs(json_number(test, "mean") - sum / 5) < 1e-12);
    assert_true(json_number(test, "n") == 5);
    assert_true(json_number(test, "low") <= json_number(test, "mean"));
    assert_true(json_number(test, "high") - json_number(test, "mean") > 0);
    cJSON_Delete(json);
    json = run_seeds("5", "1", "set"); // however many at once
    assert_true(json_number(json, "trained") == 0 && json_number(json, "found") == 5);
    cJSON_Delete(json);
    // Other settings are other trials, with names of their own; the old ones stay.
    program_result result =
        program_run(SMALL, "--seeds", "1", "--batch", "8", "--out", "set", NULL);
    expect_code(&result, 0);
    assert_true(is_there("set/seed-1-2/model.safetensors"));
    assert_true(is_there("set/seed-1/model.safetensors"));
    program_free(&result);
    // A run directory that has gone is made again.
    assert_int_equal(remove("set/seed-2/model.safetensors"), 0);
    expect_exit(0, "eval", "set/seed-1", "--quiet", NULL);
}

static void a_table_for_people(void **state)
{
    (void)state;
    program_result result = program_run(SMALL, "--seeds", "2", "--seed", "7", "--measure", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "deviation"));
    assert_true(contains(result.out, "95 % from"));
    assert_true(contains(result.out, "images/s together, "));
    assert_true(contains(result.out, " times one alone ("));
    assert_true(contains(result.out, "the runs are in runs/lab_small-seeds-1"));
    assert_true(contains(result.err, "2 of 2: seed-"));
    assert_true(is_there("runs/lab_small-seeds-1/seed-8/metrics.json"));
    expect_narrow(result.out, 100);
    program_free(&result);
    // The same command finds everything; another one gets a folder of its own.
    result = program_run(SMALL, "--seeds", "2", "--seed", "7", NULL);
    assert_true(contains(result.out, "2 of 2 trainings were finished before"));
    assert_true(contains(result.out, "the runs are in runs/lab_small-seeds-1"));
    program_free(&result);
    result = program_run(SMALL, "--seeds", "1", "--batch", "8", "--quiet", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "test accuracy "));
    assert_true(is_there("runs/lab_small-seeds-2/seed-1/metrics.json"));
    program_free(&result);
}

#define LONG "train", "lab_small", "--data", "small", "--epochs", "3", "--on", "2"

// Stops a set of six while it runs, once the second one is done, and lets the command go on.
static void interrupt_and_go_on(int signal_number, int exit_code, const char *out)
{
    program_next.interrupt_when = "2 of 6: ";
    program_next.signal = signal_number;
    program_result result = program_run(LONG, "--seeds", "6", "--out", out, NULL);
    expect_code(&result, exit_code);
    if (exit_code > 0) assert_true(contains(result.err, "the same command goes on"));
    program_free(&result);
    result = program_run(LONG, "--seeds", "6", "--out", out, "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_true(json_number(json, "found") >= 2);
    assert_true(json_number(json, "found") + json_number(json, "trained") == 6);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "seeds")), 6);
    const cJSON *item;
    cJSON_ArrayForEach(item, json_member(json, "seeds"))
    {
        char path[128];
        snprintf(path, sizeof path, "%s/model.safetensors", json_word(item, "run_directory"));
        assert_true(is_there(path));
    }
    cJSON_Delete(json);
    program_free(&result);
}

static void an_interrupt_loses_nothing(void **state)
{
    (void)state;
    interrupt_and_go_on(SIGINT, 130, "interrupted");
    // Six run directories, the store and its lock: nothing half-made.
    assert_int_equal(count_entries("interrupted"), 8);
}

static void a_kill_loses_only_what_ran(void **state)
{
    (void)state;
    interrupt_and_go_on(SIGKILL, -1, "killed");
    assert_int_equal(count_entries("killed"), 8);
}

// Two arms of a study that say the same are one training.
static void the_same_wish_twice_is_one_training(void **state)
{
    (void)state;
    write_text("twice.study", "title Twice the same\nabout Two arms that do not differ.\nseeds 2\n"
                              "network lab_small\ndata small\ntrain-limit 200\nepochs 1\n"
                              "compare test_accuracy\narm one One\n    lr 0.003\n"
                              "arm other Other\n    lr 0.003\n");
    program_result result =
        program_run("study", "run", "twice.study", "--out", "twice", "--on", "2", NULL);
    expect_code(&result, 0);
    assert_true(is_there("twice/one-seed-1/model.safetensors"));
    assert_true(is_there("twice/one-seed-2/model.safetensors"));
    assert_false(is_there("twice/other-seed-1"));
    program_free(&result);
}

static void pixels_are_measured_once_for_all(void **state)
{
    (void)state;
    expect_exit(0, SMALL, "--normalize", "data", "--seeds", "2", "--out", "measured", "--quiet",
                NULL);
    expect_exit(0, SMALL, "--normalize", "data", "--seed", "2", "--out", "measured-alone",
                "--quiet", NULL);
    expect_same_files("measured/seed-2/model.safetensors", "measured-alone/model.safetensors");
}

static void wrong_usage_is_refused(void **state)
{
    (void)state;
    expect_failure(2, "--on only has a meaning with --seeds", SMALL, "--on", "2", NULL);
    expect_failure(2, "--measure only has a meaning with --seeds", SMALL, "--measure", NULL);
    expect_failure(2, "--threads: with --seeds every training has one thread", SMALL, "--seeds",
                   "2", "--threads", "2", NULL);
    expect_failure(2, "--time only has a meaning for one training", SMALL, "--seeds", "2", "--time",
                   NULL);
    expect_failure(2, "--seeds: expected a whole number from 1 to 10,000", SMALL, "--seeds", "0",
                   NULL);
    expect_failure(2, "expected a new or empty folder", SMALL, "--seeds", "2", "--out", "small",
                   NULL);
    write_text("a-file", "text");
    expect_failure(2, "a-file: expected a folder", SMALL, "--seeds", "2", "--out", "a-file", NULL);
    expect_failure(2, "none.net", "train", "none.net", "--seeds", "2", NULL);
}

static void two_processes_do_not_train_the_same(void **state)
{
    (void)state;
    int lock;
    expect_exit(0, SMALL, "--seeds", "1", "--out", "locked", "--quiet", NULL);
    assert_int_equal(lw_file_lock("locked/lock", 0, &lock), LW_OK);
    expect_failure(2, "locked: another process is training these trials", SMALL, "--seeds", "2",
                   "--out", "locked", NULL);
    lw_file_unlock(lock);
    expect_exit(0, SMALL, "--seeds", "2", "--out", "locked", "--quiet", NULL);
}

static void a_damaged_store_is_refused(void **state)
{
    (void)state;
    expect_exit(0, SMALL, "--seeds", "1", "--out", "broken", "--quiet", NULL);
    write_text("broken/trials.db", "this is no database, only a text of some length");
    expect_failure(2, "expected a store of trials of lanewise", SMALL, "--seeds", "1", "--out",
                   "broken", NULL);
    assert_true(is_there("broken/seed-1/model.safetensors"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seed_has_the_bits_of_a_run_alone),
        cmocka_unit_test(finished_seeds_are_not_trained_again),
        cmocka_unit_test(a_table_for_people),
        cmocka_unit_test(an_interrupt_loses_nothing),
        cmocka_unit_test(a_kill_loses_only_what_ran),
        cmocka_unit_test(the_same_wish_twice_is_one_training),
        cmocka_unit_test(pixels_are_measured_once_for_all),
        cmocka_unit_test(wrong_usage_is_refused),
        cmocka_unit_test(two_processes_do_not_train_the_same),
        cmocka_unit_test(a_damaged_store_is_refused),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
