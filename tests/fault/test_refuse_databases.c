// SPDX-License-Identifier: Apache-2.0
// Commands with a memory of their own while the system refuses one call (refused.h): measured times, a history,
// stores of trials. What was in it stays, what is new is there or not, and the same command works the next time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/program.h"
#include "cli/small_run.h"
#include "fault/databases.h"
#include "fault/refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Where nothing else takes the machine away, a problem takes milliseconds.
#define TUNE "tune", "--threads=1", "--layout=nchw", "--passes=fwd", "--budget=60s"

static program_result run_sweep(const char *folder)
{
    return program_run("sweep", "lab_small", "--data", "small", "--train-limit", "100", "--epochs",
                       "1", "--validation", "20", "--batch", "16", "--lr", "1e-3,1e-2", "--trials",
                       "2", "--on", "1", "--out", folder, "--quiet", NULL);
}

static program_result run_study(const char *folder)
{
    return program_run("study", "run", "tiny.study", "--on", "1", "--out", folder, "--quiet", NULL);
}

static void expect_success(program_result result)
{
    expect_code(&result, 0);
    program_free(&result);
}

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    databases_make_runs();
    write_text("tiny.study", "title A tiny study\nabout It tries two rates.\nseeds 1\n"
                             "network lab_small\ndata small\nvalidation 20\ntrain-limit 100\n"
                             "epochs 1\nbatch 16\ncompare test_accuracy\n"
                             "arm low A low rate\nlr 1e-4\narm high A high rate\nlr 1e-2\n");
    expect_exit(0, TUNE, "mb1ic3ih6oc4oh6kh3ph1", "mb1ic2ih6oc4oh6kh1ph0", NULL);
    refused_shell("mv conv-tuning.txt tuned.txt");
    expect_exit(0, "track", "record", "--run=record", "r1", "--history=h.db", NULL);
    refused_shell("mv h.db one.db");
    expect_success(databases_train_seeds("whole"));
    expect_success(run_sweep("whole-sweep"));
    expect_success(run_study("whole-study"));
    return 0;
}

// ---- tune ---------------------------------------------------------------------------------------

static program_result tune(void)
{
    return program_run(TUNE, "mb1ic3ih5oc4oh5kh3ph1", NULL);
}

static void check_tuned(const program_result *result, const char *fault)
{
    program_result listed = program_run("tune", "--list", "--json", NULL);
    if (listed.exit_code != 0) fail_msg("%s: the times cannot be read: %s", fault, listed.err);
    cJSON *json = json_parse(listed.out);
    const int n = cJSON_GetArraySize(json_member(json, "entries"));
    if (n != 3 && (n != 2 || result->exit_code == 0))
        fail_msg("%s: exit code %d, and %d entries\n%s", fault, result->exit_code, n, result->err);
    cJSON_Delete(json);
    program_free(&listed);
}

// ---- track record -------------------------------------------------------------------------------

static program_result record(void)
{
    return program_run("track", "record", "--run=record", "r2", "--history=h.db", NULL);
}

static void check_recorded(const program_result *result, const char *fault)
{
    const int n = count_records(fault);
    if (n != 2 && (n != 1 || result->exit_code == 0))
        fail_msg("%s: exit code %d, and %d records", fault, result->exit_code, n);
}

// The first one: without success there is no history, or one that takes the next record.
static void check_first_recorded(const program_result *result, const char *fault)
{
    expect_sound_database("h.db", fault);
    if (result->exit_code == 0 && count_records(fault) != 1)
        fail_msg("%s: success without a record", fault);
    program_result again = record();
    if (again.exit_code != 0) fail_msg("%s: the next time: %s", fault, again.err);
    program_free(&again);
}

// ---- trials -------------------------------------------------------------------------------------

static program_result train_seeds(void)
{
    return databases_train_seeds("trials");
}

static void check_seeds(const program_result *result, const char *fault)
{
    program_result again = train_seeds();
    if (again.exit_code != 0) fail_msg("%s: the next time: %s", fault, again.err);
    program_free(&again);
    expect_whole_seeds("trials", fault);
    (void)result;
}

static program_result sweep(void)
{
    return run_sweep("trials");
}

static program_result study(void)
{
    return run_study("trials");
}

static void expect_same(const char *whole, const char *file, const char *fault)
{
    char command[256];
    snprintf(command, sizeof command, "cmp -s %s/%s trials/%s", whole, file, file);
    if (system(command) != 0) fail_msg("%s: %s is missing or another one", fault, file);
}

static void check_sweep(const program_result *result, const char *fault)
{
    program_result again = sweep();
    if (again.exit_code != 0) fail_msg("%s: the next time: %s", fault, again.err);
    program_free(&again);
    expect_sound_database("trials/trials.db", fault);
    expect_same("whole-sweep", "trial-1/model.safetensors", fault);
    expect_same("whole-sweep", "trial-2/model.safetensors", fault);
    (void)result;
}

static void check_study(const program_result *result, const char *fault)
{
    program_result again = study();
    if (again.exit_code != 0) fail_msg("%s: the next time: %s", fault, again.err);
    program_free(&again);
    expect_sound_database("trials/trials.db", fault);
    refused_shell("test -s trials/study.json && test -s trials/report.html");
    (void)result;
}

static const refused_subject subjects[] = {
    {"tune", "cp tuned.txt conv-tuning.txt", tune, check_tuned},
    {"record", "rm -f h.db*; cp one.db h.db", record, check_recorded},
    {"first record", "rm -f h.db*", record, check_first_recorded},
    {"seeds", "rm -rf trials", train_seeds, check_seeds},
    {"sweep", "rm -rf trials", sweep, check_sweep},
    {"study", "rm -rf trials", study, check_study},
};

static void each_call_may_be_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) refused_try(&subjects[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_call_may_be_refused)};
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
