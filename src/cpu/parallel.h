// SPDX-License-Identifier: Apache-2.0
// Work on several threads (which are those of threads.c, or OpenMP's in a build with LANEWISE_THREADS=openmp).
#ifndef LW_CPU_PARALLEL_H
#define LW_CPU_PARALLEL_H

#include <stdint.h>

// Runs body(context, thread, threads) on `threads` threads at once, thread 0 being the caller, and
// returns when all are done. The body is told how many threads there really are, which may be fewer
// than were asked for (inside a body of several threads only the calling one; where the system makes no
// more). Denormal numbers are flushed to zero inside, results rounded to nearest and exceptions not
// trapped; the caller's floating-point state is as before afterwards.
void lw_parallel_run(int32_t threads, void (*body)(void *context, int32_t thread, int32_t threads),
                     void *context);

// Part `part` of `count` things in `parts` nearly equal, contiguous parts: [*begin, *end).
void lw_parallel_range(int64_t count, int32_t part, int32_t parts, int64_t *begin, int64_t *end);

#endif
