// SPDX-License-Identifier: Apache-2.0
// Run directories of trials that the store knows nothing of.
#ifndef LW_CLI_TRIAL_ADOPT_H
#define LW_CLI_TRIAL_ADOPT_H

#include "study/trial.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

// The word in config.json that says which trial a run directory is.
void lw_trial_mark(char *mark, size_t mark_bytes, const char *identity);

// Whether the run directory is that of this trial (its settings and seed), finished: a process that was killed
// before it could tell the store, or a store that was lost. Then the trial has everything that the directory
// says. One that is damaged is not. Failures: LW_ERROR_MEMORY.
lw_status lw_trial_adopt(lw_trial *trial, const char *folder, bool *adopted);

#endif
