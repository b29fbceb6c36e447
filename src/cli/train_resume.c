// SPDX-License-Identifier: Apache-2.0
// `lanewise train --resume`: how a run remembers what it was begun with, and how it is taken up again.
//
// An unfinished run has a file resume.json with the options it was given, as words of a command line. They
// go through the same parser again, so that everything follows from them as it did the first time.
#include "cli/train_resume.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/json.h"
#include "report/format.h"
#include "run/json_text.h"
#include "run/records.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { format_version = 1 };

const lw_option lw_checkpoint_option_table[LW_N_CHECKPOINT_OPTIONS] = {
    {.name = "checkpoint",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, checkpoint),
     .value_name = "INTERVAL",
     .preset = "60s",
     .help =
         "how often the whole state of the training is saved, as in 30s, 5min, 500steps or 1epoch "
         "(after every epoch); the word never saves it only when the run is stopped"},
    {.name = "resume",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, resume),
     .value_name = "RUN",
     .help = "go on with an unfinished run where its last checkpoint is; of the other options only "
             "checkpoint, data, offline, threads, json and quiet can be given"},
};

// "500steps", "1epoch": the number before one of the two words, which may be plural. 0 where the text is
// something else.
static int64_t read_count(const char *text, const char *word, int64_t most)
{
    char number[20];
    int64_t count;
    const size_t digits = strspn(text, "0123456789"), word_bytes = strlen(word);
    const char *unit = text + digits;
    if (digits >= sizeof number || strncmp(unit, word, word_bytes) != 0) return 0;
    if (unit[word_bytes] && strcmp(unit + word_bytes, "s") != 0) return 0;
    snprintf(number, sizeof number, "%.*s", (int)digits, text);
    return lw_parse_int64(number, &count) && count <= most ? count : 0;
}

lw_status lw_train_read_checkpoint_interval(lw_train_job *job)
{
    const char *text = job->settings->checkpoint;
    job->checkpoint_seconds = 0;
    job->checkpoint_steps = job->checkpoint_epochs = 0;
    if (!text || strcmp(text, "never") == 0) return LW_OK;
    job->checkpoint_steps = read_count(text, "step", INT64_MAX);
    job->checkpoint_epochs = (int32_t)read_count(text, "epoch", INT32_MAX);
    if (job->checkpoint_steps > 0 || job->checkpoint_epochs > 0) return LW_OK;
    if (lw_parse_time(text, &job->checkpoint_seconds)) return LW_OK;
    return lw_fail(
        LW_ERROR_ARGUMENT,
        "--checkpoint: expected a time as in 30s or 5min, a number of steps or epochs as in "
        "500steps or 1epoch, or the word never, got \"%s\"",
        text);
}

// ---- writing ------------------------------------------------------------------------------------

static bool add_word(cJSON *words, const char *name, const char *value)
{
    lw_text word = {0};
    lw_text_print(&word, "--%s%s", name, value);
    cJSON *item = word.failed ? NULL : cJSON_CreateString(word.bytes);
    lw_text_free(&word);
    return item && cJSON_AddItemToArray(words, item);
}

// A path that is found from anywhere; nothing for NULL.
static bool add_path(cJSON *words, const char *name, const char *path)
{
    if (!path) return true;
    char *whole = realpath(path, NULL);
    const bool ok = add_word(words, name, whole ? whole : path);
    free(whole);
    return ok;
}

// Every option that was given, by the user or a recipe, and what opens the same files from anywhere.
static cJSON *list_words(const lw_train_job *job)
{
    // What changes nothing in the run, or is written in another way.
    static const char *const skip[] = {"checkpoint", "resume", "out",         "threads",
                                       "json",       "quiet",  "recipe",      "data",
                                       "init",       "sizes",  "tensorboard", NULL};
    lw_text lines = {0};
    cJSON *words = cJSON_CreateArray();
    bool ok = words && add_word(words, "data=", job->data->reference);
    lw_options_print_given(&lw_command_train.options, job->arguments, job->settings, skip, &lines);
    ok = ok && !lines.failed;
    for (char *line = lines.bytes, *end; ok && line && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        ok = add_word(words, "", line);
    }
    lw_text_free(&lines);
    ok = ok && add_path(words, "init=", job->settings->init);
    ok = ok && add_path(words, "tensorboard=", job->settings->tensorboard);
    if (ok) return words;
    cJSON_Delete(words);
    return NULL;
}

lw_status lw_train_write_resume(const lw_train_job *job)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "version", format_version);
    lw_json_add_text(&object, "network", lw_network_name(job->network));
    if (job->trial) { // who takes it up has the options
        char seed[24];
        snprintf(seed, sizeof seed, "%" PRIu64, job->config.seed);
        lw_json_add_text(&object, "trial", job->trial);
        lw_json_add_text(&object, "seed", seed);
    } else {
        lw_json_add_item(&object, "options", list_words(job));
    }
    cJSON *json = lw_json_object_take(&object);
    if (!json) return lw_fail(LW_ERROR_MEMORY, LW_RUN_RESUME_FILE ": no memory to write it");
    lw_status status = lw_run_put_json(job->run, LW_RUN_RESUME_FILE, json);
    cJSON_Delete(json);
    return status;
}

// ---- reading ------------------------------------------------------------------------------------

// Options that go with --resume. Anything else would change the run.
static lw_status check_given(const lw_option_result *given)
{
    static const char *const allowed[] = {"resume",  "checkpoint", "data", "offline",
                                          "threads", "json",       "quiet"};
    if (given->n_operands > 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--resume goes on with the network of the run: expected no NETWORK, got "
                       "\"%s\"",
                       given->operands[0]);
    for (size_t i = 0; i < given->n_given; i++) {
        bool found = false;
        for (size_t k = 0; k < LW_COUNT(allowed) && !found; k++)
            found = strcmp(given->given[i], allowed[k]) == 0;
        if (!found)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "--resume goes on with the settings of the run: --%s cannot be given "
                           "as well (only --checkpoint, --data, --offline, --threads, --json, "
                           "--quiet)",
                           given->given[i]);
    }
    return LW_OK;
}

static lw_status fail_format(const lw_run *run, const char *what)
{
    return lw_fail(LW_ERROR_INPUT,
                   "%s"
                   ".partial/" LW_RUN_RESUME_FILE ": %s",
                   lw_run_path(run), what);
}

static lw_status parse_file(lw_train_begun *begun, const lw_run *run)
{
    char *text;
    LW_TRY(lw_run_read_file(run, LW_RUN_RESUME_FILE, &text));
    begun->json = lw_json_parse(text, strlen(text));
    free(text);
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(begun->json, "version"), *word;
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(begun->json, "options");
    const cJSON *network = cJSON_GetObjectItemCaseSensitive(begun->json, "network");
    if (cJSON_GetObjectItemCaseSensitive(begun->json, "trial"))
        return lw_fail(LW_ERROR_INPUT,
                       "%s: this is one of several trainings (seeds, a sweep or a study); the "
                       "command that began them goes on with it",
                       lw_run_path(run));
    if (!cJSON_IsNumber(version) || !cJSON_IsArray(options) || !cJSON_IsString(network))
        return fail_format(run, "expected an object with version, network and options");
    if (version->valueint != format_version)
        return fail_format(run, "it was written by another version of Lanewise");
    const int n = cJSON_GetArraySize(options);
    begun->words = calloc((size_t)n + 1, sizeof *begun->words);
    if (!begun->words) return lw_fail(LW_ERROR_MEMORY, "no memory for the options of the run");
    cJSON_ArrayForEach(word, options)
    {
        if (!cJSON_IsString(word)) return fail_format(run, "expected options that are texts");
        begun->words[begun->n_words++] = word->valuestring;
    }
    return LW_OK;
}

// The network as it was, under the name that it had.
static lw_status read_network(lw_train_job *job)
{
    char *text, name[128];
    const cJSON *word = cJSON_GetObjectItemCaseSensitive(job->begun.json, "network");
    snprintf(name, sizeof name, "%.120s.net", word->valuestring);
    LW_TRY(lw_run_read_file(job->run, LW_RUN_NETWORK_FILE, &text));
    lw_status status = lw_network_parse(&job->network, text, strlen(text), name);
    free(text);
    return status;
}

// Settings as they were, with what may be new.
static lw_status settle(lw_train_job *job, lw_train_settings *settings, lw_option_result *given)
{
    const lw_train_settings wished = *settings;
    const bool other_data = lw_option_given(given, "data");
    lw_option_result *then = &job->begun.given;
    LW_TRY(lw_options_parse(&lw_command_train.options, LW_RUN_RESUME_FILE, job->begun.n_words,
                            job->begun.words, settings, then));
    if (then->help || then->n_operands > 0)
        return fail_format(job->run, "expected options, got something else");
    settings->checkpoint = wished.checkpoint;
    settings->resume = wished.resume;
    settings->common.threads = wished.common.threads;
    settings->common.json = wished.common.json;
    settings->common.quiet = wished.common.quiet;
    if (lw_option_given(given, "offline")) settings->common.offline = true;
    if (other_data) settings->common.data = wished.common.data;
    *given = *then;
    return LW_OK;
}

static void note_damage(void *output, const char *sentence)
{
    lw_note(output, "%s", sentence);
}

lw_status lw_train_open_run(lw_train_job *job, lw_train_settings *settings, lw_option_result *given)
{
    lw_output output = *job->output;
    LW_TRY(check_given(given));
    LW_TRY(lw_run_resume(&job->run, settings->resume));
    LW_TRY(parse_file(&job->begun, job->run));
    LW_TRY(read_network(job));
    LW_TRY(settle(job, settings, given));
    LW_TRY(lw_run_read_checkpoint(job->run, &job->state, note_damage, &output));
    if (job->state) settings->init = NULL; // its weights are long past
    return LW_OK;
}

lw_status lw_train_note_resumed(lw_train_job *job)
{
    char reason[512];
    lw_train_position at = {.epoch = 1, .epochs = job->config.epochs};
    if (job->state) at = lw_train_state_position(job->state);
    if (!job->state)
        lw_note(job->output, "going on: the run was stopped before its first checkpoint and begins "
                             "anew");
    else if (at.finished)
        lw_note(job->output, "going on: the training is done, what is left is the evaluation");
    else
        lw_note(job->output, "going on: epoch %d of %d from step %s of %s", at.epoch, at.epochs,
                lw_format_count(at.epoch_step).text, lw_format_count(at.epoch_steps).text);
    if (job->state && !lw_train_state_keeps_bits(job->state, job->model, reason, sizeof reason))
        lw_note(job->output, "%s", reason);
    cJSON *record = lw_record_resume(&at);
    if (!record) return lw_fail(LW_ERROR_MEMORY, "no memory for a line of the log");
    lw_status status = lw_run_log(job->run, record);
    cJSON_Delete(record);
    return status;
}

void lw_train_begun_free(lw_train_begun *begun)
{
    cJSON_Delete(begun->json);
    free(begun->words);
    free(begun->given.operands);
    *begun = (lw_train_begun){.json = NULL};
}
