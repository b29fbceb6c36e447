// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10.
#include "base/rng.h"

#include <math.h>

static const uint32_t multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
static const uint32_t weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;
enum { n_rounds = 10 };

static void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < n_rounds; round++) {
        uint64_t product_0 = (uint64_t)multiplier_0 * c0;
        uint64_t product_1 = (uint64_t)multiplier_1 * c2;
        uint32_t next_0 = (uint32_t)(product_1 >> 32) ^ c1 ^ k0;
        uint32_t next_2 = (uint32_t)(product_0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)product_1;
        c3 = (uint32_t)product_0;
        c0 = next_0;
        c2 = next_2;
        k0 += weyl_0;
        k1 += weyl_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

lw_rng lw_rng_stream(uint64_t seed, lw_rng_purpose purpose, uint32_t epoch, uint64_t sample)
{
    lw_rng rng = {.used = 4};
    rng.key[0] = (uint32_t)seed;
    rng.key[1] = (uint32_t)(seed >> 32);
    rng.counter[1] = (uint32_t)sample;
    rng.counter[2] = (uint32_t)(sample >> 32);
    rng.counter[3] = (uint32_t)purpose << 24 | (epoch & 0xFFFFFFu);
    return rng;
}

uint32_t lw_rng_u32(lw_rng *rng)
{
    if (rng->used == 4) {
        philox_block(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

float lw_rng_uniform(lw_rng *rng)
{
    return (float)(lw_rng_u32(rng) >> 8) * 0x1p-24f;
}

double lw_rng_normal(lw_rng *rng)
{
    // 1 - u is in (0, 1], so the logarithm is finite.
    double radius = sqrt(-2.0 * log(1.0 - (double)lw_rng_uniform(rng)));
    return radius * cos(6.283185307179586 * (double)lw_rng_uniform(rng));
}

uint32_t lw_rng_below(lw_rng *rng, uint32_t bound)
{
    // Values below 2^32 mod bound would make small results more likely; they are drawn again.
    uint32_t threshold = (0u - bound) % bound;
    for (;;) {
        uint64_t product = (uint64_t)lw_rng_u32(rng) * bound;
        if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
    }
}
