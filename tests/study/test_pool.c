// SPDX-License-Identifier: Apache-2.0
// Tasks side by side: each is done once, they overlap, and a pool that is closed takes no more.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "study/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { n_tasks = 40 };

typedef struct record {
    atomic_int times[n_tasks];
    atomic_int at_work, most_at_work, watched;
    int32_t together; // tasks that wait for each other
    size_t last;      // the task that closes the pool
    pthread_barrier_t barrier;
} record;

static bool run_task(void *user, size_t task, int32_t thread)
{
    record *r = user;
    (void)thread;
    const int at_work = atomic_fetch_add(&r->at_work, 1) + 1;
    int most = atomic_load(&r->most_at_work);
    while (at_work > most && !atomic_compare_exchange_weak(&r->most_at_work, &most, at_work)) {
    }
    atomic_fetch_add(&r->times[task], 1);
    if (r->together > 1) pthread_barrier_wait(&r->barrier);
    atomic_fetch_sub(&r->at_work, 1);
    return task != r->last;
}

static bool count_looks(void *user)
{
    record *r = user;
    atomic_fetch_add(&r->watched, 1);
    return true;
}

static void every_task_is_done_once(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 5; threads++) {
        record r = {.last = SIZE_MAX};
        const lw_pool_work work = {n_tasks, run_task, count_looks, &r};
        assert_int_equal(lw_pool_run(&work, threads), LW_OK);
        for (size_t i = 0; i < n_tasks; i++) assert_int_equal(r.times[i], 1);
        assert_true(r.most_at_work <= threads);
    }
}

// Nobody gets past the barrier unless four tasks are at work at once.
static void tasks_overlap(void **state)
{
    (void)state;
    record r = {.last = SIZE_MAX, .together = 4};
    assert_int_equal(pthread_barrier_init(&r.barrier, NULL, 4), 0);
    const lw_pool_work work = {n_tasks, run_task, NULL, &r};
    assert_int_equal(lw_pool_run(&work, 4), LW_OK);
    assert_int_equal(r.most_at_work, 4);
    pthread_barrier_destroy(&r.barrier);
}

static void a_task_can_close_the_pool(void **state)
{
    (void)state;
    record r = {.last = 7};
    const lw_pool_work work = {n_tasks, run_task, NULL, &r};
    assert_int_equal(lw_pool_run(&work, 1), LW_OK);
    for (size_t i = 0; i < n_tasks; i++) assert_int_equal(r.times[i], i <= 7);
}

static bool wait_for_the_end(void *user, size_t task, int32_t thread)
{
    atomic_bool *over = user;
    (void)task;
    (void)thread;
    while (!atomic_load(over)) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return true;
}

static bool end_it(void *user)
{
    atomic_bool *over = user;
    atomic_store(over, true);
    return false;
}

static void the_watcher_can_close_it(void **state)
{
    (void)state;
    atomic_bool over = false;
    const lw_pool_work work = {1000000000, wait_for_the_end, end_it, &over};
    assert_int_equal(lw_pool_run(&work, 2), LW_OK); // would take minutes otherwise
}

static void nothing_to_do_is_done_at_once(void **state)
{
    (void)state;
    record r = {.last = SIZE_MAX};
    const lw_pool_work work = {0, run_task, count_looks, &r};
    assert_int_equal(lw_pool_run(&work, 3), LW_OK);
    assert_int_equal(r.watched, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_done_once),       cmocka_unit_test(tasks_overlap),
        cmocka_unit_test(a_task_can_close_the_pool),     cmocka_unit_test(the_watcher_can_close_it),
        cmocka_unit_test(nothing_to_do_is_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
