// SPDX-License-Identifier: Apache-2.0
#include "cpu/parallel.h"

#ifdef LW_THREADS_OPENMP
#include "cpu/waiting.h"

#include <omp.h>
#else
#include "cpu/threads.h"
#endif

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// Denormals cost a hundred cycles each on many CPUs, and every thread has its own switch. How results are
// rounded is set with it: the caller's thread and the pool's must not differ in that.
#if defined(__x86_64__)
static uint64_t set_float_state(void)
{
    const uint32_t flush_to_zero = 0x8000, denormals_are_zero = 0x0040, no_traps = 0x1F80;
    uint32_t before = _mm_getcsr();
    _mm_setcsr(no_traps | flush_to_zero | denormals_are_zero);
    return before;
}
static void restore_float_state(uint64_t before)
{
    _mm_setcsr((uint32_t)before);
}
#elif defined(__aarch64__)
static uint64_t set_float_state(void)
{
    const uint64_t flush_to_zero = (uint64_t)1 << 24;
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(flush_to_zero));
    return before;
}
static void restore_float_state(uint64_t before)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
}
#else
static uint64_t set_float_state(void)
{
    return 0;
}
static void restore_float_state(uint64_t before)
{
    (void)before;
}
#endif

typedef struct region {
    void (*body)(void *context, int32_t thread, int32_t threads);
    void *context;
} region;

static void run_region(void *context, int32_t thread, int32_t threads)
{
    const region *r = context;
    uint64_t before = set_float_state();
    r->body(r->context, thread, threads);
    restore_float_state(before);
}

void lw_parallel_run(int32_t threads, void (*body)(void *context, int32_t thread, int32_t threads),
                     void *context)
{
    region r = {body, context};
#ifdef LW_THREADS_OPENMP
    if (threads <= 1 || omp_in_parallel()) {
        run_region(&r, 0, 1);
        return;
    }
    lw_waiting_count(threads); // for the barriers inside
#pragma omp parallel num_threads(threads)
    run_region(&r, omp_get_thread_num(), omp_get_num_threads());
    lw_waiting_count(-threads);
#else
    lw_threads_run(threads, run_region, &r);
#endif
}

void lw_parallel_range(int64_t count, int32_t part, int32_t parts, int64_t *begin, int64_t *end)
{
    int64_t share = count / parts, rest = count % parts;
    *begin = part * share + (part < rest ? part : rest);
    *end = *begin + share + (part < rest);
}
