// SPDX-License-Identifier: Apache-2.0
// Runs as text for a terminal, and as JSON.
#ifndef LW_CLI_REPORT_TERMINAL_H
#define LW_CLI_REPORT_TERMINAL_H

#include "cli/command.h"
#include "cli/report_runs.h"

#include <cjson/cJSON.h>

// Prints the answer, the tables, the curves of each recipe in a line and the confusion matrix of the best.
lw_status lw_report_print(const lw_run_set *set, const lw_output *output);

// The set as {"headline", "judged_by", "groups", "runs"}; owned by the caller, NULL without memory.
cJSON *lw_report_json(const lw_run_set *set);

#endif
