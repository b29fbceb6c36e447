// SPDX-License-Identifier: Apache-2.0
// Means with their intervals, one below the other: everything is drawn inside, the axis has round numbers that the
// values may have.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/dot_plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

// Every number behind `key` lies from `low` to `high`; returns how many there are.
static int expect_within(const char *text, const char *key, double low, double high)
{
    int n = 0;
    for (; (text = strstr(text, key)); n++) {
        text += strlen(key);
        assert_true(strtod(text, NULL) >= low && strtod(text, NULL) <= high);
    }
    return n;
}

static char *draw(const lw_dot_row *rows, size_t n)
{
    lw_text text = {0};
    const lw_dot_plot plot = {
        .title = "Arms", .axis = "test accuracy (%)", .decimals = 2, .rows = rows, .n_rows = n};
    lw_dot_plot_draw(&text, &plot);
    assert_false(text.failed);
    return text.bytes;
}

static void everything_is_drawn(void **state)
{
    (void)state;
    static const double seeds[] = {21.5, 23.5};
    const lw_dot_row rows[] = {{"a <b", seeds, 2, 22.5, 20, 25, NAN},
                               {"c", NULL, 0, 98.57, NAN, NAN, 86},
                               {"nothing", NULL, 0, NAN, NAN, NAN, NAN}};
    char *text = draw(rows, 3);
    assert_non_null(strstr(text, "<desc>a &lt;b: 22.50; c: 98.57; nothing</desc>"));
    assert_int_equal(count(text, "<circle"), 4); // two seeds, two means
    assert_non_null(strstr(text, "published: 86.00"));
    assert_int_equal(expect_within(text, " cx=\"", 0, 440), 4);
    expect_within(text, " x=\"", 0, 440);
    // Round ticks, none of which is beyond what the values reach but by a little air.
    static const char *const ticks[] = {">20<", ">40<", ">60<", ">80<", ">100<"};
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
        assert_non_null(strstr(text, ticks[i]));
    assert_null(strstr(text, ">120<"));
    free(text);
}

static void one_value_has_an_axis_too(void **state)
{
    (void)state;
    const lw_dot_row rows[] = {{"only", NULL, 0, 98.5, NAN, NAN, NAN}};
    char *text = draw(rows, 1);
    assert_int_equal(expect_within(text, " cx=\"", 0, 440), 1);
    assert_in_range(count(text, "v4\""), 2, 6); // ticks
    free(text);
    text = draw(rows, 0);
    assert_non_null(strstr(text, "</svg>"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_drawn),
        cmocka_unit_test(one_value_has_an_axis_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
