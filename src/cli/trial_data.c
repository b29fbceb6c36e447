// SPDX-License-Identifier: Apache-2.0
#include "cli/trial_data.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/trial_settings.h"

#include <stdlib.h>
#include <string.h>

// Jobs with the same key get the same images. Leaving out what does not fit depends on the network.
static char *make_key(const lw_train_job *job)
{
    const lw_common_settings *common = &job->settings->common;
    const char *name = lw_train_data_name(job);
    char resize[64];
    lw_text text = {0};
    lw_resize_format(&job->resize, resize, sizeof resize);
    lw_text_print(&text, "%s|%lld|%lld|%.17g|%d|%s", name ? name : "",
                  (long long)common->train_limit, (long long)job->settings->validation,
                  common->validation_fraction, lw_data_channels(job->network), resize);
    if (common->skip_bad) lw_text_print(&text, "|%s", lw_network_text(job->network));
    if (!text.failed) return text.bytes;
    lw_text_free(&text);
    return NULL;
}

static void close_set(lw_trial_data *set)
{
    lw_train_data_close(&set->whole);
    free(set->fingerprint);
    free(set->key);
    free(set);
}

static lw_status open_set(lw_trial_data *set, const lw_train_job *job)
{
    LW_TRY(lw_train_data_open(&set->whole, job));
    set->fingerprint = lw_trial_settings_data(&set->whole.splits);
    if (!set->fingerprint) return lw_fail(LW_ERROR_MEMORY, "no memory for a data set");
    set->search = set->whole;
    set->search.splits.test = NULL;
    return LW_OK;
}

static lw_status add_set(lw_trial_data_list *list, char *key, const lw_train_job *job)
{
    lw_trial_data *set = calloc(1, sizeof *set);
    lw_trial_data **grown = realloc(list->sets, (list->n + 1) * sizeof *grown);
    if (grown) list->sets = grown;
    if (!set || !grown) {
        free(set);
        free(key);
        return lw_fail(LW_ERROR_MEMORY, "no memory for a data set");
    }
    set->key = key;
    const lw_status status = open_set(set, job);
    if (status)
        close_set(set);
    else
        list->sets[list->n++] = set;
    return status;
}

lw_status lw_trial_data_open(lw_trial_data **data, lw_trial_data_list *list,
                             const lw_train_job *job)
{
    char *key = make_key(job);
    if (!key) return lw_fail(LW_ERROR_MEMORY, "no memory for a data set");
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->sets[i]->key, key) != 0) continue;
        free(key);
        *data = list->sets[i];
        return lw_train_data_check(&list->sets[i]->whole, job);
    }
    LW_TRY(add_set(list, key, job));
    *data = list->sets[list->n - 1];
    return LW_OK;
}

lw_status lw_trial_data_measure(lw_trial_data *data)
{
    if (data->whole.measured) return LW_OK;
    LW_TRY(lw_train_measure(data->whole.splits.train, &data->whole.normalization));
    data->whole.measured = true;
    data->search.normalization = data->whole.normalization;
    data->search.measured = true;
    return LW_OK;
}

void lw_trial_data_close_all(lw_trial_data_list *list)
{
    for (size_t i = 0; i < list->n; i++) close_set(list->sets[i]);
    free(list->sets);
    *list = (lw_trial_data_list){0};
}
