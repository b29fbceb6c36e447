// SPDX-License-Identifier: Apache-2.0
#include "cli/trial_settings.h"

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "run/json_text.h"
#include "run/records.h"
#include "simd/kernels.h"
#include "study/settings_text.h"

#include <inttypes.h>
#include <lanewise/cpu.h>
#include <stdlib.h>
#include <string.h>

// ---- reading ----------------------------------------------------------------------------------

static lw_status copy_words(lw_trial_settings *read, const char *const *words, size_t n_words)
{
    read->arguments = calloc(n_words + 1, sizeof *read->arguments);
    if (!read->arguments) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu options", n_words);
    for (size_t i = 0; i < n_words; i++) {
        const size_t bytes = strlen(words[i]) + sizeof "--";
        read->arguments[i] = malloc(bytes);
        if (!read->arguments[i])
            return lw_fail(LW_ERROR_MEMORY, "no memory for the option %s", words[i]);
        snprintf(read->arguments[i], bytes, "--%s", words[i]);
        read->n_arguments++;
    }
    return LW_OK;
}

lw_status lw_trial_settings_read(lw_trial_settings *read, const char *const *words, size_t n_words)
{
    *read = (lw_trial_settings){.n_arguments = 0};
    LW_TRY(copy_words(read, words, n_words));
    LW_TRY(lw_options_parse(&lw_command_train.options, "lanewise train", (int)n_words,
                            read->arguments, &read->settings, &read->given));
    if (read->given.help || read->given.n_operands > 0)
        return lw_fail(LW_ERROR_ARGUMENT, "expected options of a training, got \"%s\"",
                       read->given.help ? "help" : read->given.operands[0]);
    return LW_OK;
}

void lw_trial_settings_free(lw_trial_settings *read)
{
    for (size_t i = 0; i < read->n_arguments; i++) free(read->arguments[i]);
    free(read->arguments);
    free(read->given.operands);
    *read = (lw_trial_settings){.n_arguments = 0};
}

// ---- writing ----------------------------------------------------------------------------------

// What has no influence on a trial, or is not its own. (A recipe is there as the options that it gave.)
#define NOT_OF_A_TRIAL                                                                             \
    "recipe", "seed", "seeds", "on", "measure", "threads", "json", "quiet", "out", "log-steps",    \
        "time", "sizes", "offline", "memory", "checkpoint", "tensorboard"

char *lw_trial_settings_words(const lw_train_settings *settings, const lw_option_result *given)
{
    static const char *const skip[] = {NOT_OF_A_TRIAL, NULL};
    lw_text text = {0};
    lw_text_print(&text, "%s", "");
    lw_options_print_given(&lw_command_train.options, given, settings, skip, &text);
    if (!text.failed) return text.bytes;
    lw_text_free(&text);
    return NULL;
}

static lw_status print_init(lw_text *text, const char *path)
{
    const size_t limit_bytes = (size_t)1 << 32;
    uint8_t *bytes;
    size_t count;
    if (!path) return LW_OK;
    LW_TRY(lw_file_read(path, limit_bytes, &bytes, &count));
    lw_text_print(text, "init %016" PRIx64 "\n", lw_hash_block(lw_hash_start, bytes, count));
    free(bytes);
    return LW_OK;
}

static void print_part(lw_text *text, const lw_dataset *part)
{
    const bool there = part && lw_dataset_size(part) > 0;
    if (there)
        lw_text_print(text, " %016" PRIx64, lw_dataset_fingerprint(part));
    else
        lw_text_print(text, " none");
}

char *lw_trial_settings_data(const lw_data_splits *splits)
{
    lw_text text = {0};
    print_part(&text, splits->train);
    print_part(&text, splits->validation);
    print_part(&text, splits->test);
    if (!text.failed) return text.bytes;
    lw_text_free(&text);
    return NULL;
}

static lw_status print_record(lw_text *text, lw_train_config config)
{
    config.threads = 0; // the bits do not depend on them
    config.seed = 0;
    cJSON *json = lw_record_config(&config);
    char *line = json ? lw_json_print(json, false) : NULL;
    cJSON_Delete(json);
    if (!line) return lw_fail(LW_ERROR_MEMORY, "no memory for the settings of a trial");
    lw_text_print(text, "training %s\n", line);
    cJSON_free(line);
    return LW_OK;
}

lw_status lw_trial_settings_identity(char **identity, const lw_train_job *job,
                                     const lw_option_result *given, const char *data,
                                     const char *search)
{
    // What is in the record of the configuration, and what the fingerprints of the data say.
    static const char *const skip[] = {NOT_OF_A_TRIAL,    "epochs",       "steps",      "until",
                                       "batch",           "optimizer",    "lr",         "momentum",
                                       "nesterov",        "weight-decay", "schedule",   "warmup",
                                       "step-epochs",     "gamma",        "no-shuffle", "order",
                                       "augment",         "scale-jitter", "patience",   "keep-best",
                                       "label-smoothing", "ema",          "clip",       "data",
                                       "train-limit",     "validation",   "val",        "skip-bad",
                                       "channels",        "init",         NULL};
    const char *network = lw_network_text(job->network), *forced = lw_config_get()->conv;
    lw_text text = {0};
    *identity = NULL;
    lw_text_print(&text, "network %s %016" PRIx64 "\ndata%s\n", lw_network_name(job->network),
                  lw_hash_bytes(lw_hash_start, network, strlen(network)), data);
    lw_text_print(&text, "kernels %d %s%s%s\n", LW_KERNEL_SET_VERSION, lw_cpu_isa(),
                  forced[0] ? " " : "", forced);
    lw_status status = print_record(&text, job->config);
    if (!status) status = print_init(&text, job->settings->init);
    lw_options_print_given(&lw_command_train.options, given, job->settings, skip, &text);
    if (search) lw_text_print(&text, "search %s\n", search);
    if (!status && text.failed)
        status = lw_fail(LW_ERROR_MEMORY, "no memory for the settings of a trial");
    if (status) {
        lw_text_free(&text);
        return status;
    }
    lw_settings_text_shorten(text.bytes);
    *identity = text.bytes;
    return LW_OK;
}
