// SPDX-License-Identifier: Apache-2.0
#include "cpu/waiting.h"

#include <lanewise/cpu.h>

#include <sched.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <time.h>
#endif

// Full patience is some ten microseconds of looking, then as long again, and more, of looking whenever
// nobody else wants the core: threads of a step differ by that much now and then, and going to sleep
// and being woken takes longer. Together still shorter than a time slice of the scheduler.
enum { most_turns = 1000, least_turns = 30, turns_per_yield = 10 };

// Who looked in vain has half the patience the next time, who did not has twice as much. Because a short look
// may be in vain for ever, one in so many is a full one.
enum { looks_per_full_one = 64 };

// Threads that are in regions now, of all callers.
static atomic_int working;

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void lw_waiting_count(int32_t threads)
{
    atomic_fetch_add_explicit(&working, threads, memory_order_relaxed);
}

void lw_waiting_reset(void)
{
    atomic_store(&working, 0);
}

static bool look(const atomic_uint *word, unsigned value, int turns)
{
    for (int turn = 0; turn < turns; turn++) {
        if (atomic_load_explicit(word, memory_order_acquire) == value) return true;
        pause_briefly();
    }
    for (int turn = 0; turn < turns / turns_per_yield; turn++) {
        if (atomic_load_explicit(word, memory_order_acquire) == value) return true;
        sched_yield();
    }
    return false;
}

bool lw_waiting_look(const atomic_uint *word, unsigned value)
{
    static _Thread_local int patience = most_turns, in_vain;
    if (atomic_load_explicit(word, memory_order_acquire) == value) return true;
    if (atomic_load_explicit(&working, memory_order_relaxed) > lw_cpu_threads()) return false;
    if (in_vain >= looks_per_full_one) {
        patience = most_turns;
        in_vain = 0;
    }
    if (look(word, value, patience)) {
        patience = 2 * patience < most_turns ? 2 * patience : most_turns;
        in_vain = 0;
        return true;
    }
    patience = patience / 2 > least_turns ? patience / 2 : least_turns;
    in_vain++;
    return false;
}

#if defined(__linux__)

_Static_assert(sizeof(atomic_uint) == 4, "a futex is a word of 32 bits");

void lw_waiting_sleep(atomic_uint *word, unsigned value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void lw_waiting_wake(atomic_uint *word)
{
    const int everybody = 0x7FFFFFFF;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, everybody, NULL, NULL, 0);
}

#else

void lw_waiting_sleep(atomic_uint *word, unsigned value)
{
    const struct timespec briefly = {0, 50000};
    if (atomic_load(word) == value) nanosleep(&briefly, NULL);
}

void lw_waiting_wake(atomic_uint *word)
{
    (void)word; // they look by themselves
}

#endif
