// SPDX-License-Identifier: Apache-2.0
// Counts of a pass over a data set.
#include "base/error.h"

#include <lanewise/metrics.h>

#include <stdlib.h>
#include <string.h>

double lw_metrics_accuracy(const lw_metrics *metrics)
{
    return metrics->count > 0 ? (double)metrics->correct / (double)metrics->count : 0.0;
}

lw_status lw_metrics_create(lw_metrics *metrics, int32_t classes)
{
    memset(metrics, 0, sizeof *metrics);
    if (classes < 1 || classes > LW_METRICS_MAX_CLASSES)
        return lw_fail(LW_ERROR_ARGUMENT, "metrics: expected 1 to %d classes, got %d",
                       LW_METRICS_MAX_CLASSES, classes);
    metrics->confusion = calloc((size_t)classes * (size_t)classes, sizeof *metrics->confusion);
    if (!metrics->confusion)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the confusion matrix of %d classes",
                       classes);
    metrics->classes = classes;
    return LW_OK;
}

void lw_metrics_destroy(lw_metrics *metrics)
{
    if (!metrics) return;
    free(metrics->confusion);
    memset(metrics, 0, sizeof *metrics);
}
