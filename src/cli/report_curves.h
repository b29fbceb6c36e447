// SPDX-License-Identifier: Apache-2.0
// What changes from epoch to epoch, as curves: every run thin, and of several seeds of one recipe the mean
// with its interval.
#ifndef LW_CLI_REPORT_CURVES_H
#define LW_CLI_REPORT_CURVES_H

#include "cli/report_runs.h"
#include "report/chart.h"

typedef enum lw_curve { LW_CURVE_LOSS, LW_CURVE_ACCURACY } lw_curve;

typedef struct lw_curves {
    lw_chart chart; // its series are those below
    lw_chart_series *series;
    size_t n;
    double *values; // of all series, owned
    char (*names)[192];
} lw_curves;

// Makes the curves of all groups: on the validation images, and on the training images where there are few
// groups or no validation. lw_curves_free in any case.
lw_status lw_curves_make(lw_curves *curves, const lw_run_set *set, lw_curve what);
void lw_curves_free(lw_curves *curves);

// The mean curve of a group alone, NaN where no run got that far: `values` has room for `n` epochs.
void lw_curve_mean(const lw_run_group *group, lw_curve what, bool validation, double *values,
                   size_t n);

// Whether the curves of the training images are drawn beside those of the validation images.
bool lw_curves_show_training(const lw_run_set *set);

// The most epochs of any run, and whether any run has figures of validation.
size_t lw_run_set_epochs(const lw_run_set *set);
bool lw_run_set_has_validation(const lw_run_set *set);

#endif
