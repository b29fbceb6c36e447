// SPDX-License-Identifier: Apache-2.0
#include "cli/trial_resume.h"

#include "base/error.h"
#include "base/file.h"
#include "run/json_text.h"
#include "run/run_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Whether the text that the run was begun with names this trial. The identity holds the options, the data
// and the kernels, so that what the checkpoint says of them fits as well.
static bool names_trial(const char *text, const char *identity, uint64_t seed)
{
    char digits[24];
    cJSON *json = lw_json_parse(text, strlen(text));
    const cJSON *trial = cJSON_GetObjectItemCaseSensitive(json, "trial");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(json, "seed");
    snprintf(digits, sizeof digits, "%" PRIu64, seed);
    const bool same = cJSON_IsString(trial) && strcmp(trial->valuestring, identity) == 0 &&
                      cJSON_IsString(number) && strcmp(number->valuestring, digits) == 0;
    cJSON_Delete(json);
    return same;
}

// The epochs up to the checkpoint: the log was cut to what it was then.
static lw_status read_epochs(const lw_run *run, lw_trial *trial)
{
    char *text;
    LW_TRY(lw_run_read_file(run, LW_RUN_LOG_FILE, &text));
    free(trial->epochs);
    trial->epochs = NULL;
    trial->n_epochs = 0;
    const lw_status status =
        lw_run_log_parse(&trial->epochs, &trial->n_epochs, lw_run_path(run), text, strlen(text));
    free(text);
    return status;
}

static lw_status take_up(lw_train_job *job, lw_trial *trial,
                         void (*report)(void *user, const char *sentence), void *user)
{
    char *text;
    LW_TRY(lw_run_read_file(job->run, LW_RUN_RESUME_FILE, &text));
    const bool same = names_trial(text, job->trial, job->config.seed);
    free(text);
    if (!same) return lw_fail(LW_ERROR_INPUT, "%s: it is another trial", lw_run_path(job->run));
    LW_TRY(lw_run_read_checkpoint(job->run, &job->state, report, user));
    if (!job->state) return LW_OK;
    LW_TRY(read_epochs(job->run, trial));
    const lw_train_position at = lw_train_state_position(job->state);
    const int32_t done = at.epoch - 1;
    if (trial->n_epochs == (size_t)done) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: expected %d epochs in the log, found %zu",
                   lw_run_path(job->run), done, trial->n_epochs);
}

lw_status lw_trial_take_up(lw_train_job *job, lw_trial *trial, lw_train_position *position,
                           void (*report)(void *user, const char *sentence), void *user)
{
    *position = (lw_train_position){.epoch = 0};
    // What cannot be opened at all is for lw_run_begin, which clears it away or says who has it.
    lw_status status = lw_run_resume(&job->run, job->settings->out);
    if (status == LW_ERROR_MEMORY) return status;
    if (status) return LW_OK;
    status = take_up(job, trial, report, user);
    if (!status && job->state) *position = lw_train_state_position(job->state);
    if (!status || status == LW_ERROR_MEMORY) return status;
    lw_run_discard(job->run);
    lw_run_abandon(&job->run);
    lw_train_state_destroy(&job->state);
    free(trial->epochs);
    trial->epochs = NULL;
    trial->n_epochs = 0;
    return LW_OK;
}
