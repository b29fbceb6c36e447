// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // sched_setaffinity
#include "track/disturbance.h"

#include "base/clock.h"
#include "track/statistics.h"

#include <math.h>
#include <sched.h>
#include <string.h>

enum { spin_steps = 300000, least_blocks = 8, least_pairs = 4 };
static const double tolerance = 1.25, tear_factor = 4, tear_least = 0.005;

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

// The median of what a ring with n values so far holds; NaN for none.
static double usual(const double recent[LW_SPIN_WINDOW], size_t n)
{
    const size_t kept = n < LW_SPIN_WINDOW ? n : LW_SPIN_WINDOW;
    double sorted[LW_SPIN_WINDOW];
    memcpy(sorted, recent, kept * sizeof *sorted);
    return lw_statistics_median(sorted, kept);
}

bool lw_disturbance_note(lw_disturbance *state, double before, double after)
{
    const double worse = fmax(before, after);
    const bool disturbed =
        state->n >= least_blocks && worse > tolerance * usual(state->recent, state->n);
    state->recent[state->n++ % LW_SPIN_WINDOW] = worse;
    return disturbed;
}

bool lw_tears_note(lw_tears *state, const double old_seconds[2], const double new_seconds[2])
{
    const double worse = fmax(fabs(log(old_seconds[0] / old_seconds[1])),
                              fabs(log(new_seconds[0] / new_seconds[1])));
    const bool torn = state->n >= least_pairs &&
                      worse > tear_factor * usual(state->recent, state->n) + tear_least;
    state->recent[state->n++ % LW_SPIN_WINDOW] = worse;
    return torn;
}
