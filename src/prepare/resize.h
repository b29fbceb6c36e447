// SPDX-License-Identifier: Apache-2.0
// Applying a resize recipe with the caller's scratch.
#ifndef LW_PREPARE_RESIZE_H
#define LW_PREPARE_RESIZE_H

#include <lanewise/resize.h>

// Of images, results and boxes, in pixels.
enum { LW_RESIZE_LONGEST_SIDE = 16384 };

// Refuses recipes and images outside the limits of the header.
lw_status lw_resize_check(const lw_resize *resize);

// Refuses a box that is empty, too large, or outside the result; none is fine.
lw_status lw_resize_check_box(const lw_resize *resize);

// Bytes of scratch for an image of this size. The recipe was checked.
size_t lw_resize_scratch_bytes(const lw_resize *resize, int32_t channels, int32_t height,
                               int32_t width);

// Writes (resize->height, resize->width, channels). `scratch` is aligned for any type.
void lw_resize_into(const lw_resize *resize, const lw_sample *image, void *scratch, uint8_t *out);

#endif
