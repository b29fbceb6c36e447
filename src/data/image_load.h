// SPDX-License-Identifier: Apache-2.0
// Reads the images of a tree: their headers, then their pixels, with several threads.
#ifndef LW_DATA_IMAGE_LOAD_H
#define LW_DATA_IMAGE_LOAD_H

#include "data/image.h"
#include "data/image_index.h"

// How to work and who wants to know how far it is.
typedef struct lw_image_load {
    int32_t threads; // 0: as many as there are processors
    // Called by the thread that loads; may be NULL.
    void (*progress)(void *user, const char *what, size_t done, size_t count);
    void *user;
} lw_image_load;

// Finds the size of every image, and the channels of the set: `channels` 1 or 3, or 3 where one of
// the images has colour and 1 otherwise (0). Sets the offsets and pixel_bytes. Images whose header
// is bad become problems and leave the index.
lw_status lw_image_load_headers(lw_image_index *index, lw_tree *tree, int32_t channels,
                                const lw_image_load *how);

// Decodes every image to its place in `pixels` (index->pixel_bytes). Those that cannot be decoded
// become problems and leave the index.
lw_status lw_image_load_pixels(lw_image_index *index, lw_tree *tree, uint8_t *pixels,
                               const lw_image_load *how);

// Decodes one image into `pixels` (item's height, width, channels). Any thread.
lw_status lw_image_load_one(const lw_tree *tree, const lw_image_item *item, int32_t channels,
                            uint8_t *pixels);

#endif
