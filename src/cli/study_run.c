// SPDX-License-Identifier: Apache-2.0
#include "cli/study_run.h"

#include "base/error.h"
#include "base/file.h"
#include "cli/json.h"
#include "cli/study_files.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

// True when `name` is among the words of a list with commas.
static bool is_listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; *at;) {
        const size_t word = strcspn(at, ",");
        if (word == length && memcmp(at, name, length) == 0) return true;
        at += word + (at[word] == ',');
    }
    return false;
}

// Every word of --arms has to be an arm.
static lw_status check_list(const lw_study *study, const char *list)
{
    const char *names[LW_STUDY_MOST_ARMS];
    for (size_t i = 0; i < study->n_arms; i++) names[i] = study->arms[i].name;
    for (const char *at = list; *at;) {
        const size_t length = strcspn(at, ",");
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        bool known = false;
        for (size_t i = 0; i < study->n_arms; i++) known = known || strcmp(names[i], word) == 0;
        if (!known) {
            const char *near = lw_nearest_word(word, names, study->n_arms);
            return lw_fail(LW_ERROR_ARGUMENT, "--arms: %s has no arm \"%s\"%s%s%s", study->name,
                           word, near ? "; did you mean \"" : "; `study show` lists them",
                           near ? near : "", near ? "\"?" : "");
        }
        at += length + (at[length] == ',');
    }
    return LW_OK;
}

// Leaves only the arms of the list in the study.
static lw_status choose_arms(lw_study *study, const char *list)
{
    LW_TRY(check_list(study, list));
    int32_t place[LW_STUDY_MOST_ARMS] = {0}; // where each arm has gone; -1: away
    size_t n = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        place[i] = is_listed(list, study->arms[i].name) ? (int32_t)n : -1;
        if (place[i] >= 0) study->arms[n++] = study->arms[i];
    }
    study->n_arms = n;
    if (study->against >= 0) study->against = place[study->against];
    for (size_t i = 0; i < n; i++)
        if (study->arms[i].against >= 0) study->arms[i].against = place[study->arms[i].against];
    return LW_OK;
}

// A study that trains nothing has no use for options of trainings.
static lw_status refuse_training_options(const lw_study *study, const lw_option_result *arguments)
{
    static const char *const options[] = {"seeds", "epochs",      "quick",  "on",
                                          "data",  "train-limit", "offline"};
    for (size_t i = 0; i < LW_COUNT(options); i++)
        if (lw_option_given(arguments, options[i]))
            return lw_fail(LW_ERROR_ARGUMENT, "--%s has no meaning for %s, which trains nothing",
                           options[i], study->name);
    return LW_OK;
}

static lw_status work_out(lw_study_result *result, lw_study *study,
                          const lw_study_settings *settings, const lw_invocation *invocation)
{
    if (study->kind == LW_STUDY_TRAIN)
        return lw_study_train(result, study, settings, &invocation->output);
    LW_TRY(refuse_training_options(study, invocation->arguments));
    for (size_t i = 0; i < study->n_arms; i++)
        LW_TRY(study->kind == LW_STUDY_MATCH ? lw_study_find_match(&result->arms[i], study)
                                             : lw_study_find_shape(&result->arms[i]));
    if (!settings->out) return LW_OK;
    result->folder = strdup(settings->out);
    return result->folder ? lw_file_make_folder(settings->out)
                          : lw_fail(LW_ERROR_MEMORY, "no memory for the folder's name");
}

static lw_status write_json(const lw_study_result *result, const char *path)
{
    cJSON *json = lw_study_result_json(result);
    char *text = json ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    if (!text) return lw_fail(LW_ERROR_MEMORY, "no memory for the results as JSON");
    lw_status status = lw_file_write(path, text, strlen(text));
    cJSON_free(text);
    return status;
}

static lw_status write_markdown(const lw_study_result *result, const char *path)
{
    lw_text text = {0};
    lw_status status = lw_study_append_markdown(result, &text);
    if (!status && text.failed)
        status = lw_fail(LW_ERROR_MEMORY, "%s: no memory to write it", path);
    if (!status) status = lw_file_write(path, text.bytes, text.length);
    lw_text_free(&text);
    return status;
}

// The results for programs, for pages of documentation, and for people.
static lw_status write_files(const lw_study_result *result, const lw_output *output)
{
    char path[4096];
    if (!result->folder) return LW_OK;
    snprintf(path, sizeof path, "%s/study.json", result->folder);
    LW_TRY(write_json(result, path));
    snprintf(path, sizeof path, "%s/study.md", result->folder);
    LW_TRY(write_markdown(result, path));
    snprintf(path, sizeof path, "%s/report.html", result->folder);
    LW_TRY(lw_study_write_page(result, path));
    lw_note(output, "page: %s", path);
    return LW_OK;
}

static lw_status run(lw_study *study, const lw_study_settings *settings,
                     const lw_invocation *invocation)
{
    const lw_output *output = &invocation->output;
    lw_study_result *result;
    if (settings->arms) LW_TRY(choose_arms(study, settings->arms));
    LW_TRY(lw_study_result_create(&result, study));
    lw_status status = work_out(result, study, settings, invocation);
    result->finished = (int64_t)time(NULL);
    if (!status && !(output->json && output->quiet)) status = lw_study_print(result, output);
    if (!status) status = write_files(result, output);
    if (!status && output->json) status = lw_json_finish(lw_study_result_json(result), stdout);
    lw_study_result_destroy(&result);
    return status;
}

lw_status lw_study_run(const lw_invocation *invocation)
{
    lw_study *study;
    LW_TRY(lw_study_find(&study, invocation->arguments->operands[0]));
    const lw_status status = run(study, invocation->settings, invocation);
    lw_study_destroy(&study);
    return status;
}
