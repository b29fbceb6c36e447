// SPDX-License-Identifier: Apache-2.0
// Fully connected layers on one image, forward and backward-data (the sums over images of
// backward-weights are those of dense_backward_weights). The weights [out][in] are read row by row in
// both passes, so one layout serves them and nothing has to be packed.
#include "simd/declare.h"

// Rows that share one read of x; with two vectors each there are eight chains of sums.
enum { row_group = 4 };

LW_INLINE void dot_rows(int32_t in, const float *x, const float *weights, const int rows,
                        float *sums)
{
    lw_vec sum[row_group];
    LW_UNROLL(4)
    for (int r = 0; r < rows; r++) sum[r] = lw_vec_zero();
    for (int32_t i = 0; i < in; i += LW_VEC) {
        lw_vec value = lw_vec_load(x + i);
        LW_UNROLL(4)
        for (int r = 0; r < rows; r++)
            sum[r] = lw_vec_fma(value, lw_vec_load(weights + (int64_t)r * in + i), sum[r]);
    }
    LW_UNROLL(4)
    for (int r = 0; r < rows; r++) sums[r] = lw_vec_sum(sum[r]);
}

void LW_KERNEL(linear_forward)(int32_t in, int32_t out, const float *x, const float *weights,
                               const float *bias, bool relu, float *y)
{
    for (int32_t o = 0; o < out; o += row_group) {
        float sums[row_group];
        const float *rows = weights + (int64_t)o * in;
        int n = out - o < row_group ? out - o : row_group;
        switch (n) {
        case 1: dot_rows(in, x, rows, 1, sums); break;
        case 2: dot_rows(in, x, rows, 2, sums); break;
        case 3: dot_rows(in, x, rows, 3, sums); break;
        default: dot_rows(in, x, rows, 4, sums); break;
        }
        for (int r = 0; r < n; r++) {
            float value = sums[r] + bias[o + r];
            y[o + r] = relu && !(value > 0.0f) && value == value ? 0.0f : value;
        }
    }
}

void LW_KERNEL(linear_backward_data)(int32_t in, int32_t out, const float *dy, const float *weights,
                                     float *dx)
{
    for (int32_t i = 0; i < in; i += LW_VEC) {
        lw_vec sum = lw_vec_zero();
        for (int32_t o = 0; o < out; o++)
            sum = lw_vec_fma(lw_vec_load_broadcast(dy + o),
                             lw_vec_load(weights + (int64_t)o * in + i), sum);
        lw_vec_store(dx + i, sum);
    }
}
