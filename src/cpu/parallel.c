// SPDX-License-Identifier: Apache-2.0
#include "cpu/parallel.h"

#include <omp.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// Denormals cost a hundred cycles each on many CPUs, and every thread has its own switch.
#if defined(__x86_64__)
static uint64_t flush_denormals(void)
{
    const uint32_t flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    uint32_t before = _mm_getcsr();
    _mm_setcsr(before | flush_to_zero | denormals_are_zero);
    return before;
}
static void restore_denormals(uint64_t before)
{
    _mm_setcsr((uint32_t)before);
}
#elif defined(__aarch64__)
static uint64_t flush_denormals(void)
{
    const uint64_t flush_to_zero = (uint64_t)1 << 24;
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | flush_to_zero));
    return before;
}
static void restore_denormals(uint64_t before)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
}
#else
static uint64_t flush_denormals(void)
{
    return 0;
}
static void restore_denormals(uint64_t before)
{
    (void)before;
}
#endif

static void run_flushed(void (*body)(void *, int32_t, int32_t), void *context, int32_t thread,
                        int32_t threads)
{
    uint64_t before = flush_denormals();
    body(context, thread, threads);
    restore_denormals(before);
}

void lw_parallel_run(int32_t threads, void (*body)(void *context, int32_t thread, int32_t threads),
                     void *context)
{
    if (threads <= 1) {
        run_flushed(body, context, 0, 1);
        return;
    }
#pragma omp parallel num_threads(threads)
    run_flushed(body, context, omp_get_thread_num(), omp_get_num_threads());
}

int32_t lw_parallel_limit(int32_t threads)
{
    int32_t before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
}

void lw_parallel_range(int64_t count, int32_t part, int32_t parts, int64_t *begin, int64_t *end)
{
    int64_t share = count / parts, rest = count % parts;
    *begin = part * share + (part < rest ? part : rest);
    *end = *begin + share + (part < rest);
}
