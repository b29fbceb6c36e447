// SPDX-License-Identifier: Apache-2.0
// A trial: one training among many, and what is kept of it.
#ifndef LW_STUDY_TRIAL_H
#define LW_STUDY_TRIAL_H

#include <lanewise/metrics.h>
#include <lanewise/train.h>

typedef enum lw_trial_status {
    LW_TRIAL_OPEN,     // not done yet; never in a store
    LW_TRIAL_FINISHED, // trained to its end
    LW_TRIAL_STOPPED,  // by a search, as hopeless, after the epochs that it has
    LW_TRIAL_FAILED    // for a reason that would come again; `failure` says it
} lw_trial_status;

// All texts and arrays belong to the trial; what is not known is NULL, or not a number.
typedef struct lw_trial {
    // Two trials with the same settings and the same seed are the same: a text that names everything
    // that the result depends on but the seed.
    char *settings;
    uint64_t seed;
    lw_trial_status status;
    char *failure;
    char *folder;                      // the run directory
    int64_t begun, ended;              // seconds since 1970
    double seconds, images_per_second; // of the training alone
    double train_accuracy, train_loss; // of the final weights
    double validation_accuracy, validation_loss;
    double test_accuracy, test_loss;
    lw_epoch_result *epochs;
    size_t n_epochs;
    int32_t classes;             // of the confusion matrix; 0: there is none
    int64_t *confusion;          // (classes, classes) of the test images; row: true class
    lw_size_metrics *test_sizes; // where the test images have several sizes
    size_t n_test_sizes;
    char *config, *metrics; // the run's config.json and metrics.json
} lw_trial;

// Nothing of it is known yet.
void lw_trial_clear(lw_trial *trial);

// Frees what the trial owns and clears it.
void lw_trial_free(lw_trial *trial);

// Seconds of training up to the end of the first epoch whose validation accuracy is at least that (a
// fraction); not a number where none is.
double lw_trial_seconds_to(const lw_trial *trial, double accuracy);

#endif
