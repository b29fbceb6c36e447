// SPDX-License-Identifier: Apache-2.0
// A recipe is one resampling, the crop to its box, and the crop of the result around it; any of them may do
// nothing.
#include "prepare/resize.h"

#include "base/error.h"
#include "base/memory.h"
#include "prepare/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { most_channels = 1024 };

static lw_status check_image(const char *what, int32_t height, int32_t width, int32_t channels)
{
    if (height < 1 || width < 1 || height > LW_RESIZE_LONGEST_SIDE || width > LW_RESIZE_LONGEST_SIDE)
        return lw_fail(LW_ERROR_ARGUMENT, "resize: expected 1 .. %d pixels a side %s, got %dx%d",
                       LW_RESIZE_LONGEST_SIDE, what, width, height);
    if (channels < 1 || channels > most_channels)
        return lw_fail(LW_ERROR_ARGUMENT, "resize: expected 1 .. %d channels, got %d",
                       most_channels, channels);
    return LW_OK;
}

static bool has_box(const lw_resize *resize)
{
    return resize->box_height != 0 || resize->box_width != 0 || resize->box_top != 0 ||
           resize->box_left != 0;
}

// What the mode brings the image to.
static int32_t box_height(const lw_resize *resize)
{
    return has_box(resize) ? resize->box_height : resize->height;
}

static int32_t box_width(const lw_resize *resize)
{
    return has_box(resize) ? resize->box_width : resize->width;
}

// Whether a part of a side of the result, and not only of the box, lies in the other.
static bool overlaps(int32_t begin, int32_t length, int32_t side)
{
    return begin >= -LW_RESIZE_LONGEST_SIDE && begin < side && begin + length > 0;
}

lw_status lw_resize_check_box(const lw_resize *resize)
{
    if (!has_box(resize)) return LW_OK;
    LW_TRY(check_image("of the box", resize->box_height, resize->box_width, 1));
    if (!overlaps(resize->box_top, resize->box_height, resize->height) ||
        !overlaps(resize->box_left, resize->box_width, resize->width))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: nothing of the box %dx%d%+d%+d lies in the result of %dx%d",
                       resize->box_width, resize->box_height, resize->box_left, resize->box_top,
                       resize->width, resize->height);
    return LW_OK;
}

lw_status lw_resize_check(const lw_resize *resize)
{
    if (resize->filter != LW_RESIZE_BILINEAR && resize->filter != LW_RESIZE_AREA)
        return lw_fail(LW_ERROR_ARGUMENT, "resize: there is no filter %d", (int)resize->filter);
    if (resize->mode < LW_RESIZE_STRETCH || resize->mode > LW_RESIZE_CROP)
        return lw_fail(LW_ERROR_ARGUMENT, "resize: there is no mode %d", (int)resize->mode);
    LW_TRY(check_image("of the result", resize->height, resize->width, 1));
    return lw_resize_check_box(resize);
}

lw_status lw_image_resize(const uint8_t *from, int32_t height, int32_t width, int32_t channels,
                          uint8_t *to, int32_t to_height, int32_t to_width, lw_resize_filter filter)
{
    if (!from || !to)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_image_resize: %s is NULL", from ? "to" : "from");
    const lw_resize stretch = {.height = to_height, .width = to_width, .filter = filter};
    LW_TRY(lw_resize_check(&stretch));
    LW_TRY(check_image("of the image", height, width, channels));
    const lw_resampling r = {height, width, to_height, to_width, channels, filter};
    void *scratch;
    LW_TRY(lw_memory_allocate(&scratch, lw_resample_scratch_bytes(&r), "resizing an image"));
    lw_resample(&r, from, scratch, to);
    lw_memory_free(scratch);
    return LW_OK;
}

// The size between the resampling and the crop.
static lw_resampling scaled_size(const lw_resize *resize, int32_t channels, int32_t height,
                                 int32_t width)
{
    lw_resampling r = {height,   width,         box_height(resize), box_width(resize),
                       channels, resize->filter};
    const double by_height = (double)r.to_height / height, by_width = (double)r.to_width / width;
    switch (resize->mode) {
    case LW_RESIZE_STRETCH: return r;
    case LW_RESIZE_CROP:
        r.to_height = height;
        r.to_width = width;
        return r;
    case LW_RESIZE_FIT:
    case LW_RESIZE_COVER: break;
    }
    // One side is met exactly; the other is rounded, and at least a pixel. What covers a small
    // result with a long image is held within the longest side: the crop drops it anyway.
    if ((by_height < by_width) == (resize->mode == LW_RESIZE_FIT))
        r.to_width = (int32_t)fmin(fmax(1.0, round(width * by_height)), LW_RESIZE_LONGEST_SIDE);
    else
        r.to_height = (int32_t)fmin(fmax(1.0, round(height * by_width)), LW_RESIZE_LONGEST_SIDE);
    return r;
}

static bool changes_scale(const lw_resampling *r)
{
    return r->height != r->to_height || r->width != r->to_width;
}

// Scratch: what the resampling needs, the scaled image, and that cropped to the box.
typedef struct pieces {
    size_t resampling_bytes, scaled_bytes, box_bytes;
} pieces;

static pieces scratch_pieces(const lw_resize *resize, const lw_resampling *r)
{
    const size_t channels = (size_t)r->channels;
    pieces p = {LW_ALIGNMENT, 0, 0};
    if (changes_scale(r)) {
        p.resampling_bytes = lw_round_up(lw_resample_scratch_bytes(r), LW_ALIGNMENT);
        p.scaled_bytes = (size_t)r->to_height * (size_t)r->to_width * channels;
    }
    if (has_box(resize))
        p.box_bytes = (size_t)resize->box_height * (size_t)resize->box_width * channels;
    return p;
}

size_t lw_resize_scratch_bytes(const lw_resize *resize, int32_t channels, int32_t height,
                               int32_t width)
{
    const lw_resampling r = scaled_size(resize, channels, height, width);
    const pieces p = scratch_pieces(resize, &r);
    return p.resampling_bytes + p.scaled_bytes + p.box_bytes;
}

void lw_resize_into(const lw_resize *resize, const lw_sample *image, void *scratch, uint8_t *out)
{
    const lw_resampling r = scaled_size(resize, image->channels, image->height, image->width);
    const pieces p = scratch_pieces(resize, &r);
    const int32_t height = box_height(resize), width = box_width(resize);
    const bool crops = r.to_height != height || r.to_width != width, places = has_box(resize);
    const uint8_t *scaled = image->pixels;
    if (changes_scale(&r)) {
        uint8_t *to = crops || places ? (uint8_t *)scratch + p.resampling_bytes : out;
        lw_resample(&r, image->pixels, scratch, to);
        scaled = to;
    }
    // Centred; an odd pixel more is left over on the right and below.
    if (crops || (scaled == image->pixels && !places)) {
        uint8_t *to = places ? (uint8_t *)scratch + p.resampling_bytes + p.scaled_bytes : out;
        lw_crop(scaled, r.to_height, r.to_width, r.channels, (r.to_height - height) / 2,
                (r.to_width - width) / 2, to, height, width, resize->fill);
        scaled = to;
    }
    if (places)
        lw_crop(scaled, height, width, r.channels, -resize->box_top, -resize->box_left, out,
                resize->height, resize->width, resize->fill);
}

lw_status lw_resize_apply(const lw_resize *resize, const lw_sample *image, uint8_t **pixels)
{
    if (!resize || !image || !pixels || !image->pixels)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_resize_apply: got NULL");
    *pixels = NULL;
    LW_TRY(lw_resize_check(resize));
    LW_TRY(check_image("of the image", image->height, image->width, image->channels));
    void *scratch;
    LW_TRY(lw_memory_allocate(
        &scratch, lw_resize_scratch_bytes(resize, image->channels, image->height, image->width),
        "resizing an image"));
    *pixels = malloc((size_t)resize->height * (size_t)resize->width * (size_t)image->channels);
    if (*pixels) lw_resize_into(resize, image, scratch, *pixels);
    lw_memory_free(scratch);
    return *pixels ? LW_OK
                   : lw_fail(LW_ERROR_MEMORY, "no memory for an image of %dx%d pixels",
                             resize->width, resize->height);
}
