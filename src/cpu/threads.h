// SPDX-License-Identifier: Apache-2.0
// Threads that wait for work, asleep after some microseconds. All callers share them: each takes idle
// ones for as long as its work lasts, and new ones are made where too few are idle, so that two
// callers never wait for each other.
#ifndef LW_CPU_THREADS_H
#define LW_CPU_THREADS_H

#include <stdint.h>

// Runs body(context, thread, threads) on up to `threads` threads at once, thread 0 being the caller, and
// returns when all are done. Fewer run where the system makes no more threads. A call from inside a
// body runs on the calling thread alone.
void lw_threads_run(int32_t threads, void (*body)(void *context, int32_t thread, int32_t threads),
                    void *context);

#endif
