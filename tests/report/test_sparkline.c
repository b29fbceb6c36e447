// SPDX-License-Identifier: Apache-2.0
// Curves in a line: heights, gaps, more values than columns, terminals without UTF-8.
#include "report/sparkline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/capture.h"

static void expect(const double *values, size_t n, size_t columns, bool unicode,
                   const char *expected)
{
    const lw_terminal terminal = {.unicode = unicode, .columns = 80};
    capture out;
    capture_begin(&out);
    lw_sparkline_print(values, n, columns, out.file, &terminal);
    assert_string_equal(captured(&out), expected);
    capture_end(&out);
}

static void heights_follow_the_values(void **state)
{
    (void)state;
    const double rising[] = {0, 1, 2, 3, 4, 5, 6, 7}, gap[] = {1, NAN, 2}, flat[] = {3, 3};
    expect(rising, 8, 40, true, "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588");
    expect(rising, 8, 40, false, "_.-:=+*#");
    expect(gap, 3, 40, false, "_ #");
    expect(flat, 2, 40, false, "==");
    expect(rising, 0, 40, false, "");
}

static void many_values_are_put_together(void **state)
{
    (void)state;
    const double values[] = {0, 2, 4, 6, NAN, 8, INFINITY, NAN};
    // Means of pairs: 1, 5, 8 and none.
    expect(values, 8, 4, false, "_=# ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heights_follow_the_values),
        cmocka_unit_test(many_values_are_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
