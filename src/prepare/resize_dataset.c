// SPDX-License-Identifier: Apache-2.0
// A whole data set through a resize recipe. Threads take the next few images from a counter; where
// an image goes does not depend on who takes it.
#include "base/error.h"
#include "base/memory.h"
#include "cpu/parallel.h"
#include "data/dataset.h"
#include "prepare/resize.h"

#include <lanewise/cpu.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    const lw_dataset *dataset;
    const lw_resize *resize;
    uint8_t *pixels;
    size_t count, image_bytes;
    unsigned char *scratch;
    size_t scratch_bytes; // of one thread
    bool (*progress)(void *user, size_t done, size_t count);
    void *user;
    atomic_size_t next;
    atomic_bool stopped;
} job;

static void resize_body(void *context, int32_t thread, int32_t threads)
{
    enum { at_once = 16 };
    job *j = context;
    void *scratch = j->scratch + (size_t)thread * j->scratch_bytes;
    (void)threads;
    while (!atomic_load(&j->stopped)) {
        size_t begin = atomic_fetch_add(&j->next, at_once);
        if (begin >= j->count) return;
        size_t end = begin + at_once < j->count ? begin + at_once : j->count;
        for (size_t i = begin; i < end; i++) {
            lw_sample image = lw_dataset_get(j->dataset, i);
            lw_resize_into(j->resize, &image, scratch, j->pixels + i * j->image_bytes);
        }
        if (thread == 0 && j->progress && !j->progress(j->user, end, j->count))
            atomic_store(&j->stopped, true);
    }
}

// Room for the largest image, one piece a thread.
static lw_status allocate_scratch(job *j, int32_t threads, int32_t channels)
{
    lw_sample last = {0};
    for (size_t i = 0; i < j->count; i++) {
        lw_sample image = lw_dataset_get(j->dataset, i);
        if (image.channels != channels)
            return lw_fail(LW_ERROR_INPUT, "%s: image %zu has %d channels, the first one %d",
                           lw_dataset_name(j->dataset), i, image.channels, channels);
        if (!image.pixels)
            return lw_fail(LW_ERROR_UNSUPPORTED,
                           "%s: its images are not in memory; resizing needs them there",
                           lw_dataset_name(j->dataset));
        if (image.height == last.height && image.width == last.width) continue;
        size_t bytes = lw_resize_scratch_bytes(j->resize, channels, image.height, image.width);
        if (bytes > j->scratch_bytes) j->scratch_bytes = bytes;
        last = image;
    }
    j->scratch_bytes = lw_round_up(j->scratch_bytes, LW_ALIGNMENT);
    void *block;
    LW_TRY(lw_memory_allocate(&block, j->scratch_bytes * (size_t)threads, "resizing images"));
    j->scratch = block;
    return LW_OK;
}

static lw_status run(job *j, int32_t threads)
{
    lw_parallel_run(threads, resize_body, j);
    return atomic_load(&j->stopped) ? lw_fail(LW_ERROR_INTERRUPTED, "stopped while resizing images")
                                    : LW_OK;
}

static int32_t *copy_labels(const lw_dataset *dataset, size_t count)
{
    int32_t *labels = malloc(count * sizeof *labels);
    for (size_t i = 0; labels && i < count; i++) labels[i] = lw_dataset_get(dataset, i).label;
    return labels;
}

// Hands the pixels and labels to a new data set, which frees them also when it fails.
static lw_status adopt(lw_dataset **resized, const job *j, int32_t *labels, int32_t channels)
{
    int32_t classes = lw_dataset_class_count(j->dataset);
    const char **names = calloc((size_t)classes, sizeof *names);
    if (!names) {
        free(j->pixels);
        free(labels);
        return lw_fail(LW_ERROR_MEMORY, "no memory for %d class names", classes);
    }
    for (int32_t i = 0; i < classes; i++) names[i] = lw_dataset_class_name(j->dataset, i);
    lw_dataset_parts parts = {.pixels = j->pixels,
                              .labels = labels,
                              .count = j->count,
                              .channels = channels,
                              .height = j->resize->height,
                              .width = j->resize->width,
                              .classes = classes,
                              .class_names = names};
    lw_status status = lw_dataset_adopt(resized, lw_dataset_name(j->dataset), &parts);
    free(names);
    return status;
}

lw_status lw_dataset_resize(lw_dataset **resized, const lw_dataset *dataset,
                            const lw_resize *resize, int32_t threads,
                            bool (*progress)(void *user, size_t done, size_t count), void *user)
{
    if (!resized || !dataset || !resize)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_resize: got NULL");
    *resized = NULL;
    LW_TRY(lw_resize_check(resize));
    if (threads < 0 || threads > 1024)
        return lw_fail(LW_ERROR_ARGUMENT, "threads: expected 0 to 1024, got %d", threads);
    if (threads == 0) threads = lw_cpu_threads();
    job j = {.dataset = dataset,
             .resize = resize,
             .count = lw_dataset_size(dataset),
             .progress = progress,
             .user = user};
    const int32_t channels = lw_dataset_get(dataset, 0).channels;
    j.image_bytes = (size_t)resize->height * (size_t)resize->width * (size_t)channels;
    size_t bytes;
    if (!lw_size_multiply(j.count, j.image_bytes, &bytes))
        return lw_fail(LW_ERROR_MEMORY, "%zu images of %zu bytes do not fit memory", j.count,
                       j.image_bytes);
    LW_TRY(allocate_scratch(&j, threads, channels));
    j.pixels = malloc(bytes);
    int32_t *labels = copy_labels(dataset, j.count);
    lw_status status = LW_OK;
    if (!j.pixels || !labels)
        status = lw_fail(LW_ERROR_MEMORY, "no memory for %zu resized images (%zu bytes)", j.count,
                         bytes);
    if (!status) status = run(&j, threads);
    lw_memory_free(j.scratch);
    if (!status) return adopt(resized, &j, labels, channels);
    free(j.pixels);
    free(labels);
    return status;
}
