// SPDX-License-Identifier: Apache-2.0
// The Winograd algorithm in double precision, from the interpolation points alone: what transformed
// filters should be, and how large the numbers are that an output is made of, from which the bound
// of its rounding error follows.
#ifndef LW_TESTS_KERNEL_REFERENCE_WINOGRAD_H
#define LW_TESTS_KERNEL_REFERENCE_WINOGRAD_H

#include "kernel/reference.h"

// Coefficients of the three transforms of a tile of `size` outputs: of tap t in a filter's point p,
// of input d in point p, of point p in output k.
double lw_reference_winograd_filter(int p, int t);
double lw_reference_winograd_input(int size, int p, int d);
double lw_reference_winograd_output(int size, int p, int k);

// The filter at point (i, j) from nine taps.
lw_reference_sum lw_reference_winograd_transformed(const double taps[9], int i, int j);

// How large the transformed inputs of a tile of height x width outputs can be: the same sums as at
// each of the 36 points, of absolute values.
void lw_reference_winograd_inputs(int height, int width, const double *inputs, double *magnitudes);

// The sum of the absolute values behind output (r, c) of a tile whose products at the 36 points have
// these magnitudes.
double lw_reference_winograd_magnitude(int height, int width, const double *products, int r, int c);

#endif
