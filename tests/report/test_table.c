// SPDX-License-Identifier: Apache-2.0
// Tables: alignment, rules, rows that are not full, styles, wide text.
#include "report/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/capture.h"

static const lw_terminal plain = {.columns = 80};
static const lw_terminal coloured = {
    .interactive = true, .colour = true, .unicode = true, .columns = 80};

static lw_table *two_columns(const char *first, const char *second)
{
    lw_table *table;
    assert_int_equal(lw_table_create(&table), LW_OK);
    lw_table_column(table, LW_ALIGN_LEFT, first);
    lw_table_column(table, LW_ALIGN_RIGHT, second);
    return table;
}

// Prints the table, compares, and ends its life.
static void expect(lw_table *table, const lw_terminal *terminal, int indent, const char *expected)
{
    capture out;
    capture_begin(&out);
    assert_int_equal(lw_table_print(table, out.file, terminal, indent), LW_OK);
    assert_string_equal(captured(&out), expected);
    capture_end(&out);
    lw_table_destroy(&table);
    assert_null(table);
}

static void columns_are_aligned(void **state)
{
    (void)state;
    lw_table *table = two_columns("layer", "n");
    lw_table_cell(table, LW_STYLE_PLAIN, "conv%d", 1);
    lw_table_cell(table, LW_STYLE_PLAIN, "%d", 160);
    lw_table_cell(table, LW_STYLE_PLAIN, "caf\u00e9");
    lw_table_cell(table, LW_STYLE_PLAIN, "7");
    lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_PLAIN, "total");
    lw_table_cell(table, LW_STYLE_PLAIN, "167");
    assert_int_equal(lw_table_columns(table), 10);
    expect(table, &plain, 2,
           "  layer    n\n"
           "  ----------\n"
           "  conv1  160\n"
           "  caf\u00e9     7\n"
           "  ----------\n"
           "  total  167\n");
}

static void lines_do_not_end_in_blanks(void **state)
{
    (void)state;
    lw_table *table;
    assert_int_equal(lw_table_create(&table), LW_OK);
    lw_table_column(table, LW_ALIGN_RIGHT, "");
    lw_table_column(table, LW_ALIGN_LEFT, "");
    lw_table_cell(table, LW_STYLE_PLAIN, "1");
    lw_table_cell(table, LW_STYLE_PLAIN, "a");
    lw_table_cell(table, LW_STYLE_PLAIN, "22");
    lw_table_cell(table, LW_STYLE_PLAIN, "long");
    expect(table, &plain, 0, " 1  a\n22  long\n");
}

static void a_row_that_is_not_full_is_filled(void **state)
{
    (void)state;
    lw_table *table = two_columns("", "");
    lw_table_cell(table, LW_STYLE_PLAIN, "a");
    lw_table_cell(table, LW_STYLE_PLAIN, "1");
    lw_table_cell(table, LW_STYLE_PLAIN, "b");
    expect(table, &plain, 0, "a  1\nb   \n");
}

static void styles_do_not_count_as_width(void **state)
{
    (void)state;
    lw_table *table = two_columns("", "");
    lw_table_cell(table, LW_STYLE_BAD, "x");
    lw_table_cell(table, LW_STYLE_BOLD, "1");
    lw_table_cell(table, LW_STYLE_PLAIN, "yy");
    lw_table_cell(table, LW_STYLE_PLAIN, "22");
    expect(table, &coloured, 0, "\x1b[31mx\x1b[0m    \x1b[1m1\x1b[0m\nyy  22\n");
}

static void an_empty_table_prints_nothing(void **state)
{
    (void)state;
    lw_table *table;
    assert_int_equal(lw_table_create(&table), LW_OK);
    expect(table, &plain, 0, "");
}

static void a_cell_without_columns_is_refused(void **state)
{
    (void)state;
    lw_table *table;
    capture out;
    assert_int_equal(lw_table_create(&table), LW_OK);
    lw_table_cell(table, LW_STYLE_PLAIN, "lost");
    capture_begin(&out);
    assert_int_equal(lw_table_print(table, out.file, &plain, 0), LW_ERROR_MEMORY);
    capture_end(&out);
    lw_table_destroy(&table);
}

static void hundreds_of_cells_fit(void **state)
{
    (void)state;
    lw_table *table = two_columns("", "");
    capture out;
    for (int i = 0; i < 1000; i++) lw_table_cell(table, LW_STYLE_PLAIN, "%d", i);
    capture_begin(&out);
    assert_int_equal(lw_table_print(table, out.file, &plain, 0), LW_OK);
    assert_non_null(strstr(captured(&out), "\n998  999\n"));
    capture_end(&out);
    lw_table_destroy(&table);
}

// Numbers, shares and grounds in a terminal; tests/report/test_page.c has them on a page.
static void numbers_have_their_text(void **state)
{
    (void)state;
    lw_table *table = two_columns("a", "b");
    lw_table_number(table, LW_STYLE_PLAIN, 1234, "1,234");
    lw_table_share(table, LW_STYLE_PLAIN, 0.5);
    lw_table_cell(table, LW_STYLE_PLAIN, "x");
    lw_table_share(table, LW_STYLE_PLAIN, NAN);
    expect(table, &plain, 0,
           "a            b\n"
           "--------------\n"
           "1,234  50.00 %\n"
           "x            -\n");
}

static void heat_is_a_ground_where_there_are_colours(void **state)
{
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        lw_table *table = two_columns("", "");
        lw_table_heat(table, LW_STYLE_BOLD, 7, 0.9, "7");
        lw_table_heat(table, LW_STYLE_BAD, 3, -0.1, "33");
        lw_table_heat(table, LW_STYLE_PLAIN, 0, 0, "0");
        lw_table_heat(table, LW_STYLE_PLAIN, 0, NAN, ".");
        expect(table, pass ? &coloured : &plain, 0,
               pass ? "\x1b[97;48;5;29m7\x1b[0m  \x1b[97;48;5;52m33\x1b[0m\n0   .\n"
                    : "7  33\n0   .\n");
    }
}

static void tables_are_json(void **state)
{
    (void)state;
    lw_table *table = two_columns("name", "n");
    lw_text json = {0};
    assert_int_equal(lw_table_append_json(table, &json), LW_OK);
    assert_string_equal(json.bytes, "[]");
    lw_text_free(&json);
    lw_table_cell(table, LW_STYLE_PLAIN, "a");
    lw_table_number(table, LW_STYLE_PLAIN, 0.5, "one half");
    lw_table_cell(table, LW_STYLE_PLAIN, "b");
    assert_int_equal(lw_table_append_json(table, &json), LW_OK);
    assert_string_equal(json.bytes, "[{\"name\":\"a\",\"n\":0.5},\n{\"name\":\"b\"}]");
    lw_text_free(&json);
    lw_table_destroy(&table);
}

static void tables_are_markdown(void **state)
{
    (void)state;
    lw_table *table = two_columns("name", "n");
    lw_text text = {0};
    lw_table_cell(table, LW_STYLE_GOOD, "a|b");
    lw_table_number(table, LW_STYLE_PLAIN, 0.5, "one half");
    assert_int_equal(lw_table_append_markdown(table, &text), LW_OK);
    assert_string_equal(text.bytes, "| name | n |\n|---|---:|\n| a\\|b | one half |\n");
    lw_text_free(&text);
    lw_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(lines_do_not_end_in_blanks),
        cmocka_unit_test(a_row_that_is_not_full_is_filled),
        cmocka_unit_test(styles_do_not_count_as_width),
        cmocka_unit_test(an_empty_table_prints_nothing),
        cmocka_unit_test(a_cell_without_columns_is_refused),
        cmocka_unit_test(hundreds_of_cells_fit),
        cmocka_unit_test(numbers_have_their_text),
        cmocka_unit_test(heat_is_a_ground_where_there_are_colours),
        cmocka_unit_test(tables_are_json),
        cmocka_unit_test(tables_are_markdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
