// SPDX-License-Identifier: Apache-2.0
// A barrier whose threads look for each other briefly and then sleep (waiting.h): fast while every thread
// has its core, harmless when it has not.
#ifndef LW_CPU_BARRIER_H
#define LW_CPU_BARRIER_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct lw_barrier {
    // Waiting threads look at `round` all the time: on a cache line of its own, so that those who
    // arrive do not take it away from them.
    _Alignas(64) atomic_uint round;
    _Alignas(64) atomic_int arrived;
    atomic_int sleepers;
} lw_barrier;

void lw_barrier_init(lw_barrier *barrier);
void lw_barrier_destroy(lw_barrier *barrier);

// Returns in all `threads` threads once the last of them has called. What a thread wrote before is
// seen by the others after.
void lw_barrier_wait(lw_barrier *barrier, int32_t threads);

#endif
