// SPDX-License-Identifier: Apache-2.0
#include "cli/study_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/train_job.h"
#include "cli/trial_settings.h"

#include <stdlib.h>
#include <string.h>

// What belongs to a trial, or to whoever runs it, and not to the study.
static const char *const reserved[] = {"out",       "seed",    "threads", "json",
                                       "quiet",     "resume",  "measure", "sizes",
                                       "log-steps", "offline", "memory"};

static bool is_reserved(const char *name)
{
    for (size_t i = 0; i < LW_COUNT(reserved); i++)
        if (strcmp(name, reserved[i]) == 0) return true;
    return false;
}

static size_t list_options(lw_study_known_option options[LW_OPTION_LIMIT])
{
    const lw_option_tables *tables = &lw_command_train.options;
    size_t n = 0;
    for (size_t t = 0; t < tables->n_tables; t++)
        for (size_t i = 0; i < tables->counts[t] && n < LW_OPTION_LIMIT; i++) {
            const lw_option *option = &tables->tables[t][i];
            if (is_reserved(option->name)) continue;
            options[n++] = (lw_study_known_option){.name = option->name,
                                                   .takes_value = option->kind != LW_OPTION_FLAG};
        }
    return n;
}

size_t lw_study_list(char *names[LW_MOST_SHIPPED])
{
    size_t n = lw_list_shipped(LW_STUDIES_DIR, ".study", names);
    return n ? n : lw_list_shipped(LW_INSTALLED_STUDIES_DIR, ".study", names);
}

size_t lw_study_option_words(const lw_study_arm *arm, char *words[LW_STUDY_MOST_OPTIONS])
{
    for (size_t i = 0; i < arm->n_options; i++) {
        const lw_study_option *option = &arm->options[i];
        lw_text text = {0};
        lw_text_print(&text, "%s%s%s", option->name, option->value ? "=" : "",
                      option->value ? option->value : "");
        if (text.failed) lw_text_free(&text);
        words[i] = text.bytes;
    }
    return arm->n_options;
}

// ---- checks -----------------------------------------------------------------------------------

// The place of the option that a sentence about options begins with ("--lr: expected ..."), else of the arm.
static lw_status fail_arm(const lw_study *study, const lw_study_arm *arm)
{
    const char *sentence = lw_error_message();
    int32_t line = arm->line, column = arm->column;
    for (size_t i = 0; i < arm->n_options; i++) {
        const lw_study_option *option = &arm->options[i];
        const size_t length = strlen(option->name);
        const char *found = strstr(sentence, option->name);
        if (!found || found - sentence < 2 || found[-1] != '-' || found[-2] != '-') continue;
        if (strchr(": ", found[length]) == NULL) continue;
        line = option->line;
        column = option->column;
    }
    return lw_fail(LW_ERROR_INPUT, "%s:%d:%d: arm '%s': %s", study->source, line, column, arm->name,
                   sentence);
}

// Everything that `lanewise train` would refuse without looking at data.
static lw_status check_training(const lw_study *study, const lw_study_arm *arm)
{
    char *words[LW_STUDY_MOST_OPTIONS], path[4096];
    const size_t n_words = lw_study_option_words(arm, words);
    lw_trial_settings read = {0};
    lw_train_job job = {0};
    lw_status status = LW_OK;
    for (size_t i = 0; i < n_words; i++)
        if (!words[i]) status = lw_fail(LW_ERROR_MEMORY, "no memory for the options");
    lw_study_network_path(study, arm->network, path, sizeof path);
    if (!status) status = lw_trial_settings_read(&read, (const char *const *)words, n_words);
    if (!status) status = lw_train_job_begin(&job, &read.settings, &read.given, path);
    lw_train_job_end(&job);
    lw_trial_settings_free(&read);
    for (size_t i = 0; i < n_words; i++) free(words[i]);
    return status;
}

static lw_status check_match(const lw_study *study, const lw_study_arm *arm)
{
    lw_network *network;
    const char *const names[] = {arm->network, arm->to};
    for (size_t i = 0; i < LW_COUNT(names); i++) {
        LW_TRY(lw_study_network(&network, study, names[i]));
        lw_network_destroy(&network);
    }
    return LW_OK;
}

lw_status lw_study_check(const lw_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++) {
        const lw_study_arm *arm = &study->arms[i];
        lw_status status = LW_OK;
        if (study->kind == LW_STUDY_TRAIN) status = check_training(study, arm);
        if (study->kind == LW_STUDY_MATCH) status = check_match(study, arm);
        if (status == LW_ERROR_MEMORY) return status;
        if (status) return fail_arm(study, arm);
    }
    return LW_OK;
}

// ---- files ------------------------------------------------------------------------------------

static lw_status load(lw_study **study, const char *path)
{
    uint8_t *bytes;
    size_t count;
    lw_study_known_option options[LW_OPTION_LIMIT];
    const size_t n_options = list_options(options);
    LW_TRY(lw_file_read(path, LW_STUDY_TEXT_LIMIT_BYTES, &bytes, &count));
    lw_status status = lw_study_parse(study, (const char *)bytes, count, path, options, n_options);
    free(bytes);
    if (!status) status = lw_study_check(*study);
    if (status) lw_study_destroy(study);
    return status;
}

static lw_status fail_no_study(const char *argument)
{
    char *names[LW_MOST_SHIPPED];
    const size_t n = lw_study_list(names);
    lw_text list = {0};
    for (size_t i = 0; i < n; i++) lw_text_print(&list, "%s%s", i == 0 ? " (" : ", ", names[i]);
    if (n > 0) lw_text_print(&list, ")");
    const char *nearest = lw_nearest_word(argument, (const char *const *)names, n);
    lw_fail(LW_ERROR_NOT_FOUND, "%s: neither a file nor one of the shipped studies%s%s%s%s",
            argument, list.failed || n == 0 ? "" : list.bytes, nearest ? "; did you mean \"" : "",
            nearest ? nearest : "", nearest ? "\"?" : "");
    for (size_t i = 0; i < n; i++) free(names[i]);
    lw_text_free(&list);
    return LW_ERROR_NOT_FOUND;
}

lw_status lw_study_find(lw_study **study, const char *argument)
{
    // As with networks: the source tree comes first, a file of that name before both.
    static const char *const folders[] = {LW_STUDIES_DIR, LW_INSTALLED_STUDIES_DIR};
    *study = NULL;
    const size_t length = strlen(argument);
    const bool is_word =
        !strchr(argument, '/') && (length < 6 || strcmp(argument + length - 6, ".study") != 0);
    const bool is_file = lw_file_exists(argument) && !lw_file_is_folder(argument);
    if (is_file || !is_word) return load(study, argument);
    for (size_t i = 0; i < LW_COUNT(folders); i++) {
        char path[4096];
        const int needed = snprintf(path, sizeof path, "%s/%s.study", folders[i], argument);
        if (needed > 0 && (size_t)needed < sizeof path && lw_file_exists(path))
            return load(study, path);
    }
    return fail_no_study(argument);
}

void lw_study_network_path(const lw_study *study, const char *network, char *path,
                           size_t path_bytes)
{
    const char *slash = strrchr(study->source, '/');
    const int folder = slash ? (int)(slash - study->source) + 1 : 0;
    const size_t length = strlen(network);
    const bool has_suffix = length > 4 && strcmp(network + length - 4, ".net") == 0;
    const int needed = snprintf(path, path_bytes, "%.*s%s%s", folder, study->source, network,
                                has_suffix ? "" : ".net");
    if (needed > 0 && (size_t)needed < path_bytes && lw_file_exists(path)) return;
    snprintf(path, path_bytes, "%s", network);
}

lw_status lw_study_network(lw_network **network, const lw_study *study, const char *name)
{
    char path[4096];
    lw_study_network_path(study, name, path, sizeof path);
    return lw_find_network(network, path);
}
