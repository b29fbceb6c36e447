// SPDX-License-Identifier: Apache-2.0
// What a comparison comes to, for people, for pull requests (Markdown) and for machines (JUnit XML).
#ifndef LW_TRACK_GATE_H
#define LW_TRACK_GATE_H

#include "base/text.h"
#include "track/ab.h"

typedef enum lw_outcome {
    LW_OUTCOME_PASS,
    LW_OUTCOME_REGRESSION,
    LW_OUTCOME_INCONCLUSIVE
} lw_outcome;

// "pass", "regression", "inconclusive".
const char *lw_outcome_name(lw_outcome outcome);

// One benchmark. The texts are borrowed.
typedef struct lw_gate_row {
    const char *name, *problem;  // problem "": none
    double old_value, new_value; // seconds, or whatever `unit` says
    const char *unit;            // "s", "%"
    lw_interval ratio;           // new / old
    double p;
    lw_verdict verdict;
    lw_outcome outcome;
    size_t blocks, disturbed;
    double instructions[LW_AB_SIDES]; // -1: not counted
    const char *labels[LW_AB_SIDES];  // which kernels ran, as the programs say; ""
} lw_gate_row;

typedef struct lw_gate {
    lw_gate_row *rows; // owned
    size_t n, compared;
    const lw_name_list *only;       // LW_AB_SIDES lists of benchmarks of one side alone; borrowed
    double limit, margin;           // fractions
    const char *sides[LW_AB_SIDES]; // what is compared: paths or commits; borrowed
    lw_outcome outcome;
    size_t regressions, inconclusive;
} lw_gate;

// The rows of a comparison and what they come to. A slowdown that is no larger than the limit
// passes; so does whatever is certain not to exceed it. LW_ERROR_INPUT when nothing was compared: a
// gate cannot pass by doing nothing.
lw_status lw_gate_from_ab(lw_gate *gate, const lw_ab *ab, const lw_ab_options *options);

// Sets outcomes and counts from the verdicts of rows that are there already.
lw_status lw_gate_judge(lw_gate *gate);
void lw_gate_free(lw_gate *gate);

// "+3.1 %": how much larger than one a ratio is; "-" when it is no number.
typedef struct lw_change_text {
    char text[24];
} lw_change_text;
lw_change_text lw_gate_change(double ratio);

// A table for a pull request; a file in the format of JUnit, where a regression is a failure and an
// inconclusive benchmark is skipped. Written whole or not at all.
lw_status lw_gate_write_markdown(const lw_gate *gate, const char *path);
lw_status lw_gate_write_junit(const lw_gate *gate, const char *path);

#endif
