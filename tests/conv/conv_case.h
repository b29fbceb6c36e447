// SPDX-License-Identifier: Apache-2.0
// Random convolutions for the tests of this room: shapes, data in guarded memory, executions.
#ifndef LW_TESTS_CONV_CASE_H
#define LW_TESTS_CONV_CASE_H

#include "oracle/compare.h"

#include <lanewise/conv.h>

// A valid random shape of at most `most_macs` multiply-adds: rectangular kernels, strides up to 3,
// dilations up to 3, paddings up to beyond the kernel, channel counts around the vector widths.
lw_conv_shape lw_conv_case_shape(lw_rng *rng, int64_t most_macs);

// Shapes that the random ones are too small for: many blocks of depth, chunks within a row, chunks
// of many images, 1x1, one output.
extern const char *const lw_conv_case_problems[];
extern const size_t lw_conv_case_problem_count;

typedef struct lw_conv_counts {
    size_t x, weights, bias, y, columns; // floats
} lw_conv_counts;

lw_conv_counts lw_conv_case_counts(const lw_conv_shape *shape);

// Arrays at random misalignments between guard zones.
typedef struct lw_conv_case {
    lw_conv_shape shape;
    lw_conv_counts counts;
    lw_guarded x, weights, bias, y, dy, dx, dweights, dbias;
} lw_conv_case;

// Allocates a case; the inputs x, weights, bias and dy are integers in [-3, 3] or reals.
lw_conv_case lw_conv_case_make(const lw_conv_shape *shape, lw_rng *rng, bool integers);
void lw_conv_case_free(lw_conv_case *c);

// Replaces the inputs by their absolute values.
void lw_conv_case_make_absolute(lw_conv_case *c);

// Fills the pass's outputs with NaN, runs the pass on a workspace of NaN between guard zones, and
// fails the test when a guard zone was touched. `with_bias`: with bias or dbias.
void lw_conv_case_run(lw_conv_case *c, lw_conv_pass pass, lw_conv_algorithm algorithm,
                      int32_t threads, bool with_bias);

// The pass's output array of a case and its size.
float *lw_conv_case_output(const lw_conv_case *c, lw_conv_pass pass, size_t *count);

// What a plan's candidate of that algorithm answered; fails the test when it was not asked.
const lw_conv_candidate *lw_conv_case_candidate(const lw_conv_plan *plan,
                                                lw_conv_algorithm algorithm);

// How many products and bias values go into one output of the pass.
double lw_conv_case_terms(const lw_conv_shape *shape, lw_conv_pass pass);

#endif
