// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011). A stream is a pure function of (seed, purpose, epoch, sample), so
// what is drawn does not depend on which thread draws it or on what was drawn before.
#ifndef LW_BASE_RNG_H
#define LW_BASE_RNG_H

#include <stdint.h>

// What a stream is for; streams of different purposes never overlap.
typedef enum lw_rng_purpose {
    LW_RNG_INIT,    // initial weights; epoch = 0, sample = parameter tensor
    LW_RNG_SHUFFLE, // order of the training set; sample = 0
    LW_RNG_DROPOUT, // sample = index in the data set
    LW_RNG_DIGITS,  // built-in digits; sample = index
    LW_RNG_AUGMENT, // sample = index in the data set
    LW_RNG_TEST,    // test data
    LW_RNG_SPLIT,   // what is held back of a data set; epoch: of which choice, sample = class
    LW_RNG_VARRES,  // variable-resolution sets; epoch = stream, sample = index
    LW_RNG_MIXUP,   // sample = index in the data set
    LW_RNG_RESCALE, // size of the image; sample = index in the data set
    LW_RNG_TRACK,   // performance tracking; epoch = what is drawn, sample = which benchmark
    LW_RNG_SWEEP    // searches of settings; epoch = which dimension, sample = which trial
} lw_rng_purpose;

typedef struct lw_rng {
    uint32_t key[2];
    uint32_t counter[4]; // counter[0] counts blocks
    uint32_t block[4];
    int used; // values of `block` already handed out
} lw_rng;

// The stream for (seed, purpose, epoch, sample). epoch < 2^24.
lw_rng lw_rng_stream(uint64_t seed, lw_rng_purpose purpose, uint32_t epoch, uint64_t sample);

// A uniform 32-bit value.
uint32_t lw_rng_u32(lw_rng *rng);

// Uniform in [0, 1), a multiple of 2^-24.
float lw_rng_uniform(lw_rng *rng);

// Standard normal (Box-Muller).
double lw_rng_normal(lw_rng *rng);

// Uniform in 0 .. bound - 1 without bias (rejection); bound > 0.
uint32_t lw_rng_below(lw_rng *rng, uint32_t bound);

#endif
