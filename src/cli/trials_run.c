// SPDX-License-Identifier: Apache-2.0
// Training what is open in a list of trials.
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/trial_record.h"
#include "cli/trial_resume.h"
#include "cli/trials_internal.h"
#include "report/format.h"
#include "study/pool.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// ---- one trial --------------------------------------------------------------------------------

// False: the trial is hopeless. Under the lock; the trial ends with that epoch.
static bool judge_epoch(lw_trials_entry *e, const lw_epoch_result *epoch)
{
    const lw_trials *list = e->list;
    if (!list->judge || epoch->epoch >= e->pace.epochs) return true;
    e->job.given_up = !list->judge(list->judge_user, e->index, &e->trial);
    return !e->job.given_up;
}

// From the trial's own thread. False ends it.
static bool watch_trial(void *user, const lw_train_progress *state, const lw_epoch_result *epoch)
{
    lw_trials_entry *e = user;
    lw_trials *list = e->list;
    bool goes_on = true;
    pthread_mutex_lock(&list->mutex);
    lw_trial_pace_move(&e->pace, state, epoch);
    if (epoch && !lw_trial_record_epoch(&e->trial, epoch)) goes_on = false;
    if (goes_on && epoch) goes_on = judge_epoch(e, epoch);
    if (list->failure) goes_on = false;
    pthread_mutex_unlock(&list->mutex);
    return goes_on;
}

// A run directory that was finished stays, whatever it was: the name gets a number then.
static void choose_name(lw_trials_entry *e)
{
    const size_t length = strlen(e->folder);
    for (int n = 2; n < 1000000 && lw_file_exists(e->folder); n++)
        snprintf(e->folder + length, 16 - 1, "-%d", n);
    e->settings.settings.out = e->folder;
}

// A lasting line, from the trial's own thread.
static void note(void *user, const char *sentence)
{
    lw_trials *list = user;
    pthread_mutex_lock(&list->mutex);
    lw_progress_clear(&list->progress);
    lw_note(list->options.output, "%s", sentence);
    pthread_mutex_unlock(&list->mutex);
}

// Asks the judge about the epochs of a trial that goes on, as if they had just been trained: others may have
// been better meanwhile. False: it is hopeless.
static bool judge_again(lw_trials_entry *e)
{
    const size_t n = e->trial.n_epochs;
    bool goes_on = true;
    pthread_mutex_lock(&e->list->mutex);
    for (size_t i = 0; i < n && goes_on; i++) {
        e->trial.n_epochs = i + 1;
        goes_on = judge_epoch(e, &e->trial.epochs[i]);
    }
    pthread_mutex_unlock(&e->list->mutex);
    return goes_on;
}

// Where an earlier call has left the trial in the middle, it goes on there.
static lw_status take_up(lw_trials_entry *e)
{
    char sentence[256];
    lw_train_position at;
    LW_TRY(lw_trial_take_up(&e->job, &e->trial, &at, note, e->list));
    if (at.epoch == 0) return LW_OK;
    if (at.finished)
        snprintf(sentence, sizeof sentence, "%.120s goes on: it is trained", e->name);
    else
        snprintf(sentence, sizeof sentence, "%.120s goes on in epoch %d of %d", e->name, at.epoch,
                 at.epochs);
    note(e->list, sentence);
    if (judge_again(e)) return LW_OK;
    lw_run_discard(e->job.run);
    return lw_fail(LW_ERROR_INTERRUPTED, "%s: it is hopeless", e->name);
}

static lw_status train_entry(lw_trials_entry *e)
{
    choose_name(e);
    LW_TRY(lw_train_job_make_model(&e->job));
    e->job.watch = watch_trial;
    e->job.watch_user = e;
    e->job.resumable = true;
    e->job.trial = e->trial.settings;
    LW_TRY(take_up(e));
    return lw_train_job_run(&e->job);
}

// Keeps what became of a trial that ended, well or badly; of others the status is handed on. Under the lock.
static lw_status keep_trial(lw_trials_entry *e, lw_status status)
{
    lw_trial *trial = &e->trial;
    const bool comes_again = status == LW_ERROR_INPUT || status == LW_ERROR_ARGUMENT ||
                             status == LW_ERROR_UNSUPPORTED || status == LW_ERROR_NOT_FINITE;
    trial->ended = (int64_t)time(NULL);
    if (!status) {
        trial->status = LW_TRIAL_FINISHED;
        LW_TRY(lw_trial_record_job(trial, &e->job));
    } else if (e->job.given_up) {
        trial->status = LW_TRIAL_STOPPED;
        LW_TRY(lw_trial_record_stop(trial));
    } else if (comes_again) {
        trial->status = LW_TRIAL_FAILED;
        LW_TRY(lw_trial_record_failure(trial, lw_error_message()));
        if (e->job.run) lw_run_discard(e->job.run); // it would come again
    } else {
        return status;
    }
    LW_TRY(lw_trial_store_add(e->list->options.store, trial));
    return LW_OK;
}

static void begin_trial(lw_trials_entry *e)
{
    pthread_mutex_lock(&e->list->mutex);
    e->trial.begun = (int64_t)time(NULL);
    e->pace.running = true;
    pthread_mutex_unlock(&e->list->mutex);
}

// A lasting line for each trial that is done; under the lock.
static void note_done(lw_trials *list, const lw_trials_entry *e)
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

static bool end_trial(lw_trials_entry *e, lw_status status)
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
    lw_trials_entry *e = list->entries[list->open[task]];
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
    lw_trials_entry *e = list->entries[list->open[0]];
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
        const lw_trials_entry *e = list->entries[i];
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
                       "stopped: %zu of %zu trials are done and kept; the same command goes on "
                       "where they were",
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
