// SPDX-License-Identifier: Apache-2.0
// What a model can be asked without training it: logits, predictions, metrics, gradients of a
// batch.
#include "base/error.h"
#include "base/memory.h"
#include "cpu/parallel.h"
#include "cpu/topology.h"
#include "nn/model.h"
#include "nn/size_metrics.h"
#include "nn/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the threads of one call share: workers, and the first failure.
typedef struct team {
    const lw_model *model;
    lw_plan_cache *plans;
    lw_worker *workers;
    int32_t threads;
    atomic_bool failed;
    pthread_mutex_t mutex;
    lw_status status;
    char message[512];
} team;

static lw_status team_init(team *t, const lw_model *model, int32_t threads, int64_t work,
                           bool training)
{
    memset(t, 0, sizeof *t);
    if (threads < 0 || threads > 1024)
        return lw_fail(LW_ERROR_ARGUMENT, "threads: expected 0 to 1024, got %d", threads);
    t->model = model;
    t->threads = lw_cpu_resolve_threads(threads);
    if (t->threads > work) t->threads = work > 0 ? (int32_t)work : 1;
    atomic_init(&t->failed, false);
    pthread_mutex_init(&t->mutex, NULL);
    t->workers = calloc((size_t)t->threads, sizeof *t->workers);
    if (!t->workers) return lw_fail(LW_ERROR_MEMORY, "no memory for the workers");
    LW_TRY(lw_plan_cache_create(&t->plans, model->network, &model->layout));
    for (int32_t i = 0; i < t->threads; i++)
        LW_TRY(lw_worker_init(&t->workers[i], t->plans, training));
    return LW_OK;
}

static void team_destroy(team *t)
{
    for (int32_t i = 0; t->workers && i < t->threads; i++) lw_worker_destroy(&t->workers[i]);
    free(t->workers);
    lw_plan_cache_destroy(&t->plans);
    if (t->model) pthread_mutex_destroy(&t->mutex);
}

// Remembers the calling thread's failure for the caller of the API.
static void team_fail(team *t, lw_status status)
{
    pthread_mutex_lock(&t->mutex);
    if (!t->status) {
        t->status = status;
        snprintf(t->message, sizeof t->message, "%s", lw_error_message());
    }
    pthread_mutex_unlock(&t->mutex);
    atomic_store(&t->failed, true);
}

static lw_status team_status(const team *t)
{
    return t->status ? lw_fail(t->status, "%s", t->message) : LW_OK;
}

// ---- logits -------------------------------------------------------------------------------------

typedef struct forward_call {
    team team;
    const float *images;
    int32_t n;
    lw_extent extent;
    float *logits;
} forward_call;

static int64_t image_floats(lw_extent extent)
{
    return (int64_t)extent.channels * extent.height * extent.width;
}

static void load_group(lw_workspace *workspace, const float *images, lw_extent extent,
                       int32_t count)
{
    for (int32_t slot = 0; slot < count; slot++)
        lw_workspace_load_floats(workspace, slot, images + slot * image_floats(extent));
}

static void forward_body(void *context, int32_t thread, int32_t threads)
{
    forward_call *call = context;
    const lw_model *model = call->team.model;
    int64_t begin, end;
    lw_parallel_range(call->n, thread, threads, &begin, &end);
    lw_workspace *workspace;
    lw_status status = lw_worker_workspace(&call->team.workers[thread], call->extent, &workspace);
    if (status) {
        team_fail(&call->team, status);
        return;
    }
    for (int64_t i = begin; i < end;) {
        int32_t images = lw_worker_group(workspace->plan, end - i);
        load_group(workspace, call->images + i * image_floats(call->extent), call->extent, images);
        lw_engine_forward(workspace, lw_model_parameters(model), 0, images, NULL);
        for (int32_t slot = 0; slot < images; slot++, i++)
            memcpy(call->logits + i * model->classes, lw_engine_logits(workspace, slot),
                   (size_t)model->classes * sizeof *call->logits);
    }
}

static lw_status check_batch(const lw_model *model, const float *images, int32_t n,
                             lw_extent extent)
{
    if (!model || !images) return lw_fail(LW_ERROR_ARGUMENT, "model and images: got NULL");
    if (n < 1) return lw_fail(LW_ERROR_ARGUMENT, "n: expected at least 1 image, got %d", n);
    return lw_network_infer(model->network, extent, NULL);
}

lw_status lw_model_forward(const lw_model *model, const float *images, int32_t n, lw_extent extent,
                           int32_t threads, float *logits)
{
    LW_TRY(check_batch(model, images, n, extent));
    if (!logits) return lw_fail(LW_ERROR_ARGUMENT, "logits: expected an array, got NULL");
    forward_call call = {.images = images, .n = n, .extent = extent, .logits = logits};
    lw_status status = team_init(&call.team, model, threads, n, false);
    if (!status) {
        lw_parallel_run(call.team.threads, forward_body, &call);
        status = team_status(&call.team);
    }
    team_destroy(&call.team);
    return status;
}

// ---- gradients ----------------------------------------------------------------------------------

typedef struct gradient_call {
    team team;
    const float *images;
    const int32_t *labels;
    int32_t n, n_partials;
    lw_extent extent;
    float *partials; // n_partials arrays in the layout of the values
    double *losses;  // n
} gradient_call;

// Takes `images` images from `first` on forward and backward; `fresh`: the first of the partial.
static void run_group(gradient_call *call, lw_workspace *workspace, int64_t first, int32_t images,
                      bool fresh, float *partial)
{
    lw_parameter_view parameters = lw_model_parameters(call->team.model);
    load_group(workspace, call->images + first * image_floats(call->extent), call->extent, images);
    lw_engine_forward(workspace, parameters, 0, images, NULL);
    for (int32_t slot = 0; slot < images; slot++) {
        int32_t predicted;
        call->losses[first + slot] = lw_engine_loss(workspace, slot, call->labels[first + slot],
                                                    1.0f / (float)call->n, &predicted);
    }
    lw_engine_backward(workspace, parameters, images, fresh, partial);
}

static void gradient_body(void *context, int32_t thread, int32_t threads)
{
    gradient_call *call = context;
    const lw_model *model = call->team.model;
    lw_workspace *workspace;
    lw_status status = lw_worker_workspace(&call->team.workers[thread], call->extent, &workspace);
    if (status) {
        team_fail(&call->team, status);
        return;
    }
    int64_t first, last, begin, end;
    lw_parallel_range(call->n_partials, thread, threads, &first, &last);
    for (int64_t p = first; p < last; p++) {
        float *partial = call->partials + p * model->layout.value_floats;
        lw_parallel_range(call->n, (int32_t)p, call->n_partials, &begin, &end);
        for (int64_t i = begin; i < end;) {
            int32_t images = lw_worker_group(workspace->plan, end - i);
            run_group(call, workspace, i, images, i == begin, partial);
            i += images;
        }
    }
}

// Adds the partial sums in their order and hands the tensors out.
static lw_status export_gradients(const gradient_call *call, float *const *gradients)
{
    const lw_model *model = call->team.model;
    int64_t count = model->layout.value_floats;
    for (int32_t p = 1; p < call->n_partials; p++)
        for (int64_t i = 0; i < count; i++) call->partials[i] += call->partials[p * count + i];
    for (size_t i = 0; gradients && i < lw_model_parameter_count(model); i++)
        if (gradients[i]) LW_TRY(lw_model_export_gradient(model, i, call->partials, gradients[i]));
    return LW_OK;
}

static lw_status run_gradients(gradient_call *call, const lw_model *model, int32_t threads)
{
    void *block;
    size_t floats = (size_t)call->n_partials * (size_t)model->layout.value_floats;
    LW_TRY(team_init(&call->team, model, threads, call->n_partials, true));
    LW_TRY(lw_memory_allocate(&block, floats * sizeof(float), "partial sums of the gradient"));
    call->partials = block;
    LW_TRY(lw_memory_allocate(&block, (size_t)call->n * sizeof(double), "losses of a batch"));
    call->losses = block;
    lw_parallel_run(call->team.threads, gradient_body, call);
    return team_status(&call->team);
}

lw_status lw_model_gradients(const lw_model *model, const float *images, const int32_t *labels,
                             int32_t n, lw_extent extent, int32_t threads, double *loss,
                             float *const *gradients)
{
    LW_TRY(check_batch(model, images, n, extent));
    if (!labels) return lw_fail(LW_ERROR_ARGUMENT, "labels: expected an array, got NULL");
    for (int32_t i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= model->classes)
            return lw_fail(LW_ERROR_ARGUMENT, "labels[%d]: expected 0 to %d, got %d", i,
                           model->classes - 1, labels[i]);
    gradient_call call = {.images = images,
                          .labels = labels,
                          .n = n,
                          .extent = extent,
                          .n_partials = lw_partial_count(n, model->layout.value_floats)};
    lw_status status = run_gradients(&call, model, threads);
    if (!status) status = export_gradients(&call, gradients);
    if (!status && loss) {
        double sum = 0.0;
        for (int32_t i = 0; i < n; i++) sum += call.losses[i];
        *loss = sum / n;
    }
    team_destroy(&call.team);
    lw_memory_free(call.partials);
    lw_memory_free(call.losses);
    return status;
}

// ---- bytes --------------------------------------------------------------------------------------

static lw_status make_levels(const lw_model *model, lw_levels **levels)
{
    int32_t channels = lw_network_input(model->network).channels;
    *levels = malloc((size_t)channels * sizeof **levels);
    if (!*levels)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the levels of %d channels", channels);
    lw_model_levels(model, channels, *levels);
    return LW_OK;
}

lw_status lw_model_predict(const lw_model *model, const lw_sample *image, float *probabilities)
{
    if (!model || !image || !image->pixels || !probabilities)
        return lw_fail(LW_ERROR_ARGUMENT, "model, image and probabilities: got NULL");
    lw_extent extent = {image->channels, image->height, image->width};
    LW_TRY(lw_network_infer(model->network, extent, NULL));
    team t;
    lw_levels *levels = NULL;
    lw_workspace *workspace;
    lw_status status = team_init(&t, model, 1, 1, false);
    if (!status) status = make_levels(model, &levels);
    if (!status) status = lw_worker_workspace(&t.workers[0], extent, &workspace);
    if (!status) {
        lw_workspace_load_bytes(workspace, 0, image->pixels, levels);
        lw_engine_forward(workspace, lw_model_parameters(model), 0, 1, NULL);
        lw_softmax_cross_entropy(lw_engine_logits(workspace, 0), model->classes, 0, probabilities);
    }
    free(levels);
    team_destroy(&t);
    return status;
}

// Samples that a thread takes at a time; losses are added up per chunk and the chunks in their
// order.
enum { chunk_samples = 64 };

typedef struct evaluate_call {
    team team;
    const lw_dataset *dataset;
    lw_reader *reader; // in the order of the set
    lw_levels *levels;
    atomic_size_t next_chunk;
    double *chunk_losses;
    lw_outcome *outcomes; // one for each image; NULL: not wanted
    // Under the team's mutex:
    lw_metrics *metrics;
    bool *chunk_done;
    size_t n_chunks, n_done_in_order; // chunks before the first one that is not done
} evaluate_call;

// The samples of a chunk, those of one size together.
typedef struct chunk_order {
    size_t samples[chunk_samples];
    int32_t count;
} chunk_order;

static uint64_t size_of(const lw_dataset *dataset, size_t index)
{
    lw_sample sample = lw_dataset_get(dataset, index);
    return (uint64_t)sample.height << 32 | (uint64_t)sample.width;
}

// Sorts by insertion: most sets have one size, and are sorted as they come.
static void sort_chunk(chunk_order *order, const lw_dataset *dataset, size_t begin, size_t end)
{
    order->count = 0;
    for (size_t i = begin; i < end; i++) {
        int32_t at = order->count++;
        for (; at > 0 && size_of(dataset, order->samples[at - 1]) > size_of(dataset, i); at--)
            order->samples[at] = order->samples[at - 1];
        order->samples[at] = i;
    }
}

// How many of the samples from `begin` on have the size of that one.
static int32_t count_same_size(const lw_dataset *dataset, const chunk_order *order, int32_t begin)
{
    int32_t i = begin + 1;
    const uint64_t size = size_of(dataset, order->samples[begin]);
    while (i < order->count && size_of(dataset, order->samples[i]) == size) i++;
    return i - begin;
}

static lw_status evaluate_group(evaluate_call *call, lw_workspace *workspace, const size_t *samples,
                                int32_t images, double *loss, int64_t *confusion)
{
    const lw_model *model = call->team.model;
    for (int32_t slot = 0; slot < images; slot++) {
        lw_sample sample;
        LW_TRY(lw_reader_get(call->reader, samples[slot], &sample));
        lw_workspace_load_bytes(workspace, slot, sample.pixels, call->levels);
    }
    lw_engine_forward(workspace, lw_model_parameters(model), 0, images, NULL);
    for (int32_t slot = 0; slot < images; slot++) {
        int32_t label = lw_dataset_get(call->dataset, samples[slot]).label;
        const float *logits = lw_engine_logits(workspace, slot);
        double image_loss = lw_softmax_cross_entropy(logits, model->classes, label, NULL);
        int32_t predicted = lw_argmax(logits, model->classes);
        *loss += image_loss;
        confusion[label * model->classes + predicted]++;
        if (call->outcomes)
            call->outcomes[samples[slot]] = (lw_outcome){(float)image_loss, predicted == label};
    }
    return LW_OK;
}

// Chunks are done in any order; the reader lets go of what lies before the first open one.
static void finish_chunk(evaluate_call *call, size_t chunk)
{
    pthread_mutex_lock(&call->team.mutex);
    call->chunk_done[chunk] = true;
    while (call->n_done_in_order < call->n_chunks && call->chunk_done[call->n_done_in_order])
        call->n_done_in_order++;
    size_t passed = call->n_done_in_order * chunk_samples;
    pthread_mutex_unlock(&call->team.mutex);
    lw_reader_advance(call->reader, passed);
}

static lw_status evaluate_chunk(evaluate_call *call, lw_worker *worker, size_t chunk,
                                int64_t *confusion)
{
    const lw_model *model = call->team.model;
    size_t begin = chunk * chunk_samples, end = begin + chunk_samples;
    if (end > lw_dataset_size(call->dataset)) end = lw_dataset_size(call->dataset);
    for (size_t i = begin; i < end; i++) LW_TRY(lw_model_check_sample(model, call->dataset, i));
    chunk_order order = {.count = 0};
    sort_chunk(&order, call->dataset, begin, end);
    for (int32_t i = 0; i < order.count;) {
        lw_sample sample = lw_dataset_get(call->dataset, order.samples[i]);
        lw_workspace *workspace;
        lw_extent extent = {sample.channels, sample.height, sample.width};
        LW_TRY(lw_worker_workspace(worker, extent, &workspace));
        int32_t images =
            lw_worker_group(workspace->plan, count_same_size(call->dataset, &order, i));
        LW_TRY(evaluate_group(call, workspace, order.samples + i, images,
                              &call->chunk_losses[chunk], confusion));
        i += images;
    }
    finish_chunk(call, chunk);
    return LW_OK;
}

static void evaluate_body(void *context, int32_t thread, int32_t threads)
{
    evaluate_call *call = context;
    (void)threads;
    size_t cells = (size_t)call->team.model->classes * (size_t)call->team.model->classes;
    int64_t *confusion = calloc(cells, sizeof *confusion);
    lw_status status =
        confusion ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for %zu counts", cells);
    while (!status && !atomic_load(&call->team.failed)) {
        size_t chunk = atomic_fetch_add(&call->next_chunk, 1);
        if (chunk >= call->n_chunks) break;
        status = evaluate_chunk(call, &call->team.workers[thread], chunk, confusion);
    }
    if (status) team_fail(&call->team, status);
    pthread_mutex_lock(&call->team.mutex);
    for (size_t i = 0; confusion && i < cells; i++) call->metrics->confusion[i] += confusion[i];
    pthread_mutex_unlock(&call->team.mutex);
    free(confusion);
}

static lw_status run_evaluate(evaluate_call *call, const lw_model *model, int32_t threads)
{
    size_t size = lw_dataset_size(call->dataset);
    size_t n_chunks = (size + chunk_samples - 1) / chunk_samples;
    LW_TRY(team_init(&call->team, model, threads, (int64_t)n_chunks, false));
    LW_TRY(make_levels(model, &call->levels));
    call->n_chunks = n_chunks;
    call->chunk_losses = calloc(n_chunks + 1, sizeof *call->chunk_losses);
    call->chunk_done = calloc(n_chunks + 1, sizeof *call->chunk_done);
    if (!call->chunk_losses || !call->chunk_done)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu losses", n_chunks);
    if (size > 0)
        LW_TRY(lw_reader_create(&call->reader, call->dataset, NULL, 0,
                                &(lw_reader_options){.threads = threads}));
    lw_parallel_run(call->team.threads, evaluate_body, call);
    LW_TRY(team_status(&call->team));
    double loss = 0.0;
    for (size_t i = 0; i < n_chunks; i++) loss += call->chunk_losses[i];
    call->metrics->count = (int64_t)size;
    call->metrics->loss = size ? loss / (double)size : 0.0;
    for (int32_t c = 0; c < model->classes; c++)
        call->metrics->correct += call->metrics->confusion[c * model->classes + c];
    return LW_OK;
}

// Runs the call and frees what it made, but for the metrics.
static lw_status finish_evaluate(evaluate_call *call, const lw_model *model, int32_t threads)
{
    LW_TRY(lw_metrics_create(call->metrics, model->classes));
    lw_status status = run_evaluate(call, model, threads);
    team_destroy(&call->team);
    lw_reader_destroy(&call->reader);
    free(call->levels);
    free(call->chunk_losses);
    free(call->chunk_done);
    if (status) lw_metrics_destroy(call->metrics);
    return status;
}

lw_status lw_model_evaluate(const lw_model *model, const lw_dataset *dataset, int32_t threads,
                            lw_metrics *metrics)
{
    if (!model || !dataset || !metrics)
        return lw_fail(LW_ERROR_ARGUMENT, "model, data set and metrics: got NULL");
    evaluate_call call = {.dataset = dataset, .metrics = metrics};
    return finish_evaluate(&call, model, threads);
}

lw_status lw_model_evaluate_sizes(const lw_model *model, const lw_dataset *dataset, int32_t threads,
                                  lw_metrics *metrics, lw_size_metrics **sizes, size_t *n_sizes)
{
    if (!model || !dataset || !metrics || !sizes || !n_sizes)
        return lw_fail(LW_ERROR_ARGUMENT, "model, data set, metrics and sizes: got NULL");
    *sizes = NULL;
    *n_sizes = 0;
    size_t size = lw_dataset_size(dataset);
    evaluate_call call = {.dataset = dataset,
                          .metrics = metrics,
                          .outcomes = calloc(size + 1, sizeof *call.outcomes)};
    if (!call.outcomes) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu outcomes", size);
    lw_status status = finish_evaluate(&call, model, threads);
    if (!status) {
        status = lw_size_metrics_count(sizes, n_sizes, dataset, call.outcomes);
        if (status) lw_metrics_destroy(metrics);
    }
    free(call.outcomes);
    return status;
}
