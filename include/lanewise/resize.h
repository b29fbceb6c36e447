// SPDX-License-Identifier: Apache-2.0
// Resizing images of bytes, and the recipe that brings images of any size to the one a network
// takes. A model keeps its recipe, so that predictions do to a photo what training did.
#ifndef LANEWISE_RESIZE_H
#define LANEWISE_RESIZE_H

#include <lanewise/data.h>
#include <lanewise/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Both are antialiased: an output covers the inputs that fall into it when an image shrinks.
typedef enum lw_resize_filter {
    LW_RESIZE_BILINEAR, // a triangle of twice the width of an output
    LW_RESIZE_AREA      // the mean of the inputs under an output; enlarging repeats pixels
} lw_resize_filter;

typedef enum lw_resize_mode {
    LW_RESIZE_STRETCH, // both sides to size, whatever becomes of the aspect ratio
    LW_RESIZE_FIT,     // as large as fits, centred, `fill` around it
    LW_RESIZE_COVER,   // as small as covers, then the centre of it
    LW_RESIZE_CROP     // the scale stays: the centre is cut out, `fill` where the image is smaller
} lw_resize_mode;

typedef struct lw_resize {
    int32_t height, width; // of the result; 0 (both): images stay as they are
    lw_resize_filter filter;
    lw_resize_mode mode;
    uint8_t fill; // grey level of FIT and CROP and around a box, in every channel
    // The part of the result that the mode brings the image to, and the row and column of its upper left
    // corner, -16,384 .. 16,384; it may reach beyond the result, which then has what falls into it. 0 (all):
    // the whole result.
    int32_t box_height, box_width, box_top, box_left;
} lw_resize;

// Reads "28x28", "64x48:area", "28x28:fit:fill=255", "28x28:box=26x26-2+1": width x height, then in any
// order bilinear (preset) or area, stretch (preset), fit, cover or crop, box=WIDTHxHEIGHT and where it lies
// (columns from the left, rows from the top, each with its sign), and fill=0..255 with fit, crop or a box.
// LW_ERROR_ARGUMENT with a sentence that names the word.
LW_API lw_status lw_resize_parse(lw_resize *resize, const char *text);

// Writes the same grammar, presets left out; "" for height 0. 64 bytes are always enough.
LW_API void lw_resize_format(const lw_resize *resize, char *text, size_t text_bytes);

// Resizes `from` (height, width, channels) to `to` (to_height, to_width, channels). Values are
// within a grey level of Pillow's Image.resize with BILINEAR and BOX. LW_ERROR_ARGUMENT: sides
// outside 1 .. 16,384, channels outside 1 .. 1,024. LW_ERROR_MEMORY.
LW_API lw_status lw_image_resize(const uint8_t *from, int32_t height, int32_t width,
                                 int32_t channels, uint8_t *to, int32_t to_height, int32_t to_width,
                                 lw_resize_filter filter);

// Applies a recipe to an image. *pixels (resize->height, resize->width, image->channels) is owned by
// the caller (free()). Errors as above.
LW_API lw_status lw_resize_apply(const lw_resize *resize, const lw_sample *image, uint8_t **pixels);

// Makes a data set of one size by applying a recipe to every image of another, in parallel
// (`threads` 0: as many as this process may use), with the same labels, names and order. `progress`
// (may be NULL) is told from the calling thread how many are done; false stops:
// LW_ERROR_INTERRUPTED. The bytes do not depend on the threads.
LW_API lw_status lw_dataset_resize(lw_dataset **resized, const lw_dataset *dataset,
                                   const lw_resize *resize, int32_t threads,
                                   bool (*progress)(void *user, size_t done, size_t count),
                                   void *user);

#ifdef __cplusplus
}
#endif

#endif
