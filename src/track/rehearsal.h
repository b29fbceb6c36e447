// SPDX-License-Identifier: Apache-2.0
// Does the gate work? Real blocks are recorded of a program in which slowdowns of known size are
// planted, and of the program against itself. From them any number of sessions is put together, by
// drawing blocks with replacement, and judged by the very rule that judges a measurement.
#ifndef LW_TRACK_REHEARSAL_H
#define LW_TRACK_REHEARSAL_H

#include "track/ab.h"

typedef struct lw_recorded_block {
    double old_seconds[2], new_seconds[2];
    double difference, wall_seconds;
} lw_recorded_block;

// The blocks of one benchmark with one planted slowdown.
typedef struct lw_recorded_case {
    char *name;                // owned
    double planted;            // per cent
    lw_recorded_block *blocks; // owned
    size_t n, capacity;
    double center; // median difference; set by lw_rehearse
} lw_recorded_case;

typedef struct lw_recording {
    lw_recorded_case *cases; // owned
    size_t n, capacity;
    size_t disturbed; // blocks set aside because of the spin times, which are not in the cases
} lw_recording;

void lw_recording_free(lw_recording *recording);

// Measures `program`, which plants `planted` per cent when it is called by a name that ends in
// "+3", against itself for options->budget_seconds, and adds the blocks.
lw_status lw_recording_measure(lw_recording *recording, const char *program, double planted,
                               const lw_ab_options *options);

// A recording as text, one block a line, and back. LW_ERROR_INPUT with file and line.
lw_status lw_recording_write(const lw_recording *recording, const char *path);
lw_status lw_recording_read(lw_recording *recording, const char *path);

// What many sessions came to. In each of them one benchmark has the planted slowdown (each in turn)
// and all others have none.
typedef struct lw_rehearsal {
    double planted; // per cent
    int trials;
    size_t benchmarks;
    // Trials in which the planted one was called slower, and those in which another one was: by our
    // rule, by the U test of compare.py (10 repetitions, alpha 0.05), by a threshold of 5 %.
    int found, wrong, u_found, u_wrong, threshold_found, threshold_wrong;
    double median_seconds; // until everything was decided, or the budget
} lw_rehearsal;

// Puts `trials` sessions together. LW_ERROR_INPUT when the recording has no blocks without a planted
// slowdown, or none with this one; LW_ERROR_MEMORY.
lw_status lw_rehearse(lw_rehearsal *result, lw_recording *recording, double planted, int trials,
                      double budget_seconds, uint64_t seed);

#endif
