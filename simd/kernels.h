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

// Raised with every change that makes a kernel faster or slower: times measured with another version
// are no longer used (src/conv/tuned_table.h).
enum { LW_KERNEL_SET_VERSION = 5 };

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
    // From an image to the next one, for the passes that take several; planes_image counts planes.
    int64_t x_image, dy_image, planes_image;
} lw_conv_geometry;

// Lines of places in an image of bytes. Coordinates have 16 fraction bits and are clamped to 0 ..
// last_x and 0 .. last_y; quads[y * stride + x] has the image at (x, y) in its lowest byte, then
// (x + 1, y), (x, y + 1) and (x + 1, y + 1).
enum { LW_WARP_LINES = 4, LW_WARP_PIXELS = 64 };

typedef struct lw_warp_lines {
    const uint32_t *quads; // (last_y + 1, stride)
    int32_t stride, last_x, last_y;
    int32_t rows, count;  // 1 .. LW_WARP_LINES, 1 .. LW_WARP_PIXELS
    const int32_t *x, *y; // (rows): where the lines start
    int32_t dx, dy;       // steps along a line; no place may leave the range of int32_t
    const int32_t *offset_x, *offset_y; // (count), added to the places of every line; NULL: none
    int64_t out_row;                    // bytes between the lines of the result
} lw_warp_lines;

// The shape of a Winograd convolution: 3x3, stride 1, dilation 1, for several images of one size. Its
// maps are cut into tiles (simd/winograd_tiles.h), and tile rows are numbered image by image: there
// are images * lw_winograd_tiles_of(oh).count of them.
typedef struct lw_winograd_geometry {
    int32_t ic, oc; // real channels
    int32_t images;
    int32_t oh, ow; // outputs that are computed, before the pool: then even
    bool pool;      // fused 2x2 max pool with stride 2
    bool relu;
    int64_t x_image, x_row, x_pixel; // floats
    int64_t y_image, y_row, y_pixel; // floats, of the stage's output
    int64_t planes_image;            // planes from an image to the next one
} lw_winograd_geometry;

// The shape of the convolution behind a large strided one, see simd/winograd_strided.h: stride 1, for
// one image whose blocks of pixels have been put into channels.
typedef struct lw_winograd_strided {
    int32_t taps;           // 3 or 4 in each dimension
    int32_t ic, oc;         // real channels; ic at most LW_WINOGRAD_STRIDED_CHANNELS
    int32_t oh, ow;         // outputs
    int64_t x_row, x_pixel; // floats
    int64_t y_row, y_pixel; // floats, of the outputs or their gradients
} lw_winograd_strided;

enum { LW_WINOGRAD_STRIDED_CHANNELS = 64 };

// An item of backward-data: an output channel that passes a gradient on.
typedef struct lw_conv_item {
    int32_t offset; // floats into the weights
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

// A dense convolution over part of a map, or any other sum of products over runs of inputs. Output
// (h, w) is computed from the runs that start at x + h * x_row_step + w * x_pixel_step + runs[r],
// r < n_runs, each of run_floats inputs side by side, and stored at y + h * y_row + w * y_pixel.
typedef struct lw_dense_geometry {
    int32_t rows, columns; // outputs, at least one
    int32_t oc;            // channels of an output that are computed
    int32_t y_channels;    // channels that are written, at least oc: those behind oc get zeros
    int64_t x_row_step, x_pixel_step; // floats
    int64_t y_row, y_pixel;           // floats
    int32_t n_runs;                   // may be 0: the outputs are the bias
    int64_t run_floats;               // at least 1
    const int64_t *runs;              // [n_runs]
    bool relu;
    // y goes past the caches where a vector is a cache line: it will not be read soon. Only where oc and
    // y_channels are equal, y has 64-byte alignment, and oc, y_row and y_pixel are multiples of
    // vector_floats. dense_few does not look at it.
    bool stream;
} lw_dense_geometry;

// Most output channels of dense_few.
enum { LW_DENSE_FEW = 4 };

// Sums over pixels of products of two maps: of a's floats, of which each pixel has `planes` x `runs`
// runs of `length` neighbours, and b's lanes, contiguous. For a convolution that is
//   x and dy: planes and runs are the taps, length the input channels; or, where a kernel's row is
//             contiguous in x, runs are the kernel's rows and length is kw * ic
//   dy and x: one run of output channels, lanes are the input channels of one tap
typedef struct lw_dense_products {
    int32_t images, rows, columns;   // pixels, all at least 1
    int64_t a_image, a_row, a_pixel; // floats, from pixel to pixel
    int64_t b_image, b_row, b_pixel;
    int32_t planes, runs, length; // of a, at each pixel
    int64_t a_plane, a_run;
    int32_t lanes;    // of b, at each pixel
    int64_t sums_row; // floats from one row of sums to the next
    // Each sum is one chain of multiply-adds over the pixels in their order. Otherwise tiles of few sums add several
    // pixels side by side, and which tiles are so small depends on all sizes.
    bool in_order;
    // The sums of b itself, as many as lanes rounded up to a vector, or NULL. They are made by the first
    // tile of their vectors, on the way: only where a_pixel is 1 and length 3.
    float *b_sums;
    // Memory that the next call will read: each tile prefetches one line a pixel, in this order.
    const float *ahead[2];
    int64_t ahead_floats[2];
} lw_dense_products;

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
    // [LW_BLOCK], or NULL: sums to which 0 times each new weight and moment is added, in any lane. They stay
    // 0 as long as all of them are finite, and become NaN otherwise.
    float *watch;
} lw_optimizer_args;

// Backward-weights of 3x3 kernels by the Winograd algorithm: maps of oh x ow outputs, of which blocks
// of tile rows are taken one after the other (simd/winograd_weights.h has the layouts). The sums have
// a row for each channel of one map and a column for each of the other, and the columns fill lanes.
typedef struct lw_winograd_weights {
    int32_t ic, oc, oh, ow;
    bool lanes_are_inputs;           // columns are input channels, rows output channels
    int64_t x_image, x_row, x_pixel; // floats
    int64_t dy_image, dy_row, dy_pixel;
} lw_winograd_weights;

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

    // Backward-weights for block-padded inputs, added to dweights and dbias, of `images` images and
    // for blocks of output channels block_begin .. block_end - 1; the others' are not touched.
    //   x, dy, planes  of image 0, all blocks
    //   dweights [block of ic][oc][kh][kw][LW_BLOCK]; dbias [blocks * LW_BLOCK]
    //   scratch  conv_backward_scratch_bytes(g) bytes
    // A weight's sum goes through the images in order and has the same bits whatever ranges it is
    // computed in, and whether the images come in one call or in several.
    void (*conv_backward_weights)(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                  int32_t block_end, const float *x, const float *dy,
                                  const lw_planes *planes, float *dweights, float *dbias,
                                  void *scratch);

    // Backward-weights for a first convolution (ic <= LW_FIRST_CHANNELS, x unpadded), added to:
    //   dweights [block of oc][kh][kw][ic][LW_BLOCK], as conv_forward reads them; dbias as above
    // Images and ranges as above.
    void (*conv_backward_weights_first)(const lw_conv_geometry *g, int32_t images,
                                        int32_t block_begin, int32_t block_end, const float *x,
                                        const float *dy, const lw_planes *planes, float *dweights,
                                        float *dbias);

    // Backward-data, added to dx (the same strides and halo as x):
    //   weights  [block of ic][oc][kh][kw][LW_BLOCK], the layout of dweights
    void (*conv_backward_data)(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                               const float *weights, float *dx, void *scratch);

    // Bytes of scratch for the two backward passes (the larger of the two); align to 8.
    size_t (*conv_backward_scratch_bytes)(const lw_conv_geometry *g);

    // ---- Winograd: 3x3 convolution by transformed tiles -----------------------------------------
    // The sums are rounded more than those of conv_forward, see docs/numerics.md.
    //
    // Floats of the transformed filters: as many for every block of LW_BLOCK output channels, which
    // follow each other. Their order is that of lw_winograd_filter_order_of (simd/winograd_tiles.h).
    size_t (*winograd_filters_floats)(int32_t ic, int32_t oc);

    // Transforms the weights of input channels first .. last - 1, of `ic` altogether, of one block of
    // output channels into that block's `filters`; those of other channels are left alone. The vector
    // of LW_BLOCK output channels for input channel c and tap t = kh * 3 + kw is read from
    // weights + (c - first) * ic_step + t * tap_step, so that
    //   weights packed as conv_forward reads them:  ic_step LW_BLOCK, tap_step ic * LW_BLOCK
    //   backward-data, which turns the kernel round, from the layout of conv_backward_data (ic and
    //   oc change places):  weights + 8 * LW_BLOCK, ic_step 9 * LW_BLOCK, tap_step -LW_BLOCK
    // Points (i, j) whose kinds are not among `down` and `across` are left alone as well:
    // lw_winograd_kinds_of the map's outputs, or LW_WINOGRAD_ALL_KINDS. Maps of 3x3 outputs have 25
    // of the 36 points.
    void (*winograd_filters)(int32_t ic, int32_t first, int32_t last, const float *weights,
                             int64_t ic_step, int64_t tap_step, uint32_t down, uint32_t across,
                             float *filters);

    // Forward, for tile rows row_begin .. row_end - 1 and blocks of output channels block_begin ..
    // block_end - 1: y = pool(relu(conv(x, filters) + bias)), and planes as conv_forward fills them.
    //   x        the input pixel under tap (0, 0) of output (0, 0) of image 0; oh + 2 rows, ow + 2
    //            columns and whole blocks of channels are read, spare channels may hold anything
    //   filters  of all blocks; spare lanes zero (the transform of weights that are zero there)
    //   bias     [blocks * LW_BLOCK], zero in padded lanes; NULL: none
    //   y        output (0, 0) of image 0; whole blocks of channels are written, as conv_forward
    //            does
    //   planes   [block of oc][stage outputs], images planes_image apart; NULL: not wanted
    //   scratch  winograd_scratch_bytes(g) bytes, 64-byte aligned for speed, with any content
    // An output has the same bits whatever ranges it is computed in. Ties and NaN: as conv_forward
    // has them, but where a tile reads a NaN or an infinity all of its outputs may be NaN.
    void (*winograd_forward)(const lw_winograd_geometry *g, int64_t row_begin, int64_t row_end,
                             int32_t block_begin, int32_t block_end, const float *x,
                             const float *filters, const float *bias, float *y, lw_planes *planes,
                             void *scratch);

    size_t (*winograd_scratch_bytes)(const lw_winograd_geometry *g);

    // The transpose of the convolution without padding, which is its backward-data: every gradient
    // of dy (g->ic channels, oh x ow, strides x_) is spread over 3x3 places of dx (g->oc channels,
    // oh + 2 x ow + 2, strides y_), of which all are overwritten, whole blocks of channels.
    //   filters  of a block of dx's channels: the transform of weights as they are, not turned; in
    //            the layout of conv_backward_data that is ic_step 9 * LW_BLOCK, tap_step LW_BLOCK
    // For images image_begin .. image_end - 1; blocks and scratch as above, g->relu and g->pool are
    // not looked at. Of dy, whole blocks of channels are read, the spare ones may hold anything.
    void (*winograd_backward_data)(const lw_winograd_geometry *g, int32_t image_begin,
                                   int32_t image_end, int32_t block_begin, int32_t block_end,
                                   const float *dy, const float *filters, float *dx, void *scratch);

    // ---- linear: weights [out][in], `in` a multiple of LW_BLOCK, padded inputs are zero --------
    // y[o] = bias[o] + sum_i weights[o][i] x[i], with a ReLU when asked for, which NaN passes.
    void (*linear_forward)(int32_t in, int32_t out, const float *x, const float *weights,
                           const float *bias, bool relu, float *y);
    // dx[i] = sum_o dy[o] weights[o][i]
    void (*linear_backward_data)(int32_t in, int32_t out, const float *dy, const float *weights,
                                 float *dx);

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

    // ---- backward-weights of dense convolutions -------------------------------------------------
    // Sums of outer products over pixels. With the rows of a numbered (plane, run, l):
    //   sums[row * sums_row + c] = sum over the pixels of a[plane * a_plane + run * a_run + l]
    //                              * b[c], added to sums when `accumulate`
    // Lanes are stored in whole vectors of vector_floats, and as many floats of b are read.
    // Sums are computed in tiles, of which there are dense_backward_weights_tiles(g), all of about
    // the same cost; a call computes the tiles first .. last - 1 and leaves the others as they are.
    int32_t (*dense_backward_weights_tiles)(const lw_dense_products *g);
    void (*dense_backward_weights)(const lw_dense_products *g, const float *a, const float *b,
                                   float *sums, bool accumulate, int32_t first, int32_t last);

    // ---- dense convolution: forward, and backward-data as a forward convolution of dy -----------
    // Overwrites y. Spare channels (see y_channels) are zero whatever x holds. A NaN passes the ReLU.
    // Bias NULL: none. One panel of at most dense_channels output channels:
    //   weights  [run][run_floats][oc rounded up to vector_floats], zero in padded lanes
    //   bias     [oc rounded up to vector_floats], anything in padded lanes
    // Every output is one chain of multiply-adds, from the bias through the runs in their order.
    // A tile computes dense_pixels outputs at once (twice as many of half a panel or less).
    int32_t dense_channels, dense_pixels;
    void (*dense_forward)(const lw_dense_geometry *g, const float *x, const float *weights,
                          const float *bias, float *y);
    // The same for 1 to LW_DENSE_FEW output channels, with the inputs in the lanes:
    //   run_floats a multiple of vector_floats
    //   weights  [run][run_floats / vector_floats][oc][vector_floats]
    //   bias     [oc]
    void (*dense_few)(const lw_dense_geometry *g, const float *x, const float *weights,
                      const float *bias, float *y);

    // ---- Winograd, backward-weights ---------------------------------------------------------------
    // The tile rows [begin, end) (at most 64), which are numbered over all images, to `sums`, and
    // their gradients to dbias (NULL: not wanted). `sums` is overwritten unless `accumulate`, dbias
    // [oc rounded up to LW_BLOCK] is added to.
    //   x, dy    of image 0: the pixel under tap (0, 0) of output (0, 0), and that output's gradient.
    //            Channels are together; whole blocks of them are read, and those behind the last one
    //            may hold anything: they only reach spare rows and columns of sums and dbias
    //   scratch  lw_winograd_weights_scratch() floats for as many tiles, 64-byte aligned
    //   sums     lw_winograd_sums_of(g).floats, 64-byte aligned
    void (*winograd_weights_block)(const lw_winograd_weights *g, int64_t begin, int64_t end,
                                   const float *x, const float *dy, float *scratch, float *sums,
                                   float *dbias, bool accumulate);
    // taps[(row * 9 + kh * 3 + kw) * columns + column], for the sums' rows and columns.
    void (*winograd_weights_taps)(const lw_winograd_weights *g, const float *sums, float *taps);

    // ---- Winograd behind space to depth: simd/winograd_strided.h has tiles and layouts -----------
    // Transforms weights [ic][tap][LW_BLOCK] of one block of output channels, tap kh * taps + kw, into
    // the lw_winograd_strided_filters(ic) floats of the block.
    void (*winograd_strided_filters)(int32_t taps, int32_t ic, const float *weights,
                                     float *filters);
    // Forward, for blocks of output channels block_begin .. block_end - 1: y = conv(x, filters) + bias.
    //   x        the pixel under tap (0, 0) of output (0, 0); lw_winograd_strided_inputs() rows and
    //            columns and whole blocks of channels are read, spare channels may hold anything
    //   filters  of all blocks; spare lanes zero (the transform of weights that are zero there)
    //   bias     [blocks * LW_BLOCK], zero in padded lanes; NULL: none
    //   y        output (0, 0); whole blocks of channels are written, nothing outside of the map
    //   scratch  lw_winograd_strided_scratch(ic) floats, 64-byte aligned for speed, with any content
    // An output has the same bits whatever blocks it is computed with, and in a map that starts with
    // another of its rows of tiles. Where a tile reads a NaN or an infinity all of its outputs may be
    // NaN.
    void (*winograd_strided_forward)(const lw_winograd_strided *g, int32_t block_begin,
                                     int32_t block_end, const float *x, const float *filters,
                                     const float *bias, float *y, float *scratch);
    // Backward-weights: the sums of all tiles of the map to `sums`, which are overwritten unless
    // `accumulate`, and their gradients, which are added to dbias [oc rounded up to LW_BLOCK] (NULL:
    // not wanted).
    //   x, dy    as x and y above. Spare channels may hold anything: they only reach spare rows and
    //            columns of sums and dbias. Nothing of dy outside of the map is read
    //   scratch  lw_winograd_strided_weights_scratch(ic, oc) floats
    //   sums     lw_winograd_strided_sums_of(ic, oc).floats, 64-byte aligned for speed
    void (*winograd_strided_weights)(const lw_winograd_strided *g, const float *x, const float *dy,
                                     float *scratch, float *sums, float *dbias, bool accumulate);
    // to[(c * taps * taps + tap) * columns + column], for the real input channels and the sums'
    // columns.
    void (*winograd_strided_weights_taps)(int32_t taps, int32_t ic, int32_t oc, const float *sums,
                                          float *to);

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

    // ---- images ---------------------------------------------------------------------------------
    // out[row * out_row + i], i < count: the image at (x[row] + i * dx, y[row] + i * dy) plus the
    // offsets, bilinear with weights of 8 bits; nothing else is written. All in integers, so that
    // every table gives the same bytes.
    void (*warp_bytes)(const lw_warp_lines *lines, uint8_t *out);

    // ---- optimizers ---------------------------------------------------------------------------
    // SGD without momentum does not touch first_moment, and its first step does not read it.
    void (*sgd_update)(const lw_optimizer_args *args);
    void (*adam_update)(const lw_optimizer_args *args);
    // sum[i] = partial 0 + partial 1 + ... in that order, i < count, the sums of the updates above;
    // returns the sum of their squares, each exact in double. Partial p starts at partials + p *
    // stride. `sum` may be the first partial.
    double (*gradient_sum)(const float *partials, int64_t stride, int32_t n_partials, int64_t count,
                           float *sum);
    // x *= factor; average += share * (x - average): a moving average. `count` as above.
    void (*scale)(int64_t count, float factor, float *x);
    void (*average_update)(int64_t count, float share, const float *x, float *average);

    // ---- the yardstick ------------------------------------------------------------------------
    // `rounds` times LW_PEAK_FMAS multiply-adds on vectors of vector_floats floats, in chains that
    // do not wait for each other and touch no memory: as fast as the CPU can. Every lane of every
    // chain runs towards 1, which is what the mean of them returns once there were 100 rounds.
    float (*fma_peak)(int64_t rounds);
} lw_kernel_table;

#endif
