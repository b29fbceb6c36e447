// SPDX-License-Identifier: Apache-2.0
// Where trials are kept: one SQLite file for as many studies, sets of seeds and sweeps as one likes. A
// trial gets into it whole, when it is done, so that an end at any moment loses only what was running.
//
// Files that are damaged, locked, read-only or of a newer version are LW_ERROR_INPUT. For one thread
// at a time. In a build without SQLite everything is LW_ERROR_UNSUPPORTED.
#ifndef LW_STUDY_TRIAL_STORE_H
#define LW_STUDY_TRIAL_STORE_H

#include "study/trial.h"

#include <lanewise/status.h>

typedef struct lw_trial_store lw_trial_store;

// Opens the file, which is made when it is missing (and its folder too).
lw_status lw_trial_store_open(lw_trial_store **store, const char *path);
void lw_trial_store_close(lw_trial_store **store);

// The trial with these settings and this seed; *found says whether there is one. *trial is for
// lw_trial_free in any case. Run directories below the store's folder are found again when both have
// moved.
lw_status lw_trial_store_find(lw_trial_store *store, const char *settings, uint64_t seed,
                              lw_trial *trial, bool *found);

// Keeps a trial, in place of one with the same settings and seed. It is on the disk afterwards.
lw_status lw_trial_store_add(lw_trial_store *store, const lw_trial *trial);

// How many trials there are, of any settings.
lw_status lw_trial_store_count(lw_trial_store *store, int64_t *n);

// ---- sets: trials that belong together -------------------------------------------------------

// The folder of a set, named by a text: a new one is remembered when there is none yet. *folder is
// owned by the caller; NULL when there is none and `fresh` is NULL.
lw_status lw_trial_store_folder(lw_trial_store *store, const char *set, const char *fresh,
                                char **folder);

// The test images of a sweep may be looked at once. What was found then: all 0 or NULL where nobody has.
typedef struct lw_test_taken {
    char *recipe; // options of the trial that was tested, as text
    int64_t time; // seconds since 1970
    double accuracy, loss;
    int64_t images, times; // times: how often it was taken
} lw_test_taken;

// What is known of the tests of a set, the last one; for lw_test_taken_free.
lw_status lw_trial_store_test(lw_trial_store *store, const char *set, lw_test_taken *taken);
// Records that the test images were looked at, before or beside what came of it.
lw_status lw_trial_store_take_test(lw_trial_store *store, const char *set,
                                   const lw_test_taken *taken);
void lw_test_taken_free(lw_test_taken *taken);

#endif
