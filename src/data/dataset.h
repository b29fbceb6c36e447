// SPDX-License-Identifier: Apache-2.0
// How the loaders hand their arrays to a data set.
#ifndef LW_DATA_DATASET_H
#define LW_DATA_DATASET_H

#include <lanewise/data.h>

enum {
    LW_DATASET_LONGEST_SIDE = 16384,
    LW_DATASET_MOST_CHANNELS = 1024,
    LW_DATASET_MOST_CLASSES = 65536
};

// Images of one size with their labels. The arrays come from malloc.
typedef struct lw_dataset_parts {
    uint8_t *pixels; // (count, height, width, channels)
    int32_t *labels; // (count), 0 .. classes - 1
    size_t count;
    int32_t channels, height, width, classes;
    const char *const *class_names; // (classes), copied; NULL: "0", "1", ...
} lw_dataset_parts;

// Makes a data set that owns the arrays, which saves the copy of lw_dataset_create; on failure they
// are freed. The labels were checked by the caller.
lw_status lw_dataset_adopt(lw_dataset **dataset, const char *name, const lw_dataset_parts *parts);

// Gives a data set another name; a longer one than fits is cut.
void lw_dataset_rename(lw_dataset *dataset, const char *name);

#endif
