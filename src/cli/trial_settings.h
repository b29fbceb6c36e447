// SPDX-License-Identifier: Apache-2.0
// The settings of a trial: read from words, and written as the text that says which trial it is.
#ifndef LW_CLI_TRIAL_SETTINGS_H
#define LW_CLI_TRIAL_SETTINGS_H

#include "cli/train_job.h"

// Settings with the texts that they refer to.
typedef struct lw_trial_settings {
    lw_train_settings settings;
    lw_option_result given;
    char **arguments; // "--lr=0.003"
    size_t n_arguments;
} lw_trial_settings;

// Reads options of `lanewise train` without their dashes. LW_ERROR_ARGUMENT as of the program. In any
// case lw_trial_settings_free.
lw_status lw_trial_settings_read(lw_trial_settings *read, const char *const *words, size_t n_words);
void lw_trial_settings_free(lw_trial_settings *read);

// The options that were given (or that a recipe gave) and are no presets, "name=value" a line each,
// without those that choose seed, threads and what is printed. Owned by the caller; NULL without memory.
char *lw_trial_settings_words(const lw_train_settings *settings, const lw_option_result *given);

// A text that tells data apart by what training sees of them. Looks at all pixels. Owned by the caller;
// NULL without memory.
char *lw_trial_settings_data(const lw_data_splits *splits);

// The text that names everything the bits of the trained model and its figures follow from, beside the
// seed: network, data (as lw_trial_settings_data has them), kernels, options. `search` as in
// lw_trial_wish. Owned by the caller.
lw_status lw_trial_settings_identity(char **text, const lw_train_job *job,
                                     const lw_option_result *given, const char *data,
                                     const char *search);

#endif
