// SPDX-License-Identifier: Apache-2.0
// Direct convolution, forward, with bias, ReLU and 2x2 max pool.
//
// A tile is a run of neighbouring output pixels for one or two blocks of output channels, all of its
// sums in registers: a weight load serves every pixel, and a broadcast input every vector of
// channels. The sums of a strip, two rows of one or more tiles, wait in L1 for their pool, bias and
// ReLU: a store and a load for the hundreds of multiply-adds of a sum.
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_patch.h"
#include "simd/generic/conv_pool.h"

// Sums, weights of one input channel and one input of a tile must fit the registers. Wide tiles reach
// their pixels from every third one's address, by nothing, one or two pixel steps.
enum {
    block_vectors = LW_BLOCK / LW_VEC,
    tile_blocks = LW_VEC == 16 ? 2 : 1,
    tile_pixels = LW_VEC == 16                            ? 14
                  : LW_VEC_REGISTERS == 32 || LW_VEC == 8 ? 6
                                                          : 2,
    reach = tile_pixels > 6 ? 3 : 1,
    max_addresses = (tile_pixels + reach - 1) / reach,
    strip_pixels = 28,
};

// What is added up for one output: `rows` x `columns` runs of `length` inputs. A run is a pixel's
// channels or, where pixels lie without a gap, those of a row of taps.
typedef struct reduction {
    int32_t rows, columns, length;
    int64_t row_step, column_step; // floats of x between runs
    int64_t next_block;            // floats of weights between blocks of output channels
    int64_t pixel_step;            // floats of x between neighbouring outputs
} reduction;

// `count` steps of the reduction for a tile of `rows` x `pixels` outputs.
LW_INLINE void add_inputs(const float *const *address, int64_t pixel_step, const float *weights,
                          int64_t next_block, const int count, const int pixels, const int blocks,
                          lw_vec *sum)
{
    const int vectors = blocks * block_vectors;
    LW_UNROLL(4)
    for (int i = 0; i < count; i++) {
        lw_vec weight[tile_blocks * block_vectors];
        LW_UNROLL(4)
        for (int v = 0; v < vectors; v++) {
            weight[v] = lw_vec_load(weights + v / block_vectors * next_block + i * LW_BLOCK +
                                    v % block_vectors * LW_VEC);
            LW_PIN_VEC(weight[v]);
        }
        LW_UNROLL(14)
        for (int p = 0; p < pixels; p++) {
            lw_vec input = lw_vec_load_broadcast(address[p / reach] + p % reach * pixel_step + i);
            if (vectors > 1) LW_PIN_VEC(input);
            LW_UNROLL(4)
            for (int v = 0; v < vectors; v++)
                sum[p * vectors + v] = lw_vec_fma(weight[v], input, sum[p * vectors + v]);
        }
    }
}

// The sums of one tile from the one whose input under tap (0, 0) is x.
LW_INLINE void tile(const reduction *r, const float *x, const float *weights, const float *bias,
                    float *sums, const int pixels, const int blocks)
{
    enum { at_once = 4 };
    const int vectors = blocks * block_vectors, addresses = (pixels + reach - 1) / reach;
    const int64_t pixel_step = r->pixel_step, next_block = r->next_block;
    lw_vec sum[tile_pixels * tile_blocks * block_vectors];
    LW_UNROLL(28)
    for (int i = 0; i < pixels * vectors; i++) sum[i] = lw_vec_load(bias + i % vectors * LW_VEC);
    for (int32_t row = 0; row < r->rows; row++)
        for (int32_t column = 0; column < r->columns; column++) {
            const float *start = x + row * r->row_step + column * r->column_step;
            const float *address[max_addresses];
            LW_UNROLL(6)
            for (int a = 0; a < addresses; a++) address[a] = start + a * reach * pixel_step;
            int32_t left = r->length;
            for (; left >= at_once; left -= at_once) {
                add_inputs(address, pixel_step, weights, next_block, at_once, pixels, blocks, sum);
                weights += at_once * LW_BLOCK;
                LW_UNROLL(6)
                for (int a = 0; a < addresses; a++) {
                    address[a] += at_once;
                    LW_PIN_INT(address[a]);
                }
            }
            for (; left > 0; left--) {
                add_inputs(address, pixel_step, weights, next_block, 1, pixels, blocks, sum);
                weights += LW_BLOCK;
                LW_UNROLL(6)
                for (int a = 0; a < addresses; a++) {
                    address[a]++;
                    LW_PIN_INT(address[a]);
                }
            }
        }
    LW_UNROLL(28)
    for (int i = 0; i < pixels * vectors; i++) lw_vec_store(sums + i * LW_VEC, sum[i]);
}

// A function for each width of a tile and one or two blocks.
typedef void tile_function(const reduction *r, const float *x, const float *weights,
                           const float *bias, float *sums);
#define TILE(pixels, blocks)                                                                       \
    static void tile_##pixels##_##blocks(const reduction *r, const float *x, const float *weights, \
                                         const float *bias, float *sums)                           \
    {                                                                                              \
        tile(r, x, weights, bias, sums, pixels <= tile_pixels ? pixels : 1,                        \
             blocks <= tile_blocks ? blocks : 1);                                                  \
    }
#define TILES(pixels) TILE(pixels, 1) TILE(pixels, 2)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
TILES(7)
TILES(8)
TILES(9)
TILES(10)
TILES(11)
TILES(12)
TILES(13)
TILES(14)
#define ALL_WIDTHS(blocks)                                                                         \
    {                                                                                              \
        tile_1_##blocks, tile_2_##blocks, tile_3_##blocks, tile_4_##blocks, tile_5_##blocks,       \
            tile_6_##blocks, tile_7_##blocks, tile_8_##blocks, tile_9_##blocks, tile_10_##blocks,  \
            tile_11_##blocks, tile_12_##blocks, tile_13_##blocks, tile_14_##blocks                 \
    }
static tile_function *const tiles[2][14] = {ALL_WIDTHS(1), ALL_WIDTHS(2)};

// One row of a strip in tiles of nearly the same width.
static void add_row(const reduction *r, const float *x, const float *weights, const float *bias,
                    int32_t pixels, int blocks, float *sums)
{
    for (int32_t left = pixels, n = (pixels + tile_pixels - 1) / tile_pixels; n > 0; n--) {
        const int32_t width = (left + n - 1) / n;
        tiles[blocks - 1][width - 1](r, x, weights, bias, sums);
        left -= width;
        x += width * r->pixel_step;
        sums += width * blocks * LW_BLOCK;
    }
}

// Stores one stage output of one block; `sums` are those of its only or first pixel.
LW_INLINE void put_output(const float *sums, int64_t pixel_floats, int64_t row_floats,
                          const bool pool, bool relu, float *y, lw_planes *planes)
{
    lw_planes bits = {0};
    LW_UNROLL(4)
    for (int v = 0; v < block_vectors; v++) {
        const float *first = sums + v * LW_VEC;
        lw_vec top_left = lw_vec_load(first);
        lw_stage_output output =
            pool ? lw_stage_pool(top_left, lw_vec_load(first + pixel_floats),
                                 lw_vec_load(first + row_floats),
                                 lw_vec_load(first + row_floats + pixel_floats), relu)
                 : lw_stage_finish(top_left, relu, 0, 0);
        lw_vec_store(y + v * LW_VEC, output.value);
        bits = lw_stage_planes(bits, output, v * LW_VEC);
    }
    *planes = bits;
}

// A strip: its place among the outputs, in outputs, and how many blocks of channels.
typedef struct strip_place {
    int32_t block, blocks, oh, ow, outputs;
} strip_place;

static void forward_strip(const lw_conv_geometry *g, const reduction *r, const strip_place *at,
                          const float *x, const float *weights, const float *bias, float *y,
                          lw_planes *planes)
{
    float sums[2 * strip_pixels * tile_blocks * LW_BLOCK];
    const int32_t side = g->pool ? 2 : 1, pixels = side * at->outputs;
    const int64_t pixel_floats = at->blocks * LW_BLOCK, row_floats = pixels * pixel_floats;
    x += lw_conv_window(g, at->oh, at->ow);
    weights += at->block * r->next_block;
    bias += at->block * LW_BLOCK;
    for (int32_t row = 0; row < side; row++)
        add_row(r, x + row * lw_conv_lower_step(g), weights, bias, pixels, at->blocks,
                sums + row * row_floats);
    for (int32_t b = 0; b < at->blocks; b++) {
        float *out = y + at->oh * g->y_row + at->ow * g->y_pixel + (at->block + b) * LW_BLOCK;
        lw_planes *bits = planes + ((int64_t)(at->block + b) * g->oh + at->oh) * g->ow + at->ow;
        const float *from = sums + b * LW_BLOCK;
        for (int32_t i = 0; i < at->outputs; i++, out += g->y_pixel, bits++) {
            if (g->pool)
                put_output(from, pixel_floats, row_floats, true, g->relu, out, bits);
            else
                put_output(from, 0, 0, false, g->relu, out, bits);
            from += side * pixel_floats;
        }
    }
}

void LW_KERNEL(conv_forward)(const lw_conv_geometry *g, const float *x, const float *weights,
                             const float *bias, float *y, lw_planes *planes)
{
    const bool gapless = g->dilation_w * g->x_pixel == g->ic;
    const reduction r = {
        .rows = g->kh,
        .columns = gapless ? 1 : g->kw,
        .length = gapless ? g->kw * g->ic : g->ic,
        .row_step = g->dilation_h * g->x_row,
        .column_step = g->dilation_w * g->x_pixel,
        .next_block = (int64_t)g->kh * g->kw * g->ic * LW_BLOCK,
        .pixel_step = lw_conv_right_step(g),
    };
    int32_t blocks = lw_conv_blocks(g->oc);
    // Where inputs are few, or a block is left over that would fill only half of the registers.
    if (lw_conv_is_patch(g)) {
        const bool few = g->ic == 1 || (g->ic <= LW_FIRST_CHANNELS && LW_VEC_REGISTERS == 32);
        const int32_t first = few ? 0 : blocks / tile_blocks * tile_blocks;
        LW_KERNEL(conv_forward_patch)(g, first, x, weights, bias, y, planes);
        blocks = first;
    }
    const int32_t most = strip_pixels / (g->pool ? 2 : 1);
    const int32_t strips = (g->ow + most - 1) / most;
    strip_place at;
    for (at.block = 0; at.block < blocks; at.block += tile_blocks) {
        at.blocks = blocks - at.block < tile_blocks ? blocks - at.block : tile_blocks;
        for (at.oh = 0; at.oh < g->oh; at.oh++)
            for (int32_t i = 0; i < strips; i++) {
                at.ow = (int32_t)((int64_t)g->ow * i / strips);
                at.outputs = (int32_t)((int64_t)g->ow * (i + 1) / strips) - at.ow;
                forward_strip(g, &r, &at, x, weights, bias, y, planes);
            }
    }
}
