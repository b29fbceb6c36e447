// SPDX-License-Identifier: Apache-2.0
// The statistics of performance tracking. Everything is deterministic: what is drawn comes from a
// seeded stream, and what can be counted exactly is not drawn at all.
#ifndef LW_TRACK_STATISTICS_H
#define LW_TRACK_STATISTICS_H

#include "base/rng.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Sorts in place, ascending. No value may be NaN.
void lw_statistics_sort(double *values, size_t n);

// A quantile of sorted values, between two of them by linear interpolation; q from 0 to 1, n > 0.
double lw_statistics_quantile(const double *sorted, size_t n, double q);

// The median; sorts the values. NaN for n = 0.
double lw_statistics_median(double *values, size_t n);

// 1.4826 times the median distance from the median, which estimates the standard deviation of
// normal values and does not care for outliers. Overwrites the values. NaN for n = 0.
double lw_statistics_spread(double *values, size_t n);

typedef struct lw_interval {
    double center, low, high;
} lw_interval;

// The centre of a symmetric distribution: the median of the means of all pairs of values, each with
// itself too (Hodges and Lehmann, 1963). It shrugs off more than a quarter of wild values, as a
// median would, but needs a third fewer values for the same precision. With its bootstrap interval:
// the quantiles (1 - confidence) / 2 and (1 + confidence) / 2 over `resamples` draws. n > 0.
// LW_ERROR_MEMORY.
lw_status lw_statistics_center(lw_interval *interval, const double *values, size_t n,
                               double confidence, uint32_t resamples, lw_rng *rng);

// Are the values rather above zero than below? Wilcoxon's signed-rank statistic, and the exact
// share of all 2^n ways to flip signs that would give at least as much: a permutation test, valid
// when each value could as well have come with the other sign. Equal sizes share their rank, zeros
// count for nothing; for more than 300 values the normal approximation. p = 1 for no values.
// LW_ERROR_MEMORY.
lw_status lw_statistics_signed_rank(double *p, const double *values, size_t n);

// The two-sided test of Mann and Whitney whether one sample tends to be larger, by the normal
// approximation with corrections for ties and continuity. This is what Google Benchmark's
// compare.py asks. p = 1 where a sample is empty. LW_ERROR_MEMORY.
lw_status lw_statistics_mann_whitney(double *p, const double *a, size_t n_a, const double *b,
                                     size_t n_b);

// Which of n hypotheses to reject so that the expected share of wrong rejections is at most `level`
// (Benjamini and Hochberg, 1995). LW_ERROR_MEMORY.
lw_status lw_statistics_benjamini_hochberg(bool *rejected, const double *p, size_t n, double level);

#endif
