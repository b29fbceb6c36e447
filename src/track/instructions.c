// SPDX-License-Identifier: Apache-2.0
// Instruction counts of benchmarks. They do not depend on what else runs, so they tell a change of
// the program from a change of the machine; but they know nothing of caches and clocks.
#include "base/error.h"
#include "track/gbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Callgrind's summary line on standard error: "==123== Collected : 12345".
static double collected(const lw_text *errors)
{
    const char *line = errors->bytes ? strstr(errors->bytes, "Collected : ") : NULL;
    return line ? strtod(line + strlen("Collected : "), NULL) : -1;
}

// Instructions of a whole process with so many calls of the benchmark, each of one iteration: with
// a least time of nothing the first attempt is long enough.
static lw_status count_process(double *count, const char *program, const char *filter, int calls,
                               lw_counter counter, const lw_gbench_options *options)
{
    char repetitions[64];
    snprintf(repetitions, sizeof repetitions, "--benchmark_repetitions=%d", calls);
    const char *const words[] = {"valgrind",
                                 "--tool=callgrind",
                                 "--callgrind-out-file=/dev/null",
                                 program,
                                 filter,
                                 "--benchmark_min_time=0.000000001",
                                 repetitions,
                                 NULL};
    const bool valgrind = counter == LW_COUNTER_VALGRIND;
    const lw_process_options process = {.arguments = valgrind ? words : words + 3,
                                        .timeout_seconds = 60 * options->timeout_seconds,
                                        .cpu = options->cpu,
                                        .count_instructions = !valgrind,
                                        .stop = options->stop,
                                        .user = options->user};
    lw_process_result result;
    lw_status status = lw_process_run(&result, &process);
    if (!status) status = lw_process_check(&result, valgrind ? "valgrind" : program);
    *count = valgrind ? collected(&result.errors) : (double)result.instructions;
    if (!status && *count < 0)
        status = lw_fail(LW_ERROR_UNSUPPORTED, "%s: %s counted no instructions", program,
                         valgrind ? "valgrind" : "the kernel");
    lw_process_free(&result);
    return status;
}

lw_status lw_gbench_instructions(double *instructions, const char *program, const char *name,
                                 lw_counter counter, const lw_gbench_options *options)
{
    enum { calls = 5 };
    char path[4096];
    double one, several;
    lw_text filter = {0};
    *instructions = -1;
    snprintf(path, sizeof path, "%s%s", strchr(program, '/') ? "" : "./", program);
    lw_gbench_print_filter(&filter, name);
    lw_status status = filter.failed ? lw_fail(LW_ERROR_MEMORY, "no memory for a filter") : LW_OK;
    if (!status) status = count_process(&one, path, filter.bytes, 1, counter, options);
    if (!status) status = count_process(&several, path, filter.bytes, calls, counter, options);
    lw_text_free(&filter);
    if (status) return status;
    if (several <= one)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s: %s: more calls took no more instructions",
                       program, name);
    *instructions = (several - one) / (calls - 1);
    return LW_OK;
}
