// SPDX-License-Identifier: Apache-2.0
// Two benchmark programs, old and new, against each other in one session. Blocks of one benchmark
// run old-new-new-old or new-old-old-new, by lot, so that whatever drifts hits both sides alike;
// the benchmarks of a round come in random order; every measurement is a process of its own, so
// that where its memory happened to lie is drawn anew each time.
#ifndef LW_TRACK_AB_H
#define LW_TRACK_AB_H

#include "track/disturbance.h"
#include "track/gbench.h"
#include "track/judge.h"

enum { LW_AB_OLD, LW_AB_NEW, LW_AB_SIDES };

// One block, as it was measured.
typedef struct lw_ab_block {
    size_t entry;      // which benchmark
    bool new_first;    // new-old-old-new
    double seconds[4]; // in the order of the measurements
    double spin[2];    // before and after
    bool disturbed;    // set aside because of the spin times
    bool torn;         // set aside because the pairs disagree within themselves
    double difference; // log(new / old)
    double wall_seconds;
} lw_ab_block;

typedef struct lw_ab_progress {
    size_t decided, n, blocks;
    double seconds, budget_seconds;
} lw_ab_progress;

typedef struct lw_ab_options {
    const char *programs[LW_AB_SIDES];
    const char *filter; // NULL: all
    lw_gbench_options runs;
    lw_judge_rules rules;
    double budget_seconds;
    uint64_t seed;   // of all that is drawn by lot
    bool all_rounds; // goes on to the end of the budget also where all is decided
    bool instructions;
    lw_counter counter;
    void (*on_block)(void *user, const lw_ab_block *block); // NULL: nothing
    void *block_user;
    void (*on_progress)(void *user, const lw_ab_progress *progress); // NULL: nothing
    void *user;
} lw_ab_options;

typedef struct lw_ab_entry {
    char *name;                       // owned
    char problem[240];                // why it could not be measured; ""
    double *seconds[LW_AB_SIDES];     // of every measurement in a block that counts; owned
    size_t n, capacity;               // of each side
    double median[LW_AB_SIDES];       // NaN without any
    double instructions[LW_AB_SIDES]; // -1: not counted
    char labels[LW_AB_SIDES][80];     // what the benchmark says about itself; ""
    int repetitions;
    lw_tears tears;
    size_t blocks, disturbed; // all of them, and those set aside
} lw_ab_entry;

typedef struct lw_ab {
    lw_ab_entry *entries; // benchmarks that both programs have; owned
    size_t n;
    lw_name_list only[LW_AB_SIDES]; // benchmarks of one program alone
    lw_judge *judge;                // its cases are those of `entries`
    size_t blocks, disturbed;
    double seconds;     // of the whole
    double spin_median; // seconds
    bool budget_ended;
    char counting[200]; // why instructions were not counted; ""
} lw_ab;

lw_ab_options lw_ab_options_default(void);

// Runs the comparison. LW_ERROR_INPUT, LW_ERROR_NOT_FOUND: a program that cannot be run, crashes,
// hangs or writes something else; no benchmark in common; LW_ERROR_INTERRUPTED when runs.stop said
// so; LW_ERROR_MEMORY, LW_ERROR_IO. *ab is owned by the caller.
lw_status lw_ab_run(lw_ab **ab, const lw_ab_options *options);
void lw_ab_destroy(lw_ab **ab);

// How many benchmarks have this verdict (those that could not be measured count as inconclusive).
size_t lw_ab_count(const lw_ab *ab, lw_verdict verdict);

#endif
