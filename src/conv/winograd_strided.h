// SPDX-License-Identifier: Apache-2.0
// The Winograd algorithm for large strided first layers, 7x7 with stride 2 above all: the image goes
// from space to depth, which leaves 4x4 (or 3x3) taps with stride 1 on a few channels.
#ifndef LW_CONV_WINOGRAD_STRIDED_H
#define LW_CONV_WINOGRAD_STRIDED_H

#include "conv/blocks.h"
#include "conv/space_to_depth.h"
#include "simd/winograd_strided.h"

// Whether the shape is one for conv/winograd.h, without any of this.
bool lw_conv_winograd_is_plain(const lw_conv_shape *shape);

// Whether the shape is one for this algorithm; otherwise the answer is no, with the reason.
bool lw_conv_winograd_strided_fits(const lw_conv_problem *problem, lw_conv_answer *answer);

// The taps of a shape that fits, and the tiles of a strip: whole rows of tiles of one image.
int32_t lw_conv_winograd_strided_taps(const lw_conv_shape *shape);

// Images are cut into strips of whole rows of tiles, as many as make work for threads. Strip s of
// an image has the tile rows that lw_parallel_range gives.
typedef struct lw_conv_strips {
    int32_t tiles_h, tiles_w, count, most_rows; // of an image; tile rows of a strip
} lw_conv_strips;

lw_conv_strips lw_conv_winograd_strips(const lw_conv_problem *problem, int32_t taps,
                                       int32_t channels);

// What the kernels have to know of whole maps: the image as `depth` lays it out, and the output channels
// of `y`, which may be a part.
lw_winograd_strided lw_conv_winograd_strided_geometry(const lw_conv_sizes *sizes,
                                                      const lw_conv_depth *depth,
                                                      const lw_conv_view *y);

// Estimated cycles of rearranging and transforming all inputs.
double lw_conv_winograd_strided_inputs_cycles(const lw_conv_problem *problem,
                                              const lw_conv_depth *depth,
                                              const lw_conv_strips *strips, int vector_floats);

void lw_conv_winograd_strided_forward_consider(const lw_conv_problem *problem,
                                               lw_conv_answer *answer);
void lw_conv_winograd_strided_forward_execute(const lw_conv_problem *problem,
                                              const lw_conv_arrays *arrays, void *workspace);
void lw_conv_winograd_strided_weights_consider(const lw_conv_problem *problem,
                                               lw_conv_answer *answer);
void lw_conv_winograd_strided_weights_execute(const lw_conv_problem *problem,
                                              const lw_conv_arrays *arrays, void *workspace);

#endif
