// SPDX-License-Identifier: Apache-2.0
#include "report/svg_bars.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// Pixels. A panel has room for its titles above the plot and the group names below it.
enum {
    margin = 24,
    head_height = 64,
    legend_row = 22,
    legend_gap = 12,
    panel_gap = 28,
    panel_title = 44,
    panel_foot = 26,
    axis_width = 56,
    plot_height = 190,
    least_bar = 12,
    most_bar = 44,
    group_gap = 22,
    usual_width = 1040 // of the whole picture, unless one panel needs more
};

// Told apart also by people who confuse red and green, and on paper.
static const char *const colours[] = {"#9aa5b1", "#2f6fb3", "#e08a1e", "#2a9d76",
                                      "#b4447c", "#7a5fc0", "#c9b037", "#5aa9c7"};
enum { n_colours = sizeof colours / sizeof *colours };
static const char *const dashes[LW_SVG_MOST_LINES] = {"8 4", "2 3", "12 3 2 3", "4 8"};

// Measures of the picture that follow from the chart.
typedef struct layout {
    double bar, panel_width, plot_width, height, width;
    double top, step; // of the value axis
    size_t panels_across, legend_across, legend_rows, entries;
    double legend_column;
} layout;

// A series beyond the colours repeats them, lighter.
static const char *colour_of(size_t series)
{
    return colours[series % n_colours];
}

static const char *opacity_of(size_t series)
{
    return series / n_colours % 2 ? "0.55" : "1";
}

typedef enum alignment { START, MIDDLE, END } alignment;

static void print_label(lw_text *out, double x, double y, alignment anchor, const char *class,
                        const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    lw_text_print(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y,
                  anchors[anchor], class);
    lw_text_append_xml(out, text);
    lw_text_print(out, "</text>\n");
}

// A number with three digits: "0.42", "7.31", "98.2", "1230".
static void format_value(char text[32], double value)
{
    const char *format = value >= 99.95 ? "%.0f" : value >= 9.995 ? "%.1f" : "%.2f";
    snprintf(text, 32, format, value);
}

static double largest_value(const lw_svg_bars *chart)
{
    double largest = 0;
    for (size_t i = 0; i < chart->n_lines; i++)
        if (chart->lines[i] > largest) largest = chart->lines[i];
    for (size_t p = 0; p < chart->n_panels; p++)
        for (size_t g = 0; g < chart->n_groups; g++)
            for (size_t s = 0; s < chart->n_series; s++)
                if (isfinite(chart->panels[p].values[g][s]) &&
                    chart->panels[p].values[g][s] > largest)
                    largest = chart->panels[p].values[g][s];
    return largest > 0 ? largest : 1;
}

// Round steps, four to eight of them, up to just above the largest value.
static void scale_axis(layout *l, double largest)
{
    double power = pow(10, floor(log10(largest)));
    static const double steps[] = {0.2, 0.5, 1, 2};
    l->step = power * 2;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (largest / (steps[i] * power) <= 8) {
            l->step = steps[i] * power;
            break;
        }
    // A little air for the figures above the bars.
    l->top = l->step * ceil(largest * 1.06 / l->step);
}

static layout measure(const lw_svg_bars *chart)
{
    layout l = {0};
    scale_axis(&l, largest_value(chart));
    double bars = (double)chart->n_groups * (double)chart->n_series;
    double gaps = (double)(chart->n_groups + 1) * group_gap;
    double room = chart->n_panels == 1 ? usual_width - 2 * margin
                                       : (usual_width - 2 * margin - panel_gap) / 2.0;
    l.bar = fmin(fmax((room - axis_width - gaps) / bars, least_bar), most_bar);
    l.plot_width = fmax(l.bar * bars + gaps, room - axis_width);
    l.panel_width = l.plot_width + axis_width;
    l.panels_across = chart->n_panels == 1 || l.panel_width > room + 1 ? 1 : 2;
    // One narrow panel across leaves room at its right, which the head of the picture takes.
    l.width = fmax(usual_width, 2 * margin + (double)l.panels_across * l.panel_width +
                                    (double)(l.panels_across - 1) * panel_gap);
    size_t longest = 8;
    for (size_t i = 0; i < chart->n_series; i++)
        if (strlen(chart->series[i]) > longest) longest = strlen(chart->series[i]);
    for (size_t i = 0; i < chart->n_lines; i++)
        if (strlen(chart->line_names[i]) > longest) longest = strlen(chart->line_names[i]);
    l.entries = chart->n_series + chart->n_lines;
    l.legend_column = 40 + 7.0 * (double)longest;
    l.legend_across = (size_t)fmax(1, floor((l.width - 2 * margin) / l.legend_column));
    l.legend_rows = (l.entries + l.legend_across - 1) / l.legend_across;
    size_t rows = (chart->n_panels + l.panels_across - 1) / l.panels_across;
    l.height = 2 * margin + head_height + (double)l.legend_rows * legend_row + legend_gap +
               (double)rows * (panel_title + plot_height + panel_foot + panel_gap) - panel_gap;
    return l;
}

static void print_head(lw_text *out, const lw_svg_bars *chart, const layout *l)
{
    lw_text_print(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>",
                  l->width, l->height, l->width, l->height);
    lw_text_append_xml(out, chart->title);
    lw_text_print(out, "</title>\n<style>\n"
                       "text { font-family: \"DejaVu Sans\", Helvetica, Arial, sans-serif; "
                       "font-size: 12px; fill: #333; }\n"
                       ".title { font-size: 18px; font-weight: bold; fill: #111; }\n"
                       ".panel { font-size: 13px; font-weight: bold; fill: #111; }\n"
                       ".small { font-size: 11px; fill: #555; }\n"
                       ".figure { font-size: 9px; fill: #333; paint-order: stroke; stroke: #fff; "
                       "stroke-width: 2.5px; }\n"
                       ".grid { stroke: #e2e5e9; stroke-width: 1; }\n"
                       ".base { stroke: #555; stroke-width: 1; }\n"
                       ".line { stroke: #b3261e; stroke-width: 1.5; }\n"
                       "</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    print_label(out, margin, margin + 18, START, "title", chart->title);
    print_label(out, margin, margin + 40, START, "small", chart->subtitle);
}

// A dashed line across; each has its own dashes.
static void print_line(lw_text *out, size_t index, double left, double right, double y)
{
    lw_text_print(out,
                  "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"line\" "
                  "stroke-dasharray=\"%s\"/>\n",
                  left, y, right, y, dashes[index]);
}

static void print_legend(lw_text *out, const lw_svg_bars *chart, const layout *l)
{
    for (size_t i = 0; i < l->entries; i++) {
        const size_t column = i % l->legend_across, row = i / l->legend_across;
        double x = margin + (double)column * l->legend_column;
        double y = margin + head_height + (double)row * legend_row;
        bool series = i < chart->n_series;
        if (series)
            lw_text_print(out,
                          "<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"14\" fill=\"%s\" "
                          "fill-opacity=\"%s\"/>\n",
                          x, y - 2, colour_of(i), opacity_of(i));
        else
            print_line(out, i - chart->n_series, x - 2, x + 16, y + 5);
        print_label(out, x + 22, y + 9, START, "legend",
                    series ? chart->series[i] : chart->line_names[i - chart->n_series]);
    }
}

static void print_axis(lw_text *out, const lw_svg_bars *chart, const layout *l, double left,
                       double base)
{
    char text[32];
    for (int i = 0; (double)i * l->step <= l->top * 1.0001; i++) {
        double value = (double)i * l->step, y = base - value / l->top * plot_height;
        lw_text_print(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
                      left, y, left + l->plot_width, y, i == 0 ? "base" : "grid");
        snprintf(text, sizeof text, "%.10g", value);
        print_label(out, left - 6, y + 4, END, "small", text);
    }
    double x = left - axis_width + 12, y = base - plot_height / 2.0;
    lw_text_print(out,
                  "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" class=\"small\" "
                  "transform=\"rotate(-90 %.1f %.1f)\">",
                  x, y, x, y);
    lw_text_append_xml(out, chart->axis);
    lw_text_print(out, "</text>\n");
}

static bool has_bar(double value)
{
    return isfinite(value) && value >= 0;
}

static void print_bars(lw_text *out, const lw_svg_bars *chart, const layout *l,
                       const double *values, double left, double base)
{
    for (size_t s = 0; s < chart->n_series; s++) {
        if (!has_bar(values[s])) continue;
        double height = values[s] / l->top * plot_height;
        lw_text_print(out,
                      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                      "fill-opacity=\"%s\"/>\n",
                      left + (double)s * l->bar + 1, base - height, l->bar - 2, height,
                      colour_of(s), opacity_of(s));
    }
}

// The figures above the bars; narrow bars leave room for upright ones only.
static void print_figures(lw_text *out, const lw_svg_bars *chart, const layout *l,
                          const double *values, double left, double base)
{
    for (size_t s = 0; s < chart->n_series; s++) {
        if (!has_bar(values[s])) continue;
        char text[32];
        format_value(text, values[s]);
        double middle = left + ((double)s + 0.5) * l->bar;
        double above = base - values[s] / l->top * plot_height - 3;
        if (l->bar >= 24)
            print_label(out, middle, above, MIDDLE, "figure", text);
        else
            lw_text_print(out,
                          "<text x=\"%.1f\" y=\"%.1f\" class=\"figure\" "
                          "transform=\"rotate(-90 %.1f %.1f)\">%s</text>\n",
                          middle + 3, above, middle + 3, above, text);
    }
}

static void print_panel(lw_text *out, const lw_svg_bars *chart, const layout *l, size_t index)
{
    const lw_svg_panel *panel = &chart->panels[index];
    size_t row = index / l->panels_across, column = index % l->panels_across;
    double x = margin + (double)column * (l->panel_width + panel_gap);
    double y = margin + head_height + (double)l->legend_rows * legend_row + legend_gap +
               (double)row * (panel_title + plot_height + panel_foot + panel_gap);
    double left = x + axis_width, base = y + panel_title + plot_height;
    print_label(out, left, y + 14, START, "panel", panel->title);
    print_label(out, left, y + 30, START, "small", panel->subtitle);
    print_axis(out, chart, l, left, base);
    // Lines over the bars, which may be higher, and figures over both.
    double bars = l->bar * (double)chart->n_series;
    double room = l->plot_width / (double)chart->n_groups;
    for (size_t g = 0; g < chart->n_groups; g++) {
        double middle = left + ((double)g + 0.5) * room;
        print_bars(out, chart, l, panel->values[g], middle - bars / 2, base);
        print_label(out, middle, base + 17, MIDDLE, "legend", chart->groups[g]);
    }
    for (size_t i = 0; i < chart->n_lines; i++)
        print_line(out, i, left, left + l->plot_width,
                   base - chart->lines[i] / l->top * plot_height);
    for (size_t g = 0; g < chart->n_groups; g++)
        print_figures(out, chart, l, panel->values[g], left + ((double)g + 0.5) * room - bars / 2,
                      base);
}

lw_status lw_svg_bars_write(const lw_svg_bars *chart, const char *path)
{
    if (chart->n_panels == 0 || chart->n_groups == 0 || chart->n_groups > LW_SVG_MOST_GROUPS ||
        chart->n_series == 0 || chart->n_series > LW_SVG_MOST_SERIES ||
        chart->n_lines > LW_SVG_MOST_LINES)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "%s: a chart of %zu panels, %zu groups, %zu series and "
                       "%zu lines cannot be drawn",
                       path, chart->n_panels, chart->n_groups, chart->n_series, chart->n_lines);
    layout l = measure(chart);
    lw_text out = {0};
    print_head(&out, chart, &l);
    print_legend(&out, chart, &l);
    for (size_t i = 0; i < chart->n_panels; i++) print_panel(&out, chart, &l, i);
    lw_text_print(&out, "</svg>\n");
    lw_status status = out.failed ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for the chart", path)
                                  : lw_file_write(path, out.bytes, out.length);
    lw_text_free(&out);
    return status;
}
