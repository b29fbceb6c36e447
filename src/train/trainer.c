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
// alone, so the weights have the same bits for any number of threads, in either way.
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cpu/barrier.h"
#include "cpu/parallel.h"
#include "nn/model.h"
#include "nn/time_sheet.h"
#include "nn/worker.h"
#include "prepare/sampler.h"
#include "train/batches.h"
#include "train/optimizer.h"
#include "train/times.h"

#include <lanewise/cpu.h>
#include <lanewise/train.h>

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Threads that work on one partial together, where there are more threads than partials.
typedef struct training_team {
    lw_barrier barrier;
    int32_t size;
    lw_workspace *workspace; // of its first thread
    atomic_bool failed;
} training_team;

// A thread's place in its team.
typedef struct team_seat {
    training_team *team;
    int32_t index; // of the team, and of the partial that it works on
    int32_t rank, thread;
} team_seat;

typedef struct trainer {
    lw_model *model;
    const lw_dataset *train, *validation;
    lw_train_config config;
    const lw_train_callbacks *callbacks; // may be NULL
    lw_replica *replicas; // one per thread where they have one each, else one for all
    bool replicated;
    training_team *teams; // NULL: every thread has partials of its own
    team_seat *seats;     // one per thread
    int32_t n_teams;
    lw_batches batches;
    lw_levels *levels;
    lw_plan_cache *plans;
    lw_worker *workers;
    lw_sampler *samplers;  // one per thread
    lw_time_sheet *sheets; // one per thread; NULL: the time is not wanted
    int32_t threads;
    lw_barrier barrier;

    int64_t total_steps;
    int64_t step; // finished steps of the run
    // Of a step; with replicas two steps take turns.
    struct step_results {
        float *partials;
        double *losses; // per image of the batch
        uint8_t *hits;  // the same: predicted correctly
    } results[2];
    int64_t partial_stride; // floats

    // The epoch so far; written by thread 0 after a step's gradient is complete.
    int32_t epoch; // from 0
    int64_t epoch_step, epoch_steps;
    double loss_sum, learning_rate, epoch_start, last_report;
    int64_t correct, seen;
    bool stopped; // because a callback wished so
    // How many steps of the epoch are finished when all threads leave it early: a number rather than
    // a flag, since a thread may already be a step ahead of one that has yet to look.
    atomic_llong last_step;
    atomic_int failed_status;
    char failure[512];
} trainer;

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

// ---- set-up -------------------------------------------------------------------------------------

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
    return lw_optimizer_check(&config->optimizer);
}

// Refuses the whole set before the first step, not in the middle of the first epoch.
static lw_status check_dataset(const lw_model *model, const lw_dataset *dataset)
{
    size_t size = lw_dataset_size(dataset);
    if (size == 0 || size > UINT32_MAX)
        return lw_fail(LW_ERROR_INPUT, "%s: expected 1 to %u samples, got %zu",
                       lw_dataset_name(dataset), UINT32_MAX, size);
    if (lw_dataset_is_streamed(dataset))
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "%s: its images do not fit the memory that they may take (%zu bytes)",
                       lw_dataset_name(dataset), lw_dataset_bytes(dataset));
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
static lw_status check_rescaling(const trainer *t)
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

static lw_status prepare_samplers(trainer *t)
{
    const lw_sampler_options options = {t->config.augment, t->config.rescale_low,
                                        t->config.rescale_high, t->config.seed};
    t->samplers = calloc((size_t)t->threads, sizeof *t->samplers);
    if (!t->samplers) return lw_fail(LW_ERROR_MEMORY, "no memory for the samplers of the threads");
    for (int32_t i = 0; i < t->threads; i++)
        LW_TRY(lw_sampler_init(&t->samplers[i], t->train, &options));
    return check_rescaling(t);
}

static lw_status prepare_times(trainer *t)
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

static lw_status allocate_results(struct step_results *results, size_t partial_bytes, size_t batch)
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
// longer to update all of them than to share the work.
static bool pays_replicas(int32_t threads, const lw_parameter_layout *layout)
{
    const int64_t most_floats = 64 << 10;
    return threads == 2 && layout->value_floats <= most_floats;
}

// As many teams as a full batch has partials, of about the same size.
static lw_status form_teams(trainer *t)
{
    const int32_t n = lw_batches_partials(&t->batches, t->config.batch);
    if (t->threads <= n) return LW_OK;
    t->teams = aligned_alloc(_Alignof(training_team), (size_t)n * sizeof *t->teams);
    t->seats = calloc((size_t)t->threads, sizeof *t->seats);
    if (!t->teams || !t->seats)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %d teams of threads", n);
    t->n_teams = n;
    for (int32_t i = 0; i < n; i++) {
        int64_t begin, end;
        training_team *team = &t->teams[i];
        lw_parallel_range(t->threads, i, n, &begin, &end);
        lw_barrier_init(&team->barrier);
        team->size = (int32_t)(end - begin);
        team->workspace = NULL;
        atomic_init(&team->failed, false);
        for (int64_t thread = begin; thread < end; thread++)
            t->seats[thread] = (team_seat){team, i, (int32_t)(thread - begin), (int32_t)thread};
    }
    return LW_OK;
}

static lw_status allocate(trainer *t)
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
    for (int32_t i = 0; i < (t->replicated ? t->threads : 1); i++)
        LW_TRY(lw_replica_init(&t->replicas[i], t->model, &t->config.optimizer, i > 0));
    return LW_OK;
}

static void free_teams(trainer *t)
{
    for (int32_t i = 0; i < t->n_teams; i++) lw_barrier_destroy(&t->teams[i].barrier);
    free(t->teams);
    free(t->seats);
}

static void free_results(struct step_results *results)
{
    lw_memory_free(results->partials);
    free(results->losses);
    free(results->hits);
}

static void free_trainer(trainer *t)
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
    lw_batches_destroy(&t->batches);
    free(t->levels);
    free_teams(t);
    for (int i = 0; i < 2; i++) free_results(&t->results[i]);
    lw_barrier_destroy(&t->barrier);
}

// ---- one step -----------------------------------------------------------------------------------

static void leave_after(trainer *t, int64_t steps)
{
    long long last = atomic_load(&t->last_step);
    while (steps < last && !atomic_compare_exchange_weak(&t->last_step, &last, steps)) continue;
}

static void fail_run(trainer *t, lw_status status)
{
    int expected = LW_OK;
    // The first failure wins; its text is read only after the threads have joined.
    if (atomic_compare_exchange_strong(&t->failed_status, &expected, (int)status))
        snprintf(t->failure, sizeof t->failure, "%s", lw_error_message());
}

// A batch, with what is worked on it with.
typedef struct batch_work {
    lw_batch batch;
    int64_t step; // of the epoch, from 0
    const lw_replica *replica;
    struct step_results *results;
} batch_work;

// Images [begin, end) of a batch. `next`: the place in the order that this thread goes on with then, as far
// as it is known.
typedef struct batch_part {
    const batch_work *work;
    int32_t begin, end;
    int64_t next;
} batch_part;

static lw_parameter_view parameters_of(const batch_work *work)
{
    const lw_replica *replica = work->replica;
    return (lw_parameter_view){replica->values, replica->packed, replica->version};
}

static uint32_t index_at(const trainer *t, const batch_part *part, int32_t i)
{
    return t->batches.order[part->work->batch.place + i];
}

// An image of the batch with the size it has in this epoch.
static lw_sample sample_at(const trainer *t, const batch_part *part, int32_t i)
{
    return lw_sampler_look(&t->samplers[0], (uint32_t)t->epoch, index_at(t, part, i));
}

// How many images from part->begin on have the size of the first.
static int32_t count_same_size(const trainer *t, const batch_part *part)
{
    lw_sample first = sample_at(t, part, part->begin);
    int32_t i = part->begin + 1;
    for (; i < part->end; i++) {
        lw_sample sample = sample_at(t, part, i);
        if (sample.channels != first.channels || sample.height != first.height ||
            sample.width != first.width)
            break;
    }
    return i - part->begin;
}

// The next images of this thread are far away in memory, and anywhere: they are asked for while the
// present ones are worked on.
static void fetch_next(const trainer *t, const batch_part *part, int32_t images)
{
    const size_t most_bytes = 4096, line_bytes = 64;
    int64_t next = part->work->batch.place + part->begin + images;
    if (part->begin + images >= part->end) next = part->next;
    const int64_t size = (int64_t)lw_dataset_size(t->train);
    for (int64_t i = next; i < next + images && i < size; i++) {
        const lw_sample sample = lw_dataset_get(t->train, t->batches.order[i]);
        size_t bytes = (size_t)sample.height * (size_t)sample.width * (size_t)sample.channels;
        if (bytes > most_bytes) bytes = most_bytes;
        for (size_t at = 0; at < bytes; at += line_bytes)
            __builtin_prefetch(sample.pixels + at, 0, 2);
    }
}

// What the images of a group need beside their pixels.
typedef struct group_facts {
    lw_dropout_key dropout[LW_GROUP_LIMIT];
    lw_soft_label labels[LW_GROUP_LIMIT];
} group_facts;

// Brings images [begin, end) of the part's first group into the workspace.
static lw_status load_images(trainer *t, int32_t thread, const batch_part *part,
                             lw_workspace *workspace, int32_t begin, int32_t end,
                             group_facts *facts)
{
    lw_sampler *sampler = &t->samplers[thread];
    lw_time_sheet *times = t->workers[thread].times;
    for (int32_t slot = begin; slot < end; slot++) {
        const uint32_t index = index_at(t, part, part->begin + slot);
        facts->dropout[slot] = (lw_dropout_key){t->config.seed, (uint32_t)t->epoch, index};
        lw_drawn drawn = lw_sampler_take(sampler, (uint32_t)t->epoch, index);
        facts->labels[slot] =
            (lw_soft_label){drawn.image.label, drawn.other_label, drawn.other_share};
        if (sampler->block) lw_time_sheet_book(times, LW_TIME_AUGMENT);
        lw_workspace_load_bytes(workspace, slot, drawn.image.pixels, t->levels);
        if (sampler->block) lw_time_sheet_book(times, LW_TIME_LOAD);
    }
    fetch_next(t, part, end - begin);
    lw_time_sheet_book(times, LW_TIME_LOAD);
    return LW_OK;
}

// Images [begin, end) of the group from their pixels to their losses.
static void forward_images(trainer *t, int32_t thread, const batch_part *part,
                           lw_workspace *workspace, int32_t begin, int32_t end,
                           const group_facts *facts)
{
    struct step_results *results = part->work->results;
    const float scale = 1.0f / (float)part->work->batch.count;
    lw_engine_forward(workspace, parameters_of(part->work), begin, end - begin,
                      facts->dropout + begin);
    for (int32_t slot = begin; slot < end; slot++) {
        int32_t i = part->begin + slot, predicted;
        results->losses[i] =
            lw_engine_loss_soft(workspace, slot, facts->labels[slot], scale, &predicted);
        results->hits[i] = predicted == facts->labels[slot].first;
    }
    lw_time_sheet_book(t->workers[thread].times, LW_TIME_LOSS);
}

// The workspace of a thread, laid out for the part's first image, and how many images its first group has.
static lw_status prepare_group(trainer *t, int32_t thread, const batch_part *part,
                               lw_workspace **workspace, int32_t *images)
{
    const lw_sample first = sample_at(t, part, part->begin);
    LW_TRY(lw_worker_workspace(&t->workers[thread],
                               (lw_extent){first.channels, first.height, first.width}, workspace));
    *images = lw_worker_group((*workspace)->plan, count_same_size(t, part));
    return LW_OK;
}

// Takes the part's first group forward and backward; *images is its size. `fresh`: the partial
// starts with it.
static lw_status train_group(trainer *t, int32_t thread, const batch_part *part, bool fresh,
                             float *partial, int32_t *images)
{
    group_facts facts;
    lw_workspace *workspace;
    LW_TRY(prepare_group(t, thread, part, &workspace, images));
    LW_TRY(load_images(t, thread, part, workspace, 0, *images, &facts));
    forward_images(t, thread, part, workspace, 0, *images, &facts);
    lw_engine_backward(workspace, parameters_of(part->work), *images, fresh, partial);
    return LW_OK;
}

// The same by a team. Its threads share the images on the way forward and back to the pixels, in the memory of
// the team's first thread, and then the weights whose gradients they add over all images, so that every
// sum is the one that a single thread makes.
static lw_status train_team_group(trainer *t, const team_seat *seat, const batch_part *part,
                                  bool fresh, float *partial, int32_t *images)
{
    training_team *team = seat->team;
    group_facts facts;
    lw_workspace *own;
    int64_t begin = 0, end = 0;
    lw_status status = prepare_group(t, seat->thread, part, &own, images);
    if (!status) lw_parallel_range(*images, seat->rank, team->size, &begin, &end);
    if (!status && seat->rank == 0) {
        lw_workspace_join(NULL, own);
        team->workspace = own;
    }
    if (status) atomic_store(&team->failed, true);
    lw_barrier_wait(&team->barrier, team->size);
    if (!atomic_load(&team->failed)) {
        if (seat->rank > 0) lw_workspace_join(own, team->workspace);
        status = load_images(t, seat->thread, part, own, (int32_t)begin, (int32_t)end, &facts);
        if (status) atomic_store(&team->failed, true);
    }
    if (!status && !atomic_load(&team->failed) && begin < end) {
        forward_images(t, seat->thread, part, own, (int32_t)begin, (int32_t)end, &facts);
        lw_engine_backward_data(own, parameters_of(part->work), (int32_t)begin,
                                (int32_t)(end - begin));
    }
    lw_barrier_wait(&team->barrier, team->size);
    if (!atomic_load(&team->failed))
        lw_engine_backward_weights(own, *images, seat->rank, team->size, fresh, partial);
    // The first thread's memory may now be laid out for another size.
    lw_barrier_wait(&team->barrier, team->size);
    lw_time_sheet_book(t->workers[seat->thread].times, LW_TIME_BARRIER);
    if (!status && atomic_load(&team->failed)) return LW_ERROR_INTERRUPTED; // another one failed
    return status;
}

// A part of a batch, group by group; `seat`: of a team, or NULL.
static lw_status train_partial(trainer *t, int32_t thread, const team_seat *seat, batch_part part,
                               float *partial)
{
    const int32_t begin = part.begin;
    while (part.begin < part.end) {
        int32_t images;
        bool fresh = part.begin == begin;
        if (seat)
            LW_TRY(train_team_group(t, seat, &part, fresh, partial, &images));
        else
            LW_TRY(train_group(t, thread, &part, fresh, partial, &images));
        part.begin += images;
    }
    return LW_OK;
}

// The partials of a batch that a thread works on, alone or in its team.
static int32_t own_partials(const lw_batch *batch, int32_t thread, int32_t threads,
                            const team_seat *seat, int32_t own[LW_PARTIAL_LIMIT])
{
    if (!seat) return lw_batch_share(batch, thread, threads, own);
    own[0] = seat->index;
    return seat->index < batch->n_partials ? 1 : 0;
}

static void train_partials(trainer *t, int32_t thread, int32_t threads, const batch_work *work)
{
    int32_t own[LW_PARTIAL_LIMIT];
    const lw_batch *batch = &work->batch;
    const team_seat *seat = t->seats ? &t->seats[thread] : NULL;
    const int32_t n_own = own_partials(batch, thread, threads, seat, own);
    for (int32_t i = 0; i < n_own; i++) {
        const lw_batch_range *range = &batch->partials[own[i]];
        const int64_t next = i + 1 < n_own ? batch->partials[own[i + 1]].begin
                                           : batch->count + batch->partials[own[0]].begin;
        const batch_part part = {work, range->begin, range->end, batch->place + next};
        float *partial = work->results->partials + own[i] * t->partial_stride;
        lw_status status = train_partial(t, thread, seat, part, partial);
        if (!status) continue;
        fail_run(t, status);
        leave_after(t, work->step);
        return;
    }
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

static void report_progress(trainer *t)
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
static void count_batch(trainer *t, const struct step_results *results, int32_t count)
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
    if (t->stopped) leave_after(t, t->epoch_step);
}

// ---- one epoch ----------------------------------------------------------------------------------

// What a thread knows of the epoch that it is in.
typedef struct epoch_thread {
    trainer *t;
    int32_t thread, threads;
    size_t units_begin, units_end; // that it updates
    lw_replica *replica;           // in which it does
    lw_time_sheet *times;
} epoch_thread;

static epoch_thread enter_epoch(trainer *t, int32_t thread, int32_t threads)
{
    epoch_thread e = {.t = t,
                      .thread = thread,
                      .threads = threads,
                      .units_end = t->model->layout.n_units,
                      .replica = &t->replicas[t->replicated ? thread : 0],
                      .times = t->workers[thread].times};
    if (!t->replicated)
        slice_units(&t->model->layout, thread, threads, &e.units_begin, &e.units_end);
    return e;
}

static void take_batch(batch_work *work, trainer *t, const epoch_thread *e, int64_t step)
{
    work->step = step;
    work->replica = e->replica;
    work->results = &t->results[t->replicated ? step & 1 : 0];
    lw_batches_get(&t->batches, step, &work->batch);
}

// The gradient of step number `step` of the run (from 1) is complete.
static void finish_step(const epoch_thread *e, const batch_work *work, int64_t step)
{
    trainer *t = e->t;
    const lw_gradient_partials gradient = {.sums = work->results->partials,
                                           .stride = t->partial_stride,
                                           .count = work->batch.n_partials};
    double rate = lw_schedule_rate(&t->config.schedule, t->config.optimizer.learning_rate, step - 1,
                                   t->total_steps, t->batches.steps);
    lw_optimizer_step(&t->config.optimizer, &t->model->layout, e->replica, &gradient, step, rate,
                      e->units_begin, e->units_end);
    lw_time_sheet_book(e->times, LW_TIME_UPDATE);
    if (t->replicated || e->thread == 0) e->replica->version++;
    if (e->thread != 0) return;
    t->learning_rate = rate;
    count_batch(t, work->results, work->batch.count);
    lw_time_sheet_book(e->times, LW_TIME_REPORT);
}

// With replicas, a wish to stop is seen by all threads behind the next barrier, where the gradient
// that was computed meanwhile is dropped; otherwise behind the second barrier of its step.
static void epoch_body(void *context, int32_t thread, int32_t threads)
{
    trainer *t = context;
    const epoch_thread e = enter_epoch(t, thread, threads);
    const int64_t base = t->step;
    int64_t steps = t->epoch_steps;
    if (t->config.max_steps && t->config.max_steps - base < steps)
        steps = t->config.max_steps - base;
    lw_time_sheet_start(e.times);
    for (int64_t step = 0; step < steps; step++) {
        batch_work work;
        take_batch(&work, t, &e, step);
        train_partials(t, thread, threads, &work);
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

static lw_status run_epoch(trainer *t, lw_epoch_result *result)
{
    lw_batches_start_epoch(&t->batches, t->epoch);
    t->epoch_step = 0;
    t->epoch_steps = t->batches.steps;
    t->loss_sum = 0.0;
    t->correct = t->seen = 0;
    atomic_store(&t->last_step, LLONG_MAX);
    t->last_report = t->epoch_start = lw_clock_seconds();
    lw_parallel_run(t->threads, epoch_body, t);
    double seconds = lw_clock_seconds() - t->epoch_start;
    int failed = atomic_load(&t->failed_status);
    if (failed != LW_OK) return lw_fail((lw_status)failed, "%s", t->failure);
    *result = (lw_epoch_result){
        .epoch = t->epoch + 1,
        .train_loss = t->loss_sum / (double)t->seen,
        .train_accuracy = (double)t->correct / (double)t->seen,
        .learning_rate = t->learning_rate,
        .seconds = seconds,
        .images_per_second = seconds > 0.0 ? (double)t->seen / seconds : 0.0,
    };
    return LW_OK;
}

static lw_status validate(trainer *t, lw_epoch_result *result)
{
    if (!t->validation || lw_dataset_size(t->validation) == 0) return LW_OK;
    lw_metrics metrics;
    LW_TRY(lw_model_evaluate(t->model, t->validation, t->threads, &metrics));
    result->validation_loss = metrics.loss;
    result->validation_accuracy = lw_metrics_accuracy(&metrics);
    lw_metrics_destroy(&metrics);
    return LW_OK;
}

static bool reached_step_limit(const trainer *t)
{
    return t->config.max_steps && t->step >= t->config.max_steps;
}

static lw_status run_epochs(trainer *t, lw_train_result *result)
{
    int64_t images = 0;
    for (t->epoch = 0; t->epoch < t->config.epochs && !reached_step_limit(t); t->epoch++) {
        lw_epoch_result epoch;
        LW_TRY(run_epoch(t, &epoch));
        images += t->seen;
        result->seconds += epoch.seconds;
        result->images_per_second = result->seconds > 0.0 ? (double)images / result->seconds : 0.0;
        if (t->stopped)
            return lw_fail(LW_ERROR_INTERRUPTED, "training was stopped in epoch %d after step %lld",
                           t->epoch + 1, (long long)t->step);
        LW_TRY(validate(t, &epoch));
        result->epochs = t->epoch + 1;
        result->last = epoch;
        // Counts over counts, compared with what may have been written as per cent.
        const double rounding = 1e-9;
        result->reached = t->config.until_accuracy > 0.0 &&
                          epoch.validation_accuracy >= t->config.until_accuracy - rounding;
        if (t->callbacks && t->callbacks->epoch && !t->callbacks->epoch(t->callbacks->user, &epoch))
            return lw_fail(LW_ERROR_INTERRUPTED, "training was stopped after epoch %d",
                           t->epoch + 1);
        if (result->reached) break;
    }
    return LW_OK;
}

static lw_status report_times(const trainer *t, const lw_train_result *result)
{
    lw_train_time *rows;
    size_t n_rows;
    if (!t->sheets) return LW_OK;
    LW_TRY(
        lw_train_times(&rows, &n_rows, t->model->network, t->sheets, t->threads, result->seconds));
    t->callbacks->times(t->callbacks->user, rows, n_rows);
    free(rows);
    return LW_OK;
}

static lw_status prepare(trainer *t)
{
    LW_TRY(check_config(&t->config));
    LW_TRY(check_dataset(t->model, t->train));
    if (t->validation && lw_dataset_size(t->validation) > 0)
        LW_TRY(check_dataset(t->model, t->validation));
    else if (t->config.until_accuracy > 0.0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "stopping at an accuracy: expected validation images, got none");
    LW_TRY(lw_batches_init(&t->batches, t->train, t->model->network, t->model->layout.value_floats,
                           &t->config));
    t->total_steps = t->batches.steps * t->config.epochs;
    if (t->config.max_steps && t->config.max_steps < t->total_steps)
        t->total_steps = t->config.max_steps;
    t->threads = t->config.threads ? t->config.threads : lw_cpu_threads();
    t->replicated = pays_replicas(t->threads, &t->model->layout);
    return allocate(t);
}

lw_status lw_train(lw_model *model, const lw_dataset *train, const lw_dataset *validation,
                   const lw_train_config *config, const lw_train_callbacks *callbacks,
                   lw_train_result *result)
{
    if (!model || !train || !config || !result)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "model, training set, configuration and result: got NULL");
    memset(result, 0, sizeof *result);
    trainer t = {.model = model,
                 .train = train,
                 .validation = validation,
                 .config = *config,
                 .callbacks = callbacks};
    atomic_init(&t.failed_status, LW_OK);
    atomic_init(&t.last_step, LLONG_MAX);
    lw_barrier_init(&t.barrier);
    lw_status status = prepare(&t);
    if (!status) {
        result->threads = t.threads;
        status = run_epochs(&t, result);
        if (!status) status = report_times(&t, result);
    }
    free_trainer(&t);
    return status;
}
