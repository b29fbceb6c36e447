// SPDX-License-Identifier: Apache-2.0
// The answer of a report, and its tables.
#include "base/error.h"
#include "cli/report_page.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void describe_one(char sentence[static 512], const lw_run_set *set,
                         const lw_run_group *group)
{
    const lw_run_summary *run = group->runs[0];
    const int64_t wrong = run->confusion.count - run->confusion.correct;
    char detail[128] = "";
    if (run->confusion.classes)
        snprintf(detail, sizeof detail, ": %s of %s images wrong", lw_format_count(wrong).text,
                 lw_format_count(run->confusion.count).text);
    snprintf(sentence, 512, "%s accuracy of %.100s%s", lw_run_set_judge(set), lw_run_name(set, run),
             detail);
}

void lw_report_headline(char figure[static 32], char sentence[static 512], const lw_run_set *set)
{
    const lw_run_group *best = lw_run_set_best(set);
    const lw_summary *result = lw_run_group_result(set, best);
    const char *first = set->n_groups > 1 ? "best " : "";
    snprintf(figure, 32, "%.31s", lw_format_percent(result->mean).text);
    if (best->n == 1 && set->n_groups == 1) {
        describe_one(sentence, set, best);
    } else if (best->n == 1) {
        snprintf(sentence, 512, "best %s accuracy: %s", lw_run_set_judge(set), best->label);
    } else {
        char interval[80] = "";
        if (lw_summary_has_interval(result))
            snprintf(interval, sizeof interval, ", 95 %% interval of the mean %.2f to %.2f %%",
                     100 * result->low, 100 * fmin(result->high, 1));
        snprintf(sentence, 512, "%smean %s accuracy: %s, %zu runs, standard deviation %.2f%s",
                 first, lw_run_set_judge(set), best->label, result->n, 100 * result->deviation,
                 interval);
    }
}

static void add_percent(lw_table *table, lw_style style, double fraction)
{
    lw_table_number(table, style, fraction, "%s", lw_format_percent(fraction).text);
}

static void add_spread(lw_table *table, const lw_summary *summary)
{
    if (summary->n < 2) {
        lw_table_number(table, LW_STYLE_DIM, NAN, "-");
        lw_table_cell(table, LW_STYLE_DIM, "-");
        return;
    }
    lw_table_number(table, LW_STYLE_PLAIN, 100 * summary->deviation, "%.2f",
                    100 * summary->deviation);
    if (lw_summary_has_interval(summary))
        lw_table_cell(table, LW_STYLE_PLAIN, "%.2f to %.2f", 100 * summary->low,
                      100 * fmin(summary->high, 1));
    else
        lw_table_cell(table, LW_STYLE_DIM, "-");
}

lw_status lw_report_groups_table(lw_table **table, const lw_run_set *set)
{
    const char *judge = lw_run_set_judge(set);
    const lw_run_group *best = lw_run_set_best(set);
    char title[64];
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "recipe");
    lw_table_column(*table, LW_ALIGN_RIGHT, "parameters");
    lw_table_column(*table, LW_ALIGN_RIGHT, "runs");
    snprintf(title, sizeof title, "%s accuracy", judge);
    lw_table_column(*table, LW_ALIGN_RIGHT, title);
    lw_table_column(*table, LW_ALIGN_RIGHT, "deviation (points)");
    lw_table_column(*table, LW_ALIGN_RIGHT, "95 % interval (%)");
    lw_table_column(*table, LW_ALIGN_RIGHT, "training time");
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_group *group = &set->groups[g];
        const lw_summary *result = lw_run_group_result(set, group);
        lw_table_cell(*table, LW_STYLE_PLAIN, "%s", group->label);
        lw_table_number(*table, LW_STYLE_PLAIN, (double)group->runs[0]->parameters, "%s",
                        lw_format_count(group->runs[0]->parameters).text);
        lw_table_number(*table, LW_STYLE_PLAIN, (double)group->n, "%zu", group->n);
        add_percent(*table, group == best ? LW_STYLE_BOLD : LW_STYLE_PLAIN, result->mean);
        add_spread(*table, result);
        lw_table_number(*table, LW_STYLE_PLAIN, group->seconds.mean, "%s",
                        lw_format_seconds(group->seconds.mean).text);
    }
    return LW_OK;
}

static void add_run(lw_table *table, const lw_run_set *set, const lw_run_group *group,
                    const lw_run_summary *run)
{
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_run_name(set, run));
    if (set->n_groups > 1) lw_table_cell(table, LW_STYLE_PLAIN, "%s", group->label);
    lw_table_number(table, LW_STYLE_PLAIN, (double)run->seed, "%llu",
                    (unsigned long long)run->seed);
    add_percent(table, LW_STYLE_BOLD, run->test.accuracy);
    lw_table_number(table, LW_STYLE_PLAIN, run->test.loss, "%s",
                    lw_format_loss(run->test.loss).text);
    add_percent(table, LW_STYLE_PLAIN, run->validation.accuracy);
    add_percent(table, LW_STYLE_PLAIN, run->train.accuracy);
    lw_table_number(table, LW_STYLE_PLAIN, (double)run->n_epochs, "%zu", run->n_epochs);
    lw_table_number(table, LW_STYLE_PLAIN, run->seconds, "%s",
                    lw_format_seconds(run->seconds).text);
    lw_table_number(table, LW_STYLE_PLAIN, run->images_per_second, "%s",
                    lw_format_count(llround(run->images_per_second)).text);
    lw_table_number(table, LW_STYLE_PLAIN, run->threads, "%d", run->threads);
}

lw_status lw_report_runs_table(lw_table **table, const lw_run_set *set)
{
    static const char *const titles[] = {"seed",   "test", "test loss", "validation", "training",
                                         "epochs", "time", "images/s",  "threads"};
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "run");
    if (set->n_groups > 1) lw_table_column(*table, LW_ALIGN_LEFT, "recipe");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        lw_table_column(*table, LW_ALIGN_RIGHT, titles[i]);
    for (size_t g = 0; g < set->n_groups; g++)
        for (size_t i = 0; i < set->groups[g].n; i++)
            add_run(*table, set, &set->groups[g], set->groups[g].runs[i]);
    return LW_OK;
}
