// SPDX-License-Identifier: Apache-2.0
// The picture is as wide as a chart's, and the means stand beside their rows as numbers.
#include "report/dot_plot.h"

#include "report/chart.h"

#include <math.h>

// Units of the picture.
enum { width = 440, names = 158, numbers = 62, row_height = 22, head = 22, foot = 26 };

typedef struct frame {
    double low, high; // of the values
    double height;
} frame;

static void widen(frame *f, double value)
{
    if (!isfinite(value)) return;
    f->low = fmin(f->low, value);
    f->high = fmax(f->high, value);
}

static frame measure(const lw_dot_plot *plot)
{
    frame f = {.low = INFINITY, .high = -INFINITY};
    for (size_t i = 0; i < plot->n_rows; i++) {
        const lw_dot_row *row = &plot->rows[i];
        widen(&f, row->mean);
        widen(&f, row->low);
        widen(&f, row->high);
        widen(&f, row->published);
        for (size_t k = 0; k < row->n; k++) widen(&f, row->values[k]);
    }
    if (!(f.high >= f.low)) f.low = 0, f.high = 1;
    const double air = f.high > f.low ? 0.04 * (f.high - f.low) : fmax(0.05 * fabs(f.high), 0.5);
    f.low -= air;
    f.high += air;
    f.height = head + foot + row_height * (double)plot->n_rows;
    return f;
}

static double x_of(const frame *f, double value)
{
    return names + (width - names - numbers) * (value - f->low) / (f->high - f->low);
}

static void draw_text(lw_text *text, double x, double y, const char *anchor, const char *words)
{
    lw_text_print(text, "<text class=\"c-label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y,
                  anchor);
    lw_text_append_xml(text, words);
    lw_text_print(text, "</text>");
}

static void draw_number(lw_text *text, double x, double y, const char *anchor, int decimals,
                        double value)
{
    lw_text_print(text,
                  "<text class=\"c-label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%.*f</text>", x,
                  y, anchor, decimals, value);
}

static void draw_row(lw_text *text, const lw_dot_plot *plot, const frame *f, size_t index)
{
    const lw_dot_row *row = &plot->rows[index];
    const double y = head + row_height * ((double)index + 0.5);
    lw_text_print(text, "<path class=\"c-grid\" d=\"M%d %.1fH%d\"/>", names, y, width - numbers);
    draw_text(text, names - 8, y + 4, "end", row->name);
    lw_text_print(text, "<g class=\"s0\">");
    for (size_t k = 0; k < row->n; k++)
        if (isfinite(row->values[k]))
            lw_text_print(text,
                          "<circle class=\"c-mark\" opacity=\"0.35\" cx=\"%.1f\" cy=\"%.1f\" "
                          "r=\"2\"/>",
                          x_of(f, row->values[k]), y);
    if (isfinite(row->low) && isfinite(row->high))
        lw_text_print(text, "<path class=\"c-bar\" d=\"M%.1f %.1fv8m0 -4H%.1fm0 -4v8\"/>",
                      x_of(f, row->low), y - 4, x_of(f, row->high));
    if (isfinite(row->mean)) {
        lw_text_print(text, "<circle class=\"c-mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                      x_of(f, row->mean), y);
        draw_number(text, width, y + 4, "end", plot->decimals, row->mean);
    }
    lw_text_print(text, "</g>");
    if (isfinite(row->published))
        lw_text_print(text,
                      "<path class=\"s1 c-bar\" d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\"><title>published: "
                      "%.*f</title></path>",
                      x_of(f, row->published), y - 5, plot->decimals, row->published);
}

static void draw_ticks(lw_text *text, const frame *f, double bottom)
{
    enum { most_parts = 5 };
    char label[LW_CHART_TICK_BYTES];
    const double step = lw_chart_round_step(f->high - f->low, most_parts);
    for (double i = ceil(f->low / step); i * step <= f->high; i++) {
        const double x = x_of(f, i * step);
        lw_chart_format_tick(label, i * step);
        lw_text_print(text, "<path class=\"c-base\" d=\"M%.1f %.1fv4\"/>", x, bottom);
        draw_text(text, x, bottom + 17, "middle", label);
    }
}

void lw_dot_plot_draw(lw_text *text, const lw_dot_plot *plot)
{
    const frame f = measure(plot);
    const double bottom = f.height - foot;
    lw_text_print(text,
                  "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 %d %.0f\" "
                  "xmlns=\"http://www.w3.org/2000/svg\"><title>",
                  width, f.height);
    lw_text_append_xml(text, plot->title);
    lw_text_print(text, "</title><desc>");
    for (size_t i = 0; i < plot->n_rows; i++) {
        if (i > 0) lw_text_print(text, "; ");
        lw_text_append_xml(text, plot->rows[i].name);
        if (isfinite(plot->rows[i].mean))
            lw_text_print(text, ": %.*f", plot->decimals, plot->rows[i].mean);
    }
    lw_text_print(text, "</desc>");
    draw_text(text, names, 13, "start", plot->axis);
    for (size_t i = 0; i < plot->n_rows; i++) draw_row(text, plot, &f, i);
    lw_text_print(text, "<path class=\"c-base\" d=\"M%d %.1fH%d\"/>", names, bottom,
                  width - numbers);
    draw_ticks(text, &f, bottom);
    lw_text_print(text, "</svg>");
}
