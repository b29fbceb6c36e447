// SPDX-License-Identifier: Apache-2.0
// Going on with a trial that was stopped or killed, where its last checkpoint is.
#ifndef LW_CLI_TRIAL_RESUME_H
#define LW_CLI_TRIAL_RESUME_H

#include "cli/train_job.h"
#include "study/trial.h"

// Looks whether the run directory that the job is about to write is there unfinished, begun as the same
// trial (job->trial) with the same seed. Then the job has its run and state, and the trial the epochs that
// are done; *position says where it goes on, with epoch 0 where it begins at the beginning. Otherwise
// what is there is of no use, and is removed. `report` as of lw_run_read_checkpoint. Failures: LW_ERROR_MEMORY.
lw_status lw_trial_take_up(lw_train_job *job, lw_trial *trial, lw_train_position *position,
                           void (*report)(void *user, const char *sentence), void *user);

#endif
