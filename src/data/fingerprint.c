// SPDX-License-Identifier: Apache-2.0
// Telling data sets apart.
#include "base/hash.h"

#include <lanewise/data.h>

#include <string.h>

uint64_t lw_dataset_fingerprint(const lw_dataset *dataset)
{
    const size_t size = lw_dataset_size(dataset);
    const int64_t facts[] = {(int64_t)size, lw_dataset_class_count(dataset)};
    const bool streamed = lw_dataset_is_streamed(dataset);
    uint64_t hash = lw_hash_block(lw_hash_start, facts, sizeof facts);
    for (size_t i = 0; i < size; i++) {
        const lw_sample sample = lw_dataset_get(dataset, i);
        const int32_t head[] = {sample.channels, sample.height, sample.width, sample.label};
        hash = lw_hash_block(hash, head, sizeof head);
        if (streamed) {
            const char *name = lw_dataset_file_name(dataset, i);
            if (name) hash = lw_hash_block(hash, name, strlen(name));
            continue;
        }
        const size_t bytes = (size_t)sample.channels * (size_t)sample.height * (size_t)sample.width;
        hash = lw_hash_block(hash, sample.pixels, bytes);
    }
    return hash;
}
