// SPDX-License-Identifier: Apache-2.0
// A word of noise for each place of an image. The counter-based generator costs tens of
// nanoseconds a word; this finaliser (of MurmurHash3, A. Appleby, public domain) of a place and a
// key that was drawn from it is good enough for noise, and compilers vectorise it.
#ifndef LW_PREPARE_HASH_H
#define LW_PREPARE_HASH_H

#include <stdint.h>

static inline uint32_t lw_hash_place(const uint32_t key[2], uint32_t place)
{
    uint32_t h = place * 0x9E3779B9u ^ key[0];
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h *= 0xC2B2AE35u;
    h ^= h >> 16;
    return h ^ key[1];
}

// The sum of the four bytes less its mean: nearly normal, deviation 147.8 (sqrt(4 (256^2 - 1) / 12)),
// never beyond 510.
static inline int32_t lw_hash_bell(const uint32_t key[2], uint32_t place)
{
    uint32_t h = lw_hash_place(key, place);
    h = (h & 0x00FF00FFu) + (h >> 8 & 0x00FF00FFu);
    return (int32_t)((h & 0xFFFFu) + (h >> 16)) - 510;
}

#define LW_HASH_BELL_DEVIATION 147.80

#endif
