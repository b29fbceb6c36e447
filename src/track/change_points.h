// SPDX-License-Identifier: Apache-2.0
// Where a series of runs moved to another level, and stayed there.
//
// The series is split where the ranks before and after differ most, when a permutation test says
// that chance does not do that; both parts are looked at again in the same way. Ranks and clipping
// keep single outliers from counting for more than one run. Two calls with the same series give the
// same answer: the permutations come from a seeded stream.
#ifndef LW_TRACK_CHANGE_POINTS_H
#define LW_TRACK_CHANGE_POINTS_H

#include <lanewise/status.h>
#include <stddef.h>

typedef struct lw_change {
    size_t index;         // the first value of the new level
    size_t first, last;   // where it may be as well: the 95 % range of `index`
    double before, after; // medians of the levels
    double p;             // chance that a series without a change looks like this
} lw_change;

// A level holds for at least so many runs; fewer are outliers.
enum { LW_LEAST_LEVEL = 3 };

// Changes with p at most 0.003, in order. *changes is owned by the caller (free()), NULL for none.
// LW_ERROR_MEMORY.
lw_status lw_change_points_find(lw_change **changes, size_t *n_changes, const double *values,
                                size_t n);

#endif
