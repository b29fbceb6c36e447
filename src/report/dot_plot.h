// SPDX-License-Identifier: Apache-2.0
// Rows of a comparison as SVG for a page (report/page.h has the style): each row a name, the single values as
// faint dots, their mean with its interval, and what was published as a hollow diamond.
#ifndef LW_REPORT_DOT_PLOT_H
#define LW_REPORT_DOT_PLOT_H

#include "base/text.h"

#include <stddef.h>

typedef struct lw_dot_row {
    const char *name;
    const double *values; // (n)
    size_t n;
    double mean, low, high; // NaN: none
    double published;       // NaN: nothing was
} lw_dot_row;

typedef struct lw_dot_plot {
    const char *title; // what it shows, in words
    const char *axis;  // what it measures, with the unit: "test accuracy (%)"
    int decimals;      // of values in words
    const lw_dot_row *rows;
    size_t n_rows;
} lw_dot_plot;

// Appends the plot as an SVG element with title and description. Borrowed for the call.
void lw_dot_plot_draw(lw_text *text, const lw_dot_plot *plot);

#endif
