// SPDX-License-Identifier: Apache-2.0
#include "fault/refused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const functions[] = {
    "open",    "read",      "write",   "fsync",         "close",  "rename",        "mkdir",
    "opendir", "ftruncate", "unlink",  "pread",         "pwrite", "fdatasync",     "fopen",
    "malloc",  "calloc",    "realloc", "aligned_alloc", "mmap",   "pthread_create"};
enum { n_functions = sizeof functions / sizeof *functions };

void refused_shell(const char *command)
{
    if (system(command) != 0) fail_msg("%s failed", command);
}

void refused_begin(const char *fault)
{
    setenv("LD_PRELOAD", LW_REFUSE_LIBRARY, 1);
    setenv("LANEWISE_REFUSE", fault, 1);
}

void refused_end(void)
{
    unsetenv("LD_PRELOAD");
    unsetenv("LANEWISE_REFUSE");
    unsetenv("LANEWISE_REFUSE_COUNTS");
}

// Runs with the library; `fault` NULL: only counts.
static program_result run_with(const refused_subject *s, const char *fault)
{
    refused_shell(s->prepare);
    refused_begin(fault ? fault : "");
    if (!fault) setenv("LANEWISE_REFUSE_COUNTS", "counts.txt", 1);
    program_result result = s->run();
    refused_end();
    return result;
}

static void try_fault(const refused_subject *s, const char *fault)
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

void refused_try(const refused_subject *s)
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
