// SPDX-License-Identifier: Apache-2.0
// What came out for each image of a data set, and the same counted for each size of image.
#ifndef LW_NN_SIZE_METRICS_H
#define LW_NN_SIZE_METRICS_H

#include <lanewise/data.h>
#include <lanewise/metrics.h>
#include <stdbool.h>

typedef struct lw_outcome {
    float loss;
    bool correct;
} lw_outcome;

// Adds the outcomes (one for each image of the set) up by size. *rows as in lw_model_evaluate_sizes.
lw_status lw_size_metrics_count(lw_size_metrics **rows, size_t *n_rows, const lw_dataset *dataset,
                                const lw_outcome *outcomes);

#endif
