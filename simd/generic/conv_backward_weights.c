// SPDX-License-Identifier: Apache-2.0
// Backward-weights of a convolution stage whose inputs are padded to blocks. For each output channel
// the live positions are walked bit by bit, and the sums of up to nine taps stay in registers over
// all of them.
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_live_bits.h"

// Vectors of input channels whose sums of nine taps fit the registers together: the second one
// halves what finding a position costs.
enum { together = LW_VEC_REGISTERS == 32 ? 2 : 1 };

// Where a position's operands lie, in floats.
typedef struct place {
    int32_t x;  // the input under tap (0, 0) of its first candidate
    int32_t dy; // its gradient of channel 0
} place;

enum { strip_words = LW_STRIP_POSITIONS / LW_LIVE_WORD };

// Up to LW_STRIP_POSITIONS output positions, so that the part of x they look at stays in L1.
typedef struct strip {
    int32_t begin, end, words;
    int64_t right_step, lower_step;
    place at[LW_STRIP_POSITIONS];
    // Of one block of output channels:
    lw_live_bits bits[strip_words];
    int live_channels[LW_BLOCK], n_live; // the real ones with a live position
} strip;

static void find_places(const lw_conv_geometry *g, strip *s)
{
    int32_t oh = s->begin / g->ow, ow = s->begin % g->ow;
    for (int32_t i = 0; i < s->end - s->begin; i++) {
        s->at[i] = (place){(int32_t)lw_conv_window(g, oh, ow),
                           (int32_t)(oh * g->dy_row + ow * g->dy_pixel)};
        if (++ow == g->ow) {
            ow = 0;
            oh++;
        }
    }
}

static __attribute__((noinline)) void find_bits(const lw_conv_geometry *g, strip *s,
                                                const lw_planes *planes, int32_t block)
{
    planes += (int64_t)block * g->oh * g->ow;
    uint32_t live = 0;
    for (int32_t position = s->begin; position < s->end; position++) live |= planes[position].live;
    live &= lw_conv_existing(g, block);
    s->n_live = 0;
    for (; live; live &= live - 1) s->live_channels[s->n_live++] = __builtin_ctz(live);
    if (s->n_live == 0) return;
    for (int32_t word = 0; word < s->words; word++) {
        int32_t first = s->begin + word * LW_LIVE_WORD, left = s->end - first;
        lw_live_bits_of(planes + first, left < LW_LIVE_WORD ? left : LW_LIVE_WORD, &s->bits[word]);
    }
}

// The walk over the live positions of one channel.
typedef struct walk {
    const place *at;
    uint64_t live, right, lower;
    int64_t right_step, lower_step;
} walk;

LW_INLINE walk start_walk(const strip *s, int32_t word, int channel)
{
    const lw_live_bits *bits = &s->bits[word];
    return (walk){s->at + word * LW_LIVE_WORD, bits->live[channel], bits->right[channel],
                  bits->lower[channel],        s->right_step,       s->lower_step};
}

// The input under tap (0, 0) of the output that won at a position.
LW_INLINE const float *winner(const walk *w, int position, const float *x)
{
    x += w->at[position].x;
    if (w->right >> position & 1) x += w->right_step;
    if (w->lower >> position & 1) x += w->lower_step;
    LW_PIN_INT(x);
    return x;
}

// dweights[tap] += gradient * x[tap] over the live positions of a channel, for the taps of a 3x3
// kernel and `vectors` vectors of input channels, the second one `next` floats behind the first.
// With a `pixel` that is a constant a tap needs no addition of its own: a sixth of the time.
LW_INLINE void add_taps_3x3(const strip *s, int channel, const float *x, const float *dy,
                            const int64_t row, const int64_t pixel, float *dweights, int64_t next,
                            const int vectors)
{
    lw_vec sum[together * 9];
    LW_UNROLL(18)
    for (int t = 0; t < 9 * vectors; t++)
        sum[t] = lw_vec_load(dweights + t / 9 * next + t % 9 * LW_BLOCK);
    for (int32_t word = 0; word < s->words; word++) {
        walk w = start_walk(s, word, channel);
        for (; w.live; w.live &= w.live - 1) {
            const int position = __builtin_ctzll(w.live);
            const lw_vec gradient = lw_vec_load_broadcast(dy + w.at[position].dy);
            const float *x0 = winner(&w, position, x), *x1 = x0 + row, *x2 = x1 + row;
            LW_PIN_INT(x1);
            LW_PIN_INT(x2);
            const float *const rows[3] = {x0, x1, x2};
            LW_UNROLL(18)
            for (int t = 0; t < 9 * vectors; t++) {
                const float *tap = rows[t / 3 % 3] + t % 3 * pixel + t / 9 * LW_VEC;
                sum[t] = lw_vec_fma(gradient, lw_vec_load(tap), sum[t]);
            }
        }
    }
    LW_UNROLL(18)
    for (int t = 0; t < 9 * vectors; t++)
        lw_vec_store(dweights + t / 9 * next + t % 9 * LW_BLOCK, sum[t]);
}

// The same for up to LW_TAP_GROUP taps at any offsets; `taps` is a constant in each copy.
LW_INLINE void add_taps(const strip *s, int channel, const float *x, const float *dy,
                        const int32_t *offsets, const int taps, float *dweights)
{
    lw_vec sum[LW_TAP_GROUP];
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) sum[t] = lw_vec_load(dweights + t * LW_BLOCK);
    for (int32_t word = 0; word < s->words; word++) {
        walk w = start_walk(s, word, channel);
        for (; w.live; w.live &= w.live - 1) {
            const int position = __builtin_ctzll(w.live);
            const lw_vec gradient = lw_vec_load_broadcast(dy + w.at[position].dy);
            const float *input = winner(&w, position, x);
            LW_UNROLL(9)
            for (int t = 0; t < taps; t++)
                sum[t] = lw_vec_fma(gradient, lw_vec_load(input + offsets[t]), sum[t]);
        }
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

// The live channels of a block from `oc` on for a 3x3 kernel and the input channels from `ic` on, as
// many vectors as a block has, but at least `vectors`. So dweights, which rarely fits L1, is met in
// the order of its memory.
LW_INLINE void add_block_3x3(const lw_conv_geometry *g, const strip *s, const float *x,
                             const float *dy, int32_t oc, int32_t ic, float *dweights,
                             const int64_t pixel, const int vectors)
{
    const int64_t row = g->dilation_h * g->x_row, block = (int64_t)g->oc * 9 * LW_BLOCK;
    const int64_t next = (int)LW_VEC < (int)LW_BLOCK ? LW_VEC : block;
    dweights += ic / LW_BLOCK * block + (int64_t)oc * 9 * LW_BLOCK;
    for (int i = 0; i < s->n_live; i++) {
        const int channel = s->live_channels[i];
        for (int lane = 0; lane < LW_BLOCK; lane += vectors * LW_VEC)
            add_taps_3x3(s, channel, x + ic + lane, dy + oc + channel, row, pixel,
                         dweights + channel * 9 * LW_BLOCK + lane, next, vectors);
    }
}

// Copies for the pixel pitches of 16, 32 and 64 channels, each a function of its own, so that the
// walks have all registers.
#define ADD_BLOCK(name, pixel, vectors)                                                            \
    static __attribute__((noinline)) void name(const lw_conv_geometry *g, const strip *s,          \
                                               const float *x, const float *dy, int32_t oc,        \
                                               int32_t ic, float *dweights)                        \
    {                                                                                              \
        add_block_3x3(g, s, x, dy, oc, ic, dweights, pixel, vectors);                              \
    }
ADD_BLOCK(add_one_16, 16, 1)
ADD_BLOCK(add_one, g->dilation_w * g->x_pixel, 1)
ADD_BLOCK(add_several_16, 16, together)
ADD_BLOCK(add_several_32, 32, together)
ADD_BLOCK(add_several_64, 64, together)
ADD_BLOCK(add_several, g->dilation_w * g->x_pixel, together)

static void add_all_3x3(const lw_conv_geometry *g, const strip *s, const float *x, const float *dy,
                        int32_t oc, float *dweights)
{
    const int64_t pixel = g->dilation_w * g->x_pixel;
    const int32_t lanes = lw_conv_blocks(g->ic) * LW_BLOCK;
    __typeof__(&add_one) one = pixel == 16 ? add_one_16 : add_one;
    __typeof__(&add_one) several = pixel == 16   ? add_several_16
                                   : pixel == 32 ? add_several_32
                                   : pixel == 64 ? add_several_64
                                                 : add_several;
    int32_t ic = 0, step = together * LW_VEC > LW_BLOCK ? together * LW_VEC : LW_BLOCK;
    for (; ic + step <= lanes; ic += step) several(g, s, x, dy, oc, ic, dweights);
    for (; ic < lanes; ic += LW_BLOCK) one(g, s, x, dy, oc, ic, dweights);
}

// Cuts the positions into strips of nearly the same length.
static void start_strip(const lw_conv_geometry *g, strip *s, int32_t index, int32_t strips)
{
    const int64_t positions = (int64_t)g->oh * g->ow;
    s->begin = (int32_t)(positions * index / strips);
    s->end = (int32_t)(positions * (index + 1) / strips);
    s->words = (s->end - s->begin + LW_LIVE_WORD - 1) / LW_LIVE_WORD;
    find_places(g, s);
}

void LW_KERNEL(conv_backward_weights)(const lw_conv_geometry *g, const float *x, const float *dy,
                                      const lw_planes *planes, float *dweights, float *dbias,
                                      void *scratch)
{
    (void)scratch;
    const int32_t positions = g->oh * g->ow;
    const int32_t strips = (positions + LW_STRIP_POSITIONS - 1) / LW_STRIP_POSITIONS;
    strip s = {.right_step = lw_conv_right_step(g), .lower_step = lw_conv_lower_step(g)};
    for (int32_t oc = 0; oc < g->oc; oc += LW_BLOCK)
        lw_conv_add_bias(g, dy + oc, planes + (int64_t)(oc / LW_BLOCK) * positions, dbias + oc);
    for (int32_t i = 0; i < strips; i++) {
        start_strip(g, &s, i, strips);
        for (int32_t oc = 0; oc < g->oc; oc += LW_BLOCK) {
            find_bits(g, &s, planes, oc / LW_BLOCK);
            if (g->kh == 3 && g->kw == 3)
                add_all_3x3(g, &s, x, dy, oc, dweights);
            else
                add_block(g, &s, x, dy, oc, dweights);
        }
    }
}
