// SPDX-License-Identifier: Apache-2.0
// A trained model as the user names it: a run directory or a .safetensors file, with what the run
// says of its data.
#ifndef LW_CLI_TRAINED_H
#define LW_CLI_TRAINED_H

#include "cli/common.h"

#include <lanewise/model.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct lw_trained {
    lw_model *model;
    char data[4096];     // what the run was trained on, as --data takes it; "" when not known
    int64_t train_limit; // 0: all
    int64_t validation;  // as in lw_data_options
    double validation_fraction;
    bool skip_bad;
    bool without_config; // it is no JSON
} lw_trained;

// Loads the model. A run's config.json that is missing or damaged is no failure: the data are then
// not known; one that the system refuses to read is. On success the caller owns trained->model (lw_model_destroy).
lw_status lw_trained_open(lw_trained *trained, const char *path);

// Opens the data that the settings name, without --data those of the run, divided as in its training, and
// brings the images into the form that the model takes. `name` unless NULL stands for that name.
// The caller closes *splits (lw_data_close); after a failure it is empty.
lw_status lw_trained_open_data(lw_data_splits *splits, const lw_trained *trained,
                               const lw_common_settings *settings, const char *name,
                               const lw_output *output);

#endif
