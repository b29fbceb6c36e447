// SPDX-License-Identifier: Apache-2.0
// The table of where the time of a training run went, from what its threads have booked.
#ifndef LW_TRAIN_TIMES_H
#define LW_TRAIN_TIMES_H

#include "nn/time_sheet.h"

#include <lanewise/train.h>

// Makes the rows of lw_train_callbacks.times; the caller frees them. `sheets` has one sheet a
// thread, `seconds` is how long all of them worked. What the threads have not booked (the shuffle,
// starting and joining them) is the last row, so the seconds of all rows add up to `seconds`.
lw_status lw_train_times(lw_train_time **rows, size_t *n_rows, const lw_network *network,
                         const lw_time_sheet *sheets, int32_t threads, double seconds);

#endif
