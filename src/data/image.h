// SPDX-License-Identifier: Apache-2.0
// Images as files hold them: what their headers say, and their pixels. The format is told by the
// content, never by the name.
#ifndef LW_DATA_IMAGE_H
#define LW_DATA_IMAGE_H

#include <lanewise/data.h>

enum { LW_IMAGE_LONGEST_SIDE = 16384, LW_IMAGE_MOST_PIXELS = 1 << 26 };

typedef enum lw_image_format { LW_IMAGE_PNG, LW_IMAGE_JPEG } lw_image_format;

// A file's bytes, or the first of them, and what to call it in messages.
typedef struct lw_image_bytes {
    const uint8_t *bytes;
    size_t count;      // of `bytes`
    size_t file_bytes; // of the whole file; more than `count` when only its beginning is here
    const char *name;
} lw_image_bytes;

// What the header says, within the limits above.
typedef struct lw_image_header {
    lw_image_format format;
    int32_t height, width;               // as seen: after the turn that the orientation asks for
    int32_t stored_height, stored_width; // as stored
    int32_t orientation;                 // of EXIF, 1 (as stored) to 8
    bool colour;                         // more than grey
} lw_image_header;

// Reads the header without decoding anything. *enough false: it lies behind the bytes given; try
// again with the whole file. LW_ERROR_INPUT: no image, too large, or damaged;
// LW_ERROR_UNSUPPORTED: this build cannot read the format.
lw_status lw_image_read_header(lw_image_header *header, const lw_image_bytes *file, bool *enough);

// Memory that decoding needs on the way, kept from one image to the next. Starts as {0}; one a
// thread.
typedef struct lw_image_scratch {
    uint8_t *bytes;
    size_t capacity;
} lw_image_scratch;

// At least `count` bytes, not set to anything; NULL without memory.
uint8_t *lw_image_scratch_reserve(lw_image_scratch *scratch, size_t count);
void lw_image_scratch_free(lw_image_scratch *scratch);

// Decodes a whole file, whose header was read, into `pixels` (height, width, channels), with
// `channels` 1 or 3.
lw_status lw_image_decode(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                          const lw_image_bytes *file, lw_image_scratch *scratch);

// ---- the formats; pixels (stored_height, stored_width, channels), not turned ---------------------

lw_status lw_image_decode_png(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                              const lw_image_bytes *file, lw_image_scratch *scratch);
lw_status lw_image_decode_jpeg(uint8_t *pixels, int32_t channels, const lw_image_header *header,
                               const lw_image_bytes *file, lw_image_scratch *scratch);

// A row of `count` pixels with `have` channels (grey, grey + alpha, RGB, RGBA) as 1 or 3 channels:
// grey by the luma of ITU-R 601, alpha blended onto white.
void lw_image_convert_row(const uint8_t *from, int32_t have, uint8_t *to, int32_t wanted,
                          size_t count);

#endif
