// SPDX-License-Identifier: Apache-2.0
// The measurements for people: tables of at most 100 columns, and a bar chart.
#include "cli/bench_rows.h"

#include "base/error.h"
#include "base/text.h"
#include "report/format.h"
#include "report/svg_bars.h"
#include "report/table.h"

#include <lanewise/cpu.h>
#include <lanewise/version.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool lw_bench_row_is_of(const lw_bench_row *row, const lw_problem *problem)
{
    return strcmp(row->problem, problem->text) == 0 && strcmp(row->name, problem->name) == 0;
}

lw_short_text lw_bench_digits(double value)
{
    lw_short_text text;
    if (!isfinite(value))
        snprintf(text.text, sizeof text.text, "-");
    else if (value >= 999.95)
        snprintf(text.text, sizeof text.text, "%.0f", value);
    else
        snprintf(text.text, sizeof text.text, "%.*f",
                 value >= 99.995    ? 1
                 : value >= 9.9995  ? 2
                 : value >= 0.99995 ? 3
                                    : 4,
                 value);
    return text;
}

// Half of the way between the quartiles, as a share of the median.
static lw_short_text spread_text(const lw_bench_row *row)
{
    lw_short_text text;
    double share = row->ms > 0 ? (row->high_ms - row->low_ms) / 2 / row->ms : 0;
    if (row->repetitions < 2)
        snprintf(text.text, sizeof text.text, "once");
    else
        snprintf(text.text, sizeof text.text, "%.1f %%", 100 * share);
    return text;
}

static void add_row(lw_table *table, const lw_bench_row *row, bool with_isa, bool new_pass,
                    size_t kernel_columns)
{
    if (new_pass) lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", row->pass);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", row->algorithm);
    if (with_isa) lw_table_cell(table, LW_STYLE_PLAIN, "%s", row->isa);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_bench_digits(row->ms).text);
    lw_table_cell(table, LW_STYLE_DIM, "%s", spread_text(row).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s%s", lw_bench_digits(row->gflops).text,
                  row->dense_equivalent ? "*" : "");
    if (isfinite(row->peak_share))
        lw_table_cell(table, LW_STYLE_PLAIN, "%.1f %%", 100 * row->peak_share);
    else
        lw_table_cell(table, LW_STYLE_DIM, "-");
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_bench_digits(row->speedup_over_naive).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_bench_digits(row->cold_ms).text);
    char kernel[64];
    lw_text_cut(kernel, sizeof kernel, row->kernel, kernel_columns);
    lw_table_cell(table, LW_STYLE_DIM, "%s", kernel);
}

// The rows of one problem, pass by pass: what competes stands together. *any: there are some.
static lw_status fill_table(lw_table **table, const lw_bench_rows *rows, const lw_problem *problem,
                            bool with_isa, size_t kernel_columns, bool *any)
{
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "pass");
    lw_table_column(*table, LW_ALIGN_LEFT, "algorithm");
    if (with_isa) lw_table_column(*table, LW_ALIGN_LEFT, "isa");
    lw_table_column(*table, LW_ALIGN_RIGHT, "ms");
    lw_table_column(*table, LW_ALIGN_RIGHT, "spread");
    lw_table_column(*table, LW_ALIGN_RIGHT, "GFLOP/s");
    lw_table_column(*table, LW_ALIGN_RIGHT, "of peak");
    lw_table_column(*table, LW_ALIGN_RIGHT, "x naive");
    lw_table_column(*table, LW_ALIGN_RIGHT, "cold ms");
    lw_table_column(*table, LW_ALIGN_LEFT, "kernel");
    *any = false;
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++) {
        bool first = *any;
        for (size_t i = 0; i < rows->n; i++) {
            const lw_bench_row *row = &rows->rows[i];
            if (!lw_bench_row_is_of(row, problem) || row->reason[0] ||
                strcmp(row->pass, lw_conv_pass_name((lw_conv_pass)pass)) != 0)
                continue;
            add_row(*table, row, with_isa, first, kernel_columns);
            first = false;
            *any = true;
        }
    }
    return LW_OK;
}

// The names of the kernels take what room the figures leave.
static lw_status print_rows(const lw_bench_rows *rows, const lw_problem *problem, bool with_isa,
                            const lw_output *output)
{
    enum { most_columns = 100, least_kernel_columns = 8 };
    size_t kernel_columns = 40;
    lw_table *table;
    bool any;
    LW_TRY(fill_table(&table, rows, problem, with_isa, kernel_columns, &any));
    while (lw_table_columns(table) > most_columns && kernel_columns > least_kernel_columns) {
        lw_table_destroy(&table);
        LW_TRY(fill_table(&table, rows, problem, with_isa, --kernel_columns, &any));
    }
    lw_status status = any ? lw_table_print(table, output->result, &output->terminal, 0) : LW_OK;
    lw_table_destroy(&table);
    return status;
}

// One line an algorithm that was left out, and one when naive did not do all images.
static void print_remarks(const lw_bench_rows *rows, const lw_problem *problem, FILE *file)
{
    const lw_bench_row *cut = NULL;
    for (size_t i = 0; i < rows->n; i++) {
        const lw_bench_row *row = &rows->rows[i];
        if (!lw_bench_row_is_of(row, problem)) continue;
        if (!row->reason[0]) {
            if (row->images < problem->shape.n) cut = row;
            continue;
        }
        // Passes with the same reason share a line: it is printed at the first of them.
        lw_text line = {0};
        bool said = false;
        for (size_t k = 0; k < rows->n; k++) {
            const lw_bench_row *other = &rows->rows[k];
            if (!lw_bench_row_is_of(other, problem) || strcmp(other->reason, row->reason) != 0 ||
                strcmp(other->algorithm, row->algorithm) != 0)
                continue;
            if (k < i) said = true;
            if (strcmp(other->isa, row->isa) != 0) continue;
            lw_text_print(&line, "%s%s", line.length ? ", " : "", other->pass);
        }
        if (!said && !line.failed) {
            lw_text whole = {0};
            lw_text_print(&whole, "no %s for %s: %s", row->algorithm, line.bytes, row->reason);
            if (!whole.failed) lw_print_wrapped(file, whole.bytes, 0, 2);
            lw_text_free(&whole);
        }
        lw_text_free(&line);
    }
    if (cut)
        fprintf(file, "%s: measured on %d of the %d images, the time scaled to all\n",
                cut->algorithm, cut->images, problem->shape.n);
}

static void print_legend(const lw_bench_rows *rows, FILE *file)
{
    bool equivalent = false;
    for (size_t i = 0; i < rows->n; i++) equivalent = equivalent || rows->rows[i].dense_equivalent;
    lw_text text = {0};
    lw_text_print(&text, "ms: median of hot repetitions, spread: half the distance of the "
                         "quartiles. GFLOP/s: two operations for each multiply-add of the dense "
                         "convolution. cold: after every cache was flushed. Peak (multiply-adds "
                         "in registers, this run): ");
    for (size_t i = 0; i < rows->n_peaks; i++)
        lw_text_print(&text, "%s%s %.1f GFLOP/s on %d thread%s", i ? ", " : "", rows->peaks[i].isa,
                      rows->peaks[i].gflops, rows->peaks[i].threads,
                      rows->peaks[i].threads == 1 ? "" : "s");
    if (equivalent)
        lw_text_print(&text, "\n* dense-equivalent: fewer multiply-adds are done than counted");
    if (!text.failed) lw_print_wrapped(file, text.bytes, 0, 0);
    lw_text_free(&text);
}

lw_status lw_bench_print_tables(const lw_bench_rows *rows, const lw_problem_list *problems,
                                const lw_output *output)
{
    FILE *file = output->result;
    for (size_t i = 0; i < problems->n; i++) {
        const lw_problem *problem = &problems->problems[i];
        double mflop = 2e-6 * (double)lw_conv_shape_macs(&problem->shape);
        fprintf(file, "%s%s%s%s (%s MFLOP a pass)\n", i ? "\n" : "", problem->name,
                problem->name[0] ? ": " : "", problem->text, lw_bench_digits(mflop).text);
        LW_TRY(print_rows(rows, problem, rows->n_peaks > 1, output));
        print_remarks(rows, problem, file);
    }
    if (!output->quiet) {
        fputc('\n', file);
        print_legend(rows, file);
    }
    return LW_OK;
}

// ---- chart --------------------------------------------------------------------------------------

// The name of a row's bars: the algorithm, with the instruction set where there are several.
static void name_series(const lw_bench_rows *rows, const lw_bench_row *row, char name[40])
{
    if (rows->n_peaks > 1)
        snprintf(name, 40, "%s, %s", row->algorithm, row->isa);
    else
        snprintf(name, 40, "%s", row->algorithm);
}

typedef struct chart_names {
    char series[LW_SVG_MOST_SERIES][40];
    size_t n_series;
    char lines[LW_MOST_ISAS][40];
    char title[128], subtitle[256];
} chart_names;

// The index of a name, which is added when it is new; LW_SVG_MOST_SERIES when there is no room.
static size_t find_series(chart_names *names, const char *name)
{
    size_t i = 0;
    while (i < names->n_series && strcmp(names->series[i], name) != 0) i++;
    if (i == names->n_series && i < LW_SVG_MOST_SERIES)
        snprintf(names->series[names->n_series++], sizeof names->series[0], "%s", name);
    return i;
}

// Where a pass stands among the groups, or -1: only passes that were measured have one.
static int find_group(const lw_svg_bars *chart, const char *pass)
{
    for (size_t i = 0; i < chart->n_groups; i++)
        if (strcmp(chart->groups[i], pass) == 0) return (int)i;
    return -1;
}

static void add_groups(lw_svg_bars *chart, const lw_bench_rows *rows)
{
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++) {
        const char *name = lw_conv_pass_name((lw_conv_pass)pass);
        for (size_t i = 0; i < rows->n; i++)
            if (!rows->rows[i].reason[0] && strcmp(rows->rows[i].pass, name) == 0) {
                chart->groups[chart->n_groups++] = name;
                break;
            }
    }
}

static void fill_panel(lw_svg_panel *panel, const lw_svg_bars *chart, chart_names *names,
                       const lw_bench_rows *rows, const lw_problem *problem)
{
    panel->title = problem->name[0] ? problem->name : problem->text;
    panel->subtitle = problem->name[0] ? problem->text : "";
    for (size_t g = 0; g < LW_SVG_MOST_GROUPS; g++)
        for (size_t s = 0; s < LW_SVG_MOST_SERIES; s++) panel->values[g][s] = NAN;
    for (size_t i = 0; i < rows->n; i++) {
        const lw_bench_row *row = &rows->rows[i];
        if (!lw_bench_row_is_of(row, problem) || row->reason[0]) continue;
        char name[40];
        name_series(rows, row, name);
        size_t series = find_series(names, name);
        int group = find_group(chart, row->pass);
        if (group >= 0 && series < LW_SVG_MOST_SERIES) panel->values[group][series] = row->gflops;
    }
}

lw_status lw_bench_write_chart(const lw_bench_rows *rows, const lw_problem_list *problems,
                               const char *path)
{
    lw_svg_panel *panels = calloc(problems->n, sizeof *panels);
    chart_names names = {.n_series = 0};
    if (!panels) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the chart", path);
    lw_svg_bars chart = {.axis = "GFLOP/s",
                         .title = names.title,
                         .subtitle = names.subtitle,
                         .panels = panels,
                         .n_panels = problems->n};
    add_groups(&chart, rows);
    for (size_t i = 0; i < problems->n; i++)
        fill_panel(&panels[i], &chart, &names, rows, &problems->problems[i]);
    for (size_t i = 0; i < names.n_series; i++) chart.series[i] = names.series[i];
    chart.n_series = names.n_series;
    for (size_t i = 0; i < rows->n_peaks && i < LW_SVG_MOST_LINES; i++) {
        snprintf(names.lines[i], sizeof names.lines[0], "FMA peak, %s", rows->peaks[i].isa);
        chart.line_names[i] = names.lines[i];
        chart.lines[i] = rows->peaks[i].gflops;
        chart.n_lines++;
    }
    int32_t threads = rows->n_peaks ? rows->peaks[0].threads : 0;
    snprintf(names.title, sizeof names.title, "Convolutions: GFLOP/s of each algorithm and pass");
    snprintf(names.subtitle, sizeof names.subtitle,
             "%s, %d thread%s, Lanewise %s; hot caches, medians; two operations for each "
             "multiply-add of the dense convolution",
             lw_cpu_name(), threads, threads == 1 ? "" : "s", lw_version());
    lw_status status = chart.n_series ? lw_svg_bars_write(&chart, path)
                                      : lw_fail(LW_ERROR_INPUT,
                                                "%s: nothing was measured, so there is no "
                                                "chart",
                                                path);
    free(panels);
    return status;
}
