// SPDX-License-Identifier: Apache-2.0
// The sentence behind a failure: kept per thread, cut when too long, and safe to quote itself.
#include "base/error.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void message_is_kept(void **state)
{
    (void)state;
    assert_string_equal(lw_error_message(), "");
    assert_int_equal(lw_fail(LW_ERROR_INPUT, "%s: expected %d, got %d", "file", 3, 4),
                     LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(), "file: expected 3, got 4");
}

static void message_may_quote_the_last_one(void **state)
{
    (void)state;
    lw_fail(LW_ERROR_INPUT, "inner");
    lw_fail(LW_ERROR_IO, "outer: %s", lw_error_message());
    assert_string_equal(lw_error_message(), "outer: inner");
}

static void long_message_is_cut(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    lw_fail(LW_ERROR_INPUT, "%s", text);
    size_t length = strlen(lw_error_message());
    assert_true(length > 500 && length < sizeof text);
}

// What a file holds must not move the cursor of the terminal that shows the sentence.
static void message_can_be_printed(void **state)
{
    (void)state;
    lw_fail(LW_ERROR_INPUT, "got '%s'", "\x1B[2Jd\xC3\xB6g\x9B\nnext\tline");
    assert_string_equal(lw_error_message(), "got '?[2Jd\xC3\xB6g? next line'");
}

static void *fail_elsewhere(void *unused)
{
    (void)unused;
    lw_fail(LW_ERROR_IO, "of another thread");
    return NULL;
}

static void message_belongs_to_its_thread(void **state)
{
    (void)state;
    lw_fail(LW_ERROR_INPUT, "mine");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(lw_error_message(), "mine");
}

static lw_status forward(lw_status inner, int *reached)
{
    LW_TRY(inner);
    *reached = 1;
    return LW_OK;
}

static void try_forwards_failures_only(void **state)
{
    (void)state;
    int reached = 0;
    assert_int_equal(forward(LW_ERROR_MEMORY, &reached), LW_ERROR_MEMORY);
    assert_int_equal(reached, 0);
    assert_int_equal(forward(LW_OK, &reached), LW_OK);
    assert_int_equal(reached, 1);
}

static void every_status_has_its_name(void **state)
{
    (void)state;
    for (int a = LW_OK; a <= LW_ERROR_NOT_FINITE; a++) {
        assert_string_not_equal(lw_status_name((lw_status)a), "unknown status");
        for (int b = a + 1; b <= LW_ERROR_NOT_FINITE; b++)
            assert_string_not_equal(lw_status_name((lw_status)a), lw_status_name((lw_status)b));
    }
    assert_string_equal(lw_status_name((lw_status)(LW_ERROR_NOT_FINITE + 1)), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_is_kept),
        cmocka_unit_test(message_may_quote_the_last_one),
        cmocka_unit_test(long_message_is_cut),
        cmocka_unit_test(message_can_be_printed),
        cmocka_unit_test(message_belongs_to_its_thread),
        cmocka_unit_test(try_forwards_failures_only),
        cmocka_unit_test(every_status_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
