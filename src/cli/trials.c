// SPDX-License-Identifier: Apache-2.0
// A list of trials: what is wanted, what is in the store, and what is known of each.
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/trial_adopt.h"
#include "cli/trial_folders.h"
#include "cli/trials_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const lw_output silence = {.quiet = true};

// ---- opening ----------------------------------------------------------------------------------

lw_status lw_trials_open(lw_trials **trials, const lw_trials_options *options)
{
    lw_trials *list = calloc(1, sizeof *list);
    *trials = list;
    if (!list) return lw_fail(LW_ERROR_MEMORY, "no memory for a list of trials");
    list->options = *options;
    list->lock = -1;
    list->account = (lw_trials_account){.images_per_second = NAN, .alone = NAN};
    pthread_mutex_init(&list->mutex, NULL);
    return LW_OK;
}

static void free_entry(lw_trials_entry *e)
{
    lw_train_job_end(&e->job);
    lw_trial_free(&e->trial);
    lw_trial_settings_free(&e->settings);
    free(e->network);
    free(e->name);
    free(e->search);
    free(e->folder);
    free(e->events);
    free(e);
}

void lw_trials_close(lw_trials **trials)
{
    lw_trials *list = *trials;
    if (!list) return;
    for (size_t i = 0; i < list->n; i++) free_entry(list->entries[i]);
    free(list->entries);
    free(list->folder);
    free(list->open);
    lw_trial_data_close_all(&list->data);
    lw_file_unlock(list->lock);
    pthread_mutex_destroy(&list->mutex);
    free(list);
    *trials = NULL;
}

// ---- adding -----------------------------------------------------------------------------------

// Whether what the store has serves: a run directory that has gone, or a trial that was stopped where
// none may be, does not.
static bool serves(const lw_trial *trial, bool search)
{
    if (trial->status == LW_TRIAL_STOPPED) return search;
    if (trial->status == LW_TRIAL_FAILED) return true;
    return trial->folder && lw_file_is_folder(trial->folder);
}

static lw_status look_up(lw_trials_entry *e, uint64_t seed)
{
    char *identity;
    LW_TRY(lw_trial_settings_identity(&identity, &e->job, &e->settings.given, e->data->fingerprint,
                                      e->search));
    lw_status status =
        lw_trial_store_find(e->list->options.store, identity, seed, &e->trial, &e->found);
    if (!status && e->found && !serves(&e->trial, e->search != NULL)) e->found = false;
    if (!status && !e->found) {
        lw_trial_free(&e->trial);
        e->trial.settings = identity;
        e->trial.seed = seed;
        return LW_OK;
    }
    free(identity);
    return status;
}

// The same trial may be wanted twice: two arms of a study, for instance.
static void find_twin(lw_trials_entry *e)
{
    const lw_trials *list = e->list;
    for (size_t i = 0; i < list->n && !e->twin; i++) {
        const lw_trials_entry *other = list->entries[i];
        if (!other->twin && other->trial.seed == e->trial.seed &&
            strcmp(other->trial.settings, e->trial.settings) == 0)
            e->twin = other;
    }
}

static lw_status prepare_entry(lw_trials_entry *e, uint64_t seed)
{
    lw_train_settings *settings = &e->settings.settings;
    settings->seed = (int64_t)seed;
    settings->common.threads = 1;
    e->job.output = e->list->options.output; // opening data may take a while and is shown
    LW_TRY(lw_train_job_begin(&e->job, settings, &e->settings.given, e->network));
    LW_TRY(lw_trial_data_open(&e->data, &e->list->data, &e->job));
    e->job.data = e->search ? &e->data->search : &e->data->whole;
    e->job.output = &silence;
    const char *normalize = settings->normalize;
    if (normalize && strcmp(normalize, "data") == 0) LW_TRY(lw_trial_data_measure(e->data));
    LW_TRY(look_up(e, seed));
    find_twin(e);
    e->pace = (lw_trial_pace){.epochs = e->job.config.epochs,
                              .images = (int64_t)lw_dataset_size(e->job.data->splits.train)};
    return LW_OK;
}

static lw_trials_entry *make_entry(lw_trials *list, const char *network, const char *name,
                                   const char *search)
{
    lw_trials_entry *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    lw_trial_clear(&e->trial);
    e->list = list;
    e->network = strdup(network);
    e->name = strdup(name);
    e->search = search ? strdup(search) : NULL;
    if (e->network && e->name && (e->search || !search)) return e;
    free_entry(e);
    return NULL;
}

static lw_status add_entry(lw_trials *list, lw_trials_entry *e, uint64_t seed)
{
    lw_status status = prepare_entry(e, seed);
    lw_trials_entry **grown = status ? NULL : realloc(list->entries, (list->n + 1) * sizeof *grown);
    if (!status && !grown) status = lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    if (status) {
        free_entry(e);
        return status;
    }
    list->entries = grown;
    e->index = list->n;
    list->entries[list->n++] = e;
    return LW_OK;
}

lw_status lw_trials_add(lw_trials *list, const lw_trial_wish *wish)
{
    lw_trials_entry *e = make_entry(list, wish->network, wish->name, wish->search);
    if (!e) return lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    const lw_status status = lw_trial_settings_read(&e->settings, wish->words, wish->n_words);
    if (!status) return add_entry(list, e, wish->seed);
    free_entry(e);
    return status;
}

lw_status lw_trials_add_settings(lw_trials *list, const char *network,
                                 const lw_train_settings *settings, const lw_option_result *given,
                                 uint64_t seed, const char *name)
{
    lw_trials_entry *e = make_entry(list, network, name, NULL);
    if (!e) return lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    e->settings.settings = *settings;
    e->settings.given = *given;
    e->settings.given.operands = NULL; // the caller's
    e->settings.given.n_operands = 0;
    return add_entry(list, e, seed);
}

// ---- folders ----------------------------------------------------------------------------------

// --tensorboard: a folder for each trial in one for the list, "FOLDER/fixed-seeds-1/seed-3".
static lw_status place_events(lw_trials_entry *e)
{
    lw_train_settings *settings = &e->settings.settings;
    if (!settings->tensorboard) return LW_OK;
    const char *slash = strrchr(e->list->folder, '/');
    const char *name = slash && slash[1] ? slash + 1 : e->list->folder;
    lw_text path = {0};
    lw_text_print(&path, "%s/%s", settings->tensorboard, name);
    if (path.failed) {
        lw_text_free(&path);
        return lw_fail(LW_ERROR_MEMORY, "no memory for a path");
    }
    e->events = path.bytes;
    settings->tensorboard = e->events;
    return LW_OK;
}

// A finished run directory of this trial that the store does not know: it is told.
static lw_status find_finished(lw_trials_entry *e, size_t room)
{
    char *path = malloc(room);
    lw_status status = path ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for a path");
    if (path) snprintf(path, room, "%s", e->folder);
    for (int n = 2; !status && !e->found && n < 1000000 && lw_file_exists(path); n++) {
        status = lw_trial_adopt(&e->trial, path, &e->found);
        snprintf(path, room, "%s-%d", e->folder, n);
    }
    free(path);
    if (!status && e->found) status = lw_trial_store_add(e->list->options.store, &e->trial);
    return status;
}

lw_status lw_trials_place(lw_trials *list, const char *folder)
{
    if (!list->folder) {
        LW_TRY(lw_trials_take_folder(folder, &list->lock));
        list->folder = strdup(folder);
        if (!list->folder) return lw_fail(LW_ERROR_MEMORY, "no memory for a path");
    }
    for (size_t i = 0; i < list->n; i++) {
        lw_trials_entry *e = list->entries[i];
        if (e->folder) continue;
        const size_t room = strlen(folder) + strlen(e->name) + 16; // "/", "-1000000"
        e->folder = malloc(room);
        if (!e->folder) return lw_fail(LW_ERROR_MEMORY, "no memory for a path");
        snprintf(e->folder, room, "%s/%s", folder, e->name);
        LW_TRY(place_events(e));
        if (!e->found && !e->twin) LW_TRY(find_finished(e, room));
    }
    return LW_OK;
}

// ---- asking -----------------------------------------------------------------------------------

size_t lw_trials_count(const lw_trials *list)
{
    return list->n;
}

const char *lw_trials_folder(const lw_trials *list)
{
    return list->folder;
}

const lw_trial *lw_trials_at(const lw_trials *list, size_t index)
{
    const lw_trials_entry *e = list->entries[index];
    return e->twin ? &e->twin->trial : &e->trial;
}

const lw_network *lw_trials_network(const lw_trials *list, size_t index)
{
    return list->entries[index]->job.network;
}

const lw_train_data *lw_trials_data(const lw_trials *list, size_t index)
{
    return &list->entries[index]->data->whole;
}

char *lw_trials_words(const lw_trials *list, size_t index)
{
    const lw_trial_settings *settings = &list->entries[index]->settings;
    return lw_trial_settings_words(&settings->settings, &settings->given);
}

int32_t lw_trials_epochs(const lw_trials *list, size_t index)
{
    return list->entries[index]->job.config.epochs;
}

bool lw_trials_is_exact(const lw_trials *list, size_t index)
{
    return list->entries[index]->settings.settings.exact;
}

const char *lw_trials_data_text(const lw_trials *list, size_t index)
{
    return list->entries[index]->data->fingerprint;
}

lw_trials_account lw_trials_account_of(const lw_trials *list)
{
    return list->account;
}
