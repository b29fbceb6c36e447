// SPDX-License-Identifier: Apache-2.0
#include "cpu/barrier.h"

#include "cpu/placement.h"
#include "cpu/waiting.h"

void lw_barrier_init(lw_barrier *barrier)
{
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->round, 0);
    atomic_init(&barrier->sleepers, 0);
}

void lw_barrier_destroy(lw_barrier *barrier)
{
    (void)barrier; // nothing but numbers
}

static void release(lw_barrier *barrier)
{
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    // Sequentially consistent with the sleeper's "announce, then look at the round": one of the two
    // sees the other, so that no wake-up is lost.
    atomic_fetch_add(&barrier->round, 1);
    if (atomic_load(&barrier->sleepers) > 0) lw_waiting_wake(&barrier->round);
}

static void sleep_until_released(lw_barrier *barrier, unsigned round)
{
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->round) == round) lw_waiting_sleep(&barrier->round, round);
    atomic_fetch_sub(&barrier->sleepers, 1);
    lw_placement_review();
}

void lw_barrier_wait(lw_barrier *barrier, int32_t threads)
{
    if (threads <= 1) return;
    unsigned round = atomic_load_explicit(&barrier->round, memory_order_acquire);
    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 == threads) {
        release(barrier);
        return;
    }
    if (!lw_waiting_look(&barrier->round, round + 1)) sleep_until_released(barrier, round);
}
