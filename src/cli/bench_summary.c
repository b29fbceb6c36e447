// SPDX-License-Identifier: Apache-2.0
// The measurements in short, for who wants to know one thing: our fastest against oneDNN's fastest.
#include "cli/bench_rows.h"

#include "base/error.h"
#include "base/text.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// The rates of one problem, pass and instruction set.
typedef struct contest {
    const lw_bench_row *direct, *winograd, *best, *onednn; // NULL where it was not measured
} contest;

static contest find_contest(const lw_bench_rows *rows, const lw_problem *problem, const char *pass,
                            const char *isa)
{
    contest found = {NULL, NULL, NULL, NULL};
    for (size_t i = 0; i < rows->n; i++) {
        const lw_bench_row *row = &rows->rows[i];
        if (row->reason[0] || !lw_bench_row_is_of(row, problem) || strcmp(row->pass, pass) != 0 ||
            strcmp(row->isa, isa) != 0)
            continue;
        if (strcmp(row->algorithm, "onednn") == 0) {
            found.onednn = row;
            continue;
        }
        if (strcmp(row->algorithm, "direct") == 0) found.direct = row;
        if (strcmp(row->algorithm, "winograd") == 0) found.winograd = row;
        if (!found.best || row->gflops > found.best->gflops) found.best = row;
    }
    return found;
}

// Ratios on their way to a geometric mean.
typedef struct ratio_mean {
    double logarithms, least;
    int count;
} ratio_mean;

static void add_ratio(ratio_mean *mean, double ratio)
{
    if (!(ratio > 0.0)) return;
    mean->logarithms += log(ratio);
    if (mean->count == 0 || ratio < mean->least) mean->least = ratio;
    mean->count++;
}

static double ratio_of(const contest *c)
{
    return c->best && c->onednn ? c->best->gflops / c->onednn->gflops : NAN;
}

static void add_rate(lw_table *table, const lw_bench_row *row, lw_style style)
{
    lw_table_cell(table, row ? style : LW_STYLE_DIM, "%s",
                  lw_bench_digits(row ? row->gflops : NAN).text);
}

static void add_contest(lw_table *table, const lw_problem *problem, const char *pass,
                        const char *isa, const contest *c)
{
    char name[31]; // as wide as the table has room for
    lw_text_cut(name, sizeof name, problem->name[0] ? problem->name : problem->text, 28);
    const double ratio = ratio_of(c);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", name);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", pass);
    if (isa) lw_table_cell(table, LW_STYLE_PLAIN, "%s", isa);
    add_rate(table, c->direct, LW_STYLE_PLAIN);
    add_rate(table, c->winograd, LW_STYLE_PLAIN);
    add_rate(table, c->best, LW_STYLE_PLAIN);
    add_rate(table, c->onednn, LW_STYLE_PLAIN);
    lw_table_cell(table, ratio < 1.0 ? LW_STYLE_BAD : LW_STYLE_PLAIN, "%s",
                  lw_bench_digits(ratio).text);
    char kernel[27];
    lw_text_cut(kernel, sizeof kernel, c->onednn ? c->onednn->kernel : "-", isa ? 16 : 24);
    lw_table_cell(table, LW_STYLE_DIM, "%s", kernel);
}

// 3x3 with stride 1 and at least 16 channels on both sides, where transforms pay.
static bool suits_winograd(const lw_conv_shape *s)
{
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 &&
           s->dilation_w == 1 && s->ic >= 16 && s->oc >= 16;
}

static void print_mean(FILE *file, const char *what, const char *isa, const ratio_mean *mean)
{
    if (!mean->count) return;
    fprintf(file, "%s: %s, geometric mean of %d: %.2f times oneDNN, least %.2f\n", isa, what,
            mean->count, exp(mean->logarithms / mean->count), mean->least);
}

static void print_means(const lw_bench_rows *rows, const lw_problem_list *problems, const char *isa,
                        FILE *file)
{
    ratio_mean all = {0.0, 0.0, 0}, suited = all;
    for (size_t i = 0; i < problems->n; i++)
        for (int pass = 0; pass < LW_BENCH_PASSES; pass++) {
            const lw_problem *problem = &problems->problems[i];
            const contest c =
                find_contest(rows, problem, lw_conv_pass_name((lw_conv_pass)pass), isa);
            add_ratio(&all, ratio_of(&c));
            if (suits_winograd(&problem->shape)) add_ratio(&suited, ratio_of(&c));
        }
    print_mean(file, "all", isa, &all);
    print_mean(file, "3x3, stride 1, 16 channels and more", isa, &suited);
}

lw_status lw_bench_print_summary(const lw_bench_rows *rows, const lw_problem_list *problems,
                                 const lw_output *output)
{
    static const char *const rates[] = {"direct", "winograd", "best", "oneDNN", "ratio"};
    const bool with_isa = rows->n_peaks > 1;
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "GFLOP/s");
    lw_table_column(table, LW_ALIGN_LEFT, "pass");
    if (with_isa) lw_table_column(table, LW_ALIGN_LEFT, "isa");
    for (size_t i = 0; i < LW_COUNT(rates); i++) lw_table_column(table, LW_ALIGN_RIGHT, rates[i]);
    lw_table_column(table, LW_ALIGN_LEFT, "oneDNN's");
    for (size_t i = 0; i < problems->n; i++)
        for (int pass = 0; pass < LW_BENCH_PASSES; pass++)
            for (size_t k = 0; k < rows->n_peaks; k++) {
                const lw_problem *problem = &problems->problems[i];
                const char *word = lw_conv_pass_name((lw_conv_pass)pass);
                const char *isa = rows->peaks[k].isa;
                const contest c = find_contest(rows, problem, word, isa);
                if (c.best || c.onednn)
                    add_contest(table, problem, word, with_isa ? isa : NULL, &c);
            }
    fputc('\n', output->result);
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    for (size_t k = 0; k < rows->n_peaks && !status; k++)
        print_means(rows, problems, rows->peaks[k].isa, output->result);
    return status;
}
