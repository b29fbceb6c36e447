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

#endif
