// SPDX-License-Identifier: Apache-2.0
// Text tables: aligned columns, UTF-8 aware, a rule under the titles.
#ifndef LW_REPORT_TABLE_H
#define LW_REPORT_TABLE_H

#include "base/text.h"
#include "report/terminal.h"

#include <lanewise/status.h>
#include <stddef.h>

typedef enum lw_align { LW_ALIGN_LEFT, LW_ALIGN_RIGHT } lw_align;

typedef struct lw_table lw_table;

// A table without columns; add them all before the first cell. Running out of memory on the way is
// remembered and reported by lw_table_print.
lw_status lw_table_create(lw_table **table);
void lw_table_destroy(lw_table **table);

// A column; no title line is printed when all titles are "".
void lw_table_column(lw_table *table, lw_align align, const char *title);

// The next cell, row by row from the left.
__attribute__((format(printf, 3, 4))) void lw_table_cell(lw_table *table, lw_style style,
                                                         const char *format, ...);

// The same with the number that the text stands for, which is what JSON gets; NaN is null there.
__attribute__((format(printf, 4, 5))) void lw_table_number(lw_table *table, lw_style style,
                                                           double number, const char *format, ...);

// A share of a whole as a percentage (NaN: "-"); on a page a bar lies behind it.
void lw_table_share(lw_table *table, lw_style style, double fraction);

// A number on a coloured ground, from -1 (as bad as can be) over 0 (no colour) to 1 (as good as can be),
// where the terminal or page has colours.
__attribute__((format(printf, 5, 6))) void lw_table_heat(lw_table *table, lw_style style,
                                                         double number, double heat,
                                                         const char *format, ...);

// A horizontal line before the next row, for totals.
void lw_table_rule(lw_table *table);

// The columns of the terminal that the widest line takes, without indent.
size_t lw_table_columns(const lw_table *table);

// Prints the table with `indent` spaces before each line. A last row that is not full is filled
// with empty cells.
lw_status lw_table_print(const lw_table *table, FILE *file, const lw_terminal *terminal,
                         int indent);

// Appends the table as HTML. The first column names the rows.
lw_status lw_table_append_html(const lw_table *table, lw_text *text);

// Appends the table as Markdown, with its titles as the head.
lw_status lw_table_append_markdown(const lw_table *table, lw_text *text);

// Appends the table as JSON: an array of rows, each an object with the column titles as keys. Cells are
// texts, or numbers where they were given as such.
lw_status lw_table_append_json(const lw_table *table, lw_text *text);

#endif
