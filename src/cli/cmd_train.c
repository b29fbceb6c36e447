// SPDX-License-Identifier: Apache-2.0
// `lanewise train`: from a network and a data set to a run directory.
#include "base/clock.h"
#include "base/error.h"
#include "bench/peak.h"
#include "cli/common.h"
#include "cli/data_sizes.h"
#include "cli/image_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/train_job.h"
#include "data/catalog.h"
#include "report/format.h"
#include "run/model_file.h"
#include "run/records.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- what happens while it trains -------------------------------------------------------------

// Remembers why a callback stops the run; always false.
static bool stop(lw_train_job *job, lw_status status)
{
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

static bool on_progress(void *user, const lw_train_progress *state)
{
    lw_train_job *job = user;
    job->last_progress = *state;
    if (!job->output->quiet) lw_progress_update(&job->progress, state, lw_clock_seconds());
    return lw_interrupt_signal() == 0;
}

static bool on_step(void *user, int64_t step, double loss)
{
    return log_record(user, lw_record_step(step, loss)) && lw_interrupt_signal() == 0;
}

static bool on_epoch(void *user, const lw_epoch_result *result)
{
    lw_train_job *job = user;
    if (!job->output->quiet)
        lw_progress_epoch(&job->progress, result, job->config.epochs, lw_clock_seconds());
    return log_record(job, lw_record_epoch(result)) && lw_interrupt_signal() == 0;
}

static lw_status fail_interrupted(const lw_train_job *job)
{
    const lw_train_progress *state = &job->last_progress;
    if (state->epoch == 0)
        return lw_fail(LW_ERROR_INTERRUPTED, "stopped before the first step; nothing was kept");
    return lw_fail(
        LW_ERROR_INTERRUPTED,
        "stopped in epoch %d of %d after step %lld of %lld; the unfinished run is removed",
        state->epoch, state->epochs, (long long)state->step, (long long)state->steps);
}

static lw_status train(lw_train_job *job)
{
    job->progress = lw_progress_begin(stderr, job->data.validation != NULL, lw_clock_seconds());
    lw_train_callbacks callbacks = {.progress = on_progress,
                                    .epoch = on_epoch,
                                    .step = job->settings->log_steps ? on_step : NULL,
                                    .times = job->settings->time ? lw_train_keep_times : NULL,
                                    .user = job};
    lw_status status = lw_train(job->model, job->data.train, job->data.validation, &job->config,
                                &callbacks, &job->result);
    lw_progress_clear(&job->progress);
    if (job->callback_status) return lw_fail(job->callback_status, "%s", job->callback_failure);
    if (status == LW_ERROR_INTERRUPTED) return fail_interrupted(job);
    if (job->times_failed) return lw_fail(LW_ERROR_MEMORY, "no memory for the table of times");
    return status;
}

// ---- before and after -------------------------------------------------------------------------

// The data that were asked for; without such a wish, a network for grey images of any size gets images of
// several sizes.
static const char *choose_data(const lw_train_job *job)
{
    const char *wanted = job->settings->common.data;
    lw_extent input = lw_network_input(job->network);
    if (wanted || input.channels != 1 || (input.height > 0 && input.width > 0)) return wanted;
    return "varres";
}

// Refuses images that the network cannot take, with a hint where resizing would do.
static lw_status fit_data(lw_train_job *job)
{
    const lw_extent input = lw_network_input(job->network);
    const lw_status status =
        lw_data_fit(&job->data, job->network, job->settings->common.skip_bad, job->output);
    if (status != LW_ERROR_INPUT || job->settings->resize || input.height == 0) return status;
    return lw_fail(status, "%s; --resize %dx%d brings all images to that size", lw_error_message(),
                   input.width, input.height);
}

static lw_status open_data(lw_train_job *job)
{
    const lw_train_settings *settings = job->settings;
    lw_common_settings common = settings->common;
    common.channels = lw_data_channels(job->network);
    LW_TRY(lw_open_data(&job->data, &common, choose_data(job), settings->validation, job->output));
    LW_TRY(lw_resize_splits(&job->data, &job->resize, job->config.threads, job->output));
    int32_t data_classes = lw_dataset_class_count(job->data.train);
    int32_t network_classes = lw_network_class_count(job->network);
    if (data_classes != network_classes)
        return lw_fail(LW_ERROR_INPUT, "the network %s tells %d classes apart, %s has %d",
                       lw_network_name(job->network), network_classes, job->data.name,
                       data_classes);
    LW_TRY(fit_data(job));
    return settings->sizes ? lw_data_sizes_print(&job->data, job->output) : LW_OK;
}

// The network that was asked for, with as many input channels as were asked for.
static lw_status find_network(lw_train_job *job, const char *name)
{
    int32_t channels = (int32_t)job->settings->common.channels;
    LW_TRY(lw_find_network(&job->network, name));
    if (channels == 0 || channels == lw_network_input(job->network).channels) return LW_OK;
    lw_network *changed;
    lw_status status = lw_network_change_channels(&changed, job->network, channels);
    lw_network_destroy(&job->network);
    job->network = changed;
    return status;
}

static lw_status make_model(lw_train_job *job)
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
    LW_TRY(lw_train_normalize(job->model, job->settings->normalize, job->data.train));
    const char **names;
    LW_TRY(lw_class_names(&names, job->data.train));
    lw_status status = lw_model_set_class_names(job->model, names,
                                                (size_t)lw_dataset_class_count(job->data.train));
    free(names);
    return status;
}

// Starts the run directory and gives it up again: a name that is taken or a folder that cannot be
// written is noticed before anything is fetched, and Ctrl-C while fetching leaves nothing behind.
static lw_status try_run_directory(const lw_train_job *job)
{
    lw_run *run;
    lw_status status = lw_run_begin(&run, job->settings->out, job->network);
    lw_run_abandon(&run);
    return status;
}

// "1x28x28", "1 channel, any size".
static void describe_input(char *text, size_t text_bytes, lw_extent input)
{
    if (input.height > 0 && input.width > 0)
        snprintf(text, text_bytes, "%dx%dx%d", input.channels, input.height, input.width);
    else
        snprintf(text, text_bytes, "%d channel%s, any size", input.channels,
                 input.channels == 1 ? "" : "s");
}

static void note_plan(const lw_train_job *job)
{
    char input[64];
    const lw_train_config *config = &job->config;
    int32_t threads = config->threads ? config->threads : lw_cpu_threads();
    describe_input(input, sizeof input, lw_network_input(job->network));
    lw_note(job->output, "network: %s, %s parameters in %zu layers, input %s",
            lw_network_name(job->network),
            lw_format_count(lw_network_parameter_count(job->network)).text,
            lw_network_layer_count(job->network), input);
    lw_note(job->output, "machine: %s, %d thread%s, %s kernels", lw_cpu_name(), threads,
            threads == 1 ? "" : "s", lw_cpu_isa());
    lw_note(job->output, "training: %d epoch%s of %s images, batch %d, %s %g, seed %llu",
            config->epochs, config->epochs == 1 ? "" : "s",
            lw_format_count((int64_t)lw_dataset_size(job->data.train)).text, config->batch,
            lw_optimizer_words[config->optimizer.kind], config->optimizer.learning_rate,
            (unsigned long long)config->seed);
    if (config->augment) {
        char words[512];
        lw_augment_format(config->augment, words, sizeof words);
        lw_note(job->output, "augmentation: %s", words[0] ? words : "none");
    }
}

// The figures of the final weights; the ones that were counted while they moved lag behind.
static lw_status evaluate(lw_train_job *job)
{
    int32_t threads = job->config.threads;
    LW_TRY(lw_model_evaluate(job->model, job->data.train, threads, &job->train));
    job->has_validation = job->data.validation && lw_dataset_size(job->data.validation) > 0;
    if (job->has_validation)
        LW_TRY(lw_model_evaluate(job->model, job->data.validation, threads, &job->validation));
    job->has_test = job->data.test && lw_dataset_size(job->data.test) > 0;
    if (job->has_test)
        LW_TRY(lw_model_evaluate_sizes(job->model, job->data.test, threads, &job->test,
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

static lw_status write_run(lw_train_job *job)
{
    LW_TRY(lw_run_put_model(job->run, job->model));
    LW_TRY(put_json(job->run, LW_RUN_CONFIG_FILE, lw_train_config_json(job)));
    LW_TRY(put_json(job->run, LW_RUN_METRICS_FILE, lw_train_metrics_json(job, true)));
    return lw_run_finish(job->run);
}

static lw_status print_result(const lw_train_job *job)
{
    if (!(job->output->json && job->output->quiet)) LW_TRY(lw_train_report(job));
    if (!job->output->json) return LW_OK;
    return lw_json_finish(lw_train_metrics_json(job, false), stdout);
}

// What opens the same data from anywhere: a data set by its name, a folder by its full path. Names
// come before folders, as in lw_data_open.
static char *data_reference(const lw_train_job *job)
{
    const char *name = job->settings->common.data;
    bool folder = name && !lw_data_is_name(name);
    return folder ? realpath(name, NULL) : strdup(job->data.name);
}

static lw_status work(lw_train_job *job)
{
    const double peak_seconds = 0.2;
    // Whatever can be refused is refused before anything is fetched or computed.
    LW_TRY(try_run_directory(job));
    LW_TRY(make_model(job));
    LW_TRY(open_data(job));
    LW_TRY(fit_model_to_data(job));
    note_plan(job);
    lw_interrupt_catch();
    LW_TRY(lw_run_begin(&job->run, job->settings->out, job->network));
    LW_TRY(train(job));
    if (job->settings->time)
        job->peak_gflops = lw_bench_measure_peak(job->result.threads, peak_seconds);
    LW_TRY(evaluate(job));
    char *reference = data_reference(job);
    if (!reference)
        return lw_fail(LW_ERROR_IO, "%s: the folder cannot be found any more",
                       job->settings->common.data);
    job->data_name = reference;
    lw_status status = write_run(job);
    free(reference);
    return status ? status : print_result(job);
}

static lw_status run_train(const lw_invocation *invocation)
{
    lw_option_result given = *invocation->arguments;
    lw_train_settings settings = *(const lw_train_settings *)invocation->settings;
    const lw_option_result *arguments = &given;
    LW_TRY(lw_train_settle_data(&settings, arguments));
    lw_train_apply_recipe(&settings, &given);
    lw_train_job job = {
        .settings = &settings, .output = &invocation->output, .program = invocation->program};
    LW_TRY(lw_train_configure(&job.config, job.settings, arguments));
    LW_TRY(find_network(&job, arguments->n_operands > 0 ? arguments->operands[0] : "fixed"));
    lw_status status = lw_train_read_images(&job);
    if (!status) status = work(&job);
    lw_run_abandon(&job.run);
    lw_metrics_destroy(&job.train);
    lw_metrics_destroy(&job.validation);
    lw_metrics_destroy(&job.test);
    free(job.test_sizes);
    free(job.times);
    lw_model_destroy(&job.model);
    lw_data_close(&job.data);
    lw_network_destroy(&job.network);
    return status;
}

const lw_command lw_command_train = {
    .name = "train",
    .summary = "train a network on labelled images",
    .operands = "[NETWORK]",
    .description =
        "Trains a network and writes a run directory with the weights, the settings, a log and the "
        "figures. NETWORK is a network file or the name of a shipped one (fixed, varres, "
        "varres_max, lab, lab_small, vgg, allconv); without it, fixed. The run directory appears "
        "when everything is done; Ctrl-C stops after the current step and leaves nothing behind.",
    .examples = "  lanewise train\n"
                "  lanewise train lab --epochs 5\n"
                "  lanewise train fixed --recipe record --time\n"
                "  lanewise train varres                (draws images of 32, 48 and 64 pixels)\n"
                "  lanewise train fixed --epochs 5 --augment digits\n"
                "  lanewise train fixed --data my-folder --resize 28x28:fit\n"
                "  lanewise train my.net --data my-folder --optimizer sgd --lr 0.05 \\\n"
                "      --schedule cosine --warmup 0.05\n"
                "  lanewise train varres --data photos/ --val 0.1 --channels 3 --skip-bad\n"
                "  lanewise train fixed --data digits --train-limit 5000 --json\n",
    .most_operands = 1,
    .options = {.tables = {lw_train_option_table, lw_image_option_table, lw_data_option_table,
                           lw_offline_option_table, lw_thread_option_table, lw_output_option_table},
                .counts = {LW_N_TRAIN_OPTIONS, LW_N_IMAGE_OPTIONS, LW_N_DATA_OPTIONS,
                           LW_N_OFFLINE_OPTIONS, LW_N_THREAD_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 6},
    .settings_bytes = sizeof(lw_train_settings),
    .run = run_train,
};
