// SPDX-License-Identifier: Apache-2.0
// Bar charts as SVG: small panels side by side, each with groups of bars, one bar a series. All
// panels share the scale, the colours and one legend.
#ifndef LW_REPORT_SVG_BARS_H
#define LW_REPORT_SVG_BARS_H

#include <lanewise/status.h>
#include <stddef.h>

enum { LW_SVG_MOST_SERIES = 32, LW_SVG_MOST_GROUPS = 8, LW_SVG_MOST_LINES = 4 };

typedef struct lw_svg_panel {
    const char *title, *subtitle;
    // A value that is negative or not a number has no bar.
    double values[LW_SVG_MOST_GROUPS][LW_SVG_MOST_SERIES];
} lw_svg_panel;

typedef struct lw_svg_bars {
    const char *title, *subtitle;
    const char *axis; // what the bars measure, with the unit: "GFLOP/s"
    const char *groups[LW_SVG_MOST_GROUPS];
    size_t n_groups;
    const char *series[LW_SVG_MOST_SERIES];
    size_t n_series;
    const lw_svg_panel *panels;
    size_t n_panels;
    const char *line_names[LW_SVG_MOST_LINES]; // dashed lines across every panel
    double lines[LW_SVG_MOST_LINES];
    size_t n_lines;
} lw_svg_bars;

// Writes the chart to a file, whole or not at all. LW_ERROR_ARGUMENT when there are too many groups
// or series or no panel; LW_ERROR_IO, LW_ERROR_MEMORY.
lw_status lw_svg_bars_write(const lw_svg_bars *chart, const char *path);

#endif
