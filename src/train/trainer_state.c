// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a training run: taking its state between two steps, and going back to one.
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

// ---- arrays -------------------------------------------------------------------------------------

// An array in the layout of the kernels, that of a replica where each has its own; NULL where the run has
// none.
static float *array_of(const lw_trainer *t, const lw_replica *replica, lw_state_array array)
{
    switch (array) {
    case LW_STATE_WEIGHTS: return replica->values;
    case LW_STATE_FIRST_MOMENT: return replica->first_moment;
    case LW_STATE_SECOND_MOMENT: return replica->second_moment;
    case LW_STATE_AVERAGE: return t->average;
    case LW_STATE_BEST: return t->best.values;
    case LW_N_STATE_ARRAYS: break;
    }
    return NULL;
}

static lw_status export_array(const lw_model *model, const float *array, float *values)
{
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        LW_TRY(lw_model_parameter_info(model, i, &info));
        LW_TRY(lw_model_export_gradient(model, i, array, values));
        values += info.count;
    }
    return LW_OK;
}

static lw_status import_array(const lw_model *model, const float *values, float *array)
{
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        LW_TRY(lw_model_parameter_info(model, i, &info));
        LW_TRY(lw_model_import(model, i, values, array));
        values += info.count;
    }
    return LW_OK;
}

// ---- taking a state -----------------------------------------------------------------------------

// A state with all that does not change while the run lasts. Looks at all images.
static lw_status describe_run(lw_trainer *t, lw_train_state **state)
{
    const size_t n = lw_model_parameter_count(t->model);
    lw_parameter_info *parameters = calloc(n ? n : 1, sizeof *parameters);
    lw_status status = LW_OK;
    *state = NULL;
    if (!parameters) return lw_fail(LW_ERROR_MEMORY, "no memory for the state of a training");
    for (size_t i = 0; i < n && !status; i++)
        status = lw_model_parameter_info(t->model, i, &parameters[i]);
    if (!status) status = lw_state_create(state, parameters, n);
    free(parameters);
    for (int i = 0; i < LW_N_STATE_ARRAYS && !status; i++)
        if (array_of(t, &t->replicas[0], (lw_state_array)i))
            status = lw_state_take_array(*state, (lw_state_array)i);
    if (!status) status = lw_state_describe(*state, t->model, &t->config);
    if (status) {
        lw_train_state_destroy(state);
        return status;
    }
    (*state)->train_fingerprint = lw_dataset_fingerprint(t->train);
    if (t->validation) (*state)->validation_fingerprint = lw_dataset_fingerprint(t->validation);
    return LW_OK;
}

static void take_numbers(const lw_trainer *t, const lw_train_result *result,
                         lw_state_numbers *numbers)
{
    *numbers = (lw_state_numbers){
        .epoch = t->epoch,
        .epochs = t->config.epochs,
        .epoch_step = t->epoch_step,
        .epoch_steps = t->batches.steps,
        .step = t->step,
        .loss_sum = t->loss_sum,
        .epoch_seconds = t->epoch_seconds,
        .learning_rate = t->learning_rate,
        .correct = t->correct,
        .seen = t->seen,
        .images = t->images,
        .finished = t->finished,
        .best_epoch = t->best.epoch,
        .best_since = t->best.since,
        .best_accuracy = t->best.accuracy,
        .best_loss = t->best.loss,
        .result = *result,
    };
}

bool lw_trainer_checkpoint_due(const lw_trainer *t)
{
    const lw_train_callbacks *callbacks = t->callbacks;
    if (!callbacks || !callbacks->checkpoint) return false;
    if (callbacks->checkpoint_steps > 0 &&
        t->step - t->last_checkpoint_step >= callbacks->checkpoint_steps)
        return true;
    return callbacks->checkpoint_seconds > 0.0 &&
           lw_clock_seconds() - t->last_checkpoint >= callbacks->checkpoint_seconds;
}

bool lw_trainer_checkpoint_due_after_epoch(const lw_trainer *t)
{
    const lw_train_callbacks *callbacks = t->callbacks;
    return callbacks && callbacks->checkpoint && callbacks->checkpoint_epochs > 0 &&
           t->epoch % callbacks->checkpoint_epochs == 0;
}

// Whether the callback has just had the present state.
static bool is_taken(const lw_trainer *t)
{
    if (!t->state || t->state->numbers.seen == 0) return false;
    const lw_state_numbers *n = &t->state->numbers;
    return n->epoch == t->epoch && n->epoch_step == t->epoch_step && n->finished == t->finished;
}

lw_status lw_trainer_checkpoint(lw_trainer *t, const lw_train_result *result)
{
    if (!t->callbacks || !t->callbacks->checkpoint || is_taken(t)) return LW_OK;
    if (!t->state) LW_TRY(describe_run(t, &t->state));
    take_numbers(t, result, &t->state->numbers);
    for (int i = 0; i < LW_N_STATE_ARRAYS; i++) {
        const float *array = array_of(t, &t->replicas[0], (lw_state_array)i);
        if (array) LW_TRY(export_array(t->model, array, t->state->arrays[i]));
    }
    if (!t->callbacks->checkpoint(t->callbacks->user, t->state)) t->stopped = true;
    t->last_checkpoint = lw_clock_seconds();
    t->last_checkpoint_step = t->step;
    return LW_OK;
}

// ---- going back ---------------------------------------------------------------------------------

lw_status lw_trainer_restore_weights(lw_trainer *t)
{
    const lw_train_state *state = t->resumed;
    const size_t n = lw_model_parameter_count(t->model);
    if (!state) return LW_OK;
    // All of it is compared later; here only what copying relies on.
    if (state->n_parameters != n)
        return lw_fail(LW_ERROR_INPUT, "the state has %zu tensors, the model %zu",
                       state->n_parameters, n);
    for (size_t i = 0; i < n; i++) {
        lw_parameter_info info;
        LW_TRY(lw_model_parameter_info(t->model, i, &info));
        if (strcmp(info.name, state->parameters[i].name) != 0 ||
            info.count != state->parameters[i].count)
            return lw_fail(LW_ERROR_INPUT,
                           "tensor %zu of the state is '%s' with %zu values, that of the model "
                           "'%s' with %zu",
                           i, state->parameters[i].name, state->parameters[i].count, info.name,
                           info.count);
    }
    LW_TRY(import_array(t->model, state->arrays[LW_STATE_WEIGHTS], t->model->values));
    lw_model_pack(t->model);
    return LW_OK;
}

static void give_numbers(lw_trainer *t, lw_train_result *result, const lw_state_numbers *numbers)
{
    t->epoch = numbers->epoch;
    t->epoch_step = numbers->epoch_step;
    t->step = numbers->step;
    t->loss_sum = numbers->loss_sum;
    t->epoch_seconds = numbers->epoch_seconds;
    t->learning_rate = numbers->learning_rate;
    t->correct = numbers->correct;
    t->seen = numbers->seen;
    t->images = numbers->images;
    t->finished = numbers->finished;
    t->best.epoch = numbers->best_epoch;
    t->best.since = numbers->best_since;
    t->best.accuracy = numbers->best_accuracy;
    t->best.loss = numbers->best_loss;
    *result = numbers->result;
    result->threads = t->threads;
}

lw_status lw_trainer_restore(lw_trainer *t, lw_train_result *result)
{
    const lw_train_state *state = t->resumed;
    if (!state) return LW_OK;
    LW_TRY(describe_run(t, &t->state));
    LW_TRY(lw_state_check_same(state, t->state));
    LW_TRY(lw_state_check_numbers(&state->numbers, "the state of the training"));
    if (state->numbers.epoch_steps != t->batches.steps || state->numbers.step > t->total_steps)
        return lw_fail(LW_ERROR_INPUT,
                       "the state is at step %lld of epochs of %lld, the run has %lld of %lld",
                       (long long)state->numbers.step, (long long)state->numbers.epoch_steps,
                       (long long)t->total_steps, (long long)t->batches.steps);
    for (int32_t r = 0; r < (t->replicated ? t->threads : 1); r++)
        for (int i = LW_STATE_WEIGHTS + 1; i < LW_N_STATE_ARRAYS; i++)
            if (state->arrays[i])
                LW_TRY(import_array(t->model, state->arrays[i],
                                    array_of(t, &t->replicas[r], (lw_state_array)i)));
    give_numbers(t, result, &state->numbers);
    t->last_checkpoint_step = t->step;
    return LW_OK;
}
