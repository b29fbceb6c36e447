// SPDX-License-Identifier: Apache-2.0
// Counts that say how well a network does on a data set.
#ifndef LANEWISE_METRICS_H
#define LANEWISE_METRICS_H

#include <lanewise/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LW_METRICS_MAX_CLASSES 1024

// Result of one pass over a data set. `confusion` is (classes, classes), row = true class,
// column = predicted class; NULL where it was not asked for.
typedef struct lw_metrics {
    int64_t count;
    int64_t correct;
    double loss; // mean cross-entropy in nats
    int32_t classes;
    int64_t *confusion;
} lw_metrics;

// The same for the images of one size.
typedef struct lw_size_metrics {
    int32_t height, width;
    int64_t count, correct;
    double loss; // mean
} lw_size_metrics;

// correct / count as a fraction; 0 for an empty set.
LW_API double lw_metrics_accuracy(const lw_metrics *metrics);

// Allocates and zeroes the confusion matrix. LW_ERROR_ARGUMENT outside 1 .. LW_METRICS_MAX_CLASSES.
LW_API lw_status lw_metrics_create(lw_metrics *metrics, int32_t classes);
LW_API void lw_metrics_destroy(lw_metrics *metrics);

#ifdef __cplusplus
}
#endif

#endif
