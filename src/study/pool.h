// SPDX-License-Identifier: Apache-2.0
// Independent tasks side by side, each on one thread of its own from beginning to end.
#ifndef LW_STUDY_POOL_H
#define LW_STUDY_POOL_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_pool_work {
    size_t n_tasks; // taken in their order
    // Does a task; called from the threads, each with a number from 0 on. False: the pool takes no
    // further tasks (those at work go on to their end).
    bool (*run)(void *user, size_t task, int32_t thread);
    // Called from the calling thread several times a second as long as there is work. False: as above.
    // May be NULL.
    bool (*watch)(void *user);
    void *user;
} lw_pool_work;

// Runs the tasks on up to `threads` threads and returns when all tasks that were begun are done. Where
// there are as many threads as processors, each stays on one of its own. LW_ERROR_MEMORY when no
// thread can be started; with at least one the work is done.
lw_status lw_pool_run(const lw_pool_work *work, int32_t threads);

#endif
