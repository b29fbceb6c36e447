// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mutators.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef LW_HAVE_ZLIB
#include <zlib.h>
#endif

static uint64_t number_at(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    memcpy(&number, bytes, count);
    return number;
}

// ---- tuning: the first line holds a checksum of the others ---------------------------------------

static size_t mutate_tuning(uint8_t *bytes, size_t count, size_t capacity)
{
    static const char words[] = "lanewise-tuning 1 ";
    enum { line_bytes = sizeof words - 1 + 16 + 1 };
    if (count < line_bytes || capacity < line_bytes)
        return LLVMFuzzerMutate(bytes, count, capacity);
    uint8_t *body = bytes + line_bytes;
    const size_t n = LLVMFuzzerMutate(body, count - line_bytes, capacity - line_bytes);
    char line[line_bytes + 1];
    snprintf(line, sizeof line, "%s%016" PRIx64 "\n", words, lw_hash_bytes(lw_hash_start, body, n));
    memcpy(bytes, line, line_bytes);
    return line_bytes + n;
}

// ---- image_cache: one checksum of everything up to the pixels -------------------------------------

static size_t mutate_image_cache(uint8_t *bytes, size_t count, size_t capacity)
{
    enum { checksum_at = 16, counts_at = 32, header_bytes = 96, item_bytes = 40 };
    count = LLVMFuzzerMutate(bytes, count, capacity);
    if (count < header_bytes) return count;
    uint64_t counts[5]; // images, classes, problems, bytes of texts, of problems
    memcpy(counts, bytes + counts_at, sizeof counts);
    const uint64_t end =
        header_bytes + counts[0] * item_bytes + counts[1] * 8 + counts[3] + counts[4];
    if (end < header_bytes || end > count) return count;
    memset(bytes + checksum_at, 0, 8);
    const uint64_t sum = lw_hash_bytes(lw_hash_start, bytes, (size_t)end);
    memcpy(bytes + checksum_at, &sum, sizeof sum);
    return count;
}

// ---- safetensors, model: the length of the header stands before it --------------------------------

static size_t mutate_safetensors(uint8_t *bytes, size_t count, size_t capacity)
{
    enum { length_bytes = 8 };
    if (count < length_bytes) return LLVMFuzzerMutate(bytes, count, capacity);
    const uint64_t header = number_at(bytes, length_bytes);
    if (header > count - length_bytes) return LLVMFuzzerMutate(bytes, count, capacity);
    const size_t data = count - length_bytes - (size_t)header;
    uint8_t *kept = malloc(data + 1);
    if (!kept) return count;
    memcpy(kept, bytes + count - data, data);
    const size_t room = capacity - length_bytes - data;
    const uint64_t n = LLVMFuzzerMutate(bytes + length_bytes, (size_t)header, room);
    memcpy(bytes, &n, length_bytes);
    memcpy(bytes + length_bytes + n, kept, data);
    free(kept);
    return length_bytes + (size_t)n + data;
}

// ---- checkpoint: a safetensors file with a checksum in its header, taken while its digits are 0 ------

static size_t mutate_checkpoint(uint8_t *bytes, size_t count, size_t capacity)
{
    static const char key[] = "\"checksum\":\"";
    enum { key_bytes = sizeof key - 1, digits = 16 };
    count = mutate_safetensors(bytes, count, capacity);
    for (size_t at = 0; at + key_bytes + digits < count; at++) {
        if (memcmp(bytes + at, key, key_bytes) != 0) continue;
        char text[digits + 1];
        memset(bytes + at + key_bytes, '0', digits);
        snprintf(text, sizeof text, "%016" PRIx64, lw_hash_block(lw_hash_start, bytes, count));
        memcpy(bytes + at + key_bytes, text, digits);
        break;
    }
    return count;
}

#ifdef LW_HAVE_ZLIB

// ---- png: each chunk ends with a checksum ---------------------------------------------------------

static size_t mutate_png(uint8_t *bytes, size_t count, size_t capacity)
{
    enum { signature_bytes = 8, frame_bytes = 12 };
    count = LLVMFuzzerMutate(bytes, count, capacity);
    for (size_t at = signature_bytes; at + frame_bytes <= count;) {
        const size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                              (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > count - at - frame_bytes) break;
        const uint32_t sum = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += frame_bytes + length;
    }
    return count;
}

// ---- gzip: what is packed is changed, and packed again --------------------------------------------

static size_t pack(uint8_t *bytes, size_t capacity, uint8_t *plain, size_t n)
{
    z_stream deflater = {
        .next_in = plain, .avail_in = (uInt)n, .next_out = bytes, .avail_out = (uInt)capacity};
    if (deflateInit2(&deflater, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    const int code = deflate(&deflater, Z_FINISH);
    deflateEnd(&deflater);
    return code == Z_STREAM_END ? capacity - deflater.avail_out : 0;
}

static size_t mutate_gzip(uint8_t *bytes, size_t count, size_t capacity)
{
    uint8_t plain[4096], packed[4096 + 64];
    z_stream inflater = {
        .next_in = bytes, .avail_in = (uInt)count, .next_out = plain, .avail_out = sizeof plain};
    if (inflateInit2(&inflater, 16 + MAX_WBITS) != Z_OK) return count;
    inflate(&inflater, Z_FINISH);
    size_t n = sizeof plain - inflater.avail_out;
    inflateEnd(&inflater);
    n = LLVMFuzzerMutate(plain, n, sizeof plain);
    const size_t made = pack(packed, sizeof packed, plain, n);
    if (made == 0 || made > capacity) return LLVMFuzzerMutate(bytes, count, capacity);
    memcpy(bytes, packed, made);
    return made;
}

#endif

// ---- archive: the headers of a tar have checksums -------------------------------------------------

static size_t mutate_archive(uint8_t *bytes, size_t count, size_t capacity)
{
    enum { block = 512, size_at = 124, sum_at = 148, magic_at = 257 };
    count = LLVMFuzzerMutate(bytes, count, capacity);
    for (size_t at = 0; at + block <= count && memcmp(bytes + at + magic_at, "ustar", 5) == 0;) {
        char digits[13] = {0}, sum_text[8];
        unsigned sum = 0;
        memcpy(digits, bytes + at + size_at, 12);
        memset(bytes + at + sum_at, ' ', sizeof sum_text);
        for (size_t i = 0; i < block; i++) sum += bytes[at + i];
        snprintf(sum_text, sizeof sum_text, "%06o", sum);
        memcpy(bytes + at + sum_at, sum_text, sizeof sum_text - 1);
        const unsigned long size = strtoul(digits, NULL, 8);
        if (size > count) break;
        at += block + (size + block - 1) / block * block;
    }
    return count;
}

lw_fuzz_mutator lw_fuzz_find_mutator(const char *target)
{
    static const struct {
        const char *target;
        lw_fuzz_mutator mutate;
    } mutators[] = {
        {"tuning", mutate_tuning},
        {"image_cache", mutate_image_cache},
        {"safetensors", mutate_safetensors},
        {"model", mutate_safetensors},
        {"checkpoint", mutate_checkpoint},
#ifdef LW_HAVE_ZLIB
        {"png", mutate_png},
        {"gzip", mutate_gzip},
#endif
        {"archive", mutate_archive},
    };
    for (size_t i = 0; i < sizeof mutators / sizeof *mutators; i++)
        if (strcmp(mutators[i].target, target) == 0) return mutators[i].mutate;
    return NULL;
}
