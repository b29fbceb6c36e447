// SPDX-License-Identifier: Apache-2.0
// Many trainings side by side: a list of trials, one thread each, on data that are opened once and
// shared, with a store of what is finished. Each gives the bits that `lanewise train` gives alone and
// leaves a normal run directory. Who runs the same list again trains only what is missing.
#ifndef LW_CLI_TRIALS_H
#define LW_CLI_TRIALS_H

#include "cli/train_job.h"
#include "study/trial.h"
#include "study/trial_store.h"

// The name of the store in a folder of runs.
#define LW_TRIALS_FILE "trials.db"

// The store of trials for an output folder that the user gave (NULL: none, "runs"). LW_ERROR_INPUT when
// there are other things in that folder.
lw_status lw_trials_store_path(char *path, size_t path_bytes, const char *out);

typedef struct lw_trials_options {
    lw_trial_store *store; // open, and the caller's
    int32_t cores;         // trials at once; 0: as many as threads that this process may use
    bool measure; // measure the rate of one trial alone, before and after, for a few seconds
    const lw_output *output; // notes and progress
} lw_trials_options;

// One trial that is wanted. Everything is copied.
typedef struct lw_trial_wish {
    const char *network;      // a name or a file
    const char *const *words; // options of `lanewise train` as "lr=0.003" or "nesterov"
    size_t n_words;
    uint64_t seed;
    const char *name; // of its run directory, in the list's folder
    // Not NULL: the trial is part of a search, has no test images, and is another one than any with
    // the same settings and another text here.
    const char *search;
} lw_trial_wish;

typedef struct lw_trials lw_trials;

// An empty list. In any case lw_trials_close.
lw_status lw_trials_open(lw_trials **trials, const lw_trials_options *options);

// Adds a trial: reads its words, opens its data unless another trial has the same, and looks in the
// store whether it is finished. A run directory that has gone makes a trial open again. Failures as of
// `lanewise train`, before anything is computed.
lw_status lw_trials_add(lw_trials *trials, const lw_trial_wish *wish);

// The same from settings that are parsed already; texts in them must outlive the list. Seed, output
// folder and number of threads in them are not looked at.
lw_status lw_trials_add_settings(lw_trials *trials, const char *network,
                                 const lw_train_settings *settings, const lw_option_result *given,
                                 uint64_t seed, const char *name);

// The folder in which an earlier list kept what belongs to the set of that name (any text), or the
// first of <series>-1, <series>-2, ... that is free, which is made and remembered. *folder is owned by
// the caller.
lw_status lw_trials_choose_folder(char **folder, lw_trial_store *store, const char *set,
                                  const char *series);

// Says where the run directories go, for this list alone. What an earlier, interrupted run left there
// unfinished is gone on with when its trial comes; without a checkpoint it is removed. Finished
// run directories of these trials that the store does not know are taken into it. A name that is taken gets a
// number behind it. Made when missing, and locked until
// the list is closed: of two processes with the same folder one is refused (LW_ERROR_INPUT). After the
// trials were added, before they are run; again after more were added (the folder stays the first).
lw_status lw_trials_place(lw_trials *trials, const char *folder);

// Called after each epoch of a trial that is one of a search, under the list's lock, with the trial so
// far. False stops it as hopeless.
typedef bool (*lw_trials_judge)(void *user, size_t index, const lw_trial *trial);

// Trains what is open, in the order of the list, and keeps each trial as soon as it is done. A trial
// that fails is no failure of the list: its status says so. LW_ERROR_INTERRUPTED after a signal, with
// everything kept that was finished, and checkpoints of what was not. A trial that has one goes on there, after
// the judge has been asked again about the epochs that are done. `judge` may be NULL.
lw_status lw_trials_run(lw_trials *trials, lw_trials_judge judge, void *user);

size_t lw_trials_count(const lw_trials *trials);
// Where the run directories are; borrowed.
const char *lw_trials_folder(const lw_trials *trials);
// Borrowed; changes while the list runs.
const lw_trial *lw_trials_at(const lw_trials *trials, size_t index);
// The network of a trial, and the data that it is trained on; borrowed.
const lw_network *lw_trials_network(const lw_trials *trials, size_t index);
const lw_train_data *lw_trials_data(const lw_trials *trials, size_t index);
// Epochs that a trial is meant to have, and whether it keeps away from algorithms that round more.
int32_t lw_trials_epochs(const lw_trials *trials, size_t index);
bool lw_trials_is_exact(const lw_trials *trials, size_t index);
// A text that tells the data apart from others; borrowed.
const char *lw_trials_data_text(const lw_trials *trials, size_t index);
// All settings of a trial that were given, "lr=0.003\n..." a line each; owned by the caller, NULL
// without memory.
char *lw_trials_words(const lw_trials *trials, size_t index);

// What lw_trials_run did.
typedef struct lw_trials_account {
    size_t trained, found;    // trials: now, and before in the store
    int32_t cores;            // that were used
    double seconds;           // on the clock
    double images_per_second; // all trials that ran at once together, training alone; NaN for none
    double alone;             // one trial alone, where it was measured; else NaN
} lw_trials_account;
lw_trials_account lw_trials_account_of(const lw_trials *trials);

void lw_trials_close(lw_trials **trials);

#endif
