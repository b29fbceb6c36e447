// SPDX-License-Identifier: Apache-2.0
// The algorithms and passes of the convolution library as lists that a measurement walks, and what
// a reader of its figures has to know of each.
#ifndef LW_BENCH_ALGORITHMS_H
#define LW_BENCH_ALGORITHMS_H

#include <lanewise/conv.h>
#include <stdbool.h>

enum { LW_BENCH_PASSES = 3, LW_BENCH_LAYOUTS = 3, LW_BENCH_MOST_ALGORITHMS = 16 };

// Which passes and algorithms take part.
typedef struct lw_bench_selection {
    bool passes[LW_BENCH_PASSES];              // by lw_conv_pass
    bool algorithms[LW_BENCH_MOST_ALGORITHMS]; // by lw_conv_algorithm
} lw_bench_selection;

// Everything that there is.
lw_bench_selection lw_bench_select_all(void);

// One past the last algorithm: for (int a = LW_CONV_ALGORITHM_NAIVE; a < count; a++).
int lw_bench_algorithm_count(void);

// True when it transforms its inputs: it does fewer multiply-adds than the dense convolution that
// its rate is counted by, and sums of small integers do not come out exact.
bool lw_bench_is_dense_equivalent(lw_conv_algorithm algorithm);

// Whether an algorithm can do a shape and pass on maps in a layout; if not, *reason says why (as
// much of it as fits, otherwise "").
lw_status lw_bench_consider(const lw_conv_shape *shape, lw_conv_layout layout, lw_conv_pass pass,
                            lw_conv_algorithm algorithm, bool *possible, char *reason,
                            size_t reason_bytes);

#endif
