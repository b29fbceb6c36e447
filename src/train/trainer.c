// SPDX-License-Identifier: Apache-2.0
// The training loop. One parallel region lasts an epoch; a step is two barriers:
//   each thread takes its partials' images forward and backward            | barrier
//   each thread sums and applies its slice of the gradient, and packs it   | barrier
// Two threads with a small network each keep a replica of all weights instead: writing what another
// core has just read, and reading what it has just written, takes longer than the arithmetic. A step
// is then one barrier, since the partials of two steps take turns:
//   each thread takes its partials' images forward and backward            | barrier
//   each thread sums all of the gradient and updates its replica
// Which images make up a partial, and the order in which partials are added, follow from the batch
// alone, so the weights have the same bits for any number of threads, in either way. Clipping needs the
// whole gradient's norm before the update: one barrier more, and no replicas.
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "cpu/parallel.h"
#include "train/times.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

lw_train_config lw_train_config_default(void)
{
    return (lw_train_config){
        .optimizer = {.kind = LW_OPTIMIZER_ADAM,
                      .learning_rate = 1e-3,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8},
        .schedule = {.kind = LW_SCHEDULE_CONSTANT,
                     .step_epochs = 1.0,
                     .gamma = 0.1,
                     .start_fraction = 1.0 / 25.0,
                     .final_fraction = 0.0},
        .epochs = 3,
        .batch = 16,
        .seed = 1,
    };
}

// The update units of a thread: contiguous, with about the same number of floats for each thread.
static void slice_units(const lw_parameter_layout *layout, int32_t thread, int32_t threads,
                        size_t *begin, size_t *end)
{
    int64_t low = layout->value_floats * thread / threads;
    int64_t high = layout->value_floats * (thread + 1) / threads;
    size_t u = 0;
    while (u < layout->n_units && layout->units[u].offset < low) u++;
    *begin = u;
    while (u < layout->n_units && layout->units[u].offset < high) u++;
    *end = u;
}

static void report_progress(lw_trainer *t)
{
    const double interval_seconds = 0.05;
    double now = lw_clock_seconds();
    if (!t->callbacks || !t->callbacks->progress) return;
    if (now - t->last_report < interval_seconds && t->epoch_step < t->epoch_steps) return;
    t->last_report = now;
    double seconds = now - t->epoch_start;
    lw_train_progress progress = {
        .epoch = t->epoch + 1,
        .epochs = t->config.epochs,
        .step = t->epoch_step,
        .steps = t->epoch_steps,
        .loss = t->loss_sum / (double)t->seen,
        .accuracy = (double)t->correct / (double)t->seen,
        .learning_rate = t->learning_rate,
        .images_per_second = seconds > 0.0 ? (double)t->seen / seconds : 0.0,
        .seconds = seconds,
    };
    if (!t->callbacks->progress(t->callbacks->user, &progress)) t->stopped = true;
}

// Counts a finished batch; thread 0 alone, while the others go on.
static void count_batch(lw_trainer *t, const struct lw_step_results *results, int32_t count)
{
    double loss = 0.0;
    for (int32_t i = 0; i < count; i++) {
        loss += results->losses[i];
        t->correct += results->hits[i];
    }
    t->loss_sum += loss;
    t->seen += count;
    t->step++;
    t->model->version++;
    t->epoch_step++;
    if (t->callbacks && t->callbacks->step &&
        !t->callbacks->step(t->callbacks->user, t->step, loss / count))
        t->stopped = true;
    report_progress(t);
    t->checkpoint_wanted = lw_trainer_checkpoint_due(t);
    if (t->stopped || t->checkpoint_wanted) lw_trainer_leave_after(t, t->epoch_step);
}

// ---- one epoch ----------------------------------------------------------------------------------

// What a thread knows of the epoch that it is in.
typedef struct epoch_thread {
    lw_trainer *t;
    int32_t thread, threads;
    size_t units_begin, units_end; // that it updates
    size_t slice_begin, slice_end; // whose average it moves: no other thread's
    lw_replica *replica;           // in which it does
    lw_time_sheet *times;
} epoch_thread;

static epoch_thread enter_epoch(lw_trainer *t, int32_t thread, int32_t threads)
{
    epoch_thread e = {.t = t,
                      .thread = thread,
                      .threads = threads,
                      .units_end = t->model->layout.n_units,
                      .replica = &t->replicas[t->replicated ? thread : 0],
                      .times = t->workers[thread].times};
    slice_units(&t->model->layout, thread, threads, &e.slice_begin, &e.slice_end);
    if (!t->replicated) {
        e.units_begin = e.slice_begin;
        e.units_end = e.slice_end;
    }
    return e;
}

static void take_batch(lw_batch_work *work, lw_trainer *t, const epoch_thread *e, int64_t step)
{
    work->step = step;
    work->replica = e->replica;
    work->results = &t->results[t->replicated ? step & 1 : 0];
    lw_batches_get(&t->batches, step, &work->batch);
}

// The norm needs all threads' parts of the gradient: one barrier more in each step.
static void clip_gradient(const epoch_thread *e, lw_gradient_partials *gradient)
{
    lw_trainer *t = e->t;
    const lw_parameter_layout *layout = &t->model->layout;
    lw_gradient_gather(layout, gradient, e->units_begin, e->units_end, t->unit_squares);
    lw_time_sheet_book(e->times, LW_TIME_UPDATE);
    lw_barrier_wait(&t->barrier, e->threads);
    lw_time_sheet_book(e->times, LW_TIME_BARRIER);
    lw_gradient_clip(layout, gradient, t->unit_squares, t->config.clip_norm, e->units_begin,
                     e->units_end);
}

// The gradient of step number `step` of the run (from 1) is complete.
static void finish_step(const epoch_thread *e, const lw_batch_work *work, int64_t step)
{
    lw_trainer *t = e->t;
    lw_gradient_partials gradient = {.sums = work->results->partials,
                                     .stride = t->partial_stride,
                                     .count = work->batch.n_partials};
    double rate = lw_schedule_rate(&t->config.schedule, t->config.optimizer.learning_rate, step - 1,
                                   t->total_steps, t->batches.steps);
    if (t->unit_squares) clip_gradient(e, &gradient);
    if (!lw_optimizer_step(&t->config.optimizer, &t->model->layout, e->replica, &gradient, step,
                           rate, e->units_begin, e->units_end))
        lw_trainer_fail_update(t, work, e->units_begin, e->units_end);
    if (t->average)
        lw_average_step(&t->model->layout, e->replica->values, t->average, t->config.ema_decay,
                        step, e->slice_begin, e->slice_end);
    lw_time_sheet_book(e->times, LW_TIME_UPDATE);
    if (t->replicated || e->thread == 0) e->replica->version++;
    if (e->thread != 0) return;
    t->learning_rate = rate;
    if (t->reader) lw_reader_advance(t->reader, (size_t)(work->batch.place + work->batch.count));
    count_batch(t, work->results, work->batch.count);
    lw_time_sheet_book(e->times, LW_TIME_REPORT);
}

// With replicas, a wish to stop is seen by all threads behind the next barrier, where the gradient
// that was computed meanwhile is dropped; otherwise behind the second barrier of its step.
static void epoch_body(void *context, int32_t thread, int32_t threads)
{
    lw_trainer *t = context;
    const epoch_thread e = enter_epoch(t, thread, threads);
    if (thread == 0) t->present = threads;
    if (t->seats && threads < t->threads) lw_worker_forget(&t->workers[thread]);
    const int64_t first = t->epoch_step, base = t->step - first;
    int64_t steps = t->epoch_steps;
    if (t->config.max_steps && t->config.max_steps - base < steps)
        steps = t->config.max_steps - base;
    lw_time_sheet_start(e.times);
    for (int64_t step = first; step < steps; step++) {
        lw_batch_work work;
        take_batch(&work, t, &e, step);
        lw_trainer_gradient(t, thread, threads, &work);
        lw_barrier_wait(&t->barrier, threads);
        lw_time_sheet_book(e.times, LW_TIME_BARRIER);
        if (step >= atomic_load(&t->last_step)) return;
        finish_step(&e, &work, base + step + 1);
        if (t->replicated) continue;
        lw_barrier_wait(&t->barrier, threads);
        lw_time_sheet_book(e.times, LW_TIME_BARRIER);
        if (step + 1 >= atomic_load(&t->last_step)) return;
    }
}

// The images of a streamed set, from the next step on.
static lw_status open_reader(lw_trainer *t)
{
    const lw_reader_options options = {.threads = t->threads};
    if (!lw_dataset_is_streamed(t->train)) return LW_OK;
    LW_TRY(lw_reader_create(&t->reader, t->train, t->batches.order, lw_dataset_size(t->train),
                            &options));
    lw_reader_advance(t->reader, (size_t)t->batches.starts[t->epoch_step]);
    return LW_OK;
}

// Trains from the present step to the end of the epoch. For a checkpoint all threads leave: it is taken
// between two parallel regions, by the calling thread. Its time is not counted.
static lw_status run_steps(lw_trainer *t, const lw_train_result *result)
{
    for (bool again = true; again;) {
        t->checkpoint_wanted = false;
        atomic_store(&t->last_step, LLONG_MAX);
        t->last_report = lw_clock_seconds();
        t->epoch_start = t->last_report - t->epoch_seconds;
        lw_parallel_run(t->threads, epoch_body, t);
        t->epoch_seconds = lw_clock_seconds() - t->epoch_start;
        // The replica of a thread that was missing has missed the steps; next time it may be there.
        for (int32_t i = t->present; t->replicated && i < t->threads; i++)
            lw_replica_copy(&t->replicas[i], &t->replicas[0], &t->model->layout);
        int failed = atomic_load(&t->failed_status);
        if (failed != LW_OK) return lw_fail((lw_status)failed, "%s", t->failure);
        again = t->checkpoint_wanted && !t->stopped;
        if (again) LW_TRY(lw_trainer_checkpoint(t, result));
        if (t->stopped) again = false;
    }
    return LW_OK;
}

static lw_status run_epoch(lw_trainer *t, const lw_train_result *so_far, lw_epoch_result *result)
{
    lw_batches_start_epoch(&t->batches, t->epoch);
    t->epoch_steps = t->batches.steps;
    if (t->epoch_step == 0) {
        t->loss_sum = t->epoch_seconds = 0.0;
        t->correct = t->seen = 0;
    }
    LW_TRY(open_reader(t));
    lw_status status = run_steps(t, so_far);
    lw_reader_destroy(&t->reader);
    LW_TRY(status);
    *result = (lw_epoch_result){
        .epoch = t->epoch + 1,
        .train_loss = t->loss_sum / (double)t->seen,
        .train_accuracy = (double)t->correct / (double)t->seen,
        .learning_rate = t->learning_rate,
        .seconds = t->epoch_seconds,
        .images_per_second = t->epoch_seconds > 0.0 ? (double)t->seen / t->epoch_seconds : 0.0,
    };
    return LW_OK;
}

static lw_status validate(lw_trainer *t, lw_epoch_result *result)
{
    if (!t->validation || lw_dataset_size(t->validation) == 0) return LW_OK;
    lw_metrics metrics;
    lw_trainer_exchange_average(t);
    lw_status status = lw_model_evaluate(t->model, t->validation, t->threads, &metrics);
    if (!status) {
        result->validation_loss = metrics.loss;
        result->validation_accuracy = lw_metrics_accuracy(&metrics);
        lw_metrics_destroy(&metrics);
        lw_trainer_note_validation(t, result);
    }
    lw_trainer_exchange_average(t);
    return status;
}

static bool reached_step_limit(const lw_trainer *t)
{
    return t->config.max_steps && t->step >= t->config.max_steps;
}

// Whether the limits or the validation end the run here.
static bool is_finished(const lw_trainer *t, const lw_train_result *result)
{
    return t->epoch == t->config.epochs || reached_step_limit(t) || result->reached ||
           result->out_of_patience;
}

// Counts a finished epoch and asks the callback; the next one may begin.
static void finish_epoch(lw_trainer *t, const lw_epoch_result *epoch, lw_train_result *result)
{
    // Counts over counts, compared with what may have been written as per cent.
    const double rounding = 1e-9;
    t->images += t->seen;
    result->seconds += epoch->seconds;
    result->images_per_second = result->seconds > 0.0 ? (double)t->images / result->seconds : 0.0;
    result->epochs = t->epoch + 1;
    result->last = *epoch;
    result->best_epoch = t->best.epoch;
    result->reached = t->config.until_accuracy > 0.0 &&
                      epoch->validation_accuracy >= t->config.until_accuracy - rounding;
    t->epoch++;
    t->epoch_step = 0;
    result->out_of_patience = t->config.patience > 0 && t->best.since >= t->config.patience &&
                              t->epoch < t->config.epochs && !result->reached;
    t->finished = is_finished(t, result);
    if (t->callbacks && t->callbacks->epoch && !t->callbacks->epoch(t->callbacks->user, epoch))
        t->stopped = true;
}

static lw_status run_epochs(lw_trainer *t, lw_train_result *result)
{
    while (!t->finished) {
        lw_epoch_result epoch;
        LW_TRY(run_epoch(t, result, &epoch));
        if (t->stopped) break;
        LW_TRY(validate(t, &epoch));
        finish_epoch(t, &epoch, result);
        if (t->stopped || t->finished) break;
        if (lw_trainer_checkpoint_due_after_epoch(t)) LW_TRY(lw_trainer_checkpoint(t, result));
        if (t->stopped) break;
    }
    // Also what stops early can be gone on with.
    LW_TRY(lw_trainer_checkpoint(t, result));
    if (!t->stopped) lw_trainer_settle_weights(t);
    if (!t->stopped) return LW_OK;
    return lw_fail(LW_ERROR_INTERRUPTED, "training was stopped in epoch %d after step %lld",
                   t->epoch_step > 0 || t->epoch == 0 ? t->epoch + 1 : t->epoch,
                   (long long)t->step);
}

// `seconds`: of the training since it was begun or gone on with.
static lw_status report_times(const lw_trainer *t, double seconds)
{
    lw_train_time *rows;
    size_t n_rows;
    if (!t->sheets) return LW_OK;
    LW_TRY(lw_train_times(&rows, &n_rows, t->model->network, t->sheets, t->threads, seconds));
    t->callbacks->times(t->callbacks->user, rows, n_rows);
    free(rows);
    return LW_OK;
}

static lw_status train(lw_trainer *t, lw_train_result *result)
{
    LW_TRY(lw_trainer_prepare(t));
    result->threads = t->threads;
    t->last_checkpoint = lw_clock_seconds();
    LW_TRY(lw_trainer_restore(t, result));
    const double before = result->seconds + t->epoch_seconds;
    LW_TRY(run_epochs(t, result));
    return report_times(t, result->seconds - before);
}

lw_status lw_train_resume(lw_model *model, const lw_dataset *train_set,
                          const lw_dataset *validation, const lw_train_config *config,
                          const lw_train_callbacks *callbacks, const lw_train_state *state,
                          lw_train_result *result)
{
    if (!model || !train_set || !config || !result)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "model, training set, configuration and result: got NULL");
    memset(result, 0, sizeof *result);
    lw_trainer t = {.model = model,
                    .train = train_set,
                    .validation = validation,
                    .config = *config,
                    .callbacks = callbacks,
                    .resumed = state};
    atomic_init(&t.failed_status, LW_OK);
    atomic_init(&t.last_step, LLONG_MAX);
    lw_barrier_init(&t.barrier);
    lw_status status = train(&t, result);
    lw_trainer_destroy(&t);
    return status;
}

lw_status lw_train(lw_model *model, const lw_dataset *train_set, const lw_dataset *validation,
                   const lw_train_config *config, const lw_train_callbacks *callbacks,
                   lw_train_result *result)
{
    return lw_train_resume(model, train_set, validation, config, callbacks, NULL, result);
}
