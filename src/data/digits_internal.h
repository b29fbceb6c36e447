// SPDX-License-Identifier: Apache-2.0
// The parts of the built-in digits: what the hands write (digits_glyphs.c), the pen on the paper
// (digits_pen.c), and the chance that makes each image its own (digits.c).
#ifndef LW_DATA_DIGITS_INTERNAL_H
#define LW_DATA_DIGITS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

// How the pen comes to a point: it is put down there, passes smoothly, or turns a corner. END
// closes the list.
typedef enum lw_pen { LW_PEN_END, LW_PEN_DOWN, LW_PEN_SMOOTH, LW_PEN_CORNER } lw_pen;

// A point that a stroke passes through. A digit is 100 units high, y = 0 is its top, and its middle
// is near x = 50.
typedef struct lw_glyph_point {
    lw_pen pen;
    float x, y;
} lw_glyph_point;

enum { LW_GLYPH_MOST_POINTS = 16 }; // with the END

// One way to write a digit.
typedef struct lw_glyph {
    int32_t digit;
    lw_glyph_point points[LW_GLYPH_MOST_POINTS];
} lw_glyph;

// In how many ways `digit` (0 .. 9) is written (at least 4), and one of them.
int32_t lw_glyph_count(int32_t digit);
const lw_glyph *lw_glyph_get(int32_t digit, int32_t hand);

// The paper: ink per pixel, 0 .. 1.
typedef struct lw_paper {
    float *ink; // (side, side)
    int32_t side;
    float edge; // pixels over which the border of a stroke fades
} lw_paper;

// The pen's place on the paper, in pixels; the middle of the first pixel is (0.5, 0.5).
typedef struct lw_nib {
    float x, y, radius;
} lw_nib;

// Draws a straight piece of a stroke. Where pieces meet, ink does not add up: the darkest counts.
void lw_pen_draw(lw_paper *paper, lw_nib from, lw_nib to);

// Draws a smooth stroke through `n` points; corner[i] makes a corner at a point inside it.
void lw_pen_draw_stroke(lw_paper *paper, const lw_nib *points, const bool *corner, int32_t n);

#endif
