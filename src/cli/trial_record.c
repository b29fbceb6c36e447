// SPDX-License-Identifier: Apache-2.0
#include "cli/trial_record.h"

#include "base/error.h"
#include "run/json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool lw_trial_record_epoch(lw_trial *trial, const lw_epoch_result *epoch)
{
    lw_epoch_result *grown = realloc(trial->epochs, (trial->n_epochs + 1) * sizeof *grown);
    if (!grown) return false;
    lw_epoch_result *added = &grown[trial->n_epochs++];
    *added = *epoch;
    // Both 0 says that there are no validation images, as the log has it.
    if (!(epoch->validation_loss > 0) && !(epoch->validation_accuracy > 0))
        added->validation_loss = added->validation_accuracy = NAN;
    trial->epochs = grown;
    return true;
}

static lw_status fail_memory(void)
{
    return lw_fail(LW_ERROR_MEMORY, "no memory for the figures of a trial");
}

static lw_status keep_json(char **text, const cJSON *json)
{
    char *line = json ? lw_json_print(json, false) : NULL;
    *text = line ? strdup(line) : NULL;
    cJSON_free(line);
    return *text ? LW_OK : fail_memory();
}

static lw_status keep_confusion(lw_trial *trial, const lw_metrics *test)
{
    if (!test->confusion) return LW_OK;
    const size_t bytes = (size_t)test->classes * (size_t)test->classes * sizeof *trial->confusion;
    trial->confusion = malloc(bytes);
    if (!trial->confusion) return fail_memory();
    memcpy(trial->confusion, test->confusion, bytes);
    trial->classes = test->classes;
    return LW_OK;
}

static lw_status keep_sizes(lw_trial *trial, const lw_size_metrics *sizes, size_t n)
{
    if (n < 2) return LW_OK;
    trial->test_sizes = malloc(n * sizeof *trial->test_sizes);
    if (!trial->test_sizes) return fail_memory();
    memcpy(trial->test_sizes, sizes, n * sizeof *trial->test_sizes);
    trial->n_test_sizes = n;
    return LW_OK;
}

// The two files of the run.
static lw_status keep_files(lw_trial *trial, const char *folder, const cJSON *config,
                            const cJSON *metrics)
{
    trial->folder = strdup(folder);
    if (!trial->folder) return fail_memory();
    LW_TRY(keep_json(&trial->config, config));
    return keep_json(&trial->metrics, metrics);
}

lw_status lw_trial_record_job(lw_trial *trial, const lw_train_job *job)
{
    trial->seconds = job->result.seconds;
    trial->images_per_second = job->result.images_per_second;
    trial->train_accuracy = lw_metrics_accuracy(&job->train);
    trial->train_loss = job->train.loss;
    if (job->has_validation) {
        trial->validation_accuracy = lw_metrics_accuracy(&job->validation);
        trial->validation_loss = job->validation.loss;
    }
    if (job->has_test) {
        trial->test_accuracy = lw_metrics_accuracy(&job->test);
        trial->test_loss = job->test.loss;
        LW_TRY(keep_confusion(trial, &job->test));
        LW_TRY(keep_sizes(trial, job->test_sizes, job->n_test_sizes));
    }
    cJSON *config = lw_train_config_json(job), *metrics = lw_train_metrics_json(job, true);
    const lw_status status = keep_files(trial, lw_run_path(job->run), config, metrics);
    cJSON_Delete(config);
    cJSON_Delete(metrics);
    return status;
}

lw_status lw_trial_record_run(lw_trial *trial, const lw_run_summary *run)
{
    trial->seconds = run->seconds;
    trial->images_per_second = run->images_per_second;
    trial->train_accuracy = run->train.accuracy;
    trial->train_loss = run->train.loss;
    trial->validation_accuracy = run->validation.accuracy;
    trial->validation_loss = run->validation.loss;
    trial->test_accuracy = run->test.accuracy;
    trial->test_loss = run->test.loss;
    for (size_t i = trial->n_epochs; i < run->n_epochs; i++)
        if (!lw_trial_record_epoch(trial, &run->epochs[i])) return fail_memory();
    if (run->confusion.classes > 0) LW_TRY(keep_confusion(trial, &run->confusion));
    LW_TRY(keep_sizes(trial, run->sizes, run->n_sizes));
    return keep_files(trial, run->path, run->config, run->metrics);
}

lw_status lw_trial_record_stop(lw_trial *trial)
{
    trial->seconds = 0;
    double images = 0;
    for (size_t i = 0; i < trial->n_epochs; i++) {
        trial->seconds += trial->epochs[i].seconds;
        images += trial->epochs[i].seconds * trial->epochs[i].images_per_second;
    }
    if (trial->n_epochs == 0) return LW_OK;
    const lw_epoch_result *last = &trial->epochs[trial->n_epochs - 1];
    trial->images_per_second = trial->seconds > 0 ? images / trial->seconds : NAN;
    trial->validation_accuracy = last->validation_accuracy;
    trial->validation_loss = last->validation_loss;
    return LW_OK;
}

lw_status lw_trial_record_failure(lw_trial *trial, const char *sentence)
{
    trial->failure = strdup(sentence);
    return trial->failure ? LW_OK : fail_memory();
}
