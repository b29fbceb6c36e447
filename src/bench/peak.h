// SPDX-License-Identifier: Apache-2.0
// The machine's yardsticks: the rate of multiply-adds that it can reach, the size of its caches.
#ifndef LW_BENCH_PEAK_H
#define LW_BENCH_PEAK_H

#include <stddef.h>
#include <stdint.h>

// GFLOP/s of multiply-adds in registers on `threads` threads at once, with the vectors of the ISA
// in use: the best of several short measurements, all together about `seconds`.
double lw_bench_measure_peak(int32_t threads, double seconds);

// Bytes to stream through so that nothing older is left in any cache: twice the last level.
size_t lw_bench_flush_bytes(int32_t threads);

#endif
