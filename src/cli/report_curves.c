// SPDX-License-Identifier: Apache-2.0
#include "cli/report_curves.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { most_groups_with_training = 3 };

bool lw_curves_show_training(const lw_run_set *set)
{
    return set->n_groups <= most_groups_with_training;
}

static double value_of(const lw_epoch_result *epoch, lw_curve what, bool validation)
{
    if (what == LW_CURVE_LOSS) return validation ? epoch->validation_loss : epoch->train_loss;
    return 100 * (validation ? epoch->validation_accuracy : epoch->train_accuracy);
}

size_t lw_run_set_epochs(const lw_run_set *set)
{
    size_t most = 0;
    for (size_t i = 0; i < set->n; i++)
        if (set->runs[i]->n_epochs > most) most = set->runs[i]->n_epochs;
    return most;
}

static bool has_validation(const lw_run_summary *run)
{
    for (size_t e = 0; e < run->n_epochs; e++)
        if (isfinite(run->epochs[e].validation_accuracy)) return true;
    return false;
}

bool lw_run_set_has_validation(const lw_run_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (has_validation(set->runs[i])) return true;
    return false;
}

// The runs' values after one epoch. Those that stopped earlier are not among them.
static lw_summary summarize(const lw_run_group *group, size_t epoch, lw_curve what, bool validation)
{
    for (size_t i = 0; i < group->n; i++)
        group->room[i] = epoch < group->runs[i]->n_epochs
                             ? value_of(&group->runs[i]->epochs[epoch], what, validation)
                             : NAN;
    return lw_summary_of(group->room, group->n);
}

void lw_curve_mean(const lw_run_group *group, lw_curve what, bool validation, double *values,
                   size_t n)
{
    for (size_t e = 0; e < n; e++) values[e] = summarize(group, e, what, validation).mean;
}

// Room for a series of so many epochs with its own x, y and interval.
static lw_chart_series *begin_series(lw_curves *curves, size_t epochs, double **x, double **y)
{
    double *room = curves->values + 4 * epochs * curves->n;
    lw_chart_series *series = &curves->series[curves->n];
    *x = room;
    *y = room + epochs;
    *series = (lw_chart_series){.name = curves->names[curves->n++], .x = *x, .y = *y};
    return series;
}

static void add_run(lw_curves *curves, const lw_run_set *set, const lw_run_summary *run,
                    size_t colour, lw_curve what, bool validation, size_t epochs)
{
    double *x, *y;
    lw_chart_series *series = begin_series(curves, epochs, &x, &y);
    series->colour = colour;
    series->faint = true;
    series->dashed = !validation;
    for (size_t e = 0; e < run->n_epochs; e++) {
        x[e] = run->epochs[e].epoch;
        y[e] = value_of(&run->epochs[e], what, validation);
    }
    series->n = run->n_epochs;
    snprintf(curves->names[curves->n - 1], sizeof curves->names[0], "%.150s %s",
             lw_run_name(set, run), validation ? "validation" : "training");
}

static void add_group(lw_curves *curves, const lw_run_set *set, size_t index, lw_curve what,
                      bool validation, size_t epochs)
{
    const lw_run_group *group = &set->groups[index];
    double *x, *y;
    lw_chart_series *series = begin_series(curves, epochs, &x, &y);
    double *low = y + epochs, *high = low + epochs;
    series->colour = index;
    series->dashed = !validation;
    for (size_t e = 0; e < epochs; e++) {
        const lw_summary summary = summarize(group, e, what, validation);
        x[e] = (double)e + 1;
        y[e] = summary.mean;
        const bool known = lw_summary_has_interval(&summary);
        low[e] = known ? summary.low : NAN;
        high[e] = known ? summary.high : NAN;
        if (what == LW_CURVE_ACCURACY) high[e] = known ? fmin(high[e], 100) : NAN;
        if (summary.n > 0) series->n = e + 1;
    }
    if (group->n > 1) {
        series->low = low;
        series->high = high;
    }
    const bool alone = set->n_groups == 1;
    snprintf(curves->names[curves->n - 1], sizeof curves->names[0], "%s%s%s%s",
             alone ? "" : group->label, alone ? "" : ", ", group->n > 1 ? "mean " : "",
             validation ? "validation" : "training");
    for (size_t i = 0; i < group->n && group->n > 1; i++)
        add_run(curves, set, group->runs[i], index, what, validation, epochs);
}

lw_status lw_curves_make(lw_curves *curves, const lw_run_set *set, lw_curve what)
{
    *curves = (lw_curves){.n = 0};
    const size_t epochs = lw_run_set_epochs(set), most = 2 * (set->n + set->n_groups);
    const bool validation = lw_run_set_has_validation(set);
    curves->series = calloc(most, sizeof *curves->series);
    curves->names = calloc(most, sizeof *curves->names);
    curves->values = calloc(4 * most * epochs + 1, sizeof *curves->values);
    if (!curves->series || !curves->names || !curves->values)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the curves of %zu runs", set->n);
    for (size_t g = 0; g < set->n_groups; g++) {
        if (validation) add_group(curves, set, g, what, true, epochs);
        if (!validation || lw_curves_show_training(set))
            add_group(curves, set, g, what, false, epochs);
    }
    const bool loss = what == LW_CURVE_LOSS;
    curves->chart =
        (lw_chart){.title = loss ? "Loss after each epoch" : "Accuracy after each epoch",
                   .x_axis = "epoch",
                   .y_axis = loss ? "cross-entropy (nats)" : "accuracy (%)",
                   .y_decimals = loss ? 4 : 2,
                   .log_y = loss,
                   .series = curves->series,
                   .n_series = curves->n};
    return LW_OK;
}

void lw_curves_free(lw_curves *curves)
{
    free(curves->series);
    free(curves->names);
    free(curves->values);
    *curves = (lw_curves){.n = 0};
}
