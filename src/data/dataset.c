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
    lw_dataset_parts parts; // class_names is not kept
    size_t image_bytes;     // of one image, where all have one size
    char **class_names;     // (classes), each from malloc
} storage;

// A view: the samples [begin, begin + count) of the storage, or `count` chosen ones.
struct lw_dataset {
    storage *storage;
    size_t begin, count;
    uint32_t *chosen; // (count), positions in the storage, owned; NULL: all from `begin` on
    char name[128];
};

static void free_parts(const lw_dataset_parts *parts)
{
    if (parts->source.release)
        parts->source.release(parts->source.context);
    else
        free(parts->pixels);
    free(parts->labels);
    free(parts->places);
    free(parts->file_names);
}

static void free_storage(storage *shared)
{
    if (!shared) return;
    for (int32_t i = 0; shared->class_names && i < shared->parts.classes; i++)
        free(shared->class_names[i]);
    free(shared->class_names);
    free_parts(&shared->parts);
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
    int32_t classes = shared->parts.classes;
    shared->class_names = calloc((size_t)classes, sizeof *shared->class_names);
    if (!shared->class_names) return false;
    for (int32_t i = 0; i < classes; i++) {
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
        free_parts(parts);
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for its description", name);
    }
    atomic_init(&shared->references, 1);
    shared->parts = *parts;
    shared->parts.class_names = NULL; // the caller's
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
static lw_status check_side_lengths(const char *name, int32_t height, int32_t width)
{
    if (height < 1 || width < 1 || height > LW_DATASET_LONGEST_SIDE ||
        width > LW_DATASET_LONGEST_SIDE)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data set %s: expected images of 1 .. %d pixels a side, got %dx%d", name,
                       LW_DATASET_LONGEST_SIDE, (int)height, (int)width);
    return LW_OK;
}

static lw_status check_counts(const char *name, size_t count, int32_t channels, int32_t classes)
{
    if (count == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected at least one image", name);
    if (count > UINT32_MAX)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected at most %u images, got %zu", name,
                       UINT32_MAX, count);
    if (channels < 1 || channels > LW_DATASET_MOST_CHANNELS)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected 1 .. %d channels, got %d", name,
                       LW_DATASET_MOST_CHANNELS, (int)channels);
    if (classes < 1 || classes > LW_DATASET_MOST_CLASSES)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected 1 .. %d classes, got %d", name,
                       LW_DATASET_MOST_CLASSES, (int)classes);
    return LW_OK;
}

static lw_status check_labels(const char *name, const int32_t *labels, size_t count,
                              int32_t classes, const char *const *class_names)
{
    for (int32_t i = 0; class_names && i < classes; i++)
        if (!class_names[i])
            return lw_fail(LW_ERROR_ARGUMENT, "data set %s: the name of class %d is NULL", name,
                           (int)i);
    for (size_t i = 0; i < count; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return lw_fail(LW_ERROR_INPUT,
                           "data set %s: expected labels 0 .. %d, got %d for image %zu", name,
                           (int)classes - 1, (int)labels[i], i);
    return LW_OK;
}

// Copies the caller's arrays into the parts, which own their places already, and makes the set.
static lw_status copy_and_adopt(lw_dataset **dataset, const char *name, lw_dataset_parts *parts,
                                const uint8_t *pixels, size_t pixel_bytes, const int32_t *labels)
{
    parts->pixels = malloc(pixel_bytes);
    parts->labels = malloc(parts->count * sizeof *labels);
    if (!parts->pixels || !parts->labels) {
        free_parts(parts);
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for %zu bytes of images", name,
                       pixel_bytes);
    }
    memcpy(parts->pixels, pixels, pixel_bytes);
    memcpy(parts->labels, labels, parts->count * sizeof *labels);
    return lw_dataset_adopt(dataset, name, parts);
}

lw_status lw_dataset_create(lw_dataset **dataset, const char *name, const uint8_t *pixels,
                            const int32_t *labels, size_t count, int32_t channels, int32_t height,
                            int32_t width, int32_t classes, const char *const *class_names)
{
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create: dataset is NULL");
    *dataset = NULL;
    if (!name || !pixels || !labels)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create: name, pixels or labels is NULL");
    LW_TRY(check_counts(name, count, channels, classes));
    LW_TRY(check_side_lengths(name, height, width));
    LW_TRY(check_labels(name, labels, count, classes, class_names));
    // Sides and channels are bounded, so one image always fits; the count may be anything.
    size_t image_bytes = (size_t)height * (size_t)width * (size_t)channels;
    size_t pixel_bytes;
    if (!lw_size_multiply(count, image_bytes, &pixel_bytes))
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: %zu images of %zu bytes do not fit memory",
                       name, count, image_bytes);
    lw_dataset_parts parts = {.count = count,
                              .channels = channels,
                              .height = height,
                              .width = width,
                              .classes = classes,
                              .class_names = class_names};
    return copy_and_adopt(dataset, name, &parts, pixels, pixel_bytes, labels);
}

lw_status lw_dataset_create_mixed(lw_dataset **dataset, const char *name, const uint8_t *pixels,
                                  const lw_image_size *sizes, const int32_t *labels, size_t count,
                                  int32_t channels, int32_t classes, const char *const *class_names)
{
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create_mixed: dataset is NULL");
    *dataset = NULL;
    if (!name || !pixels || !sizes || !labels)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "lw_dataset_create_mixed: name, pixels, sizes or labels is NULL");
    LW_TRY(check_counts(name, count, channels, classes));
    for (size_t i = 0; i < count; i++)
        LW_TRY(check_side_lengths(name, sizes[i].height, sizes[i].width));
    LW_TRY(check_labels(name, labels, count, classes, class_names));
    lw_dataset_parts parts = {.places = malloc(count * sizeof *parts.places),
                              .count = count,
                              .channels = channels,
                              .classes = classes,
                              .class_names = class_names};
    if (!parts.places)
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for %zu sizes", name, count);
    // At most 2^32 images of at most 2^38 bytes could pass 2^64: every sum is checked.
    size_t pixel_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        parts.places[i] = (lw_image_place){
            .offset = pixel_bytes, .height = sizes[i].height, .width = sizes[i].width};
        if (!lw_size_add(pixel_bytes, lw_image_place_bytes(&parts.places[i], channels),
                         &pixel_bytes)) {
            free(parts.places);
            return lw_fail(LW_ERROR_ARGUMENT, "data set %s: %zu images do not fit memory", name,
                           count);
        }
    }
    return copy_and_adopt(dataset, name, &parts, pixels, pixel_bytes, labels);
}

static void retain(storage *shared)
{
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
}

// A view of chosen samples; it owns `chosen`, which is NULL without memory.
static lw_status adopt_chosen(lw_dataset **selection, const lw_dataset *dataset, uint32_t *chosen,
                              size_t count)
{
    lw_dataset *view = chosen ? make_view(dataset->storage, dataset->name, 0, count) : NULL;
    if (!view) {
        free(chosen);
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory to choose %zu images",
                       dataset->name, count);
    }
    view->chosen = chosen;
    retain(dataset->storage);
    *selection = view;
    return LW_OK;
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
    if (dataset->chosen) {
        size_t count = end - begin;
        uint32_t *chosen = malloc(count * sizeof *chosen);
        if (chosen) memcpy(chosen, dataset->chosen + begin, count * sizeof *chosen);
        return adopt_chosen(slice, dataset, chosen, count);
    }
    lw_dataset *view =
        make_view(dataset->storage, dataset->name, dataset->begin + begin, end - begin);
    if (!view) return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for a slice", dataset->name);
    retain(dataset->storage);
    *slice = view;
    return LW_OK;
}

// Where a sample of the view stands in the storage.
static size_t storage_position(const lw_dataset *dataset, size_t index)
{
    return dataset->chosen ? dataset->chosen[index] : dataset->begin + index;
}

lw_status lw_dataset_select(lw_dataset **selection, const lw_dataset *dataset,
                            const uint32_t *positions, size_t count)
{
    if (!selection) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_select: selection is NULL");
    *selection = NULL;
    if (!dataset || !positions)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_select: dataset or positions is NULL");
    if (count == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected at least one position",
                       dataset->name);
    for (size_t i = 0; i < count; i++)
        if (positions[i] >= dataset->count)
            return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected positions below %zu, got %u",
                           dataset->name, dataset->count, positions[i]);
    uint32_t *chosen = malloc(count * sizeof *chosen);
    for (size_t i = 0; chosen && i < count; i++)
        chosen[i] = (uint32_t)storage_position(dataset, positions[i]);
    return adopt_chosen(selection, dataset, chosen, count);
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
    const lw_dataset_parts *parts = &shared->parts;
    size_t at = storage_position(dataset, index);
    lw_sample sample = {.channels = parts->channels,
                        .height = parts->height,
                        .width = parts->width,
                        .label = parts->labels[at]};
    size_t offset = at * shared->image_bytes;
    if (parts->places) {
        sample.height = parts->places[at].height;
        sample.width = parts->places[at].width;
        offset = parts->places[at].offset;
    }
    if (parts->pixels) sample.pixels = parts->pixels + offset;
    return sample;
}

bool lw_dataset_is_streamed(const lw_dataset *dataset)
{
    return dataset->storage->parts.pixels == NULL;
}

lw_status lw_dataset_read(const lw_dataset *dataset, size_t index, uint8_t *pixels)
{
    if (index >= dataset->count)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected a position below %zu, got %zu",
                       dataset->name, dataset->count, index);
    const lw_dataset_parts *parts = &dataset->storage->parts;
    if (!parts->pixels) {
        const lw_image_place *place = &parts->places[storage_position(dataset, index)];
        return parts->source.read(parts->source.context, place, pixels);
    }
    lw_sample sample = lw_dataset_get(dataset, index);
    memcpy(pixels, sample.pixels,
           (size_t)sample.height * (size_t)sample.width * (size_t)sample.channels);
    return LW_OK;
}

const char *lw_dataset_file_name(const lw_dataset *dataset, size_t index)
{
    const lw_dataset_parts *parts = &dataset->storage->parts;
    if (!parts->file_names || index >= dataset->count) return NULL;
    return parts->file_names + parts->places[storage_position(dataset, index)].name;
}

int32_t lw_dataset_class_count(const lw_dataset *dataset)
{
    return dataset->storage->parts.classes;
}

const char *lw_dataset_class_name(const lw_dataset *dataset, int32_t label)
{
    if (label < 0 || label >= dataset->storage->parts.classes) return "?";
    return dataset->storage->class_names[label];
}

const char *lw_dataset_name(const lw_dataset *dataset)
{
    return dataset->name;
}

size_t lw_dataset_bytes(const lw_dataset *dataset)
{
    const lw_dataset_parts *parts = &dataset->storage->parts;
    size_t bytes = dataset->count * sizeof *parts->labels;
    if (!parts->places) return bytes + dataset->count * dataset->storage->image_bytes;
    for (size_t i = 0; i < dataset->count; i++)
        bytes +=
            lw_image_place_bytes(&parts->places[storage_position(dataset, i)], parts->channels);
    return bytes;
}

void lw_dataset_destroy(lw_dataset **dataset)
{
    if (!dataset || !*dataset) return;
    release((*dataset)->storage);
    free((*dataset)->chosen);
    free(*dataset);
    *dataset = NULL;
}
