// SPDX-License-Identifier: Apache-2.0
// What the library knows of the CPU it runs on.
#ifndef LANEWISE_CPU_H
#define LANEWISE_CPU_H

#include <lanewise/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The instruction set of the kernels in use: "generic", "avx2", "avx512" or "neon". The best one
// that the CPU and the operating system offer, unless LANEWISE_MAX_ISA lowers it. Static storage.
LW_API const char *lw_cpu_isa(void);

// LW_ERROR_INPUT, with the words to choose from, when LANEWISE_MAX_ISA is set to something that is no
// instruction set of this build. One above what the CPU has is fine: it lowers nothing. Models and
// convolution plans check it when they are made.
LW_API lw_status lw_cpu_check(void);

// The CPU's model name, as the operating system gives it. Static storage.
LW_API const char *lw_cpu_name(void);

// Threads this process may use: the affinity mask and the cgroup CPU quota (of version 1 or 2), rounded down,
// at least 1. Where a function takes a number of threads, 0 stands for this one. Models and trainings start no more
// than the mask or the quota, rounded up, has processors for, whatever they are told: others would only take turns.
// LANEWISE_OVERSUBSCRIBE=1 starts them all the same, for tests; a convolution plan has exactly as many as it is told.
//
// The library's functions work on the calling thread and on threads of a pool that all of them share. The pool's
// threads are made when they are first needed, take no signals, sleep between calls, and end with the process.
// Functions may be called from several threads at once, on different objects; each call has threads of its own. After
// a fork the child may call everything, if no other thread of its parent was inside a function of the
// library on an object that the child goes on to use.
LW_API int32_t lw_cpu_threads(void);

#ifdef __cplusplus
}
#endif

#endif
