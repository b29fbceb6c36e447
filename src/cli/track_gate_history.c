// SPDX-License-Identifier: Apache-2.0
// `lanewise track gate --against history`: the program as it is now against the level that each of
// its benchmarks has had on this machine since the last change.
#include "cli/track_gate_history.h"
#include "base/error.h"
#include "cli/track_history.h"
#include "track/level.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One benchmark: its level and what it takes now.
typedef struct trial {
    lw_level level;
    double median;
    char problem[120], label[80];
    lw_interval ratio;
    double p;
    lw_verdict verdict;
    bool suspected;
} trial;

typedef struct trials {
    trial *items;
    lw_name_list names; // of the benchmarks, in the same order
    lw_store *store;
    int64_t machine;
    const lw_gbench_options *runs;
    const char *program;
} trials;

static const double screen_level = 0.05, confirm_level = 0.05;

static lw_status measure_level(trials *t, size_t index)
{
    trial *item = &t->items[index];
    lw_series series;
    LW_TRY(lw_series_read(&series, t->store, t->machine, t->names.names[index], "s"));
    const size_t from = series.n_changes ? series.changes[series.n_changes - 1].index : 0;
    const size_t n = series.n - from;
    lw_status status = LW_OK;
    if (n < LW_LEAST_LEVEL_RUNS) {
        snprintf(item->problem, sizeof item->problem,
                 "its history has %zu run%s at the present level; %d are needed", n,
                 n == 1 ? "" : "s", LW_LEAST_LEVEL_RUNS);
    } else {
        double *medians = malloc(n * sizeof *medians);
        if (!medians) status = lw_fail(LW_ERROR_MEMORY, "no memory for a series");
        for (size_t i = 0; medians && i < n; i++) medians[i] = series.points[from + i].median;
        if (!status) status = lw_level_measure(&item->level, medians, n);
        free(medians);
    }
    lw_series_free(&series);
    return status;
}

static lw_status measure_now(trials *t, size_t index)
{
    trial *item = &t->items[index];
    lw_gbench_report report;
    LW_TRY(lw_gbench_run(&report, NULL, t->program, t->names.names[index], true, t->runs));
    const lw_gbench_series *series = &report.series[0];
    if (series->problem || series->n == 0)
        snprintf(item->problem, sizeof item->problem, "%.110s",
                 series->problem ? series->problem : "no repetition was written");
    else
        item->median = lw_statistics_median(series->seconds, series->n);
    memcpy(item->label, series->label, sizeof item->label);
    lw_gbench_free(&report);
    if (!item->problem[0]) lw_level_compare(&item->level, item->median, &item->ratio, &item->p);
    return LW_OK;
}

// What stands out, corrected for how many there are, is measured once more; only what stands out
// again in the same direction is said.
static lw_status judge(trials *t, double margin)
{
    const size_t n = t->names.n;
    double *p = malloc((n + 1) * sizeof *p);
    bool *rejected = malloc((n + 1) * sizeof *rejected);
    lw_status status = p && rejected ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the tests");
    for (size_t i = 0; i < n && !status; i++) p[i] = t->items[i].problem[0] ? 1 : t->items[i].p;
    if (!status) status = lw_statistics_benjamini_hochberg(rejected, p, n, screen_level);
    for (size_t i = 0; i < n && !status; i++) {
        trial *item = &t->items[i];
        if (item->problem[0]) continue;
        if (rejected[i]) {
            const bool slower = item->ratio.center > 1;
            status = measure_now(t, i);
            if (!item->problem[0] && item->p <= confirm_level && slower == (item->ratio.center > 1))
                item->verdict = slower ? LW_VERDICT_SLOWER : LW_VERDICT_FASTER;
        }
        const bool within = item->ratio.low >= 1 / (1 + margin) && item->ratio.high <= 1 + margin;
        if (item->verdict == LW_VERDICT_INCONCLUSIVE && within) item->verdict = LW_VERDICT_SAME;
    }
    free(p);
    free(rejected);
    return status;
}

static lw_status measure_all(trials *t, double margin)
{
    for (size_t i = 0; i < t->names.n; i++) {
        LW_TRY(measure_level(t, i));
        if (!t->items[i].problem[0]) LW_TRY(measure_now(t, i));
    }
    return judge(t, margin);
}

static void fill_rows(lw_gate *gate, const trials *t)
{
    for (size_t i = 0; i < t->names.n; i++) {
        const trial *item = &t->items[i];
        const bool measured = !item->problem[0];
        gate->rows[i] = (lw_gate_row){
            .name = t->names.names[i],
            .problem = item->problem,
            .old_value = measured ? exp(item->level.center) : NAN,
            .new_value = measured ? item->median : NAN,
            .unit = "s",
            .ratio = measured ? item->ratio : (lw_interval){NAN, NAN, NAN},
            .p = item->p,
            .verdict = item->verdict,
            .blocks = item->level.n,
            .instructions = {-1, -1},
        };
    }
    gate->n = t->names.n;
}

static lw_status show(const trials *t, const lw_ab_options *options,
                      const lw_invocation *invocation)
{
    lw_gate gate = {.limit = options->rules.limit,
                    .margin = options->rules.margin,
                    .sides = {"the history", t->program},
                    .rows = calloc(t->names.n, sizeof *gate.rows)};
    if (!gate.rows) return lw_fail(LW_ERROR_MEMORY, "no memory for the result");
    fill_rows(&gate, t);
    lw_status status = lw_gate_judge(&gate);
    if (!status) status = lw_track_show_gate(&gate, invocation, NULL);
    lw_gate_free(&gate);
    return status;
}

lw_status lw_track_gate_history(const char *program, const lw_ab_options *options,
                                const lw_invocation *invocation)
{
    const lw_track_settings *settings = invocation->settings;
    lw_machine here;
    lw_gbench_options runs = options->runs;
    if (!lw_option_given(invocation->arguments, "repetitions")) runs.repetitions = 10;
    trials t = {.runs = &runs, .program = program};
    LW_TRY(lw_store_open(&t.store, settings->history, LW_STORE_READ));
    lw_this_machine(&here, settings->machine);
    lw_status status = lw_store_find_machine(t.store, &here, &t.machine);
    if (!status && t.machine < 0)
        status = lw_fail(LW_ERROR_INPUT,
                         "%s: the history has no run of this machine, and figures of another one "
                         "cannot be compared",
                         settings->history);
    if (!status) status = lw_gbench_list(&t.names, program, options->filter, &runs);
    if (!status) {
        t.items = calloc(t.names.n, sizeof *t.items);
        status = t.items ? measure_all(&t, options->rules.margin)
                         : lw_fail(LW_ERROR_MEMORY, "no memory for the benchmarks");
    }
    if (!status) status = show(&t, options, invocation);
    free(t.items);
    lw_names_free(&t.names);
    lw_store_close(&t.store);
    return status;
}
