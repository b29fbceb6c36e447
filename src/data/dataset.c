// SPDX-License-Identifier: Apache-2.0
// A data set is a view of a storage block that several views may share.
#include "data/dataset.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What all views of the same samples share. Only the count of references changes after it was made.
typedef struct storage {
    atomic_size_t references;
    uint8_t *pixels; // (count, height, width, channels)
    int32_t *labels; // (count)
    size_t image_bytes;
    int32_t channels, height, width, classes;
    char **class_names; // (classes), each from malloc
} storage;

// A view: the samples [begin, begin + count) of the storage.
struct lw_dataset {
    storage *storage;
    size_t begin, count;
    char name[128];
};

static void free_storage(storage *shared)
{
    if (!shared) return;
    for (int32_t i = 0; shared->class_names && i < shared->classes; i++)
        free(shared->class_names[i]);
    free(shared->class_names);
    free(shared->pixels);
    free(shared->labels);
    free(shared);
}

// The last view to let go frees the storage. Acquire-release: what other threads did with the
// storage happens before it is freed.
static void release(storage *shared)
{
    if (atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) == 1)
        free_storage(shared);
}

// The names are copied, so that callers may pass what lives on their stack. On failure the caller
// frees what was copied so far along with the storage.
static bool copy_class_names(storage *shared, const char *const *names)
{
    shared->class_names = calloc((size_t)shared->classes, sizeof *shared->class_names);
    if (!shared->class_names) return false;
    for (int32_t i = 0; i < shared->classes; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)i);
        shared->class_names[i] = strdup(names ? names[i] : number);
        if (!shared->class_names[i]) return false;
    }
    return true;
}

// Does not count the reference: the first view of a storage is born with it, a slice adds one.
static lw_dataset *make_view(storage *shared, const char *name, size_t begin, size_t count)
{
    lw_dataset *view = calloc(1, sizeof *view);
    if (!view) return NULL;
    view->storage = shared;
    view->begin = begin;
    view->count = count;
    lw_dataset_rename(view, name);
    return view;
}

lw_status lw_dataset_adopt(lw_dataset **dataset, const char *name, const lw_dataset_parts *parts)
{
    *dataset = NULL;
    storage *shared = calloc(1, sizeof *shared);
    if (!shared) {
        free(parts->pixels);
        free(parts->labels);
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for its description", name);
    }
    atomic_init(&shared->references, 1);
    shared->pixels = parts->pixels;
    shared->labels = parts->labels;
    shared->channels = parts->channels;
    shared->height = parts->height;
    shared->width = parts->width;
    shared->classes = parts->classes;
    shared->image_bytes = (size_t)parts->height * (size_t)parts->width * (size_t)parts->channels;
    if (copy_class_names(shared, parts->class_names))
        *dataset = make_view(shared, name, 0, parts->count);
    if (*dataset) return LW_OK;
    free_storage(shared);
    return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for its class names", name);
}

void lw_dataset_rename(lw_dataset *dataset, const char *name)
{
    snprintf(dataset->name, sizeof dataset->name, "%s", name);
}

// With these bounds one image is at most 2^38 bytes, so sizes of single images never overflow.
static lw_status check_sizes(const char *name, size_t count, int32_t channels, int32_t height,
                             int32_t width, int32_t classes)
{
    if (count == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected at least one image", name);
    if (height < 1 || width < 1 || height > LW_DATASET_LONGEST_SIDE ||
        width > LW_DATASET_LONGEST_SIDE)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data set %s: expected images of 1 .. %d pixels a side, got %dx%d", name,
                       LW_DATASET_LONGEST_SIDE, (int)height, (int)width);
    if (channels < 1 || channels > LW_DATASET_MOST_CHANNELS)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected 1 .. %d channels, got %d", name,
                       LW_DATASET_MOST_CHANNELS, (int)channels);
    if (classes < 1 || classes > LW_DATASET_MOST_CLASSES)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected 1 .. %d classes, got %d", name,
                       LW_DATASET_MOST_CLASSES, (int)classes);
    return LW_OK;
}

lw_status lw_dataset_create(lw_dataset **dataset, const char *name, const uint8_t *pixels,
                            const int32_t *labels, size_t count, int32_t channels, int32_t height,
                            int32_t width, int32_t classes, const char *const *class_names)
{
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create: dataset is NULL");
    *dataset = NULL;
    if (!name || !pixels || !labels)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create: name, pixels or labels is NULL");
    LW_TRY(check_sizes(name, count, channels, height, width, classes));
    for (int32_t i = 0; class_names && i < classes; i++)
        if (!class_names[i])
            return lw_fail(LW_ERROR_ARGUMENT, "data set %s: the name of class %d is NULL", name,
                           (int)i);
    for (size_t i = 0; i < count; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return lw_fail(LW_ERROR_INPUT,
                           "data set %s: expected labels 0 .. %d, got %d for image %zu", name,
                           (int)classes - 1, (int)labels[i], i);
    // Sides and channels are bounded, so one image always fits; the count may be anything.
    size_t image_bytes = (size_t)height * (size_t)width * (size_t)channels;
    size_t pixel_bytes, label_bytes;
    if (!lw_size_multiply(count, image_bytes, &pixel_bytes) ||
        !lw_size_multiply(count, sizeof *labels, &label_bytes))
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: %zu images of %zu bytes do not fit memory",
                       name, count, image_bytes);
    lw_dataset_parts parts = {.pixels = malloc(pixel_bytes),
                              .labels = malloc(label_bytes),
                              .count = count,
                              .channels = channels,
                              .height = height,
                              .width = width,
                              .classes = classes,
                              .class_names = class_names};
    if (!parts.pixels || !parts.labels) {
        free(parts.pixels);
        free(parts.labels);
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for %zu bytes of images", name,
                       pixel_bytes);
    }
    memcpy(parts.pixels, pixels, pixel_bytes);
    memcpy(parts.labels, labels, label_bytes);
    return lw_dataset_adopt(dataset, name, &parts);
}

lw_status lw_dataset_slice(lw_dataset **slice, const lw_dataset *dataset, size_t begin, size_t end)
{
    if (!slice) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_slice: slice is NULL");
    *slice = NULL;
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_slice: dataset is NULL");
    if (begin >= end || end > dataset->count)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data set %s: expected a range within 0 .. %zu, got %zu .. %zu",
                       dataset->name, dataset->count, begin, end);
    lw_dataset *view =
        make_view(dataset->storage, dataset->name, dataset->begin + begin, end - begin);
    if (!view) return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for a slice", dataset->name);
    atomic_fetch_add_explicit(&dataset->storage->references, 1, memory_order_relaxed);
    *slice = view;
    return LW_OK;
}

size_t lw_dataset_size(const lw_dataset *dataset)
{
    return dataset->count;
}

lw_sample lw_dataset_get(const lw_dataset *dataset, size_t index)
{
    // Outside the set there is no sample: NULL pixels rather than a stranger's memory.
    if (index >= dataset->count) return (lw_sample){.pixels = NULL, .label = -1};
    const storage *shared = dataset->storage;
    size_t at = dataset->begin + index;
    return (lw_sample){.pixels = shared->pixels + at * shared->image_bytes,
                       .channels = shared->channels,
                       .height = shared->height,
                       .width = shared->width,
                       .label = shared->labels[at]};
}

int32_t lw_dataset_class_count(const lw_dataset *dataset)
{
    return dataset->storage->classes;
}

const char *lw_dataset_class_name(const lw_dataset *dataset, int32_t label)
{
    if (label < 0 || label >= dataset->storage->classes) return "?";
    return dataset->storage->class_names[label];
}

const char *lw_dataset_name(const lw_dataset *dataset)
{
    return dataset->name;
}

size_t lw_dataset_bytes(const lw_dataset *dataset)
{
    return dataset->count * (dataset->storage->image_bytes + sizeof *dataset->storage->labels);
}

void lw_dataset_destroy(lw_dataset **dataset)
{
    if (!dataset || !*dataset) return;
    release((*dataset)->storage);
    free(*dataset);
    *dataset = NULL;
}
