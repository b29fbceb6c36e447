// SPDX-License-Identifier: Apache-2.0
// Linear layers and the GEMM tiles need nothing but inner products.
#include "kernel/reference.h"

lw_reference_sum lw_reference_dot(const float *a, int64_t a_step, const float *b, int64_t b_step,
                                  int64_t count)
{
    lw_reference_sum sum = {0};
    for (int64_t i = 0; i < count; i++)
        lw_reference_add(&sum, (double)a[i * a_step], (double)b[i * b_step]);
    return sum;
}
