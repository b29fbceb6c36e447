// SPDX-License-Identifier: Apache-2.0
// Changes that get past checksums: a random change of a PNG file is nearly always refused for a
// checksum, and what lies behind it would never be reached.
#ifndef LW_TESTS_FUZZ_MUTATORS_H
#define LW_TESTS_FUZZ_MUTATORS_H

#include <stddef.h>
#include <stdint.h>

// Changes `count` bytes in place, up to `capacity`; returns how many there are then.
typedef size_t (*lw_fuzz_mutator)(uint8_t *bytes, size_t count, size_t capacity);

// The mutator of a target, or NULL where plain changes do.
lw_fuzz_mutator lw_fuzz_find_mutator(const char *target);

// clang's own changes.
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t capacity);

#endif
