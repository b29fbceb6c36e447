// SPDX-License-Identifier: Apache-2.0
// What is kept of a trial when it is done. All functions that can fail: LW_ERROR_MEMORY.
#ifndef LW_CLI_TRIAL_RECORD_H
#define LW_CLI_TRIAL_RECORD_H

#include "cli/train_job.h"
#include "study/trial.h"

// Adds an epoch to the trial's curve; false without memory.
bool lw_trial_record_epoch(lw_trial *trial, const lw_epoch_result *epoch);

// Everything that a finished training knows of itself.
lw_status lw_trial_record_job(lw_trial *trial, const lw_train_job *job);

// Of a trial that was stopped: the figures of its last epoch.
lw_status lw_trial_record_stop(lw_trial *trial);

// The sentence of one that failed.
lw_status lw_trial_record_failure(lw_trial *trial, const char *sentence);

#endif
