// SPDX-License-Identifier: Apache-2.0
// Times of one convolution: every algorithm, every pass, in turn. Each round measures every
// algorithm once, so that a clock that changes or a neighbour that wakes up hits all of them alike.
#ifndef LW_BENCH_MEASURE_H
#define LW_BENCH_MEASURE_H

#include "bench/algorithms.h"

#include <lanewise/conv.h>
#include <stdbool.h>
#include <stdint.h>

// When naive is measured, which takes seconds where the others take milliseconds.
typedef enum lw_bench_naive_use {
    LW_BENCH_NAIVE_AUTO, // unless an image for each thread would alone take longer than the budget
    LW_BENCH_NAIVE_ALWAYS,
    LW_BENCH_NAIVE_NEVER
} lw_bench_naive_use;

typedef struct lw_bench_options {
    lw_bench_selection selection;
    lw_conv_layout layout; // of the maps
    lw_bench_naive_use naive;
    bool least; // `seconds` is the least of the samples instead of their median, for machines on
                // which others work as well
    int32_t threads;       // at least 1
    double budget_seconds; // for one problem; single executions that take longer go beyond it
    // Called between measurements with the share that is done; may be NULL.
    void (*progress)(void *context, double fraction);
    void *context;
} lw_bench_options;

// One algorithm on one pass.
typedef struct lw_bench_result {
    lw_conv_pass pass;
    lw_conv_algorithm algorithm;
    bool possible;
    char reason[160]; // why not
    char kernel[64];  // what ran, as far as the algorithm says
    int32_t threads;
    int32_t repetitions;
    // Seconds of one execution on all images: median, quartiles, and the median with cold caches.
    double seconds, low_seconds, high_seconds, cold_seconds;
    int32_t images; // that were really computed: naive gets fewer where it is slow, scaled to all
    bool dense_equivalent; // fewer multiply-adds are done than its rate is counted by
} lw_bench_result;

enum { LW_BENCH_MOST_RESULTS = LW_BENCH_PASSES * LW_BENCH_MOST_ALGORITHMS };

// Measures a problem. Results are ordered by pass, then algorithm. Buffers are allocated here, the
// executions allocate nothing. LW_ERROR_ARGUMENT, LW_ERROR_INPUT (too large for this machine),
// LW_ERROR_MEMORY.
lw_status lw_bench_measure(const lw_conv_shape *shape, const lw_bench_options *options,
                           lw_bench_result results[LW_BENCH_MOST_RESULTS], int *n_results);

// The result of naive for the same pass; NULL when it was not measured.
const lw_bench_result *lw_bench_naive(const lw_bench_result *results, int n_results,
                                      lw_conv_pass pass);

// Billions of floating-point operations a second, counted as the dense convolution has them.
double lw_bench_gflops(const lw_conv_shape *shape, double seconds);

// The value below which a share of the samples lies (0.5: the median), interpolated. Sorts them.
double lw_bench_quantile(double *samples, int count, double share);

#endif
