// SPDX-License-Identifier: Apache-2.0
// A trained model as the user names it: a run directory or a .safetensors file, with what the run
// says of its data.
#ifndef LW_CLI_TRAINED_H
#define LW_CLI_TRAINED_H

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
} lw_trained;

// Loads the model. A run's config.json that is missing or damaged is no failure: the data are then
// not known. On success the caller owns trained->model (lw_model_destroy).
lw_status lw_trained_open(lw_trained *trained, const char *path);

#endif
