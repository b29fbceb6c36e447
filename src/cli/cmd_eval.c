// SPDX-License-Identifier: Apache-2.0
// `lanewise eval`: how good a trained model is on a data set.
#include "base/clock.h"
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/trained.h"
#include "data/varres_open.h"
#include "report/confusion.h"
#include "report/format.h"
#include "report/sizes.h"
#include "run/records.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_settings {
    lw_common_settings common;
    const char *sizes;
    int split;
} eval_settings;

static const lw_option eval_options[] = {
    {.name = "split",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(eval_settings, split),
     .value_name = "WORD",
     .preset = "test",
     .choices = lw_split_words,
     .help = "which part of the data set"},
    {.name = "sizes",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(eval_settings, sizes),
     .value_name = "LIST",
     .help = "sides in pixels, 24,40,96, or a range, 20..96: draws the images of a varres set at "
             "these, "
             "which need not be those of the training"},
};

// One evaluation and what it was of.
typedef struct evaluation {
    const char *run, *split;
    const lw_model *model;
    const lw_data_splits *data;
    lw_metrics metrics;
    lw_size_metrics *sizes; // a row for each size of image, owned
    size_t n_sizes;
    int32_t threads;
    double seconds;
} evaluation;

static lw_status print_json(const evaluation *result, const char *const *names)
{
    const lw_network *network = lw_model_network(result->model);
    const lw_metrics *metrics = &result->metrics;
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "run", result->run);
    lw_json_add_text(&object, "network", lw_network_name(network));
    lw_json_add_count(&object, "parameters", lw_network_parameter_count(network));
    lw_json_add_text(&object, "data", result->data->name);
    lw_json_add_text(&object, "split", result->split);
    if (result->data->n_problems > 0)
        lw_json_add_item(&object, "problems",
                         lw_json_texts(result->data->problems, result->data->n_problems));
    lw_json_add_count(&object, "images", metrics->count);
    lw_json_add_count(&object, "correct", metrics->correct);
    lw_json_add_number(&object, "accuracy", lw_metrics_accuracy(metrics));
    lw_json_add_number(&object, "loss", metrics->loss);
    lw_json_add_number(&object, "seconds", result->seconds);
    lw_json_add_number(&object, "images_per_second", (double)metrics->count / result->seconds);
    lw_json_add_count(&object, "threads", result->threads);
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_item(&object, "classes", cJSON_CreateStringArray(names, metrics->classes));
    lw_json_add_item(&object, "confusion", lw_record_confusion(metrics));
    lw_json_add_item(&object, "sizes", lw_record_sizes(result->sizes, result->n_sizes));
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status print_report(const evaluation *result, const char *const *names,
                              const lw_output *output)
{
    const lw_metrics *metrics = &result->metrics;
    FILE *file = output->result;
    if (output->quiet) {
        fprintf(file, "%s\n", lw_format_percent(lw_metrics_accuracy(metrics)).text);
        return LW_OK;
    }
    fprintf(file, "%s on the %s images of %s: accuracy %s", result->run, result->split,
            result->data->name, lw_format_percent(lw_metrics_accuracy(metrics)).text);
    fprintf(file, " (%s of %s wrong), loss %s\n",
            lw_format_count(metrics->count - metrics->correct).text,
            lw_format_count(metrics->count).text, lw_format_loss(metrics->loss).text);
    fprintf(file, "%s, %s images/s with %d thread%s (%s)\n\n",
            lw_format_seconds(result->seconds).text,
            lw_format_count(llround((double)metrics->count / result->seconds)).text,
            result->threads, result->threads == 1 ? "" : "s", lw_cpu_isa());
    LW_TRY(lw_confusion_print(metrics, names, file, &output->terminal));
    fputc('\n', file);
    lw_confusion_print_worst(metrics, names, file);
    return lw_sizes_print(result->sizes, result->n_sizes, file, &output->terminal);
}

static lw_status evaluate(evaluation *result, const lw_dataset *dataset, const lw_output *output)
{
    double start = lw_clock_seconds();
    LW_TRY(lw_model_evaluate_sizes(result->model, dataset, result->threads, &result->metrics,
                                   &result->sizes, &result->n_sizes));
    result->seconds = fmax(lw_clock_seconds() - start, 1e-9);
    // The data set's names, not the model's: a model may be tried on other data of as many classes.
    const char **names;
    lw_status status = lw_class_names(&names, dataset);
    if (!status)
        status = output->json ? print_json(result, names) : print_report(result, names, output);
    free(names);
    lw_metrics_destroy(&result->metrics);
    free(result->sizes);
    return status;
}

// The name of a varres set at other sizes: "varres:mnist:32" becomes "varres:mnist:24,40".
static lw_status name_with_sizes(char *resized, size_t bytes, const char *name, const char *sizes)
{
    if (!name || !lw_varres_is_name(name))
        return lw_fail(
            LW_ERROR_ARGUMENT,
            "--sizes: expected a set that is drawn at any size, varres, got %s; try --data "
            "varres:mnist",
            name ? name : "none");
    const char *source = strchr(name, ':');
    int length = source ? (int)strcspn(source + 1, ":") : 0;
    int needed =
        snprintf(resized, bytes, "varres:%.*s:%s", length, source ? source + 1 : "", sizes);
    if (needed < 0 || (size_t)needed >= bytes)
        return lw_fail(LW_ERROR_ARGUMENT, "--sizes: the list is too long");
    return LW_OK;
}

static lw_status evaluate_run(const lw_invocation *invocation, const lw_trained *trained)
{
    const eval_settings *settings = invocation->settings;
    const lw_output *output = &invocation->output;
    const char *name = NULL;
    char resized[256];
    if (settings->sizes) {
        const bool own = !settings->common.data && trained->data[0];
        LW_TRY(name_with_sizes(resized, sizeof resized, own ? trained->data : settings->common.data,
                               settings->sizes));
        name = resized;
    }
    lw_data_splits splits;
    LW_TRY(lw_trained_open_data(&splits, trained, &settings->common, name, output));
    lw_status status = LW_OK;
    const lw_dataset *dataset = lw_split_at(&splits, settings->split);
    evaluation result = {.run = invocation->arguments->operands[0],
                         .split = lw_split_words[settings->split],
                         .model = trained->model,
                         .data = &splits,
                         .threads = lw_settings_threads(&settings->common)};
    if (!dataset || lw_dataset_size(dataset) == 0)
        status = lw_fail(LW_ERROR_ARGUMENT, "--split %s: %s has no such images here", result.split,
                         splits.name);
    else
        status = evaluate(&result, dataset, output);
    lw_data_close(&splits);
    return status;
}

static lw_status run_eval(const lw_invocation *invocation)
{
    lw_trained trained;
    LW_TRY(lw_trained_open(&trained, invocation->arguments->operands[0]));
    lw_status status = evaluate_run(invocation, &trained);
    lw_model_destroy(&trained.model);
    return status;
}

const lw_command lw_command_eval = {
    .name = "eval",
    .summary = "test a trained model on a data set",
    .operands = "RUN",
    .description =
        "Prints accuracy, loss and confusion matrix of a trained model, and its accuracy at each "
        "size where "
        "the images have several. RUN is a run "
        "directory or a .safetensors file. Without --data, the data of the run are used, "
        "divided as they were in training.",
    .examples = "  lanewise eval runs/fixed-1\n"
                "  lanewise eval runs/fixed-1 --split validation\n"
                "  lanewise eval runs/varres-1 --sizes 24,32,48,64,96\n"
                "  lanewise eval runs/fixed-1/model.safetensors --data fashion-mnist --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {eval_options, lw_data_option_table, lw_offline_option_table,
                           lw_thread_option_table, lw_output_option_table},
                .counts = {LW_COUNT(eval_options), LW_N_DATA_OPTIONS, LW_N_OFFLINE_OPTIONS,
                           LW_N_THREAD_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 5},
    .settings_bytes = sizeof(eval_settings),
    .run = run_eval,
};
