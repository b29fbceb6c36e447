// SPDX-License-Identifier: Apache-2.0
// Threads. parallel.c is the one file that names OpenMP.
#ifndef LW_CPU_PARALLEL_H
#define LW_CPU_PARALLEL_H

#include <stdint.h>

// Runs body(context, thread, threads) on `threads` threads at once, thread 0 being the caller, and
// returns when all are done. The body is told how many threads there really are, which may be fewer
// than were asked for (a nested region, a limit of the OpenMP runtime). Denormal numbers are
// flushed to zero inside; the caller's floating-point state is as before afterwards.
void lw_parallel_run(int32_t threads, void (*body)(void *context, int32_t thread, int32_t threads),
                     void *context);

// For libraries that run OpenMP threads of their own: sets how many threads the regions that the
// calling thread starts get from now on (lw_parallel_run counts its own) and returns how many it
// was, for putting it back.
int32_t lw_parallel_limit(int32_t threads);

// Part `part` of `count` things in `parts` nearly equal, contiguous parts: [*begin, *end).
void lw_parallel_range(int64_t count, int32_t part, int32_t parts, int64_t *begin, int64_t *end);

#endif
