// SPDX-License-Identifier: Apache-2.0
#include "cpu/barrier.h"

#include <sched.h>

// Some ten microseconds of looking, then as long again, and more, of looking whenever nobody else
// wants the core: threads of a step differ by that much now and then, and going to sleep and being
// woken takes longer. Together still shorter than a time slice of the scheduler.
enum { spin_turns = 1000, yield_turns = 100 };

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void lw_barrier_init(lw_barrier *barrier)
{
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->round, 0);
    atomic_init(&barrier->sleepers, 0);
    pthread_mutex_init(&barrier->mutex, NULL);
    pthread_cond_init(&barrier->released, NULL);
}

void lw_barrier_destroy(lw_barrier *barrier)
{
    pthread_mutex_destroy(&barrier->mutex);
    pthread_cond_destroy(&barrier->released);
}

static void release(lw_barrier *barrier)
{
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    // Sequentially consistent with the sleeper's "announce, then look at the round": one of the two
    // sees the other, so that no wake-up is lost.
    atomic_fetch_add(&barrier->round, 1);
    if (atomic_load(&barrier->sleepers) == 0) return;
    pthread_mutex_lock(&barrier->mutex);
    pthread_cond_broadcast(&barrier->released);
    pthread_mutex_unlock(&barrier->mutex);
}

static void sleep_until_released(lw_barrier *barrier, unsigned round)
{
    pthread_mutex_lock(&barrier->mutex);
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->round) == round)
        pthread_cond_wait(&barrier->released, &barrier->mutex);
    atomic_fetch_sub(&barrier->sleepers, 1);
    pthread_mutex_unlock(&barrier->mutex);
}

void lw_barrier_wait(lw_barrier *barrier, int32_t threads)
{
    if (threads <= 1) return;
    unsigned round = atomic_load_explicit(&barrier->round, memory_order_acquire);
    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 == threads) {
        release(barrier);
        return;
    }
    for (int turn = 0; turn < spin_turns; turn++) {
        if (atomic_load_explicit(&barrier->round, memory_order_acquire) != round) return;
        pause_briefly();
    }
    for (int turn = 0; turn < yield_turns; turn++) {
        if (atomic_load_explicit(&barrier->round, memory_order_acquire) != round) return;
        sched_yield();
    }
    sleep_until_released(barrier, round);
}
