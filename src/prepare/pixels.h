// SPDX-License-Identifier: Apache-2.0
// Changes of an image's values, in place. Rows are `height` times `row_values` bytes.
#ifndef LW_PREPARE_PIXELS_H
#define LW_PREPARE_PIXELS_H

#include <stddef.h>
#include <stdint.h>

// Each value times a gain, then its distance from the mean of all values times a contrast.
void lw_pixels_adjust(uint8_t *values, size_t count, double gain, double contrast);

// Adds nearly normal noise of that deviation in grey levels, of each value for itself.
void lw_pixels_add_noise(uint8_t *values, size_t count, double deviation, const uint32_t key[2]);

// Sets a rectangle, as much of it as lies within the image, to a grey level.
void lw_pixels_erase(uint8_t *pixels, int32_t channels, int32_t height, int32_t width, int32_t top,
                     int32_t left, int32_t erased_height, int32_t erased_width, uint8_t fill);

// Blurs by a Gaussian of that deviation in pixels (> 0, at most 20); at the border the outermost
// pixels go on. `scratch` is aligned to 64 bytes.
size_t lw_pixels_blur_scratch_bytes(int32_t channels, int32_t height, int32_t width);
void lw_pixels_blur(uint8_t *pixels, int32_t channels, int32_t height, int32_t width,
                    double deviation, void *scratch);

#endif
