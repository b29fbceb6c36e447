// SPDX-License-Identifier: Apache-2.0
// What the checks of the Winograd kernels share: operands of random shapes, and the filters.
#ifndef LW_TESTS_KERNEL_CHECK_WINOGRAD_H
#define LW_TESTS_KERNEL_CHECK_WINOGRAD_H

#include "kernel/check.h"
#include "simd/winograd_tiles.h"

enum { LW_CHECK_WINOGRAD_POINTS = LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS };

// Roundings of a value on its way through the transforms, beyond those of the sum over the input
// channels: twelve in the inputs, ten in the filters with their constants, twelve in the outputs.
enum { LW_CHECK_WINOGRAD_TERMS = 34 };

// Made by lw_check_winograd_shape, with sizes and strides; the others fill in the arrays.
typedef struct lw_check_winograd {
    lw_winograd_geometry g;
    int32_t blocks, ic_blocks, row_begin, row_end, block_begin, block_end;
    size_t x_floats, y_floats, n_planes;
    float *x, *weights, *filters, *bias; // filters and bias may be NULL
    lw_check_output y, transformed;
    lw_planes *planes; // NULL: not wanted
    void *scratch;
    double *weight_magnitudes; // [oc][ic][point]
    // of winograd_filters
    int32_t first, last;
    int64_t ic_step, tap_step;
    uint32_t down, across;
} lw_check_winograd;

// A tile of the map and what its outputs are made of.
typedef struct lw_check_winograd_tile {
    int32_t image, h, w, height, width;      // first output, size
    double inputs[LW_CHECK_WINOGRAD_POINTS]; // of one channel
    bool finite;                             // all inputs
    double *magnitudes;                      // [ic][point] of transformed inputs
} lw_check_winograd_tile;

double lw_check_winograd_products(const lw_winograd_geometry *g); // multiply-adds

// `floats`, or with some units more.
int64_t lw_check_winograd_room(lw_check *c, int64_t floats, int32_t unit);

// Some floats between two rows or pixels; often none.
int32_t lw_check_winograd_gap(lw_check *c);
// An input of `count` random floats.
float *lw_check_winograd_floats(lw_check *c, const char *name, int64_t count);

lw_check_winograd *lw_check_winograd_shape(lw_check *c);
void lw_check_winograd_weights(lw_check *c, lw_check_winograd *o);
void lw_check_winograd_filters(lw_check *c, lw_check_winograd *o);

// The nine taps between two channels.
void lw_check_winograd_taps(const lw_check_winograd *o, int32_t oc, int32_t ic, double taps[9]);

// Pixel (h, w) of x.
const float *lw_check_winograd_input(const lw_check_winograd *o, int32_t image, int32_t h,
                                     int32_t w);

#endif
