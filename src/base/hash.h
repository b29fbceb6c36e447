// SPDX-License-Identifier: Apache-2.0
// FNV-1a with 64 bits: tells damaged or changed files from whole ones and finds entries of tables.
// No protection against anyone who means harm.
#ifndef LW_BASE_HASH_H
#define LW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t lw_hash_start = UINT64_C(0xCBF29CE484222325);

// The hash of what `hash` stands for, followed by these bytes.
static inline uint64_t lw_hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    // The analyzer takes all but the first byte of a number for unset. NOLINTNEXTLINE(clang-analyzer-core.*)
    for (size_t i = 0; i < count; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
    return hash;
}

// The same purpose for arrays of megabytes: takes eight bytes at a time, and gives other values. The same
// on machines of either byte order.
static inline uint64_t lw_hash_block(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (; count >= sizeof(uint64_t); count -= sizeof(uint64_t), at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        hash = (hash ^ word) * UINT64_C(0x100000001B3);
        hash ^= hash >> 32; // a product carries upwards only
    }
    return lw_hash_bytes(hash, at, count);
}

#endif
