// SPDX-License-Identifier: Apache-2.0
// Measuring which algorithm of a convolution is the fastest here: the most promising candidates in
// turn, on arrays of their own, within a budget.
#ifndef LW_CONV_TUNE_H
#define LW_CONV_TUNE_H

#include "conv/tuned_table.h"

#include <lanewise/conv.h>
#include <stdbool.h>

// The arrays of one shape in one layout, with data in them. Passes use them one after the other.
typedef struct lw_tune_arrays {
    lw_conv_shape shape;
    lw_conv_layout layout;
    float *x, *y, *weights, *dweights, *bias; // bias is followed by dbias; x is also dx, y also dy
} lw_tune_arrays;

// LW_ERROR_INPUT when the arrays would not fit this machine's memory; as lw_conv_maps; LW_ERROR_MEMORY.
lw_status lw_tune_arrays_create(lw_tune_arrays *arrays, const lw_conv_shape *shape,
                                lw_conv_layout layout);
void lw_tune_arrays_free(lw_tune_arrays *arrays);

// Executes a plan of any pass on them.
lw_status lw_tune_execute(const lw_tune_arrays *arrays, const lw_conv_plan *plan, void *workspace);

// One candidate: what the model says of it and what was measured.
typedef struct lw_tune_candidate {
    lw_conv_algorithm algorithm;
    double cycles; // estimated
    int64_t ns;    // the median; 0: not measured
    int samples;   // 1: given up after one, being far slower than another
} lw_tune_candidate;

enum { LW_TUNE_MOST_CANDIDATES = 3 };

// One pass of one shape.
typedef struct lw_tune_problem {
    lw_conv_shape shape;
    lw_conv_pass pass;
    lw_conv_layout layout;
    int32_t threads; // never 0 once it was prepared
    char text[LW_CONV_PROBLEM_BYTES];
    // The most promising candidates by the model, the best first; those that it takes for many times
    // slower are left out.
    int n_candidates;
    lw_tune_candidate candidates[LW_TUNE_MOST_CANDIDATES];
    double least_seconds; // that measuring takes: by the model, better known once it was tried
    bool measured;
    lw_conv_algorithm before, chosen; // `before`: by the table that was there, else by the model
} lw_tune_problem;

// Fills the problem up to least_seconds; `chosen` is what runs without more measuring. `threads` 0: as
// many as a plan takes that is made with 0. `known` (may be NULL) has what was measured before.
lw_status lw_tune_prepare(lw_tune_problem *problem, const lw_conv_shape *shape, lw_conv_pass pass,
                          lw_conv_layout layout, int32_t threads, const lw_tuned_table *known);

// Measures the candidates on arrays of the problem's shape and layout, for about `budget_seconds`:
// each in turn, at least five times, the median counts. A candidate that takes far longer than another
// is measured once. The earlier choice stays unless another is at least 3 % faster, so that noise
// does not turn it around. When even five rounds do not fit, `measured` stays false. *seconds (NULL:
// not wanted) is what it took.
lw_status lw_tune_measure(lw_tune_problem *problem, const lw_tune_arrays *arrays,
                          double budget_seconds, double *seconds);

// Puts what was measured into a table.
lw_status lw_tune_remember(const lw_tune_problem *problem, lw_tuned_table *table);

// The choice among measured candidates: the earlier one, unless the fastest beats it clearly.
lw_conv_algorithm lw_tune_choose(const lw_tune_candidate *candidates, int n_candidates,
                                 lw_conv_algorithm before);

#endif
