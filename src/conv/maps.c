// SPDX-License-Identifier: Apache-2.0
// Layouts of maps, and copies of images between them.
#include "conv/maps.h"

#include "base/error.h"
#include "base/memory.h"
#include "conv/shape.h"
#include "cpu/kernel_table.h"
#include "simd/kernels.h"

#include <string.h>

_Static_assert((int)LW_CONV_CHANNEL_BLOCK == (int)LW_BLOCK, "one block for users and kernels");
_Static_assert((int)LW_CONV_FEW_CHANNELS == (int)LW_FIRST_CHANNELS, "the same first layers");

static int32_t at_least_zero(int64_t value)
{
    return value > 0 ? (int32_t)value : 0;
}

// Sets the strides of a map whose sizes and halo are known; false when an array of n such images
// would be too large.
static bool set_strides(lw_conv_map *map, lw_conv_layout layout, int32_t n, int64_t *floats)
{
    if (layout == LW_CONV_LAYOUT_NCHW) {
        map->pixel = 1;
        map->row = map->width;
        map->channel = map->row * map->height;
        map->image = map->channel * map->channels;
        *floats = map->image * n; // lw_conv_sizes_of has checked it
        return true;
    }
    size_t pixel = (size_t)map->padded_channels, row, image, all, bytes;
    if (!lw_size_multiply(pixel, (size_t)map->width + 2 * (size_t)map->halo_w, &row) ||
        !lw_size_multiply(row, (size_t)map->height + 2 * (size_t)map->halo_h, &image) ||
        !lw_size_multiply(image, (size_t)n, &all) ||
        !lw_size_multiply(all, sizeof(float), &bytes) || bytes > PTRDIFF_MAX)
        return false;
    map->channel = 1;
    map->pixel = (int64_t)pixel;
    map->row = (int64_t)row;
    map->image = (int64_t)image;
    map->origin = map->halo_h * map->row + map->halo_w * map->pixel;
    *floats = (int64_t)all;
    return true;
}

static int32_t padded(int32_t channels, bool few_stay)
{
    if (few_stay && channels <= LW_FIRST_CHANNELS) return channels;
    return channels > INT32_MAX - LW_BLOCK ? channels
                                           : (channels + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
}

lw_status lw_conv_maps(const lw_conv_shape *shape, lw_conv_layout layout, lw_conv_map *x,
                       lw_conv_map *y, int64_t *x_floats, int64_t *y_floats)
{
    lw_conv_sizes sizes;
    LW_TRY(lw_conv_sizes_of(shape, &sizes));
    if (strcmp(lw_conv_layout_name(layout), "unknown") == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_maps: there is no layout %d", (int)layout);
    lw_conv_map in = {.channels = shape->ic,
                      .height = shape->ih,
                      .width = shape->iw,
                      .padded_channels = shape->ic};
    lw_conv_map out = {
        .channels = shape->oc, .height = sizes.oh, .width = sizes.ow, .padded_channels = shape->oc};
    if (layout == LW_CONV_LAYOUT_PADDED) {
        in.padded_channels = padded(shape->ic, true);
        out.padded_channels = padded(shape->oc, false);
        in.halo_h = shape->pad_h;
        in.halo_w = shape->pad_w;
        int64_t reach_h = (int64_t)shape->dilation_h * (shape->kh - 1);
        int64_t reach_w = (int64_t)shape->dilation_w * (shape->kw - 1);
        out.halo_h = at_least_zero(reach_h - shape->pad_h);
        out.halo_w = at_least_zero(reach_w - shape->pad_w);
    }
    int64_t in_floats, out_floats;
    if (!set_strides(&in, layout, shape->n, &in_floats) ||
        !set_strides(&out, layout, shape->n, &out_floats))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "convolution shape: a padded array is larger than memory can be");
    if (x) *x = in;
    if (y) *y = out;
    if (x_floats) *x_floats = in_floats;
    if (y_floats) *y_floats = out_floats;
    return LW_OK;
}

// ---- views --------------------------------------------------------------------------------------

void lw_conv_view_layout(lw_conv_view *view, const lw_conv_map *map, bool written)
{
    int32_t block = view->padded_channels ? LW_BLOCK : 1;
    int64_t pixel = lw_conv_round_up(view->channels, block);
    bool halo = view->top <= map->halo_h && view->bottom <= map->halo_h &&
                view->left <= map->halo_w && view->right <= map->halo_w;
    view->in_place = map->channel == 1 && map->padded_channels >= pixel && (written || halo);
    if (view->in_place) {
        view->pixel = map->pixel;
        view->row = map->row;
        view->origin = map->origin;
        view->scratch_floats = 0;
        return;
    }
    int64_t width = (int64_t)view->width, height = (int64_t)view->height;
    if (!written) {
        width += (int64_t)view->left + view->right;
        height += (int64_t)view->top + view->bottom;
    }
    view->pixel = pixel;
    view->row = width * pixel;
    view->origin = written ? 0 : view->top * view->row + view->left * pixel;
    view->scratch_floats = height * view->row;
}

void lw_conv_view_layout_part(lw_conv_view *part, int32_t channels, const lw_conv_map *map)
{
    lw_conv_view whole = *part;
    whole.channels = channels;
    lw_conv_view_layout(&whole, map, false);
    lw_conv_map elsewhere = *map;
    if (!whole.in_place) elsewhere.padded_channels = 0; // never in place
    lw_conv_view_layout(part, &elsewhere, false);
}

// Copies pixels of `channels` channels between strides; one of the two has its channels together.
static void copy_row(const float *from, int64_t from_pixel, int64_t from_channel, float *to,
                     int64_t to_pixel, int64_t to_channel, int32_t width, int32_t channels)
{
    if (from_channel == 1 && to_channel == 1) {
        for (int32_t w = 0; w < width; w++)
            memcpy(to + w * to_pixel, from + w * from_pixel, (size_t)channels * sizeof *to);
        return;
    }
    if (from_pixel == 1 && to_channel == 1) {
        lw_kernels()->transpose(from, from_channel, channels, width, to, to_pixel);
        return;
    }
    if (from_channel == 1 && to_pixel == 1) {
        lw_kernels()->transpose(from, from_pixel, width, channels, to, to_channel);
        return;
    }
    // Blocks of pixels and channels that stay in L1 while one side is walked across its rows.
    enum { block = 16 };
    for (int32_t w0 = 0; w0 < width; w0 += block)
        for (int32_t c0 = 0; c0 < channels; c0 += block) {
            int32_t w_end = w0 + block < width ? w0 + block : width;
            int32_t c_end = c0 + block < channels ? c0 + block : channels;
            for (int32_t c = c0; c < c_end; c++)
                for (int32_t w = w0; w < w_end; w++)
                    to[w * to_pixel + c * to_channel] = from[w * from_pixel + c * from_channel];
        }
}

const float *lw_conv_view_read(const lw_conv_view *view, const lw_conv_map *map, const float *array,
                               int64_t n, float *scratch)
{
    const float *image = array + n * map->image;
    if (view->in_place) return image + view->origin;
    image += map->origin;
    memset(scratch, 0, (size_t)view->scratch_floats * sizeof *scratch);
    float *to = scratch + view->origin;
    for (int32_t h = 0; h < view->height; h++)
        copy_row(image + h * map->row, map->pixel, map->channel, to + h * view->row, view->pixel, 1,
                 view->width, view->channels);
    return to;
}

float *lw_conv_view_target(const lw_conv_view *view, const lw_conv_map *map, float *array,
                           int64_t n, float *scratch)
{
    return view->in_place ? array + n * map->image + view->origin : scratch + view->origin;
}

void lw_conv_view_written(const lw_conv_view *view, const lw_conv_map *map, const float *scratch,
                          int32_t row, int32_t rows, int32_t channel, int32_t channels,
                          float *array, int64_t n)
{
    if (view->in_place) return;
    float *image = array + n * map->image + map->origin + channel * map->channel;
    for (int32_t h = row; h < row + rows; h++)
        copy_row(scratch + view->origin + h * view->row + channel, view->pixel, 1,
                 image + h * map->row, map->pixel, map->channel, view->width, channels);
}
