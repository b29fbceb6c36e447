// SPDX-License-Identifier: Apache-2.0
// When enough has been measured to say faster, slower or same, and when nothing can be said. The
// rule knows numbers only, so that the same code judges a measurement and a simulation of one.
//
// Every benchmark collects the logarithms of time ratios, one a block. At a few fixed looks
//   - an interval that lies within the margin is called *same*;
//   - a significant difference becomes a *suspicion*: by the signed-rank test, corrected for the
//     number of benchmarks (Benjamini and Hochberg) and, by spending less at every look, for
//     looking again and again;
//   - a suspicion is put to the test on as many fresh blocks, which know nothing of why it was
//     raised. Only what they confirm is called slower or faster, and their interval is reported:
//     the blocks that raised a suspicion exaggerate.
#ifndef LW_TRACK_JUDGE_H
#define LW_TRACK_JUDGE_H

#include "track/statistics.h"

typedef enum lw_verdict {
    LW_VERDICT_INCONCLUSIVE,
    LW_VERDICT_SAME, // the difference is within the margin
    LW_VERDICT_FASTER,
    LW_VERDICT_SLOWER
} lw_verdict;

// "inconclusive", "same", "faster", "slower".
const char *lw_verdict_name(lw_verdict verdict);

typedef struct lw_judge_rules {
    double margin;        // differences up to this share do not matter: 0.02
    double limit;         // a slowdown is suspected only beyond this share; 0: any
    double screen_level;  // expected number of wrong suspicions in a suite, over all looks
    double confirm_level; // chance that a wrong suspicion is confirmed
    size_t least_blocks;  // before the first look
    size_t most_fresh;    // blocks of a confirmation, at most
    uint64_t seed;        // of the bootstrap
} lw_judge_rules;

lw_judge_rules lw_judge_rules_default(void);

// One benchmark.
typedef struct lw_case {
    double *differences; // log(new time / old time) of each block; owned by the judge
    size_t n, capacity;
    size_t fresh_from, fresh_until; // the blocks of the confirmation under way, if direction != 0
    int direction;                  // of the suspicion: +1 slower, -1 faster
    int suspicions;                 // raised so far
    bool decided;
    lw_verdict verdict;
    lw_interval ratio; // new time / old time with its 95 % interval; NaN before the first look
    double p;          // two-sided, of the signed-rank test behind `ratio`
    size_t used;       // blocks behind `ratio`
} lw_case;

typedef struct lw_judge {
    lw_judge_rules rules;
    lw_case *cases; // owned
    size_t n;
    size_t round, looks, next_look;
} lw_judge;

lw_status lw_judge_create(lw_judge **judge, const lw_judge_rules *rules, size_t n);
void lw_judge_destroy(lw_judge **judge);

// A usable block of one benchmark. LW_ERROR_MEMORY.
lw_status lw_judge_add(lw_judge *judge, size_t index, double difference);

// To be called after every undecided benchmark had its block (one that had none is no failure).
lw_status lw_judge_end_round(lw_judge *judge);

// True when every benchmark is decided.
bool lw_judge_done(const lw_judge *judge);

// The budget is used up: confirmations under way are judged by what there is, everything still
// undecided is inconclusive and gets its interval.
lw_status lw_judge_close(lw_judge *judge);

#endif
