// SPDX-License-Identifier: Apache-2.0
// Backward-weights of a first convolution: with one to four input channels the lanes hold output
// channels.
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_pick.h"

enum { winners = 4 };

// What all passes over the images have in common: one vector of output channels, `shift` channels
// into its block, of which dy and planes are, at image 0.
typedef struct first_operands {
    const lw_conv_geometry *g;
    const float *x, *dy;
    const lw_planes *planes;
    int shift;
} first_operands;

// ---- 3x3 kernels behind a pool, where lanes can pick ----------------------------------------------

#if LW_PICK_CHANNELS > 0

// One image's products of one input channel for one vector of output channels: each lane picks its
// inputs by its own winner, so one multiply-add serves all lanes.
LW_INLINE void pick_image(const lw_conv_geometry *g, const float *x, const float *dy,
                          const lw_planes *planes, int shift, const int channel, const int channels,
                          lw_vec *sum)
{
    for (int32_t oh = 0; oh < g->oh; oh++) {
        const float *at = x + 2 * oh * g->x_row, *gradients = dy + oh * g->dy_row;
        for (int32_t ow = 0; ow < g->ow; ow++, at += 2 * channels, gradients += g->dy_pixel) {
            const lw_planes plane = *planes++;
            const lw_vec gradient =
                lw_vec_keep((uint32_t)plane.live >> shift, lw_vec_load(gradients));
            lw_pick_row row[4];
            LW_UNROLL(4)
            for (int r = 0; r < 4; r++) row[r] = lw_pick_load(at + r * g->x_row, channels);
            lw_pick_index index = lw_pick_first((uint32_t)plane.right >> shift,
                                                (uint32_t)plane.lower >> shift, channel, channels);
            LW_UNROLL(3)
            for (int kw = 0; kw < 3; kw++) {
                lw_vec picked[3];
                lw_pick(row, index, picked);
                LW_UNROLL(3)
                for (int kh = 0; kh < 3; kh++)
                    sum[3 * kh + kw] = lw_vec_fma(gradient, picked[kh], sum[3 * kh + kw]);
                index = lw_pick_next(index, channels);
            }
        }
    }
}

// The taps of one input channel over all images.
LW_INLINE void pick_taps(const first_operands *o, int32_t images, const int channel,
                         const int channels, float *dweights)
{
    const lw_conv_geometry *g = o->g;
    lw_vec sum[9];
    LW_UNROLL(9)
    for (int t = 0; t < 9; t++) sum[t] = lw_vec_load(dweights + t * channels * LW_BLOCK);
    for (int32_t n = 0; n < images; n++)
        pick_image(g, o->x + n * g->x_image, o->dy + n * g->dy_image,
                   o->planes + n * g->planes_image, o->shift, channel, channels, sum);
    LW_UNROLL(9)
    for (int t = 0; t < 9; t++) lw_vec_store(dweights + t * channels * LW_BLOCK, sum[t]);
}

// Functions of their own, so that each has all registers.
#define PICK(channel, channels)                                                                    \
    static __attribute__((noinline)) void pick_##channel##_of_##channels(                          \
        const first_operands *o, int32_t images, float *dweights)                                  \
    {                                                                                              \
        pick_taps(o, images, channel, channels, dweights + channel * LW_BLOCK);                    \
    }
PICK(0, 1)
#if LW_PICK_CHANNELS == 4
PICK(0, 2)
PICK(1, 2)
PICK(0, 3)
PICK(1, 3)
PICK(2, 3)
PICK(0, 4)
PICK(1, 4)
PICK(2, 4)
PICK(3, 4)
#endif

static void pick_all_taps(const first_operands *o, int32_t images, float *dweights)
{
    static __typeof__(&pick_0_of_1) const pick[LW_PICK_CHANNELS][LW_PICK_CHANNELS] = {
        {pick_0_of_1},
#if LW_PICK_CHANNELS == 4
        {pick_0_of_2, pick_1_of_2},
        {pick_0_of_3, pick_1_of_3, pick_2_of_3},
        {pick_0_of_4, pick_1_of_4, pick_2_of_4, pick_3_of_4},
#endif
    };
    for (int32_t ic = 0; ic < o->g->ic; ic++) pick[o->g->ic - 1][ic](o, images, dweights);
}

#else

static void pick_all_taps(const first_operands *o, int32_t images, float *dweights)
{
    (void)o, (void)images, (void)dweights;
}

#endif

// ---- any kernel ---------------------------------------------------------------------------------

// Each lane's winner may be another pixel of its window, so the gradient is split by winner into four
// vectors, each of which meets one broadcast input. `taps` and `candidates` (4 behind a pool, else 1)
// are constants in each copy.
LW_INLINE void first_image(const lw_conv_geometry *g, const float *x, const float *dy,
                           const lw_planes *planes, int shift, const int32_t *offsets,
                           const int taps, const int candidates, lw_vec *sum)
{
    int64_t right_step = g->stride_w * g->x_pixel, lower_step = g->stride_h * g->x_row;
    int64_t window_step = (candidates == 4 ? 2 : 1) * right_step;
    int64_t row_step = (candidates == 4 ? 2 : 1) * lower_step;
    for (int32_t oh = 0; oh < g->oh; oh++) {
        const float *at = x + oh * row_step, *gradients = dy + oh * g->dy_row;
        for (int32_t ow = 0; ow < g->ow; ow++, at += window_step, gradients += g->dy_pixel) {
            lw_planes plane = planes[oh * g->ow + ow];
            uint32_t live = (uint32_t)plane.live >> shift, right = (uint32_t)plane.right >> shift;
            uint32_t lower = (uint32_t)plane.lower >> shift;
            const uint32_t bits[winners] = {live & ~right & ~lower, live & right & ~lower,
                                            live & ~right & lower, live & right & lower};
            lw_vec gradient = lw_vec_load(gradients);
            LW_UNROLL(4)
            for (int w = 0; w < candidates; w++) {
                lw_vec part = lw_vec_keep(candidates == 4 ? bits[w] : live, gradient);
                const float *pixel = at + (w & 1) * right_step + (w >> 1) * lower_step;
                LW_UNROLL(9)
                for (int t = 0; t < taps; t++)
                    sum[t] = lw_vec_fma(part, lw_vec_load_broadcast(pixel + offsets[t]), sum[t]);
            }
        }
    }
}

// The same over all images.
LW_INLINE void first_taps(const first_operands *o, int32_t images, const int32_t *offsets,
                          const int taps, const int candidates, float *dweights)
{
    const lw_conv_geometry *g = o->g;
    lw_vec sum[LW_TAP_GROUP];
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) sum[t] = lw_vec_load(dweights + t * LW_BLOCK);
    for (int32_t n = 0; n < images; n++)
        first_image(g, o->x + n * g->x_image, o->dy + n * g->dy_image,
                    o->planes + n * g->planes_image, o->shift, offsets, taps, candidates, sum);
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) lw_vec_store(dweights + t * LW_BLOCK, sum[t]);
}

static void add_all_taps(const first_operands *o, int32_t images, float *dweights)
{
    const lw_conv_geometry *g = o->g;
    const int32_t taps = g->kh * g->kw * g->ic;
    for (int32_t tap = 0; tap < taps;) {
        int32_t offsets[LW_TAP_GROUP];
        int group = taps - tap >= LW_TAP_GROUP ? LW_TAP_GROUP : taps - tap >= 3 ? 3 : 1;
        for (int t = 0; t < group; t++)
            offsets[t] = lw_conv_tap(g, (tap + t) / g->ic) + (tap + t) % g->ic;
        float *out = dweights + (int64_t)tap * LW_BLOCK;
        if (group == LW_TAP_GROUP && g->pool)
            first_taps(o, images, offsets, 9, 4, out);
        else if (group == LW_TAP_GROUP)
            first_taps(o, images, offsets, 9, 1, out);
        else if (group == 3)
            first_taps(o, images, offsets, 3, g->pool ? 4 : 1, out);
        else
            first_taps(o, images, offsets, 1, g->pool ? 4 : 1, out);
        tap += group;
    }
}

void LW_KERNEL(conv_backward_weights_first)(const lw_conv_geometry *g, int32_t images,
                                            int32_t block_begin, int32_t block_end, const float *x,
                                            const float *dy, const lw_planes *planes,
                                            float *dweights, float *dbias)
{
    const bool pick = g->ic <= LW_PICK_CHANNELS && g->x_pixel == g->ic && lw_conv_is_patch(g);
    const int64_t block_floats = (int64_t)g->kh * g->kw * g->ic * LW_BLOCK;
    for (int32_t block = block_begin; block < block_end; block++) {
        lw_conv_add_bias(g, images, block, dy, planes, dbias);
        for (int shift = 0; shift < LW_BLOCK; shift += LW_VEC) {
            const first_operands o = {g, x, dy + block * LW_BLOCK + shift,
                                      planes + (int64_t)block * g->oh * g->ow, shift};
            (pick ? pick_all_taps : add_all_taps)(&o, images,
                                                  dweights + block * block_floats + shift);
        }
    }
}
