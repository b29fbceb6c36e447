// SPDX-License-Identifier: Apache-2.0
// What the commands about the history share: opening it, this machine, and series with their
// change points.
#ifndef LW_CLI_TRACK_HISTORY_H
#define LW_CLI_TRACK_HISTORY_H

#include "base/text.h"
#include "cli/command.h"
#include "track/change_points.h"
#include "track/gbench.h"
#include "track/store.h"

// The settings of every command about the history.
typedef struct lw_history_settings {
    lw_common_settings common;
    const char *history, *machine;
    const char *filter, *out, *svg, *commit, *run, *timeout, *slice;
    int64_t repetitions, pin;
    int clock;
} lw_history_settings;

// --history --machine.
enum { LW_N_HISTORY_OPTIONS = 2 };
extern const lw_option lw_history_option_table[LW_N_HISTORY_OPTIONS];

// This machine as the history knows machines; `name` is what the user calls it, or NULL.
void lw_this_machine(lw_machine *machine, const char *name);

// Which machine's figures are looked at: the one called --machine, else this one, else, with a note,
// that of the latest run. LW_ERROR_INPUT when there is none.
lw_status lw_history_choose_machine(int64_t *key, lw_store *store,
                                    const lw_history_settings *settings, const lw_output *output);

// A run of this machine and this moment, of the commit checked out here (or `commit`, unless NULL).
lw_status lw_history_begin_run(lw_store_run *run, const char *machine, const char *commit);

// Adds a report's benchmarks to the history; those with a problem are noted and left out.
lw_status lw_history_add_report(lw_store *store, const lw_store_run *run,
                                const lw_gbench_report *report, const lw_output *output,
                                size_t *added);

// One benchmark with what happened to it.
typedef struct lw_series {
    char *name, *unit; // owned
    lw_store_point *points;
    size_t n;
    lw_change *changes; // of the medians, in the unit of the series
    size_t n_changes;
} lw_series;

// Reads a series and finds its changes. Times are compared by their logarithms. lw_series_free.
lw_status lw_series_read(lw_series *series, lw_store *store, int64_t machine, const char *name,
                         const char *unit);
void lw_series_free(lw_series *series);

// True where less is better (times), false for accuracies in per cent.
bool lw_series_less_is_better(const lw_series *series);

// "13.2 us" or "98.6 %".
void lw_series_print_value(char text[static 40], double value, const char *unit);

// "abc1234", or "run 17" where no commit is known.
void lw_point_name(char text[static 32], const lw_store_point *point);

// A self-contained SVG line chart of a series: medians, quartiles, levels and changes.
void lw_series_draw(lw_text *out, const lw_series *series);

#endif
