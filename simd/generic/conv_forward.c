// SPDX-License-Identifier: Apache-2.0
// Direct convolution, forward, with bias, ReLU and 2x2 max pool in the registers that hold the
// sums.
//
// A tile is two rows of neighbouring output pixels (one row where only one is left) for one vector
// of output channels: one weight load serves every pixel of the tile, each pixel's input is
// broadcast. The two rows of a tile are the two rows of its pool windows, so what comes before the
// pool never reaches memory.
#include "simd/declare.h"

// Pixels per row of the largest tile: two rows of accumulators, one weight vector and, where the
// multiply cannot take a broadcast from memory, one input must fit the registers.
enum { tile_pixels = LW_VEC_REGISTERS == 32 ? 14 : 6 };

typedef struct tile_place {
    const float *x;       // the input pixel under tap (0, 0) of the tile's first output
    int64_t x_row_step;   // floats from an output row's input to the next one's
    int64_t x_pixel_step; // the same for neighbouring output pixels
    float *y;             // the first stage output of the tile
    lw_planes *planes;
    int shift; // first channel of this vector within its block
} tile_place;

LW_INLINE void record(lw_planes *planes, int shift, uint32_t live, uint32_t right, uint32_t lower)
{
    if (shift == 0) *planes = (lw_planes){0};
    planes->live = (uint16_t)(planes->live | live << shift);
    planes->right = (uint16_t)(planes->right | right << shift);
    planes->lower = (uint16_t)(planes->lower | lower << shift);
}

// Finishes one stage output: ReLU, store, planes. The operand order of the maximum lets a NaN
// through.
LW_INLINE void finish(lw_vec sum, bool relu, uint32_t right, uint32_t lower, float *y,
                      lw_planes *planes, int shift)
{
    uint32_t live = relu ? lw_vec_greater(sum, lw_vec_zero()) : (1u << LW_VEC) - 1;
    if (relu) sum = lw_vec_max(lw_vec_zero(), sum);
    lw_vec_store(y, sum);
    record(planes, shift, live, right, lower);
}

// The largest of a window's four sums; a later one must be strictly larger to win.
LW_INLINE void finish_window(lw_vec top_left, lw_vec top_right, lw_vec bottom_left,
                             lw_vec bottom_right, bool relu, float *y, lw_planes *planes, int shift)
{
    uint32_t right_of_top = lw_vec_greater(top_right, top_left);
    uint32_t right_of_bottom = lw_vec_greater(bottom_right, bottom_left);
    lw_vec top = lw_vec_max(top_right, top_left);
    lw_vec bottom = lw_vec_max(bottom_right, bottom_left);
    uint32_t lower = lw_vec_greater(bottom, top);
    uint32_t right = right_of_top ^ ((right_of_top ^ right_of_bottom) & lower);
    finish(lw_vec_max(bottom, top), relu, right, lower, y, planes, shift);
}

// One tile of `rows` x `pixels` sums. `pixel_step` is x_pixel_step again, a constant in the copies
// for the common channel counts, so that the pixels are reached by displacements.
LW_INLINE void forward_tile(const lw_conv_geometry *g, const tile_place *at, const float *weights,
                            lw_vec bias, const int rows, const int pixels, const int64_t pixel_step)
{
    lw_vec sum[2 * tile_pixels];
    LW_UNROLL(32)
    for (int i = 0; i < rows * pixels; i++) sum[i] = bias;

    for (int32_t kh = 0; kh < g->kh; kh++)
        for (int32_t kw = 0; kw < g->kw; kw++) {
            const float *x0 =
                at->x + kh * g->dilation_h * g->x_row + kw * g->dilation_w * g->x_pixel;
            const float *x1 = x0 + at->x_row_step;
            for (int32_t ic = 0; ic < g->ic; ic++) {
                lw_vec weight = lw_vec_load(weights);
                LW_PIN_VEC(weight);
                weights += LW_BLOCK;
                LW_UNROLL(16)
                for (int p = 0; p < pixels; p++)
                    sum[p] = lw_vec_fma(weight, lw_vec_load_broadcast(x0 + p * pixel_step), sum[p]);
                if (rows == 2) {
                    LW_UNROLL(16)
                    for (int p = 0; p < pixels; p++)
                        sum[pixels + p] = lw_vec_fma(
                            weight, lw_vec_load_broadcast(x1 + p * pixel_step), sum[pixels + p]);
                }
                x0++;
                x1++;
            }
        }

    if (rows == 2 && g->pool) {
        LW_UNROLL(8)
        for (int q = 0; q < pixels / 2; q++)
            finish_window(sum[2 * q], sum[2 * q + 1], sum[pixels + 2 * q], sum[pixels + 2 * q + 1],
                          g->relu, at->y + q * g->y_pixel, at->planes + q, at->shift);
        return;
    }
    LW_UNROLL(16)
    for (int p = 0; p < pixels; p++)
        finish(sum[p], g->relu, 0, 0, at->y + p * g->y_pixel, at->planes + p, at->shift);
    if (rows == 2) {
        LW_UNROLL(16)
        for (int p = 0; p < pixels; p++)
            finish(sum[pixels + p], g->relu, 0, 0, at->y + g->y_row + p * g->y_pixel,
                   at->planes + g->ow + p, at->shift);
    }
}

// A strip of one or two output rows, from left to right in the widest tiles that fit.
LW_INLINE void forward_rows(const lw_conv_geometry *g, tile_place at, const float *weights,
                            lw_vec bias, const int rows, const int64_t pixel_step)
{
    int32_t left = g->pool ? 2 * g->ow : g->ow; // output pixels before the pool
    while (left > 0) {
        int done;
        if (tile_pixels >= 14 && left >= 14) {
            forward_tile(g, &at, weights, bias, rows, done = tile_pixels >= 14 ? 14 : 1,
                         pixel_step);
        } else if (tile_pixels >= 12 && left >= 12) {
            forward_tile(g, &at, weights, bias, rows, done = tile_pixels >= 12 ? 12 : 1,
                         pixel_step);
        } else if (tile_pixels >= 10 && left >= 10) {
            forward_tile(g, &at, weights, bias, rows, done = tile_pixels >= 10 ? 10 : 1,
                         pixel_step);
        } else if (tile_pixels >= 8 && left >= 8) {
            forward_tile(g, &at, weights, bias, rows, done = tile_pixels >= 8 ? 8 : 1, pixel_step);
        } else if (left >= 6) {
            forward_tile(g, &at, weights, bias, rows, done = 6, pixel_step);
        } else if (left >= 4) {
            forward_tile(g, &at, weights, bias, rows, done = 4, pixel_step);
        } else if (left >= 2) {
            forward_tile(g, &at, weights, bias, rows, done = 2, pixel_step);
        } else {
            forward_tile(g, &at, weights, bias, rows, done = 1, pixel_step);
        }
        left -= done;
        int outputs = g->pool ? done / 2 : done;
        at.x += done * at.x_pixel_step;
        at.y += outputs * g->y_pixel;
        at.planes += outputs;
    }
}

static void forward_one_row(const lw_conv_geometry *g, tile_place at, const float *weights,
                            lw_vec bias)
{
    forward_rows(g, at, weights, bias, 1, at.x_pixel_step);
}

// Copies for the pixel pitches of one-channel images and of 16, 32 and 64 channels; others
// multiply.
static void forward_two_rows(const lw_conv_geometry *g, tile_place at, const float *weights,
                             lw_vec bias)
{
    switch (at.x_pixel_step) {
    case 1: forward_rows(g, at, weights, bias, 2, 1); break;
    case 16: forward_rows(g, at, weights, bias, 2, 16); break;
    case 32: forward_rows(g, at, weights, bias, 2, 32); break;
    case 64: forward_rows(g, at, weights, bias, 2, 64); break;
    default: forward_rows(g, at, weights, bias, 2, at.x_pixel_step); break;
    }
}

void LW_KERNEL(conv_forward)(const lw_conv_geometry *g, const float *x, const float *weights,
                             const float *bias, float *y, lw_planes *planes)
{
    int64_t block_weights = (int64_t)g->kh * g->kw * g->ic * LW_BLOCK;
    int32_t blocks = (g->oc + LW_BLOCK - 1) / LW_BLOCK;
    int32_t rows_before_pool = g->pool ? 2 * g->oh : g->oh;
    for (int32_t block = 0; block < blocks; block++)
        for (int shift = 0; shift < LW_BLOCK; shift += LW_VEC) {
            const float *block_start = weights + block * block_weights + shift;
            lw_vec block_bias = lw_vec_load(bias + block * LW_BLOCK + shift);
            for (int32_t row = 0; row < rows_before_pool; row += 2) {
                int32_t oh = g->pool ? row / 2 : row;
                tile_place at = {
                    .x = x + row * g->stride_h * g->x_row,
                    .x_row_step = g->stride_h * g->x_row,
                    .x_pixel_step = g->stride_w * g->x_pixel,
                    .y = y + oh * g->y_row + block * LW_BLOCK + shift,
                    .planes = planes + ((int64_t)block * g->oh + oh) * g->ow,
                    .shift = shift,
                };
                if (row + 1 < rows_before_pool)
                    forward_two_rows(g, at, block_start, block_bias);
                else
                    forward_one_row(g, at, block_start, block_bias);
            }
        }
}
