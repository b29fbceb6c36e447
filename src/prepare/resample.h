// SPDX-License-Identifier: Apache-2.0
// Antialiased resampling of bytes in two passes, along the rows and then along the columns, with
// weights in fixed point. Scratch is the caller's, so that threads resize without allocating.
#ifndef LW_PREPARE_RESAMPLE_H
#define LW_PREPARE_RESAMPLE_H

#include <lanewise/resize.h>

// One resizing: both sizes and the filter. Sides are 1 .. 16,384, channels 1 .. 1,024.
typedef struct lw_resampling {
    int32_t height, width, to_height, to_width, channels;
    lw_resize_filter filter;
} lw_resampling;

// Bytes of scratch that lw_resample needs.
size_t lw_resample_scratch_bytes(const lw_resampling *resampling);

// `scratch` is aligned for any type.
void lw_resample(const lw_resampling *resampling, const uint8_t *from, void *scratch, uint8_t *to);

// Copies the window of `to_height` x `to_width` pixels whose corner is at (top, left) of the image;
// what lies outside the image is `fill`.
void lw_crop(const uint8_t *from, int32_t height, int32_t width, int32_t channels, int32_t top,
             int32_t left, uint8_t *to, int32_t to_height, int32_t to_width, uint8_t fill);

#endif
