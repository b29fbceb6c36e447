// SPDX-License-Identifier: Apache-2.0
// Backward-data of the commonest stage: a 3x3 kernel with stride 1 behind a 2x2 max pool. The four
// outputs of a window look at one patch of 4x4 inputs, whose gradients stay in registers while all
// live output channels of the window are walked; two neighbouring patches share half of their
// columns, which move on from window to window. So dx is read and written once per window, not once
// per winner.
#include "simd/declare.h"
#include "simd/generic/conv_live.h"
#include "simd/generic/conv_patch.h"

// Rows of the patch that fit the registers: all, or the three that the winners of one row look at,
// one after the other.
enum { patch_rows = LW_VEC_REGISTERS == 32 ? 4 : 3, patch_columns = 4, passes = 5 - patch_rows };

// Output channels walked together. The more there are, the fewer walks, each of which ends in a
// branch that the CPU cannot foresee; the weights of 64 for 16 input channels, 36 KB, still stay near.
// 64 instead of 32 save a fifth of the time at 32 -> 64 channels with 3x3 windows.
enum { group_blocks = 4 };

// The live channels of a window, by winner.
typedef struct winner_bits {
    uint64_t of[4];
} winner_bits;

// A strip of windows: several rows, or a part of one.
typedef struct window_strip {
    int32_t row, rows, column, columns;
    winner_bits bits[LW_STRIP_POSITIONS];
} window_strip;

static void find_winners(const lw_conv_geometry *g, const lw_planes *planes, int32_t block,
                         window_strip *s)
{
    const int64_t positions = (int64_t)g->oh * g->ow;
    const int32_t blocks = lw_conv_blocks(g->oc);
    winner_bits *bits = s->bits;
    for (int32_t oh = s->row; oh < s->row + s->rows; oh++)
        for (int32_t i = 0; i < s->columns; i++, bits++) {
            const lw_planes *plane = planes + block * positions + oh * g->ow + s->column + i;
            uint64_t live = 0, right = 0, lower = 0;
            for (int k = 0; k < group_blocks && block + k < blocks; k++, plane += positions) {
                live |= (uint64_t)(plane->live & lw_conv_existing(g, block + k)) << k * LW_BLOCK;
                right |= (uint64_t)plane->right << k * LW_BLOCK;
                lower |= (uint64_t)plane->lower << k * LW_BLOCK;
            }
            *bits = (winner_bits){{live & ~right & ~lower, live & right & ~lower,
                                   live & ~right & lower, live & right & lower}};
        }
}

// patch[tap] += gradient * weights[tap] over the channels in which the output at (row, column) of
// the window won.
LW_INLINE void add_winner(uint64_t live, const float *dy, const float *weights, lw_vec *patch,
                          const int row, const int column)
{
    for (; live; live &= live - 1) {
        const int oc = __builtin_ctzll(live);
        const float *at = weights + oc * (9 * LW_BLOCK);
        LW_PIN_INT(at);
        const lw_vec gradient = lw_vec_load_broadcast(dy + oc);
        LW_UNROLL(9)
        for (int t = 0; t < 9; t++) {
            lw_vec *to = patch + (row + t / 3) * patch_columns + column + t % 3;
            *to = lw_vec_fma(gradient, lw_vec_load(at + t * LW_BLOCK), *to);
        }
    }
}

// One row of windows, from left to right, for one vector of input channels. `winner_row` is the
// winners' row where a pass serves only one.
LW_INLINE void slide(const winner_bits *bits, int32_t windows, const float *dy, int64_t dy_pixel,
                     const float *weights, float *dx, int64_t row, const int64_t pixel,
                     const int winner_row)
{
    enum { half = 2 };
    lw_vec patch[patch_rows * patch_columns];
    float *at[patch_rows];
    LW_UNROLL(4)
    for (int r = 0; r < patch_rows; r++) at[r] = dx + r * row;
    LW_UNROLL(8)
    for (int i = 0; i < patch_rows * half; i++)
        patch[i / half * patch_columns + i % half] = lw_vec_load(at[i / half] + i % half * pixel);
    for (const winner_bits *end = bits + windows; bits < end; bits++) {
        // A pointer for each row of the patch, and the masks early: where they had to be fetched behind the sums, the
        // branches of the walks were known late.
        uint64_t live[4];
        LW_UNROLL(4)
        for (int w = 0; w < 4 / passes; w++) {
            live[w] = bits->of[2 * winner_row + w];
            LW_PIN_INT(live[w]);
        }
        LW_UNROLL(4)
        for (int r = 0; r < patch_rows; r++) LW_PIN_INT(at[r]);
        LW_UNROLL(8)
        for (int i = 0; i < patch_rows * half; i++)
            patch[i / half * patch_columns + half + i % half] =
                lw_vec_load(at[i / half] + (half + i % half) * pixel);
        add_winner(live[0], dy, weights, patch, 0, 0);
        add_winner(live[1], dy, weights, patch, 0, 1);
        if (passes == 1) {
            add_winner(live[2], dy, weights, patch, patch_rows - 3, 0);
            add_winner(live[3], dy, weights, patch, patch_rows - 3, 1);
        }
        LW_UNROLL(8)
        for (int i = 0; i < patch_rows * half; i++) {
            lw_vec *left = &patch[i / half * patch_columns + i % half];
            lw_vec_store(at[i / half] + i % half * pixel, *left);
            *left = left[half];
        }
        LW_UNROLL(4)
        for (int r = 0; r < patch_rows; r++) at[r] += half * pixel;
        dy += dy_pixel;
    }
    LW_UNROLL(8)
    for (int i = 0; i < patch_rows * half; i++)
        lw_vec_store(at[i / half] + i % half * pixel, patch[i / half * patch_columns + i % half]);
}

// Copies for the pixel pitches of 16, 32 and 64 channels; others multiply.
#define SLIDE(name, pixel_floats)                                                                  \
    static __attribute__((noinline)) void name(                                                    \
        const winner_bits *bits, int32_t windows, const float *dy, int64_t dy_pixel,               \
        const float *weights, float *dx, int64_t row, int64_t pixel)                               \
    {                                                                                              \
        (void)pixel;                                                                               \
        slide(bits, windows, dy, dy_pixel, weights, dx, row, pixel_floats, 0);                     \
        if (passes == 2)                                                                           \
            slide(bits, windows, dy, dy_pixel, weights, dx + row, row, pixel_floats, 1);           \
    }
SLIDE(slide_16, 16)
SLIDE(slide_32, 32)
SLIDE(slide_64, 64)
SLIDE(slide_any, pixel)

static void add_strip(const lw_conv_geometry *g, const window_strip *s, const float *dy,
                      const float *weights, float *dx)
{
    __typeof__(&slide_any) slide_row = g->x_pixel == 16   ? slide_16
                                       : g->x_pixel == 32 ? slide_32
                                       : g->x_pixel == 64 ? slide_64
                                                          : slide_any;
    for (int32_t r = 0; r < s->rows; r++)
        slide_row(s->bits + r * s->columns, s->columns,
                  dy + (s->row + r) * g->dy_row + s->column * g->dy_pixel, g->dy_pixel, weights,
                  dx + lw_conv_window(g, s->row + r, s->column), g->x_row, g->x_pixel);
}

void LW_KERNEL(conv_backward_patch)(const lw_conv_geometry *g, const float *dy,
                                    const lw_planes *planes, const float *weights, float *dx)
{
    const int32_t blocks = lw_conv_blocks(g->oc), lanes = lw_conv_blocks(g->ic) * LW_BLOCK;
    const int32_t columns = g->ow < LW_STRIP_POSITIONS ? g->ow : LW_STRIP_POSITIONS;
    const int32_t rows = LW_STRIP_POSITIONS / columns;
    window_strip s;
    for (int32_t block = 0; block < blocks; block += group_blocks)
        for (s.row = 0; s.row < g->oh; s.row += rows)
            for (s.column = 0; s.column < g->ow; s.column += columns) {
                s.rows = g->oh - s.row < rows ? g->oh - s.row : rows;
                s.columns = g->ow - s.column < columns ? g->ow - s.column : columns;
                find_winners(g, planes, block, &s);
                for (int32_t ic = 0; ic < lanes; ic += LW_VEC) {
                    const int64_t channel = (int64_t)(ic / LW_BLOCK) * g->oc + block * LW_BLOCK;
                    add_strip(g, &s, dy + block * LW_BLOCK,
                              weights + channel * 9 * LW_BLOCK + ic % LW_BLOCK, dx + ic);
                }
            }
}
