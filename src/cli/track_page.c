// SPDX-License-Identifier: Apache-2.0
#include "cli/track_page.h"

#include "cli/track_heat_map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const lw_change *latest_change(const lw_series *series)
{
    return series->n_changes ? &series->changes[series->n_changes - 1] : NULL;
}

// How much worse the latest change made things, as a logarithm; 0 for none.
static double worsening(const lw_series *series)
{
    const lw_change *change = latest_change(series);
    if (!change || !(change->before > 0) || !(change->after > 0)) return 0;
    const double logarithm = log(change->after / change->before);
    return lw_series_less_is_better(series) ? logarithm : -logarithm;
}

static void print_day(lw_text *out, int64_t when)
{
    char day[32] = "-";
    const time_t seconds = (time_t)when;
    struct tm parts;
    if (gmtime_r(&seconds, &parts)) strftime(day, sizeof day, "%Y-%m-%d", &parts);
    lw_text_print(out, "%s", day);
}

static void print_change_cells(lw_text *out, const lw_series *series)
{
    const lw_change *change = latest_change(series);
    if (!change) {
        lw_text_print(out, "<td class=\"dim\">steady</td><td></td><td></td>");
        return;
    }
    char from[32], to[32];
    const bool worse = worsening(series) > 0;
    const bool time = lw_series_less_is_better(series);
    lw_point_name(from, &series->points[change->first - 1]);
    lw_point_name(to, &series->points[change->last]);
    lw_text_print(out, "<td class=\"%s\">%s %+.1f %%</td><td>", worse ? "bad" : "good",
                  time ? (worse ? "slower" : "faster") : (worse ? "worse" : "better"),
                  100 * (change->after / change->before - 1));
    lw_text_append_xml(out, from);
    lw_text_print(out, "..");
    lw_text_append_xml(out, to);
    lw_text_print(out, "</td><td class=\"n\">%s%.1f %%</td>", change->p < 0.0005 ? "&gt; " : "",
                  change->p < 0.0005 ? 99.9 : 100 * (1 - change->p));
}

static void print_verdict(lw_text *out, const lw_series *series, size_t number)
{
    char value[40];
    const lw_store_point *last = &series->points[series->n - 1];
    lw_series_print_value(value, last->median, series->unit);
    lw_text_print(out, "<tr><th scope=\"row\"><a href=\"#c%zu\">", number);
    lw_text_append_xml(out, series->name);
    lw_text_print(out, "</a></th><td class=\"n\">%s</td>", value);
    print_change_cells(out, series);
    lw_text_print(out, "<td class=\"n\">%zu</td><td class=\"dim\">", series->n);
    print_day(out, last->time);
    lw_text_print(out, "</td></tr>\n");
}

// What got worse first, the worst of it at the top; then what got better; then the rest.
static void print_verdicts(lw_text *out, const lw_track_page *page)
{
    lw_text_print(out,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Latest "
                  "verdicts\"><table><thead><tr><th scope=\"col\">benchmark</th>"
                  "<th scope=\"col\" class=\"n\">latest</th><th scope=\"col\">last change</th>"
                  "<th scope=\"col\">between</th><th scope=\"col\" class=\"n\">sure</th>"
                  "<th scope=\"col\" class=\"n\">runs</th><th scope=\"col\">day</th></tr></thead>"
                  "<tbody>\n");
    double above = INFINITY;
    for (size_t printed = 0; printed < page->n;) {
        // The next lower value; there are few series, and equal ones are printed together.
        double next = -INFINITY;
        for (size_t i = 0; i < page->n; i++) {
            const double w = worsening(&page->series[i]);
            const double key = w > 0 ? w : w < 0 ? -1 + w / 1e6 : -2;
            if (key < above && key > next) next = key;
        }
        for (size_t i = 0; i < page->n; i++) {
            const double w = worsening(&page->series[i]);
            const double key = w > 0 ? w : w < 0 ? -1 + w / 1e6 : -2;
            if (key < next || key > next) continue;
            print_verdict(out, &page->series[i], i);
            printed++;
        }
        above = next;
    }
    lw_text_print(out, "</tbody></table></div>\n");
}

static void print_charts(lw_text *out, const lw_track_page *history)
{
    for (size_t i = 0; i < history->n; i++) {
        lw_text_print(out, "<figure id=\"c%zu\"><figcaption>", i);
        lw_text_append_xml(out, history->series[i].name);
        lw_text_print(out, "</figcaption>\n");
        lw_series_draw(out, &history->series[i]);
        lw_text_print(out, "</figure>\n");
    }
}

void lw_track_page_print(lw_page *page, const lw_track_page *history)
{
    const lw_machine *machine = history->machine;
    char subtitle[1024];
    snprintf(subtitle, sizeof subtitle, "%s, %d threads%s%s \u00b7 %zu benchmarks \u00b7 %s",
             machine->cpu[0]    ? machine->cpu
             : machine->name[0] ? machine->name
                                : "machine not known",
             (int)machine->processors, machine->isa[0] ? ", " : "", machine->isa, history->n,
             history->history);
    lw_page_begin(page, "Performance history", subtitle);
    lw_page_filter(page, "Filter by name");
    lw_page_section(page, "Latest verdicts");
    print_verdicts(&page->text, history);
    lw_track_heat_map_print(page, history);
    lw_page_section(page, "Histories");
    lw_page_paragraph(page, "Points: medians of a run; bars: quartiles of its repetitions; thick "
                            "lines: levels; shaded: where a change may have happened.");
    lw_page_grid_begin(page);
    print_charts(&page->text, history);
    lw_page_grid_end(page);
}
