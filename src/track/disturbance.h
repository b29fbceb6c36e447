// SPDX-License-Identifier: Apache-2.0
// Was the machine itself disturbed? A fixed piece of work, the spin kernel, is timed before and
// after every block. The rule sees these times alone, never what was measured in the block, so it
// cannot prefer one answer to another.
#ifndef LW_TRACK_DISTURBANCE_H
#define LW_TRACK_DISTURBANCE_H

#include <stdbool.h>
#include <stddef.h>

enum { LW_SPIN_WINDOW = 64 };

typedef struct lw_disturbance {
    double recent[LW_SPIN_WINDOW]; // spin times of the last blocks, a ring
    size_t n;                      // of all blocks so far
} lw_disturbance;

// The time that the spin kernel takes now, in seconds: about a millisecond of multiplications that
// depend on each other and touch no memory. On that processor, or on any (-1).
double lw_spin_measure(int cpu);

// Notes the spin times around a block and says whether the block is to be set aside: when the worse
// one is more than a quarter above the median of the recent blocks. So a clock that settles at
// another speed becomes the new usual after a while, and a neighbour who comes and goes does not.
// The first eight blocks are never set aside.
bool lw_disturbance_note(lw_disturbance *state, double before, double after);

// A second rule, for what comes and goes within a block: the two measurements of the old program should
// agree, and so should those of the new one. A block in which the worse of the two pairs is farther
// apart than four times the usual of its benchmark, and half a per cent, is torn and set aside. It
// stays blind to the answer: with old and new exchanged, the same blocks are torn.
typedef struct lw_tears {
    double
        recent[LW_SPIN_WINDOW]; // logarithms of ratios within the pairs, of one benchmark; a ring
    size_t n;
} lw_tears;

// Notes the times of a block and says whether it is torn. The first four never are.
bool lw_tears_note(lw_tears *state, const double old_seconds[2], const double new_seconds[2]);

#endif
