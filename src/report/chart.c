// SPDX-License-Identifier: Apache-2.0
// The picture is 440 units wide, so that its letters can be read on a phone as well as on a page of
// two columns. The value axis is named above itself: upright letters need no turned head.
#include "report/chart.h"

#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { width = 440, height = 270, right = 16, top = 30, bottom = 44, digit = 8 };
enum { most_marks = 400 }; // of a series; more would be a smear, and a large page

// One axis: a range in units of the picture or, for a logarithmic one, of log10.
typedef struct axis {
    double low, high;
    double ticks[16];
    int n_ticks;
    bool log;
} axis;

typedef struct frame {
    axis x, y;
    double left;
} frame;

static bool usable(double value, bool log)
{
    return isfinite(value) && (!log || value > 0);
}

static double scale(const axis *a, double value)
{
    const double at = a->log ? log10(value) : value;
    return (at - a->low) / (a->high - a->low);
}

static double x_of(const frame *f, double value)
{
    return f->left + (width - right - f->left) * scale(&f->x, value);
}

static double y_of(const frame *f, double value)
{
    return height - bottom - (height - top - bottom) * fmin(fmax(scale(&f->y, value), 0), 1);
}

// ---- the axes ---------------------------------------------------------------------------------

static void widen(axis *a, double value)
{
    if (!usable(value, a->log)) return;
    a->low = fmin(a->low, a->log ? log10(value) : value);
    a->high = fmax(a->high, a->log ? log10(value) : value);
}

double lw_chart_round_step(double range, int most)
{
    const double power = pow(10, floor(log10(range / most)));
    static const double steps[] = {1, 2, 5, 10};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (range <= most * steps[i] * power * (1 + 1e-9)) return steps[i] * power;
    return 10 * power;
}

static void add_tick(axis *a, double value)
{
    if (a->n_ticks < (int)(sizeof a->ticks / sizeof *a->ticks)) a->ticks[a->n_ticks++] = value;
}

static void add_linear_ticks(axis *a, int most, double least_step)
{
    const double step = fmax(lw_chart_round_step(a->high - a->low, most), least_step);
    const double slack = 1e-6 * step;
    for (double i = ceil((a->low - slack) / step); i * step <= a->high + slack; i++)
        add_tick(a, i * step);
}

// 1, 2, 5 of every power of ten where that gives few enough, else the powers alone.
static void add_log_ticks(axis *a, int most)
{
    static const double digits[] = {1, 2, 5};
    const bool all = a->high - a->low < most / 3.0;
    const int last_power = (int)floor(a->high);
    for (int power = (int)floor(a->low); power <= last_power; power++)
        for (int i = 0; i < (all ? 3 : 1); i++) {
            const double value = digits[i] * pow(10, power), at = log10(value);
            if (at >= a->low - 1e-9 && at <= a->high + 1e-9) add_tick(a, value);
        }
    if (a->n_ticks >= 3) return;
    // A range of less than a power of ten has the marks that it would have without the logarithm.
    axis plain = {.low = pow(10, a->low), .high = pow(10, a->high)};
    add_linear_ticks(&plain, 5, 0);
    a->n_ticks = 0;
    for (int i = 0; i < plain.n_ticks; i++)
        if (plain.ticks[i] > 0) add_tick(a, plain.ticks[i]);
}

// An empty range becomes one around its value, none at all 0 to 1.
static void settle(axis *a, double air)
{
    if (!(a->high >= a->low)) {
        a->low = 0;
        a->high = 1;
    }
    double margin = air * (a->high - a->low);
    if (a->high - a->low < 1e-9 * fmax(1, fabs(a->high)))
        margin = a->log ? 0.1 : fmax(0.05 * fabs(a->high), 0.5);
    a->low -= margin;
    a->high += margin;
}

void lw_chart_format_tick(char text[LW_CHART_TICK_BYTES], double value)
{
    if (fabs(value) < 1e-12) value = 0; // what is left of adding steps up
    if (fabs(value) >= 1e4 && fabs(value) < 1e15)
        snprintf(text, LW_CHART_TICK_BYTES, "%s", lw_format_count(llround(value)).text);
    else
        snprintf(text, LW_CHART_TICK_BYTES, "%.4g", value);
}

static frame measure(const lw_chart *chart)
{
    frame f = {.x = {.low = INFINITY, .high = -INFINITY, .log = chart->log_x},
               .y = {.low = INFINITY, .high = -INFINITY, .log = chart->log_y}};
    bool whole = true, only_points = chart->n_series > 0, negative = false;
    for (size_t s = 0; s < chart->n_series; s++) {
        const lw_chart_series *series = &chart->series[s];
        only_points = only_points && series->points;
        for (size_t i = 0; i < series->n; i++) {
            if (!usable(series->x[i], f.x.log) || !usable(series->y[i], f.y.log)) continue;
            widen(&f.x, series->x[i]);
            widen(&f.y, series->y[i]);
            if (series->low) widen(&f.y, series->low[i]);
            if (series->high) widen(&f.y, series->high[i]);
            whole = whole && series->x[i] == floor(series->x[i]);
            negative = negative || series->y[i] < 0;
        }
    }
    settle(&f.x, only_points ? 0.08 : 0);
    settle(&f.y, 0.05);
    if (!f.y.log && !negative) f.y.low = fmax(f.y.low, 0);
    f.x.log ? add_log_ticks(&f.x, 6) : add_linear_ticks(&f.x, 8, whole ? 1 : 0);
    f.y.log ? add_log_ticks(&f.y, 8) : add_linear_ticks(&f.y, 6, 0);
    size_t longest = 1;
    for (int i = 0; i < f.y.n_ticks; i++) {
        char text[LW_CHART_TICK_BYTES];
        lw_chart_format_tick(text, f.y.ticks[i]);
        if (strlen(text) > longest) longest = strlen(text);
    }
    f.left = 16 + digit * (double)longest;
    return f;
}

static void print_label(lw_text *text, double x, double y, const char *anchor, const char *label)
{
    lw_text_print(text, "<text class=\"c-label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y,
                  anchor);
    lw_text_append_xml(text, label);
    lw_text_print(text, "</text>\n");
}

static void draw_axes(lw_text *text, const lw_chart *chart, const frame *f)
{
    char label[LW_CHART_TICK_BYTES];
    for (int i = 0; i < f->y.n_ticks; i++) {
        const double y = y_of(f, f->y.ticks[i]);
        lw_text_print(text,
                      "<line class=\"c-grid\" x1=\"%.1f\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                      f->left, width - right, y, y);
        lw_chart_format_tick(label, f->y.ticks[i]);
        print_label(text, f->left - 6, y + 4, "end", label);
    }
    // Marks whose labels would touch the one before have none.
    double free_from = -INFINITY;
    for (int i = 0; i < f->x.n_ticks; i++) {
        const double x = x_of(f, f->x.ticks[i]);
        lw_text_print(text, "<path class=\"c-base\" d=\"M%.1f %dv4\"/>\n", x, height - bottom);
        lw_chart_format_tick(label, f->x.ticks[i]);
        const double half = 0.5 * digit * (double)strlen(label);
        if (x - half < free_from || x + half > width - 2) continue;
        free_from = x + half + digit;
        print_label(text, x, height - bottom + 18, "middle", label);
    }
    lw_text_print(text, "<path class=\"c-base\" d=\"M%.1f %dH%d\"/>\n", f->left, height - bottom,
                  width - right);
    print_label(text, 4, 14, "start", chart->y_axis);
    print_label(text, width - right, height - 6, "end", chart->x_axis);
}

// ---- the series -------------------------------------------------------------------------------

static bool drawn(const lw_chart *chart, const lw_chart_series *series, size_t i)
{
    return usable(series->x[i], chart->log_x) && usable(series->y[i], chart->log_y);
}

static bool has_interval(const lw_chart *chart, const lw_chart_series *series, size_t i)
{
    return series->low && series->high && drawn(chart, series, i) &&
           usable(series->low[i], chart->log_y) && usable(series->high[i], chart->log_y);
}

static void draw_line(lw_text *text, const lw_chart *chart, const frame *f,
                      const lw_chart_series *series)
{
    bool pen_down = false;
    lw_text_print(text, "<path class=\"c-line%s%s s%zu\" d=\"", series->faint ? " c-faint" : "",
                  series->dashed ? " c-dashed" : "", series->colour % LW_CHART_COLOURS);
    for (size_t i = 0; i < series->n; i++) {
        const bool there = drawn(chart, series, i);
        if (there)
            lw_text_print(text, "%s%.1f %.1f", pen_down ? "L" : "M", x_of(f, series->x[i]),
                          y_of(f, series->y[i]));
        pen_down = there;
    }
    lw_text_print(text, "\"/>\n");
}

// The interval of a curve as a band: along the upper ends and back along the lower ones.
static void draw_band(lw_text *text, const lw_chart *chart, const frame *f,
                      const lw_chart_series *series)
{
    size_t n = 0;
    for (size_t i = 0; i < series->n; i++) n += has_interval(chart, series, i);
    if (n < 2) return;
    lw_text_print(text, "<path class=\"c-band s%zu\" d=\"", series->colour % LW_CHART_COLOURS);
    const char *pen = "M";
    for (size_t i = 0; i < series->n; i++) {
        if (!has_interval(chart, series, i)) continue;
        lw_text_print(text, "%s%.1f %.1f", pen, x_of(f, series->x[i]), y_of(f, series->high[i]));
        pen = "L";
    }
    for (size_t i = series->n; i-- > 0;)
        if (has_interval(chart, series, i))
            lw_text_print(text, "L%.1f %.1f", x_of(f, series->x[i]), y_of(f, series->low[i]));
    lw_text_print(text, "Z\"/>\n");
}

static void draw_bars(lw_text *text, const lw_chart *chart, const frame *f,
                      const lw_chart_series *series)
{
    lw_text_print(text, "<path class=\"c-bar s%zu\" d=\"", series->colour % LW_CHART_COLOURS);
    for (size_t i = 0; i < series->n; i++) {
        if (!has_interval(chart, series, i)) continue;
        const double x = x_of(f, series->x[i]), low = y_of(f, series->low[i]);
        const double high = y_of(f, series->high[i]);
        lw_text_print(text, "M%.1f %.1fh8m-4 0V%.1fm-4 0h8", x - 4, low, high);
    }
    lw_text_print(text, "\"/>\n");
}

// A mark with its value in words, which browsers show under the pointer and screen readers read.
static void draw_mark(lw_text *text, const lw_chart *chart, const frame *f,
                      const lw_chart_series *series, size_t i)
{
    lw_text_print(text, "<circle class=\"c-mark s%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"><title>",
                  series->colour % LW_CHART_COLOURS, x_of(f, series->x[i]), y_of(f, series->y[i]),
                  series->points ? "4.5" : "2.5");
    lw_text_append_xml(text, series->name);
    lw_text_print(text, ", ");
    lw_text_append_xml(text, chart->x_axis);
    lw_text_print(text, " %.*f: %.*f", chart->x_decimals, series->x[i], chart->y_decimals,
                  series->y[i]);
    if (has_interval(chart, series, i))
        lw_text_print(text, " (%.*f to %.*f)", chart->y_decimals, series->low[i], chart->y_decimals,
                      series->high[i]);
    lw_text_print(text, "</title></circle>\n");
}

static void draw_series(lw_text *text, const lw_chart *chart, const frame *f,
                        const lw_chart_series *series)
{
    series->points ? draw_bars(text, chart, f, series) : draw_band(text, chart, f, series);
    if (!series->points) draw_line(text, chart, f, series);
    if (series->faint || series->n > most_marks) return;
    for (size_t i = 0; i < series->n; i++)
        if (drawn(chart, series, i)) draw_mark(text, chart, f, series, i);
}

// What can be said of a picture in a sentence: its curves, and where each ends.
static void describe(lw_text *text, const lw_chart *chart)
{
    lw_text_append_xml(text, chart->y_axis);
    lw_text_print(text, " over ");
    lw_text_append_xml(text, chart->x_axis);
    for (size_t s = 0; s < chart->n_series; s++) {
        const lw_chart_series *series = &chart->series[s];
        if (series->faint || series->n == 0) continue;
        const size_t last = series->n - 1;
        lw_text_print(text, "; ");
        lw_text_append_xml(text, series->name);
        if (drawn(chart, series, last))
            lw_text_print(text, "%s %.*f", series->points ? "" : " ends at", chart->y_decimals,
                          series->y[last]);
    }
    lw_text_print(text, ". The table below has all values.");
}

void lw_chart_draw(lw_text *text, const lw_chart *chart, const char *id)
{
    const frame f = measure(chart);
    lw_text_print(text,
                  "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" tabindex=\"0\" "
                  "aria-labelledby=\"%s-t %s-d\" data-left=\"%.1f\" data-right=\"%d\" "
                  "data-low=\"%.8g\" data-high=\"%.8g\" data-log=\"%d\" data-shown=\"%zu\" "
                  "data-decimals=\"%d\">\n<title id=\"%s-t\">",
                  width, height, id, id, f.left, width - right, f.x.low, f.x.high, f.x.log,
                  lw_chart_shown(chart), chart->y_decimals, id);
    lw_text_append_xml(text, chart->title);
    lw_text_print(text, "</title>\n<desc id=\"%s-d\">", id);
    describe(text, chart);
    lw_text_print(text, "</desc>\n");
    draw_axes(text, chart, &f);
    lw_text_print(text, "<path class=\"c-cursor\" d=\"M0 %dV%d\" visibility=\"hidden\"/>\n", top,
                  height - bottom);
    for (int faint = 1; faint >= 0; faint--)
        for (size_t s = 0; s < chart->n_series; s++)
            if (chart->series[s].faint == (faint == 1))
                draw_series(text, chart, &f, &chart->series[s]);
    lw_text_print(text, "</svg>\n");
}

void lw_chart_append_legend(lw_text *text, const lw_chart *chart)
{
    if (lw_chart_shown(chart) < 2) return;
    lw_text_print(text, "<ul class=\"legend\">");
    for (size_t s = 0; s < chart->n_series; s++) {
        const lw_chart_series *series = &chart->series[s];
        if (series->faint) continue;
        lw_text_print(text, "<li><svg viewBox=\"0 0 24 12\" width=\"24\" height=\"12\" "
                            "aria-hidden=\"true\">");
        if (series->points)
            lw_text_print(text, "<circle class=\"c-mark s%zu\" cx=\"12\" cy=\"6\" r=\"4.5\"/>",
                          series->colour % LW_CHART_COLOURS);
        else
            lw_text_print(text, "<path class=\"c-line%s s%zu\" d=\"M1 6H23\"/>",
                          series->dashed ? " c-dashed" : "", series->colour % LW_CHART_COLOURS);
        lw_text_print(text, "</svg> ");
        lw_text_append_xml(text, series->name);
        lw_text_print(text, "</li>");
    }
    lw_text_print(text, "</ul>\n");
}
