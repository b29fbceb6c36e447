// SPDX-License-Identifier: Apache-2.0
// Both backward passes of a convolution stage. They walk only the outputs through which a gradient
// flows: behind a ReLU the positive ones, behind a 2x2 max pool the one winner of each window. So a
// fused stage costs at most a quarter of the dense multiply-adds. The result is exact; only the
// order of the additions differs from the dense loops.
//
// For each strip of output positions the bit planes are turned into lists of items first; the
// vector loops then run over a list with all taps of a 3x3 kernel in accumulators.
#include "simd/declare.h"

// Taps whose sums stay in registers together: the 9 of a 3x3 kernel.
enum { tap_group = 9 };

// Items of one strip of backward-data, over all output channels of its positions.
enum { data_strip_items = 4096, winners = 4 };

static int32_t data_strip_positions(const lw_conv_geometry *g)
{
    int32_t channels = (g->oc + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
    int32_t positions = data_strip_items / channels;
    if (positions < 1) return 1;
    return positions < LW_STRIP_POSITIONS ? positions : LW_STRIP_POSITIONS;
}

// Offset in x of the input under tap (0, 0) of output position (oh, ow)'s first candidate.
static int64_t window_offset(const lw_conv_geometry *g, int32_t position)
{
    int32_t pool_step = g->pool ? 2 : 1;
    int64_t oh = position / g->ow, ow = position % g->ow;
    return oh * pool_step * g->stride_h * g->x_row + ow * pool_step * g->stride_w * g->x_pixel;
}

// The channels of a block that exist: the last block may be padded.
static uint32_t existing_channels(const lw_conv_geometry *g, int32_t block)
{
    int32_t left = g->oc - block * LW_BLOCK;
    return left >= LW_BLOCK ? 0xFFFFu : (1u << left) - 1;
}

static int32_t tap_offset(const lw_conv_geometry *g, int32_t tap)
{
    return (int32_t)(tap / g->kw * g->dilation_h * g->x_row +
                     tap % g->kw * g->dilation_w * g->x_pixel);
}

// ---- backward-weights ---------------------------------------------------------------------------

typedef struct strip_lists {
    int32_t count[LW_BLOCK];
    lw_conv_item item[LW_BLOCK][LW_STRIP_POSITIONS];
} strip_lists;

// Collects, for each channel of a block, where in x its live outputs of a strip looked.
static void list_by_channel(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                            int32_t block, int32_t begin, int32_t end, strip_lists *lists,
                            float *dbias)
{
    uint32_t existing = existing_channels(g, block);
    int32_t right_step = (int32_t)(g->stride_w * g->x_pixel);
    int32_t lower_step = (int32_t)(g->stride_h * g->x_row);
    memset(lists->count, 0, sizeof lists->count);
    for (int32_t position = begin; position < end; position++) {
        lw_planes plane = planes[(int64_t)block * g->oh * g->ow + position];
        int32_t base = (int32_t)window_offset(g, position);
        const float *gradient =
            dy + position / g->ow * g->dy_row + position % g->ow * g->dy_pixel + block * LW_BLOCK;
        for (uint32_t live = plane.live & existing; live; live &= live - 1) {
            int channel = __builtin_ctz(live);
            int32_t right = plane.right >> channel & 1, lower = plane.lower >> channel & 1;
            lists->item[channel][lists->count[channel]++] =
                (lw_conv_item){base + right * right_step + lower * lower_step, gradient[channel]};
            dbias[channel] += gradient[channel];
        }
    }
}

// dweights[tap] += gradient * x[offset + tap] over a list, for the taps of a 3x3 kernel.
LW_INLINE void add_taps_3x3(const lw_conv_item *item, int32_t count, const float *x, int64_t row,
                            int64_t pixel, float *dweights)
{
    lw_vec sum[9];
    LW_UNROLL(9)
    for (int t = 0; t < 9; t++) sum[t] = lw_vec_load(dweights + t * LW_BLOCK);
    for (int32_t i = 0; i < count; i++) {
        lw_vec gradient = lw_vec_load_broadcast(&item[i].gradient);
        const float *x0 = x + item[i].offset, *x1 = x0 + row, *x2 = x1 + row;
        sum[0] = lw_vec_fma(gradient, lw_vec_load(x0), sum[0]);
        sum[1] = lw_vec_fma(gradient, lw_vec_load(x0 + pixel), sum[1]);
        sum[2] = lw_vec_fma(gradient, lw_vec_load(x0 + 2 * pixel), sum[2]);
        sum[3] = lw_vec_fma(gradient, lw_vec_load(x1), sum[3]);
        sum[4] = lw_vec_fma(gradient, lw_vec_load(x1 + pixel), sum[4]);
        sum[5] = lw_vec_fma(gradient, lw_vec_load(x1 + 2 * pixel), sum[5]);
        sum[6] = lw_vec_fma(gradient, lw_vec_load(x2), sum[6]);
        sum[7] = lw_vec_fma(gradient, lw_vec_load(x2 + pixel), sum[7]);
        sum[8] = lw_vec_fma(gradient, lw_vec_load(x2 + 2 * pixel), sum[8]);
    }
    LW_UNROLL(9)
    for (int t = 0; t < 9; t++) lw_vec_store(dweights + t * LW_BLOCK, sum[t]);
}

// The same for up to tap_group taps at any offsets; `taps` is a constant in each copy.
LW_INLINE void add_taps(const lw_conv_item *item, int32_t count, const float *x,
                        const int32_t *offsets, const int taps, float *dweights)
{
    lw_vec sum[tap_group];
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) sum[t] = lw_vec_load(dweights + t * LW_BLOCK);
    for (int32_t i = 0; i < count; i++) {
        lw_vec gradient = lw_vec_load_broadcast(&item[i].gradient);
        const float *at = x + item[i].offset;
        LW_UNROLL(9)
        for (int t = 0; t < taps; t++)
            sum[t] = lw_vec_fma(gradient, lw_vec_load(at + offsets[t]), sum[t]);
    }
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) lw_vec_store(dweights + t * LW_BLOCK, sum[t]);
}

static void add_tap_group(const lw_conv_item *item, int32_t count, const float *x,
                          const int32_t *offsets, int taps, float *dweights)
{
    switch (taps) {
    case 1: add_taps(item, count, x, offsets, 1, dweights); break;
    case 2: add_taps(item, count, x, offsets, 2, dweights); break;
    case 3: add_taps(item, count, x, offsets, 3, dweights); break;
    case 4: add_taps(item, count, x, offsets, 4, dweights); break;
    case 5: add_taps(item, count, x, offsets, 5, dweights); break;
    case 6: add_taps(item, count, x, offsets, 6, dweights); break;
    case 7: add_taps(item, count, x, offsets, 7, dweights); break;
    case 8: add_taps(item, count, x, offsets, 8, dweights); break;
    default: add_taps(item, count, x, offsets, 9, dweights); break;
    }
}

// One output channel's gradient from its list, over all input channels.
static void add_channel(const lw_conv_geometry *g, const lw_conv_item *item, int32_t count,
                        const float *x, float *dweights)
{
    int32_t taps = g->kh * g->kw, ic_blocks = (g->ic + LW_BLOCK - 1) / LW_BLOCK;
    bool is_3x3 = g->kh == 3 && g->kw == 3;
    for (int32_t ic = 0; ic < ic_blocks * LW_BLOCK; ic += LW_VEC) {
        float *block =
            dweights + (int64_t)(ic / LW_BLOCK) * g->oc * taps * LW_BLOCK + ic % LW_BLOCK;
        if (is_3x3) {
            add_taps_3x3(item, count, x + ic, g->dilation_h * g->x_row, g->dilation_w * g->x_pixel,
                         block);
            continue;
        }
        for (int32_t tap = 0; tap < taps; tap += tap_group) {
            int group = taps - tap < tap_group ? taps - tap : tap_group;
            int32_t offsets[tap_group];
            for (int t = 0; t < group; t++) offsets[t] = tap_offset(g, tap + t);
            add_tap_group(item, count, x + ic, offsets, group, block + tap * LW_BLOCK);
        }
    }
}

void LW_KERNEL(conv_backward_weights)(const lw_conv_geometry *g, const float *x, const float *dy,
                                      const lw_planes *planes, float *dweights, float *dbias,
                                      void *scratch)
{
    strip_lists *lists = scratch;
    int32_t positions = g->oh * g->ow, taps = g->kh * g->kw;
    for (int32_t oc = 0; oc < g->oc; oc += LW_BLOCK)
        for (int32_t begin = 0; begin < positions; begin += LW_STRIP_POSITIONS) {
            int32_t end =
                positions - begin < LW_STRIP_POSITIONS ? positions : begin + LW_STRIP_POSITIONS;
            list_by_channel(g, dy, planes, oc / LW_BLOCK, begin, end, lists, dbias + oc);
            for (int channel = 0; channel < LW_BLOCK && oc + channel < g->oc; channel++)
                if (lists->count[channel])
                    add_channel(g, lists->item[channel], lists->count[channel], x,
                                dweights + (int64_t)(oc + channel) * taps * LW_BLOCK);
        }
}

// ---- backward-weights of a first convolution ----------------------------------------------------

// With one to four input channels the lanes hold output channels. Each lane's winner may be another
// pixel of its window, so the gradient is split by winner into four vectors, each of which meets
// one broadcast input. `taps` and `candidates` (4 behind a pool, else 1) are constants in each
// copy.
LW_INLINE void first_taps(const lw_conv_geometry *g, const float *x, const float *dy,
                          const lw_planes *planes, int shift, const int32_t *offsets,
                          const int taps, const int candidates, float *dweights)
{
    lw_vec sum[tap_group];
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) sum[t] = lw_vec_load(dweights + t * LW_BLOCK);
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
    LW_UNROLL(9)
    for (int t = 0; t < taps; t++) lw_vec_store(dweights + t * LW_BLOCK, sum[t]);
}

static void first_bias(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                       int shift, float *dbias)
{
    lw_vec sum = lw_vec_load(dbias);
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            uint32_t live = (uint32_t)planes[oh * g->ow + ow].live >> shift;
            lw_vec gradient = lw_vec_load(dy + oh * g->dy_row + ow * g->dy_pixel);
            sum = lw_vec_add(sum, lw_vec_keep(live, gradient));
        }
    lw_vec_store(dbias, sum);
}

void LW_KERNEL(conv_backward_weights_first)(const lw_conv_geometry *g, const float *x,
                                            const float *dy, const lw_planes *planes,
                                            float *dweights, float *dbias)
{
    int32_t taps = g->kh * g->kw * g->ic, blocks = (g->oc + LW_BLOCK - 1) / LW_BLOCK;
    for (int32_t oc = 0; oc < blocks * LW_BLOCK; oc += LW_VEC) {
        const lw_planes *block_planes = planes + (int64_t)(oc / LW_BLOCK) * g->oh * g->ow;
        int shift = oc % LW_BLOCK;
        first_bias(g, dy + oc, block_planes, shift, dbias + oc);
        for (int32_t tap = 0; tap < taps;) {
            int32_t offsets[tap_group];
            int group = taps - tap >= tap_group ? tap_group : taps - tap >= 3 ? 3 : 1;
            for (int t = 0; t < group; t++)
                offsets[t] = tap_offset(g, (tap + t) / g->ic) + (tap + t) % g->ic;
            float *out = dweights + ((int64_t)(oc / LW_BLOCK) * taps + tap) * LW_BLOCK + shift;
            if (group == tap_group && g->pool)
                first_taps(g, x, dy + oc, block_planes, shift, offsets, 9, 4, out);
            else if (group == tap_group)
                first_taps(g, x, dy + oc, block_planes, shift, offsets, 9, 1, out);
            else if (group == 3)
                first_taps(g, x, dy + oc, block_planes, shift, offsets, 3, g->pool ? 4 : 1, out);
            else
                first_taps(g, x, dy + oc, block_planes, shift, offsets, 1, g->pool ? 4 : 1, out);
            tap += group;
        }
    }
}

// ---- backward-data ------------------------------------------------------------------------------

// Lists the live channels of each position of a strip by winner: the items of position p and winner
// w are item[start[4 * p + w]] up to item[start[4 * p + w + 1]].
static void list_by_position(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                             int32_t begin, int32_t end, int32_t *start, lw_conv_item *item)
{
    int32_t blocks = (g->oc + LW_BLOCK - 1) / LW_BLOCK, positions = g->oh * g->ow, n = 0;
    int32_t channel_step = g->kh * g->kw * LW_BLOCK;
    for (int32_t position = begin; position < end; position++) {
        const float *gradient = dy + position / g->ow * g->dy_row + position % g->ow * g->dy_pixel;
        for (uint32_t w = 0; w < winners; w++) {
            *start++ = n;
            if (w > 0 && !g->pool) continue;
            for (int32_t block = 0; block < blocks; block++) {
                lw_planes plane = planes[(int64_t)block * positions + position];
                uint32_t bits = plane.live & existing_channels(g, block);
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
    lw_vec sum[tap_group];
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
    int32_t positions = g->oh * g->ow, taps = g->kh * g->kw, strip = data_strip_positions(g);
    int32_t ic_blocks = (g->ic + LW_BLOCK - 1) / LW_BLOCK;
    int32_t *start = scratch;
    lw_conv_item *items = (lw_conv_item *)(start + winners * LW_STRIP_POSITIONS + 2);
    int64_t right_step = g->stride_w * g->x_pixel, lower_step = g->stride_h * g->x_row;
    for (int32_t begin = 0; begin < positions; begin += strip) {
        int32_t end = positions - begin < strip ? positions : begin + strip;
        list_by_position(g, dy, planes, begin, end, start, items);
        for (int32_t ic = 0; ic < ic_blocks * LW_BLOCK; ic += LW_VEC)
            for (int32_t tap = 0; tap < taps; tap += tap_group) {
                int group = taps - tap < tap_group ? taps - tap : tap_group;
                int32_t offsets[tap_group];
                for (int t = 0; t < group; t++) offsets[t] = tap_offset(g, tap + t);
                const float *block = weights + tap * LW_BLOCK + ic % LW_BLOCK +
                                     (int64_t)(ic / LW_BLOCK) * g->oc * taps * LW_BLOCK;
                for (int32_t position = begin; position < end; position++) {
                    float *window = dx + window_offset(g, position) + ic;
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
    size_t channels = (size_t)((g->oc + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK);
    size_t items = (size_t)data_strip_positions(g) * channels;
    size_t data_bytes =
        (winners * LW_STRIP_POSITIONS + 2) * sizeof(int32_t) + items * sizeof(lw_conv_item);
    return data_bytes > sizeof(strip_lists) ? data_bytes : sizeof(strip_lists);
}
