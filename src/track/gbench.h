// SPDX-License-Identifier: Apache-2.0
// Programs built with Google Benchmark, and the JSON that they write.
#ifndef LW_TRACK_GBENCH_H
#define LW_TRACK_GBENCH_H

#include "track/process.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

// What the repetitions of one benchmark took.
typedef struct lw_gbench_series {
    char *name;      // owned
    double *seconds; // of one iteration, one value a repetition; owned
    size_t n;
    char *problem;  // what the benchmark itself complained of; NULL: nothing. Owned
    char label[80]; // what the benchmark says about itself (SetLabel), such as the kernel; ""
} lw_gbench_series;

typedef struct lw_gbench_report {
    lw_gbench_series *series; // in the order of the file; owned
    size_t n;
    // What the file says of the machine and the program; "" and 0 where it does not.
    char date[40], host[80], executable[256];
    char compiler[256]; // of AddCustomContext("lanewise" or "compiler", ...)
    int cpus;
} lw_gbench_report;

// Which of the two times of a benchmark counts. AUTO is the one that the benchmark itself chose: real
// time where its name says so ("/real_time", "/manual_time"), as benchmarks with several threads do,
// else the processor's time, in which waiting for other processes is not contained.
typedef enum lw_gbench_clock { LW_GBENCH_AUTO, LW_GBENCH_REAL, LW_GBENCH_CPU } lw_gbench_clock;

// Reads the JSON of Google Benchmark (any version of its format). `source` begins the message.
// Benchmarks with repetitions give those; of one that has only aggregates, the median. Times that
// are zero, negative or no numbers are a problem of that benchmark. LW_ERROR_INPUT, LW_ERROR_MEMORY.
lw_status lw_gbench_parse(lw_gbench_report *report, const char *text, size_t length,
                          lw_gbench_clock clock, const char *source);
void lw_gbench_free(lw_gbench_report *report);
const lw_gbench_series *lw_gbench_find(const lw_gbench_report *report, const char *name);

// How benchmark programs are run.
typedef struct lw_gbench_options {
    double timeout_seconds;
    int cpu; // -1: all
    lw_gbench_clock clock;
    double slice_seconds; // the least time of a repetition
    int repetitions;
    bool (*stop)(void *user);
    void *user;
} lw_gbench_options;

typedef struct lw_name_list {
    char **names; // owned
    size_t n;
} lw_name_list;

// The names of a program's benchmarks that match `filter` (an extended regular expression; NULL:
// all). LW_ERROR_INPUT: it is no benchmark program, it fails, it hangs, it has none. The filter is
// applied here, so that a program is asked the same question whatever its version.
lw_status lw_gbench_list(lw_name_list *list, const char *program, const char *filter,
                         const lw_gbench_options *options);
void lw_names_free(lw_name_list *list);

// Appends the option that chooses just this benchmark: "--benchmark_filter=^name$", with everything
// that means something in a regular expression taken literally.
void lw_gbench_print_filter(lw_text *text, const char *name);

// Runs one benchmark, or all that match the expression (`exact` false). *wall_seconds (may be NULL)
// is the time that the process took.
lw_status lw_gbench_run(lw_gbench_report *report, double *wall_seconds, const char *program,
                        const char *name, bool exact, const lw_gbench_options *options);

typedef enum lw_counter { LW_COUNTER_KERNEL, LW_COUNTER_VALGRIND } lw_counter;

// Instructions of one call of a benchmark with one iteration, its own preparations included: from
// the difference of runs with one and with five calls, so that the start of the program does not
// count. LW_ERROR_UNSUPPORTED where they cannot be counted.
lw_status lw_gbench_instructions(double *instructions, const char *program, const char *name,
                                 lw_counter counter, const lw_gbench_options *options);

#endif
