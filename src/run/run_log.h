// SPDX-License-Identifier: Apache-2.0
// The log of a run read back, and its epochs as a table for spreadsheets.
#ifndef LW_RUN_RUN_LOG_H
#define LW_RUN_RUN_LOG_H

#include "run/run_directory.h"

#include <lanewise/status.h>
#include <lanewise/train.h>
#include <stddef.h>

// More than a log with a line for every step of a long training.
#define LW_RUN_LOG_LIMIT ((size_t)1 << 30)

// The epochs in the text of a log.jsonl, in their order; figures that are null there are NaN. *epochs is
// owned by the caller (free()), also after a failure. `path` is for messages. LW_ERROR_INPUT: a line that
// is no JSON object, or an epoch with wrong values; LW_ERROR_MEMORY.
lw_status lw_run_log_parse(lw_epoch_result **epochs, size_t *n_epochs, const char *path,
                           const char *bytes, size_t count);

// Writes log.csv into an unfinished run: a title line, then a line for each epoch of its log so far, with the
// keys of log.jsonl as columns. A figure that is null there is an empty field.
lw_status lw_run_put_csv(lw_run *run);

#endif
