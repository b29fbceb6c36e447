// SPDX-License-Identifier: Apache-2.0
// What several seeds gave, as a table and as JSON.
#ifndef LW_CLI_TRAIN_SEEDS_REPORT_H
#define LW_CLI_TRAIN_SEEDS_REPORT_H

#include "cli/trials.h"

#include <cjson/cJSON.h>

// Prints what `lanewise train --seeds` answers. LW_ERROR_INPUT when a training failed, after the rest was
// printed.
lw_status lw_train_seeds_report(const lw_trials *trials, const lw_output *output);

// A trial as JSON, and what trials say together; NULL without memory.
cJSON *lw_trial_json(const lw_trial *trial);
cJSON *lw_trials_summary_json(const lw_trials *trials);

#endif
