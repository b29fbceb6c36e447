// SPDX-License-Identifier: Apache-2.0
// Limits of the process: lines of small files, and memory that makes sense on the machine of the test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"

#include <stdlib.h>
#include <unistd.h>

static void lines_are_read(void **state)
{
    (void)state;
    char line[8], path[] = "/tmp/lanewise-limits-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_false(lw_limits_read_line(path, line, sizeof line)); // empty
    assert_int_equal(write(descriptor, "max 1\nmore\n", 11), 11);
    close(descriptor);
    assert_true(lw_limits_read_line(path, line, sizeof line));
    assert_string_equal(line, "max 1\n");
    unlink(path);
    assert_false(lw_limits_read_line(path, line, sizeof line));
}

static double refuse(const char *line)
{
    (void)line;
    return 0;
}

static void memory_is_that_of_the_machine(void **state)
{
    (void)state;
    uint64_t bytes = lw_limits_memory_bytes();
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(bytes >= (uint64_t)64 << 20);
    assert_true(bytes <= machine || machine < (uint64_t)64 << 20);
    // No file of that name, or none whose content counts: no limit.
    assert_true(lw_limits_of_cgroup("lanewise.none", refuse) == 0);
    assert_true(lw_limits_of_cgroup("memory.max", refuse) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(memory_is_that_of_the_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
