// SPDX-License-Identifier: Apache-2.0
#include "bench/peak.h"

#include "base/clock.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <stdatomic.h>
#include <unistd.h>

typedef struct peak_work {
    int64_t rounds;
    atomic_int threads;  // that took part
    _Atomic float check; // keeps the work from being thrown away
} peak_work;

static void work_at_peak(void *context, int32_t thread, int32_t threads)
{
    peak_work *work = context;
    float mean = lw_kernels()->fma_peak(work->rounds);
    if (thread == 0) {
        atomic_store(&work->threads, threads);
        atomic_store(&work->check, mean);
    }
}

// Seconds that `rounds` rounds take on every thread, and how many threads there were.
static double time_rounds(int64_t rounds, int32_t threads, int32_t *took_part)
{
    peak_work work = {.rounds = rounds};
    double begin = lw_clock_seconds();
    lw_parallel_run(threads, work_at_peak, &work);
    double seconds = lw_clock_seconds() - begin;
    *took_part = atomic_load(&work.threads);
    return seconds;
}

// Of a few attempts: a thread that had to wait for a core must not pass for a long measurement.
static double shortest_time(int64_t rounds, int32_t threads)
{
    enum { attempts = 3 };
    int32_t took_part;
    double shortest = time_rounds(rounds, threads, &took_part);
    for (int i = 1; i < attempts; i++) {
        double elapsed = time_rounds(rounds, threads, &took_part);
        if (elapsed < shortest) shortest = elapsed;
    }
    return shortest;
}

double lw_bench_measure_peak(int32_t threads, double seconds)
{
    enum { measurements = 8 };
    const double one = seconds / measurements;
    const double round_flops = 2.0 * LW_PEAK_FMAS * (double)lw_kernels()->vector_floats;
    int32_t took_part;
    int64_t rounds = 1000;
    // The first calls start the threads and wake the vector units; the last ones set the length.
    while (shortest_time(rounds, threads) < one / 4 && rounds < INT64_MAX / 8) rounds *= 4;
    double best = 0.0;
    for (int i = 0; i < measurements; i++) {
        double elapsed = time_rounds(rounds, threads, &took_part);
        double rate = round_flops * (double)rounds * (double)took_part / elapsed * 1e-9;
        if (elapsed > 0.0 && rate > best) best = rate;
    }
    return best;
}

size_t lw_bench_flush_bytes(int32_t threads)
{
    const size_t mebibyte = (size_t)1 << 20, most = 512 * mebibyte;
    size_t bytes = 64 * mebibyte;
#ifdef _SC_LEVEL3_CACHE_SIZE
    long last_level = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (last_level > 0) bytes = 2 * (size_t)last_level;
#endif
    // Every thread walks its own part, which has to push everything out of its private caches too.
    if (bytes < (size_t)threads * 4 * mebibyte) bytes = (size_t)threads * 4 * mebibyte;
    return bytes < most ? bytes : most;
}
