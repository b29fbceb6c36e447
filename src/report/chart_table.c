// SPDX-License-Identifier: Apache-2.0
// A chart's figures as a table.
#include "report/chart.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

enum { most_curves = 200 };

size_t lw_chart_shown(const lw_chart *chart)
{
    size_t shown = 0;
    for (size_t s = 0; s < chart->n_series; s++) shown += !chart->series[s].faint;
    return shown;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Every x that any series has, once, in order; NULL without memory.
static double *collect_x(const lw_chart *chart, size_t *n)
{
    size_t capacity = 1;
    for (size_t s = 0; s < chart->n_series; s++) capacity += chart->series[s].n;
    double *all = malloc(capacity * sizeof *all);
    size_t filled = 0;
    *n = 0;
    if (!all) return NULL;
    for (size_t s = 0; s < chart->n_series; s++)
        for (size_t i = 0; i < chart->series[s].n; i++)
            if (isfinite(chart->series[s].x[i])) all[filled++] = chart->series[s].x[i];
    qsort(all, filled, sizeof *all, compare);
    for (size_t i = 0; i < filled; i++)
        if (*n == 0 || all[i] > all[*n - 1]) all[(*n)++] = all[i];
    return all;
}

static double value_at(const lw_chart_series *series, double x)
{
    for (size_t i = 0; i < series->n; i++)
        if (!(series->x[i] < x) && !(series->x[i] > x)) return series->y[i];
    return NAN;
}

static void add_value(lw_table *table, double value, int decimals)
{
    if (isfinite(value))
        lw_table_number(table, LW_STYLE_PLAIN, value, "%.*f", decimals, value);
    else
        lw_table_number(table, LW_STYLE_DIM, value, "-");
}

static lw_status fill_curves(lw_table *table, const lw_chart *chart)
{
    size_t n;
    double *x = collect_x(chart, &n);
    if (!x) return lw_fail(LW_ERROR_MEMORY, "no memory for the table of a chart");
    lw_table_column(table, LW_ALIGN_RIGHT, chart->x_axis);
    // Of very many curves the table has those that stand out.
    const int last = chart->n_series < most_curves ? 1 : 0;
    for (int faint = 0; faint <= last; faint++)
        for (size_t s = 0; s < chart->n_series; s++)
            if (chart->series[s].faint == (faint == 1))
                lw_table_column(table, LW_ALIGN_RIGHT, chart->series[s].name);
    for (size_t i = 0; i < n; i++) {
        add_value(table, x[i], chart->x_decimals);
        for (int faint = 0; faint <= last; faint++)
            for (size_t s = 0; s < chart->n_series; s++)
                if (chart->series[s].faint == (faint == 1))
                    add_value(table, value_at(&chart->series[s], x[i]), chart->y_decimals);
    }
    free(x);
    return LW_OK;
}

static void fill_points(lw_table *table, const lw_chart *chart)
{
    lw_table_column(table, LW_ALIGN_LEFT, "name");
    lw_table_column(table, LW_ALIGN_RIGHT, chart->x_axis);
    lw_table_column(table, LW_ALIGN_RIGHT, chart->y_axis);
    lw_table_column(table, LW_ALIGN_RIGHT, "from");
    lw_table_column(table, LW_ALIGN_RIGHT, "to");
    for (size_t s = 0; s < chart->n_series; s++)
        for (size_t i = 0; i < chart->series[s].n; i++) {
            const lw_chart_series *series = &chart->series[s];
            lw_table_cell(table, LW_STYLE_PLAIN, "%s", series->name);
            add_value(table, series->x[i], chart->x_decimals);
            add_value(table, series->y[i], chart->y_decimals);
            add_value(table, series->low ? series->low[i] : NAN, chart->y_decimals);
            add_value(table, series->high ? series->high[i] : NAN, chart->y_decimals);
        }
}

lw_status lw_chart_make_table(lw_table **table, const lw_chart *chart)
{
    bool points = chart->n_series > 0;
    for (size_t s = 0; s < chart->n_series; s++) points = points && chart->series[s].points;
    LW_TRY(lw_table_create(table));
    lw_status status = LW_OK;
    if (points)
        fill_points(*table, chart);
    else
        status = fill_curves(*table, chart);
    if (status) lw_table_destroy(table);
    return status;
}
