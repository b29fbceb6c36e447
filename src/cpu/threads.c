// SPDX-License-Identifier: Apache-2.0
#include "cpu/threads.h"

#include "cpu/placement.h"
#include "cpu/waiting.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

// One call of lw_threads_run, on the caller's stack.
typedef struct call {
    void (*body)(void *context, int32_t thread, int32_t threads);
    void *context;
    int32_t threads;
    // Workers that are still at it, and whether the caller sleeps. Who was the last one does not touch the
    // call any more: it may be gone.
    atomic_uint left;
    lw_placement placement;
} call;

static const unsigned caller_sleeps = 1u << 31;

// What a worker waits for. A worker falls asleep by turning `idle` into `asleep`, a caller gives it
// work by putting `called` in the place of either, and sees whether it has to be woken.
enum { idle, asleep, called };

typedef struct worker {
    _Alignas(64) atomic_uint state; // on a line of its own: the worker looks at it all the time
    call *call;
    int32_t thread; // of the call
    struct worker *next;
} worker;

// The idle workers, the one that was used first in the last call on top: so a thread number meets the
// same caches in call after call.
static worker *idle_workers;
static pthread_mutex_t idle_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static _Thread_local bool inside; // a body

// ---- a worker -----------------------------------------------------------------------------------

static void wait_for_call(worker *w)
{
    if (lw_waiting_look(&w->state, called)) return;
    unsigned expected = idle;
    if (!atomic_compare_exchange_strong(&w->state, &expected, asleep)) return;
    while (atomic_load(&w->state) == asleep) lw_waiting_sleep(&w->state, asleep);
}

static void finish_part(call *c)
{
    if (atomic_fetch_sub(&c->left, 1) == (caller_sleeps | 1u)) lw_waiting_wake(&c->left);
}

static void *run_worker(void *context)
{
    worker *w = context;
    inside = true;
    for (;;) {
        wait_for_call(w);
        call *c = w->call;
        const int32_t thread = w->thread;
        // Before the caller may give it to somebody else.
        atomic_store(&w->state, idle);
        lw_placement_enter(&c->placement, thread);
        c->body(c->context, thread, c->threads);
        lw_placement_leave();
        finish_part(c);
    }
    return NULL;
}

// A thread that takes no signal of the program's: those are for the program's own threads.
static bool start_thread(worker *w)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread, NULL, run_worker, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) pthread_detach(thread);
    return started;
}

static worker *create_worker(void)
{
    worker *w = aligned_alloc(_Alignof(worker), sizeof *w);
    if (!w) return NULL;
    *w = (worker){.next = NULL};
    atomic_init(&w->state, idle);
    if (start_thread(w)) return w;
    free(w);
    return NULL;
}

// ---- a fork -------------------------------------------------------------------------------------

// A child has none of the workers: their memory is given up, and it makes its own when it needs some.
static void lock_before_fork(void)
{
    pthread_mutex_lock(&idle_mutex);
}
static void unlock_in_parent(void)
{
    pthread_mutex_unlock(&idle_mutex);
}
static void forget_in_child(void)
{
    idle_workers = NULL;
    lw_waiting_reset();
    pthread_mutex_unlock(&idle_mutex);
}

static void watch_forks(void)
{
    pthread_atfork(lock_before_fork, unlock_in_parent, forget_in_child);
}

// ---- a caller -----------------------------------------------------------------------------------

// Up to n workers as a list, and how many they are.
static worker *take_workers(int32_t n, int32_t *taken)
{
    worker *first = NULL, **end = &first;
    pthread_once(&fork_once, watch_forks);
    *taken = 0;
    pthread_mutex_lock(&idle_mutex);
    while (*taken < n && idle_workers) {
        *end = idle_workers;
        end = &idle_workers->next;
        idle_workers = idle_workers->next;
        ++*taken;
    }
    pthread_mutex_unlock(&idle_mutex);
    while (*taken < n && (*end = create_worker())) {
        end = &(*end)->next;
        ++*taken;
    }
    *end = NULL;
    return first;
}

static void give_back(worker *first)
{
    worker **end = &first;
    while (*end) end = &(*end)->next;
    pthread_mutex_lock(&idle_mutex);
    *end = idle_workers;
    idle_workers = first;
    pthread_mutex_unlock(&idle_mutex);
}

static void call_worker(worker *w, call *c, int32_t thread)
{
    w->call = c;
    w->thread = thread;
    if (atomic_exchange(&w->state, called) == asleep) lw_waiting_wake(&w->state);
}

static void wait_until_finished(call *c)
{
    if (lw_waiting_look(&c->left, 0)) return;
    unsigned left = atomic_fetch_or(&c->left, caller_sleeps) | caller_sleeps;
    while (left != caller_sleeps) {
        lw_waiting_sleep(&c->left, left);
        left = atomic_load(&c->left);
    }
}

void lw_threads_run(int32_t threads, void (*body)(void *context, int32_t thread, int32_t threads),
                    void *context)
{
    int32_t taken = 0;
    worker *workers = threads > 1 && !inside ? take_workers(threads - 1, &taken) : NULL;
    if (taken == 0) {
        body(context, 0, 1);
        return;
    }
    call c = {.body = body, .context = context, .threads = taken + 1};
    atomic_init(&c.left, (unsigned)taken);
    lw_waiting_count(taken + 1);
    lw_placement_begin(&c.placement, taken + 1);
    int32_t thread = 1;
    for (worker *w = workers; w; w = w->next) call_worker(w, &c, thread++);
    inside = true;
    body(context, 0, c.threads);
    inside = false;
    lw_placement_leave();
    wait_until_finished(&c);
    lw_waiting_count(-(taken + 1));
    give_back(workers);
}
