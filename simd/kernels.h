// SPDX-License-Identifier: Apache-2.0
// Kernel contracts: what every kernel takes, computes and may assume. One table of kernels serves
// one ISA; src/cpu/kernel_table.c picks the table of this machine. Kernels never allocate, start
// threads, log or read the environment.
//
// Layout. Maps inside a network are channels-last: pixel (h, w) of a map starts at
// h * row + w * pixel floats, and a pixel's channels are contiguous, padded with zeros to a
// multiple of LW_BLOCK (the network's input alone is unpadded when it has at most LW_FIRST_CHANNELS
// channels). A map that a convolution reads has a physical zero halo, so that padding costs no
// branch.
//
// Pointers have the alignment of their type where a contract asks for no more. Inputs are not
// written, and what lies between the pixels or rows of a map is neither used nor written. The sign
// of a zero behind a ReLU is not promised.
#ifndef LW_SIMD_KERNELS_H
#define LW_SIMD_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Channels come in blocks of 16, whatever the vector width: layouts and files are the same for
// every ISA, and one block's signs fit a 16-bit mask.
enum { LW_BLOCK = 16 };

// A first convolution with at most this many input channels reads the image unpadded.
enum { LW_FIRST_CHANNELS = 4 };

// What the forward pass remembers of one output position for one block of channels: for each
// channel whether a gradient flows through it, and, behind a 2x2 max pool, which of the window's
// four outputs won (bit 0: right column, bit 1: lower row).
typedef struct lw_planes {
    uint16_t live, right, lower, unused;
} lw_planes;

// The shape of a convolution stage, shared by its passes.
typedef struct lw_conv_geometry {
    int32_t ic; // real input channels
    int32_t oc; // real output channels
    int32_t kh, kw, stride_h, stride_w, dilation_h, dilation_w;
    int32_t oh, ow; // stage outputs (after the pool, if any)
    bool pool;      // fused 2x2 max pool with stride 2, floor mode
    bool relu;
    int64_t x_row, x_pixel;   // floats; x points at the halo's first pixel
    int64_t y_row, y_pixel;   // floats; y points at the first interior pixel
    int64_t dy_row, dy_pixel; // floats; the gradient of the stage's output
} lw_conv_geometry;

// Items of the backward passes: an output position that passes a gradient on.
typedef struct lw_conv_item {
    int32_t offset; // floats: into x (backward-weights), into the weights (backward-data)
    float gradient;
} lw_conv_item;

// Stage outputs are walked in strips of at most this many positions by the backward passes; their
// scratch holds the items of one strip.
enum { LW_STRIP_POSITIONS = 128 };

// The shape of a pooling stage that is not fused into a convolution. x and dx point at the first
// interior pixel; windows that reach into the padding are clipped (max) or count zeros (mean).
typedef struct lw_pool_geometry {
    int32_t channels; // padded, a multiple of LW_BLOCK
    int32_t ih, iw, oh, ow;
    int32_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
    int64_t x_row, x_pixel, y_row, y_pixel, dy_row, dy_pixel;
} lw_pool_geometry;

// An optimizer step on one slice of the parameters. Partial sum p of the gradient starts at
// partials + p * partial_stride; they are added in the order of p.
typedef struct lw_optimizer_args {
    float *weights, *first_moment, *second_moment; // SGD: first_moment is the velocity
    const float *partials;
    int64_t partial_stride;
    int32_t n_partials;
    int64_t count; // a multiple of LW_BLOCK
    float learning_rate, momentum, beta1, beta2, epsilon;
    float one_minus_beta1, one_minus_beta2; // rounded from double: in float 1 - 0.999 is 5e-5 off
    float weight_decay;                     // added to the gradient
    float decoupled_decay; // factor on the weights before the step: 1 - lr * decay, else 1
    float bias_correction1, root_bias_correction2; // 1 - beta1^t, sqrt(1 - beta2^t)
    bool nesterov, first_step; // first_step: the velocity is set to the gradient
} lw_optimizer_args;

// Vector multiply-adds of one round of fma_peak, for every ISA.
enum { LW_PEAK_FMAS = 96 };

typedef struct lw_kernel_table {
    const char *isa;
    int32_t vector_floats;

    // ---- convolution stages -------------------------------------------------------------------
    // Forward: y = pool(relu(conv(x, weights) + bias)), planes filled for every position and block.
    //   weights  packed [block of oc][kh][kw][ic][LW_BLOCK], 64-byte aligned, zero in padded lanes
    //   bias     [blocks * LW_BLOCK], zero in padded lanes
    //   planes   [block of oc][oh * ow]
    // Of tied outputs in a window the first in reading order wins. Padded lanes of y are zero when
    // x is finite; those of the planes may have any bits. Without a pool `right` and `lower` are 0.
    // NaN: the ReLU lets it through, not live. The pool keeps a NaN that comes first in its window;
    // one further on may be lost, but y is always the output that the planes name.
    void (*conv_forward)(const lw_conv_geometry *g, const float *x, const float *weights,
                         const float *bias, float *y, lw_planes *planes);

    // The backward passes do not look at dy where an output is not live; in padded lanes it is 0.
    // So padded lanes of dweights, dbias and dx stay as they are. Scratch may hold anything.

    // Backward-weights for block-padded inputs, added to dweights and dbias:
    //   dweights [block of ic][oc][kh][kw][LW_BLOCK]; dbias [blocks * LW_BLOCK]
    //   scratch  conv_backward_scratch_bytes(g) bytes
    void (*conv_backward_weights)(const lw_conv_geometry *g, const float *x, const float *dy,
                                  const lw_planes *planes, float *dweights, float *dbias,
                                  void *scratch);

    // Backward-weights for a first convolution (ic <= LW_FIRST_CHANNELS, x unpadded), added to:
    //   dweights [block of oc][kh][kw][ic][LW_BLOCK], as conv_forward reads them; dbias as above
    void (*conv_backward_weights_first)(const lw_conv_geometry *g, const float *x, const float *dy,
                                        const lw_planes *planes, float *dweights, float *dbias);

    // Backward-data, added to dx (the same strides and halo as x):
    //   weights  [block of ic][oc][kh][kw][LW_BLOCK], the layout of dweights
    void (*conv_backward_data)(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                               const float *weights, float *dx, void *scratch);

    // Bytes of scratch for the two backward passes (the larger of the two); align to 8.
    size_t (*conv_backward_scratch_bytes)(const lw_conv_geometry *g);

    // ---- linear: weights [out][in], `in` a multiple of LW_BLOCK, padded inputs are zero --------
    // y[o] = bias[o] + sum_i weights[o][i] x[i], with a ReLU when asked for, which NaN passes.
    void (*linear_forward)(int32_t in, int32_t out, const float *x, const float *weights,
                           const float *bias, bool relu, float *y);
    // dx[i] = sum_o dy[o] weights[o][i]
    void (*linear_backward_data)(int32_t in, int32_t out, const float *dy, const float *weights,
                                 float *dx);
    // dweights[o][i] += dy[o] x[i], dbias[o] += dy[o]
    void (*linear_backward_weights)(int32_t in, int32_t out, const float *x, const float *dy,
                                    float *dweights, float *dbias);

    // ---- GEMM: the two tiles behind unfold ------------------------------------------------------
    // Outer products. c[r][j] = sum_k a_panel[k][r] * b_panel[k][j], added to c when `accumulate`.
    //   a_panel  [k][gemm_rows], b_panel [k][gemm_columns], both packed and full: of a panel's
    //            spare rows or columns anything may be in memory, nothing of them is stored
    //   c        the first `rows` x `columns` of a tile, rows c_stride floats apart
    int32_t gemm_rows, gemm_columns;
    void (*gemm_tile)(const float *a_panel, const float *b_panel, int64_t k, float *c,
                      int64_t c_stride, int32_t rows, int32_t columns, bool accumulate);

    // Inner products, for operands that are contiguous along k. For dot_rows rows of a and
    // dot_columns rows of b, a_stride and b_stride floats apart, lane l of vector_floats lanes gets
    //   lanes[(r * dot_columns + j) * vector_floats + l] += sum over k = l, l + vector_floats, ...
    //                                                       of a[r][k] * b[j][k]
    // k is a multiple of vector_floats; the caller adds up the lanes in the end.
    int32_t dot_rows, dot_columns;
    void (*gemm_dot)(const float *a, int64_t a_stride, const float *b, int64_t b_stride, int64_t k,
                     float *lanes);

    // ---- pooling ------------------------------------------------------------------------------
    // `winner` [oh * ow * channels]: the winning position of each window, ih * row + iw as a float
    // (exact: maps of more than 2^24 pixels are refused by the planner). Gradients are added to dx.
    // Of tied values the first in reading order wins. A NaN in the first place of a window (inside
    // the map) stays, one further on never wins. A mean is the sum in reading order times the
    // reciprocal of the area. All but avgpool_backward have the same bits on every ISA.
    void (*maxpool_forward)(const lw_pool_geometry *g, const float *x, float *y, float *winner);
    void (*maxpool_backward)(const lw_pool_geometry *g, const float *dy, const float *winner,
                             float *dx);
    void (*avgpool_forward)(const lw_pool_geometry *g, const float *x, float *y);
    void (*avgpool_backward)(const lw_pool_geometry *g, const float *dy, float *dx);

    // ---- elementwise, `count` a multiple of LW_BLOCK ------------------------------------------
    // y = max(x, 0), where NaN passes; dx = dy where y > 0, else 0 (also where y is NaN). In place
    // is fine.
    void (*relu_forward)(int64_t count, const float *x, float *y);
    void (*relu_backward)(int64_t count, const float *y, const float *dy, float *dx);
    // y = x * factor, element by element (dropout, both ways).
    void (*multiply)(int64_t count, const float *x, const float *factor, float *y);

    // ---- copies ---------------------------------------------------------------------------------
    // to[column * to_row + row] = from[row * from_row + column]; nothing else is read or written.
    void (*transpose)(const float *from, int64_t from_row, int32_t rows, int32_t columns, float *to,
                      int64_t to_row);

    // ---- optimizers ---------------------------------------------------------------------------
    // SGD without momentum does not touch first_moment, and its first step does not read it.
    void (*sgd_update)(const lw_optimizer_args *args);
    void (*adam_update)(const lw_optimizer_args *args);

    // ---- the yardstick ------------------------------------------------------------------------
    // `rounds` times LW_PEAK_FMAS multiply-adds on vectors of vector_floats floats, in chains that
    // do not wait for each other and touch no memory: as fast as the CPU can. Every lane of every
    // chain runs towards 1, which is what the mean of them returns once there were 100 rounds.
    float (*fma_peak)(int64_t rounds);
} lw_kernel_table;

#endif
