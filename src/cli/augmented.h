// SPDX-License-Identifier: Apache-2.0
// Samples beside what augmentation makes of them, for looking at.
#ifndef LW_CLI_AUGMENTED_H
#define LW_CLI_AUGMENTED_H

#include <lanewise/augment.h>
#include <lanewise/data.h>

typedef struct lw_augmented {
    lw_sample *samples; // (rows, columns): an original, then its versions of the first epochs
    size_t rows, columns;
    uint8_t *pixels; // of the versions
} lw_augmented;

// Makes `versions` versions of each of the samples at `indices` (rows), as a training with seed 1
// would see them. lw_augmented_free in any case.
lw_status lw_augmented_make(lw_augmented *made, const lw_dataset *dataset, const size_t *indices,
                            size_t rows, const lw_augment *augment, size_t versions);
void lw_augmented_free(lw_augmented *made);

#endif
