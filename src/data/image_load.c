// SPDX-License-Identifier: Apache-2.0
#include "data/image_load.h"

#include "base/error.h"
#include "data/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Enough for the header of nearly every image; the others are read whole.
enum { header_bytes = 16384 };
static const uint64_t most_file_bytes = (uint64_t)1 << 30;

// What one thread keeps from file to file.
typedef struct worker {
    uint8_t *bytes; // of the file
    size_t capacity;
    lw_text name; // of the file, for messages
    lw_image_scratch scratch;
} worker;

static void free_worker(worker *own)
{
    free(own->bytes);
    lw_text_free(&own->name);
    lw_image_scratch_free(&own->scratch);
}

// ---- one file -----------------------------------------------------------------------------------

static lw_status fail_errno(const lw_image_bytes *file, const char *action)
{
    return lw_fail(LW_ERROR_INPUT, "%s: cannot %s: %s", file->name, action, strerror(errno));
}

static lw_status read_all(int descriptor, uint8_t *bytes, size_t count, lw_image_bytes *file)
{
    while (file->count < count) {
        ssize_t got = read(descriptor, bytes + file->count, count - file->count);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(file, "read it");
        if (got == 0) break; // it shrank while it was read
        file->count += (size_t)got;
    }
    file->bytes = bytes;
    return LW_OK;
}

static lw_status read_descriptor(worker *own, int descriptor, size_t most, lw_image_bytes *file)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0) return fail_errno(file, "read it");
    if (!S_ISREG(info.st_mode))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a file, got something else", file->name);
    file->file_bytes = (size_t)info.st_size;
    if ((uint64_t)info.st_size > most_file_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %llu bytes, got %zu", file->name,
                       (unsigned long long)most_file_bytes, file->file_bytes);
    size_t count = file->file_bytes < most ? file->file_bytes : most;
    if (count > own->capacity) {
        free(own->bytes);
        own->bytes = malloc(count);
        own->capacity = own->bytes ? count : 0;
    }
    if (count > 0 && !own->bytes)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes", file->name, count);
    return read_all(descriptor, own->bytes, count, file);
}

// The file of an entry, or its first `most` bytes.
static lw_status read_entry(worker *own, const lw_tree *tree, uint64_t entry, size_t most,
                            lw_image_bytes *file)
{
    const lw_tree_entry *found = &tree->entries[entry];
    const char *name = lw_tree_name(tree, entry);
    *file = (lw_image_bytes){.name = lw_tree_show(&own->name, tree, name)};
    if (tree->descriptor < 0) {
        file->bytes = found->bytes;
        file->count = file->file_bytes = (size_t)found->file_bytes;
        return LW_OK;
    }
    int descriptor = openat(tree->descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return fail_errno(file, "open it");
    lw_status status = read_descriptor(own, descriptor, most, file);
    close(descriptor);
    return status;
}

static lw_status read_header(worker *own, const lw_tree *tree, uint64_t entry,
                             lw_image_header *header)
{
    lw_image_bytes file;
    bool enough;
    LW_TRY(read_entry(own, tree, entry, header_bytes, &file));
    LW_TRY(lw_image_read_header(header, &file, &enough));
    if (enough) return LW_OK;
    LW_TRY(read_entry(own, tree, entry, SIZE_MAX, &file));
    return lw_image_read_header(header, &file, &enough);
}

// The file may have changed since its header was read: then its pixels would not fit their place.
static lw_status decode_item(worker *own, const lw_tree *tree, const lw_image_item *item,
                             int32_t channels, uint8_t *pixels)
{
    lw_image_bytes file;
    lw_image_header header;
    bool enough;
    LW_TRY(read_entry(own, tree, item->entry, SIZE_MAX, &file));
    LW_TRY(lw_image_read_header(&header, &file, &enough));
    if (header.height != item->height || header.width != item->width)
        return lw_fail(LW_ERROR_INPUT, "%s: the image changed while it was read", file.name);
    return lw_image_decode(pixels, channels, &header, &file, &own->scratch);
}

lw_status lw_image_load_one(const lw_tree *tree, const lw_image_item *item, int32_t channels,
                            uint8_t *pixels)
{
    worker own = {.bytes = NULL};
    lw_status status = decode_item(&own, tree, item, channels, pixels);
    free_worker(&own);
    return status;
}

// ---- all files ----------------------------------------------------------------------------------

typedef struct loader {
    lw_image_index *index;
    lw_tree *tree;
    const lw_image_load *how;
    const char *what;
    worker workers[LW_CREW_LIMIT];
    bool *bad;       // (count), items that leave the index
    bool *colour;    // (count), of the headers
    uint8_t *pixels; // for the pixels
    pthread_mutex_t mutex;
    lw_status fatal; // what is no fault of a file
    char message[512];
} loader;

// Keeps the calling thread's failure: of this file, or of the whole.
static void note_failure(loader *state, size_t item, lw_status status)
{
    pthread_mutex_lock(&state->mutex);
    state->bad[item] = true;
    if (status != LW_ERROR_MEMORY)
        status = lw_data_problems_add(&state->index->problems, state->index->items[item].entry + 1,
                                      status, lw_error_message());
    if (status == LW_ERROR_MEMORY && !state->fatal) {
        state->fatal = status;
        snprintf(state->message, sizeof state->message, "%s", lw_error_message());
    }
    pthread_mutex_unlock(&state->mutex);
}

static void do_header(void *context, int32_t thread, size_t i)
{
    loader *state = context;
    lw_image_item *item = &state->index->items[i];
    lw_image_header header;
    lw_status status = read_header(&state->workers[thread], state->tree, item->entry, &header);
    if (status) {
        note_failure(state, i, status);
        return;
    }
    item->height = header.height;
    item->width = header.width;
    state->colour[i] = header.colour;
}

static void do_pixels(void *context, int32_t thread, size_t i)
{
    loader *state = context;
    const lw_image_item *item = &state->index->items[i];
    lw_status status = decode_item(&state->workers[thread], state->tree, item,
                                   state->index->channels, state->pixels + item->offset);
    if (status) note_failure(state, i, status);
}

static void pass_on_progress(void *user, size_t done, size_t count)
{
    const loader *state = user;
    state->how->progress(state->how->user, state->what, done, count);
}

// Items that are bad leave the index; the others keep their order.
static void drop_bad(loader *state)
{
    lw_image_index *index = state->index;
    size_t kept = 0;
    for (size_t i = 0; i < index->count; i++) {
        if (state->bad[i]) continue;
        state->colour[kept] = state->colour[i];
        index->items[kept++] = index->items[i];
    }
    index->count = kept;
}

static lw_status run(loader *state, void (*work)(void *, int32_t, size_t))
{
    lw_crew_job job = {.count = state->index->count,
                       .work = work,
                       .context = state,
                       .progress = state->how->progress ? pass_on_progress : NULL,
                       .user = state};
    lw_crew_run(lw_crew_size(state->how->threads), &job);
    if (state->fatal) return lw_fail(state->fatal, "%s", state->message);
    drop_bad(state);
    return LW_OK;
}

static loader *create_loader(lw_image_index *index, lw_tree *tree, const lw_image_load *how,
                             const char *what)
{
    loader *state = calloc(1, sizeof *state);
    if (!state) return NULL;
    pthread_mutex_init(&state->mutex, NULL);
    state->index = index;
    state->tree = tree;
    state->how = how;
    state->what = what;
    state->bad = calloc(index->count + 1, sizeof *state->bad);
    state->colour = calloc(index->count + 1, sizeof *state->colour);
    return state;
}

static void destroy_loader(loader *state)
{
    if (!state) return;
    for (int i = 0; i < LW_CREW_LIMIT; i++) free_worker(&state->workers[i]);
    pthread_mutex_destroy(&state->mutex);
    free(state->bad);
    free(state->colour);
    free(state);
}

// Sides are bounded, so a sum of 2^24 images stays far below 2^64.
static void place_items(lw_image_index *index)
{
    index->pixel_bytes = 0;
    for (size_t i = 0; i < index->count; i++) {
        lw_image_item *item = &index->items[i];
        item->offset = index->pixel_bytes;
        index->pixel_bytes +=
            (uint64_t)item->height * (uint64_t)item->width * (uint64_t)index->channels;
    }
}

lw_status lw_image_load_headers(lw_image_index *index, lw_tree *tree, int32_t channels,
                                const lw_image_load *how)
{
    loader *state = create_loader(index, tree, how, "looking at");
    lw_status status = state && state->bad && state->colour
                           ? run(state, do_header)
                           : lw_fail(LW_ERROR_MEMORY, "%s: no memory to load it", tree->root);
    if (!status) {
        bool colour = false;
        for (size_t i = 0; i < index->count; i++) colour = colour || state->colour[i];
        index->channels = channels ? channels : colour ? 3 : 1;
        place_items(index);
    }
    destroy_loader(state);
    return status;
}

lw_status lw_image_load_pixels(lw_image_index *index, lw_tree *tree, uint8_t *pixels,
                               const lw_image_load *how)
{
    loader *state = create_loader(index, tree, how, "decoding");
    lw_status status = lw_fail(LW_ERROR_MEMORY, "%s: no memory to load it", tree->root);
    if (state && state->bad && state->colour) {
        state->pixels = pixels;
        status = run(state, do_pixels);
    }
    destroy_loader(state);
    return status;
}
