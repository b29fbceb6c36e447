// SPDX-License-Identifier: Apache-2.0
// PNG images to bytes and back, through libpng. libpng reports errors by longjmp: the functions
// that call setjmp keep everything that changes afterwards in a struct of their caller's, so no
// local variable has to survive the jump and everything is freed in one place.
#include <lanewise/data.h>

#include "base/error.h"

#ifdef LW_HAVE_PNG

#include "base/file.h"
#include "base/text.h"
#include "data/image_write.h"
#include "data/stream.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_side = 16384, most_pixels = 1 << 26 };
static const size_t most_file_bytes = (size_t)1 << 30;

// What decoding works on. It belongs to a caller of the function with setjmp, so it survives the
// jump.
typedef struct decoder {
    const char *path;
    const uint8_t *file; // the whole file
    size_t file_bytes, used_bytes;
    png_structp png;
    png_infop info;
    uint8_t *pixels; // (height, width, channels) as decoded: grey, grey + alpha, RGB or RGBA
    int32_t height, width, channels;
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
    if (count > state->file_bytes - state->used_bytes) png_error(png, "the file ends too early");
    memcpy(bytes, state->file + state->used_bytes, count);
    state->used_bytes += count;
}

// The sizes the header claims, before anything is allocated for them.
static lw_status check_claims(const decoder *state, uint32_t height, uint32_t width, int bits,
                              int samples)
{
    if (height > most_side || width > most_side)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d pixels a side, got %ux%u",
                       state->path, (int)most_side, height, width);
    if ((uint64_t)height * width > most_pixels)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d pixels, got %ux%u", state->path,
                       (int)most_pixels, height, width);
    // Deflate gains 1032 to 1 at best, so a small file cannot hold a large image, whatever it
    // claims.
    uint64_t stored = (uint64_t)height * (((uint64_t)width * (uint64_t)(bits * samples) + 7) / 8);
    if (stored / LW_STREAM_MOST_GAIN > state->file_bytes)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the header says %ux%u pixels, more than %zu bytes can hold",
                       state->path, height, width, state->file_bytes);
    return LW_OK;
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

// Runs under the caller's setjmp. False: state->status says why.
static bool decode_pixels(decoder *state)
{
    png_structp png = state->png;
    png_read_info(png, state->info);
    uint32_t height = png_get_image_height(png, state->info);
    uint32_t width = png_get_image_width(png, state->info);
    state->status = check_claims(state, height, width, png_get_bit_depth(png, state->info),
                                 png_get_channels(png, state->info));
    if (state->status) return false;
    int passes = png_get_interlace_type(png, state->info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
    choose_conversions(state);
    state->height = (int32_t)height;
    state->width = (int32_t)width;
    state->channels = png_get_channels(png, state->info);
    size_t row_bytes = png_get_rowbytes(png, state->info);
    state->pixels = calloc(height, row_bytes);
    if (!state->pixels) {
        state->status =
            lw_fail(LW_ERROR_MEMORY, "%s: no memory for %ux%u pixels", state->path, height, width);
        return false;
    }
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_read_row(png, state->pixels + y * row_bytes, NULL);
    png_read_end(png, NULL);
    return true;
}

// The frame that libpng jumps back to.
static lw_status run_decoder(decoder *state)
{
    if (setjmp(png_jmpbuf(state->png)))
        return lw_fail(LW_ERROR_INPUT, "%s: the PNG is damaged: %s", state->path, state->message);
    png_set_read_fn(state->png, state, take_bytes);
    png_set_user_limits(state->png, 0x7fffffff, 0x7fffffff); // ours say more (check_claims)
    png_set_chunk_malloc_max(state->png, 1 << 20); // compressed texts and profiles are not needed
    return decode_pixels(state) ? LW_OK : state->status;
}

// Creates and destroys libpng's structs around the decoding; state->pixels is the caller's to free.
static lw_status decode_file(decoder *state)
{
    if (state->file_bytes < 8 || png_sig_cmp(state->file, 0, 8) != 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a PNG image, the file does not begin like one",
                       state->path);
    state->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, decode_error, ignore_warning);
    if (state->png) state->info = png_create_info_struct(state->png);
    lw_status status = state->info
                           ? run_decoder(state)
                           : lw_fail(LW_ERROR_MEMORY, "%s: no memory to decode it", state->path);
    png_destroy_read_struct(&state->png, &state->info, NULL);
    return status;
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

// From the `have` channels as decoded to the wanted 1 or 3.
static void convert_pixels(const uint8_t *from, int32_t have, uint8_t *to, int32_t wanted,
                           size_t count)
{
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

// Hands over the pixels, converted where the wanted channels differ from those decoded.
static lw_status finish(decoder *state, int32_t wanted, uint8_t **pixels)
{
    if (wanted == 0) wanted = state->channels >= 3 ? 3 : 1;
    size_t count = (size_t)state->height * (size_t)state->width;
    if (wanted != state->channels) {
        uint8_t *converted = malloc(count * (size_t)wanted);
        if (!converted)
            return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu pixels", state->path, count);
        convert_pixels(state->pixels, state->channels, converted, wanted, count);
        free(state->pixels);
        state->pixels = converted;
        state->channels = wanted;
    }
    *pixels = state->pixels;
    state->pixels = NULL;
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
    uint8_t *file;
    decoder state = {.path = path};
    LW_TRY(lw_file_read(path, most_file_bytes, &file, &state.file_bytes));
    state.file = file;
    lw_status status = decode_file(&state);
    if (!status) status = finish(&state, wanted, pixels);
    free(state.pixels);
    free(file);
    if (status) return status;
    *height = state.height;
    *width = state.width;
    *channels = state.channels;
    return LW_OK;
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
    if (image->height < 1 || image->width < 1 || image->height > most_side ||
        image->width > most_side || (int64_t)image->height * image->width > most_pixels)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "%s: expected 1 .. %d pixels a side and at most %d in all, got %dx%d", name,
                       (int)most_side, (int)most_pixels, (int)image->height, (int)image->width);
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

#include "data/image_write.h"

lw_status lw_image_read(uint8_t **pixels, int32_t *height, int32_t *width, int32_t *channels,
                        const char *path)
{
    if (!pixels || !height || !width || !channels || !path)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_image_read: an argument is NULL");
    *pixels = NULL;
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s: this build cannot read images (built without libpng)",
                   path);
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
