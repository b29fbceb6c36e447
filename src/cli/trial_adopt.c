// SPDX-License-Identifier: Apache-2.0
#include "cli/trial_adopt.h"

#include "base/error.h"
#include "base/hash.h"
#include "cli/trial_record.h"
#include "run/run_directory.h"
#include "run/run_summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void lw_trial_mark(char *mark, size_t mark_bytes, const char *identity)
{
    snprintf(mark, mark_bytes, "%016" PRIx64,
             lw_hash_bytes(lw_hash_start, identity, strlen(identity)));
}

static bool is_trial(const lw_run_summary *run, const lw_trial *trial)
{
    char mark[24];
    const cJSON *word = cJSON_GetObjectItemCaseSensitive(run->config, "trial");
    lw_trial_mark(mark, sizeof mark, trial->settings);
    return cJSON_IsString(word) && strcmp(word->valuestring, mark) == 0 && run->seed == trial->seed;
}

static lw_status take_over(lw_trial *trial, const lw_run_summary *run)
{
    LW_TRY(lw_trial_record_run(trial, run));
    trial->status = LW_TRIAL_FINISHED;
    trial->begun = trial->ended = (int64_t)time(NULL);
    lw_run_remove_leftovers(run->path);
    return LW_OK;
}

lw_status lw_trial_adopt(lw_trial *trial, const char *folder, bool *adopted)
{
    lw_run_summary *run;
    *adopted = false;
    lw_status status = lw_run_summary_read(&run, folder);
    if (status == LW_ERROR_MEMORY) return status;
    if (status) return LW_OK;
    if (is_trial(run, trial)) {
        status = take_over(trial, run);
        *adopted = !status;
    }
    lw_run_summary_destroy(&run);
    return status;
}
