// SPDX-License-Identifier: Apache-2.0
// Image files to bytes: the call to the right decoder, and what is the same for all formats.
#include "data/image.h"

#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static const size_t most_file_bytes = (size_t)1 << 30;

uint8_t *lw_image_scratch_reserve(lw_image_scratch *scratch, size_t count)
{
    if (count <= scratch->capacity) return scratch->bytes;
    free(scratch->bytes); // what is in it is of no use any more, so nothing has to be copied
    scratch->bytes = malloc(count);
    scratch->capacity = scratch->bytes ? count : 0;
    return scratch->bytes;
}

void lw_image_scratch_free(lw_image_scratch *scratch)
{
    free(scratch->bytes);
    *scratch = (lw_image_scratch){0};
}

// Blends with white paper, rounded to the nearest.
static uint8_t over_white(uint8_t value, uint8_t alpha)
{
    return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

// ITU-R 601 in 16-bit fixed point; the three weights sum to 2^16, so white stays white.
static uint8_t luma(uint8_t red, uint8_t green, uint8_t blue)
{
    return (uint8_t)((red * 19595u + green * 38470u + blue * 7471u + 32768u) >> 16);
}

void lw_image_convert_row(const uint8_t *from, int32_t have, uint8_t *to, int32_t wanted,
                          size_t count)
{
    if (have == wanted) {
        memcpy(to, from, count * (size_t)wanted);
        return;
    }
    int32_t colours = have >= 3 ? 3 : 1;
    for (size_t i = 0; i < count; i++, from += have, to += wanted) {
        uint8_t alpha = have > colours ? from[colours] : 255;
        uint8_t red = over_white(from[0], alpha);
        uint8_t green = colours == 3 ? over_white(from[1], alpha) : red;
        uint8_t blue = colours == 3 ? over_white(from[2], alpha) : red;
        if (wanted == 3) {
            to[0] = red;
            to[1] = green;
            to[2] = blue;
        } else {
            to[0] = colours == 3 ? luma(red, green, blue) : red;
        }
    }
}

// Turns and mirrors as EXIF's orientation says. 5 to 8 exchange rows and columns: the step to the
// next stored row is then a step along a row of the result.
static void orient(uint8_t *to, const uint8_t *from, int32_t channels,
                   const lw_image_header *header)
{
    const int32_t rows = header->stored_height, columns = header->stored_width;
    const bool turned = header->orientation >= 5;
    const bool down = header->orientation == 3 || header->orientation == 4 ||
                      header->orientation == 7 || header->orientation == 8;
    const bool left = header->orientation == 2 || header->orientation == 3 ||
                      header->orientation == 6 || header->orientation == 7;
    for (int32_t y = 0; y < header->height; y++)
        for (int32_t x = 0; x < header->width; x++) {
            int32_t row = turned ? x : y, column = turned ? y : x;
            // In the stored picture: which axis runs backwards depends on the turn.
            if (turned ? left : down) row = rows - 1 - row;
            if (turned ? down : left) column = columns - 1 - column;
            const uint8_t *pixel =
                from + ((size_t)row * (size_t)columns + (size_t)column) * (size_t)channels;
            memcpy(to, pixel, (size_t)channels);
            to += channels;
        }
}

static lw_status decode_stored(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                               const lw_image_bytes *file, lw_image_scratch *scratch)
{
    return header->format == LW_IMAGE_PNG
               ? lw_image_decode_png(pixels, channels, header, file, scratch)
               : lw_image_decode_jpeg(pixels, channels, header, file, scratch);
}

lw_status lw_image_decode(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                          const lw_image_bytes *file, lw_image_scratch *scratch)
{
    if (header->orientation == 1) return decode_stored(pixels, channels, header, file, scratch);
    size_t bytes = (size_t)header->height * (size_t)header->width * (size_t)channels;
    uint8_t *stored = malloc(bytes);
    if (!stored)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes of pixels", file->name, bytes);
    lw_status status = decode_stored(stored, channels, header, file, scratch);
    if (!status) orient(pixels, stored, channels, header);
    free(stored);
    return status;
}

static lw_status read_bytes(uint8_t **pixels, int32_t *height, int32_t *width, int32_t *channels,
                            const lw_image_bytes *file)
{
    lw_image_header header;
    bool enough;
    LW_TRY(lw_image_read_header(&header, file, &enough)); // the whole file is here: it is enough
    int32_t wanted = *channels ? *channels : header.colour ? 3 : 1;
    size_t bytes = (size_t)header.height * (size_t)header.width * (size_t)wanted;
    uint8_t *decoded = malloc(bytes);
    if (!decoded)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes of pixels", file->name, bytes);
    lw_image_scratch scratch = {0};
    lw_status status = lw_image_decode(decoded, wanted, &header, file, &scratch);
    lw_image_scratch_free(&scratch);
    if (status) {
        free(decoded);
        return status;
    }
    *pixels = decoded;
    *height = header.height;
    *width = header.width;
    *channels = wanted;
    return LW_OK;
}

lw_status lw_image_read(uint8_t **pixels, int32_t *height, int32_t *width, int32_t *channels,
                        const char *path)
{
    if (!pixels || !height || !width || !channels || !path)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_image_read: an argument is NULL");
    *pixels = NULL;
    int32_t wanted = *channels;
    if (wanted != 0 && wanted != 1 && wanted != 3)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: expected 1 or 3 channels to be wanted, got %d", path,
                       (int)wanted);
    uint8_t *bytes;
    lw_image_bytes file = {.name = path};
    LW_TRY(lw_file_read(path, most_file_bytes, &bytes, &file.count));
    file.bytes = bytes;
    file.file_bytes = file.count;
    lw_status status = read_bytes(pixels, height, width, channels, &file);
    free(bytes);
    return status;
}
