// SPDX-License-Identifier: Apache-2.0
// JPEG images to bytes, through libjpeg (libjpeg-turbo is meant; any with its interface works). As
// with libpng, errors come by longjmp, and what changes after setjmp lives in the caller's struct.
#include "data/image.h"

#include "base/error.h"

#ifdef LW_HAVE_JPEG

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    const lw_image_bytes *file;
    const lw_image_header *header;
    lw_image_scratch *scratch;
    uint8_t *pixels; // where the result goes
    int32_t channels;
    char message[JMSG_LENGTH_MAX];
} decoder;

static void give_up(j_common_ptr jpeg)
{
    decoder *state = jpeg->client_data;
    jpeg->err->format_message(jpeg, state->message);
    longjmp(state->back, 1);
}

// libjpeg goes on after damage and makes up the rest, with a warning. Such an image would be learned
// as if it were whole, so damage to the pixels is an error; what does not touch them is not.
static void look_at_message(j_common_ptr jpeg, int level)
{
    if (level >= 0) return; // no warning
    switch (jpeg->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_TOO_MUCH_DATA: return;
    default: give_up(jpeg);
    }
}

// A progressive file of a few bytes a scan can keep a decoder busy for minutes.
static void count_scans(j_common_ptr jpeg)
{
    enum { most_scans = 500 };
    decoder *state = jpeg->client_data;
    if (state->jpeg.input_scan_number <= most_scans) return;
    snprintf(state->message, sizeof state->message, "more than %d scans", most_scans);
    longjmp(state->back, 1);
}

// Inks to light. Adobe's files, which is nearly all there are, hold the inks inverted.
static void convert_cmyk(const uint8_t *from, uint8_t *to, int32_t wanted, size_t count,
                         bool inverted)
{
    for (size_t i = 0; i < count; i++, from += 4, to += wanted) {
        uint8_t rgb[3];
        for (int c = 0; c < 3; c++) {
            int ink = inverted ? from[c] : 255 - from[c],
                black = inverted ? from[3] : 255 - from[3];
            rgb[c] = (uint8_t)((ink * black + 127) / 255);
        }
        lw_image_convert_row(rgb, 3, to, wanted, 1);
    }
}

// Grey from YCbCr is its Y as it is stored: the luma of ITU-R 601.
static void choose_colours(decoder *state)
{
    J_COLOR_SPACE stored = state->jpeg.jpeg_color_space;
    if (stored == JCS_CMYK || stored == JCS_YCCK)
        state->jpeg.out_color_space = JCS_CMYK;
    else if (state->channels == 1 && (stored == JCS_GRAYSCALE || stored == JCS_YCbCr))
        state->jpeg.out_color_space = JCS_GRAYSCALE;
    else
        state->jpeg.out_color_space = JCS_RGB;
}

static bool read_rows(decoder *state)
{
    struct jpeg_decompress_struct *jpeg = &state->jpeg;
    size_t columns = jpeg->output_width, have = (size_t)jpeg->output_components;
    uint8_t *between = lw_image_scratch_reserve(state->scratch, columns * have);
    if (!between) return false;
    size_t out_bytes = columns * (size_t)state->channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *out = state->pixels + jpeg->output_scanline * out_bytes;
        bool direct = have == (size_t)state->channels;
        JSAMPROW row = direct ? out : between;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (have == 4)
            convert_cmyk(between, out, state->channels, columns, jpeg->saw_Adobe_marker);
        else if (!direct)
            lw_image_convert_row(between, (int32_t)have, out, state->channels, columns);
    }
    jpeg_finish_decompress(jpeg);
    return true;
}

// The frame that libjpeg jumps back to.
static lw_status run_decoder(decoder *state)
{
    struct jpeg_decompress_struct *jpeg = &state->jpeg;
    if (setjmp(state->back))
        return lw_fail(LW_ERROR_INPUT, "%s: the JPEG is damaged: %s", state->file->name,
                       state->message);
    jpeg_create_decompress(jpeg);
    jpeg->client_data = state;
    jpeg->progress = &state->progress;
    jpeg_mem_src(jpeg, state->file->bytes, (unsigned long)state->file->count);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_height != (JDIMENSION)state->header->stored_height ||
        jpeg->image_width != (JDIMENSION)state->header->stored_width)
        return lw_fail(LW_ERROR_INPUT, "%s: the JPEG is damaged: two sizes in one file",
                       state->file->name);
    choose_colours(state);
    jpeg_start_decompress(jpeg);
    if (read_rows(state)) return LW_OK;
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory for a row of pixels", state->file->name);
}

lw_status lw_image_decode_jpeg(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                               const lw_image_bytes *file, lw_image_scratch *scratch)
{
    decoder state = {
        .file = file, .header = header, .scratch = scratch, .pixels = pixels, .channels = channels};
    state.jpeg.err = jpeg_std_error(&state.errors);
    state.jpeg.client_data = &state; // jpeg_create_decompress may fail already
    state.errors.error_exit = give_up;
    state.errors.emit_message = look_at_message;
    state.progress.progress_monitor = count_scans;
    lw_status status = run_decoder(&state);
    jpeg_destroy_decompress(&state.jpeg);
    return status;
}

#else // no libjpeg

// Not reached: lw_image_read_header has refused the file.
lw_status lw_image_decode_jpeg(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                               const lw_image_bytes *file, lw_image_scratch *scratch)
{
    (void)pixels;
    (void)channels;
    (void)header;
    (void)scratch;
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: this build cannot read JPEG images (built without libjpeg)", file->name);
}

#endif
