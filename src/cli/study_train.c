// SPDX-License-Identifier: Apache-2.0
// The trainings of a study: every arm with every seed is a trial, and a store in the study's folder remembers
// which are finished.
#include "base/error.h"
#include "base/file.h"
#include "cli/study_files.h"
#include "cli/study_run.h"

#include <stdlib.h>
#include <string.h>

// ---- what the user wants otherwise than the study says ----------------------------------------

// Sets an option of an arm. The value has to outlive the study.
static lw_status override(const lw_study *study, lw_study_arm *arm, const char *name,
                          const char *value)
{
    size_t k = 0;
    while (k < arm->n_options && strcmp(arm->options[k].name, name) != 0) k++;
    if (k == LW_STUDY_MOST_OPTIONS)
        return lw_fail(LW_ERROR_INPUT, "%s: arm '%s' has no room for --%s", study->source,
                       arm->name, name);
    if (k == arm->n_options)
        arm->options[arm->n_options++] =
            (lw_study_option){.name = name, .line = arm->line, .column = arm->column};
    arm->options[k].value = value;
    return LW_OK;
}

// Values of options that this call gives and that were no texts.
typedef struct overrides {
    char epochs[24], limit[24], varres[1100];
} overrides;

static bool is_varres(const char *data)
{
    return strcmp(data, "varres") == 0 || strncmp(data, "varres:", strlen("varres:")) == 0;
}

// An arm that draws images at many sizes keeps doing so, from the data that were asked for.
static const char *choose_data(const lw_study_arm *arm, const char *wanted, const overrides *texts)
{
    const lw_study_option *own = lw_study_find_option(arm, "data");
    return own && is_varres(own->value) && !is_varres(wanted) ? texts->varres : wanted;
}

static lw_status apply_settings(lw_study *study, const lw_study_settings *settings,
                                overrides *texts)
{
    enum { quick_images = 2000 };
    const int64_t epochs = settings->epochs ? settings->epochs : settings->quick ? 1 : 0;
    const int64_t limit = settings->common.train_limit ? settings->common.train_limit
                          : settings->quick            ? quick_images
                                                       : 0;
    snprintf(texts->epochs, sizeof texts->epochs, "%lld", (long long)epochs);
    snprintf(texts->limit, sizeof texts->limit, "%lld", (long long)limit);
    snprintf(texts->varres, sizeof texts->varres, "varres:%s",
             settings->common.data ? settings->common.data : "auto");
    for (size_t i = 0; i < study->n_arms; i++) {
        lw_study_arm *arm = &study->arms[i];
        const char *data = settings->common.data;
        if (epochs) LW_TRY(override(study, arm, "epochs", texts->epochs));
        if (limit) LW_TRY(override(study, arm, "train-limit", texts->limit));
        if (data) LW_TRY(override(study, arm, "data", choose_data(arm, data, texts)));
    }
    return lw_study_check(study);
}

// ---- trials -----------------------------------------------------------------------------------

// The arm's trials, one for each seed, at the end of the list.
static lw_status add_arm(lw_study_result *result, lw_study_arm_result *arm)
{
    char *words[LW_STUDY_MOST_OPTIONS], network[4096], name[64];
    const size_t n_words = lw_study_option_words(arm->arm, words);
    lw_status status = LW_OK;
    lw_study_network_path(result->study, arm->arm->network, network, sizeof network);
    for (size_t i = 0; i < n_words; i++)
        if (!words[i]) status = lw_fail(LW_ERROR_MEMORY, "no memory for the options");
    for (int32_t seed = 1; !status && seed <= result->seeds; seed++) {
        snprintf(name, sizeof name, "%s-seed-%d", arm->arm->name, seed);
        status = lw_trials_add(result->trials, &(lw_trial_wish){.network = network,
                                                                .words = (const char *const *)words,
                                                                .n_words = n_words,
                                                                .seed = (uint64_t)seed,
                                                                .name = name});
    }
    for (size_t i = 0; i < n_words; i++) free(words[i]);
    return status;
}

// The study's folder with its store, and a list of everything that the study wants.
static lw_status open_trials(lw_study_result *result, const lw_study_settings *settings,
                             const lw_output *output)
{
    const lw_study *study = result->study;
    char path[4096];
    lw_text folder = {0};
    lw_text_print(&folder, "%s%s", settings->out ? settings->out : "runs/study-",
                  settings->out ? "" : study->name);
    if (folder.failed) {
        lw_text_free(&folder);
        return lw_fail(LW_ERROR_MEMORY, "no memory for the folder's name");
    }
    result->folder = folder.bytes;
    // Without --out all studies share a store, and arms that they have in common.
    LW_TRY(lw_trials_store_path(path, sizeof path, settings->out));
    LW_TRY(lw_trial_store_open(&result->store, path));
    const int64_t cores = settings->on ? settings->on : study->on;
    const lw_trials_options options = {
        .store = result->store, .cores = (int32_t)cores, .output = output};
    LW_TRY(lw_trials_open(&result->trials, &options));
    for (size_t i = 0; i < study->n_arms; i++) {
        LW_TRY(add_arm(result, &result->arms[i]));
        const size_t last = lw_trials_count(result->trials) - 1;
        result->arms[i].parameters =
            lw_network_parameter_count(lw_trials_network(result->trials, last));
    }
    return lw_trials_place(result->trials, result->folder);
}

// Hands the trials that are finished to their arms.
static lw_status collect(lw_study_result *result)
{
    const size_t seeds = (size_t)result->seeds;
    result->n_trials = lw_trials_count(result->trials);
    for (size_t i = 0; i < result->study->n_arms; i++) {
        lw_study_arm_result *arm = &result->arms[i];
        arm->trials = calloc(seeds, sizeof *arm->trials);
        if (!arm->trials) return lw_fail(LW_ERROR_MEMORY, "no memory for the results");
        for (size_t k = 0; k < seeds; k++) {
            const lw_trial *trial = lw_trials_at(result->trials, i * seeds + k);
            if (trial->status == LW_TRIAL_FINISHED) arm->trials[arm->n_trials++] = trial;
            if (trial->status == LW_TRIAL_FAILED) arm->failure = trial->failure;
        }
        result->n_done += arm->n_trials;
    }
    const lw_train_data *data = lw_trials_data(result->trials, 0);
    result->data = data->splits.name;
    result->data_source = data->splits.source;
    return LW_OK;
}

lw_status lw_study_train(lw_study_result *result, lw_study *study,
                         const lw_study_settings *settings, const lw_output *output)
{
    overrides *texts = calloc(1, sizeof *texts);
    if (!texts) return lw_fail(LW_ERROR_MEMORY, "no memory for the settings");
    result->texts = texts;
    result->quick = settings->quick;
    result->seeds = settings->seeds ? (int32_t)settings->seeds : settings->quick ? 2 : study->seeds;
    LW_TRY(apply_settings(study, settings, texts));
    LW_TRY(open_trials(result, settings, output));
    LW_TRY(lw_trials_run(result->trials, NULL, NULL));
    return collect(result);
}
