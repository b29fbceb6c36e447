// SPDX-License-Identifier: Apache-2.0
// Another program run to its end, with a limit on its time: benchmarks, git, builds.
#ifndef LW_TRACK_PROCESS_H
#define LW_TRACK_PROCESS_H

#include "base/text.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct lw_process_options {
    const char *const *arguments; // NULL-terminated; the first one is the program, sought in PATH
    const char *folder;           // where it runs; NULL: here
    double timeout_seconds;       // it and all that it started are killed then; 0: no limit
    int cpu;                      // the only processor it may use; -1: all
    bool count_instructions;      // where the kernel does that
    bool (*stop)(void *user);     // asked ten times a second; true kills it. NULL: never
    void *user;
} lw_process_options;

typedef struct lw_process_result {
    int exit_code; // -1 when a signal ended it
    int signal;
    bool timed_out;
    double seconds;
    int64_t instructions; // in user space, of all its threads; -1: not counted
    lw_text output;       // what it printed, at most 64 MiB
    lw_text errors;       // the first 64 KiB of what it printed on standard error
} lw_process_result;

// Runs the program. How it ends is no failure of this function; LW_ERROR_INTERRUPTED when `stop`
// said so, LW_ERROR_IO when there is no process to be had. result must be freed in any case.
lw_status lw_process_run(lw_process_result *result, const lw_process_options *options);
void lw_process_free(lw_process_result *result);

// A sentence about a run that did not end with exit code 0: "prog: was ended by signal 11 (...)",
// with the last line that it printed on standard error. LW_OK after exit code 0.
lw_status lw_process_check(const lw_process_result *result, const char *program);

// True when the kernel lets this process count instructions.
bool lw_process_can_count(void);

#endif
