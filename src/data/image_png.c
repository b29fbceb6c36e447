// SPDX-License-Identifier: Apache-2.0
// PNG images to bytes and back, through libpng. libpng reports errors by longjmp: the functions
// that call setjmp keep everything that changes afterwards in a struct of their caller's, so no
// local variable has to survive the jump and everything is freed in one place.
#include "data/image.h"
#include "data/image_write.h"

#include "base/error.h"

#ifdef LW_HAVE_PNG

#include "base/file.h"
#include "base/text.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What decoding works on. It belongs to a caller of the function with setjmp, so it survives the
// jump.
typedef struct decoder {
    const lw_image_bytes *file;
    const lw_image_header *header;
    lw_image_scratch *scratch;
    uint8_t *pixels; // where the result goes
    int32_t channels;
    size_t used_bytes; // of the file
    png_structp png;
    png_infop info;
    lw_status status;  // why it failed, when it was not libpng that said so
    char message[128]; // libpng's words
} decoder;

// libpng's texts live in its own memory, which is gone after the jump.
static void keep_message(char *message, size_t size, const char *text)
{
    snprintf(message, size, "%s", text ? text : "unknown error");
}

static void decode_error(png_structp png, png_const_charp text)
{
    decoder *state = png_get_error_ptr(png);
    keep_message(state->message, sizeof state->message, text);
    png_longjmp(png, 1);
}

// A warning is about something that does not change the pixels; the library does not print.
static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

// libpng asks for bytes of the file, which is all in memory.
static void take_bytes(png_structp png, png_bytep bytes, size_t count)
{
    decoder *state = png_get_io_ptr(png);
    if (count > state->file->count - state->used_bytes) png_error(png, "the file ends too early");
    memcpy(bytes, state->file->bytes + state->used_bytes, count);
    state->used_bytes += count;
}

// libpng takes memory for as many bytes as a chunk says it has, before it looks for them (eXIf, in
// 1.6.39). In a file that is all here, no chunk says more than what is left.
static bool chunks_fit(const lw_image_bytes *file)
{
    enum { signature_bytes = 8, head_bytes = 8, frame_bytes = 12 }; // length, kind; and checksum
    size_t at = signature_bytes, length;
    for (; file->count - at >= head_bytes; at += frame_bytes + length) {
        const uint8_t *chunk = file->bytes + at;
        length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
        if (length > file->count - at - head_bytes || file->count - at - length < frame_bytes)
            return false;
        if (memcmp(chunk + 4, "IEND", 4) == 0) break;
    }
    return true;
}

// Asks libpng for 8 bits a sample and no palette.
static void choose_conversions(const decoder *state)
{
    png_structp png = state->png;
    png_set_expand(png); // palette to RGB, 1-4 bits to 8, a transparent colour to alpha
    png_set_scale_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, state->info);
}

// Rows go where they belong at once, or through one row that is converted. Interlaced images need
// all rows together until the last pass.
static bool read_rows(decoder *state, int32_t have, bool interlaced)
{
    size_t columns = (size_t)state->header->stored_width;
    size_t row_bytes = columns * (size_t)have, out_bytes = columns * (size_t)state->channels;
    size_t rows = (size_t)state->header->stored_height;
    bool direct = have == state->channels;
    uint8_t *between = NULL;
    if (!direct) {
        size_t bytes = row_bytes * (interlaced ? rows : 1);
        between = lw_image_scratch_reserve(state->scratch, bytes);
        if (!between) {
            state->status = lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes of pixels",
                                    state->file->name, bytes);
            return false;
        }
    }
    uint8_t *target = direct ? state->pixels : between;
    // An interlaced row is built over what earlier passes left there.
    if (interlaced) memset(target, 0, row_bytes * rows);
    int passes = interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1;
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < rows; y++) {
            uint8_t *row = direct || interlaced ? target + y * row_bytes : target;
            png_read_row(state->png, row, NULL);
            if (!direct && pass == passes - 1)
                lw_image_convert_row(row, have, state->pixels + y * out_bytes, state->channels,
                                     columns);
        }
    png_read_end(state->png, NULL);
    return true;
}

// Runs under the caller's setjmp. False: state->status says why.
static bool decode_pixels(decoder *state)
{
    png_structp png = state->png;
    png_read_info(png, state->info);
    // The header was read before; libpng has found no fault with it either.
    if (png_get_image_height(png, state->info) != (uint32_t)state->header->stored_height ||
        png_get_image_width(png, state->info) != (uint32_t)state->header->stored_width)
        png_error(png, "two sizes in one file");
    bool interlaced = png_get_interlace_type(png, state->info) == PNG_INTERLACE_ADAM7;
    choose_conversions(state);
    return read_rows(state, png_get_channels(png, state->info), interlaced);
}

// The frame that libpng jumps back to.
static lw_status run_decoder(decoder *state)
{
    if (setjmp(png_jmpbuf(state->png)))
        return lw_fail(LW_ERROR_INPUT, "%s: the PNG is damaged: %s", state->file->name,
                       state->message);
    png_set_read_fn(state->png, state, take_bytes);
    png_set_user_limits(state->png, LW_IMAGE_LONGEST_SIDE, LW_IMAGE_LONGEST_SIDE);
    png_set_chunk_malloc_max(state->png, 1 << 20); // compressed texts and profiles are not needed
    return decode_pixels(state) ? LW_OK : state->status;
}

lw_status lw_image_decode_png(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                              const lw_image_bytes *file, lw_image_scratch *scratch)
{
    decoder state = {
        .file = file, .header = header, .scratch = scratch, .pixels = pixels, .channels = channels};
    if (!chunks_fit(file))
        return lw_fail(LW_ERROR_INPUT, "%s: the PNG is damaged: a chunk is longer than the file",
                       file->name);
    state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, decode_error, ignore_warning);
    if (state.png) state.info = png_create_info_struct(state.png);
    lw_status status = state.info
                           ? run_decoder(&state)
                           : lw_fail(LW_ERROR_MEMORY, "%s: no memory to decode it", file->name);
    png_destroy_read_struct(&state.png, &state.info, NULL);
    return status;
}
// What encoding works on; the file is written only when it is complete.
typedef struct encoder {
    lw_text *file; // the PNG so far
    bool quick;
    char message[128];
} encoder;

static void encode_error(png_structp png, png_const_charp text)
{
    encoder *state = png_get_error_ptr(png);
    keep_message(state->message, sizeof state->message, text);
    png_longjmp(png, 1);
}

// libpng hands over bytes of the file in the order they are to be written.
static void give_bytes(png_structp png, png_bytep bytes, size_t count)
{
    encoder *state = png_get_io_ptr(png);
    lw_text_append(state->file, (const char *)bytes, count);
    if (state->file->failed) png_error(png, "no memory");
}

static void no_flush(png_structp png)
{
    (void)png;
}

// The frame that libpng jumps back to when memory runs out.
static lw_status run_encoder(encoder *state, png_structp png, png_infop info, const char *path,
                             const lw_sample *image)
{
    if (setjmp(png_jmpbuf(png)))
        return lw_fail(LW_ERROR_MEMORY, "%s: cannot encode the image: %s", path, state->message);
    png_set_write_fn(png, state, give_bytes, no_flush);
    png_set_IHDR(png, info, (uint32_t)image->width, (uint32_t)image->height, 8,
                 image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (state->quick) {
        png_set_compression_level(png, 1);
        png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
    }
    png_write_info(png, info);
    size_t row_bytes = (size_t)image->width * (size_t)image->channels;
    for (int32_t y = 0; y < image->height; y++)
        png_write_row(png, image->pixels + (size_t)y * row_bytes);
    png_write_end(png, info);
    return LW_OK;
}

lw_status lw_image_encode(lw_text *file, const lw_sample *image, bool quick, const char *name)
{
    if (image->channels != 1 && image->channels != 3)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: expected 1 or 3 channels, got %d", name,
                       (int)image->channels);
    if (image->height < 1 || image->width < 1 || image->height > LW_IMAGE_LONGEST_SIDE ||
        image->width > LW_IMAGE_LONGEST_SIDE ||
        (int64_t)image->height * image->width > LW_IMAGE_MOST_PIXELS)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "%s: expected 1 .. %d pixels a side and at most %d in all, got %dx%d", name,
                       (int)LW_IMAGE_LONGEST_SIDE, (int)LW_IMAGE_MOST_PIXELS, (int)image->height,
                       (int)image->width);
    encoder state = {.file = file, .quick = quick};
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, encode_error, ignore_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    lw_status status = info ? run_encoder(&state, png, info, name, image)
                            : lw_fail(LW_ERROR_MEMORY, "%s: no memory to encode the image", name);
    png_destroy_write_struct(&png, &info);
    return status;
}

lw_status lw_image_write(const char *path, const uint8_t *pixels, int32_t height, int32_t width,
                         int32_t channels)
{
    if (!path || !pixels)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_image_write: path or pixels is NULL");
    lw_sample image = {.pixels = pixels, .channels = channels, .height = height, .width = width};
    lw_text file = {0};
    lw_status status = lw_image_encode(&file, &image, false, path);
    if (!status) status = lw_file_write(path, file.bytes, file.length);
    lw_text_free(&file);
    return status;
}

#else // no libpng

// Not reached: lw_image_read_header has refused the file.
lw_status lw_image_decode_png(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                              const lw_image_bytes *file, lw_image_scratch *scratch)
{
    (void)pixels;
    (void)channels;
    (void)header;
    (void)scratch;
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: this build cannot read PNG images (built without libpng)", file->name);
}

lw_status lw_image_write(const char *path, const uint8_t *pixels, int32_t height, int32_t width,
                         int32_t channels)
{
    (void)height;
    (void)width;
    (void)channels;
    if (!path || !pixels)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_image_write: path or pixels is NULL");
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: this build cannot write images (built without libpng)", path);
}

lw_status lw_image_encode(lw_text *file, const lw_sample *image, bool quick, const char *name)
{
    (void)file;
    (void)image;
    (void)quick;
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: this build cannot write images (built without libpng)", name);
}

#endif
