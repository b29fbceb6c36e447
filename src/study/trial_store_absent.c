// SPDX-License-Identifier: Apache-2.0
// The store where the build has no SQLite: every function refuses.
#include "base/error.h"
#include "study/trial_store.h"

static lw_status refuse(void)
{
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "this lanewise was built without SQLite, which keeps the trials");
}

lw_status lw_trial_store_open(lw_trial_store **store, const char *path)
{
    (void)path;
    *store = NULL;
    return refuse();
}

void lw_trial_store_close(lw_trial_store **store)
{
    *store = NULL;
}

lw_status lw_trial_store_find(lw_trial_store *store, const char *settings, uint64_t seed,
                              lw_trial *trial, bool *found)
{
    (void)store;
    (void)settings;
    (void)seed;
    lw_trial_clear(trial);
    *found = false;
    return refuse();
}

lw_status lw_trial_store_add(lw_trial_store *store, const lw_trial *trial)
{
    (void)store;
    (void)trial;
    return refuse();
}

lw_status lw_trial_store_count(lw_trial_store *store, int64_t *n)
{
    (void)store;
    *n = 0;
    return refuse();
}

lw_status lw_trial_store_folder(lw_trial_store *store, const char *set, const char *fresh,
                                char **folder)
{
    (void)store;
    (void)set;
    (void)fresh;
    *folder = NULL;
    return refuse();
}

lw_status lw_trial_store_test(lw_trial_store *store, const char *set, lw_test_taken *taken)
{
    (void)store;
    (void)set;
    *taken = (lw_test_taken){0};
    return refuse();
}

lw_status lw_trial_store_take_test(lw_trial_store *store, const char *set,
                                   const lw_test_taken *taken)
{
    (void)store;
    (void)set;
    (void)taken;
    return refuse();
}

void lw_test_taken_free(lw_test_taken *taken)
{
    *taken = (lw_test_taken){0};
}
