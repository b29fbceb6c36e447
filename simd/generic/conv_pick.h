// SPDX-License-Identifier: Apache-2.0
// Instruction sets that can look a float up for each lane: from two rows of four neighbouring pixels
// each lane picks the pixel that a tap of its own winner looks at. LW_PICK_CHANNELS is the largest
// number of channels that a pixel may have, 0 where there is no such instruction.
#ifndef LW_SIMD_CONV_PICK_H
#define LW_SIMD_CONV_PICK_H

#include "simd/vec.h"

#if defined(__AVX512F__)

#define LW_PICK_CHANNELS 4
typedef __m512 lw_pick_row;
typedef __m512i lw_pick_index;

LW_INLINE lw_pick_row lw_pick_load(const float *row, const int channels)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << 4 * channels) - 1), row);
}

// Lane by lane: `channel` of the first pixel, the next one where `right` has a bit, in the second row
// where `lower` has.
LW_INLINE lw_pick_index lw_pick_first(uint32_t right, uint32_t lower, const int channel,
                                      const int channels)
{
    __m512i index = _mm512_set1_epi32(channel);
    index = _mm512_mask_mov_epi32(index, (__mmask16)right, _mm512_set1_epi32(channel + channels));
    return _mm512_mask_or_epi32(index, (__mmask16)lower, index, _mm512_set1_epi32(16));
}

LW_INLINE lw_pick_index lw_pick_next(lw_pick_index index, const int channels)
{
    return _mm512_add_epi32(index, _mm512_set1_epi32(channels));
}

// For all three pairs of four rows that lie below each other.
LW_INLINE void lw_pick(const lw_pick_row *row, lw_pick_index index, lw_vec *picked)
{
    LW_UNROLL(3)
    for (int r = 0; r < 3; r++) picked[r] = _mm512_permutex2var_ps(row[r], index, row[r + 1]);
}

#elif defined(__AVX2__)

#define LW_PICK_CHANNELS 1
typedef __m128 lw_pick_row;
typedef __m256i lw_pick_index;

LW_INLINE lw_pick_row lw_pick_load(const float *row, const int channels)
{
    (void)channels;
    return _mm_loadu_ps(row);
}

LW_INLINE lw_pick_index lw_pick_first(uint32_t right, uint32_t lower, const int channel,
                                      const int channels)
{
    (void)channel;
    (void)channels;
    const __m256i is_right = _mm256_castps_si256(lw_vec_lanes(right));
    const __m256i is_lower = _mm256_castps_si256(lw_vec_lanes(lower));
    return _mm256_sub_epi32(_mm256_and_si256(is_lower, _mm256_set1_epi32(4)), is_right);
}

LW_INLINE lw_pick_index lw_pick_next(lw_pick_index index, const int channels)
{
    return _mm256_add_epi32(index, _mm256_set1_epi32(channels));
}

LW_INLINE void lw_pick(const lw_pick_row *row, lw_pick_index index, lw_vec *picked)
{
    LW_UNROLL(3)
    for (int r = 0; r < 3; r++)
        picked[r] = _mm256_permutevar8x32_ps(_mm256_set_m128(row[r + 1], row[r]), index);
}

#else

#define LW_PICK_CHANNELS 0

#endif
#endif
