// SPDX-License-Identifier: Apache-2.0
// Transposes a matrix in 4 x 4 blocks of 16-byte vectors, which every compiler turns into register
// shuffles on every ISA: maps go between channels-first and channels-last with it.
#include "simd/declare.h"

typedef float four __attribute__((vector_size(16)));
typedef int32_t four_indices __attribute__((vector_size(16)));

enum { side = 4 };

LW_INLINE four load_four(const float *p)
{
    four a;
    memcpy(&a, p, sizeof a);
    return a;
}

// Lanes i, j of a and i, j of b (a's lanes count from 0, b's from 4).
#if defined(__clang__)
#define LW_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define LW_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (four_indices){i, j, k, l})
#endif

LW_INLINE void transpose_block(const float *from, int64_t from_row, float *to, int64_t to_row)
{
    four a = load_four(from), b = load_four(from + from_row);
    four c = load_four(from + 2 * from_row), d = load_four(from + 3 * from_row);
    four ab_low = LW_SHUFFLE(a, b, 0, 4, 1, 5), ab_high = LW_SHUFFLE(a, b, 2, 6, 3, 7);
    four cd_low = LW_SHUFFLE(c, d, 0, 4, 1, 5), cd_high = LW_SHUFFLE(c, d, 2, 6, 3, 7);
    const four column[side] = {LW_SHUFFLE(ab_low, cd_low, 0, 1, 4, 5),
                               LW_SHUFFLE(ab_low, cd_low, 2, 3, 6, 7),
                               LW_SHUFFLE(ab_high, cd_high, 0, 1, 4, 5),
                               LW_SHUFFLE(ab_high, cd_high, 2, 3, 6, 7)};
    LW_UNROLL(4)
    for (int i = 0; i < side; i++) memcpy(to + i * to_row, &column[i], sizeof column[i]);
}

void LW_KERNEL(transpose)(const float *from, int64_t from_row, int32_t rows, int32_t columns,
                          float *to, int64_t to_row)
{
    // Four columns at a time over all rows: the target's four rows are written from end to end.
    int32_t column = 0;
    for (; column + side <= columns; column += side) {
        int32_t row = 0;
        for (; row + side <= rows; row += side)
            transpose_block(from + row * from_row + column, from_row, to + column * to_row + row,
                            to_row);
        for (; row < rows; row++)
            for (int32_t i = 0; i < side; i++)
                to[(column + i) * to_row + row] = from[row * from_row + column + i];
    }
    for (; column < columns; column++)
        for (int32_t row = 0; row < rows; row++)
            to[column * to_row + row] = from[row * from_row + column];
}
