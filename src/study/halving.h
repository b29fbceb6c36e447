// SPDX-License-Identifier: Apache-2.0
// Asynchronous successive halving (Li and others, "A system for massively parallel hyperparameter tuning",
// MLSys 2020), in the form that stops trials: each is meant to go to its end, and after 1, 3, 9, ...
// epochs only the best third of those that got so far goes on. Nobody waits for anybody: a trial is
// compared with what is known when it gets there.
#ifndef LW_STUDY_HALVING_H
#define LW_STUDY_HALVING_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_HALVING_RUNGS = 32 };

typedef struct lw_halving {
    int32_t factor; // one of so many goes on
    size_t n_rungs;
    struct lw_rung {
        int32_t epochs; // after which trials are compared
        double *scores; // of those that got there
        size_t n;
    } rungs[LW_HALVING_RUNGS];
} lw_halving;

// Rungs after `first`, first * factor, ... epochs, below `epochs`, which is the end of every trial.
// LW_ERROR_ARGUMENT: first below 1, factor below 2.
lw_status lw_halving_init(lw_halving *halving, int32_t first, int32_t factor, int32_t epochs);
void lw_halving_destroy(lw_halving *halving);

// Takes note of the score (higher is better) of a trial after an epoch, and says whether the trial goes
// on: always where the epoch is no rung. Not a number is the worst score. Without memory it goes on.
bool lw_halving_judge(lw_halving *halving, int32_t epoch, double score);

#endif
