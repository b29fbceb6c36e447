// SPDX-License-Identifier: Apache-2.0
// Trainings while the system refuses one call (refused.h): no file is damaged, and what is left unfinished can be
// gone on with.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"
#include "fault/refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RUN_OPTIONS                                                                                \
    "lab_small", "--data", "small", "--train-limit", "300", "--validation", "40", "--batch", "16", \
        "--epochs", "2", "--threads", "2", "--augment", "rotate=5"

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    expect_exit(0, "train", RUN_OPTIONS, "--out", "whole", "--quiet", NULL);
    // One that was stopped: files get their names in the order network (twice), options, checkpoints.
    refused_begin("rename 6");
    expect_failure(1, "to go on from the last checkpoint", "train", RUN_OPTIONS, "--checkpoint",
                   "4steps", "--out", "stopped", NULL);
    refused_end();
    assert_true(is_there("stopped.partial/checkpoint-2.safetensors"));
    return 0;
}

// ---- the commands -------------------------------------------------------------------------------

static program_result run_train(void)
{
    return program_run("train", RUN_OPTIONS, "--checkpoint", "5steps", "--out", "run", NULL);
}

static program_result run_resume(void)
{
    return program_run("train", "--resume", "run", "--checkpoint", "5steps", NULL);
}

static program_result run_eval(void)
{
    return program_run("eval", "whole", "--quiet", NULL);
}

static void expect_same_model(const char *fault)
{
    if (system("cmp whole/model.safetensors run/model.safetensors >/dev/null 2>&1") != 0)
        fail_msg("%s: the model is another one, or incomplete", fault);
    if (count_entries("run") < 5) fail_msg("%s: the run is incomplete", fault);
}

// The run is whole, or it is unfinished and can be gone on with, or there is nothing at all.
static void check_run(const program_result *result, const char *fault)
{
    if (result->exit_code == 0 && !is_there("run")) fail_msg("%s: success without a run", fault);
    if (is_there("run")) {
        expect_same_model(fault);
        return;
    }
    if (!is_there("run.partial/resume.json")) return;
    program_result again = program_run("train", "--resume", "run", "--quiet", NULL);
    if (again.exit_code != 0) fail_msg("%s: it cannot be gone on with: %s", fault, again.err);
    program_free(&again);
    expect_same_model(fault);
}

static void check_eval(const program_result *result, const char *fault)
{
    static char *expected;
    if (!expected && result->exit_code == 0) expected = strdup(result->out);
    if (result->exit_code == 0 && strcmp(expected, result->out) != 0)
        fail_msg("%s: success with other figures", fault);
}

static const refused_subject subjects[] = {
    {"train", "rm -rf run run.partial", run_train, check_run},
    {"resume", "rm -rf run run.partial; cp -r stopped.partial run.partial", run_resume, check_run},
    {"eval", "true", run_eval, check_eval},
};
enum { n_subjects = sizeof subjects / sizeof *subjects };

static void each_call_may_be_refused(void **state)
{
    (void)state;
    refused_shell("cp -r whole before; cp -r stopped.partial before.partial");
    for (size_t i = 0; i < n_subjects; i++) refused_try(&subjects[i]);
    // What was there before is as it was.
    refused_shell("diff -r whole before && diff -r stopped.partial before.partial");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_call_may_be_refused)};
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
