// SPDX-License-Identifier: Apache-2.0
// Where the time of a training went, as a table.
#ifndef LW_CLI_TIMES_TABLE_H
#define LW_CLI_TIMES_TABLE_H

#include "report/table.h"

#include <lanewise/train.h>

typedef struct lw_times {
    const lw_train_time *rows;
    size_t n;
    double seconds, images; // of the training: all of them
    double peak_gflops;     // 0: not known
} lw_times;

// A row for each pass of each stage, then the rest, then all of it. *table is owned by the caller.
// `repeat_names`: the stage is named in each of its rows. LW_ERROR_MEMORY.
lw_status lw_times_table(lw_table **table, const lw_times *times, bool repeat_names);

#endif
