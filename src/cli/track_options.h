// SPDX-License-Identifier: Apache-2.0
// What the commands of `lanewise track` share: options about running benchmark programs, and how a
// comparison is shown.
#ifndef LW_CLI_TRACK_OPTIONS_H
#define LW_CLI_TRACK_OPTIONS_H

#include "cli/common.h"
#include "report/progress.h"
#include "track/gate.h"

#include <cjson/cJSON.h>

// The settings of every command that runs benchmarks.
typedef struct lw_track_settings {
    lw_common_settings common;
    const char *filter, *budget, *margin, *max_slowdown, *timeout, *slice;
    const char *ref, *build; // of ab and gate
    const char *markdown, *junit;
    const char *against, *history, *machine; // of gate
    const char *save;                        // of self-test and ab
    int64_t pin, seed, repetitions, trials;
    int clock; // lw_gbench_clock
    bool instructions, valgrind;
} lw_track_settings;

// How programs are run: --filter --clock --pin --timeout --slice --repetitions --seed.
enum { LW_N_TRACK_RUN_OPTIONS = 7 };
extern const lw_option lw_track_run_option_table[LW_N_TRACK_RUN_OPTIONS];

// Of comparisons: --budget --instructions --valgrind --markdown --junit --build.
enum { LW_N_TRACK_COMPARE_OPTIONS = 6 };
extern const lw_option lw_track_compare_option_table[LW_N_TRACK_COMPARE_OPTIONS];

// Turns the settings into options. LW_ERROR_ARGUMENT with the option's name.
lw_status lw_track_configure(lw_ab_options *options, const lw_track_settings *settings);

// Reads a share in per cent; `option` names it in the message.
lw_status lw_track_read_share(double *fraction, const char *option, const char *text);

// What the two sides of a comparison are.
typedef struct lw_track_sides {
    char paths[LW_AB_SIDES][4400]; // of the programs
    char names[LW_AB_SIDES][64];   // for people: a commit, "working tree"; "": the path
} lw_track_sides;

// Two programs by path: the operands.
lw_status lw_track_sides_given(lw_track_sides *sides, const char *old_path, const char *new_path);

// A commit and the working tree, both built. `program` is a path below the root of the repository;
// NULL: build/release/benchmarks/bench_conv.
lw_status lw_track_sides_built(lw_track_sides *sides, const char *ref, const char *program,
                               const lw_track_settings *settings, const lw_output *output);

// Runs the comparison with a progress bar, shows it, writes --markdown and --junit, and sets the
// exit code: 0 pass, 1 regression, 3 inconclusive.
lw_status lw_track_compare(const lw_track_sides *sides, lw_ab_options *options,
                           const lw_invocation *invocation);

enum { LW_TRACK_EXIT_REGRESSION = 1, LW_TRACK_EXIT_INCONCLUSIVE = 3 };
int lw_track_exit_code(lw_outcome outcome);

// Shows a gate in any form that the user asked for, and sets the exit code. `more` (NULL: nothing) is
// for what the JSON has besides; it passes to this function.
lw_status lw_track_show_gate(const lw_gate *gate, const lw_invocation *invocation, cJSON *more);

// True once Ctrl-C was pressed, for the runs' `stop`.
bool lw_track_stop(void *user);

#endif
