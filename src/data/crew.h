// SPDX-License-Identifier: Apache-2.0
// A few threads that work through a list, for loading data. (Training has threads of its own, in a
// room above this one.)
#ifndef LW_DATA_CREW_H
#define LW_DATA_CREW_H

#include <stddef.h>
#include <stdint.h>

enum { LW_CREW_LIMIT = 64 }; // threads

// How many threads: `wanted`, or as many as there are processors where that is 0; 1 .. LW_CREW_LIMIT.
int32_t lw_crew_size(int32_t wanted);

typedef struct lw_crew_job {
    size_t count; // items
    // Works on one item; `thread` is below the size of the crew. Any order, all at once.
    void (*work)(void *context, int32_t thread, size_t item);
    void *context;
    // Called now and then by the thread that asked; may be NULL.
    void (*progress)(void *user, size_t done, size_t count);
    void *user;
} lw_crew_job;

// Does all items with at most `threads` threads and comes back when they are done. Where the system
// gives no threads, the calling one does the work.
void lw_crew_run(int32_t threads, const lw_crew_job *job);

#endif
