// SPDX-License-Identifier: Apache-2.0
// Names of benchmarks are words between slashes; one of them is the algorithm. Two benchmarks that
// differ in this word alone did the same work.
#include "cli/track_heat_map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char yardstick[] = "onednn";

// The word "onednn" of a name, or NULL.
static const char *find_word(const char *name)
{
    const size_t length = sizeof yardstick - 1;
    for (const char *at = strstr(name, yardstick); at; at = strstr(at + 1, yardstick)) {
        const bool begins = at == name || at[-1] == '/';
        if (begins && (at[length] == '/' || at[length] == '\0')) return at;
    }
    return NULL;
}

// True when `name` is the yardstick's name with another word in its place, which is not `naive`.
static bool is_rival(const char *name, const char *reference, const char *word)
{
    const size_t before = (size_t)(word - reference);
    const char *behind = word + sizeof yardstick - 1;
    if (strncmp(name, reference, before) != 0) return false;
    const char *other = name + before;
    const size_t length = strcspn(other, "/");
    if (strcmp(other + length, behind) != 0) return false;
    return !(length == 5 && strncmp(other, "naive", 5) == 0) &&
           !(length == sizeof yardstick - 1 && strncmp(other, yardstick, length) == 0);
}

static double latest(const lw_series *series)
{
    return series->points[series->n - 1].median;
}

// oneDNN's time over our best one; NaN where there is nothing to compare with.
static double speed_of(const lw_track_page *page, const lw_series *reference, const char *word)
{
    double best = INFINITY;
    for (size_t i = 0; i < page->n; i++)
        if (is_rival(page->series[i].name, reference->name, word))
            best = fmin(best, latest(&page->series[i]));
    return isfinite(best) && best > 0 ? latest(reference) / best : NAN;
}

// From red (half as fast) over grey to green (twice as fast).
static void print_cell(lw_text *out, double speed)
{
    const double share = fmin(fmax(log2(speed), -1), 1);
    const int hue = share < 0 ? 8 : 150, saturation = (int)(70 * fabs(share)) + 5;
    lw_text_print(out, "<td style=\"background:hsl(%d %d%% %d%%)\">%.2f</td>", hue, saturation,
                  82 - (int)(18 * fabs(share)), speed);
}

static void print_row(lw_text *out, const lw_track_page *page, const lw_series *series,
                      const char *word)
{
    const double speed = speed_of(page, series, word);
    if (!isfinite(speed)) return;
    lw_text_print(out, "<tr data-name=\"");
    lw_text_append_xml(out, series->name);
    lw_text_print(out, "\"><td class=\"name\">");
    char shape[256];
    const int before = (int)(word - series->name);
    snprintf(shape, sizeof shape, "%.*s%s", before > 0 ? before - 1 : 0, series->name,
             word + sizeof yardstick - 1);
    lw_text_append_xml(out, shape);
    lw_text_print(out, "</td>");
    print_cell(out, speed);
    lw_text_print(out, "</tr>\n");
}

void lw_track_heat_map_print(lw_text *out, const lw_track_page *page)
{
    bool any = false;
    for (size_t i = 0; i < page->n; i++) {
        const char *word = find_word(page->series[i].name);
        if (!word) continue;
        if (!any)
            lw_text_print(out,
                          "<h2>Beside oneDNN</h2>\n<p>How many times as fast as oneDNN our best "
                          "algorithm was in the latest run.</p>\n<div class=\"scroll\"><table "
                          "class=\"heat\">\n");
        any = true;
        print_row(out, page, &page->series[i], word);
    }
    if (any) lw_text_print(out, "</table></div>\n");
}
