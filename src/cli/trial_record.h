// SPDX-License-Identifier: Apache-2.0
// What is kept of a trial when it is done. All functions that can fail: LW_ERROR_MEMORY.
#ifndef LW_CLI_TRIAL_RECORD_H
#define LW_CLI_TRIAL_RECORD_H

#include "cli/train_job.h"
#include "run/run_summary.h"
#include "study/trial.h"

// Adds an epoch to the trial's curve; false without memory.
bool lw_trial_record_epoch(lw_trial *trial, const lw_epoch_result *epoch);

// Everything that a finished training knows of itself.
lw_status lw_trial_record_job(lw_trial *trial, const lw_train_job *job);

// The same from its run directory; without its epochs where the trial has some already.
lw_status lw_trial_record_run(lw_trial *trial, const lw_run_summary *run);

// Of a trial that was stopped: the figures of its last epoch.
lw_status lw_trial_record_stop(lw_trial *trial);

// The sentence of one that failed.
lw_status lw_trial_record_failure(lw_trial *trial, const char *sentence);

#endif
