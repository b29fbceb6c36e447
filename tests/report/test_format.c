// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them, and the width of UTF-8 text.
#include "report/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void counts_have_separators(void **state)
{
    (void)state;
    assert_string_equal(lw_format_count(0).text, "0");
    assert_string_equal(lw_format_count(999).text, "999");
    assert_string_equal(lw_format_count(1000).text, "1,000");
    assert_string_equal(lw_format_count(29066).text, "29,066");
    assert_string_equal(lw_format_count(-1234567).text, "-1,234,567");
    assert_string_equal(lw_format_count(-999).text, "-999");
    assert_string_equal(lw_format_count(INT64_MAX).text, "9,223,372,036,854,775,807");
    assert_string_equal(lw_format_count(INT64_MIN).text, "-9,223,372,036,854,775,808");
}

static void bytes_have_a_unit(void **state)
{
    (void)state;
    assert_string_equal(lw_format_bytes(0).text, "0 B");
    assert_string_equal(lw_format_bytes(1023).text, "1023 B");
    assert_string_equal(lw_format_bytes(1024).text, "1.0 KiB");
    assert_string_equal(lw_format_bytes(1536).text, "1.5 KiB");
    assert_string_equal(lw_format_bytes(1024 * 1024 - 1).text, "1.0 MiB");
    assert_string_equal(lw_format_bytes(UINT64_MAX).text, "16.0 EiB");
}

static void durations(void **state)
{
    (void)state;
    assert_string_equal(lw_format_duration(1.234e-8).text, "12.3 ns");
    assert_string_equal(lw_format_duration(9.996e-7).text, "1.00 us");
    assert_string_equal(lw_format_duration(1.234e-4).text, "123 us");
    assert_string_equal(lw_format_duration(0.0999).text, "99.9 ms");
    assert_string_equal(lw_format_duration(12).text, "12.0 s");
    assert_string_equal(lw_format_duration(0).text, "0.00 ns");
    assert_string_equal(lw_format_duration(-1).text, "-");
    assert_string_equal(lw_format_duration(NAN).text, "-");
}

static void times_read_well(void **state)
{
    (void)state;
    assert_string_equal(lw_format_seconds(0.84).text, "0.84 s");
    assert_string_equal(lw_format_seconds(9.999).text, "10.0 s");
    assert_string_equal(lw_format_seconds(12.34).text, "12.3 s");
    assert_string_equal(lw_format_seconds(59.96).text, "1 min 00 s");
    assert_string_equal(lw_format_seconds(200).text, "3 min 20 s");
    assert_string_equal(lw_format_seconds(3599.6).text, "1 h 00 min");
    assert_string_equal(lw_format_seconds(3720).text, "1 h 02 min");
    assert_string_equal(lw_format_seconds(-1).text, "-");
    assert_string_equal(lw_format_seconds(NAN).text, "-");
    assert_string_equal(lw_format_seconds(INFINITY).text, "-");
    assert_string_equal(lw_format_clock(7).text, "0:07");
    assert_string_equal(lw_format_clock(760).text, "12:40");
    assert_string_equal(lw_format_clock(3753).text, "1:02:33");
    assert_string_equal(lw_format_clock(1e300).text, "-");
}

static void percentages_have_two_places(void **state)
{
    (void)state;
    assert_string_equal(lw_format_percent(0.98614).text, "98.61 %");
    assert_string_equal(lw_format_percent(1).text, "100.00 %");
    assert_string_equal(lw_format_percent(NAN).text, "-");
}

static void losses_have_four_places_or_a_power(void **state)
{
    (void)state;
    assert_string_equal(lw_format_loss(0.04321).text, "0.0432");
    assert_string_equal(lw_format_loss(999).text, "999.0000");
    assert_string_equal(lw_format_loss(2.9e25).text, "2.9e+25");
    assert_string_equal(lw_format_loss(INFINITY).text, "inf");
    assert_string_equal(lw_format_loss(NAN).text, "-");
}

static void columns_are_those_of_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(lw_text_columns(""), 0);
    assert_int_equal(lw_text_columns("T-shirt"), 7);
    assert_int_equal(lw_text_columns("caf\u00e9"), 4);
    assert_int_equal(lw_text_columns("cafe\u0301"), 4);   // a combining accent
    assert_int_equal(lw_text_columns("\u6570\u5b57"), 4); // two wide characters
    assert_int_equal(lw_text_columns("a\xff\xc3"), 3);    // no UTF-8: a column each
}

static void cutting_keeps_whole_characters(void **state)
{
    (void)state;
    char buffer[8];
    lw_text_cut(buffer, sizeof buffer, "Sneaker", 4);
    assert_string_equal(buffer, "Snea");
    lw_text_cut(buffer, sizeof buffer, "ab", 4);
    assert_string_equal(buffer, "ab");
    lw_text_cut(buffer, sizeof buffer, "\u00e9\u00e9\u00e9\u00e9\u00e9", 5); // ten bytes
    assert_string_equal(buffer, "\u00e9\u00e9\u00e9");
    lw_text_cut(buffer, sizeof buffer, "\u6570\u5b57", 3);
    assert_string_equal(buffer, "\u6570");
}

static void cutting_the_middle_keeps_both_ends(void **state)
{
    (void)state;
    char buffer[32];
    lw_text_cut_middle(buffer, sizeof buffer, "mb16ic1/bwd_w/direct", 11);
    assert_string_equal(buffer, "mb16i\u2026irect");
    assert_int_equal(lw_text_columns(buffer), 11);
    lw_text_cut_middle(buffer, sizeof buffer, "mb16ic1", 7);
    assert_string_equal(buffer, "mb16ic1");
    lw_text_cut_middle(buffer, sizeof buffer, "\u6570\u5b57\u6570\u5b57", 6);
    assert_string_equal(buffer, "\u6570\u2026\u5b57");
    lw_text_cut_middle(buffer, sizeof buffer, "Sneaker", 2);
    assert_string_equal(buffer, "Sn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(counts_have_separators),
        cmocka_unit_test(bytes_have_a_unit),
        cmocka_unit_test(times_read_well),
        cmocka_unit_test(percentages_have_two_places),
        cmocka_unit_test(losses_have_four_places_or_a_power),
        cmocka_unit_test(columns_are_those_of_a_terminal),
        cmocka_unit_test(cutting_keeps_whole_characters),
        cmocka_unit_test(cutting_the_middle_keeps_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
