// SPDX-License-Identifier: Apache-2.0
// Bilinear sampling of bytes along a line. A word of the source holds the four neighbours of a
// place, so one gather fetches all that an output needs. Everything is in integers: every ISA gives
// the same bytes.
#include "simd/declare.h"

typedef int32_t ints __attribute__((vector_size(4 * LW_VEC)));
typedef uint8_t bytes __attribute__((vector_size(LW_VEC)));

enum { fraction_bits = 16, weight_bits = 8, weight_one = 1 << weight_bits };

LW_INLINE ints gather(const uint32_t *words, ints index)
{
#if defined(__AVX512F__)
    return (ints)_mm512_i32gather_epi32((__m512i)index, words, 4);
#elif defined(__AVX2__)
    return (ints)_mm256_i32gather_epi32((const int *)words, (__m256i)index, 4);
#else
    ints values;
    LW_UNROLL(4)
    for (int i = 0; i < LW_VEC; i++) values[i] = (int32_t)words[index[i]];
    return values;
#endif
}

LW_INLINE ints load(const int32_t *p)
{
    ints a;
    memcpy(&a, p, sizeof a);
    return a;
}

// A comparison of vectors gives all ones where it holds.
LW_INLINE ints clamp(ints a, int32_t high)
{
    a &= ~(a < 0);
    const ints over = a > high;
    return (a & ~over) | (over & high);
}

LW_INLINE ints sample(const lw_warp_line *line, ints x, ints y)
{
    x = clamp(x, line->last_x << fraction_bits);
    y = clamp(y, line->last_y << fraction_bits);
    const ints words =
        gather(line->quads, (y >> fraction_bits) * line->stride + (x >> fraction_bits));
    const ints right = (x >> (fraction_bits - weight_bits)) & (weight_one - 1);
    const ints lower = (y >> (fraction_bits - weight_bits)) & (weight_one - 1);
    const ints top = (words & 255) * (weight_one - right) + ((words >> 8) & 255) * right;
    const ints bottom =
        ((words >> 16) & 255) * (weight_one - right) + ((words >> 24) & 255) * right;
    return (top * (weight_one - lower) + bottom * lower + weight_one * weight_one / 2) >>
           (2 * weight_bits);
}

void LW_KERNEL(warp_bytes)(const lw_warp_line *line, uint8_t *out)
{
    ints lane;
    for (int i = 0; i < LW_VEC; i++) lane[i] = i;
    for (int32_t i = 0; i < line->count; i += LW_VEC) {
        ints x = (lane + i) * line->dx + line->x, y = (lane + i) * line->dy + line->y;
        const int32_t left = line->count - i;
        const size_t lanes = left < LW_VEC ? (size_t)left : LW_VEC;
        if (line->offset_x) {
            // The last vector may be a part of one: what lies behind the offsets is not read.
            int32_t offset_x[LW_VEC] = {0}, offset_y[LW_VEC] = {0};
            memcpy(offset_x, line->offset_x + i, lanes * sizeof *offset_x);
            memcpy(offset_y, line->offset_y + i, lanes * sizeof *offset_y);
            x += load(offset_x);
            y += load(offset_y);
        }
        const bytes values = __builtin_convertvector(sample(line, x, y), bytes);
        if (lanes == LW_VEC)
            memcpy(out + i, &values, sizeof values);
        else
            memcpy(out + i, &values, lanes);
    }
}
