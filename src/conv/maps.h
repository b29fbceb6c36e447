// SPDX-License-Identifier: Apache-2.0
// Images between the caller's layout and the one that kernels read and write: channels last, with
// a halo of zeros. Where the caller's arrays already lie like that, nothing is copied.
#ifndef LW_CONV_MAPS_H
#define LW_CONV_MAPS_H

#include "conv/blocks.h"

#include <lanewise/conv.h>
#include <stdbool.h>

// What a kernel wants of one image: channel c of pixel (h, w) at origin + h * row + w * pixel + c.
typedef struct lw_conv_view {
    int32_t channels, height, width;  // real ones
    int32_t top, left, bottom, right; // rows and columns of zeros that are read around the map
    bool padded_channels;             // vectors of LW_BLOCK channels are read or written
    // Filled by lw_conv_view_layout:
    bool in_place;          // the caller's array already lies like that
    int64_t row, pixel;     // floats
    int64_t origin;         // from the image's start (the caller's or the scratch) to pixel (0, 0)
    int64_t scratch_floats; // of one image in scratch, 0 when in place
} lw_conv_view;

// Decides whether images can be used where they are, and sets the strides. For images that are
// written (`written`) the halo is of no interest and spare channels must be the image's own.
void lw_conv_view_layout(lw_conv_view *view, const lw_conv_map *map, bool written);

// The same for images that are read part by part, each some of `channels` channels. A part is read in
// place only when all are: behind the last one there may be no spare channels.
void lw_conv_view_layout_part(lw_conv_view *part, int32_t channels, const lw_conv_map *map);

// The image's pixel (0, 0) as the view describes it: in place, or copied into `scratch`, zeros
// included.
const float *lw_conv_view_read(const lw_conv_view *view, const lw_conv_map *map, const float *array,
                               int64_t n, float *scratch);

// Where a kernel writes pixel (0, 0) of image n; afterwards lw_conv_view_written takes rows
// [row, row + rows) and channels [channel, channel + channels) to the array (nothing to do in place).
float *lw_conv_view_target(const lw_conv_view *view, const lw_conv_map *map, float *array,
                           int64_t n, float *scratch);
void lw_conv_view_written(const lw_conv_view *view, const lw_conv_map *map, const float *scratch,
                          int32_t row, int32_t rows, int32_t channel, int32_t channels,
                          float *array, int64_t n);

#endif
