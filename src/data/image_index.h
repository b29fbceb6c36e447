// SPDX-License-Identifier: Apache-2.0
// What a folder or archive of images holds: which file is of which class and part, and what size its
// image has. This is what the cache keeps.
#ifndef LW_DATA_IMAGE_INDEX_H
#define LW_DATA_IMAGE_INDEX_H

#include "data/tree.h"

#include <lanewise/status.h>

enum { LW_PART_TRAIN, LW_PART_VALIDATION, LW_PART_TEST, LW_N_PARTS };

typedef struct lw_image_item {
    uint64_t offset; // of its pixels behind each other; without pixels in memory: its position
    uint64_t name;   // of the file, fit to be printed: offset in the texts
    uint64_t entry;  // of the tree
    int32_t height, width, label, part;
} lw_image_item;

typedef struct lw_image_index {
    lw_image_item *items; // in the order of their names
    size_t count;
    uint64_t *class_names; // (classes), offsets in the texts
    int32_t classes, channels;
    bool has_parts; // there are folders train, val, test: nothing has to be divided
    lw_text texts;  // zero-terminated, one after the other
    uint64_t pixel_bytes;
    lw_data_problems problems;
} lw_image_index;

// Finds classes and parts from the names in the tree, as torchvision's ImageFolder does: a folder a
// class, sorted by name, at the top or in train, val (valid, validation) and test. What does not fit
// becomes a problem; `report` hears of folders that are passed over. LW_ERROR_INPUT: no classes.
// *index is to be freed in any case; sizes and offsets are not known yet.
lw_status lw_image_index_classify(lw_image_index *index, lw_tree *tree,
                                  void (*report)(void *user, const char *sentence), void *user);

static inline const char *lw_image_index_text(const lw_image_index *index, uint64_t offset)
{
    return index->texts.bytes + offset;
}

void lw_image_index_free(lw_image_index *index);

#endif
