// SPDX-License-Identifier: Apache-2.0
// Drawing an image onto a square of another resolution.
#ifndef LW_DATA_VARRES_DRAW_H
#define LW_DATA_VARRES_DRAW_H

#include "base/rng.h"

#include <lanewise/data.h>

enum { LW_VARRES_MOST_CLUTTER = 64 };

// A square of pixels (side, side, channels). What is drawn is laid over what is there: the brighter
// value stays.
typedef struct lw_canvas {
    uint8_t *pixels;
    int32_t side, channels;
} lw_canvas;

// How an image comes to lie on a canvas.
typedef struct lw_varres_pose {
    float share;     // of the canvas that the longer side of its drawing fills
    float radians;   // that it is turned by
    float left, top; // where it lies: 0 at the one edge, 1 at the other
} lw_varres_pose;

// All of it is drawn from the stream, whether it is used or not: other options change nothing else.
lw_varres_pose lw_varres_choose_pose(double rotate_degrees, lw_rng *rng);

// The part of the image that is not black, scaled and turned.
void lw_varres_draw_image(lw_canvas *canvas, const lw_sample *image, const lw_varres_pose *pose);

// A scrap of the image at a random place, as large as it would be if the image filled the canvas.
void lw_varres_draw_scrap(lw_canvas *canvas, const lw_sample *image, lw_rng *rng);

#endif
