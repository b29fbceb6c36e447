// SPDX-License-Identifier: Apache-2.0
// The state of a training run, and its parts: setting up (trainer_setup.c), the gradient of a batch
// (trainer_step.c), steps and epochs (trainer.c), which weights are validated and kept (trainer_weights.c),
// checkpoints (trainer_state.c).
#ifndef LW_TRAIN_TRAINER_H
#define LW_TRAIN_TRAINER_H

#include "cpu/barrier.h"
#include "nn/model.h"
#include "nn/time_sheet.h"
#include "nn/worker.h"
#include "prepare/sampler.h"
#include "train/batches.h"
#include "train/optimizer.h"
#include "train/state.h"

#include <lanewise/train.h>

#include <stdatomic.h>

// Threads that work on one partial together, where there are more threads than partials.
typedef struct lw_training_team {
    lw_barrier barrier;
    int32_t size;
    lw_workspace *workspace; // of its first thread
    atomic_bool failed;
} lw_training_team;

// A thread's place in its team.
typedef struct lw_team_seat {
    lw_training_team *team;
    int32_t index; // of the team, and of the partial that it works on
    int32_t rank, thread;
} lw_team_seat;

typedef struct lw_trainer {
    lw_model *model;
    const lw_dataset *train, *validation;
    lw_train_config config;
    const lw_train_callbacks *callbacks; // may be NULL
    lw_replica *replicas; // one per thread where they have one each, else one for all
    bool replicated;
    lw_training_team *teams; // NULL: every thread has partials of its own
    lw_team_seat *seats;     // one per thread
    int32_t n_teams;
    lw_batches batches;
    lw_reader *reader; // of the epoch's images, where they are not in memory; else NULL
    lw_levels *levels;
    lw_plan_cache *plans;
    lw_worker *workers;
    lw_sampler *samplers;  // one per thread
    lw_time_sheet *sheets; // one per thread; NULL: the time is not wanted
    int32_t threads;
    int32_t present; // threads that the last parallel region really had: the system may make fewer
    lw_barrier barrier;

    int64_t total_steps;
    int64_t step; // finished steps of the run
    // Of a step; with replicas two steps take turns.
    struct lw_step_results {
        float *partials;
        double *losses; // per image of the batch
        uint8_t *hits;  // the same: predicted correctly
    } results[2];
    int64_t partial_stride; // floats
    double *unit_squares;   // clip_norm: of the gradient, for each update unit; else NULL
    float *average;         // ema_decay: of the weights, in the layout of the values; else NULL
    // The best validation so far.
    struct lw_best_epoch {
        int32_t epoch; // from 1; 0: none yet
        int32_t since; // epochs after it
        double accuracy, loss;
        float *values; // keep_best: the weights that it saw, averaged where there is an average
    } best;

    // The epoch so far; written by thread 0 after a step's gradient is complete.
    int32_t epoch; // from 0
    int64_t epoch_step, epoch_steps;
    double loss_sum, learning_rate, last_report;
    double epoch_start;   // when it would have begun without interruptions
    double epoch_seconds; // until the threads left it
    int64_t correct, seen;
    int64_t images;         // of all finished epochs
    bool stopped;           // because a callback wished so
    bool finished;          // the last step is done
    bool checkpoint_wanted; // the threads leave for it, and come back
    double last_checkpoint; // time
    int64_t last_checkpoint_step;
    lw_train_state *state;         // that the checkpoints are taken in; NULL before the first
    const lw_train_state *resumed; // where the run goes on from, or NULL
    // How many steps of the epoch are finished when all threads leave it early: a number rather than
    // a flag, since a thread may already be a step ahead of one that has yet to look.
    atomic_llong last_step;
    atomic_int failed_status;
    char failure[512];
} lw_trainer;

// A batch, with what is worked on it with.
typedef struct lw_batch_work {
    lw_batch batch;
    int64_t step; // of the epoch, from 0
    const lw_replica *replica;
    struct lw_step_results *results;
} lw_batch_work;

// Checks the configuration and the data, and takes all memory that the run needs. In any case the
// trainer has to be destroyed.
lw_status lw_trainer_prepare(lw_trainer *t);
void lw_trainer_destroy(lw_trainer *t);

// This thread's part of the gradient of a batch: partials of its own, or its part in those of its team.
// A failure is kept in the trainer, and all threads leave the epoch behind this step.
void lw_trainer_gradient(lw_trainer *t, int32_t thread, int32_t threads, const lw_batch_work *work);

// The step has given this replica weights or moments of the units [begin, end) that are not finite: a failure as
// above, behind this step.
void lw_trainer_fail_update(lw_trainer *t, const lw_batch_work *work, size_t begin, size_t end);

// All threads leave the epoch after that many of its steps.
void lw_trainer_leave_after(lw_trainer *t, int64_t steps);

// Whether it is time for a checkpoint, between two steps.
bool lw_trainer_checkpoint_due(const lw_trainer *t);

// The same between two epochs, the first of which has been validated and counted.
bool lw_trainer_checkpoint_due_after_epoch(const lw_trainer *t);

// Hands the present state to the callback, while no thread trains; `result`: so far. LW_ERROR_MEMORY; that the
// callback wishes to stop is noted in the trainer.
lw_status lw_trainer_checkpoint(lw_trainer *t, const lw_train_result *result);

// Goes back to t->resumed, in two parts: the weights before the replicas are made, everything else
// after that. LW_ERROR_INPUT: the state belongs to another run.
lw_status lw_trainer_restore_weights(lw_trainer *t);
lw_status lw_trainer_restore(lw_trainer *t, lw_train_result *result);

// What the options beside the plain training need (trainer_weights.c): lw_trainer_prepare calls it.
lw_status lw_trainer_prepare_weights(lw_trainer *t);

// Exchanges the model's weights with their average, where there is one: before a validation and behind it.
void lw_trainer_exchange_average(lw_trainer *t);

// Notes the validation of an epoch, while the weights that it saw are the model's; sets result->best.
void lw_trainer_note_validation(lw_trainer *t, lw_epoch_result *result);

// Gives the model the weights that the run ends with: the best, the averaged or the last ones.
void lw_trainer_settle_weights(lw_trainer *t);

#endif
