// SPDX-License-Identifier: Apache-2.0
// Diagnostics: only when LANEWISE_VERBOSE asks for them, and then as whole lines. The variable is read
// once in a process, so every case runs in a child whose stderr is a pipe.
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// What a child prints that logs one line of the topic "exec", with LANEWISE_VERBOSE as given.
static void capture(const char *verbose, char *printed, size_t printed_bytes)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("LANEWISE_VERBOSE", verbose, 1);
        dup2(ends[1], STDERR_FILENO);
        lw_log("exec", "%d cycles", 42);
        _exit(0);
    }
    close(ends[1]);
    assert_true(child > 0);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], printed + length, printed_bytes - 1 - length)) > 0;)
        length += (size_t)got;
    printed[length] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void only_wanted_topics_are_printed(void **state)
{
    (void)state;
    char printed[200];
    capture("", printed, sizeof printed);
    assert_string_equal(printed, "");
    capture("dispatch", printed, sizeof printed);
    assert_string_equal(printed, "");
    capture("exec", printed, sizeof printed);
    assert_string_equal(printed, "lanewise: exec: 42 cycles\n");
    capture("dispatch,exec", printed, sizeof printed);
    assert_string_equal(printed, "lanewise: exec: 42 cycles\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_wanted_topics_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
