// SPDX-License-Identifier: Apache-2.0
// How the loaders hand their arrays to a data set.
#ifndef LW_DATA_DATASET_H
#define LW_DATA_DATASET_H

#include <lanewise/data.h>

enum {
    LW_DATASET_LONGEST_SIDE = 16384,
    LW_DATASET_MOST_CHANNELS = 1024,
    LW_DATASET_MOST_CLASSES = 65536
};

// Where one image of a mixed set is: its size, the place of its pixels, and that of its file's name.
typedef struct lw_image_place {
    size_t offset; // of its first byte in the pixels; of a streamed set: a number for its source
    size_t name;   // of its name in the file names
    int32_t height, width;
} lw_image_place;

static inline size_t lw_image_place_bytes(const lw_image_place *place, int32_t channels)
{
    return (size_t)place->height * (size_t)place->width * (size_t)channels;
}

// Who owns pixels that do not come from malloc, and who reads those that are not in memory.
typedef struct lw_pixel_source {
    // Reads one image into `pixels` (height, width, channels); several threads may ask at once.
    lw_status (*read)(void *context, const lw_image_place *place, uint8_t *pixels);
    void (*release)(void *context); // when the last view of the set is gone
    void *context;
} lw_pixel_source;

// Images with their labels, of one size or each of its own. The arrays come from malloc, except
// for pixels of a source that has a `release`.
typedef struct lw_dataset_parts {
    uint8_t *pixels;        // (count, height, width, channels), or as `places` say; NULL: streamed
    int32_t *labels;        // (count), 0 .. classes - 1
    lw_image_place *places; // (count); NULL: one size
    char *file_names;       // texts one after the other, fit to be printed; may be NULL
    lw_pixel_source source; // all NULL: pixels are from malloc
    size_t count;
    int32_t channels, height, width, classes; // height and width 0 where there are places
    const char *const *class_names;           // (classes), copied; NULL: "0", "1", ...
} lw_dataset_parts;

// Makes a data set that owns the arrays and the source, which saves the copy of lw_dataset_create;
// on failure they are freed. The labels were checked by the caller.
lw_status lw_dataset_adopt(lw_dataset **dataset, const char *name, const lw_dataset_parts *parts);

// Reads the pixels of one image, from memory or from its source, into `pixels` (height, width,
// channels). Any thread.
lw_status lw_dataset_read(const lw_dataset *dataset, size_t index, uint8_t *pixels);

// Gives a data set another name; a longer one than fits is cut.
void lw_dataset_rename(lw_dataset *dataset, const char *name);

#endif
