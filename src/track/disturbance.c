// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // sched_setaffinity
#include "track/disturbance.h"

#include "base/clock.h"
#include "track/statistics.h"

#include <math.h>
#include <sched.h>
#include <string.h>

enum { spin_steps = 300000, least_blocks = 8 };
static const double tolerance = 1.25;

double lw_spin_measure(int cpu)
{
    cpu_set_t before, mask;
    const bool pin = cpu >= 0 && sched_getaffinity(0, sizeof before, &before) == 0;
    if (pin) {
        CPU_ZERO(&mask);
        CPU_SET((unsigned)cpu, &mask);
        sched_setaffinity(0, sizeof mask, &mask);
    }
    // Volatile, so that the compiler neither removes the loop nor finds a shortcut.
    volatile uint32_t sink;
    uint32_t value = 1;
    const double begun = lw_clock_seconds();
    for (int i = 0; i < spin_steps; i++) value = value * 1664525u + 1013904223u;
    sink = value;
    (void)sink;
    const double seconds = lw_clock_seconds() - begun;
    if (pin) sched_setaffinity(0, sizeof before, &before);
    return seconds;
}

bool lw_disturbance_note(lw_disturbance *state, double before, double after)
{
    const double worse = fmax(before, after);
    const size_t kept = state->n < LW_SPIN_WINDOW ? state->n : LW_SPIN_WINDOW;
    double sorted[LW_SPIN_WINDOW];
    memcpy(sorted, state->recent, kept * sizeof *sorted);
    const bool disturbed =
        kept >= least_blocks && worse > tolerance * lw_statistics_median(sorted, kept);
    state->recent[state->n++ % LW_SPIN_WINDOW] = worse;
    return disturbed;
}
