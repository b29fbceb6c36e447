// SPDX-License-Identifier: Apache-2.0
// Threads, ranges, barriers and the floating-point state around them.
#include "cpu/barrier.h"
#include "cpu/parallel.h"

#include <lanewise/cpu.h>

#include <fenv.h>
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static void test_ranges_cover_everything_once(void **state)
{
    (void)state;
    for (int64_t count = 0; count < 40; count++)
        for (int32_t parts = 1; parts < 12; parts++) {
            int64_t next = 0, begin, end;
            for (int32_t part = 0; part < parts; part++) {
                lw_parallel_range(count, part, parts, &begin, &end);
                assert_int_equal(next, begin);
                assert_true(end - begin >= count / parts && end - begin <= count / parts + 1);
                next = end;
            }
            assert_int_equal(count, next);
        }
}

typedef struct rounds {
    lw_barrier barrier;
    atomic_int counter;
    atomic_int mistakes;
    atomic_int bodies;
} rounds;

enum { n_rounds = 300 };

// Every round each thread adds one; between the barriers the count must be complete.
static void count_rounds(void *context, int32_t thread, int32_t threads)
{
    rounds *r = context;
    (void)thread;
    atomic_fetch_add(&r->bodies, 1);
    for (int round = 1; round <= n_rounds; round++) {
        atomic_fetch_add(&r->counter, 1);
        lw_barrier_wait(&r->barrier, threads);
        if (atomic_load(&r->counter) != round * threads) atomic_fetch_add(&r->mistakes, 1);
        lw_barrier_wait(&r->barrier, threads);
    }
}

static void test_barrier_with_more_threads_than_cores(void **state)
{
    (void)state;
    const int32_t thread_counts[] = {1, 2, 3, 16};
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        rounds r;
        lw_barrier_init(&r.barrier);
        atomic_init(&r.counter, 0);
        atomic_init(&r.mistakes, 0);
        atomic_init(&r.bodies, 0);
        lw_parallel_run(thread_counts[i], count_rounds, &r);
        assert_int_equal(0, atomic_load(&r.mistakes));
        assert_int_equal(thread_counts[i], atomic_load(&r.bodies));
        lw_barrier_destroy(&r.barrier);
    }
}

static volatile float smallest_normal = FLT_MIN;

static void halve_smallest(void *context, int32_t thread, int32_t threads)
{
    atomic_int *denormals = context;
    (void)thread;
    (void)threads;
    if (smallest_normal / 2.0f != 0.0f) atomic_fetch_add(denormals, 1);
}

static void test_denormals_are_flushed_inside_only(void **state)
{
    (void)state;
    atomic_int denormals;
    atomic_init(&denormals, 0);
    lw_parallel_run(1, halve_smallest, &denormals);
    lw_parallel_run(3, halve_smallest, &denormals);
    assert_int_equal(0, atomic_load(&denormals));
    assert_true(smallest_normal / 2.0f != 0.0f);
}

static volatile float one = 1.0f, too_little = FLT_EPSILON / 4;

static void add_too_little(void *context, int32_t thread, int32_t threads)
{
    atomic_int *rounded_up = context;
    (void)thread;
    (void)threads;
    if (one + too_little != 1.0f) atomic_fetch_add(rounded_up, 1);
}

// Else the caller's thread would give other bits than the rest.
static void test_rounding_is_to_nearest_inside_only(void **state)
{
    (void)state;
    atomic_int rounded_up;
    atomic_init(&rounded_up, 0);
    if (fesetround(FE_UPWARD)) skip();
    assert_true(one + too_little != 1.0f);
    lw_parallel_run(1, add_too_little, &rounded_up);
    lw_parallel_run(5, add_too_little, &rounded_up);
    const int mode = fegetround();
    fesetround(FE_TONEAREST);
    assert_int_equal(mode, FE_UPWARD);
    assert_int_equal(0, atomic_load(&rounded_up));
}

static void test_thread_count(void **state)
{
    (void)state;
    assert_true(lw_cpu_threads() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_cover_everything_once),
        cmocka_unit_test(test_barrier_with_more_threads_than_cores),
        cmocka_unit_test(test_denormals_are_flushed_inside_only),
        cmocka_unit_test(test_rounding_is_to_nearest_inside_only),
        cmocka_unit_test(test_thread_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
