// SPDX-License-Identifier: Apache-2.0
// Histories as JSON lines, one run a line, for taking them elsewhere and for safe keeping.
#ifndef LW_TRACK_EXCHANGE_H
#define LW_TRACK_EXCHANGE_H

#include "track/store.h"

#include <stdio.h>

// Writes every run of a history to an open file. LW_ERROR_IO when that fails.
lw_status lw_exchange_export(lw_store *store, FILE *file);

// Adds the runs of a text that lw_exchange_export wrote; those that are there already are skipped.
// `source` begins the message of a failure, with the number of the line. All lines are read before
// the first run is added. `store` NULL: they are only read.
lw_status lw_exchange_import(lw_store *store, const char *text, size_t length, const char *source,
                             size_t *added, size_t *skipped);

// True when a text is one that lw_exchange_export wrote, and not some other JSON.
bool lw_exchange_recognize(const char *text, size_t length);

#endif
