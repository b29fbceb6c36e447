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
    grown[trial->n_epochs++] = *epoch;
    trial->epochs = grown;
    return true;
}

static lw_status fail_memory(void)
{
    return lw_fail(LW_ERROR_MEMORY, "no memory for the figures of a trial");
}

static lw_status keep_json(char **text, cJSON *json)
{
    char *line = json ? lw_json_print(json, false) : NULL;
    cJSON_Delete(json);
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

static lw_status keep_sizes(lw_trial *trial, const lw_train_job *job)
{
    if (job->n_test_sizes < 2) return LW_OK;
    trial->test_sizes = malloc(job->n_test_sizes * sizeof *trial->test_sizes);
    if (!trial->test_sizes) return fail_memory();
    memcpy(trial->test_sizes, job->test_sizes, job->n_test_sizes * sizeof *trial->test_sizes);
    trial->n_test_sizes = job->n_test_sizes;
    return LW_OK;
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
        LW_TRY(keep_sizes(trial, job));
    }
    trial->folder = strdup(lw_run_path(job->run));
    if (!trial->folder) return fail_memory();
    LW_TRY(keep_json(&trial->config, lw_train_config_json(job)));
    return keep_json(&trial->metrics, lw_train_metrics_json(job, true));
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
