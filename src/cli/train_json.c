// SPDX-License-Identifier: Apache-2.0
// What a training writes down for programs: config.json, metrics.json and the object of --json.
#include "base/config.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/train_job.h"
#include "cli/trial_adopt.h"
#include "nn/stage_plain.h"
#include "run/records.h"

#include <lanewise/cpu.h>
#include <lanewise/version.h>
#include <math.h>
#include <stdlib.h>

static cJSON *data_json(const lw_train_job *job)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", job->data->splits.name);
    lw_json_add_text(&object, "open", job->data->reference);
    lw_json_add_text(&object, "source", job->data->splits.source);
    lw_json_add_count(&object, "train_limit", job->settings->common.train_limit);
    lw_json_add_count(&object, "validation", job->settings->validation);
    lw_json_add_number(&object, "validation_fraction", job->settings->common.validation_fraction);
    lw_json_add_flag(&object, "skip_bad", job->settings->common.skip_bad);
    lw_json_add_item(&object, "problems",
                     lw_json_texts(job->data->splits.problems, job->data->splits.n_problems));
    char resize[64];
    lw_resize_format(&job->resize, resize, sizeof resize);
    lw_json_add_text(&object, "resize", resize[0] ? resize : NULL);
    lw_json_add_count(&object, "train_images", (int64_t)lw_dataset_size(job->data->splits.train));
    lw_json_add_count(&object, "validation_images", job->validation.count);
    lw_json_add_count(&object, "test_images", job->test.count);
    return lw_json_object_take(&object);
}

static cJSON *normalization_json(const lw_model *model)
{
    lw_normalization normalization = lw_model_normalization(model);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_item(&object, "mean", cJSON_CreateFloatArray(normalization.mean, 4));
    lw_json_add_item(&object, "stddev", cJSON_CreateFloatArray(normalization.stddev, 4));
    return lw_json_object_take(&object);
}

static cJSON *machine_json(void)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "cpu", lw_cpu_name());
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_count(&object, "threads", lw_cpu_threads());
    return lw_json_object_take(&object);
}

// Which algorithm ran which pass: {"conv1": {"fwd": "direct", "bwd_w": "direct"}, ...}.
static cJSON *stages_json(const lw_network *network, const lw_plan *plan)
{
    lw_json_object object = lw_json_object_begin();
    for (size_t i = 0; i < plan->n_stages; i++) {
        const lw_stage *stage = &plan->stages[i];
        if (stage->kind != LW_STAGE_CONV) continue;
        lw_json_object passes = lw_json_object_begin();
        for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++)
            if (i > 0 || pass != LW_CONV_BACKWARD_DATA) // nobody wants the image's gradient
                lw_json_add_text(&passes, lw_conv_pass_name((lw_conv_pass)pass),
                                 lw_stage_algorithm_name(stage, (lw_conv_pass)pass));
        lw_json_add_item(&object, lw_network_layer(network, stage->first_layer)->name,
                         lw_json_object_take(&passes));
    }
    return lw_json_object_take(&object);
}

static cJSON *convolutions_json(const lw_train_job *job)
{
    lw_sample sample = lw_dataset_get(job->data->splits.train, 0);
    lw_extent extent = {sample.channels, sample.height, sample.width};
    lw_parameter_layout layout;
    lw_plan *plan = NULL;
    if (lw_parameter_layout_create(&layout, job->network)) return NULL;
    layout.exact = lw_model_exact(job->model);
    cJSON *json = NULL;
    if (!lw_plan_create(&plan, job->network, &layout, extent))
        json = stages_json(job->network, plan);
    lw_plan_destroy(&plan);
    lw_parameter_layout_destroy(&layout);
    return json;
}

// What was forced, by --conv or for everything; NULL: nothing.
static const char *forced_convolutions(const lw_train_job *job)
{
    const char *of_all = lw_config_get()->conv;
    if (job->settings->conv) return job->settings->conv;
    return of_all[0] ? of_all : NULL;
}

cJSON *lw_train_config_json(const lw_train_job *job)
{
    lw_train_config config = job->config;
    config.threads = job->result.threads; // those that were used, where none were asked for
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "format", LW_RUN_FORMAT);
    lw_json_add_text(&object, "version", lw_version());
    lw_json_add_text(&object, "build", lw_build_info());
    lw_json_add_text(&object, "network", lw_network_name(job->network));
    lw_json_add_count(&object, "parameters", lw_network_parameter_count(job->network));
    lw_json_add_item(&object, "data", data_json(job));
    lw_json_add_item(&object, "training", lw_record_config(&config));
    lw_json_add_text(&object, "recipe", job->settings->recipe);
    if (job->trial) {
        char mark[24];
        lw_trial_mark(mark, sizeof mark, job->trial);
        lw_json_add_text(&object, "trial", mark);
    }
    lw_json_add_text(&object, "init", job->settings->init);
    lw_json_add_item(&object, "normalization", normalization_json(job->model));
    lw_json_add_flag(&object, "exact", lw_model_exact(job->model));
    lw_json_add_text(&object, "conv", forced_convolutions(job));
    lw_json_add_item(&object, "convolutions", convolutions_json(job));
    lw_json_add_item(&object, "machine", machine_json());
    return lw_json_object_take(&object);
}

// Accuracy and loss of one part, null where there is no such part.
static void add_part(lw_json_object *object, const char *accuracy_key, const char *loss_key,
                     const lw_metrics *metrics, bool there)
{
    lw_json_add_number(object, accuracy_key, there ? lw_metrics_accuracy(metrics) : NAN);
    lw_json_add_number(object, loss_key, there ? metrics->loss : NAN);
}

static cJSON *class_names_json(const lw_dataset *dataset)
{
    const char **names;
    if (lw_class_names(&names, dataset)) return NULL;
    cJSON *array = cJSON_CreateStringArray(names, lw_dataset_class_count(dataset));
    free(names);
    return array;
}

cJSON *lw_train_metrics_json(const lw_train_job *job, bool with_confusion)
{
    const lw_train_result *result = &job->result;
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", lw_network_name(job->network));
    lw_json_add_count(&object, "parameters", lw_network_parameter_count(job->network));
    lw_json_add_text(&object, "data", job->data->splits.name);
    lw_json_add_count(&object, "seed", (int64_t)job->config.seed);
    lw_json_add_count(&object, "threads", result->threads);
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_count(&object, "epochs", result->epochs);
    lw_json_add_count(&object, "batch", job->config.batch);
    lw_json_add_text(&object, "optimizer", lw_optimizer_words[job->config.optimizer.kind]);
    lw_json_add_number(&object, "lr", job->config.optimizer.learning_rate);
    if (job->data->splits.n_problems > 0)
        lw_json_add_item(&object, "problems",
                         lw_json_texts(job->data->splits.problems, job->data->splits.n_problems));
    lw_json_add_count(&object, "train_images", job->train.count);
    add_part(&object, "train_accuracy", "train_loss", &job->train, true);
    add_part(&object, "validation_accuracy", "validation_loss", &job->validation,
             job->has_validation);
    add_part(&object, "test_accuracy", "test_loss", &job->test, job->has_test);
    if (job->n_test_sizes > 1)
        lw_json_add_item(&object, "test_sizes",
                         lw_record_sizes(job->test_sizes, job->n_test_sizes));
    lw_json_add_number(&object, "seconds", result->seconds);
    lw_json_add_number(&object, "images_per_second", result->images_per_second);
    if (job->config.until_accuracy > 0) {
        lw_json_add_number(&object, "until_accuracy", job->config.until_accuracy);
        lw_json_add_flag(&object, "reached", result->reached);
    }
    if (result->best_epoch > 0) lw_json_add_count(&object, "best_epoch", result->best_epoch);
    if (job->config.patience > 0)
        lw_json_add_flag(&object, "out_of_patience", result->out_of_patience);
    if (job->settings->time) lw_json_add_item(&object, "time", lw_train_times_json(job));
    lw_json_add_count(&object, "peak_memory_bytes", (int64_t)job->peak_memory_bytes);
    lw_json_add_text(&object, "run_directory", lw_run_path(job->run));
    if (with_confusion) {
        lw_json_add_item(&object, "classes", class_names_json(job->data->splits.train));
        if (job->has_test) lw_json_add_item(&object, "confusion", lw_record_confusion(&job->test));
    }
    return lw_json_object_take(&object);
}
