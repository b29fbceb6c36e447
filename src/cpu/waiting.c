// SPDX-License-Identifier: Apache-2.0
#include "cpu/waiting.h"

#include "base/clock.h"

#include <lanewise/cpu.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <time.h>
#endif

// Full patience: longer than the threads of a step differ by, unless one of them has lost its core to another
// program, which then has it for a good part of a millisecond at least. Who goes to sleep gives a core away as well, and
// on a busy machine waits as long to get it back; meanwhile the others give up, too, and every step waits for the
// scheduler. Looking for a tenth of a time slice costs little beside that. sched_yield gives the whole slice away
// (Linux since 6.18), so it is not called: on two busy cores steps took five times as long with it.
enum { most_ns = 150000, least_ns = 5000, turns_per_clock = 32 };

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

static bool look(const atomic_uint *word, unsigned value, int64_t patience_ns)
{
    const int64_t start_ns = lw_clock_ns();
    do {
        for (int turn = 0; turn < turns_per_clock; turn++) {
            if (atomic_load_explicit(word, memory_order_acquire) == value) return true;
            pause_briefly();
        }
    } while (lw_clock_ns() - start_ns < patience_ns);
    return false;
}

bool lw_waiting_look(const atomic_uint *word, unsigned value)
{
    static _Thread_local int64_t patience_ns = most_ns;
    static _Thread_local int in_vain;
    if (atomic_load_explicit(word, memory_order_acquire) == value) return true;
    if (atomic_load_explicit(&working, memory_order_relaxed) > lw_cpu_threads()) return false;
    if (in_vain >= looks_per_full_one) {
        patience_ns = most_ns;
        in_vain = 0;
    }
    if (look(word, value, patience_ns)) {
        patience_ns = 2 * patience_ns < most_ns ? 2 * patience_ns : most_ns;
        in_vain = 0;
        return true;
    }
    patience_ns = patience_ns / 2 > least_ns ? patience_ns / 2 : least_ns;
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
