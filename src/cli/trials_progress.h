// SPDX-License-Identifier: Apache-2.0
// How far a list of trials is.
#ifndef LW_CLI_TRIALS_PROGRESS_H
#define LW_CLI_TRIALS_PROGRESS_H

#include "report/progress.h"

#include <lanewise/train.h>
#include <stddef.h>

// One trial.
typedef struct lw_trial_pace {
    int32_t epochs; // all
    int64_t images; // of an epoch
    double epochs_done;
    bool running, done;
} lw_trial_pace;

// Takes over what the trainer says; `epoch` is NULL or the epoch that has just ended.
void lw_trial_pace_move(lw_trial_pace *pace, const lw_train_progress *state,
                        const lw_epoch_result *epoch);

// All trials together.
typedef struct lw_trials_pace {
    size_t n, done, running;
    double images, images_done, epochs, epochs_done;
} lw_trials_pace;

void lw_trials_pace_add(lw_trials_pace *all, const lw_trial_pace *pace);

// "trials 3 of 10 done, 2 at work, epoch 34 of 100, 81,000 images/s, 0:41 left". `found` trials were
// done before and count as done.
void lw_trials_pace_show(const lw_trials_pace *all, lw_progress *progress, size_t found);

#endif
