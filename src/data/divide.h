// SPDX-License-Identifier: Apache-2.0
// Chooses a part of a set so that every class has its share in it.
#ifndef LW_DATA_DIVIDE_H
#define LW_DATA_DIVIDE_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Chooses `wanted` of `count` samples: of each class as large a share as of the whole, rounded so that
// the sum is right (largest remainders first), which ones by chance. A pure function of the labels,
// `seed` and `purpose` (0: validation, 1: a limit). With `keep_one` at least one sample of each class
// stays behind, where that is possible. chosen[i] says whether sample i is one of them.
// LW_ERROR_MEMORY.
lw_status lw_divide_stratified(bool *chosen, const int32_t *labels, size_t count, int32_t classes,
                               size_t wanted, bool keep_one, uint64_t seed, uint32_t purpose);

#endif
