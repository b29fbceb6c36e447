// SPDX-License-Identifier: Apache-2.0
#include "nn/size_metrics.h"

#include "base/error.h"

#include <stdlib.h>

// An image's size, packed so that sizes compare as area, then height; and its place in the set, which
// makes the order, and with it the sum of the losses, one and the same.
typedef struct sized {
    uint64_t key;
    size_t index;
} sized;

static int compare_sized(const void *a, const void *b)
{
    const sized *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static sized *sort_samples(const lw_dataset *dataset)
{
    size_t size = lw_dataset_size(dataset);
    sized *sorted = malloc((size ? size : 1) * sizeof *sorted);
    for (size_t i = 0; sorted && i < size; i++) {
        lw_sample sample = lw_dataset_get(dataset, i);
        // Sides have less than 2^15 pixels.
        uint64_t area = (uint64_t)sample.height * (uint64_t)sample.width;
        sorted[i] = (sized){area << 16 | (uint64_t)sample.height, i};
    }
    if (sorted) qsort(sorted, size, sizeof *sorted, compare_sized);
    return sorted;
}

static size_t count_sizes(const sized *sorted, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) n += i == 0 || sorted[i].key != sorted[i - 1].key;
    return n;
}

lw_status lw_size_metrics_count(lw_size_metrics **rows, size_t *n_rows, const lw_dataset *dataset,
                                const lw_outcome *outcomes)
{
    size_t size = lw_dataset_size(dataset);
    sized *sorted = sort_samples(dataset);
    *n_rows = sorted ? count_sizes(sorted, size) : 0;
    *rows = calloc(*n_rows + 1, sizeof **rows);
    if (!sorted || !*rows) {
        free(sorted);
        free(*rows);
        *rows = NULL;
        return lw_fail(LW_ERROR_MEMORY, "no memory for the sizes of %zu images", size);
    }
    for (size_t i = 0, next = 0; i < size; i++) {
        if (i == 0 || sorted[i].key != sorted[i - 1].key) {
            lw_sample sample = lw_dataset_get(dataset, sorted[i].index);
            (*rows)[next++] = (lw_size_metrics){.height = sample.height, .width = sample.width};
        }
        lw_size_metrics *row = &(*rows)[next - 1];
        row->count++;
        row->correct += outcomes[sorted[i].index].correct;
        row->loss += (double)outcomes[sorted[i].index].loss;
    }
    for (size_t i = 0; i < *n_rows; i++) (*rows)[i].loss /= (double)(*rows)[i].count;
    free(sorted);
    return LW_OK;
}
