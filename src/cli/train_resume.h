// SPDX-License-Identifier: Apache-2.0
// Unfinished runs of `lanewise train`: --checkpoint and --resume.
#ifndef LW_CLI_TRAIN_RESUME_H
#define LW_CLI_TRAIN_RESUME_H

#include "cli/train_job.h"

enum { LW_N_CHECKPOINT_OPTIONS = 2 }; // --checkpoint --resume
extern const lw_option lw_checkpoint_option_table[LW_N_CHECKPOINT_OPTIONS];

// Reads --checkpoint into the job.
lw_status lw_train_read_checkpoint_interval(lw_train_job *job);

// Writes down in the run what it was begun with (of a trial which it is); job->data are open.
lw_status lw_train_write_resume(const lw_train_job *job);

// Takes up the run of --resume: gives the job its run, network and state, and replaces `settings` and `given`
// by those it was begun with. What is damaged and can be passed over is noted on the job's output.
// LW_ERROR_ARGUMENT: an option that would change the run; else as lw_run_resume and lw_run_read_checkpoint.
lw_status lw_train_open_run(lw_train_job *job, lw_train_settings *settings,
                            lw_option_result *given);

// Says where the run goes on, on the job's output and in the log.
lw_status lw_train_note_resumed(lw_train_job *job);

void lw_train_begun_free(lw_train_begun *begun);

#endif
