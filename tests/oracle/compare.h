// SPDX-License-Identifier: Apache-2.0
// What tests compare results with: bit for bit on small integers, within a derived bound on real
// values; test data of both kinds; memory with guard zones on both sides.
#ifndef LW_TESTS_ORACLE_COMPARE_H
#define LW_TESTS_ORACLE_COMPARE_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The first difference of a failed comparison, as a sentence; "" after one that held.
const char *lw_compare_message(void);

// True when both arrays have the same bits.
bool lw_compare_bits(const float *expected, const float *actual, size_t count);

// True when |actual - expected| <= bound(terms) * magnitude, element by element, where `expected`
// is the sum of `terms` products rounded to float once, and `magnitude` the same sum of the
// products' absolute values. With u = 2^-24, adding `terms` rounded products in any order is off by
// at most (terms + 1) * u * magnitude, to first order; one u is for the rounding of `expected`, and
// a hundredth for the higher orders. Denormals may be flushed: terms * 2^-126 is allowed besides.
// False when anything is NaN or infinite.
bool lw_compare_sums(const float *expected, const float *actual, const float *magnitude,
                     size_t count, double terms);

// Small integers, of which half are 0: sums of fewer than 2^24 / limit^2 products are exact in any
// order. All in [-limit, limit].
void lw_fill_integers(lw_rng *rng, float *values, size_t count, int limit);

// Reals in (-1, 1) of very different sizes.
void lw_fill_reals(lw_rng *rng, float *values, size_t count);

// NaN everywhere, for what a call has to overwrite.
void lw_fill_nan(float *values, size_t count);

// |values[i]|
void lw_fill_absolute(const float *values, float *absolute, size_t count);

// The sum of a[i] * b[i], in double.
double lw_compare_dot(const float *a, const float *b, size_t count);

// A block of memory between two guard zones of random bytes.
typedef struct lw_guarded {
    void *memory;     // of `bytes`
    size_t bytes;
    unsigned char *block;  // what was allocated
    size_t before, behind; // bytes of the guard zones
    size_t mapped_bytes;   // of a walled block
    uint64_t seed;
} lw_guarded;

// It starts `misalignment` bytes behind a 64-byte boundary.
lw_guarded lw_guarded_make(size_t bytes, size_t misalignment, uint64_t seed);

// It ends at a page that must not be touched: reading behind the memory kills the test, too. There
// is a guard zone in front of it.
lw_guarded lw_guarded_make_walled(size_t bytes, uint64_t seed);

// True while no byte of the guard zones was overwritten.
bool lw_guarded_intact(const lw_guarded *guarded);

void lw_guarded_free(lw_guarded *guarded);

#endif
