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

static void add_number(lw_table *table, const lw_run_set *set, const lw_run_group *group)
{
    const size_t number = (size_t)(group - set->groups) + 1;
    lw_table_number(table, LW_STYLE_PLAIN, (double)number, "%zu", number);
}

lw_status lw_report_groups_table(lw_table **table, const lw_run_set *set)
{
    const char *judge = lw_run_set_judge(set);
    const lw_run_group *best = lw_run_set_best(set);
    char title[64];
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_RIGHT, "recipe");
    if (!set->narrow) lw_table_column(*table, LW_ALIGN_LEFT, "settings");
    lw_table_column(*table, LW_ALIGN_RIGHT, "parameters");
    lw_table_column(*table, LW_ALIGN_RIGHT, "runs");
    snprintf(title, sizeof title, "%s accuracy", judge);
    lw_table_column(*table, LW_ALIGN_RIGHT, title);
    lw_table_column(*table, LW_ALIGN_RIGHT, set->narrow ? "deviation" : "deviation (points)");
    lw_table_column(*table, LW_ALIGN_RIGHT, "95 % interval (%)");
    lw_table_column(*table, LW_ALIGN_RIGHT, "training time");
    lw_table_column(*table, LW_ALIGN_RIGHT, "images/s");
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_group *group = &set->groups[g];
        const lw_summary *result = lw_run_group_result(set, group);
        add_number(*table, set, group);
        if (!set->narrow) lw_table_cell(*table, LW_STYLE_PLAIN, "%s", group->label);
        lw_table_number(*table, LW_STYLE_PLAIN, (double)group->runs[0]->parameters, "%s",
                        lw_format_count(group->runs[0]->parameters).text);
        lw_table_number(*table, LW_STYLE_PLAIN, (double)group->n, "%zu", group->n);
        add_percent(*table, group == best ? LW_STYLE_BOLD : LW_STYLE_PLAIN, result->mean);
        add_spread(*table, result);
        lw_table_number(*table, LW_STYLE_PLAIN, group->seconds.mean, "%s",
                        lw_format_seconds(group->seconds.mean).text);
        lw_table_number(*table, LW_STYLE_PLAIN, group->images_per_second.mean, "%s",
                        lw_format_count(llround(group->images_per_second.mean)).text);
    }
    return LW_OK;
}

// ---- convolutions -----------------------------------------------------------------------------

static bool is_chosen(const lw_run_group *group)
{
    char text[128];
    lw_run_summary_convolutions(group->runs[0], text, sizeof text);
    return strcmp(text, "as chosen") == 0;
}

// What a group's convolutions are compared with: those of the same settings where nothing was forced, else the
// first. NULL: no other group has its settings.
static const lw_run_group *find_reference(const lw_run_set *set, const lw_run_group *group)
{
    const lw_run_group *first = NULL, *chosen = NULL;
    size_t n = 0;
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_group *other = &set->groups[g];
        if (!lw_run_summary_same_settings(group->runs[0], other->runs[0])) continue;
        if (n++ == 0) first = other;
        if (!chosen && is_chosen(other)) chosen = other;
    }
    return n < 2 ? NULL : chosen ? chosen : first;
}

// How much more accurate a group is than another one, over the seeds that both have; NaN without such seeds.
static double compare_seeds(const lw_run_set *set, const lw_run_group *group,
                            const lw_run_group *other)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < group->n; i++)
        for (size_t k = 0; k < other->n; k++) {
            if (group->runs[i]->seed != other->runs[k]->seed) continue;
            sum += lw_run_result(set, group->runs[i]) - lw_run_result(set, other->runs[k]);
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}

static void add_convolutions(lw_table *table, const lw_run_set *set, const lw_run_group *group,
                             const lw_run_group *reference)
{
    char text[128];
    const double rate = group->images_per_second.mean;
    const double points = 100 * compare_seeds(set, group, reference);
    lw_run_summary_convolutions(group->runs[0], text, sizeof text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", group->runs[0]->network);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", text);
    lw_table_number(table, LW_STYLE_PLAIN, rate, "%s", lw_format_count(llround(rate)).text);
    lw_table_number(table, LW_STYLE_PLAIN, rate / reference->images_per_second.mean, "%.3g",
                    rate / reference->images_per_second.mean);
    add_percent(table, LW_STYLE_PLAIN, lw_run_group_result(set, group)->mean);
    if (group == reference || isnan(points))
        lw_table_number(table, LW_STYLE_DIM, points, "-");
    else
        lw_table_number(table, LW_STYLE_PLAIN, points, "%+.2f", points);
}

lw_status lw_report_convolutions_table(lw_table **table, const lw_run_set *set)
{
    char title[64];
    *table = NULL;
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_group *reference = find_reference(set, &set->groups[g]);
        if (!reference) continue;
        if (!*table) {
            LW_TRY(lw_table_create(table));
            snprintf(title, sizeof title, "%s accuracy", lw_run_set_judge(set));
            lw_table_column(*table, LW_ALIGN_LEFT, "network");
            lw_table_column(*table, LW_ALIGN_LEFT, "convolutions");
            lw_table_column(*table, LW_ALIGN_RIGHT, "images/s");
            lw_table_column(*table, LW_ALIGN_RIGHT, "times as fast");
            lw_table_column(*table, LW_ALIGN_RIGHT, title);
            lw_table_column(*table, LW_ALIGN_RIGHT,
                            set->narrow ? "difference" : "difference, same seeds (points)");
        }
        add_convolutions(*table, set, &set->groups[g], reference);
    }
    return LW_OK;
}

// Where it is narrow, only if they are not all the same.
static bool shows_threads(const lw_run_set *set)
{
    for (size_t i = 1; i < set->n; i++)
        if (set->runs[i]->threads != set->runs[0]->threads) return true;
    return !set->narrow;
}

// "1:02:05" where "1 h 02 min" takes too much room.
static lw_short_text format_time(const lw_run_set *set, double seconds)
{
    return set->narrow && seconds >= 59.95 ? lw_format_clock(seconds) : lw_format_seconds(seconds);
}

static void add_run(lw_table *table, const lw_run_set *set, const lw_run_group *group,
                    const lw_run_summary *run)
{
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_run_name(set, run));
    if (set->n_groups > 1) add_number(table, set, group);
    lw_table_number(table, LW_STYLE_PLAIN, (double)run->seed, "%llu",
                    (unsigned long long)run->seed);
    add_percent(table, LW_STYLE_BOLD, run->test.accuracy);
    lw_table_number(table, LW_STYLE_PLAIN, run->test.loss, "%s",
                    lw_format_loss(run->test.loss).text);
    add_percent(table, LW_STYLE_PLAIN, run->validation.accuracy);
    add_percent(table, LW_STYLE_PLAIN, run->train.accuracy);
    lw_table_number(table, LW_STYLE_PLAIN, (double)run->n_epochs, "%zu", run->n_epochs);
    lw_table_number(table, LW_STYLE_PLAIN, run->seconds, "%s",
                    format_time(set, run->seconds).text);
    lw_table_number(table, LW_STYLE_PLAIN, run->images_per_second, "%s",
                    lw_format_count(llround(run->images_per_second)).text);
    if (shows_threads(set))
        lw_table_number(table, LW_STYLE_PLAIN, run->threads, "%d", run->threads);
}

lw_status lw_report_runs_table(lw_table **table, const lw_run_set *set)
{
    const char *const titles[] = {"seed",       "test",     set->narrow ? "loss" : "test loss",
                                  "validation", "training", "epochs",
                                  "time",       "images/s"};
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "run");
    if (set->n_groups > 1) lw_table_column(*table, LW_ALIGN_RIGHT, "recipe");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        lw_table_column(*table, LW_ALIGN_RIGHT, titles[i]);
    if (shows_threads(set)) lw_table_column(*table, LW_ALIGN_RIGHT, "threads");
    for (size_t g = 0; g < set->n_groups; g++)
        for (size_t i = 0; i < set->groups[g].n; i++)
            add_run(*table, set, &set->groups[g], set->groups[g].runs[i]);
    return LW_OK;
}
