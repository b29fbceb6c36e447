// SPDX-License-Identifier: Apache-2.0
// A list of trials: what is wanted, what is in the store, and training what is missing.
#include "cli/trials.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/trial_data.h"
#include "cli/trial_folders.h"
#include "cli/trial_record.h"
#include "cli/trial_settings.h"
#include "cli/trials_progress.h"
#include "report/format.h"
#include "study/pool.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// A trial of the list. Its job stays as it was begun: configuration and network, no model.
typedef struct entry {
    lw_trials *list;
    lw_trial_settings settings;
    char *network, *name, *search; // as they were wished
    char *folder;                  // of the run directory
    lw_trial_data *data;
    lw_train_job job;
    lw_trial trial;
    const struct entry *twin; // an earlier one of the list that is the same trial; NULL: none
    bool found;               // in the store
    bool hopeless;            // the judge has said so
    lw_trial_pace pace;
} entry;

struct lw_trials {
    lw_trials_options options;
    lw_trial_data_list data;
    entry **entries;
    size_t n;
    char *folder;
    int lock;     // of the folder; -1: none
    size_t *open; // indices of what is not in the store
    size_t n_open;
    lw_trials_judge judge;
    void *judge_user;
    lw_trials_account account;
    lw_progress progress;
    // While the threads work, everything below and the trials are the lock's.
    pthread_mutex_t mutex;
    lw_status failure; // what ends the list
    char failure_text[1024];
};

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

static void free_entry(entry *e)
{
    lw_train_job_end(&e->job);
    lw_trial_free(&e->trial);
    lw_trial_settings_free(&e->settings);
    free(e->network);
    free(e->name);
    free(e->search);
    free(e->folder);
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

static lw_status look_up(entry *e, uint64_t seed)
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
static void find_twin(entry *e)
{
    const lw_trials *list = e->list;
    for (size_t i = 0; i < list->n && !e->twin; i++) {
        const entry *other = list->entries[i];
        if (!other->twin && other->trial.seed == e->trial.seed &&
            strcmp(other->trial.settings, e->trial.settings) == 0)
            e->twin = other;
    }
}

static lw_status prepare_entry(entry *e, uint64_t seed)
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

static entry *make_entry(lw_trials *list, const char *network, const char *name, const char *search)
{
    entry *e = calloc(1, sizeof *e);
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

static lw_status add_entry(lw_trials *list, entry *e, uint64_t seed)
{
    lw_status status = prepare_entry(e, seed);
    entry **grown = status ? NULL : realloc(list->entries, (list->n + 1) * sizeof *grown);
    if (!status && !grown) status = lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    if (status) {
        free_entry(e);
        return status;
    }
    list->entries = grown;
    list->entries[list->n++] = e;
    return LW_OK;
}

lw_status lw_trials_add(lw_trials *list, const lw_trial_wish *wish)
{
    entry *e = make_entry(list, wish->network, wish->name, wish->search);
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
    entry *e = make_entry(list, network, name, NULL);
    if (!e) return lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    e->settings.settings = *settings;
    e->settings.given = *given;
    e->settings.given.operands = NULL; // the caller's
    e->settings.given.n_operands = 0;
    return add_entry(list, e, seed);
}

// ---- folders ----------------------------------------------------------------------------------

lw_status lw_trials_place(lw_trials *list, const char *folder)
{
    if (!list->folder) {
        LW_TRY(lw_trials_take_folder(folder, &list->lock));
        list->folder = strdup(folder);
        if (!list->folder) return lw_fail(LW_ERROR_MEMORY, "no memory for a path");
    }
    for (size_t i = 0; i < list->n; i++) {
        entry *e = list->entries[i];
        if (e->folder) continue;
        const size_t room = strlen(folder) + strlen(e->name) + 16; // "/", "-1000000"
        e->folder = malloc(room);
        if (!e->folder) return lw_fail(LW_ERROR_MEMORY, "no memory for a path");
        snprintf(e->folder, room, "%s/%s", folder, e->name);
    }
    return LW_OK;
}

// ---- one trial --------------------------------------------------------------------------------

// From the trial's own thread. False ends it.
static bool watch_trial(void *user, const lw_train_progress *state, const lw_epoch_result *epoch)
{
    entry *e = user;
    lw_trials *list = e->list;
    bool goes_on = true;
    pthread_mutex_lock(&list->mutex);
    lw_trial_pace_move(&e->pace, state, epoch);
    if (epoch && !lw_trial_record_epoch(&e->trial, epoch)) goes_on = false;
    const bool last = epoch && epoch->epoch >= e->pace.epochs;
    if (goes_on && epoch && !last && list->judge) {
        size_t index = 0;
        while (list->entries[index] != e) index++;
        e->hopeless = !list->judge(list->judge_user, index, &e->trial);
        goes_on = !e->hopeless;
    }
    if (list->failure) goes_on = false;
    pthread_mutex_unlock(&list->mutex);
    return goes_on;
}

// A run directory that was finished stays, whatever it was: the name gets a number then.
static void choose_name(entry *e)
{
    const size_t length = strlen(e->folder);
    for (int n = 2; n < 1000000 && lw_file_exists(e->folder); n++)
        snprintf(e->folder + length, 16 - 1, "-%d", n);
    e->settings.settings.out = e->folder;
}

static lw_status train_entry(entry *e)
{
    choose_name(e);
    LW_TRY(lw_train_job_make_model(&e->job));
    e->job.watch = watch_trial;
    e->job.watch_user = e;
    return lw_train_job_run(&e->job);
}

// Keeps what became of a trial; under the lock. True where it was finished, well or badly.
static lw_status keep_trial(entry *e, lw_status status)
{
    lw_trial *trial = &e->trial;
    const bool comes_again = status == LW_ERROR_INPUT || status == LW_ERROR_ARGUMENT ||
                             status == LW_ERROR_UNSUPPORTED || status == LW_ERROR_NOT_FINITE;
    trial->ended = (int64_t)time(NULL);
    if (!status) {
        trial->status = LW_TRIAL_FINISHED;
        LW_TRY(lw_trial_record_job(trial, &e->job));
    } else if (e->hopeless) {
        trial->status = LW_TRIAL_STOPPED;
        LW_TRY(lw_trial_record_stop(trial));
    } else if (comes_again) {
        trial->status = LW_TRIAL_FAILED;
        LW_TRY(lw_trial_record_failure(trial, lw_error_message()));
    } else {
        return status;
    }
    LW_TRY(lw_trial_store_add(e->list->options.store, trial));
    return LW_OK;
}

static void begin_trial(entry *e)
{
    pthread_mutex_lock(&e->list->mutex);
    e->trial.begun = (int64_t)time(NULL);
    e->pace.running = true;
    pthread_mutex_unlock(&e->list->mutex);
}

// A lasting line for each trial that is done; under the lock.
static void note_done(lw_trials *list, const entry *e)
{
    const lw_trial *trial = &e->trial;
    const lw_output *output = list->options.output;
    lw_text line = {0};
    lw_progress_clear(&list->progress);
    lw_text_print(&line, "%zu of %zu: %s", list->account.found + list->account.trained, list->n,
                  e->name);
    if (trial->status == LW_TRIAL_FAILED)
        lw_text_print(&line, " failed: %s", trial->failure);
    else if (trial->status == LW_TRIAL_STOPPED)
        lw_text_print(&line, " stopped after %zu epoch%s", trial->n_epochs,
                      trial->n_epochs == 1 ? "" : "s");
    if (!isnan(trial->validation_accuracy))
        lw_text_print(&line, ", validation %s", lw_format_percent(trial->validation_accuracy).text);
    if (!isnan(trial->test_accuracy))
        lw_text_print(&line, ", test %s", lw_format_percent(trial->test_accuracy).text);
    if (!isnan(trial->seconds))
        lw_text_print(&line, ", %s", lw_format_seconds(trial->seconds).text);
    if (!line.failed) lw_note(output, "%s", line.bytes);
    lw_text_free(&line);
}

static bool end_trial(entry *e, lw_status status)
{
    lw_trials *list = e->list;
    pthread_mutex_lock(&list->mutex);
    status = keep_trial(e, status);
    if (status && !list->failure) {
        list->failure = status;
        snprintf(list->failure_text, sizeof list->failure_text, "%s", lw_error_message());
    }
    if (status) e->trial.status = LW_TRIAL_OPEN;
    if (!status) {
        list->account.trained++;
        note_done(list, e);
    }
    e->pace.running = false;
    e->pace.done = !status;
    const bool goes_on = !list->failure;
    pthread_mutex_unlock(&list->mutex);
    lw_train_job_forget(&e->job);
    return goes_on;
}

static bool run_trial(void *user, size_t task, int32_t thread)
{
    lw_trials *list = user;
    entry *e = list->entries[list->open[task]];
    (void)thread;
    if (lw_interrupt_signal()) return false;
    begin_trial(e);
    return end_trial(e, train_entry(e));
}

// ---- all of them ------------------------------------------------------------------------------

static bool watch_list(void *user)
{
    lw_trials *list = user;
    lw_trials_pace all = {0};
    pthread_mutex_lock(&list->mutex);
    for (size_t i = 0; i < list->n_open; i++)
        lw_trials_pace_add(&all, &list->entries[list->open[i]]->pace);
    const bool goes_on = !list->failure;
    if (!list->options.output->quiet)
        lw_trials_pace_show(&all, &list->progress, list->n - list->n_open);
    pthread_mutex_unlock(&list->mutex);
    return goes_on && lw_interrupt_signal() == 0;
}

// The rate of the first open trial when nothing else runs.
static lw_status measure_alone(lw_trials *list, double *images_per_second)
{
    const double seconds = 2;
    entry *e = list->entries[list->open[0]];
    LW_TRY(lw_train_job_make_model(&e->job));
    const lw_status status = lw_train_job_measure(&e->job, seconds, images_per_second);
    lw_train_job_forget(&e->job);
    return status;
}

// All trials at once together: what each did while it trained, times how many there were.
static void count_rate(lw_trials *list)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < list->n_open; i++) {
        const lw_trial *trial = &list->entries[list->open[i]]->trial;
        if (trial->status == LW_TRIAL_OPEN || !(trial->images_per_second > 0)) continue;
        sum += trial->images_per_second;
        n++;
    }
    if (n > 0) list->account.images_per_second = sum / (double)n * list->account.cores;
}

static lw_status find_open(lw_trials *list)
{
    free(list->open);
    list->open = calloc(list->n + 1, sizeof *list->open);
    if (!list->open) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu trials", list->n);
    list->n_open = 0;
    list->account.found = 0;
    for (size_t i = 0; i < list->n; i++) {
        const entry *e = list->entries[i];
        list->account.found += e->found || e->twin;
        if (!e->twin && e->trial.status == LW_TRIAL_OPEN) list->open[list->n_open++] = i;
    }
    return LW_OK;
}

static lw_status train_open(lw_trials *list)
{
    const lw_pool_work work = {
        .n_tasks = list->n_open, .run = run_trial, .watch = watch_list, .user = list};
    double before = NAN, after = NAN;
    const bool measure = list->options.measure;
    if (measure) LW_TRY(measure_alone(list, &before));
    const double begun = lw_clock_seconds();
    list->progress = lw_progress_begin(stderr, false, begun);
    const lw_status status = lw_pool_run(&work, list->account.cores);
    lw_progress_clear(&list->progress);
    list->account.seconds += lw_clock_seconds() - begun;
    if (status) return status;
    count_rate(list);
    if (list->failure && list->failure != LW_ERROR_INTERRUPTED)
        return lw_fail(list->failure, "%s", list->failure_text);
    if (list->failure || lw_interrupt_signal())
        return lw_fail(LW_ERROR_INTERRUPTED,
                       "stopped: %zu of %zu trials are done and kept; the same command goes on",
                       list->account.found + list->account.trained, list->n);
    if (measure) LW_TRY(measure_alone(list, &after));
    list->account.alone = (before + after) / 2;
    return LW_OK;
}

lw_status lw_trials_run(lw_trials *list, lw_trials_judge judge, void *user)
{
    list->judge = judge;
    list->judge_user = user;
    list->account.cores = list->options.cores ? list->options.cores : lw_cpu_threads();
    LW_TRY(find_open(list));
    if (list->n_open == 0) return LW_OK;
    if ((size_t)list->account.cores > list->n_open) list->account.cores = (int32_t)list->n_open;
    lw_interrupt_catch();
    return train_open(list);
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
    const entry *e = list->entries[index];
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
