// SPDX-License-Identifier: Apache-2.0
// Dense convolutions over runs, one output at a time.
#include "kernel/reference.h"

static const float *start_of(const lw_dense_geometry *g, const float *x, int32_t row,
                             int32_t column)
{
    return x + row * g->x_row_step + column * g->x_pixel_step;
}

lw_reference_sum lw_reference_dense(const lw_dense_geometry *g, const float *x,
                                    const float *weights, const float *bias, int32_t vector,
                                    int32_t oc, int32_t row, int32_t column)
{
    const int64_t width = (g->oc + vector - 1) / vector * vector;
    lw_reference_sum sum = {0};
    for (int32_t r = 0; r < g->n_runs; r++)
        for (int64_t k = 0; k < g->run_floats; k++)
            lw_reference_add(&sum, (double)start_of(g, x, row, column)[g->runs[r] + k],
                             (double)weights[(r * g->run_floats + k) * width + oc]);
    if (bias) lw_reference_add(&sum, (double)bias[oc], 1.0);
    return sum;
}

lw_reference_sum lw_reference_dense_few(const lw_dense_geometry *g, const float *x,
                                        const float *weights, const float *bias, int32_t vector,
                                        int32_t oc, int32_t row, int32_t column)
{
    lw_reference_sum sum = {0};
    for (int32_t r = 0; r < g->n_runs; r++)
        for (int64_t k = 0; k < g->run_floats; k++) {
            int64_t step = (r * g->run_floats + k) / vector * g->oc + oc;
            lw_reference_add(&sum, (double)start_of(g, x, row, column)[g->runs[r] + k],
                             (double)weights[step * vector + k % vector]);
        }
    if (bias) lw_reference_add(&sum, (double)bias[oc], 1.0);
    return sum;
}
