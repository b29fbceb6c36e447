// SPDX-License-Identifier: Apache-2.0
#include "cli/train_job.h"

#include "base/clock.h"
#include "base/error.h"
#include "bench/peak.h"
#include "cli/common.h"
#include "cli/data_sizes.h"
#include "cli/image_options.h"
#include "cli/interrupt.h"
#include "cli/train_resume.h"
#include "data/catalog.h"
#include "run/model_file.h"
#include "run/records.h"
#include "run/run_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- what happens while it trains -------------------------------------------------------------

// Remembers why a callback stops the run; always false.
static bool stop(lw_train_job *job, lw_status status)
{
    if (job->callback_status) return false; // the first reason is the one
    job->callback_status = status;
    snprintf(job->callback_failure, sizeof job->callback_failure, "%s", lw_error_message());
    return false;
}

static bool log_record(lw_train_job *job, cJSON *record)
{
    lw_status status = record ? lw_run_log(job->run, record)
                              : lw_fail(LW_ERROR_MEMORY, "no memory for a line of the log");
    cJSON_Delete(record);
    return status ? stop(job, status) : true;
}

// Whether neither a signal nor who watches wants an end.
static bool goes_on(const lw_train_job *job, const lw_epoch_result *epoch)
{
    if (lw_interrupt_signal() != 0) return false;
    return !job->watch || job->watch(job->watch_user, &job->last_progress, epoch);
}

static bool on_progress(void *user, const lw_train_progress *state)
{
    lw_train_job *job = user;
    job->last_progress = *state;
    if (!job->output->quiet) lw_progress_update(&job->progress, state, lw_clock_seconds());
    return goes_on(job, NULL);
}

// The same figures for TensorBoard, where it is asked for.
static bool add_events(lw_train_job *job, int64_t step, const lw_event_scalar *scalars, size_t n)
{
    lw_status status = job->events ? lw_event_file_add(job->events, step, scalars, n) : LW_OK;
    return status ? stop(job, status) : true;
}

static bool add_epoch_events(lw_train_job *job, const lw_epoch_result *result)
{
    const bool validated = job->data->splits.validation != NULL;
    const lw_event_scalar scalars[] = {
        {"loss/training", result->train_loss},
        {"loss/validation", validated ? result->validation_loss : NAN},
        {"accuracy/training", result->train_accuracy},
        {"accuracy/validation", validated ? result->validation_accuracy : NAN},
        {"learning rate", result->learning_rate},
        {"images per second", result->images_per_second}};
    return add_events(job, result->epoch, scalars, sizeof scalars / sizeof *scalars);
}

static bool on_step(void *user, int64_t step, double loss)
{
    const lw_event_scalar scalar = {"loss/step", loss};
    return log_record(user, lw_record_step(step, loss)) && add_events(user, step, &scalar, 1) &&
           lw_interrupt_signal() == 0;
}

static bool on_epoch(void *user, const lw_epoch_result *result)
{
    lw_train_job *job = user;
    if (!job->output->quiet)
        lw_progress_epoch(&job->progress, result, job->config.epochs, lw_clock_seconds());
    return log_record(job, lw_record_epoch(result)) && add_epoch_events(job, result) &&
           goes_on(job, result);
}

// Between two steps. The last state is of use only where a run is so long that it has others.
static bool on_checkpoint(void *user, const lw_train_state *state)
{
    lw_train_job *job = user;
    if (job->given_up) return true;
    if (lw_train_state_position(state).finished && lw_run_checkpoints(job->run) == 0) return true;
    lw_status status = lw_run_put_checkpoint(job->run, state);
    return status ? stop(job, status) : true;
}

static lw_status fail_interrupted(const lw_train_job *job)
{
    const lw_train_progress *state = &job->last_progress;
    if (state->epoch == 0 && !job->state)
        return lw_fail(LW_ERROR_INTERRUPTED, "stopped before the first step; nothing was kept");
    char place[128] = "stopped";
    if (state->epoch > 0)
        snprintf(place, sizeof place, "stopped in epoch %d of %d after step %lld of %lld",
                 state->epoch, state->epochs, (long long)state->step, (long long)state->steps);
    if (job->given_up) lw_run_discard(job->run);
    if (job->given_up || !job->resumable)
        return lw_fail(LW_ERROR_INTERRUPTED, "%s; the unfinished run is removed", place);
    lw_run_keep(job->run);
    if (job->trial) return lw_fail(LW_ERROR_INTERRUPTED, "%s", place);
    return lw_fail(LW_ERROR_INTERRUPTED, "%s; to go on: %s train --resume %s", place, job->program,
                   lw_run_path(job->run));
}

static lw_status train(lw_train_job *job)
{
    job->progress =
        lw_progress_begin(stderr, job->data->splits.validation != NULL, lw_clock_seconds());
    lw_train_callbacks callbacks = {.progress = on_progress,
                                    .epoch = on_epoch,
                                    .step = job->settings->log_steps ? on_step : NULL,
                                    .times = job->settings->time ? lw_train_keep_times : NULL,
                                    .checkpoint = job->resumable ? on_checkpoint : NULL,
                                    .checkpoint_seconds = job->checkpoint_seconds,
                                    .checkpoint_steps = job->checkpoint_steps,
                                    .checkpoint_epochs = job->checkpoint_epochs,
                                    .user = job};
    lw_status status =
        lw_train_resume(job->model, job->data->splits.train, job->data->splits.validation,
                        &job->config, &callbacks, job->state, &job->result);
    lw_progress_clear(&job->progress);
    if (job->callback_status) return lw_fail(job->callback_status, "%s", job->callback_failure);
    if (status == LW_ERROR_INTERRUPTED) return fail_interrupted(job);
    if (job->times_failed) return lw_fail(LW_ERROR_MEMORY, "no memory for the table of times");
    return status;
}

// ---- data -------------------------------------------------------------------------------------

const char *lw_train_data_name(const lw_train_job *job)
{
    const char *wanted = job->settings->common.data;
    lw_extent input = lw_network_input(job->network);
    if (wanted || input.channels != 1 || (input.height > 0 && input.width > 0)) return wanted;
    return "varres";
}

// Refuses images that the network cannot take, with a hint where resizing would do.
static lw_status fit_data(lw_train_data *data, const lw_train_job *job)
{
    const lw_extent input = lw_network_input(job->network);
    const lw_status status =
        lw_data_fit(&data->splits, job->network, job->settings->common.skip_bad, job->output);
    if (status != LW_ERROR_INPUT || job->settings->resize || input.height == 0) return status;
    return lw_fail(status, "%s; --resize %dx%d brings all images to that size", lw_error_message(),
                   input.width, input.height);
}

// What opens the same data from anywhere: a data set by its name, a folder by its full path. Names
// come before folders, as in lw_data_open.
static char *data_reference(const lw_train_data *data, const lw_train_job *job)
{
    const char *name = job->settings->common.data;
    bool folder = name && !lw_data_is_name(name);
    return folder ? realpath(name, NULL) : strdup(data->splits.name);
}

lw_status lw_train_data_check(lw_train_data *data, const lw_train_job *job)
{
    int32_t data_classes = lw_dataset_class_count(data->splits.train);
    int32_t network_classes = lw_network_class_count(job->network);
    if (data_classes != network_classes)
        return lw_fail(LW_ERROR_INPUT, "the network %s tells %d classes apart, %s has %d",
                       lw_network_name(job->network), network_classes, data->splits.name,
                       data_classes);
    return fit_data(data, job);
}

lw_status lw_train_data_open(lw_train_data *data, const lw_train_job *job)
{
    const lw_train_settings *settings = job->settings;
    lw_data_splits *splits = &data->splits;
    *data = (lw_train_data){0};
    lw_common_settings common = settings->common;
    common.channels = lw_data_channels(job->network);
    LW_TRY(
        lw_open_data(splits, &common, lw_train_data_name(job), settings->validation, job->output));
    LW_TRY(lw_resize_splits(splits, &job->resize, job->config.threads, job->output));
    LW_TRY(lw_train_data_check(data, job));
    data->reference = data_reference(data, job);
    if (!data->reference)
        return lw_fail(LW_ERROR_IO, "%s: the folder cannot be found any more",
                       settings->common.data);
    return settings->sizes ? lw_data_sizes_print(splits, job->output) : LW_OK;
}

void lw_train_data_close(lw_train_data *data)
{
    lw_data_close(&data->splits);
    free(data->reference);
    data->reference = NULL;
}

// ---- before and after -------------------------------------------------------------------------

// Gives the network as many input channels as were asked for.
static lw_status change_channels(lw_train_job *job)
{
    int32_t channels = (int32_t)job->settings->common.channels;
    if (channels == 0 || channels == lw_network_input(job->network).channels) return LW_OK;
    lw_network *changed;
    lw_status status = lw_network_change_channels(&changed, job->network, channels);
    lw_network_destroy(&job->network);
    job->network = changed;
    return status;
}

// The network with the channels and the algorithms that were asked for.
static lw_status adapt_network(lw_train_job *job)
{
    LW_TRY(change_channels(job));
    if (!job->settings->conv) return LW_OK;
    lw_status status = lw_network_force_algorithms(job->network, job->settings->conv);
    return status ? lw_fail(LW_ERROR_ARGUMENT, "--conv: %s", lw_error_message()) : LW_OK;
}

lw_status lw_train_job_begin(lw_train_job *job, lw_train_settings *settings,
                             lw_option_result *arguments, const char *network)
{
    job->settings = settings;
    job->arguments = arguments;
    const bool is_new = !job->network;
    if (is_new) LW_TRY(lw_find_network(&job->network, network));
    LW_TRY(lw_train_apply_recipe(settings, arguments, network, &job->recipe));
    LW_TRY(lw_train_settle_data(settings, arguments));
    LW_TRY(lw_train_configure(&job->config, settings, arguments));
    LW_TRY(lw_train_read_checkpoint_interval(job));
    if (is_new) LW_TRY(adapt_network(job));
    return lw_train_read_images(job);
}

lw_status lw_train_job_make_model(lw_train_job *job)
{
    const char *init = job->settings->init;
    LW_TRY(lw_model_create(&job->model, job->network, job->config.seed));
    lw_model_set_exact(job->model, job->settings->exact);
    LW_TRY(lw_model_set_resize(job->model, job->resize));
    return init ? lw_model_file_read_weights(job->model, init) : LW_OK;
}

// What the model takes over from the data.
static lw_status fit_model_to_data(lw_train_job *job)
{
    LW_TRY(lw_train_normalize(job->model, job->settings->normalize, job->data));
    const char **names;
    LW_TRY(lw_class_names(&names, job->data->splits.train));
    lw_status status = lw_model_set_class_names(
        job->model, names, (size_t)lw_dataset_class_count(job->data->splits.train));
    free(names);
    return status;
}

// The figures of the final weights; the ones that were counted while they moved lag behind.
static lw_status evaluate(lw_train_job *job)
{
    int32_t threads = job->config.threads;
    const lw_data_splits *splits = &job->data->splits;
    LW_TRY(lw_model_evaluate(job->model, splits->train, threads, &job->train));
    job->has_validation = splits->validation && lw_dataset_size(splits->validation) > 0;
    if (job->has_validation)
        LW_TRY(lw_model_evaluate(job->model, splits->validation, threads, &job->validation));
    job->has_test = splits->test && lw_dataset_size(splits->test) > 0;
    if (job->has_test)
        LW_TRY(lw_model_evaluate_sizes(job->model, splits->test, threads, &job->test,
                                       &job->test_sizes, &job->n_test_sizes));
    job->peak_memory_bytes = lw_peak_memory_bytes();
    return lw_interrupt_signal() ? fail_interrupted(job) : LW_OK;
}

static lw_status put_json(lw_run *run, const char *name, cJSON *json)
{
    lw_status status = json ? lw_run_put_json(run, name, json)
                            : lw_fail(LW_ERROR_MEMORY, "%s: no memory to write it", name);
    cJSON_Delete(json);
    return status;
}

// The last record for TensorBoard: the figures of the final weights.
static lw_status add_test_events(const lw_train_job *job)
{
    if (!job->events || !job->has_test) return LW_OK;
    const lw_event_scalar scalars[] = {{"loss/test", job->test.loss},
                                       {"accuracy/test", lw_metrics_accuracy(&job->test)}};
    return lw_event_file_add(job->events, job->result.epochs, scalars,
                             sizeof scalars / sizeof *scalars);
}

static lw_status write_run(lw_train_job *job)
{
    LW_TRY(add_test_events(job));
    LW_TRY(lw_run_put_csv(job->run));
    LW_TRY(lw_run_put_model(job->run, job->model));
    LW_TRY(put_json(job->run, LW_RUN_CONFIG_FILE, lw_train_config_json(job)));
    LW_TRY(put_json(job->run, LW_RUN_METRICS_FILE, lw_train_metrics_json(job, true)));
    return lw_run_finish(job->run);
}

// FOLDER/<name of the run>: TensorBoard shows the folders in FOLDER as runs.
static lw_status begin_events(lw_train_job *job)
{
    if (!job->settings->tensorboard) return LW_OK;
    char folder[4096];
    const char *path = lw_run_path(job->run), *slash = strrchr(path, '/');
    const int length = snprintf(folder, sizeof folder, "%s/%s", job->settings->tensorboard,
                                slash ? slash + 1 : path);
    if (length < 0 || (size_t)length >= sizeof folder)
        return lw_fail(LW_ERROR_INPUT, "--tensorboard: the path is too long");
    return lw_event_file_create(&job->events, folder);
}

// A new run, or the one that goes on.
static lw_status begin_run(lw_train_job *job)
{
    if (job->run) {
        LW_TRY(begin_events(job));
        return lw_train_note_resumed(job);
    }
    LW_TRY(lw_run_begin(&job->run, job->settings->out, job->network));
    LW_TRY(begin_events(job));
    return job->resumable ? lw_train_write_resume(job) : LW_OK;
}

// A failure after which there is something to go on with says so.
static lw_status hint_at_resume(const lw_train_job *job, lw_status status)
{
    if (!status || status == LW_ERROR_INTERRUPTED || !job->run || lw_run_checkpoints(job->run) == 0)
        return status;
    if (job->trial) return status;       // the command that has them all goes on with it
    if (status == LW_ERROR_NOT_FINITE) { // which would happen again
        char path[512];
        lw_run_checkpoint_path(job->run, path, sizeof path);
        return lw_fail(status, "%s; the weights of the last checkpoint: --init %s",
                       lw_error_message(), path);
    }
    return lw_fail(status, "%s; to go on from the last checkpoint: %s train --resume %s",
                   lw_error_message(), job->program, lw_run_path(job->run));
}

static lw_status train_and_write(lw_train_job *job)
{
    const double peak_seconds = 0.2;
    LW_TRY(train(job));
    if (job->settings->time)
        job->peak_gflops = lw_bench_measure_peak(job->result.threads, peak_seconds);
    LW_TRY(evaluate(job));
    return write_run(job);
}

lw_status lw_train_job_run(lw_train_job *job)
{
    LW_TRY(fit_model_to_data(job));
    LW_TRY(begin_run(job));
    return hint_at_resume(job, train_and_write(job));
}

// ---- measuring --------------------------------------------------------------------------------

typedef struct measuring {
    double begun, seconds, images_per_second;
} measuring;

static bool measure_progress(void *user, const lw_train_progress *state)
{
    measuring *measured = user;
    measured->images_per_second = state->images_per_second;
    return lw_interrupt_signal() == 0 && lw_clock_seconds() - measured->begun < measured->seconds;
}

lw_status lw_train_job_measure(lw_train_job *job, double seconds, double *images_per_second)
{
    measuring measured = {.begun = lw_clock_seconds(), .seconds = seconds};
    const lw_train_callbacks callbacks = {.progress = measure_progress, .user = &measured};
    lw_train_result result;
    LW_TRY(fit_model_to_data(job));
    lw_status status =
        lw_train(job->model, job->data->splits.train, NULL, &job->config, &callbacks, &result);
    const bool enough = status == LW_ERROR_INTERRUPTED && lw_interrupt_signal() == 0;
    *images_per_second = measured.images_per_second;
    return enough ? LW_OK : status;
}

void lw_train_job_forget(lw_train_job *job)
{
    job->given_up = false;
    lw_event_file_close(&job->events);
    lw_run_abandon(&job->run);
    lw_train_state_destroy(&job->state);
    lw_metrics_destroy(&job->train);
    lw_metrics_destroy(&job->validation);
    lw_metrics_destroy(&job->test);
    free(job->test_sizes);
    job->test_sizes = NULL;
    job->n_test_sizes = 0;
    free(job->times);
    job->times = NULL;
    job->n_times = 0;
    lw_model_destroy(&job->model);
}

void lw_train_job_end(lw_train_job *job)
{
    lw_train_job_forget(job);
    lw_network_destroy(&job->network);
    lw_train_begun_free(&job->begun);
    lw_recipe_values_free(&job->recipe);
}
