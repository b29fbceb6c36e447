// SPDX-License-Identifier: Apache-2.0
// The convolutions that a check goes through: a list of known ones, and random ones.
#ifndef LW_BENCH_SHAPES_H
#define LW_BENCH_SHAPES_H

#include <lanewise/conv.h>
#include <stddef.h>
#include <stdint.h>

// Problem strings: the layers of the shipped networks, layers of the field, and odd ones that find
// mistakes.
extern const char *const lw_bench_problems[];
extern const size_t lw_bench_problem_count;

// Random shape `index` of a seed: kernels up to 5x5, strides and dilations up to 3, paddings up to
// beyond the kernel, channels around the vector widths; at most `most_macs` multiply-adds.
lw_conv_shape lw_bench_random_shape(uint64_t seed, uint64_t index, int64_t most_macs);

#endif
