// SPDX-License-Identifier: Apache-2.0
// Line and point charts as SVG for a page (report/page.h has the style and the script that go with
// them): curves over epochs, accuracy over sizes or parameters.
#ifndef LW_REPORT_CHART_H
#define LW_REPORT_CHART_H

#include "base/text.h"
#include "report/table.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

// As many colours as can be told apart; a series beyond them begins anew.
enum { LW_CHART_COLOURS = 8 };

// A curve, or points alone. Everything is borrowed for the call.
typedef struct lw_chart_series {
    const char *name;
    const double *x, *y;      // (n) each; a y that is not finite is a gap
    const double *low, *high; // (n) an interval around each y, or NULL
    size_t n;
    size_t colour; // 0, 1, ...
    bool faint;    // thin and light, and not in the legend: one of many of its kind
    bool dashed;
    bool points; // no line, a mark at every point
} lw_chart_series;

typedef struct lw_chart {
    const char *title;           // what it shows, in words
    const char *x_axis, *y_axis; // what the axes measure, with units: "epoch", "accuracy (%)"
    int x_decimals, y_decimals;  // of values in words
    bool log_x, log_y;           // values of 0 and below are left out
    const lw_chart_series *series;
    size_t n_series;
} lw_chart;

// Appends the chart as an SVG element with title and description. `id` is a word that is unique on the
// page.
void lw_chart_draw(lw_text *text, const lw_chart *chart, const char *id);

// Appends the legend as an HTML list; nothing where a single series needs none.
void lw_chart_append_legend(lw_text *text, const lw_chart *chart);

// The same figures as a table: a row for each x and a column for each series, the faint ones behind; of
// points a row for each, with its interval. *table is owned by the caller. LW_ERROR_MEMORY.
lw_status lw_chart_make_table(lw_table **table, const lw_chart *chart);

// The columns behind the first one whose series are not faint.
size_t lw_chart_shown(const lw_chart *chart);

// For axes of other drawings: a step of 1, 2 or 5 times a power of ten that divides the range into at most `most`
// parts; and the number at a tick in few digits.
double lw_chart_round_step(double range, int most);
enum { LW_CHART_TICK_BYTES = 48 };
void lw_chart_format_tick(char text[LW_CHART_TICK_BYTES], double value);

#endif
