// SPDX-License-Identifier: Apache-2.0
// Which weights of a run are validated and which ones it ends with: those of the last step, their moving
// average, or those of the best validation.
#include "train/trainer.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static lw_status copy_values(float **copy, const lw_model *model, const char *purpose)
{
    void *block;
    const size_t bytes = (size_t)model->layout.value_floats * sizeof(float);
    LW_TRY(lw_memory_allocate(&block, bytes, purpose));
    *copy = memcpy(block, model->values, bytes);
    return LW_OK;
}

lw_status lw_trainer_prepare_weights(lw_trainer *t)
{
    if (t->config.clip_norm > 0.0) {
        t->unit_squares = calloc(t->model->layout.n_units, sizeof *t->unit_squares);
        if (!t->unit_squares) return lw_fail(LW_ERROR_MEMORY, "no memory for the gradient's norm");
    }
    if (t->config.ema_decay > 0.0)
        LW_TRY(copy_values(&t->average, t->model, "the average of the weights"));
    if (t->config.keep_best) LW_TRY(copy_values(&t->best.values, t->model, "the best weights"));
    return LW_OK;
}

// The contents change places, not the arrays: the first replica works in the model's.
void lw_trainer_exchange_average(lw_trainer *t)
{
    if (!t->average) return;
    float *values = t->model->values;
    for (int64_t i = 0; i < t->model->layout.value_floats; i++) {
        const float value = values[i];
        values[i] = t->average[i];
        t->average[i] = value;
    }
    lw_model_pack(t->model);
}

void lw_trainer_note_validation(lw_trainer *t, lw_epoch_result *result)
{
    struct lw_best_epoch *best = &t->best;
    result->best =
        best->epoch == 0 || result->validation_accuracy > best->accuracy ||
        (result->validation_accuracy >= best->accuracy && result->validation_loss < best->loss);
    best->since++;
    if (!result->best) return;
    best->epoch = result->epoch;
    best->since = 0;
    best->accuracy = result->validation_accuracy;
    best->loss = result->validation_loss;
    if (best->values)
        memcpy(best->values, t->model->values,
               (size_t)t->model->layout.value_floats * sizeof *best->values);
}

void lw_trainer_settle_weights(lw_trainer *t)
{
    const float *chosen = t->best.values && t->best.epoch > 0 ? t->best.values : t->average;
    if (!chosen) return;
    memcpy(t->model->values, chosen,
           (size_t)t->model->layout.value_floats * sizeof *t->model->values);
    lw_model_pack(t->model);
}
