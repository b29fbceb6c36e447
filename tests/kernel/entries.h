// SPDX-License-Identifier: Apache-2.0
// The kernels of simd/kernels.def, each with its check and its place in a table.
#ifndef LW_TESTS_KERNEL_ENTRIES_H
#define LW_TESTS_KERNEL_ENTRIES_H

#include "kernel/check.h"

typedef void (*lw_any_kernel)(void);

typedef struct lw_check_entry {
    const char *slot, *family;
    const lw_check_kernel *check; // NULL when nobody wrote one
} lw_check_entry;

int lw_check_n_entries(void);
lw_check_entry lw_check_entry_at(int index);

// A table's function for an entry, to see whether there is one and whether two are the same.
lw_any_kernel lw_check_entry_function(const lw_kernel_table *table, int index);

// A check whose kernel is not in the list; NULL when there is none.
const char *lw_check_without_kernel(void);

#endif
