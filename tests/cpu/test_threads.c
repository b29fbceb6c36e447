// SPDX-License-Identifier: Apache-2.0
// The pool of threads: several callers at once, a fork, a system that makes no threads, and what is left
// of a call when it is over.
#include "cpu/barrier.h"
#include "cpu/parallel.h"
#include "cpu/thread_conditions.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { most_threads = 16 };

typedef struct roll {
    atomic_int calls[most_threads];
    atomic_int threads; // as the bodies were told
    lw_barrier barrier;
} roll;

static void answer(void *context, int32_t thread, int32_t threads)
{
    roll *r = context;
    atomic_fetch_add(&r->calls[thread], 1);
    atomic_store(&r->threads, threads);
    // All of them are there at once, else this would not return.
    lw_barrier_wait(&r->barrier, threads);
}

// Runs a body once; returns how many threads there were, or -1 when a number came twice or not at all.
static int32_t call_roll(int32_t threads)
{
    roll r;
    for (int i = 0; i < most_threads; i++) atomic_init(&r.calls[i], 0);
    atomic_init(&r.threads, 0);
    lw_barrier_init(&r.barrier);
    lw_parallel_run(threads, answer, &r);
    lw_barrier_destroy(&r.barrier);
    const int32_t got = atomic_load(&r.threads);
    for (int i = 0; i < most_threads; i++)
        if (atomic_load(&r.calls[i]) != (i < got ? 1 : 0)) return -1;
    return got;
}

// First, while the pool is empty: later calls would find threads that are there.
static void a_system_without_threads_gives_fewer(void **state)
{
    (void)state;
    atomic_store(&threads_to_come, 0);
    assert_int_equal(call_roll(4), 1);
    atomic_store(&threads_to_come, 2);
    assert_int_equal(call_roll(8), 3);
    atomic_store(&threads_to_come, 1000000);
    assert_int_equal(call_roll(8), 8);
}

static void every_thread_is_called_once(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= most_threads; threads++)
        for (int again = 0; again < 20; again++) assert_int_equal(call_roll(threads), threads);
    assert_int_equal(call_roll(0), 1);
}

static void *call_often(void *mistakes)
{
    for (int32_t i = 0; i < 400; i++)
        if (call_roll(1 + i % 5) != 1 + i % 5) atomic_fetch_add((atomic_int *)mistakes, 1);
    return NULL;
}

static void callers_do_not_share_threads(void **state)
{
    (void)state;
    atomic_int mistakes;
    pthread_t callers[4];
    atomic_init(&mistakes, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, &mistakes), 0);
    for (int i = 0; i < 4; i++) pthread_join(callers[i], NULL);
    assert_int_equal(atomic_load(&mistakes), 0);
}

static void call_inside(void *context, int32_t thread, int32_t threads)
{
    (void)thread;
    (void)threads;
    if (call_roll(3) == 1) atomic_fetch_add((atomic_int *)context, 1);
}

static void a_call_inside_a_call_is_alone(void **state)
{
    (void)state;
    atomic_int alone;
    atomic_init(&alone, 0);
    lw_parallel_run(3, call_inside, &alone);
    assert_int_equal(atomic_load(&alone), 3);
    assert_int_equal(call_roll(3), 3);
}

static void note_signals(void *context, int32_t thread, int32_t threads)
{
    sigset_t blocked;
    (void)threads;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (thread > 0 && sigismember(&blocked, SIGINT)) atomic_fetch_add((atomic_int *)context, 1);
}

static void signals_go_to_the_threads_of_the_program(void **state)
{
    (void)state;
    atomic_int deaf;
    atomic_init(&deaf, 0);
    lw_parallel_run(4, note_signals, &deaf);
    assert_int_equal(atomic_load(&deaf), 3);
}

// ---- fork ---------------------------------------------------------------------------------------

// A child whose call hangs is ended by the alarm, and its status is that of a failure.
static bool child_has_threads(void)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        for (int32_t i = 0; i < 20; i++)
            if (call_roll(5) != 5) _exit(1);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void a_child_has_threads_of_its_own(void **state)
{
    (void)state;
    need_forks();
    assert_int_equal(call_roll(5), 5);
    assert_true(child_has_threads());
    assert_int_equal(call_roll(5), 5);
}

static void a_fork_beside_calls_is_harmless(void **state)
{
    (void)state;
    need_forks();
    atomic_int mistakes;
    pthread_t caller;
    atomic_init(&mistakes, 0);
    assert_int_equal(pthread_create(&caller, NULL, call_often, &mistakes), 0);
    for (int i = 0; i < 20; i++) assert_true(child_has_threads());
    pthread_join(caller, NULL);
    assert_int_equal(atomic_load(&mistakes), 0);
}

// ---- afterwards ---------------------------------------------------------------------------------

static void no_thread_is_left_spinning(void **state)
{
    (void)state;
    assert_int_equal(call_roll(8), 8);
    assert_nothing_spins();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_system_without_threads_gives_fewer),
        cmocka_unit_test(every_thread_is_called_once),
        cmocka_unit_test(callers_do_not_share_threads),
        cmocka_unit_test(a_call_inside_a_call_is_alone),
        cmocka_unit_test(signals_go_to_the_threads_of_the_program),
        cmocka_unit_test(a_child_has_threads_of_its_own),
        cmocka_unit_test(a_fork_beside_calls_is_harmless),
        cmocka_unit_test(no_thread_is_left_spinning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
