// SPDX-License-Identifier: Apache-2.0
// Data sets that several trials share: each is opened once.
#ifndef LW_CLI_TRIAL_DATA_H
#define LW_CLI_TRIAL_DATA_H

#include "cli/train_job.h"

// A set that is open.
typedef struct lw_trial_data {
    char *key;            // what it was asked for with
    char *fingerprint;    // lw_trial_settings_data
    lw_train_data whole;  // owns everything
    lw_train_data search; // the same without test images, which a search does not get to see
} lw_trial_data;

typedef struct lw_trial_data_list {
    lw_trial_data **sets;
    size_t n;
} lw_trial_data_list;

// The data that a job wants, opened now unless they are open, with the job's output; borrowed from the
// list. Failures as of lw_train_data_open.
lw_status lw_trial_data_open(lw_trial_data **data, lw_trial_data_list *list,
                             const lw_train_job *job);

// Measures mean and deviation of the training pixels, once for all trials.
lw_status lw_trial_data_measure(lw_trial_data *data);
void lw_trial_data_close_all(lw_trial_data_list *list);

#endif
