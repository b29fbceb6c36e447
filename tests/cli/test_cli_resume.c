// SPDX-License-Identifier: Apache-2.0
// `lanewise train --checkpoint` and `--resume`: a run that was stopped goes on and ends with the same bytes;
// what would give another run is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Some hundred steps in all; the run that is stopped and the one that is not differ in nothing else.
#define RUN_OPTIONS                                                                                \
    "train", "lab_small", "--data", "small", "--validation", "100", "--augment", "rotate=10",      \
        "--schedule", "cosine", "--batch", "32", "--epochs", "3"

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    expect_exit(0, RUN_OPTIONS, "--out", "whole", "--quiet", NULL);
    return 0;
}

// Leaves an unfinished run of that name with checkpoints, stopped after its first epoch.
static void leave_run(const char *name)
{
    char partial[64], file[128];
    snprintf(partial, sizeof partial, "%s.partial", name);
    program_next.interrupt_when = "epoch 1/100000";
    program_next.signal = SIGTERM;
    expect_failure(128 + SIGTERM, "to go on: ", "train", "lab_small", "--data", "small",
                   "--validation", "100", "--batch", "32", "--epochs", "100000", "--checkpoint",
                   "10steps", "--out", name, NULL);
    assert_true(is_there(partial));
    snprintf(file, sizeof file, "%s/resume.json", partial);
    assert_true(is_there(file));
}

static int newest_checkpoint(const char *partial)
{
    int newest = 0, number;
    const struct dirent *entry;
    DIR *folder = opendir(partial);
    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (sscanf(entry->d_name, "checkpoint-%d.safetensors", &number) == 1 && number > newest)
            newest = number;
    closedir(folder);
    return newest;
}

static void a_stopped_run_goes_on(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    static const char *const threads[] = {"1", "3", "2"};
    for (size_t i = 0; i < 3; i++) {
        program_next.interrupt_when = "epoch 1/3";
        program_next.signal = signals[i];
        program_result result = program_run(RUN_OPTIONS, "--out", "stopped", NULL);
        // A fast machine may be done before the signal comes.
        assert_true(result.exit_code == 128 + signals[i] || result.exit_code == 0);
        if (result.exit_code != 0) {
            assert_true(contains(result.err, "train --resume stopped\n"));
            assert_true(is_there("stopped.partial/resume.json"));
            assert_false(is_there("stopped"));
            program_result resumed =
                program_run("train", "--resume", "stopped", "--threads", threads[i], NULL);
            expect_code(&resumed, 0);
            assert_true(contains(resumed.err, "going on: epoch "));
            assert_true(contains(resumed.out, "the run is in stopped"));
            program_free(&resumed);
        }
        program_free(&result);
        expect_same_files("whole/model.safetensors", "stopped/model.safetensors");
        assert_int_equal(count_entries("stopped"), 6);
        assert_false(is_there("stopped.partial"));
        expect_exit(0, "eval", "stopped", "--quiet", NULL);
        assert_int_equal(system("rm -rf stopped"), 0);
    }
}

// With nothing but the options: before the first checkpoint a run begins anew.
static void a_run_without_a_checkpoint_begins_anew(void **state)
{
    (void)state;
    leave_run("early");
    assert_int_equal(system("rm -f early.partial/checkpoint-*"), 0);
    assert_int_equal(system("sed -i s/100000/1/ early.partial/resume.json"), 0);
    program_result result = program_run("train", "--resume", "early", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "before its first checkpoint and begins anew"));
    program_free(&result);
    expect_exit(0, "train", "lab_small", "--data", "small", "--validation", "100", "--batch", "32",
                "--epochs", "1", "--out", "late", "--quiet", NULL);
    expect_same_files("early/model.safetensors", "late/model.safetensors");
}

// Killed in the third epoch: it goes on at the second one or later, at its first step.
static void epochs_are_an_interval_too(void **state)
{
    (void)state;
    program_next.interrupt_when = "epoch 2/3";
    program_next.signal = SIGKILL;
    program_result result =
        program_run(RUN_OPTIONS, "--checkpoint", "1epoch", "--out", "epochs", NULL);
    if (result.signal == SIGKILL) { // a fast machine may be done before
        program_free(&result);
        result = program_run("train", "--resume", "epochs", "--checkpoint", "2epochs", NULL);
        assert_true(contains(result.err, "going on: epoch 2 of 3 from step 0") ||
                    contains(result.err, "going on: epoch 3 of 3 from step 0") ||
                    contains(result.err, "going on: the training is done"));
    }
    expect_code(&result, 0);
    program_free(&result);
    expect_same_files("whole/model.safetensors", "epochs/model.safetensors");
}

static void what_would_change_the_run_is_refused(void **state)
{
    (void)state;
    leave_run("fixed");
    expect_failure(2, "--epochs cannot be given as well", "train", "--resume", "fixed", "--epochs",
                   "5", NULL);
    expect_failure(2, "--out cannot be given as well", "train", "--resume", "fixed", "--out", "x",
                   NULL);
    expect_failure(2, "expected no NETWORK, got \"lab\"", "train", "lab", "--resume", "fixed",
                   NULL);
    expect_failure(2, "the training images are not those that the run was begun with", "train",
                   "--resume", "fixed", "--data", "digits", NULL);
    expect_failure(2, "fixed: an unfinished run of that name is there", "train", "--data", "small",
                   "--out", "fixed", NULL);
    expect_failure(2, "this run is not finished", "eval", "fixed", NULL);
    expect_failure(2, "this run is finished", "train", "--resume", "whole", NULL);
    expect_failure(2, "none: no such run", "train", "--resume", "none", NULL);
    static const char *const intervals[] = {"0s",        "steps",    "0steps",          "-3s",
                                            "often",     "5parsecs", "epoch",           "0epochs",
                                            "1.5epochs", "2epochss", "3000000000epochs"};
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
        expect_failure(2, "--checkpoint: expected a time as in 30s", "train", "--checkpoint",
                       intervals[i], NULL);
    // Another process has it.
    int log = open("fixed.partial/log.jsonl", O_RDWR);
    assert_true(log >= 0);
    assert_int_equal(flock(log, LOCK_EX | LOCK_NB), 0);
    expect_failure(2, "another process is working on this run", "train", "--resume", "fixed", NULL);
    close(log);
}

static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -1000, SEEK_END), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_int_not_equal(fputc(byte ^ 1, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void damaged_checkpoints_are_named(void **state)
{
    (void)state;
    char path[128];
    leave_run("damaged");
    const int newest = newest_checkpoint("damaged.partial");
    assert_true(newest > 1);
    snprintf(path, sizeof path, "damaged.partial/checkpoint-%d.safetensors", newest);
    damage(path);
    program_next.interrupt_when = "going on: ";
    program_next.signal = SIGINT;
    program_result result = program_run("train", "--resume", "damaged", NULL);
    expect_code(&result, 128 + SIGINT);
    assert_true(contains(result.err, path));
    assert_true(contains(result.err, "the checkpoint before it is taken"));
    program_free(&result);
    const int again = newest_checkpoint("damaged.partial");
    for (int i = again - 1; i <= again; i++) {
        snprintf(path, sizeof path, "damaged.partial/checkpoint-%d.safetensors", i);
        damage(path);
    }
    expect_failure(2, "there is no other one to go on from", "train", "--resume", "damaged", NULL);
    assert_int_equal(newest_checkpoint("damaged.partial"), again);
    // Options that no program wrote.
    static const char *const texts[] = {
        "",
        "{}",
        "{\"version\": 2, \"options\": [], \"network\": \"x\"}",
        "{\"version\": 1, \"options\": [7], \"network\": \"x\"}",
        "{\"version\": 1, \"options\": [\"--nonsense\"], \"network\": \"x\"}",
        "{\"version\": 1, \"options\": [\"word\"], \"network\": \"x\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text("damaged.partial/resume.json", texts[i]);
        expect_failure(2, "resume.json", "train", "--resume", "damaged", NULL);
    }
}

// The disk is full when the first checkpoint is written: nothing is left, as there is nothing to go on with. Later
// ones leave what there is.
static void a_full_disk_keeps_the_last_checkpoint(void **state)
{
    (void)state;
    program_next.file_limit_bytes = 20000; // a checkpoint is larger
    expect_failure(1, "checkpoint-1.safetensors: cannot write: File too large", RUN_OPTIONS,
                   "--checkpoint", "5steps", "--out", "full", NULL);
    assert_false(is_there("full") || is_there("full.partial"));
    leave_run("full");
    program_next.file_limit_bytes = 20000;
    expect_failure(1, "to go on from the last checkpoint: ", "train", "--resume", "full",
                   "--checkpoint", "5steps", NULL);
    program_next.interrupt_when = "going on: ";
    program_next.signal = SIGINT;
    expect_exit(128 + SIGINT, "train", "--resume", "full", NULL);
}

// The same images elsewhere are the same data; other vector instructions are said and no reason to stop.
static void a_moved_run_goes_on(void **state)
{
    (void)state;
    leave_run("moved");
    assert_int_equal(rename("small", "elsewhere"), 0);
    assert_int_equal(mkdir("deeper", 0777), 0);
    assert_int_equal(rename("moved.partial", "deeper/other.partial"), 0);
    expect_failure(2, "small", "train", "--resume", "deeper/other", NULL);
    program_next.interrupt_when = "going on: ";
    program_next.signal = SIGINT;
    program_next.variable = "LANEWISE_MAX_ISA";
    program_next.value = "generic";
    program_result result =
        program_run("train", "--resume", "deeper/other", "--data", "elsewhere", NULL);
    expect_code(&result, 128 + SIGINT);
    assert_true(contains(result.err, "begun with other arithmetic"));
    assert_true(contains(result.err, "generic kernels"));
    program_free(&result);
    assert_int_equal(rename("elsewhere", "small"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_run_goes_on),
        cmocka_unit_test(a_run_without_a_checkpoint_begins_anew),
        cmocka_unit_test(epochs_are_an_interval_too),
        cmocka_unit_test(what_would_change_the_run_is_refused),
        cmocka_unit_test(damaged_checkpoints_are_named),
        cmocka_unit_test(a_full_disk_keeps_the_last_checkpoint),
        cmocka_unit_test(a_moved_run_goes_on),
    };
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
