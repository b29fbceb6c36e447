// SPDX-License-Identifier: Apache-2.0
// Bit planes turned round: from 16 channels for each position to up to 64 positions for each
// channel, so that a channel's live positions are walked bit by bit.
#ifndef LW_SIMD_CONV_LIVE_BITS_H
#define LW_SIMD_CONV_LIVE_BITS_H

#include "simd/kernels.h"
#include "simd/vec.h"

// Positions that one word holds.
enum { LW_LIVE_WORD = 64 };

// The planes of one block of channels: bit p of a channel's words is position p. The order is that
// of the bits in lw_planes.
typedef struct lw_live_bits {
    uint64_t live[LW_BLOCK], right[LW_BLOCK], lower[LW_BLOCK], unused[LW_BLOCK];
} lw_live_bits;

// One step of a bit matrix transposition: for each pair of rows whose numbers differ in the highest
// bit, swaps the upper halves of the first row's fields of 2 * width bits with the lower halves of
// the second's. Rows come out with their numbers rotated by one bit, so that every step reads and
// writes in the same order, which vectors do well.
LW_INLINE void lw_transpose_step(const uint64_t *from, uint64_t *to, const int rows,
                                 const int width, const uint64_t lower_halves)
{
    for (int i = 0; i < rows / 2; i++) {
        uint64_t first = from[i], second = from[i + rows / 2];
        uint64_t swapped = ((first >> width) ^ second) & lower_halves;
        to[2 * i] = first ^ swapped << width;
        to[2 * i + 1] = second ^ swapped;
    }
}

// The fields of 16 bits in each of 16 rows, transposed.
LW_INLINE void lw_transpose_fields(uint64_t *rows, const int n_rows)
{
    uint64_t other[LW_LIVE_WORD];
    lw_transpose_step(rows, other, n_rows, 8, 0x00FF00FF00FF00FFu);
    lw_transpose_step(other, rows, n_rows, 4, 0x0F0F0F0F0F0F0F0Fu);
    lw_transpose_step(rows, other, n_rows, 2, 0x3333333333333333u);
    lw_transpose_step(other, rows, n_rows, 1, 0x5555555555555555u);
}

// All bits of up to 16 positions fit one word a channel, and that takes a sixth of the time.
LW_INLINE void lw_live_bits_of_few(const uint64_t *planes, lw_live_bits *bits)
{
    uint64_t rows[LW_BLOCK];
    memcpy(rows, planes, sizeof rows);
    lw_transpose_fields(rows, LW_BLOCK);
    for (int channel = 0; channel < LW_BLOCK; channel++) {
        bits->live[channel] = rows[channel] & 0xFFFFu;
        bits->right[channel] = rows[channel] >> 16 & 0xFFFFu;
        bits->lower[channel] = rows[channel] >> 32 & 0xFFFFu;
    }
}

// `count` positions, at most LW_LIVE_WORD; the bits behind the last one are zero.
LW_INLINE void lw_live_bits_of(const lw_planes *planes, int32_t count, lw_live_bits *bits)
{
    uint64_t rows[LW_LIVE_WORD], other[LW_LIVE_WORD];
    for (int32_t i = 0; i < count; i++)
        rows[i] = planes[i].live | (uint64_t)planes[i].right << 16 |
                  (uint64_t)planes[i].lower << 32 | (uint64_t)planes[i].unused << 48;
    const int32_t full = count <= LW_BLOCK ? LW_BLOCK : LW_LIVE_WORD;
    memset(rows + count, 0, (size_t)(full - count) * sizeof *rows);
    if (count <= LW_BLOCK) {
        lw_live_bits_of_few(rows, bits);
        return;
    }
    lw_transpose_step(rows, other, LW_LIVE_WORD, 32, 0x00000000FFFFFFFFu);
    lw_transpose_step(other, rows, LW_LIVE_WORD, 16, 0x0000FFFF0000FFFFu);
    lw_transpose_fields(rows, LW_LIVE_WORD);
    memcpy(bits, rows, sizeof rows);
}

#endif
