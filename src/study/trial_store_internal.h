// SPDX-License-Identifier: Apache-2.0
// What the files of the store share.
#ifndef LW_STUDY_TRIAL_STORE_INTERNAL_H
#define LW_STUDY_TRIAL_STORE_INTERNAL_H

#include "database/database.h"
#include "study/trial_store.h"

struct lw_trial_store {
    lw_database *database;
    char folder[4096]; // of the file, with a slash at its end; "" for the present one
};

// Paths as they are kept: below the store's own folder relative to that, so that the two may move
// together, else in full. And back. Owned by the caller; NULL without memory.
char *lw_trial_store_pack(const lw_trial_store *store, const char *folder);
char *lw_trial_store_unpack(const lw_trial_store *store, const char *kept);

#endif
