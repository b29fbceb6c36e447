// SPDX-License-Identifier: Apache-2.0
// The arrays of one convolution, with test data in them, and plans executed on them.
#ifndef LW_BENCH_ARRAYS_H
#define LW_BENCH_ARRAYS_H

#include <lanewise/conv.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_bench_arrays {
    lw_conv_shape shape;
    lw_conv_layout layout;
    lw_conv_map x_map, y_map; // of x and dx, of y and dy
    // Floats, those of the maps with everything around them; gradients have their array's.
    size_t x_count, weights_count, bias_count, y_count;
    float *x, *weights, *bias, *dy;   // inputs
    float *y, *dx, *dweights, *dbias; // outputs
} lw_bench_arrays;

typedef enum lw_bench_data {
    LW_BENCH_REALS,   // in (-1, 1), of very different sizes, none so small that it is a denormal
    LW_BENCH_INTEGERS // in [-3, 3], half of them 0; in [-1, 1] where the sums would get large
} lw_bench_data;

// Arrays for a shape, zeroed, their maps in the layout. LW_ERROR_INPUT when they would not fit this machine's memory;
// LW_ERROR_MEMORY.
lw_status lw_bench_arrays_create(lw_bench_arrays *arrays, const lw_conv_shape *shape,
                                 lw_conv_layout layout);
void lw_bench_arrays_free(lw_bench_arrays *arrays);

// Fills the inputs. The values depend on the seed and the shape alone, not on the layout.
void lw_bench_arrays_fill(lw_bench_arrays *arrays, lw_bench_data data, uint64_t seed);

// Replaces the inputs by their absolute values.
void lw_bench_arrays_make_absolute(lw_bench_arrays *arrays);

// Executes the plan's pass, with bias.
lw_status lw_bench_execute(const lw_conv_plan *plan, const lw_bench_arrays *arrays,
                           void *workspace);

// The output of a pass: y, dx or dweights. `count`: all floats, with what is around maps.
float *lw_bench_output(const lw_bench_arrays *arrays, lw_conv_pass pass, size_t *count);

// The values of that output without anything between them, maps as (n, c, h, w), and how many they
// are. `dense` NULL: only the number is wanted.
size_t lw_bench_gather(const lw_bench_arrays *arrays, lw_conv_pass pass, float *dense);

// The number of products and bias values that go into one output of a pass.
double lw_bench_terms(const lw_conv_shape *shape, lw_conv_pass pass);

#endif
