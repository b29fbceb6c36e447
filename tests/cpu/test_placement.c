// SPDX-License-Identifier: Apache-2.0
// A thread that finds another one on its processor goes elsewhere, and is bound to nothing afterwards.
#define _GNU_SOURCE // sched_getcpu, sched_getaffinity
#include "cpu/placement.h"

#include <lanewise/cpu.h>

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Lets this thread be the second of a call whose first is where it is. It may be moved by others between two looks, so
// some tries are made.
static bool goes_elsewhere(lw_placement *placement)
{
    bool moved = false;
    for (int tries = 0; tries < 100 && !moved; tries++) {
        lw_placement_begin(placement, 2);
        lw_placement_leave();
        const int before = sched_getcpu();
        atomic_store(&placement->places[0], before + 1);
        lw_placement_enter(placement, 1);
        lw_placement_leave();
        moved = sched_getcpu() != before && atomic_load(&placement->places[1]) != before + 1;
    }
    return moved;
}

static void it_leaves_a_taken_processor(void **state)
{
    (void)state;
    lw_placement placement;
    cpu_set_t before, after;
    if (lw_cpu_threads() < 2) skip();
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_true(goes_elsewhere(&placement));
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

// The caller of the others, too, when it comes back from a sleep.
static void a_caller_goes_elsewhere_after_a_sleep(void **state)
{
    (void)state;
    lw_placement placement;
    bool moved = false;
    if (lw_cpu_threads() < 2) skip();
    for (int tries = 0; tries < 100 && !moved; tries++) {
        lw_placement_begin(&placement, 2);
        const int before = sched_getcpu();
        atomic_store(&placement.places[1], before + 1);
        lw_placement_review();
        lw_placement_leave();
        moved = sched_getcpu() != before;
    }
    assert_true(moved);
}

// The only processor that it may use is taken: it stays, and works.
static void it_stays_where_nothing_is_free(void **state)
{
    (void)state;
    lw_placement placement;
    cpu_set_t all, one, after;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    if (lw_cpu_threads() < 2) skip();
    const int here = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET((size_t)here, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    lw_placement_begin(&placement, 2);
    lw_placement_enter(&placement, 1);
    lw_placement_leave();
    assert_int_equal(sched_getcpu(), here);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&one, &after));
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

// More threads than processors share them, and so many that they are not counted stay where they are.
static void many_threads_are_left_alone(void **state)
{
    (void)state;
    lw_placement placement;
    lw_placement_begin(&placement, lw_cpu_threads() + 1);
    assert_int_equal(placement.threads, 0);
    lw_placement_enter(&placement, 1);
    lw_placement_review();
    lw_placement_leave();
    lw_placement_begin(&placement, LW_PLACEMENT_THREADS + 1);
    assert_int_equal(placement.threads, 0);
    lw_placement_review(); // of no call
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_leaves_a_taken_processor),
        cmocka_unit_test(a_caller_goes_elsewhere_after_a_sleep),
        cmocka_unit_test(it_stays_where_nothing_is_free),
        cmocka_unit_test(many_threads_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
