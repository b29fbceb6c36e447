// SPDX-License-Identifier: Apache-2.0
// Backward-weights of a convolution stage whose inputs are padded to blocks. For each output channel
// the live positions are walked bit by bit, and the sums of up to nine taps stay in registers over
// all of them.
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_live_bits.h"

// Vectors of input channels whose sums of nine taps stay in registers together. With short vectors a
// second one halves what finding a position costs; with long ones that and twice as much of x in L1
// weigh about the same.
enum { together = LW_VEC_REGISTERS == 32 && (int)LW_VEC < (int)LW_BLOCK ? 2 : 1 };

// Where a position's operands lie, in floats from the first image's: in the upper half the input under
// tap (0, 0) of its first candidate, in the lower half its gradient of channel 0. One load for both:
// loads are what bounds the walks, and with two AVX2 took an eighth longer.
typedef uint64_t place;

LW_INLINE place make_place(int64_t x, int64_t dy)
{
    return (uint64_t)x << 32 | (uint32_t)dy;
}

// Up to LW_LIVE_WORD output positions of one or several images, counted through the images: small
// maps share a strip, so that the sums are loaded and stored once for all of them, and of larger
// maps the part of x that a strip looks at stays in L1.
typedef struct strip {
    int64_t begin, end;
    int64_t right_step, lower_step;
    place at[LW_LIVE_WORD];
    // Of one block of output channels:
    lw_live_bits bits;
    int live_channels[LW_BLOCK], n_live; // the real ones with a live position
} strip;

static void find_places(const lw_conv_geometry *g, strip *s)
{
    const int64_t positions = (int64_t)g->oh * g->ow;
    int64_t image = s->begin / positions;
    int32_t oh = (int32_t)(s->begin % positions / g->ow), ow = (int32_t)(s->begin % g->ow);
    for (int64_t i = 0; i < s->end - s->begin; i++) {
        s->at[i] = make_place(image * g->x_image + lw_conv_window(g, oh, ow),
                              image * g->dy_image + oh * g->dy_row + ow * g->dy_pixel);
        if (++ow < g->ow) continue;
        ow = 0;
        if (++oh < g->oh) continue;
        oh = 0;
        image++;
    }
}

// Turns the planes of one block of channels round.
static __attribute__((noinline)) void find_bits(const lw_conv_geometry *g, strip *s,
                                                const lw_planes *planes, int32_t block)
{
    const int64_t positions = (int64_t)g->oh * g->ow;
    lw_planes gathered[LW_LIVE_WORD];
    int32_t count = 0;
    for (int64_t at = s->begin; at < s->end;) {
        const int64_t image = at / positions, first = at % positions;
        const int64_t run = s->end - at < positions - first ? s->end - at : positions - first;
        memcpy(gathered + count, planes + image * g->planes_image + block * positions + first,
               (size_t)run * sizeof *gathered);
        count += (int32_t)run;
        at += run;
    }
    uint32_t live = 0;
    for (int32_t i = 0; i < count; i++) live |= gathered[i].live;
    live &= lw_conv_existing(g, block);
    s->n_live = 0;
    for (; live; live &= live - 1) s->live_channels[s->n_live++] = __builtin_ctz(live);
    if (s->n_live > 0) lw_live_bits_of(gathered, count, &s->bits);
}

// The walk over the live positions of one channel.
typedef struct walk {
    const place *at;
    uint64_t live, right, lower;
    int64_t right_step, lower_step;
} walk;

LW_INLINE walk start_walk(const strip *s, int channel)
{
    return (walk){
        s->at,         s->bits.live[channel], s->bits.right[channel], s->bits.lower[channel],
        s->right_step, s->lower_step};
}

// The gradient and the input under tap (0, 0) of the output that won at a position.
typedef struct item {
    lw_vec gradient;
    const float *x;
} item;

// The gradient first: behind the choice of the winner, AVX2 waits for it a tenth of the time.
LW_INLINE item item_at(const walk *w, const float *x, const float *dy)
{
    const int position = __builtin_ctzll(w->live);
    const place at = w->at[position];
    const lw_vec gradient = lw_vec_load_broadcast(dy + (uint32_t)at);
    x += at >> 32;
    if (w->right >> position & 1) x += w->right_step;
    if (w->lower >> position & 1) x += w->lower_step;
    LW_PIN_INT(x);
    return (item){gradient, x};
}

// dweights[tap] += gradient * x[tap] over the live positions of a channel, for the taps of a 3x3
// kernel and `together` vectors of input channels, which lie side by side.
// With a `pixel` that is a constant a tap needs no addition of its own: a sixth of the time.
LW_INLINE void add_taps_3x3(const strip *s, int channel, const float *x, const float *dy,
                            const int64_t row, const int64_t pixel, float *dweights)
{
    lw_vec sum[together * 9];
    LW_UNROLL(18)
    for (int t = 0; t < 9 * together; t++)
        sum[t] = lw_vec_load(dweights + t / 9 * LW_VEC + t % 9 * LW_BLOCK);
    walk w = start_walk(s, channel);
    for (; w.live; w.live &= w.live - 1) {
        const item i = item_at(&w, x, dy);
        const float *x0 = i.x, *x1 = x0 + row, *x2 = x1 + row;
        LW_PIN_INT(x1);
        LW_PIN_INT(x2);
        const float *const rows[3] = {x0, x1, x2};
        LW_UNROLL(18)
        for (int t = 0; t < 9 * together; t++) {
            const float *tap = rows[t / 3 % 3] + t % 3 * pixel + t / 9 * LW_VEC;
            sum[t] = lw_vec_fma(i.gradient, lw_vec_load(tap), sum[t]);
        }
    }
    LW_UNROLL(18)
    for (int t = 0; t < 9 * together; t++)
        lw_vec_store(dweights + t / 9 * LW_VEC + t % 9 * LW_BLOCK, sum[t]);
}

// The same for up to LW_TAP_GROUP taps at any offsets; `taps` is a constant in each copy.
LW_INLINE void add_taps(const strip *s, int channel, const float *x, const float *dy,
                        const int32_t *offsets, const int taps, float *dweights)
{
    lw_vec sum[LW_TAP_GROUP];
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) sum[t] = lw_vec_load(dweights + t * LW_BLOCK);
    walk w = start_walk(s, channel);
    for (; w.live; w.live &= w.live - 1) {
        const item i = item_at(&w, x, dy);
        LW_UNROLL(9)
        for (int t = 0; t < taps; t++)
            sum[t] = lw_vec_fma(i.gradient, lw_vec_load(i.x + offsets[t]), sum[t]);
    }
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) lw_vec_store(dweights + t * LW_BLOCK, sum[t]);
}

static void add_tap_group(const strip *s, int channel, const float *x, const float *dy,
                          const int32_t *offsets, int taps, float *dweights)
{
    switch (taps) {
    case 1: add_taps(s, channel, x, dy, offsets, 1, dweights); break;
    case 2: add_taps(s, channel, x, dy, offsets, 2, dweights); break;
    case 3: add_taps(s, channel, x, dy, offsets, 3, dweights); break;
    case 4: add_taps(s, channel, x, dy, offsets, 4, dweights); break;
    case 5: add_taps(s, channel, x, dy, offsets, 5, dweights); break;
    case 6: add_taps(s, channel, x, dy, offsets, 6, dweights); break;
    case 7: add_taps(s, channel, x, dy, offsets, 7, dweights); break;
    case 8: add_taps(s, channel, x, dy, offsets, 8, dweights); break;
    default: add_taps(s, channel, x, dy, offsets, 9, dweights); break;
    }
}

// The live channels of a block from `oc` on, any kernel.
static void add_block(const lw_conv_geometry *g, const strip *s, const float *x, const float *dy,
                      int32_t oc, float *dweights)
{
    int32_t taps = g->kh * g->kw, lanes = lw_conv_blocks(g->ic) * LW_BLOCK;
    for (int32_t tap = 0; tap < taps; tap += LW_TAP_GROUP) {
        int group = taps - tap < LW_TAP_GROUP ? taps - tap : LW_TAP_GROUP;
        int32_t offsets[LW_TAP_GROUP];
        for (int t = 0; t < group; t++) offsets[t] = lw_conv_tap(g, tap + t);
        for (int i = 0; i < s->n_live; i++) {
            const int channel = s->live_channels[i];
            for (int32_t ic = 0; ic < lanes; ic += LW_VEC) {
                int64_t row = (int64_t)(ic / LW_BLOCK) * g->oc + oc + channel;
                add_tap_group(s, channel, x + ic, dy + oc + channel, offsets, group,
                              dweights + (row * taps + tap) * LW_BLOCK + ic % LW_BLOCK);
            }
        }
    }
}

// The live channels of a block from `oc` on for a 3x3 kernel and the block of input channels from `ic`
// on. So dweights, which rarely fits L1, is met in the order of its memory.
LW_INLINE void add_block_3x3(const lw_conv_geometry *g, const strip *s, const float *x,
                             const float *dy, int32_t oc, int32_t ic, float *dweights,
                             const int64_t pixel)
{
    const int64_t row = g->dilation_h * g->x_row;
    dweights += ((int64_t)(ic / LW_BLOCK) * g->oc + oc) * 9 * LW_BLOCK;
    for (int i = 0; i < s->n_live; i++) {
        const int channel = s->live_channels[i];
        for (int lane = 0; lane < LW_BLOCK; lane += together * LW_VEC)
            add_taps_3x3(s, channel, x + ic + lane, dy + oc + channel, row, pixel,
                         dweights + channel * 9 * LW_BLOCK + lane);
    }
}

// Copies for the pixel pitches of 16, 32 and 64 channels, each a function of its own, so that the
// walks have all registers.
#define ADD_BLOCK(name, pixel)                                                                     \
    static __attribute__((noinline)) void name(const lw_conv_geometry *g, const strip *s,          \
                                               const float *x, const float *dy, int32_t oc,        \
                                               int32_t ic, float *dweights)                        \
    {                                                                                              \
        add_block_3x3(g, s, x, dy, oc, ic, dweights, pixel);                                       \
    }
ADD_BLOCK(add_block_16, 16)
ADD_BLOCK(add_block_32, 32)
ADD_BLOCK(add_block_64, 64)
ADD_BLOCK(add_block_any, g->dilation_w * g->x_pixel)

static void add_all_3x3(const lw_conv_geometry *g, const strip *s, const float *x, const float *dy,
                        int32_t oc, float *dweights)
{
    const int64_t pixel = g->dilation_w * g->x_pixel;
    const int32_t lanes = lw_conv_blocks(g->ic) * LW_BLOCK;
    __typeof__(&add_block_any) add = pixel == 16   ? add_block_16
                                     : pixel == 32 ? add_block_32
                                     : pixel == 64 ? add_block_64
                                                   : add_block_any;
    for (int32_t ic = 0; ic < lanes; ic += LW_BLOCK) add(g, s, x, dy, oc, ic, dweights);
}

// Cuts the positions of all images into strips of nearly the same length.
static void start_strip(const lw_conv_geometry *g, strip *s, int64_t positions, int64_t index,
                        int64_t strips)
{
    s->begin = positions * index / strips;
    s->end = positions * (index + 1) / strips;
    s->right_step = lw_conv_right_step(g);
    s->lower_step = lw_conv_lower_step(g);
    find_places(g, s);
}

// The sums of images whose places fit 32 bits.
static void add_images(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                       int32_t block_end, const float *x, const float *dy, const lw_planes *planes,
                       float *dweights)
{
    const int64_t positions = (int64_t)images * g->oh * g->ow;
    const int64_t strips = (positions + LW_LIVE_WORD - 1) / LW_LIVE_WORD;
    strip s;
    for (int64_t i = 0; i < strips; i++) {
        start_strip(g, &s, positions, i, strips);
        for (int32_t block = block_begin; block < block_end; block++) {
            find_bits(g, &s, planes, block);
            if (g->kh == 3 && g->kw == 3)
                add_all_3x3(g, &s, x, dy, block * LW_BLOCK, dweights);
            else
                add_block(g, &s, x, dy, block * LW_BLOCK, dweights);
        }
    }
}

void LW_KERNEL(conv_backward_weights)(const lw_conv_geometry *g, int32_t images,
                                      int32_t block_begin, int32_t block_end, const float *x,
                                      const float *dy, const lw_planes *planes, float *dweights,
                                      float *dbias, void *scratch)
{
    (void)scratch;
    for (int32_t block = block_begin; block < block_end; block++)
        lw_conv_add_bias(g, images, block, dy, planes, dbias);
    // Places of one image always fit (the planner's limit of a map); huge images come one by one.
    const int64_t image_floats = g->x_image > g->dy_image ? g->x_image : g->dy_image;
    const int32_t step = images * image_floats <= UINT32_MAX ? images : 1;
    for (int32_t n = 0; n < images; n += step)
        add_images(g, step, block_begin, block_end, x + n * g->x_image, dy + n * g->dy_image,
                   planes + n * g->planes_image, dweights);
}
