// SPDX-License-Identifier: Apache-2.0
#include "report/sizes.h"

#include "base/error.h"
#include "report/format.h"
#include "report/table.h"

enum { most_rows = 16, n_bands = 8 };

// Sizes next to each other, counted together.
typedef struct band {
    const lw_size_metrics *first, *last;
    int64_t count, correct;
    double loss; // sum
} band;

static void add_size(band *to, const lw_size_metrics *size)
{
    if (!to->first) to->first = size;
    to->last = size;
    to->count += size->count;
    to->correct += size->correct;
    to->loss += size->loss * (double)size->count;
}

static void add_row(lw_table *table, const band *row)
{
    if (row->first == row->last)
        lw_table_cell(table, LW_STYLE_PLAIN, "%dx%d", row->first->height, row->first->width);
    else
        lw_table_cell(table, LW_STYLE_PLAIN, "%dx%d to %dx%d", row->first->height,
                      row->first->width, row->last->height, row->last->width);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(row->count).text);
    lw_table_cell(table, LW_STYLE_BOLD, "%s",
                  lw_format_percent((double)row->correct / (double)row->count).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_loss(row->loss / (double)row->count).text);
}

static void add_rows(lw_table *table, const lw_size_metrics *sizes, size_t n_sizes)
{
    int64_t total = 0, seen = 0;
    for (size_t i = 0; i < n_sizes; i++) total += sizes[i].count;
    const int64_t bands = n_sizes > most_rows ? n_bands : (int64_t)n_sizes;
    band row = {.count = 0};
    for (size_t i = 0, done = 0; i < n_sizes; i++) {
        add_size(&row, &sizes[i]);
        seen += sizes[i].count;
        // A band ends where its share of the images is reached.
        bool full = n_sizes <= most_rows || seen * bands >= total * (int64_t)(done + 1);
        if (!full && i + 1 < n_sizes) continue;
        add_row(table, &row);
        row = (band){.count = 0};
        done++;
    }
}

lw_status lw_sizes_print(const lw_size_metrics *sizes, size_t n_sizes, FILE *file,
                         const lw_terminal *terminal)
{
    lw_table *table;
    if (n_sizes < 2) return LW_OK;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "size");
    lw_table_column(table, LW_ALIGN_RIGHT, "images");
    lw_table_column(table, LW_ALIGN_RIGHT, "accuracy");
    lw_table_column(table, LW_ALIGN_RIGHT, "loss");
    add_rows(table, sizes, n_sizes);
    fputc('\n', file);
    lw_status status = lw_table_print(table, file, terminal, 0);
    lw_table_destroy(&table);
    return status;
}
