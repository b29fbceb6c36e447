// SPDX-License-Identifier: Apache-2.0
// What `lanewise tune` prints: what was measured now, and what the user's cache has.
#ifndef LW_CLI_TUNE_REPORT_H
#define LW_CLI_TUNE_REPORT_H

#include "cli/command.h"
#include "cli/conv_options.h"
#include "conv/tune.h"

// One pass of one problem, measured or not.
typedef struct lw_tune_item {
    const lw_problem *problem;
    lw_tune_problem tuned;
} lw_tune_item;

// A network's convolutions, or one problem given by itself: they share a budget.
typedef struct lw_tune_group {
    char name[96];            // of the network; "" for a problem
    lw_problem_list problems; // owned
    lw_tune_item *items;      // owned
    size_t n_items;
    double seconds; // that measuring took
} lw_tune_group;

// One table for all groups.
lw_status lw_tune_print(const lw_tune_group *groups, size_t n, const lw_output *output);
lw_status lw_tune_print_json(const lw_tune_group *groups, size_t n, const char *path,
                             double budget_seconds);

// The entries of a table that belong to this CPU and the kernels in use.
lw_status lw_tune_print_list(const lw_tuned_table *table, const char *path,
                             const lw_output *output);

#endif
