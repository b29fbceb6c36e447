// SPDX-License-Identifier: Apache-2.0
// Threads are no more than the processors for them, whatever the caller asks for. The numbers are read once in a
// process, so each look is a process of its own that may use one processor.
#define _GNU_SOURCE // sched_setaffinity
#include "cpu/topology.h"

#include <lanewise/cpu.h>

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void stay_on_one_processor(void)
{
    cpu_set_t all, one;
    size_t processor = 0;
    if (sched_getaffinity(0, sizeof all, &all)) _exit(10);
    while (!CPU_ISSET(processor, &all)) processor++;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (sched_setaffinity(0, sizeof one, &one)) _exit(11);
}

// 0, or the number of what is wrong.
static int look(const char *oversubscribe, int32_t four)
{
    setenv("LANEWISE_OVERSUBSCRIBE", oversubscribe, 1);
    if (lw_cpu_threads() != 1) return 1;
    if (lw_cpu_useful_threads(0) != 0 || lw_cpu_resolve_threads(0) != 1) return 2;
    if (lw_cpu_useful_threads(4) != four || lw_cpu_resolve_threads(4) != four) return 3;
    return 0;
}

static int in_a_process(const char *oversubscribe, int32_t four)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        stay_on_one_processor();
        _exit(look(oversubscribe, four));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void threads_that_would_take_turns_are_not_used(void **state)
{
    (void)state;
    assert_int_equal(in_a_process("", 1), 0);
    assert_int_equal(in_a_process("0", 1), 0);
}

static void but_for_tests(void **state)
{
    (void)state;
    assert_int_equal(in_a_process("1", 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_would_take_turns_are_not_used),
        cmocka_unit_test(but_for_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
