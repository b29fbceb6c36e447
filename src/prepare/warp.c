// SPDX-License-Identifier: Apache-2.0
// The image is spread out once into words that hold the four neighbours of a place; the kernel then
// walks each row of the result through them. Around the image lies a rim of `fill`, and places
// further out are moved to it: so the border needs no branch.
#include "prepare/warp.h"

#include "base/memory.h"
#include "cpu/kernel_table.h"
#include "prepare/displacement.h"

#include <math.h>
#include <string.h>

// Places in fixed point: 32 fraction bits where a row starts, 16 within a block of LW_WARP_PIXELS. 64 steps
// of a rounded sixteenth bit stay within 2^-11 of a pixel, and within the range of the type.
enum { rim = 1 };

lw_affine lw_affine_then(lw_affine first, lw_affine second)
{
    return (lw_affine){
        second.xx * first.xx + second.xy * first.yx,
        second.xx * first.xy + second.xy * first.yy,
        second.xx * first.x0 + second.xy * first.y0 + second.x0,
        second.yx * first.xx + second.yy * first.yx,
        second.yx * first.xy + second.yy * first.yy,
        second.yx * first.x0 + second.yy * first.y0 + second.y0,
    };
}

// What rounds to the identity in fixed point is one.
bool lw_affine_is_identity(lw_affine map)
{
    const double bit = 0x1p-33;
    return fabs(map.xx - 1.0) < bit && fabs(map.xy) < bit && fabs(map.x0) < bit &&
           fabs(map.yx) < bit && fabs(map.yy - 1.0) < bit && fabs(map.y0) < bit;
}

// ---- the words of one channel -----------------------------------------------------------------

typedef struct plane {
    uint32_t *quads;
    uint8_t *padded;
    int32_t stride, rows; // of the words
    int32_t padded_stride;
} plane;

static size_t quads_bytes(int32_t height, int32_t width)
{
    return lw_round_up((size_t)(height + 2 * rim) * (size_t)(width + 2 * rim) * sizeof(uint32_t),
                       LW_ALIGNMENT);
}

// The last row and column of words look one pixel further.
static size_t padded_bytes(int32_t height, int32_t width)
{
    return lw_round_up((size_t)(height + 2 * rim + 1) * (size_t)(width + 2 * rim + 1),
                       LW_ALIGNMENT);
}

static void pad_plane(const plane *p, const lw_warp *warp, const uint8_t *from, int32_t channel)
{
    const size_t stride = (size_t)p->padded_stride, channels = (size_t)warp->channels;
    memset(p->padded, warp->fill, stride * (size_t)(p->rows + 1));
    for (int32_t y = 0; y < warp->height; y++) {
        uint8_t *to = p->padded + (size_t)(y + rim) * stride + rim;
        const uint8_t *row = from + (size_t)y * (size_t)warp->width * channels + (size_t)channel;
        if (channels == 1)
            memcpy(to, row, (size_t)warp->width);
        else
            for (int32_t x = 0; x < warp->width; x++) to[x] = row[(size_t)x * channels];
    }
}

static void fill_quads(const plane *p)
{
    for (int32_t y = 0; y < p->rows; y++) {
        const uint8_t *top = p->padded + (size_t)y * (size_t)p->padded_stride;
        const uint8_t *bottom = top + p->padded_stride;
        uint32_t *to = p->quads + (size_t)y * (size_t)p->stride;
        for (int32_t x = 0; x < p->stride; x++)
            to[x] = (uint32_t)top[x] | (uint32_t)top[x + 1] << 8 | (uint32_t)bottom[x] << 16 |
                    (uint32_t)bottom[x + 1] << 24;
    }
}

// ---- the walk ---------------------------------------------------------------------------------

static int64_t fixed_32(double value)
{
    return llround(ldexp(value, 32));
}

// A start so far out that the block cannot reach the image is as good as any other such start: so
// places never leave the range of 16.16 bits. A block moves by less than 2,000 pixels (lw_augment's
// ranges), displacements by less than 2,000.
static int32_t block_start(int64_t start)
{
    const int64_t pixel = 1LL << 32, low = -8192 * pixel, high = (16384 + 8192) * pixel;
    start = start < low ? low : start > high ? high : start;
    // The kernel cuts places off to 8 fraction bits; half a step makes that rounding.
    return (int32_t)((start + (1 << 15)) >> 16) + (1 << 7);
}

// The map in fixed point, from a pixel of the result to a word of the plane.
typedef struct fixed_map {
    int64_t xx, xy, x0, yx, yy, y0;
} fixed_map;

static fixed_map fix_map(const lw_affine *map)
{
    return (fixed_map){fixed_32(map->xx), fixed_32(map->xy), fixed_32(map->x0 + rim),
                       fixed_32(map->yx), fixed_32(map->yy), fixed_32(map->y0 + rim)};
}

// `rows` rows of the result from row y on.
static void warp_rows(const plane *p, const fixed_map *map, int32_t y, int32_t rows, int32_t width,
                      const lw_displacement_rows *displaced, uint8_t *to)
{
    int32_t x_starts[LW_WARP_LINES], y_starts[LW_WARP_LINES];
    lw_warp_lines lines = {
        .quads = p->quads,
        .stride = p->stride,
        .last_x = p->stride - 1,
        .last_y = p->rows - 1,
        .rows = rows,
        .x = x_starts,
        .y = y_starts,
        .dx = (int32_t)((map->xx + (1 << 15)) >> 16),
        .dy = (int32_t)((map->yx + (1 << 15)) >> 16),
        .out_row = width,
    };
    for (int32_t x = 0; x < width; x += LW_WARP_PIXELS) {
        for (int32_t row = 0; row < rows; row++) {
            x_starts[row] = block_start(map->xx * x + map->xy * (y + row) + map->x0);
            y_starts[row] = block_start(map->yx * x + map->yy * (y + row) + map->y0);
        }
        lines.count = width - x < LW_WARP_PIXELS ? width - x : LW_WARP_PIXELS;
        lines.offset_x = displaced ? displaced->x + x : NULL;
        lines.offset_y = displaced ? displaced->y + x : NULL;
        lw_kernels()->warp_bytes(&lines, to + x);
    }
}

// Rows that the kernel takes at once: displacements are made for one.
static int32_t rows_at_once(bool displaces)
{
    return displaces ? 1 : LW_WARP_LINES;
}

static void warp_plane(const lw_warp *warp, const plane *p, int32_t channel, void *scratch,
                       uint8_t *to)
{
    // All channels of an image are displaced alike: the field is made again for each.
    const bool displaces = warp->displacement.rms > 0.0f;
    const size_t channels = (size_t)warp->channels, width = (size_t)warp->width;
    const fixed_map map = fix_map(&warp->map);
    uint8_t *lines = scratch;
    lw_displacement_rows displaced;
    if (displaces)
        displaced = lw_displacement_begin(&warp->displacement, warp->width,
                                          lines + lw_round_up(LW_WARP_LINES * width, LW_ALIGNMENT));
    for (int32_t y = 0; y < warp->height; y += rows_at_once(displaces)) {
        const int32_t left = warp->height - y, most = rows_at_once(displaces);
        const int32_t rows = left < most ? left : most;
        uint8_t *target = to + (size_t)y * width * channels;
        if (displaces) lw_displacement_row(&displaced, y);
        warp_rows(p, &map, y, rows, warp->width, displaces ? &displaced : NULL,
                  channels == 1 ? target : lines);
        if (channels == 1) continue;
        for (size_t i = 0; i < (size_t)rows * width; i++)
            target[i * channels + (size_t)channel] = lines[i];
    }
}

size_t lw_warp_scratch_bytes(int32_t height, int32_t width, bool displaces)
{
    return quads_bytes(height, width) + padded_bytes(height, width) +
           lw_round_up(LW_WARP_LINES * (size_t)width, LW_ALIGNMENT) +
           (displaces ? lw_displacement_scratch_bytes(width) : 0);
}

void lw_warp_image(const lw_warp *warp, const uint8_t *from, void *scratch, uint8_t *to)
{
    unsigned char *bytes = scratch;
    plane p = {.stride = warp->width + 2 * rim,
               .rows = warp->height + 2 * rim,
               .padded_stride = warp->width + 2 * rim + 1};
    p.quads = (uint32_t *)(void *)bytes;
    p.padded = bytes + quads_bytes(warp->height, warp->width);
    void *rest = p.padded + padded_bytes(warp->height, warp->width);
    for (int32_t channel = 0; channel < warp->channels; channel++) {
        pad_plane(&p, warp, from, channel);
        fill_quads(&p);
        warp_plane(warp, &p, channel, rest, to);
    }
}
