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
static double speed_of(const lw_track_page *history, const lw_series *reference, const char *word)
{
    double best = INFINITY;
    for (size_t i = 0; i < history->n; i++)
        if (is_rival(history->series[i].name, reference->name, word))
            best = fmin(best, latest(&history->series[i]));
    return isfinite(best) && best > 0 ? latest(reference) / best : NAN;
}

// From half as fast to twice as fast.
static void add_row(lw_table *table, const lw_track_page *history, const lw_series *series,
                    const char *word)
{
    const double speed = speed_of(history, series, word);
    if (!isfinite(speed)) return;
    const int before = (int)(word - series->name);
    lw_table_cell(table, LW_STYLE_PLAIN, "%.*s%s", before > 0 ? before - 1 : 0, series->name,
                  word + sizeof yardstick - 1);
    lw_table_heat(table, LW_STYLE_PLAIN, speed, 0.7 * fmin(fmax(log2(speed), -1), 1), "%.2f",
                  speed);
}

void lw_track_heat_map_print(lw_page *page, const lw_track_page *history)
{
    lw_table *table;
    if (lw_table_create(&table)) {
        page->failed = true;
        return;
    }
    bool any = false;
    lw_table_column(table, LW_ALIGN_LEFT, "benchmark");
    lw_table_column(table, LW_ALIGN_RIGHT, "times as fast");
    for (size_t i = 0; i < history->n; i++) {
        const char *word = find_word(history->series[i].name);
        any = any || word;
        if (word) add_row(table, history, &history->series[i], word);
    }
    if (any) {
        lw_page_section(page, "Beside oneDNN");
        lw_page_paragraph(page, "How many times as fast as oneDNN our best algorithm was in the "
                                "latest run.");
        lw_page_table(page, "Times as fast as oneDNN", table);
    }
    lw_table_destroy(&table);
}
