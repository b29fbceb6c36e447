// SPDX-License-Identifier: Apache-2.0
// Transposes a matrix in blocks of four columns by a vector of rows: maps go between channels-first and
// channels-last with it, and weights to the order of the filter transforms.
#include "simd/declare.h"
#include "simd/vec.h"

enum { side = 4 };

// Four columns of LW_VEC rows. Run g of the four vectors has rows 4 g .. 4 g + 3.
LW_INLINE void transpose_block(const float *from, int64_t from_row, float *to, int64_t to_row)
{
    lw_vec a = lw_vec_load_fours(from, side * from_row);
    lw_vec b = lw_vec_load_fours(from + from_row, side * from_row);
    lw_vec c = lw_vec_load_fours(from + 2 * from_row, side * from_row);
    lw_vec d = lw_vec_load_fours(from + 3 * from_row, side * from_row);
    lw_vec ab_low = lw_vec_zip_low(a, b), ab_high = lw_vec_zip_high(a, b);
    lw_vec cd_low = lw_vec_zip_low(c, d), cd_high = lw_vec_zip_high(c, d);
    lw_vec_store(to, lw_vec_join_low(ab_low, cd_low));
    lw_vec_store(to + to_row, lw_vec_join_high(ab_low, cd_low));
    lw_vec_store(to + 2 * to_row, lw_vec_join_low(ab_high, cd_high));
    lw_vec_store(to + 3 * to_row, lw_vec_join_high(ab_high, cd_high));
}

// Four columns over all rows: the target's four rows are written from end to end.
LW_INLINE void transpose_columns(const float *from, int64_t from_row, int32_t rows, float *to,
                                 int64_t to_row)
{
    int32_t row = 0;
    for (; row + LW_VEC <= rows; row += LW_VEC)
        transpose_block(from + row * from_row, from_row, to + row, to_row);
    for (; row < rows; row++)
        for (int32_t i = 0; i < side; i++) to[i * to_row + row] = from[row * from_row + i];
}

void LW_KERNEL(transpose)(const float *from, int64_t from_row, int32_t rows, int32_t columns,
                          float *to, int64_t to_row)
{
    int32_t column = 0;
    for (; column + side <= columns; column += side)
        transpose_columns(from + column, from_row, rows, to + column * to_row, to_row);
    if (column == columns) return;
    if (columns > side) { // the last four once more, as far as they are done
        column = columns - side;
        transpose_columns(from + column, from_row, rows, to + column * to_row, to_row);
        return;
    }
    for (; column < columns; column++)
        for (int32_t row = 0; row < rows; row++)
            to[column * to_row + row] = from[row * from_row + column];
}
