// SPDX-License-Identifier: Apache-2.0
// The kernels once more, in double precision, loop by loop as their contracts in simd/kernels.h
// read: one function gives one element. `magnitude` is the sum of the absolute values of what was
// added up, for the bound of a comparison.
#ifndef LW_TESTS_KERNEL_REFERENCE_H
#define LW_TESTS_KERNEL_REFERENCE_H

#include "simd/kernels.h"

typedef struct lw_reference_sum {
    double value, magnitude;
} lw_reference_sum;

static inline void lw_reference_add(lw_reference_sum *sum, double a, double b)
{
    const double product = a * b;
    sum->value += product;
    sum->magnitude += product < 0.0 ? -product : product;
}

// ---- convolution --------------------------------------------------------------------

// Indices into the two layouts of weights: forward (and first) [block of oc][kh][kw][ic][16],
// backward [block of ic][oc][kh][kw][16].
int64_t lw_reference_forward_weight(const lw_conv_geometry *g, int32_t oc, int32_t ic, int32_t kh,
                                    int32_t kw);
int64_t lw_reference_backward_weight(const lw_conv_geometry *g, int32_t oc, int32_t ic, int32_t kh,
                                     int32_t kw);

// The offset in x of what tap (kh, kw) of the output (row, column) before the pool reads.
int64_t lw_reference_tap(const lw_conv_geometry *g, int32_t row, int32_t column, int32_t kh,
                         int32_t kw);

// One output before ReLU and pool.
lw_reference_sum lw_reference_conv_output(const lw_conv_geometry *g, const float *x,
                                          const float *weights, const float *bias, int32_t oc,
                                          int32_t row, int32_t column);

// The planes' word about channel oc at a position: whether it is live, and which output before the
// pool has the gradient.
typedef struct lw_reference_winner {
    bool live;
    int32_t row, column;
} lw_reference_winner;

lw_reference_winner lw_reference_planes(const lw_conv_geometry *g, const lw_planes *planes,
                                        int32_t oc, int32_t oh, int32_t ow);

// What is added to one weight's gradient, to one bias' gradient and to all of dx (arrays of doubles
// that run along dx).
lw_reference_sum lw_reference_conv_dweight(const lw_conv_geometry *g, const float *x,
                                           const float *dy, const lw_planes *planes, int32_t oc,
                                           int32_t ic, int32_t kh, int32_t kw);
lw_reference_sum lw_reference_conv_dbias(const lw_conv_geometry *g, const float *dy,
                                         const lw_planes *planes, int32_t oc);
void lw_reference_conv_dx(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                          const float *weights, double *value, double *magnitude);

// ---- linear and GEMM ----------------------------------------------------------------

lw_reference_sum lw_reference_dot(const float *a, int64_t a_step, const float *b, int64_t b_step,
                                  int64_t count);

// ---- dense convolution over runs ----------------------------------------------------

// One output before the ReLU; `vector` is the table's vector_floats.
lw_reference_sum lw_reference_dense(const lw_dense_geometry *g, const float *x,
                                    const float *weights, const float *bias, int32_t vector,
                                    int32_t oc, int32_t row, int32_t column);
lw_reference_sum lw_reference_dense_few(const lw_dense_geometry *g, const float *x,
                                        const float *weights, const float *bias, int32_t vector,
                                        int32_t oc, int32_t row, int32_t column);

// ---- pooling ------------------------------------------------------------------------

// Pixels of the window of output (oh, ow) that lie inside the map: rows ih_begin .. ih_end - 1.
typedef struct lw_reference_window {
    int32_t ih_begin, ih_end, iw_begin, iw_end;
} lw_reference_window;

lw_reference_window lw_reference_pool_window(const lw_pool_geometry *g, int32_t oh, int32_t ow);

// The winner of one window: its value and ih * iw + iw. The first place starts, a strictly larger
// one replaces it.
float lw_reference_maxpool(const lw_pool_geometry *g, const float *x, int32_t channel, int32_t oh,
                           int32_t ow, int32_t *winner);

// The mean over the whole window, padding counted as zeros.
lw_reference_sum lw_reference_avgpool(const lw_pool_geometry *g, const float *x, int32_t channel,
                                      int32_t oh, int32_t ow);

// ---- optimizers ---------------------------------------------------------------------

// Element i after the step. The magnitudes make (n_partials + 16) terms a bound.
typedef struct lw_reference_step {
    lw_reference_sum weight, first, second;
} lw_reference_step;

lw_reference_step lw_reference_sgd(const lw_optimizer_args *args, int64_t i);
lw_reference_step lw_reference_adam(const lw_optimizer_args *args, int64_t i);

#endif
