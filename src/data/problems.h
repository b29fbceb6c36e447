// SPDX-License-Identifier: Apache-2.0
// What is wrong with the files of a data set: sentences that are collected, and then either the
// reason why it is refused or the list of what was left out.
#ifndef LW_DATA_PROBLEMS_H
#define LW_DATA_PROBLEMS_H

#include <lanewise/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_data_problem {
    char *sentence;   // owned
    uint64_t place;   // where it belongs in the list: problems come from several threads
    lw_status status; // what a call that fails for it returns
} lw_data_problem;

// Starts as {0}.
typedef struct lw_data_problems {
    lw_data_problem *list;
    size_t count, capacity;
} lw_data_problems;

// Copies the sentence. LW_ERROR_MEMORY.
lw_status lw_data_problems_add(lw_data_problems *problems, uint64_t place, lw_status status,
                               const char *sentence);

// Brings them into the order of their places; those of one place stay in theirs.
void lw_data_problems_sort(lw_data_problems *problems);

// Fails with the first sentence and how many others there are; LW_OK when there is none.
lw_status lw_data_problems_fail(const lw_data_problems *problems);

void lw_data_problems_free(lw_data_problems *problems);

#endif
