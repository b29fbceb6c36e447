// SPDX-License-Identifier: Apache-2.0
// The gradient of a batch: groups of images forward and backward, by a thread or by a team of threads.
#include "train/trainer.h"

#include "base/error.h"
#include "cpu/parallel.h"
#include "nn/finite.h"

#include <math.h>
#include <stdio.h>

void lw_trainer_leave_after(lw_trainer *t, int64_t steps)
{
    long long last = atomic_load(&t->last_step);
    while (steps < last && !atomic_compare_exchange_weak(&t->last_step, &last, steps)) continue;
}

static void fail_run(lw_trainer *t, lw_status status)
{
    int expected = LW_OK;
    // The first failure wins; its text is read only after the threads have joined.
    if (atomic_compare_exchange_strong(&t->failed_status, &expected, (int)status))
        snprintf(t->failure, sizeof t->failure, "%s", lw_error_message());
}

void lw_trainer_fail_update(lw_trainer *t, const lw_batch_work *work, size_t begin, size_t end)
{
    char what[128] = "a moment of the gradient is too large";
    lw_finite_describe_weights(&t->model->layout, work->replica->values, t->model->network, begin,
                               end, what, sizeof what);
    fail_run(t, lw_fail(LW_ERROR_NOT_FINITE,
                        "epoch %d, step %lld: after the update %s (learning rate %g)", t->epoch + 1,
                        (long long)work->step + 1, what, t->config.optimizer.learning_rate));
    lw_trainer_leave_after(t, work->step + 1);
}

// Images [begin, end) of a batch. `next`: the place in the order that this thread goes on with then, as far
// as it is known.
typedef struct batch_part {
    const lw_batch_work *work;
    int32_t begin, end;
    int64_t next;
} batch_part;

static lw_parameter_view parameters_of(const lw_batch_work *work)
{
    const lw_replica *replica = work->replica;
    return (lw_parameter_view){replica->values, replica->packed, replica->version};
}

static uint32_t index_at(const lw_trainer *t, const batch_part *part, int32_t i)
{
    return t->batches.order[part->work->batch.place + i];
}

// An image of the batch with the size it has in this epoch.
static lw_sample sample_at(const lw_trainer *t, const batch_part *part, int32_t i)
{
    return lw_sampler_look(&t->samplers[0], (uint32_t)t->epoch, index_at(t, part, i));
}

// How many images from part->begin on have the size of the first.
static int32_t count_same_size(const lw_trainer *t, const batch_part *part)
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
static void fetch_next(const lw_trainer *t, const batch_part *part, int32_t images)
{
    const size_t most_bytes = 4096, line_bytes = 64;
    int64_t next = part->work->batch.place + part->begin + images;
    if (part->begin + images >= part->end) next = part->next;
    const int64_t size = (int64_t)lw_dataset_size(t->train);
    for (int64_t i = next; i < next + images && i < size; i++) {
        const lw_sample sample = lw_dataset_get(t->train, t->batches.order[i]);
        if (!sample.pixels) return; // not in memory: the reader is ahead of this
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
static lw_status load_images(lw_trainer *t, int32_t thread, const batch_part *part,
                             lw_workspace *workspace, int32_t begin, int32_t end,
                             group_facts *facts)
{
    lw_sampler *sampler = &t->samplers[thread];
    lw_time_sheet *times = t->workers[thread].times;
    const int64_t place = part->work->batch.place + part->begin;
    for (int32_t slot = begin; slot < end; slot++) {
        const uint32_t index = index_at(t, part, part->begin + slot);
        facts->dropout[slot] = (lw_dropout_key){t->config.seed, (uint32_t)t->epoch, index};
        lw_sample image = lw_dataset_get(t->train, index);
        if (t->reader) LW_TRY(lw_reader_get(t->reader, (size_t)(place + slot), &image));
        const lw_drawn drawn = lw_sampler_take_from(sampler, (uint32_t)t->epoch, index, &image);
        facts->labels[slot] = (lw_soft_label){drawn.image.label, drawn.other_label,
                                              drawn.other_share, (float)t->config.label_smoothing};
        if (sampler->block) lw_time_sheet_book(times, LW_TIME_AUGMENT);
        lw_workspace_load_bytes(workspace, slot, drawn.image.pixels, t->levels);
        if (sampler->block) lw_time_sheet_book(times, LW_TIME_LOAD);
    }
    fetch_next(t, part, end - begin);
    lw_time_sheet_book(times, LW_TIME_LOAD);
    return LW_OK;
}

// The sentence about the first of these images whose loss is not finite: which one, in which step, and where on its
// way it happened.
static lw_status explain_losses(const lw_trainer *t, const batch_part *part,
                                const lw_workspace *workspace, int32_t begin, int32_t end)
{
    const double *losses = part->work->results->losses + part->begin;
    int32_t slot = begin;
    while (slot < end - 1 && isfinite(losses[slot])) slot++;
    const uint32_t index = index_at(t, part, part->begin + slot);
    const char *file = lw_dataset_file_name(t->train, index);
    char where[200] = "all outputs are finite, but too far apart";
    lw_finite_describe_image(workspace, parameters_of(part->work), t->model->network, slot, where,
                             sizeof where);
    return lw_fail(LW_ERROR_NOT_FINITE,
                   "epoch %d, step %lld: the loss of training image %u%s%.100s%s (label %d) is %s: "
                   "%s (learning rate %g)",
                   t->epoch + 1, (long long)part->work->step + 1, index, file ? " (" : "",
                   file ? file : "", file ? ")" : "", lw_dataset_get(t->train, index).label,
                   lw_finite_word(losses[slot]), where, t->config.optimizer.learning_rate);
}

// Images [begin, end) of the group from their pixels to their losses. A loss that is not finite ends the run
// before the step changes the weights.
static lw_status forward_images(lw_trainer *t, int32_t thread, const batch_part *part,
                                lw_workspace *workspace, int32_t begin, int32_t end,
                                const group_facts *facts)
{
    struct lw_step_results *results = part->work->results;
    const float scale = 1.0f / (float)part->work->batch.count;
    bool finite = true;
    lw_engine_forward(workspace, parameters_of(part->work), begin, end - begin,
                      facts->dropout + begin);
    for (int32_t slot = begin; slot < end; slot++) {
        int32_t i = part->begin + slot, predicted;
        results->losses[i] =
            lw_engine_loss_soft(workspace, slot, facts->labels[slot], scale, &predicted);
        results->hits[i] = predicted == facts->labels[slot].first;
        finite = finite && isfinite(results->losses[i]);
    }
    lw_time_sheet_book(t->workers[thread].times, LW_TIME_LOSS);
    return finite ? LW_OK : explain_losses(t, part, workspace, begin, end);
}

// The workspace of a thread, laid out for the part's first image, and how many images its first group has.
static lw_status prepare_group(lw_trainer *t, int32_t thread, const batch_part *part,
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
static lw_status train_group(lw_trainer *t, int32_t thread, const batch_part *part, bool fresh,
                             float *partial, int32_t *images)
{
    group_facts facts;
    lw_workspace *workspace;
    LW_TRY(prepare_group(t, thread, part, &workspace, images));
    LW_TRY(load_images(t, thread, part, workspace, 0, *images, &facts));
    LW_TRY(forward_images(t, thread, part, workspace, 0, *images, &facts));
    lw_engine_backward(workspace, parameters_of(part->work), *images, fresh, partial);
    return LW_OK;
}

// The sentence is kept before the others can know of the failure, so that none of theirs comes first.
static void fail_team(lw_trainer *t, lw_training_team *team, lw_status status)
{
    fail_run(t, status);
    atomic_store(&team->failed, true);
}

// The same by a team. Its threads share the images on the way forward and back to the pixels, in the memory of
// the team's first thread, and then the weights whose gradients they add over all images, so that every
// sum is the one that a single thread makes.
static lw_status train_team_group(lw_trainer *t, const lw_team_seat *seat, const batch_part *part,
                                  bool fresh, float *partial, int32_t *images)
{
    lw_training_team *team = seat->team;
    group_facts facts;
    lw_workspace *own;
    int64_t begin = 0, end = 0;
    lw_status status = prepare_group(t, seat->thread, part, &own, images);
    if (!status) lw_parallel_range(*images, seat->rank, team->size, &begin, &end);
    if (!status && seat->rank == 0) {
        lw_workspace_join(NULL, own);
        team->workspace = own;
    }
    if (status) fail_team(t, team, status);
    lw_barrier_wait(&team->barrier, team->size);
    if (!atomic_load(&team->failed)) {
        if (seat->rank > 0) lw_workspace_join(own, team->workspace);
        status = load_images(t, seat->thread, part, own, (int32_t)begin, (int32_t)end, &facts);
        if (status) fail_team(t, team, status);
    }
    if (!status && !atomic_load(&team->failed) && begin < end) {
        status = forward_images(t, seat->thread, part, own, (int32_t)begin, (int32_t)end, &facts);
        if (status) fail_team(t, team, status);
    }
    if (!status && !atomic_load(&team->failed) && begin < end) {
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
static lw_status train_partial(lw_trainer *t, int32_t thread, const lw_team_seat *seat,
                               batch_part part, float *partial)
{
    const int32_t begin = part.begin;
    while (part.begin < part.end) {
        int32_t images = 0;
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
                            const lw_team_seat *seat, int32_t own[LW_PARTIAL_LIMIT])
{
    if (!seat) return lw_batch_share(batch, thread, threads, own);
    own[0] = seat->index;
    return seat->index < batch->n_partials ? 1 : 0;
}

void lw_trainer_gradient(lw_trainer *t, int32_t thread, int32_t threads, const lw_batch_work *work)
{
    int32_t own[LW_PARTIAL_LIMIT];
    const lw_batch *batch = &work->batch;
    // Where the system gave fewer threads than asked for, teams would wait for those who are missing.
    const lw_team_seat *seat = t->seats && threads == t->threads ? &t->seats[thread] : NULL;
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
        lw_trainer_leave_after(t, work->step);
        return;
    }
}
