// SPDX-License-Identifier: Apache-2.0
// What the files of a list of trials share.
#ifndef LW_CLI_TRIALS_INTERNAL_H
#define LW_CLI_TRIALS_INTERNAL_H

#include "cli/trial_data.h"
#include "cli/trial_settings.h"
#include "cli/trials.h"
#include "cli/trials_progress.h"

#include <pthread.h>

// A trial of the list. Its job stays as it was begun: configuration and network, no model.
typedef struct lw_trials_entry {
    lw_trials *list;
    lw_trial_settings settings;
    char *network, *name, *search; // as they were wished
    char *folder;                  // of the run directory
    char *events;                  // of --tensorboard, for the whole list
    lw_trial_data *data;
    lw_train_job job;
    lw_trial trial;
    const struct lw_trials_entry *twin; // an earlier one that is the same trial; NULL: none
    size_t index;                       // in the list
    bool found;                         // in the store
    lw_trial_pace pace;
} lw_trials_entry;

struct lw_trials {
    lw_trials_options options;
    lw_trial_data_list data;
    lw_trials_entry **entries;
    size_t n;
    char *folder;
    int lock;     // of the folder; -1: none
    size_t *open; // indices of what is not in the store
    size_t n_open;
    lw_trials_judge judge;
    void *judge_user;
    lw_trials_account account;
    lw_progress progress;
    // While the threads work, everything below and the trials are the lock's.
    pthread_mutex_t mutex;
    lw_status failure; // what ends the list
    char failure_text[1024];
};

#endif
