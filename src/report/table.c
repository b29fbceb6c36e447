// SPDX-License-Identifier: Apache-2.0
// The cells are kept as text until the table is printed: only then are the widths known.
#include "report/table.h"

#include "base/error.h"
#include "base/text.h"
#include "report/format.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { most_columns = 256, gap_columns = 2 };
enum { longest_line = 44 }; // of a cell on a page

typedef struct cell {
    char *text; // owned
    lw_style style;
    bool rule_above, is_number, is_share;
    double number;
    double heat; // -1 .. 1
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

static cell *add_cell(lw_table *table, lw_style style, const char *format, va_list arguments)
{
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    lw_text_make_printable(text); // names come from files
    char *copy = table->n_columns > 0 && !table->failed ? strdup(text) : NULL;
    if (!copy || !reserve_cell(table)) {
        free(copy);
        table->failed = true;
        return NULL;
    }
    size_t column = table->n_cells % table->n_columns, width = lw_text_columns(copy);
    if (width > table->width[column]) table->width[column] = width;
    cell *added = &table->cells[table->n_cells++];
    *added = (cell){.text = copy, .style = style, .rule_above = column == 0 && table->rule_pending};
    table->rule_pending = false;
    return added;
}

void lw_table_cell(lw_table *table, lw_style style, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_cell(table, style, format, arguments);
    va_end(arguments);
}

static void add_number(lw_table *table, lw_style style, double number, double heat,
                       const char *format, va_list arguments)
{
    cell *added = add_cell(table, style, format, arguments);
    if (!added) return;
    added->is_number = true;
    added->number = number;
    added->heat = isfinite(heat) ? fmin(fmax(heat, -1), 1) : 0;
}

void lw_table_number(lw_table *table, lw_style style, double number, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_number(table, style, number, 0, format, arguments);
    va_end(arguments);
}

void lw_table_heat(lw_table *table, lw_style style, double number, double heat, const char *format,
                   ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_number(table, style, number, heat, format, arguments);
    va_end(arguments);
}

void lw_table_share(lw_table *table, lw_style style, double fraction)
{
    const bool known = isfinite(fraction);
    lw_table_number(table, style, fraction, "%s", lw_format_percent(fraction).text);
    if (!table->failed) table->cells[table->n_cells - 1].is_share = known;
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

// The ground of a cell in 256 colours, dark enough for white letters; "" for no heat.
static const char *ground_begin(const lw_terminal *terminal, double heat)
{
    static const char *const good[] = {"\x1b[97;48;5;22m", "\x1b[97;48;5;28m", "\x1b[97;48;5;29m"};
    static const char *const bad[] = {"\x1b[97;48;5;52m", "\x1b[97;48;5;88m", "\x1b[97;48;5;124m"};
    const double size = fabs(heat);
    if (!terminal->colour || size < 0.02) return "";
    const int step = size < 0.34 ? 0 : size < 0.67 ? 1 : 2;
    return heat > 0 ? good[step] : bad[step];
}

// A line never ends in spaces: the last cell of a left-aligned column is not padded.
static void print_cell(const lw_table *table, FILE *file, const lw_terminal *terminal,
                       size_t column, const cell *it)
{
    const char *ground = ground_begin(terminal, it->heat);
    size_t padding = table->width[column] - lw_text_columns(it->text);
    bool last = column + 1 == table->n_columns;
    lw_style style = *it->text ? it->style : LW_STYLE_PLAIN;
    fputs(ground, file);
    if (table->align[column] == LW_ALIGN_RIGHT) print_spaces(file, padding);
    if (*ground)
        fprintf(file, "%s\x1b[0m", it->text);
    else
        fprintf(file, "%s%s%s", lw_style_begin(terminal, style), it->text,
                lw_style_end(terminal, style));
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

static lw_status check(const lw_table *table)
{
    assert(table->n_columns > 0 || table->n_cells == 0);
    return table->failed
               ? lw_fail(LW_ERROR_MEMORY, "no memory for a table of %zu cells", table->n_cells)
               : LW_OK;
}

lw_status lw_table_print(const lw_table *table, FILE *file, const lw_terminal *terminal, int indent)
{
    LW_TRY(check(table));
    if (has_titles(table)) {
        print_spaces(file, (size_t)indent);
        for (size_t i = 0; i < table->n_columns; i++)
            print_cell(table, file, terminal, i,
                       &(cell){.text = table->title[i], .style = LW_STYLE_BOLD});
        print_rule(table, file, terminal, indent);
    }
    for (size_t row = 0; row < table->n_cells; row += table->n_columns) {
        if (table->cells[row].rule_above) print_rule(table, file, terminal, indent);
        print_spaces(file, (size_t)indent);
        for (size_t i = 0; i < table->n_columns; i++) {
            static char nothing[] = "";
            const cell empty = {.text = nothing};
            bool there = row + i < table->n_cells;
            print_cell(table, file, terminal, i, there ? &table->cells[row + i] : &empty);
        }
    }
    return LW_OK;
}

static void append_cell_html(lw_text *text, const cell *it, lw_align align, bool names_row)
{
    static const char *const classes[] = {[LW_STYLE_PLAIN] = "",
                                          [LW_STYLE_BOLD] = " strong",
                                          [LW_STYLE_DIM] = " dim",
                                          [LW_STYLE_GOOD] = " good",
                                          [LW_STYLE_BAD] = " bad"};
    const double heat = fabs(it->heat);
    const bool wraps = align == LW_ALIGN_LEFT && lw_text_columns(it->text) > longest_line;
    lw_text_print(text, "<%s class=\"%s%s%s%s%s\"", names_row ? "th scope=\"row\"" : "td",
                  align == LW_ALIGN_RIGHT ? "n" : "t", wraps ? " long" : "", classes[it->style],
                  it->is_share ? " share" : "",
                  heat < 0.005   ? ""
                  : it->heat > 0 ? " cool"
                                 : " hot");
    if (it->is_share)
        lw_text_print(text, " style=\"--share-at:%.1f%%\"", 100 * fmin(fmax(it->number, 0), 1));
    if (heat >= 0.005) lw_text_print(text, " style=\"--heat:%.2f\"", heat);
    lw_text_print(text, ">");
    lw_text_append_xml(text, it->text);
    lw_text_print(text, names_row ? "</th>" : "</td>");
}

lw_status lw_table_append_html(const lw_table *table, lw_text *text)
{
    LW_TRY(check(table));
    lw_text_print(text, "<table>");
    if (has_titles(table)) {
        lw_text_print(text, "<thead><tr>");
        for (size_t i = 0; i < table->n_columns; i++) {
            lw_text_print(text, "<th scope=\"col\"%s>",
                          table->align[i] == LW_ALIGN_RIGHT ? " class=\"n\"" : "");
            lw_text_append_xml(text, table->title[i]);
            lw_text_print(text, "</th>");
        }
        lw_text_print(text, "</tr></thead>");
    }
    lw_text_print(text, "<tbody>\n");
    for (size_t i = 0; i < table->n_cells; i++) {
        const size_t column = i % table->n_columns;
        if (column == 0)
            lw_text_print(text, table->cells[i].rule_above ? "<tr class=\"rule\">" : "<tr>");
        append_cell_html(text, &table->cells[i], table->align[column], column == 0);
        if (column + 1 == table->n_columns || i + 1 == table->n_cells)
            lw_text_print(text, "</tr>\n");
    }
    lw_text_print(text, "</tbody></table>\n");
    return LW_OK;
}

// What would end a cell is written out.
static void append_cell_markdown(lw_text *text, const char *bytes)
{
    lw_text_print(text, " ");
    for (const char *at = bytes; *at; at++) {
        const char *shown = *at == '|' ? "\\|" : *at == '\n' ? " " : NULL;
        lw_text_append(text, shown ? shown : at, shown ? strlen(shown) : 1);
    }
    lw_text_print(text, " |");
}

lw_status lw_table_append_markdown(const lw_table *table, lw_text *text)
{
    LW_TRY(check(table));
    lw_text_print(text, "|");
    for (size_t i = 0; i < table->n_columns; i++) append_cell_markdown(text, table->title[i]);
    lw_text_print(text, "\n|");
    for (size_t i = 0; i < table->n_columns; i++)
        lw_text_print(text, table->align[i] == LW_ALIGN_RIGHT ? "---:|" : "---|");
    for (size_t i = 0; i < table->n_cells; i++) {
        if (i % table->n_columns == 0) lw_text_print(text, "\n|");
        append_cell_markdown(text, table->cells[i].text);
    }
    lw_text_print(text, "\n");
    return LW_OK;
}

lw_status lw_table_append_json(const lw_table *table, lw_text *text)
{
    LW_TRY(check(table));
    lw_text_print(text, "[");
    for (size_t i = 0; i < table->n_cells; i++) {
        const size_t column = i % table->n_columns;
        lw_text_print(text, "%s", column > 0 ? "," : i > 0 ? ",\n{" : "{");
        lw_text_append_json(text, table->title[column]);
        lw_text_print(text, ":");
        if (table->cells[i].is_number)
            lw_text_append_json_number(text, table->cells[i].number);
        else
            lw_text_append_json(text, table->cells[i].text);
        if (column + 1 == table->n_columns || i + 1 == table->n_cells) lw_text_print(text, "}");
    }
    lw_text_print(text, "]");
    return LW_OK;
}
