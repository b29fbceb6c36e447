// SPDX-License-Identifier: Apache-2.0
// Backward-data of a convolution stage. For each strip of output positions the bit planes are turned
// into lists of items first; the vector loops then run over a list with up to nine taps in
// accumulators. Stages with a 3x3 kernel behind a pool have a faster way (conv_backward_patch.c).
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_patch.h"

// Items of one strip, over all output channels of its positions.
enum { strip_items = 4096, winners = 4 };

static int32_t strip_positions(const lw_conv_geometry *g)
{
    int32_t positions = strip_items / (lw_conv_blocks(g->oc) * LW_BLOCK);
    if (positions < 1) return 1;
    return positions < LW_STRIP_POSITIONS ? positions : LW_STRIP_POSITIONS;
}

// Lists the live channels of each position of a strip by winner: the items of position p and winner
// w are item[start[4 * p + w]] up to item[start[4 * p + w + 1]].
static void list_by_position(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                             int32_t begin, int32_t end, int32_t *start, lw_conv_item *item)
{
    int32_t blocks = lw_conv_blocks(g->oc), positions = g->oh * g->ow, n = 0;
    int32_t channel_step = g->kh * g->kw * LW_BLOCK;
    for (int32_t position = begin; position < end; position++) {
        const float *gradient = dy + position / g->ow * g->dy_row + position % g->ow * g->dy_pixel;
        for (uint32_t w = 0; w < winners; w++) {
            *start++ = n;
            if (w > 0 && !g->pool) continue;
            for (int32_t block = 0; block < blocks; block++) {
                lw_planes plane = planes[(int64_t)block * positions + position];
                uint32_t bits = plane.live & lw_conv_existing(g, block);
                if (g->pool)
                    bits &= (w & 1 ? plane.right : ~(uint32_t)plane.right) &
                            (w & 2 ? plane.lower : ~(uint32_t)plane.lower);
                for (; bits; bits &= bits - 1) {
                    int32_t oc = block * LW_BLOCK + __builtin_ctz(bits);
                    item[n++] = (lw_conv_item){oc * channel_step, gradient[oc]};
                }
            }
        }
    }
    *start = n;
}

// dx[tap] += sum over the list of gradient * weights[oc][tap]; `taps` is a constant in each copy.
LW_INLINE void spread_taps(const lw_conv_item *item, int32_t count, const float *weights,
                           const int taps, float *dx, const int32_t *offsets)
{
    lw_vec sum[LW_TAP_GROUP];
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) sum[t] = lw_vec_zero();
    for (int32_t i = 0; i < count; i++) {
        lw_vec gradient = lw_vec_load_broadcast(&item[i].gradient);
        const float *at = weights + item[i].offset;
        LW_UNROLL(9)
        for (int t = 0; t < taps; t++)
            sum[t] = lw_vec_fma(gradient, lw_vec_load(at + t * LW_BLOCK), sum[t]);
    }
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) {
        float *out = dx + offsets[t];
        lw_vec_store(out, lw_vec_add(lw_vec_load(out), sum[t]));
    }
}

static void spread_tap_group(const lw_conv_item *item, int32_t count, const float *weights,
                             int taps, float *dx, const int32_t *offsets)
{
    switch (taps) {
    case 1: spread_taps(item, count, weights, 1, dx, offsets); break;
    case 2: spread_taps(item, count, weights, 2, dx, offsets); break;
    case 3: spread_taps(item, count, weights, 3, dx, offsets); break;
    case 4: spread_taps(item, count, weights, 4, dx, offsets); break;
    case 5: spread_taps(item, count, weights, 5, dx, offsets); break;
    case 6: spread_taps(item, count, weights, 6, dx, offsets); break;
    case 7: spread_taps(item, count, weights, 7, dx, offsets); break;
    case 8: spread_taps(item, count, weights, 8, dx, offsets); break;
    default: spread_taps(item, count, weights, 9, dx, offsets); break;
    }
}

void LW_KERNEL(conv_backward_data)(const lw_conv_geometry *g, const float *dy,
                                   const lw_planes *planes, const float *weights, float *dx,
                                   void *scratch)
{
    if (lw_conv_is_patch(g)) {
        LW_KERNEL(conv_backward_patch)(g, dy, planes, weights, dx);
        return;
    }
    int32_t positions = g->oh * g->ow, taps = g->kh * g->kw, strip = strip_positions(g);
    int32_t lanes = lw_conv_blocks(g->ic) * LW_BLOCK;
    int32_t *start = scratch;
    lw_conv_item *items = (lw_conv_item *)(start + winners * LW_STRIP_POSITIONS + 2);
    int64_t right_step = lw_conv_right_step(g), lower_step = lw_conv_lower_step(g);
    for (int32_t begin = 0; begin < positions; begin += strip) {
        int32_t end = positions - begin < strip ? positions : begin + strip;
        list_by_position(g, dy, planes, begin, end, start, items);
        for (int32_t ic = 0; ic < lanes; ic += LW_VEC)
            for (int32_t tap = 0; tap < taps; tap += LW_TAP_GROUP) {
                int group = taps - tap < LW_TAP_GROUP ? taps - tap : LW_TAP_GROUP;
                int32_t offsets[LW_TAP_GROUP];
                for (int t = 0; t < group; t++) offsets[t] = lw_conv_tap(g, tap + t);
                const float *block = weights + tap * LW_BLOCK + ic % LW_BLOCK +
                                     (int64_t)(ic / LW_BLOCK) * g->oc * taps * LW_BLOCK;
                for (int32_t position = begin; position < end; position++) {
                    float *window = dx + lw_conv_window(g, position / g->ow, position % g->ow) + ic;
                    const int32_t *first = start + (position - begin) * winners;
                    for (int w = 0; w < winners; w++)
                        if (first[w + 1] > first[w])
                            spread_tap_group(
                                items + first[w], first[w + 1] - first[w], block, group,
                                window + (w & 1) * right_step + (w >> 1) * lower_step, offsets);
                }
            }
    }
}

size_t LW_KERNEL(conv_backward_scratch_bytes)(const lw_conv_geometry *g)
{
    size_t items = (size_t)strip_positions(g) * (size_t)lw_conv_blocks(g->oc) * LW_BLOCK;
    return (winners * LW_STRIP_POSITIONS + 2) * sizeof(int32_t) + items * sizeof(lw_conv_item);
}
