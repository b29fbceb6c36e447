// SPDX-License-Identifier: Apache-2.0
// What the tiles of dense convolutions have in common: their sizes for the ISA a file is compiled
// for, where their groups of pixels lie, and the addresses of pixels.
//
// The tile of dense_forward: two groups of LW_DENSE_PIXELS pixels times LW_DENSE_VECTORS vectors of
// output channels, and a register for each vector of weights and for one input: 14 x 2 + 3 of 32
// registers for AVX-512, 6 x 4 + 5 for NEON, 6 x 2 + 3 of 16 for AVX2. A load serves nearly two
// multiply-adds or more. Without a fused multiply-add the product needs a register too.
#ifndef LW_SIMD_GENERIC_DENSE_TILE_H
#define LW_SIMD_GENERIC_DENSE_TILE_H

#include "simd/kernels.h"
#include "simd/vec.h"

enum {
    LW_DENSE_VECTORS = LW_VEC == 4 && LW_VEC_REGISTERS == 32 ? 4 : 2,
    LW_DENSE_PIXELS = LW_VEC == 16                            ? 7
                      : LW_VEC == 4 && LW_VEC_REGISTERS == 16 ? 2
                                                              : 3,
    LW_DENSE_CHANNELS = LW_DENSE_VECTORS * LW_VEC, // of a panel
    LW_DENSE_GROUPS = 4 // at most: half a panel has as many sums as a whole one
};

// The first pixels of a tile's groups.
typedef struct lw_dense_place {
    const float *x[LW_DENSE_GROUPS];
    float *y[LW_DENSE_GROUPS];
} lw_dense_place;

// From pixel to pixel of a group, in bytes.
typedef struct lw_dense_steps {
    int64_t one, three, five, seven;
} lw_dense_steps;

LW_INLINE lw_dense_steps lw_dense_steps_of(int64_t floats)
{
    const int64_t step = floats * (int64_t)sizeof(float);
    lw_dense_steps s = {step, 3 * step, 5 * step, 7 * step};
    LW_PIN_INT(s.one); // few registers, not one for each pixel that the compiler would make of them
    LW_PIN_INT(s.three);
    LW_PIN_INT(s.five);
    LW_PIN_INT(s.seven);
    return s;
}

// Pixel `p` (0 .. 7) of a group, by an address that a load adds up itself.
LW_INLINE const float *lw_dense_pixel(const float *x, const lw_dense_steps *s, const int p)
{
    const char *base = (const char *)x;
    switch (p) {
    case 0: break;
    case 1: base += s->one; break;
    case 2: base += 2 * s->one; break;
    case 3: base += s->three; break;
    case 4: base += 4 * s->one; break;
    case 5: base += s->five; break;
    case 6: base += 2 * s->three; break;
    default: base += s->seven; break;
    }
    return (const float *)(const void *)base;
}

// To the next input of every pixel. clang would have a pointer for each pixel, most of them in memory.
LW_INLINE void lw_dense_advance(const float **x)
{
    ++*x;
#ifdef __clang__
    LW_PIN_INT(*x);
#endif
}

// No load moves across this: gcc would load the inputs of all pixels first and spill sums to make
// room for them.
LW_INLINE void lw_dense_keep_order(void)
{
    __asm__ volatile("" : : : "memory");
}

// Long rows fill tiles: where there are few columns, columns are taken for rows.
LW_INLINE lw_dense_geometry lw_dense_turned(const lw_dense_geometry *geometry, const int pixels)
{
    lw_dense_geometry g = *geometry;
    if (g.columns >= pixels || g.rows <= g.columns) return g;
    g.rows = geometry->columns;
    g.columns = geometry->rows;
    g.x_row_step = geometry->x_pixel_step;
    g.x_pixel_step = geometry->x_row_step;
    g.y_row = geometry->y_pixel;
    g.y_pixel = geometry->y_row;
    return g;
}

// Places a tile on columns [column, column + columns) of `rows` rows from `row`: groups / rows of its
// groups lie side by side in a row. Returns the pixels of a group. Where columns do not divide, the
// last group lies over the one before it and computes the same thing again.
LW_INLINE int lw_dense_place_tile(const lw_dense_geometry *g, const float *x, float *y, int32_t row,
                                  const int rows, int32_t column, int32_t columns, const int groups,
                                  lw_dense_place *at)
{
    const int across = groups / rows;
    const int32_t pixels = (columns + across - 1) / across;
    LW_UNROLL(4)
    for (int i = 0; i < groups; i++) {
        int64_t h = row + i / across, w = (int64_t)(i % across) * pixels;
        if (w > columns - pixels) w = columns - pixels;
        w += column;
        at->x[i] = x + h * g->x_row_step + w * g->x_pixel_step;
        at->y[i] = y + h * g->y_row + w * g->y_pixel;
    }
    return pixels;
}

#endif
