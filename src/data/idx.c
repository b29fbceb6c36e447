// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST: two zero bytes, a type byte, the rank, `rank` sizes of 4 bytes (most
// significant first), then the values. Nothing the header says is believed before it was compared
// with what the file can hold.
#include "data/dataset.h"
#include "data/stream.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_dimensions = 4, type_unsigned_byte = 0x08, first_piece_bytes = 1 << 20 };

// The largest set that is read into memory: 16 GiB hold a million images of 64x64 in colour.
static const uint64_t most_bytes = (uint64_t)16 << 30;

typedef struct idx_header {
    int rank;
    uint32_t sizes[most_dimensions];
    uint64_t header_bytes, value_bytes;
} idx_header;

// For messages: a file of floats is a likely mistake, and its type says so.
static const char *type_name(uint8_t type)
{
    switch (type) {
    case 0x08: return "unsigned bytes";
    case 0x09: return "signed bytes";
    case 0x0B: return "16-bit integers";
    case 0x0C: return "32-bit integers";
    case 0x0D: return "32-bit floats";
    case 0x0E: return "64-bit floats";
    }
    return "an unknown type";
}

// A file that ends early, in words that say how much is missing.
static lw_status fail_short(const lw_stream *stream, const char *what, uint64_t expected,
                            uint64_t got)
{
    return lw_fail(LW_ERROR_INPUT, "%s: expected %llu bytes of %s, the file ends after %llu",
                   lw_stream_name(stream), (unsigned long long)expected, what,
                   (unsigned long long)got);
}

// The first four bytes: two zeros, the type, the rank.
static lw_status check_magic(const lw_stream *stream, const uint8_t magic[4], int least_rank,
                             int most_rank)
{
    const char *path = lw_stream_name(stream);
    if (magic[0] != 0 || magic[1] != 0)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected an IDX file (its first two bytes are 0), got the bytes "
                       "%02x %02x %02x %02x",
                       path, magic[0], magic[1], magic[2], magic[3]);
    if (magic[2] != type_unsigned_byte)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected IDX type 0x08 (unsigned bytes), got 0x%02x (%s)", path,
                       magic[2], type_name(magic[2]));
    int rank = magic[3];
    if (rank >= least_rank && rank <= most_rank) return LW_OK;
    // The two files of a pair are easily swapped.
    if (most_rank == 1)
        return lw_fail(LW_ERROR_INPUT, "%s: expected labels (IDX rank 1), got rank %d%s", path,
                       rank, rank == 3 || rank == 4 ? ", which is images" : "");
    return lw_fail(LW_ERROR_INPUT, "%s: expected images (IDX rank 3 or 4), got rank %d%s", path,
                   rank, rank == 1 ? ", which is labels" : "");
}

// The header against the bytes that are there; nothing was allocated yet.
static lw_status check_size(const lw_stream *stream, const idx_header *header)
{
    const char *path = lw_stream_name(stream);
    unsigned long long total = header->header_bytes + header->value_bytes;
    unsigned long long stored = lw_stream_stored_bytes(stream);
    const uint64_t most = most_bytes < SIZE_MAX / 2 ? most_bytes : SIZE_MAX / 2;
    if (header->value_bytes > most)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected at most %llu bytes of values, the header says %llu", path,
                       (unsigned long long)most, (unsigned long long)header->value_bytes);
    if (!lw_stream_gzipped(stream) && stored != total)
        return lw_fail(LW_ERROR_INPUT, "%s: expected %llu bytes by its header, got %llu", path,
                       total, stored);
    if (lw_stream_gzipped(stream) && total / LW_STREAM_MOST_GAIN > stored)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the header says %llu bytes, more than %llu gzipped bytes can hold",
                       path, total, stored);
    return LW_OK;
}

// Reads magic and sizes and checks each as soon as it is known; the number of values is their
// product.
static lw_status read_header(lw_stream *stream, int least_rank, int most_rank, idx_header *header)
{
    uint8_t magic[4], sizes[4 * most_dimensions];
    size_t got;
    LW_TRY(lw_stream_read(stream, magic, sizeof magic, &got));
    if (got < sizeof magic) return fail_short(stream, "IDX header", sizeof magic, got);
    LW_TRY(check_magic(stream, magic, least_rank, most_rank));
    header->rank = magic[3];
    size_t size_bytes = 4 * (size_t)header->rank;
    header->header_bytes = sizeof magic + size_bytes;
    LW_TRY(lw_stream_read(stream, sizes, size_bytes, &got));
    if (got < size_bytes)
        return fail_short(stream, "IDX header", header->header_bytes, sizeof magic + got);

    header->value_bytes = 1;
    for (int i = 0; i < header->rank; i++) {
        const uint8_t *b = sizes + 4 * i;
        uint32_t size = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        header->sizes[i] = size;
        if (size == 0)
            return lw_fail(LW_ERROR_INPUT,
                           "%s: expected sizes of at least 1, size %d in its header is 0",
                           lw_stream_name(stream), i + 1);
        if (__builtin_mul_overflow(header->value_bytes, (uint64_t)size, &header->value_bytes) ||
            header->value_bytes > UINT64_MAX / 2)
            return lw_fail(LW_ERROR_INPUT,
                           "%s: the sizes in its header multiply to more than 2^63 bytes",
                           lw_stream_name(stream));
    }
    return check_size(stream, header);
}

// Reads the values and makes sure that the file ends there. The block grows as bytes come, so a
// header that promises what does not follow costs no memory.
static lw_status read_values(lw_stream *stream, size_t expected, uint8_t **values)
{
    size_t done = 0, capacity = 0;
    *values = NULL;
    while (done < expected) {
        if (done == capacity) {
            capacity = capacity ? 2 * capacity : first_piece_bytes;
            if (capacity > expected) capacity = expected;
            uint8_t *grown = realloc(*values, capacity);
            if (!grown)
                return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes",
                               lw_stream_name(stream), expected);
            *values = grown;
        }
        size_t got, want = capacity - done;
        LW_TRY(lw_stream_read(stream, *values + done, want, &got));
        done += got;
        if (got < want) return fail_short(stream, "values", expected, done);
    }
    uint8_t extra;
    size_t got;
    LW_TRY(lw_stream_read(stream, &extra, 1, &got));
    if (got)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected %zu bytes of values, the file goes on behind them",
                       lw_stream_name(stream), expected);
    return LW_OK;
}

// The values of a file; they begin somewhere in a block that is to be freed.
typedef struct idx_values {
    uint8_t *block, *values;
} idx_values;

// Unpacks the whole file where that can be done. Otherwise, and whenever anything is wrong, the values are read one stretch
// after the other.
static lw_status take_values(lw_stream *stream, const idx_header *header, idx_values *taken)
{
    const size_t header_bytes = (size_t)header->header_bytes;
    if (lw_stream_unpack(stream, header_bytes + (size_t)header->value_bytes, &taken->block)) {
        taken->values = taken->block + header_bytes;
        return LW_OK;
    }
    lw_status status = read_values(stream, (size_t)header->value_bytes, &taken->block);
    taken->values = taken->block;
    return status;
}

// Opens, checks and reads one file. The block is the caller's to free, also on failure.
static lw_status read_idx(const char *path, int least_rank, int most_rank, idx_header *header,
                          idx_values *taken)
{
    *taken = (idx_values){.block = NULL};
    lw_stream *stream;
    LW_TRY(lw_stream_open(&stream, path));
    lw_status status = read_header(stream, least_rank, most_rank, header);
    if (!status) status = take_values(stream, header, taken);
    lw_stream_close(&stream);
    return status;
}

// The bounds of data sets, checked before the labels are read so that the message names the images.
static lw_status check_image_sizes(const char *path, const idx_header *header)
{
    uint32_t height = header->sizes[1], width = header->sizes[2];
    uint32_t channels = header->rank == 4 ? header->sizes[3] : 1;
    if (height > LW_DATASET_LONGEST_SIDE || width > LW_DATASET_LONGEST_SIDE)
        return lw_fail(LW_ERROR_INPUT, "%s: expected images of at most %d pixels a side, got %ux%u",
                       path, LW_DATASET_LONGEST_SIDE, height, width);
    if (channels > LW_DATASET_MOST_CHANNELS)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d channels, got %u", path,
                       LW_DATASET_MOST_CHANNELS, channels);
    return LW_OK;
}

// Widens the labels and checks them. *classes 0 becomes the largest label + 1.
static lw_status convert_labels(const char *path, const uint8_t *bytes, size_t count,
                                int32_t *labels, int32_t *classes)
{
    int32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        labels[i] = bytes[i];
        if (bytes[i] > largest) largest = bytes[i];
        if (*classes && bytes[i] >= *classes)
            return lw_fail(LW_ERROR_INPUT, "%s: expected labels 0 .. %d, got %d at position %zu",
                           path, (int)*classes - 1, (int)bytes[i], i);
    }
    if (!*classes) *classes = largest + 1;
    return LW_OK;
}

// Both files and whether they belong together. What was allocated is in *parts, also on failure.
static lw_status assemble(lw_dataset_parts *parts, const char *images_path, const char *labels_path)
{
    idx_header images, labels;
    idx_values pixels, label_bytes = {.block = NULL};
    lw_status status = read_idx(images_path, 3, 4, &images, &pixels);
    parts->pixels = pixels.values;
    parts->source = (lw_pixel_source){.release = free, .context = pixels.block};
    LW_TRY(status);
    LW_TRY(check_image_sizes(images_path, &images));
    status = read_idx(labels_path, 1, 1, &labels, &label_bytes);
    if (!status && labels.sizes[0] != images.sizes[0])
        status = lw_fail(LW_ERROR_INPUT, "%s: expected %u labels, as many as %s has images, got %u",
                         labels_path, images.sizes[0], images_path, labels.sizes[0]);
    parts->count = images.sizes[0];
    parts->height = (int32_t)images.sizes[1];
    parts->width = (int32_t)images.sizes[2];
    parts->channels = images.rank == 4 ? (int32_t)images.sizes[3] : 1;
    if (!status) {
        parts->labels = malloc(parts->count * sizeof *parts->labels);
        if (!parts->labels)
            status =
                lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu labels", labels_path, parts->count);
    }
    if (!status)
        status = convert_labels(labels_path, label_bytes.values, parts->count, parts->labels,
                                &parts->classes);
    free(label_bytes.block);
    return status;
}

lw_status lw_dataset_load_idx(lw_dataset **dataset, const char *name, const char *images_path,
                              const char *labels_path, int32_t classes,
                              const char *const *class_names)
{
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_load_idx: dataset is NULL");
    *dataset = NULL;
    if (!name || !images_path || !labels_path)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_load_idx: name or a path is NULL");
    if (classes < 0 || classes > LW_DATASET_MOST_CLASSES)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected 0 .. %d classes, got %d", name,
                       LW_DATASET_MOST_CLASSES, (int)classes);
    if (class_names && classes == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: class names need a class count", name);
    lw_dataset_parts parts = {.classes = classes, .class_names = class_names};
    lw_status status = assemble(&parts, images_path, labels_path);
    if (!status) return lw_dataset_adopt(dataset, name, &parts);
    free(parts.source.context);
    free(parts.labels);
    return status;
}
