// SPDX-License-Identifier: Apache-2.0
// What data sets are made of: IDX files, images, archives, and the cache of decoded images.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "data/image.h"
#include "data/image_cache.h"
#include "data/stream.h"

#include <stdlib.h>
#include <string.h>

// ---- IDX ----------------------------------------------------------------------------------------

static void load_idx(const char *images, const char *labels)
{
    lw_dataset *dataset;
    const lw_status status = lw_dataset_load_idx(&dataset, "fuzz", images, labels, 0, NULL);
    if (status) {
        LW_FUZZ_CHECK(!dataset);
        lw_fuzz_check_refusal(status);
        return;
    }
    for (size_t i = 0; i < lw_dataset_size(dataset); i++) {
        const lw_sample sample = lw_dataset_get(dataset, i);
        LW_FUZZ_CHECK(sample.label >= 0 && sample.label < lw_dataset_class_count(dataset));
        lw_fuzz_touch(sample.pixels,
                      (size_t)sample.height * (size_t)sample.width * (size_t)sample.channels);
    }
    lw_dataset_destroy(&dataset);
}

// A file of images with one of labels behind it.
void lw_fuzz_idx(const uint8_t *bytes, size_t count)
{
    static const uint8_t label_magic[] = {0, 0, 8, 1};
    size_t cut = count;
    while (cut > 0 && (count - cut < sizeof label_magic ||
                       memcmp(bytes + cut, label_magic, sizeof label_magic) != 0))
        cut--;
    load_idx(lw_fuzz_file(0, bytes, cut), lw_fuzz_file(1, bytes + cut, count - cut));
}

// Unpacked in one go or by the stream: the same bytes, and nothing is taken that the stream refuses.
static void compare_ways(const char *path)
{
    enum { most_bytes = 1 << 16 };
    static uint8_t slowly[most_bytes + 1];
    lw_stream *stream;
    if (lw_stream_open(&stream, path)) return;
    size_t got = 0;
    const lw_status status = lw_stream_read(stream, slowly, sizeof slowly, &got);
    uint8_t *at_once;
    if (got <= most_bytes && lw_stream_unpack(stream, got, &at_once)) {
        LW_FUZZ_CHECK(!status);
        LW_FUZZ_CHECK(memcmp(at_once, slowly, got) == 0);
        free(at_once);
    }
    lw_stream_close(&stream);
}

// One gzipped file, as images to two labels, and as labels.
void lw_fuzz_gzip(const uint8_t *bytes, size_t count)
{
    compare_ways(lw_fuzz_file(0, bytes, count));
    static const uint8_t two_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};
    static const uint8_t two_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 9};
    load_idx(lw_fuzz_file(0, bytes, count), lw_fuzz_file(1, two_labels, sizeof two_labels));
    load_idx(lw_fuzz_file(1, two_images, sizeof two_images), lw_fuzz_file(0, bytes, count));
}

// ---- images -------------------------------------------------------------------------------------

static void decode(const lw_image_bytes *file, const lw_image_header *header, int32_t channels)
{
    const size_t values = (size_t)header->height * (size_t)header->width * (size_t)channels;
    lw_image_scratch scratch = {0};
    uint8_t *pixels = malloc(values);
    LW_FUZZ_CHECK(pixels);
    const lw_status status = lw_image_decode(pixels, channels, header, file, &scratch);
    if (status)
        lw_fuzz_check_refusal(status);
    else
        lw_fuzz_touch(pixels, values); // a decoder that leaves pixels out is found by valgrind
    lw_image_scratch_free(&scratch);
    free(pixels);
}

void lw_fuzz_image(const uint8_t *bytes, size_t count)
{
    // Folders are sized up by the first bytes of their files.
    const size_t beginning = count < 64 ? count : 64;
    lw_image_bytes file = {.bytes = bytes, .count = beginning, .file_bytes = count, .name = "x"};
    lw_image_header early, header;
    bool enough_early, enough;
    const lw_status early_status = lw_image_read_header(&early, &file, &enough_early);
    file.count = count;
    const lw_status status = lw_image_read_header(&header, &file, &enough);
    if (status) {
        lw_fuzz_check_refusal(status);
        return;
    }
    LW_FUZZ_CHECK(enough);
    // What the first bytes have said is what the whole file says.
    if (!early_status && enough_early)
        LW_FUZZ_CHECK(early.height == header.height && early.width == header.width &&
                      early.colour == header.colour);
    const int64_t pixels = (int64_t)header.height * header.width;
    LW_FUZZ_CHECK(pixels > 0 && pixels <= LW_IMAGE_MOST_PIXELS);
    decode(&file, &header, header.colour ? 3 : 1);
    if (pixels <= 1 << 12) decode(&file, &header, header.colour ? 1 : 3);
}

// ---- archives -----------------------------------------------------------------------------------

static bool leads_out(const char *name)
{
    return name[0] == '/' || strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0 ||
           strstr(name, "/../") ||
           (strlen(name) >= 3 && strcmp(name + strlen(name) - 3, "/..") == 0);
}

void lw_fuzz_archive(const uint8_t *bytes, size_t count)
{
    enum { memory_bytes = 1 << 22 };
    lw_tree tree;
    const lw_status status =
        lw_tree_read_archive(&tree, lw_fuzz_file(0, bytes, count), memory_bytes);
    if (status) {
        lw_fuzz_check_refusal(status);
    } else {
        uint64_t total = 0;
        for (size_t i = 0; i < tree.count; i++) {
            const lw_tree_entry *entry = &tree.entries[i];
            LW_FUZZ_CHECK(!leads_out(lw_tree_name(&tree, i)));
            if (!entry->folder) lw_fuzz_touch(entry->bytes, (size_t)entry->file_bytes);
            total += entry->file_bytes;
        }
        LW_FUZZ_CHECK(total <= memory_bytes);
        lw_image_index index;
        const lw_status classified = lw_image_index_classify(&index, &tree, NULL, NULL);
        if (classified) lw_fuzz_check_refusal(classified);
        lw_image_index_free(&index);
    }
    lw_tree_free(&tree);
}

// ---- the cache ----------------------------------------------------------------------------------

static void look_at_images(const lw_image_block *block, const lw_image_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        const lw_image_item *item = &index->items[i];
        const size_t pixel_bytes =
            (size_t)item->height * (size_t)item->width * (size_t)index->channels;
        const char *name = lw_image_index_text(index, item->name);
        lw_fuzz_touch(name, strlen(name));
        if (!block->pixel_offset) continue;
        const uint8_t *pixels = block->base + block->pixel_offset + item->offset;
        lw_fuzz_touch(pixels, 1);
        lw_fuzz_touch(pixels + pixel_bytes - 1, 1);
    }
    for (int32_t i = 0; i < index->classes; i++) {
        const char *name = lw_image_index_text(index, index->class_names[i]);
        lw_fuzz_touch(name, strlen(name));
    }
}

void lw_fuzz_image_cache(const uint8_t *bytes, size_t count)
{
    enum { fingerprint_at = 24 };
    uint64_t fingerprint = 0;
    if (count >= fingerprint_at + sizeof fingerprint)
        memcpy(&fingerprint, bytes + fingerprint_at, sizeof fingerprint);
    lw_image_block block;
    lw_image_index index;
    const char *reason;
    LW_FUZZ_CHECK(lw_image_cache_open(&block, &index, lw_fuzz_file(0, bytes, count), fingerprint,
                                      &reason) == LW_OK);
    LW_FUZZ_CHECK(reason ? !block.base : block.base && index.count > 0);
    if (block.base) look_at_images(&block, &index);
    lw_image_block_free(&block);
    lw_image_index_free(&index);
}
