// SPDX-License-Identifier: Apache-2.0
// A series as an SVG line chart. Colours are named by classes with values of their own, so that a
// chart stands alone and a page may give it other ones in the dark.
#include "base/text.h"
#include "cli/track_history.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

// 440 units across, so that the letters can be read on a phone.
enum { width = 440, height = 170, left = 74, right = 12, top = 12, bottom = 30 };
enum { most_detailed = 200 };

typedef struct frame {
    double low, high; // of the value axis
    size_t n;
} frame;

static double x_of(const frame *f, double index)
{
    const double span = f->n > 1 ? (double)(f->n - 1) : 1;
    return left + (width - left - right) * index / span;
}

static double y_of(const frame *f, double value)
{
    const double share = (value - f->low) / (f->high - f->low);
    return height - bottom - (height - top - bottom) * fmin(fmax(share, 0), 1);
}

// From the least to the largest median, with some air; quartiles may be cut off.
static frame measure(const lw_series *series)
{
    frame f = {.low = INFINITY, .high = -INFINITY, .n = series->n};
    for (size_t i = 0; i < series->n; i++) {
        f.low = fmin(f.low, series->points[i].median);
        f.high = fmax(f.high, series->points[i].median);
    }
    // Changes of less than 2 % do not fill the picture.
    const double middle = 0.5 * (f.low + f.high);
    const double half = fmax(0.55 * (f.high - f.low), 0.02 * fabs(middle) + 1e-12);
    f.low = middle - half;
    f.high = middle + half;
    return f;
}

static void draw_axis(lw_text *out, const lw_series *series, const frame *f)
{
    for (int i = 0; i <= 2; i++) {
        char text[40];
        const double value = f->low + (f->high - f->low) * i / 2;
        lw_series_print_value(text, value, series->unit);
        lw_text_print(out,
                      "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                      "<text class=\"label\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                      left, y_of(f, value), width - right, y_of(f, value), left - 8,
                      y_of(f, value) + 4);
        lw_text_append_xml(out, text);
        lw_text_print(out, "</text>\n");
    }
    const size_t ends[] = {0, series->n - 1};
    for (int i = 0; i < (series->n > 1 ? 2 : 1); i++) {
        char name[32];
        lw_point_name(name, &series->points[ends[i]]);
        lw_text_print(out, "<text class=\"label\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">",
                      x_of(f, (double)ends[i]), height - 8, i ? "end" : "start");
        lw_text_append_xml(out, name);
        lw_text_print(out, "</text>\n");
    }
}

// The levels between the changes as thick lines, and each change with its range.
static void draw_levels(lw_text *out, const lw_series *series, const frame *f)
{
    for (size_t i = 0; i < series->n_changes; i++) {
        const lw_change *c = &series->changes[i];
        const double from = i ? (double)series->changes[i - 1].index : 0;
        const double to =
            i + 1 < series->n_changes ? (double)series->changes[i + 1].index : (double)series->n;
        const bool worse = (c->after > c->before) == lw_series_less_is_better(series);
        if (i == 0)
            lw_text_print(out, "<path class=\"level\" d=\"M%.1f %.1fH%.1f\"/>\n", x_of(f, from),
                          y_of(f, c->before), x_of(f, (double)c->index - 0.5));
        lw_text_print(out, "<path class=\"level\" d=\"M%.1f %.1fH%.1f\"/>\n",
                      x_of(f, (double)c->index - 0.5), y_of(f, c->after), x_of(f, to - 1));
        lw_text_print(out,
                      "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n",
                      worse ? "worse" : "better", x_of(f, (double)c->first - 0.6), top,
                      x_of(f, (double)c->last - 0.4) - x_of(f, (double)c->first - 0.6),
                      height - top - bottom);
    }
}

static void draw_points(lw_text *out, const lw_series *series, const frame *f)
{
    // Of long series the line alone: a page of many would be too large for a browser.
    const size_t detailed = series->n <= most_detailed ? series->n : 0;
    lw_text_print(out, "<path class=\"spread\" d=\"");
    for (size_t i = 0; i < detailed; i++)
        lw_text_print(out, "M%.1f %.1fV%.1f", x_of(f, (double)i), y_of(f, series->points[i].low),
                      y_of(f, series->points[i].high));
    lw_text_print(out, "\"/>\n<path class=\"line\" d=\"");
    for (size_t i = 0; i < series->n; i++)
        lw_text_print(out, "%s%.1f %.1f", i ? "L" : "M", x_of(f, (double)i),
                      y_of(f, series->points[i].median));
    lw_text_print(out, "\"/>\n");
    for (size_t i = 0; i < detailed; i++) {
        const lw_store_point *point = &series->points[i];
        char name[32], value[40], day[32] = "";
        const time_t seconds = (time_t)point->time;
        struct tm parts;
        if (gmtime_r(&seconds, &parts)) strftime(day, sizeof day, "%Y-%m-%d", &parts);
        lw_point_name(name, point);
        lw_series_print_value(value, point->median, series->unit);
        lw_text_print(out, "<circle class=\"point\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"><title>",
                      x_of(f, (double)i), y_of(f, point->median));
        lw_text_append_xml(out, name);
        lw_text_print(out, " %s %s", day, value);
        if (point->label[0]) lw_text_print(out, " ");
        lw_text_append_xml(out, point->label);
        lw_text_print(out, "</title></circle>\n");
    }
}

void lw_series_draw(lw_text *out, const lw_series *series)
{
    static const char style[] =
        "<style>.grid{stroke:#8884}.label{font:13px system-ui,sans-serif;fill:#888}"
        ".line{fill:none;stroke:#2f6fb3;stroke-width:1.2;opacity:.7}"
        ".spread{stroke:#2f6fb3;stroke-width:3;opacity:.25}.point{fill:#2f6fb3}"
        ".level{fill:none;stroke:#e08a1e;stroke-width:2.5}"
        ".worse{fill:#c0392b;opacity:.3}.better{fill:#2a9d76;opacity:.3}</style>\n";
    if (series->n == 0) return;
    const frame f = measure(series);
    lw_text_print(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
                  "aria-label=\"",
                  width, height);
    lw_text_append_xml(out, series->name);
    lw_text_print(out, "\">\n%s", style);
    draw_axis(out, series, &f);
    draw_levels(out, series, &f);
    draw_points(out, series, &f);
    lw_text_print(out, "</svg>\n");
}
