// SPDX-License-Identifier: Apache-2.0
// Geometric changes of an image as one bilinear warp: an affine map, a smooth random displacement,
// or both.
#ifndef LW_PREPARE_WARP_H
#define LW_PREPARE_WARP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where the pixel (x, y) of the result comes from; pixels' centres are whole numbers.
typedef struct lw_affine {
    double xx, xy, x0; // x' = xx * x + xy * y + x0
    double yx, yy, y0;
} lw_affine;

// first, then `second`: second(first(p)).
lw_affine lw_affine_then(lw_affine first, lw_affine second);
bool lw_affine_is_identity(lw_affine map);

// A displacement of each pixel: cubic B-splines over a grid of random vectors, one grid step being
// sqrt(3) sigma, so that a spline is about as wide as a Gaussian of that sigma.
typedef struct lw_displacement {
    float rms;   // pixels; 0: none
    float sigma; // pixels, at least 1
    uint32_t key[2];
} lw_displacement;

typedef struct lw_warp {
    int32_t channels, height, width;
    lw_affine map;
    lw_displacement displacement;
    uint8_t fill; // what is outside the image
} lw_warp;

size_t lw_warp_scratch_bytes(int32_t height, int32_t width, bool displaces);

// Writes (height, width, channels). `scratch` is aligned to 64 bytes. The bytes are the same on
// every machine's kernels.
void lw_warp_image(const lw_warp *warp, const uint8_t *from, void *scratch, uint8_t *to);

#endif
