// SPDX-License-Identifier: Apache-2.0
// The program when the system refuses one call: each open, read, write, fsync, rename, memory, thread ... in its
// turn. It never crashes; it either does its work all the same, or says why not in a sentence; no file is damaged,
// and what is left unfinished can be gone on with. LANEWISE_TEST_FAULTS says how many calls of each function are
// tried, spread over all of them (0: every one).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const functions[] = {"open",      "read",          "write",  "fsync",
                                        "close",     "rename",        "mkdir",  "opendir",
                                        "ftruncate", "fopen",         "malloc", "calloc",
                                        "realloc",   "aligned_alloc", "mmap",   "pthread_create"};
enum { n_functions = sizeof functions / sizeof *functions };

// A command, what it starts from, and what holds after it. `check` fails the test.
typedef struct subject {
    const char *name, *prepare; // for the shell; NULL: nothing
    program_result (*run)(void);
    void (*check)(const program_result *result, const char *fault);
} subject;

#define RUN_OPTIONS                                                                                \
    "lab_small", "--data", "small", "--train-limit", "300", "--validation", "40", "--batch", "16", \
        "--epochs", "2", "--threads", "2", "--augment", "rotate=5"

static void shell(const char *command)
{
    if (system(command) != 0) fail_msg("%s failed", command);
}

static void refuse(const char *fault)
{
    setenv("LD_PRELOAD", LW_REFUSE_LIBRARY, 1);
    setenv("LANEWISE_REFUSE", fault, 1);
}

static void refuse_nothing(void)
{
    unsetenv("LD_PRELOAD");
    unsetenv("LANEWISE_REFUSE");
    unsetenv("LANEWISE_REFUSE_COUNTS");
}

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    expect_exit(0, "train", RUN_OPTIONS, "--out", "whole", "--quiet", NULL);
    // One that was stopped: files get their names in the order network (twice), options, checkpoints.
    refuse("rename 6");
    expect_failure(1, "to go on from the last checkpoint", "train", RUN_OPTIONS, "--checkpoint",
                   "4steps", "--out", "stopped", NULL);
    refuse_nothing();
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

static const subject subjects[] = {
    {"train", "rm -rf run run.partial", run_train, check_run},
    {"resume", "rm -rf run run.partial; cp -r stopped.partial run.partial", run_resume, check_run},
    {"eval", "true", run_eval, check_eval},
};
enum { n_subjects = sizeof subjects / sizeof *subjects };

// ---- the faults ---------------------------------------------------------------------------------

// Runs with the library; `fault` NULL: only counts.
static program_result run_with(const subject *s, const char *fault)
{
    shell(s->prepare);
    refuse(fault ? fault : "");
    if (!fault) setenv("LANEWISE_REFUSE_COUNTS", "counts.txt", 1);
    program_result result = s->run();
    refuse_nothing();
    return result;
}

static void try_fault(const subject *s, const char *fault)
{
    program_result result = run_with(s, fault);
    if (result.exit_code < 0)
        fail_msg("%s, %s: ended by signal %d\n%s", s->name, fault, result.signal, result.err);
    if (result.exit_code != 0 && !strstr(result.err, "lanewise: ") &&
        !strstr(result.err, "libgomp: "))
        fail_msg("%s, %s: exit code %d without a sentence\n%s", s->name, fault, result.exit_code,
                 result.err);
    s->check(&result, fault);
    program_free(&result);
}

static long count_of(const char *function)
{
    char *text = read_text("counts.txt"), line[64];
    snprintf(line, sizeof line, "%s ", function);
    const char *at = text;
    while (at && strncmp(at, line, strlen(line)) != 0) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    const long count = at ? atol(at + strlen(line)) : 0;
    free(text);
    return count;
}

static void try_subject(const subject *s)
{
    const char *wish = getenv("LANEWISE_TEST_FAULTS");
    const long most = wish && *wish ? atol(wish) : 3;
    long tried = 0;
    program_result result = run_with(s, NULL);
    if (result.exit_code != 0) fail_msg("%s: %s", s->name, result.err);
    s->check(&result, "no fault");
    program_free(&result);
    for (size_t f = 0; f < n_functions; f++) {
        const long count = count_of(functions[f]);
        const long tries = most == 0 || most > count ? count : most;
        for (long i = 0; i < tries; i++) {
            char fault[64];
            // Spread over all calls, from the first to the last.
            const long call = tries > 1 ? 1 + i * (count - 1) / (tries - 1) : 1;
            snprintf(fault, sizeof fault, "%s %ld", functions[f], call);
            try_fault(s, fault);
            tried++;
        }
    }
    print_message("%s: %ld refused calls\n", s->name, tried);
}

static void each_call_may_be_refused(void **state)
{
    (void)state;
    shell("cp -r whole before; cp -r stopped.partial before.partial");
    for (size_t i = 0; i < n_subjects; i++) try_subject(&subjects[i]);
    // What was there before is as it was.
    shell("diff -r whole before && diff -r stopped.partial before.partial");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_call_may_be_refused)};
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
