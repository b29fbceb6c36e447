// SPDX-License-Identifier: Apache-2.0
// Tables: alignment, rules, rows that are not full, styles, wide text.
#include "report/table.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
