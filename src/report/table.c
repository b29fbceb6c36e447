// SPDX-License-Identifier: Apache-2.0
// The cells are kept as text until the table is printed: only then are the widths known.
#include "report/table.h"

#include "base/error.h"
#include "base/text.h"
#include "report/format.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { most_columns = 256, gap_columns = 2 };

typedef struct cell {
    char *text; // owned
    lw_style style;
    bool rule_above;
} cell;

struct lw_table {
    lw_align align[most_columns];
    char *title[most_columns]; // owned
    size_t width[most_columns];
    size_t n_columns;
    cell *cells;
    size_t n_cells, capacity;
    bool rule_pending, failed;
};

lw_status lw_table_create(lw_table **table)
{
    *table = calloc(1, sizeof **table);
    return *table ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for a table");
}

void lw_table_destroy(lw_table **table)
{
    if (!table || !*table) return;
    for (size_t i = 0; i < (*table)->n_columns; i++) free((*table)->title[i]);
    for (size_t i = 0; i < (*table)->n_cells; i++) free((*table)->cells[i].text);
    free((*table)->cells);
    free(*table);
    *table = NULL;
}

void lw_table_column(lw_table *table, lw_align align, const char *title)
{
    char *copy = table->n_columns < most_columns ? strdup(title) : NULL;
    if (!copy) {
        table->failed = true;
        return;
    }
    table->align[table->n_columns] = align;
    table->title[table->n_columns] = copy;
    table->width[table->n_columns++] = lw_text_columns(title);
}

static bool reserve_cell(lw_table *table)
{
    if (table->n_cells < table->capacity) return true;
    size_t capacity = 2 * table->capacity + 64;
    cell *grown = realloc(table->cells, capacity * sizeof *grown);
    if (!grown) return false;
    table->cells = grown;
    table->capacity = capacity;
    return true;
}

void lw_table_cell(lw_table *table, lw_style style, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = table->n_columns > 0 && !table->failed ? strdup(text) : NULL;
    if (!copy || !reserve_cell(table)) {
        free(copy);
        table->failed = true;
        return;
    }
    size_t column = table->n_cells % table->n_columns, width = lw_text_columns(copy);
    if (width > table->width[column]) table->width[column] = width;
    table->cells[table->n_cells++] =
        (cell){.text = copy, .style = style, .rule_above = column == 0 && table->rule_pending};
    table->rule_pending = false;
}

void lw_table_rule(lw_table *table)
{
    table->rule_pending = true;
}

size_t lw_table_columns(const lw_table *table)
{
    size_t total = 0;
    for (size_t i = 0; i < table->n_columns; i++)
        total += table->width[i] + (i > 0 ? gap_columns : 0);
    return total;
}

static void print_spaces(FILE *file, size_t count)
{
    fprintf(file, "%*s", (int)count, "");
}

static void print_rule(const lw_table *table, FILE *file, const lw_terminal *terminal, int indent)
{
    print_spaces(file, (size_t)indent);
    fputs(lw_style_begin(terminal, LW_STYLE_DIM), file);
    for (size_t i = lw_table_columns(table); i > 0; i--)
        fputs(terminal->unicode ? "\u2500" : "-", file);
    fprintf(file, "%s\n", lw_style_end(terminal, LW_STYLE_DIM));
}

// A line never ends in spaces: the last cell of a left-aligned column is not padded.
static void print_cell(const lw_table *table, FILE *file, const lw_terminal *terminal,
                       size_t column, const char *text, lw_style style)
{
    size_t padding = table->width[column] - lw_text_columns(text);
    bool last = column + 1 == table->n_columns;
    if (!*text) style = LW_STYLE_PLAIN;
    if (table->align[column] == LW_ALIGN_RIGHT) print_spaces(file, padding);
    fprintf(file, "%s%s%s", lw_style_begin(terminal, style), text, lw_style_end(terminal, style));
    if (table->align[column] == LW_ALIGN_LEFT && !last) print_spaces(file, padding);
    if (last)
        fputc('\n', file);
    else
        print_spaces(file, gap_columns);
}

static bool has_titles(const lw_table *table)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->title[i][0]) return true;
    return false;
}

lw_status lw_table_print(const lw_table *table, FILE *file, const lw_terminal *terminal, int indent)
{
    if (table->failed)
        return lw_fail(LW_ERROR_MEMORY, "no memory for a table of %zu cells", table->n_cells);
    if (has_titles(table)) {
        print_spaces(file, (size_t)indent);
        for (size_t i = 0; i < table->n_columns; i++)
            print_cell(table, file, terminal, i, table->title[i], LW_STYLE_BOLD);
        print_rule(table, file, terminal, indent);
    }
    for (size_t row = 0; row < table->n_cells; row += table->n_columns) {
        if (table->cells[row].rule_above) print_rule(table, file, terminal, indent);
        print_spaces(file, (size_t)indent);
        for (size_t i = 0; i < table->n_columns; i++) {
            bool there = row + i < table->n_cells;
            print_cell(table, file, terminal, i, there ? table->cells[row + i].text : "",
                       there ? table->cells[row + i].style : LW_STYLE_PLAIN);
        }
    }
    return LW_OK;
}
