// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // sched_getcpu, sched_setaffinity
#include "cpu/placement.h"

#include <lanewise/cpu.h>

#include <stdbool.h>
#include <stddef.h>

#if defined(__linux__)
#include <sched.h>

// The call that this thread works for.
static _Thread_local lw_placement *present;
static _Thread_local int32_t present_thread;

static int place_now(void)
{
    const int processor = sched_getcpu();
    return processor < 0 ? 0 : processor + 1;
}

static bool is_taken(const lw_placement *placement, int32_t thread, int place)
{
    for (int32_t other = 0; other < placement->threads; other++)
        if (other != thread &&
            atomic_load_explicit(&placement->places[other], memory_order_relaxed) == place)
            return true;
    return false;
}

// Goes to a processor that no thread of the call has, as far as this thread is allowed to: by forbidding itself the
// others for a moment.
static void move_away(const lw_placement *placement, int32_t thread)
{
    cpu_set_t allowed, free_ones;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    free_ones = allowed;
    for (int32_t other = 0; other < placement->threads; other++) {
        const int place = atomic_load_explicit(&placement->places[other], memory_order_relaxed);
        if (other != thread && place > 0) CPU_CLR((size_t)place - 1, &free_ones);
    }
    if (CPU_COUNT(&free_ones) == 0) return;
    if (sched_setaffinity(0, sizeof free_ones, &free_ones) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}

void lw_placement_begin(lw_placement *placement, int32_t threads)
{
    // With more threads than processors some share one anyway.
    placement->threads =
        threads <= LW_PLACEMENT_THREADS && threads <= lw_cpu_threads() ? threads : 0;
    if (placement->threads == 0) return;
    present = placement;
    present_thread = 0;
    atomic_init(&placement->places[0], place_now());
    for (int32_t i = 1; i < threads; i++) atomic_init(&placement->places[i], 0);
}

void lw_placement_enter(lw_placement *placement, int32_t thread)
{
    if (placement->threads == 0) return;
    present = placement;
    present_thread = thread;
    lw_placement_review();
}

void lw_placement_leave(void)
{
    present = NULL;
}

void lw_placement_review(void)
{
    if (!present) return;
    atomic_int *own = &present->places[present_thread];
    int place = place_now();
    atomic_store_explicit(own, place, memory_order_relaxed);
    if (place == 0 || !is_taken(present, present_thread, place)) return;
    move_away(present, present_thread);
    atomic_store_explicit(own, place_now(), memory_order_relaxed);
}

#else

void lw_placement_begin(lw_placement *placement, int32_t threads)
{
    (void)threads;
    placement->threads = 0;
}

void lw_placement_enter(lw_placement *placement, int32_t thread)
{
    (void)placement;
    (void)thread;
}

void lw_placement_leave(void)
{
}

void lw_placement_review(void)
{
}

#endif
