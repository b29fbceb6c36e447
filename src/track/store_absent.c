// SPDX-License-Identifier: Apache-2.0
// The history where the build has no SQLite: every function refuses.
#include "base/error.h"
#include "track/store.h"

#include <string.h>

static lw_status refuse(void)
{
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "this lanewise was built without SQLite, which keeps the history");
}

lw_status lw_store_open(lw_store **store, const char *path, lw_store_mode mode)
{
    (void)path;
    (void)mode;
    *store = NULL;
    return refuse();
}

void lw_store_close(lw_store **store)
{
    *store = NULL;
}

void lw_store_new_id(char id[static 40])
{
    memset(id, 0, 40);
}

lw_status lw_store_add(lw_store *store, const lw_store_run *run, const lw_store_result *results,
                       size_t n, bool *added)
{
    (void)store;
    (void)run;
    (void)results;
    (void)n;
    (void)added;
    return refuse();
}

lw_status lw_store_machines(lw_store *store, lw_store_machine **machines, size_t *n)
{
    (void)store;
    *machines = NULL;
    *n = 0;
    return refuse();
}

lw_status lw_store_find_machine(lw_store *store, const lw_machine *machine, int64_t *key)
{
    (void)store;
    (void)machine;
    *key = -1;
    return refuse();
}

lw_status lw_store_names(lw_store *store, int64_t machine, lw_store_name **names, size_t *n)
{
    (void)store;
    (void)machine;
    *names = NULL;
    *n = 0;
    return refuse();
}

void lw_store_free_names(lw_store_name *names, size_t n)
{
    (void)names;
    (void)n;
}

lw_status lw_store_series(lw_store *store, int64_t machine, const char *name,
                          lw_store_point **points, size_t *n)
{
    (void)store;
    (void)machine;
    (void)name;
    *points = NULL;
    *n = 0;
    return refuse();
}

lw_status lw_store_each(lw_store *store, lw_store_visit visit, void *user)
{
    (void)store;
    (void)visit;
    (void)user;
    return refuse();
}
