// SPDX-License-Identifier: Apache-2.0
// What the headers of PNG and JPEG files say, read without their libraries: a folder of many
// thousand files is sized up by this before anything is decoded. Nothing here trusts a length.
#include "base/error.h"
#include "data/image.h"
#include "data/stream.h"

#include <string.h>

enum { orientation_tag = 0x0112, type_short = 3 };

static uint32_t big_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
    return value;
}

static uint32_t number_at(const uint8_t *bytes, int count, bool intel)
{
    uint32_t value = 0;
    if (!intel) return big_endian(bytes, count);
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

// The orientation in a block of EXIF, which begins with a TIFF header; 1 when there is none. A
// broken block is no reason to refuse a picture.
static int32_t exif_orientation(const uint8_t *bytes, size_t count)
{
    if (count < 8) return 1;
    bool intel = bytes[0] == 'I' && bytes[1] == 'I';
    if (!intel && !(bytes[0] == 'M' && bytes[1] == 'M')) return 1;
    size_t at = number_at(bytes + 4, 4, intel);
    if (at > count - 2) return 1;
    uint32_t entries = number_at(bytes + at, 2, intel);
    at += 2;
    for (; entries > 0 && count - at >= 12; entries--, at += 12) {
        if (number_at(bytes + at, 2, intel) != orientation_tag) continue;
        uint32_t value = number_at(bytes + at + 8, 2, intel);
        bool usable = number_at(bytes + at + 2, 2, intel) == type_short && value >= 1 && value <= 8;
        return usable ? (int32_t)value : 1;
    }
    return 1;
}

// The bounds of all formats, before anything is allocated. Takes over sizes and orientation.
static lw_status take_size(lw_image_header *header, const lw_image_bytes *file, uint32_t height,
                           uint32_t width)
{
    if (height > LW_IMAGE_LONGEST_SIDE || width > LW_IMAGE_LONGEST_SIDE)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d pixels a side, got %ux%u",
                       file->name, LW_IMAGE_LONGEST_SIDE, height, width);
    if ((uint64_t)height * width > LW_IMAGE_MOST_PIXELS)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d pixels, got %ux%u", file->name,
                       LW_IMAGE_MOST_PIXELS, height, width);
    header->stored_height = header->height = (int32_t)height;
    header->stored_width = header->width = (int32_t)width;
    if (header->orientation >= 5) {
        header->height = (int32_t)width;
        header->width = (int32_t)height;
    }
    return LW_OK;
}

// A header that promises more than the file can hold: without this a few bytes could ask for much
// memory and time.
static lw_status fail_small(const lw_image_header *header, const lw_image_bytes *file)
{
    return lw_fail(LW_ERROR_INPUT, "%s: the header says %dx%d pixels, more than %zu bytes can hold",
                   file->name, (int)header->stored_height, (int)header->stored_width,
                   file->file_bytes);
}

// ---- PNG ----------------------------------------------------------------------------------------

static const uint8_t png_signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

enum { png_header_bytes = 8 + 8 + 13 + 4, png_colour = 2 };

static lw_status fail_png_header(const lw_image_bytes *file)
{
    return lw_fail(LW_ERROR_INPUT, "%s: the PNG is damaged: its header makes no sense", file->name);
}

// EXIF may stand anywhere between the header and the pixels; behind the pixels it is not looked for.
static int32_t find_png_orientation(const lw_image_bytes *file, bool *enough)
{
    size_t at = png_header_bytes;
    while (file->count - at >= 8) {
        size_t length = big_endian(file->bytes + at, 4);
        const uint8_t *kind = file->bytes + at + 4;
        if (memcmp(kind, "IDAT", 4) == 0 || memcmp(kind, "IEND", 4) == 0) return 1;
        bool whole = file->count - at - 8 >= length && file->count - at - 8 - length >= 4;
        if (!whole) break;
        if (memcmp(kind, "eXIf", 4) == 0) return exif_orientation(kind + 4, length);
        at += 8 + length + 4;
    }
    *enough = file->count >= file->file_bytes;
    return 1;
}

static lw_status read_png(lw_image_header *header, const lw_image_bytes *file, bool *enough)
{
    if (file->count < png_header_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: the PNG is damaged: the file ends too early",
                       file->name);
    const uint8_t *at = file->bytes + 8;
    if (big_endian(at, 4) != 13 || memcmp(at + 4, "IHDR", 4) != 0) return fail_png_header(file);
    uint32_t width = big_endian(at + 8, 4), height = big_endian(at + 12, 4);
    uint32_t bits = at[16], kind = at[17];
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX || bits > 16 ||
        kind > 6)
        return fail_png_header(file);
    static const uint8_t samples[7] = {1, 1, 3, 1, 2, 1, 4}; // of a pixel, by colour type
    header->colour = (kind & png_colour) != 0;
    header->orientation = find_png_orientation(file, enough);
    LW_TRY(take_size(header, file, height, width));
    // Deflate gains 1032 to 1 at best, so a small file cannot hold a large image, whatever it
    // claims.
    uint64_t stored = (uint64_t)height * (((uint64_t)width * bits * samples[kind] + 7) / 8);
    if (stored / LW_STREAM_MOST_GAIN > file->file_bytes) return fail_small(header, file);
    return LW_OK;
}

// ---- JPEG ---------------------------------------------------------------------------------------

// The frame header of one of the kinds that exist: baseline, progressive, arithmetic, lossless.
static bool is_frame(uint8_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static bool stands_alone(uint8_t marker)
{
    return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
}

static lw_status fail_jpeg(const lw_image_bytes *file, const char *why)
{
    return lw_fail(LW_ERROR_INPUT, "%s: the JPEG is damaged: %s", file->name, why);
}

static lw_status take_frame(lw_image_header *header, const lw_image_bytes *file,
                            const uint8_t *frame, size_t length)
{
    if (length < 6) return fail_jpeg(file, "its header makes no sense");
    uint32_t height = big_endian(frame + 1, 2), width = big_endian(frame + 3, 2);
    if (height == 0 || width == 0 || frame[5] == 0)
        return fail_jpeg(file, "its header makes no sense");
    header->colour = frame[5] > 1;
    LW_TRY(take_size(header, file, height, width));
    // Every block of 64 pixels takes a bit and more, so this is beyond what an encoder can save.
    const uint64_t most_pixels_per_byte = 1024;
    if ((uint64_t)height * width / most_pixels_per_byte > file->file_bytes)
        return fail_small(header, file);
    return LW_OK;
}

// Walks the segments up to the frame header, which has the size; EXIF stands before it.
static lw_status read_jpeg(lw_image_header *header, const lw_image_bytes *file, bool *enough)
{
    size_t at = 2;
    header->orientation = 1;
    for (;;) {
        while (at < file->count && file->bytes[at] != 0xFF) at++;
        while (at < file->count && file->bytes[at] == 0xFF) at++; // fill bytes
        if (at >= file->count) break;
        uint8_t marker = file->bytes[at++];
        if (marker == 0 || stands_alone(marker)) continue;
        if (marker == 0xD9 || marker == 0xDA) return fail_jpeg(file, "no size before its pixels");
        if (file->count - at < 2) break;
        size_t length = big_endian(file->bytes + at, 2);
        if (length < 2) return fail_jpeg(file, "a segment without a length");
        if (file->count - at < length) break;
        const uint8_t *segment = file->bytes + at + 2;
        if (is_frame(marker)) return take_frame(header, file, segment, length - 2);
        if (marker == 0xE1 && length >= 8 && memcmp(segment, "Exif\0\0", 6) == 0)
            header->orientation = exif_orientation(segment + 6, length - 8);
        at += length;
    }
    *enough = file->count >= file->file_bytes;
    return *enough ? fail_jpeg(file, "the file ends before its pixels") : LW_OK;
}

lw_status lw_image_read_header(lw_image_header *header, const lw_image_bytes *file, bool *enough)
{
    *header = (lw_image_header){.orientation = 1};
    *enough = true;
    if (file->count >= sizeof png_signature &&
        memcmp(file->bytes, png_signature, sizeof png_signature) == 0) {
        header->format = LW_IMAGE_PNG;
#ifdef LW_HAVE_PNG
        return read_png(header, file, enough);
#else
        (void)read_png;
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "%s: this build cannot read PNG images (built without libpng)", file->name);
#endif
    }
    if (file->count >= 3 && memcmp(file->bytes, "\xFF\xD8\xFF", 3) == 0) {
        header->format = LW_IMAGE_JPEG;
#ifdef LW_HAVE_JPEG
        return read_jpeg(header, file, enough);
#else
        (void)read_jpeg;
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "%s: this build cannot read JPEG images (built without libjpeg)",
                       file->name);
#endif
    }
    return lw_fail(LW_ERROR_INPUT,
                   file->file_bytes == 0
                       ? "%s: expected a PNG or JPEG image, the file is empty"
                       : "%s: expected a PNG or JPEG image, the file does not begin like one",
                   file->name);
}
