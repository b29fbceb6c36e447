// SPDX-License-Identifier: Apache-2.0
// Runs side by side: read, checked, and put together by recipe, so that several seeds of one are one line
// of a table and one curve.
#ifndef LW_CLI_REPORT_RUNS_H
#define LW_CLI_REPORT_RUNS_H

#include "base/text.h"
#include "run/run_summary.h"
#include "study/summary.h"

#include <lanewise/metrics.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

// Runs that differ in nothing but their seeds.
typedef struct lw_run_group {
    char label[128];       // what tells it from the other groups: "fixed, learning rate 0.006"
    lw_run_summary **runs; // in the order in which they were named; the array is owned
    size_t n;
    double *room;                       // (n) for whoever summarizes a figure of the runs; owned
    lw_summary train, validation, test; // accuracies
    lw_summary test_loss, seconds, images_per_second;
    lw_metrics confusion; // of all runs together; classes 0 where they have none
} lw_run_group;

typedef struct lw_run_set {
    lw_run_summary **runs;
    size_t n;
    lw_run_group *groups; // in the order of their first runs
    size_t n_groups;
    bool narrow; // tables are for a terminal
} lw_run_set;

// Reads the runs and groups them; lw_run_set_free in any case. Runs that were judged on different data are
// refused unless `anyway`. Failures as of lw_run_summary_read.
lw_status lw_run_set_read(lw_run_set *set, const char *const *paths, size_t n, bool anyway);
void lw_run_set_free(lw_run_set *set);

// The accuracies that the set is judged by, those of the test images where there are any, else those of
// validation, else of training; and the word for it.
const lw_summary *lw_run_group_result(const lw_run_set *set, const lw_run_group *group);
double lw_run_result(const lw_run_set *set, const lw_run_summary *run); // of a single run
const char *lw_run_set_judge(const lw_run_set *set);

// Whether an interval says something: that of two runs is wider than any axis.
bool lw_summary_has_interval(const lw_summary *summary);

// The group with the best result.
const lw_run_group *lw_run_set_best(const lw_run_set *set);

// The last part of a run's path, or all of it where another run of the set ends in the same.
const char *lw_run_name(const lw_run_set *set, const lw_run_summary *run);

// One setting of a run as words: "learning rate" and "0.006".
typedef struct lw_run_setting {
    char key[64], value[128];
} lw_run_setting;

// The settings that a recipe is made of, in the order of config.json, at most `capacity`; returns how many.
size_t lw_run_settings(const lw_run_summary *run, lw_run_setting *settings, size_t capacity);

#endif
