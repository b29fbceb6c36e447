// SPDX-License-Identifier: Apache-2.0
// Forward for the commonest stage: 3x3, stride 1, with a 2x2 max pool. The nine weights of an input
// channel stay in registers, and an input is broadcast once for the up to nine products that it
// takes part in: a load for two and more multiply-adds, even with a single vector of output channels,
// where tiles (conv_forward.c) need one each. All sums of a run of windows fit the registers, so the
// pool happens there, too.
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_patch.h"
#include "simd/generic/conv_pool.h"

// Windows of a run: four sums each, beside the nine weights.
enum { most_windows = LW_VEC_REGISTERS == 32 ? 3 : 1 };

typedef struct patch_weights {
    lw_vec tap[9];
} patch_weights;

LW_INLINE patch_weights load_weights(const float *weights, int64_t tap_floats)
{
    patch_weights w;
    LW_UNROLL(9)
    for (int t = 0; t < 9; t++) {
        w.tap[t] = lw_vec_load(weights + t * tap_floats);
        LW_PIN_VEC(w.tap[t]);
    }
    return w;
}

// One input channel's products of a run of windows.
LW_INLINE void add_channel(const float *x, int64_t row_step, const int64_t pixel,
                           const patch_weights *w, const int columns, lw_vec *sum)
{
    LW_UNROLL(4)
    for (int row = 0; row < 4; row++, x += row_step) {
        LW_PIN_INT(x);
        LW_UNROLL(8)
        for (int column = 0; column < columns + 2; column++) {
            lw_vec input = lw_vec_load_broadcast(x + column * pixel);
            LW_PIN_VEC(input);
            LW_UNROLL(9)
            for (int t = 0; t < 9; t++) {
                const int out_row = row - t / 3, out_column = column - t % 3;
                if (out_row < 0 || out_row > 1 || out_column < 0 || out_column >= columns) continue;
                lw_vec *to = sum + out_row * columns + out_column;
                *to = lw_vec_fma(w->tap[t], input, *to);
            }
        }
    }
}

// What all runs of one vector of output channels share. Outputs are `shift` channels into a block.
typedef struct run_operands {
    const lw_conv_geometry *g;
    const float *weights, *bias;
    int shift;
} run_operands;

// A run of `windows` neighbouring windows. With one input channel the weights were loaded before.
LW_INLINE void forward_run(const run_operands *o, const patch_weights *only, const float *x,
                           const int64_t pixel, float *y, lw_planes *planes, const int windows)
{
    const lw_conv_geometry *g = o->g;
    const int columns = 2 * windows;
    lw_vec sum[12];
    LW_UNROLL(12)
    for (int i = 0; i < 2 * columns; i++) sum[i] = lw_vec_load(o->bias);
    if (only) {
        add_channel(x, g->x_row, pixel, only, columns, sum);
    } else {
        const int64_t tap_floats = (int64_t)g->ic * LW_BLOCK;
        for (int32_t ic = 0; ic < g->ic; ic++) {
            const patch_weights w = load_weights(o->weights + ic * LW_BLOCK, tap_floats);
            add_channel(x + ic, g->x_row, pixel, &w, columns, sum);
        }
    }
    LW_UNROLL(3)
    for (int w = 0; w < windows; w++) {
        lw_stage_output output = lw_stage_pool(sum[2 * w], sum[2 * w + 1], sum[columns + 2 * w],
                                               sum[columns + 2 * w + 1], g->relu);
        lw_vec_store(y + w * g->y_pixel, output.value);
        planes[w] = lw_stage_planes(o->shift == 0 ? (lw_planes){0} : planes[w], output, o->shift);
    }
}

// All windows of the image for one vector of output channels.
LW_INLINE void forward_image(const run_operands *o, const patch_weights *only, const float *x,
                             const int64_t pixel, float *y, lw_planes *planes)
{
    const lw_conv_geometry *g = o->g;
    for (int32_t oh = 0; oh < g->oh; oh++) {
        const float *at = x + 2 * oh * g->x_row;
        float *out = y + oh * g->y_row;
        // Runs of nearly the same length: a short one has too few sums under way.
        int32_t left = g->ow;
        for (int32_t n = (left + most_windows - 1) / most_windows; n > 0; n--) {
            const int32_t windows = (left + n - 1) / n;
            if (most_windows == 1 || windows == most_windows)
                forward_run(o, only, at, pixel, out, planes, most_windows);
            else if (windows == 2)
                forward_run(o, only, at, pixel, out, planes, 2);
            else
                forward_run(o, only, at, pixel, out, planes, 1);
            left -= windows;
            at += 2 * windows * pixel;
            out += windows * g->y_pixel;
            planes += windows;
        }
    }
}

// Copies for images of one and three channels and for one block of channels; others multiply.
static __attribute__((noinline)) void forward_1(const run_operands *o, const float *x, float *y,
                                                lw_planes *planes)
{
    const patch_weights only = load_weights(o->weights, LW_BLOCK);
    forward_image(o, &only, x, 1, y, planes);
}

static __attribute__((noinline)) void forward_3(const run_operands *o, const float *x, float *y,
                                                lw_planes *planes)
{
    forward_image(o, NULL, x, 3, y, planes);
}

static __attribute__((noinline)) void forward_16(const run_operands *o, const float *x, float *y,
                                                 lw_planes *planes)
{
    forward_image(o, NULL, x, 16, y, planes);
}

static __attribute__((noinline)) void forward_any(const run_operands *o, const float *x, float *y,
                                                  lw_planes *planes)
{
    forward_image(o, NULL, x, o->g->x_pixel, y, planes);
}

void LW_KERNEL(conv_forward_patch)(const lw_conv_geometry *g, int32_t first_block, const float *x,
                                   const float *weights, const float *bias, float *y,
                                   lw_planes *planes)
{
    const int64_t pixel = g->x_pixel;
    __typeof__(&forward_any) forward = pixel == 1 && g->ic == 1 ? forward_1
                                       : pixel == 3             ? forward_3
                                       : pixel == 16            ? forward_16
                                                                : forward_any;
    const int32_t blocks = lw_conv_blocks(g->oc);
    for (int32_t block = first_block; block < blocks; block++)
        for (int shift = 0; shift < LW_BLOCK; shift += LW_VEC) {
            const int64_t channel = (int64_t)block * LW_BLOCK + shift;
            const run_operands o = {
                .g = g,
                .weights = weights + (int64_t)block * 9 * g->ic * LW_BLOCK + shift,
                .bias = bias + channel,
                .shift = shift,
            };
            forward(&o, x, y + channel, planes + (int64_t)block * g->oh * g->ow);
        }
}
