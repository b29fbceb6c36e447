// SPDX-License-Identifier: Apache-2.0
#include "cli/track_page.h"

#include "cli/track_heat_map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char style[] =
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1c2733;--dim:#66727f;--line:#d9dfe5;--card:#f6f8fa;--bad:#c0392b;"
    "--good:#1f7a5c}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#dfe6ed;--dim:#8d99a6;--line:#"
    "2b333c;"
    "--card:#1b2128;--bad:#ff7b6b;--good:#58c79f}}\n"
    "*{box-sizing:border-box}body{margin:0 "
    "auto;max-width:1180px;padding:1.2rem;background:var(--bg);"
    "color:var(--fg);font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}p{color:var(--dim)}\n"
    "input{font:inherit;width:100%;max-width:26rem;padding:.45rem .7rem;border:1px solid "
    "var(--line);"
    "border-radius:6px;background:var(--card);color:var(--fg)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.6rem 0}\n"
    "th,td{text-align:left;padding:.3rem .7rem;border-bottom:1px solid var(--line);"
    "white-space:nowrap}th{color:var(--dim);font-weight:500}td.n{text-align:right;"
    "font-variant-numeric:tabular-nums}\n"
    ".bad{color:var(--bad);font-weight:600}.good{color:var(--good);font-weight:600}.dim{color:"
    "var(--dim)}a{color:inherit}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,32rem),1fr));"
    "gap:1rem}figure{margin:0;padding:.8rem;border:1px solid var(--line);border-radius:8px;"
    "background:var(--card);break-inside:avoid}figcaption{overflow-wrap:anywhere;font-weight:500}\n"
    "td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:11rem}"
    ".heat td{border:2px solid var(--bg);text-align:center;color:#10161c}.heat td.name{text-align:"
    "left;color:var(--fg)}.hidden{display:none}\n"
    "@media print{input{display:none}body{max-width:none}.charts{grid-template-columns:1fr 1fr}}\n";

static const char script[] =
    "const box=document.querySelector('input');box.addEventListener('input',()=>{const w="
    "box.value.toLowerCase().split(/\\s+/);for(const e of document.querySelectorAll('[data-name]'))"
    "e.classList.toggle('hidden',!w.every(x=>e.dataset.name.toLowerCase().includes(x)))});\n";

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
    lw_text_print(out, "<tr data-name=\"");
    lw_text_append_xml(out, series->name);
    lw_text_print(out, "\"><td><a href=\"#c%zu\">", number);
    lw_text_append_xml(out, series->name);
    lw_text_print(out, "</a></td><td class=\"n\">%s</td>", value);
    print_change_cells(out, series);
    lw_text_print(out, "<td class=\"n\">%zu</td><td class=\"dim\">", series->n);
    print_day(out, last->time);
    lw_text_print(out, "</td></tr>\n");
}

// What got worse first, the worst of it at the top; then what got better; then the rest.
static void print_verdicts(lw_text *out, const lw_track_page *page)
{
    lw_text_print(out,
                  "<h2>Latest verdicts</h2>\n<div class=\"scroll\"><table><tr><th>benchmark</th>"
                  "<th>latest</th><th>last change</th><th>between</th><th>sure</th><th>runs</th>"
                  "<th>day</th></tr>\n");
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
    lw_text_print(out, "</table></div>\n");
}

static void print_charts(lw_text *out, const lw_track_page *page)
{
    lw_text_print(out, "<h2>Histories</h2>\n<p>Points: medians of a run; bars: quartiles of its "
                       "repetitions; thick lines: levels; shaded: where a change may have happened."
                       "</p>\n<div class=\"charts\">\n");
    for (size_t i = 0; i < page->n; i++) {
        lw_text_print(out, "<figure id=\"c%zu\" data-name=\"", i);
        lw_text_append_xml(out, page->series[i].name);
        lw_text_print(out, "\"><figcaption>");
        lw_text_append_xml(out, page->series[i].name);
        lw_text_print(out, "</figcaption>\n");
        lw_series_draw(out, &page->series[i]);
        lw_text_print(out, "</figure>\n");
    }
    lw_text_print(out, "</div>\n");
}

void lw_track_page_print(lw_text *out, const lw_track_page *page)
{
    lw_text_print(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                       "<title>Performance history</title>\n<style>\n");
    lw_text_append(out, style, sizeof style - 1);
    lw_text_print(out, "</style></head><body>\n<h1>Performance history</h1>\n<p>");
    lw_text_append_xml(out, page->machine->cpu[0] ? page->machine->cpu : page->machine->name);
    lw_text_print(out, ", %d threads", (int)page->machine->processors);
    if (page->machine->isa[0]) lw_text_print(out, ", %s", page->machine->isa);
    lw_text_print(out, " &middot; %zu benchmarks &middot; ", page->n);
    lw_text_append_xml(out, page->history);
    lw_text_print(out, "</p>\n<input type=\"search\" placeholder=\"Filter by name\" "
                       "aria-label=\"Filter by name\">\n");
    print_verdicts(out, page);
    lw_track_heat_map_print(out, page);
    print_charts(out, page);
    lw_text_print(out, "<script>\n");
    lw_text_append(out, script, sizeof script - 1);
    lw_text_print(out, "</script>\n</body></html>\n");
}
