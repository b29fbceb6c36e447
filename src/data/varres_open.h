// SPDX-License-Identifier: Apache-2.0
// The variable-resolution set by name: "varres", "varres:mnist", "varres:digits:20..96".
#ifndef LW_DATA_VARRES_OPEN_H
#define LW_DATA_VARRES_OPEN_H

#include <lanewise/data.h>
#include <stdbool.h>

// True for "varres" alone and for what begins with "varres:".
bool lw_varres_is_name(const char *name);

// Opens the source by its name ("auto" where none is given) and draws its parts in memory, with seed 1,
// whatever the source needs. Errors as of lw_data_open. *splits is empty before.
lw_status lw_varres_open(lw_data_splits *splits, const lw_data_options *options);

#endif
