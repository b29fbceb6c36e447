// SPDX-License-Identifier: Apache-2.0
// What a figure is over seeds, as programs read it.
#ifndef LW_CLI_SUMMARY_JSON_H
#define LW_CLI_SUMMARY_JSON_H

#include "study/summary.h"

#include <cjson/cJSON.h>

// An object with `n`, `mean`, `deviation`, `low` and `high` (the interval), `smallest` and `largest`; the caller's.
// NULL without memory.
cJSON *lw_summary_json(const lw_summary *summary);

#endif
