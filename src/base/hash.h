// SPDX-License-Identifier: Apache-2.0
// FNV-1a with 64 bits: tells damaged or changed files from whole ones and finds entries of tables.
// No protection against anyone who means harm.
#ifndef LW_BASE_HASH_H
#define LW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static const uint64_t lw_hash_start = UINT64_C(0xCBF29CE484222325);

// The hash of what `hash` stands for, followed by these bytes.
static inline uint64_t lw_hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
    return hash;
}

#endif
