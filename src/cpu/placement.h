// SPDX-License-Identifier: Apache-2.0
// Threads that work together on processors of their own. The system puts a thread that it wakes where it likes: where
// other programs run as well, often onto the processor of the thread that woke it. Each of the two then has half a
// processor until the system evens out its load, which takes longer than a convolution. So a thread that
// finds another one of its call where it is goes elsewhere. It is bound to nothing afterwards.
#ifndef LW_CPU_PLACEMENT_H
#define LW_CPU_PLACEMENT_H

#include <stdatomic.h>
#include <stdint.h>

// Beyond these, threads stay where they are put.
enum { LW_PLACEMENT_THREADS = 64 };

// Where the threads of one call are.
typedef struct lw_placement {
    int32_t threads;
    atomic_int places[LW_PLACEMENT_THREADS]; // processors, counted from 1; 0: not known
} lw_placement;

// By the caller, which is thread 0, before the others begin; it stays where it is. lw_placement_leave must follow.
void lw_placement_begin(lw_placement *placement, int32_t threads);

// By another thread of the call, before its work: looks whether it is alone, and goes where it is, if there is room.
// lw_placement_leave must follow.
void lw_placement_enter(lw_placement *placement, int32_t thread);
void lw_placement_leave(void);

// By a thread that has slept since, whether or not it is between these two: looks again.
void lw_placement_review(void);

#endif
