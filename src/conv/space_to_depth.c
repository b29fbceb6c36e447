// SPDX-License-Identifier: Apache-2.0
// Space to depth: where pixels and weights go.
#include "conv/space_to_depth.h"

#include "simd/winograd_strided.h"

#include <string.h>

int32_t lw_conv_depth_taps(int32_t kernel, int32_t stride)
{
    return kernel / stride + (kernel % stride > 0);
}

lw_conv_depth lw_conv_depth_of(const lw_conv_problem *problem, int32_t taps)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    lw_conv_depth depth = {.stride_h = s->stride_h,
                           .stride_w = s->stride_w,
                           .pad_h = s->pad_h,
                           .pad_w = s->pad_w,
                           .ic = s->ic,
                           .channels = s->ic * s->stride_h * s->stride_w,
                           .kh = s->kh,
                           .kw = s->kw,
                           .taps = taps,
                           .height = lw_winograd_strided_inputs(taps, problem->sizes.oh),
                           .width = lw_winograd_strided_inputs(taps, problem->sizes.ow)};
    depth.pixel = lw_conv_round_up(depth.channels, LW_BLOCK);
    depth.row = depth.width * depth.pixel;
    depth.floats = depth.height * depth.row;
    depth.view = (lw_conv_view){.channels = s->ic, .height = s->ih, .width = s->iw};
    lw_conv_view_layout(&depth.view, &problem->x, false);
    return depth;
}

int64_t lw_conv_depth_weight(const lw_conv_depth *depth, int32_t ic, int32_t kh, int32_t kw)
{
    const int64_t channel =
        (kh % depth->stride_h * depth->stride_w + kw % depth->stride_w) * depth->ic + ic;
    return (channel * depth->taps + kh / depth->stride_h) * depth->taps + kw / depth->stride_w;
}

// Runs of `length` floats, side by side, to places `step` floats apart. The usual lengths are
// compiled for themselves: a call of memcpy takes longer than the copy.
static inline void copy_runs_of(int32_t length, const float *from, int32_t count, float *to,
                                int64_t step)
{
    for (int32_t i = 0; i < count; i++, from += length, to += step)
        memcpy(to, from, (size_t)length * sizeof *to);
}

static void copy_runs(int32_t length, const float *from, int32_t count, float *to, int64_t step)
{
    switch (length) {
    case 2: copy_runs_of(2, from, count, to, step); break;
    case 4: copy_runs_of(4, from, count, to, step); break;
    case 6: copy_runs_of(6, from, count, to, step); break;
    case 8: copy_runs_of(8, from, count, to, step); break;
    default: copy_runs_of(length, from, count, to, step); break;
    }
}

// A row of the image to the blocks that it belongs to; `to` is its first channel in block 0.
static void copy_row(const lw_conv_depth *depth, const float *from, float *to)
{
    const int32_t ic = depth->ic, stride = depth->stride_w;
    int32_t w = 0, width = depth->view.width;
    const int64_t covered = (int64_t)depth->width * stride - depth->pad_w; // pixels that are read
    if (width > covered) width = covered > 0 ? (int32_t)covered : 0;
    while (w < width) {
        const int32_t block = (w + depth->pad_w) / stride, inside = (w + depth->pad_w) % stride;
        const int32_t blocks = (width - w) / stride;
        if (inside == 0 && blocks > 0 && depth->view.pixel == ic) {
            copy_runs(stride * ic, from + (int64_t)w * ic, blocks, to + block * depth->pixel,
                      depth->pixel);
            w += blocks * stride;
            continue;
        }
        memcpy(to + block * depth->pixel + inside * ic, from + w * depth->view.pixel,
               (size_t)ic * sizeof *to);
        w++;
    }
}

void lw_conv_depth_read(const lw_conv_depth *depth, const lw_conv_map *map, const float *x,
                        int64_t n, float *scratch, float *to)
{
    const float *image = lw_conv_view_read(&depth->view, map, x, n, scratch);
    memset(to, 0, (size_t)depth->floats * sizeof *to);
    for (int32_t h = 0; h < depth->view.height; h++) {
        const int32_t block = (h + depth->pad_h) / depth->stride_h;
        const int32_t inside = (h + depth->pad_h) % depth->stride_h;
        if (block >= depth->height) break;
        copy_row(depth, image + h * depth->view.row,
                 to + block * depth->row + (int64_t)inside * depth->stride_w * depth->ic);
    }
}
