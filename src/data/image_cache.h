// SPDX-License-Identifier: Apache-2.0
// Decoded images, kept in the user's cache: one file for a folder or archive, which is mapped into
// memory at the next start. It holds a header with a checksum, the index, and the pixels.
#ifndef LW_DATA_IMAGE_CACHE_H
#define LW_DATA_IMAGE_CACHE_H

#include "data/image_index.h"

// A file as it is mapped or was put together; `base` NULL: none.
typedef struct lw_image_block {
    uint8_t *base;
    size_t bytes;
    size_t pixel_offset; // where the pixels begin; 0: there are none
    bool mapped;
} lw_image_block;

// What a tree looks like from outside: names, sizes and times. Two trees with the same number hold,
// by all that can be told without reading them, the same images.
uint64_t lw_image_cache_fingerprint(const lw_tree *tree);

// The cache's file for the images of `path` with `channels` (0: as they are), in
// LANEWISE_CACHE_DIR/images. False: there is no cache folder.
bool lw_image_cache_path(char *file, size_t file_bytes, const char *path, int32_t channels);

// Maps the file when it is whole and has that fingerprint. Otherwise block->base is NULL, and
// *reason says why in a few words (NULL: there is no such file). Nothing in it is believed before it
// was checked. `index` and `block` are the caller's to free.
lw_status lw_image_cache_open(lw_image_block *block, lw_image_index *index, const char *file,
                              uint64_t fingerprint, const char **reason);

// Room for a file with these images and, with `pixels`, zeroed pixels behind the index.
// LW_ERROR_MEMORY.
lw_status lw_image_cache_make(lw_image_block *block, const lw_image_index *index, bool pixels);

// Completes the block with the index as it is now (images may have left it since) and writes the
// file, whole or not at all. Older files make room for it so that all of them together stay below
// `limit_bytes`. LW_ERROR_IO: it cannot be written.
lw_status lw_image_cache_write(const lw_image_block *block, const lw_image_index *index,
                               const char *file, uint64_t fingerprint, uint64_t limit_bytes);

void lw_image_block_free(lw_image_block *block);

#endif
