// SPDX-License-Identifier: Apache-2.0
#include "study/trial.h"

#include <math.h>
#include <stdlib.h>

void lw_trial_clear(lw_trial *trial)
{
    *trial = (lw_trial){.seconds = NAN,
                        .images_per_second = NAN,
                        .train_accuracy = NAN,
                        .train_loss = NAN,
                        .validation_accuracy = NAN,
                        .validation_loss = NAN,
                        .test_accuracy = NAN,
                        .test_loss = NAN};
}

void lw_trial_free(lw_trial *trial)
{
    free(trial->settings);
    free(trial->failure);
    free(trial->folder);
    free(trial->epochs);
    free(trial->confusion);
    free(trial->test_sizes);
    free(trial->config);
    free(trial->metrics);
    lw_trial_clear(trial);
}

double lw_trial_seconds_to(const lw_trial *trial, double accuracy)
{
    const double rounding = 1e-9; // counts over counts, compared with what was written as per cent
    double seconds = 0;
    for (size_t i = 0; i < trial->n_epochs; i++) {
        seconds += trial->epochs[i].seconds;
        if (trial->epochs[i].validation_accuracy >= accuracy - rounding) return seconds;
    }
    return NAN;
}
