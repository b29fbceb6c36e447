// SPDX-License-Identifier: Apache-2.0
#include "track/level.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Clocks and rounding: no machine repeats itself better than this.
static const double least_scatter = 0.001;

lw_status lw_level_measure(lw_level *level, const double *medians, size_t n)
{
    *level = (lw_level){.scatter = least_scatter, .n = n};
    double *logs = malloc(2 * (n + 1) * sizeof *logs), *scratch = logs + n;
    if (!logs) return lw_fail(LW_ERROR_MEMORY, "no memory for a level of %zu runs", n);
    for (size_t i = 0; i < n; i++) logs[i] = log(medians[i]);
    memcpy(scratch, logs, n * sizeof *logs);
    const double middle = lw_statistics_median(scratch, n);
    const double spread = lw_statistics_spread(scratch, n), reach = 3 * fmax(spread, least_scatter);
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        logs[i] = fmin(fmax(logs[i], middle - reach), middle + reach);
        level->center += logs[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) squares += pow(logs[i] - level->center, 2);
    if (n > 1) level->scatter = fmax(sqrt(squares / (double)(n - 1)), least_scatter);
    free(logs);
    return LW_OK;
}

void lw_level_compare(const lw_level *level, double median, lw_interval *ratio, double *p)
{
    const double distance = log(median) - level->center;
    const double freedom = level->n > 1 ? (double)(level->n - 1) : 1;
    const double error = level->scatter * sqrt(1 + 1 / (double)level->n);
    // The 97.5 % quantile of Student's t and its tail, by their expansions around the normal ones.
    const double t_limit = 1.96 + 2.37 / freedom + 2.82 / (freedom * freedom);
    const double t = fabs(distance) / error;
    const double z = sqrt(freedom * log(1 + t * t / freedom)) * (1 - 0.75 / (4 * freedom));
    *ratio = (lw_interval){exp(distance), exp(distance - t_limit * error),
                           exp(distance + t_limit * error)};
    *p = erfc(z * 0.7071067811865476);
}
