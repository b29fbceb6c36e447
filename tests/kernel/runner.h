// SPDX-License-Identifier: Apache-2.0
// Runs the checks over kernels and tables. A kernel that fails or crashes is marked and the run
// goes on; each failure comes with a line that repeats it.
#ifndef LW_TESTS_KERNEL_RUNNER_H
#define LW_TESTS_KERNEL_RUNNER_H

#include "kernel/check.h"

#include <stdio.h>

typedef struct lw_check_run {
    const char *kernel_pattern; // of the shell's kind: "conv_*"
    const char *isa;            // NULL: all
    uint64_t seed;
    int32_t cases;     // of every kernel and table
    int32_t only_case; // -1: all
    bool quiet;        // only failures
    FILE *out;

    int32_t kernels_run, failures; // results
} lw_check_run;

// Checks all tables; the first is the one the others are compared with. False when something
// failed, also when a kernel of simd/kernels.def has no check or a check no kernel.
bool lw_check_run_all(lw_check_run *run, const lw_kernel_table *const *tables, int n_tables);

// Times the kernels that the pattern names, in turn between the tables, and prints them.
void lw_check_run_bench(const lw_check_run *run, const lw_kernel_table *const *tables,
                        int n_tables);

// One line for every kernel.
void lw_check_list(FILE *out, const char *pattern);

// Whether the run's choice of ISA includes a table.
bool lw_check_takes_table(const lw_check_run *run, const lw_kernel_table *table);

#endif
