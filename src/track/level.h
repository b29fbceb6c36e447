// SPDX-License-Identifier: Apache-2.0
// A new figure against the level that a history has had since its last change. Runs of different
// times differ by more than the repetitions of one run, so the scatter between runs is what counts.
#ifndef LW_TRACK_LEVEL_H
#define LW_TRACK_LEVEL_H

#include "track/judge.h"

// Fewer runs say too little about the scatter.
enum { LW_LEAST_LEVEL_RUNS = 5 };

typedef struct lw_level {
    double center;  // mean of the logarithms, outliers drawn in
    double scatter; // standard deviation between runs, of the logarithms
    size_t n;
} lw_level;

// The level of n medians (all above zero). LW_ERROR_MEMORY.
lw_status lw_level_measure(lw_level *level, const double *medians, size_t n);

// Where a new figure stands: the ratio to the level with the 95 % interval of prediction, and the
// two-sided chance that a run of the same level is as far off.
void lw_level_compare(const lw_level *level, double median, lw_interval *ratio, double *p);

#endif
