// SPDX-License-Identifier: Apache-2.0
// What a training run needs before its first step: everything that can be refused is refused here,
// and all memory is taken.
#include "train/trainer.h"

#include "base/error.h"
#include "base/memory.h"
#include "cpu/parallel.h"
#include "cpu/topology.h"
#include "nn/finite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static lw_status check_schedule(const lw_schedule_config *schedule)
{
    if (!(schedule->warmup_fraction >= 0.0 && schedule->warmup_fraction <= 1.0))
        return lw_fail(LW_ERROR_ARGUMENT, "warm-up: expected a fraction from 0 to 1, got %g",
                       schedule->warmup_fraction);
    if (schedule->kind == LW_SCHEDULE_STEP && !(schedule->step_epochs > 0.0))
        return lw_fail(LW_ERROR_ARGUMENT, "step schedule: expected more than 0 epochs, got %g",
                       schedule->step_epochs);
    return LW_OK;
}

static lw_status check_extras(const lw_train_config *config)
{
    if (!(config->label_smoothing >= 0.0 && config->label_smoothing < 1.0))
        return lw_fail(LW_ERROR_ARGUMENT, "label smoothing: expected 0 to less than 1, got %g",
                       config->label_smoothing);
    if (!(config->ema_decay >= 0.0 && config->ema_decay < 1.0))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "decay of the weights' average: expected 0 to less than 1, got %g",
                       config->ema_decay);
    if (!(config->clip_norm >= 0.0 && isfinite(config->clip_norm)))
        return lw_fail(LW_ERROR_ARGUMENT, "norm to clip at: expected 0 or more, got %g",
                       config->clip_norm);
    if (config->patience < 0)
        return lw_fail(LW_ERROR_ARGUMENT, "patience: expected 0 or more epochs, got %d",
                       config->patience);
    return LW_OK;
}

static lw_status check_config(const lw_train_config *config)
{
    if (config->epochs < 1)
        return lw_fail(LW_ERROR_ARGUMENT, "epochs: expected at least 1, got %d", config->epochs);
    if (config->batch < 1 || config->batch > 1 << 20)
        return lw_fail(LW_ERROR_ARGUMENT, "batch: expected 1 to %d, got %d", 1 << 20,
                       config->batch);
    if (config->threads < 0 || config->threads > 1024)
        return lw_fail(LW_ERROR_ARGUMENT, "threads: expected 0 to 1024, got %d", config->threads);
    if (config->max_steps < 0)
        return lw_fail(LW_ERROR_ARGUMENT, "steps: expected 0 or more, got %lld",
                       (long long)config->max_steps);
    if (!(config->until_accuracy >= 0.0 && config->until_accuracy <= 1.0))
        return lw_fail(LW_ERROR_ARGUMENT, "accuracy to stop at: expected 0 to 1, got %g",
                       config->until_accuracy);
    if ((int)config->order < LW_TRAIN_ORDER_MIXED || config->order > LW_TRAIN_ORDER_BY_SIZE)
        return lw_fail(LW_ERROR_ARGUMENT, "order of the images: expected 0 to %d, got %d",
                       LW_TRAIN_ORDER_BY_SIZE, (int)config->order);
    LW_TRY(check_schedule(&config->schedule));
    LW_TRY(check_extras(config));
    return lw_optimizer_check(&config->optimizer);
}

// Refuses the whole set before the first step, not in the middle of the first epoch.
static lw_status check_dataset(const lw_model *model, const lw_dataset *dataset)
{
    size_t size = lw_dataset_size(dataset);
    if (size == 0 || size > UINT32_MAX)
        return lw_fail(LW_ERROR_INPUT, "%s: expected 1 to %u samples, got %zu",
                       lw_dataset_name(dataset), UINT32_MAX, size);
    lw_sample last = {0};
    for (size_t i = 0; i < size; i++) {
        lw_sample sample = lw_dataset_get(dataset, i);
        bool same_size = sample.channels == last.channels && sample.height == last.height &&
                         sample.width == last.width;
        if (!same_size || sample.label < 0 || sample.label >= model->classes)
            LW_TRY(lw_model_check_sample(model, dataset, i));
        last = sample;
    }
    return LW_OK;
}

// Rescaled images must fit the network at both ends of the range.
static lw_status check_rescaling(const lw_trainer *t)
{
    const double factors[] = {t->config.rescale_low, t->config.rescale_high};
    lw_sample last = {0};
    if (t->config.rescale_high == 0) return LW_OK;
    for (size_t i = 0; i < lw_dataset_size(t->train); i++) {
        const lw_sample sample = lw_dataset_get(t->train, i);
        if (sample.height == last.height && sample.width == last.width) continue;
        last = sample;
        for (int k = 0; k < 2; k++) {
            const lw_extent extent = {sample.channels, lw_sampler_side(sample.height, factors[k]),
                                      lw_sampler_side(sample.width, factors[k])};
            if (lw_network_infer(t->model->network, extent, NULL))
                return lw_fail(LW_ERROR_INPUT, "scale jitter: image %zu times %g is %dx%d: %s", i,
                               factors[k], extent.width, extent.height, lw_error_message());
        }
    }
    return LW_OK;
}

static lw_status prepare_samplers(lw_trainer *t)
{
    const lw_sampler_options options = {t->config.augment, t->config.rescale_low,
                                        t->config.rescale_high, t->config.seed};
    t->samplers = calloc((size_t)t->threads, sizeof *t->samplers);
    if (!t->samplers) return lw_fail(LW_ERROR_MEMORY, "no memory for the samplers of the threads");
    for (int32_t i = 0; i < t->threads; i++)
        LW_TRY(lw_sampler_init(&t->samplers[i], t->train, &options));
    return check_rescaling(t);
}

static lw_status prepare_times(lw_trainer *t)
{
    if (!t->callbacks || !t->callbacks->times) return LW_OK;
    t->sheets = calloc((size_t)t->threads, sizeof *t->sheets);
    if (!t->sheets) return lw_fail(LW_ERROR_MEMORY, "no memory for the times of the threads");
    for (int32_t i = 0; i < t->threads; i++) {
        LW_TRY(lw_time_sheet_init(&t->sheets[i], lw_network_layer_count(t->model->network)));
        t->workers[i].times = &t->sheets[i];
    }
    return LW_OK;
}

static lw_status allocate_results(struct lw_step_results *results, size_t partial_bytes,
                                  size_t batch)
{
    void *block;
    LW_TRY(lw_memory_allocate(&block, partial_bytes, "partial sums of the gradient"));
    results->partials = block;
    results->losses = calloc(batch, sizeof *results->losses);
    results->hits = calloc(batch, sizeof *results->hits);
    if (!results->losses || !results->hits)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the losses of %zu images", batch);
    return LW_OK;
}

// Whether every thread has weights of its own. Beyond two threads, or with more weights, it takes
// longer to update all of them than to share the work; with these many it is about the same on cores that share a cache,
// and where they do not, lab's update takes a quarter of the time (batch 32, two threads: 1.7 instead of 2.3 ms a step).
static bool pays_replicas(int32_t threads, const lw_parameter_layout *layout)
{
    const int64_t most_floats = 256 << 10;
    return threads == 2 && layout->value_floats <= most_floats;
}

// What looks at the validation images and has none would never happen: better to say so.
static lw_status require_validation(const lw_train_config *config)
{
    const char *what = config->until_accuracy > 0.0 ? "stopping at an accuracy"
                       : config->patience > 0       ? "patience"
                       : config->keep_best          ? "keeping the best weights"
                                                    : NULL;
    if (!what) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "%s: expected validation images, got none", what);
}

// As many teams as a full batch has partials, of about the same size.
static lw_status form_teams(lw_trainer *t)
{
    const int32_t n = lw_batches_partials(&t->batches, t->config.batch);
    if (t->threads <= n) return LW_OK;
    t->teams = aligned_alloc(_Alignof(lw_training_team), (size_t)n * sizeof *t->teams);
    t->seats = calloc((size_t)t->threads, sizeof *t->seats);
    if (!t->teams || !t->seats)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %d teams of threads", n);
    t->n_teams = n;
    for (int32_t i = 0; i < n; i++) {
        int64_t begin, end;
        lw_training_team *team = &t->teams[i];
        lw_parallel_range(t->threads, i, n, &begin, &end);
        lw_barrier_init(&team->barrier);
        team->size = (int32_t)(end - begin);
        team->workspace = NULL;
        atomic_init(&team->failed, false);
        for (int64_t thread = begin; thread < end; thread++)
            t->seats[thread] = (lw_team_seat){team, i, (int32_t)(thread - begin), (int32_t)thread};
    }
    return LW_OK;
}

static lw_status allocate(lw_trainer *t)
{
    int32_t channels = lw_network_input(t->model->network).channels;
    int32_t n_partials = lw_batches_partials(&t->batches, t->config.batch);
    // An odd number of cache lines between partials, so that they do not fall onto the same sets.
    t->partial_stride = (int64_t)lw_round_up((size_t)t->model->layout.value_floats, 32) + LW_BLOCK;
    size_t partial_bytes;
    if (!lw_size_multiply((size_t)n_partials * sizeof(float), (size_t)t->partial_stride,
                          &partial_bytes))
        return lw_fail(LW_ERROR_MEMORY, "%d partial gradients do not fit memory", n_partials);
    for (int i = 0; i < (t->replicated ? 2 : 1); i++)
        LW_TRY(allocate_results(&t->results[i], partial_bytes, (size_t)t->config.batch));
    t->levels = malloc((size_t)channels * sizeof *t->levels);
    t->workers = calloc((size_t)t->threads, sizeof *t->workers);
    t->replicas = calloc((size_t)t->threads, sizeof *t->replicas);
    if (!t->levels || !t->workers || !t->replicas)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %d training threads", t->threads);
    lw_model_levels(t->model, channels, t->levels);
    LW_TRY(lw_plan_cache_create(&t->plans, t->model->network, &t->model->layout));
    for (int32_t i = 0; i < t->threads; i++) LW_TRY(lw_worker_init(&t->workers[i], t->plans, true));
    LW_TRY(prepare_times(t));
    LW_TRY(form_teams(t));
    LW_TRY(prepare_samplers(t));
    if (lw_dataset_is_streamed(t->train) && t->samplers[0].mixes)
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "%s: mixup needs all images in memory, and they take more than they may",
                       lw_dataset_name(t->train));
    for (int32_t i = 0; i < (t->replicated ? t->threads : 1); i++)
        LW_TRY(lw_replica_init(&t->replicas[i], t->model, &t->config.optimizer, i > 0));
    return lw_trainer_prepare_weights(t);
}

static void free_teams(lw_trainer *t)
{
    for (int32_t i = 0; i < t->n_teams; i++) lw_barrier_destroy(&t->teams[i].barrier);
    free(t->teams);
    free(t->seats);
}

static void free_results(struct lw_step_results *results)
{
    lw_memory_free(results->partials);
    free(results->losses);
    free(results->hits);
}

void lw_trainer_destroy(lw_trainer *t)
{
    for (int32_t i = 0; t->replicas && i < t->threads; i++) lw_replica_destroy(&t->replicas[i]);
    free(t->replicas);
    for (int32_t i = 0; t->workers && i < t->threads; i++) lw_worker_destroy(&t->workers[i]);
    for (int32_t i = 0; t->samplers && i < t->threads; i++) lw_sampler_destroy(&t->samplers[i]);
    free(t->samplers);
    for (int32_t i = 0; t->sheets && i < t->threads; i++) lw_time_sheet_destroy(&t->sheets[i]);
    free(t->sheets);
    free(t->workers);
    lw_plan_cache_destroy(&t->plans);
    lw_train_state_destroy(&t->state);
    lw_reader_destroy(&t->reader);
    lw_batches_destroy(&t->batches);
    free(t->levels);
    free_teams(t);
    for (int i = 0; i < 2; i++) free_results(&t->results[i]);
    free(t->unit_squares);
    lw_memory_free(t->average);
    lw_memory_free(t->best.values);
    lw_barrier_destroy(&t->barrier);
}

// Weights from a file may be anything.
static lw_status check_weights(const lw_model *model)
{
    char what[128];
    if (!lw_finite_describe_weights(&model->layout, model->values, model->network, 0,
                                    model->layout.n_units, what, sizeof what))
        return LW_OK;
    return lw_fail(LW_ERROR_NOT_FINITE, "before the first step %s", what);
}

lw_status lw_trainer_prepare(lw_trainer *t)
{
    LW_TRY(check_config(&t->config));
    LW_TRY(check_weights(t->model));
    LW_TRY(check_dataset(t->model, t->train));
    if (t->validation && lw_dataset_size(t->validation) > 0)
        LW_TRY(check_dataset(t->model, t->validation));
    else
        LW_TRY(require_validation(&t->config));
    LW_TRY(lw_batches_init(&t->batches, t->train, t->model->network, t->model->layout.value_floats,
                           &t->config));
    t->total_steps = t->batches.steps * t->config.epochs;
    if (t->config.max_steps && t->config.max_steps < t->total_steps)
        t->total_steps = t->config.max_steps;
    t->threads = lw_cpu_resolve_threads(t->config.threads);
    t->replicated = t->config.clip_norm == 0.0 && pays_replicas(t->threads, &t->model->layout);
    LW_TRY(lw_trainer_restore_weights(t));
    return allocate(t);
}
