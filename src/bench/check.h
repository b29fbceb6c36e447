// SPDX-License-Identifier: Apache-2.0
// Is every algorithm right? Each is compared with naive, for maps in every layout: bit for bit on
// small integers, and on real values within the bound that the number of summed products allows.
// Algorithms that transform their inputs have bounds of their own, also on integers.
#ifndef LW_BENCH_CHECK_H
#define LW_BENCH_CHECK_H

#include "bench/algorithms.h"
#include "bench/arrays.h"

#include <lanewise/conv.h>
#include <stdbool.h>
#include <stdint.h>

// How a plan is executed; lw_bench_execute, or a test's own function that makes a mistake.
typedef lw_status (*lw_check_execute)(const lw_conv_plan *plan, const lw_bench_arrays *arrays,
                                      void *workspace);

typedef struct lw_check_options {
    lw_bench_selection selection;
    bool layouts[LW_BENCH_LAYOUTS]; // by lw_conv_layout
    uint64_t seed;
    int32_t threads; // 0: as lw_conv_options has it
    lw_check_execute execute;
} lw_check_options;

// One algorithm on one pass of one problem with its maps in one layout.
typedef struct lw_check_result {
    lw_conv_layout layout;
    lw_conv_pass pass;
    lw_conv_algorithm algorithm;
    bool possible;
    bool right;         // in both comparisons
    double error_share; // the largest error as a share of its bound; infinite for a NaN
    char finding[200];  // the first wrong element; "" when right
} lw_check_result;

enum { LW_CHECK_MOST_RESULTS = LW_BENCH_LAYOUTS * LW_BENCH_PASSES * LW_BENCH_MOST_ALGORITHMS };

// Checks one problem with every selected algorithm but naive, the oracle. A wrong result is not a
// failure of the call.
lw_status lw_check_problem(const lw_conv_shape *shape, const lw_check_options *options,
                           lw_check_result results[LW_CHECK_MOST_RESULTS], int *n_results);

// Compares bits. False when an element differs; `finding` then says which.
bool lw_check_bits(const float *expected, const float *actual, size_t count, char *finding,
                   size_t finding_bytes);

// Compares sums of `terms` rounded products; `magnitude` has the same sums of absolute values. The
// bound is derived in check.c. *error_share grows to the largest error as a share of its bound.
bool lw_check_sums(const float *expected, const float *actual, const float *magnitude, size_t count,
                   double terms, double *error_share, char *finding, size_t finding_bytes);

// Compares what transforms rounded: the root mean square of the errors, and the largest one, as
// shares of what outputs of that kind are usually large; the bounds are in check.c. `terms` and
// `magnitude` as above.
bool lw_check_transformed(const float *expected, const float *actual, const float *magnitude,
                          size_t count, double terms, lw_conv_pass pass, double *error_share,
                          char *finding, size_t finding_bytes);

#endif
