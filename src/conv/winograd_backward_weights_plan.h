// SPDX-License-Identifier: Apache-2.0
// How the Winograd algorithm's backward-weights is cut up. The weights are cut into parts, the tile
// rows of all images into stretches, and an item is one part over one stretch: it transforms its
// own channels, adds up the products in sums that fit the cache, and transforms those back. Items
// know nothing of each other, so that threads never wait. How sums are cut, into stretches and these into
// blocks, depends on the shape alone; the parts on the number of threads as well: where they are enough, each thread
// takes whole parts, and nobody reads what another core has written.
#ifndef LW_CONV_WINOGRAD_BACKWARD_WEIGHTS_PLAN_H
#define LW_CONV_WINOGRAD_BACKWARD_WEIGHTS_PLAN_H

#include "conv/blocks.h"
#include "conv/maps.h"
#include "simd/kernels.h"
#include "simd/winograd_weights.h"

typedef struct lw_winograd_weights_plan {
    const lw_conv_problem *problem;
    const lw_kernel_table *kernels;
    lw_winograd_weights geometry;  // of a full part
    int32_t ic_parts, oc_parts;    // parts of geometry.ic x geometry.oc channels, the last smaller
    int32_t stretches;             // of tile rows
    int64_t tile_rows, block_rows; // of all images, of a block at most
    int32_t per_image, across;     // tile rows of an image, tiles of a tile row
    lw_conv_view x, dy;            // of a part's channels
    int64_t images;                // that a block may touch
    double cycles;
    lw_conv_booking booking;
    size_t scratch_at, sums_at, x_at, dy_at; // of a thread
    size_t taps_at, dbias_at;                // shared: of every stretch
    int64_t part_floats, stretch_floats, dbias_floats;
} lw_winograd_weights_plan;

// Whether each of so many threads has whole parts.
static inline bool lw_winograd_weights_are_whole(const lw_winograd_weights_plan *plan,
                                                 int32_t threads)
{
    return plan->ic_parts * plan->oc_parts % threads == 0;
}

// For shapes that the algorithm takes. `problem` is borrowed.
void lw_winograd_weights_make_plan(const lw_conv_problem *problem, lw_winograd_weights_plan *plan);

#endif
