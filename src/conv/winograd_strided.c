// SPDX-License-Identifier: Apache-2.0
// What forward and backward-weights of large strided convolutions by the Winograd algorithm have in
// common: which shapes they take, and how images are cut up.
#include "conv/winograd_strided.h"

#include <stdio.h>

bool lw_conv_winograd_is_plain(const lw_conv_shape *s)
{
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1;
}

int32_t lw_conv_winograd_strided_taps(const lw_conv_shape *s)
{
    const int32_t down = lw_conv_depth_taps(s->kh, s->stride_h);
    const int32_t across = lw_conv_depth_taps(s->kw, s->stride_w);
    return down > across ? down : across;
}

static bool refuse(lw_conv_answer *answer)
{
    answer->possible = false;
    return false;
}

bool lw_conv_winograd_strided_fits(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int32_t most_outputs = 1 << 24; // keeps the sizes of a row of tiles within 32 bits
    if (s->dilation_h != 1 || s->dilation_w != 1) {
        snprintf(answer->reason, sizeof answer->reason,
                 "it is for dense kernels, the dilation is %dx%d", s->dilation_h, s->dilation_w);
        return refuse(answer);
    }
    const int32_t down = lw_conv_depth_taps(s->kh, s->stride_h);
    const int32_t across = lw_conv_depth_taps(s->kw, s->stride_w);
    if (down < 3 || down > 4 || across < 3 || across > 4) {
        snprintf(answer->reason, sizeof answer->reason,
                 "it is for 3x3 kernels, or others of 3 or 4 strides; this one is %dx%d with a "
                 "stride of %dx%d",
                 s->kh, s->kw, s->stride_h, s->stride_w);
        return refuse(answer);
    }
    const double channels = (double)s->ic * s->stride_h * s->stride_w;
    if (channels > LW_WINOGRAD_STRIDED_CHANNELS) {
        snprintf(answer->reason, sizeof answer->reason,
                 "of kernels other than 3x3 it is for first layers: at most %d channels of "
                 "input times stride, not %.0f",
                 LW_WINOGRAD_STRIDED_CHANNELS, channels);
        return refuse(answer);
    }
    if (sizes->oh > most_outputs || sizes->ow > most_outputs) {
        snprintf(answer->reason, sizeof answer->reason, "it takes at most %d outputs a side",
                 most_outputs);
        return refuse(answer);
    }
    return lw_conv_channels_fit(problem, answer);
}

lw_winograd_strided lw_conv_winograd_strided_geometry(const lw_conv_sizes *sizes,
                                                      const lw_conv_depth *depth,
                                                      const lw_conv_view *y)
{
    return (lw_winograd_strided){.taps = depth->taps,
                                 .ic = depth->channels,
                                 .oc = y->channels,
                                 .oh = sizes->oh,
                                 .ow = sizes->ow,
                                 .x_row = depth->row,
                                 .x_pixel = depth->pixel,
                                 .y_row = y->row,
                                 .y_pixel = y->pixel};
}

lw_conv_strips lw_conv_winograd_strips(const lw_conv_problem *problem, int32_t taps,
                                       int32_t channels)
{
    // Two threads, or four, should get about as much each.
    enum { least_strips = 16 };
    const lw_conv_sizes *sizes = &problem->sizes;
    lw_conv_strips strips = {.tiles_h = lw_winograd_strided_tiles(taps, sizes->oh),
                             .tiles_w = lw_winograd_strided_tiles(taps, sizes->ow)};
    const int32_t block = lw_winograd_strided_block(channels);
    const int64_t tiles = (int64_t)strips.tiles_h * strips.tiles_w;
    int64_t count = (tiles + block - 1) / block;
    const int64_t wanted = (least_strips + sizes->shape.n - 1) / sizes->shape.n;
    if (count < wanted) count = wanted;
    strips.count = (int32_t)lw_conv_smaller(count, strips.tiles_h);
    strips.most_rows = (strips.tiles_h + strips.count - 1) / strips.count;
    return strips;
}

double lw_conv_winograd_strided_inputs_cycles(const lw_conv_problem *problem,
                                              const lw_conv_depth *depth,
                                              const lw_conv_strips *strips, int vector_floats)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    const double images = s->n, pixels = (double)s->ih * s->iw;
    const double vectors = (double)depth->pixel / vector_floats;
    const double tiles = (double)strips->tiles_h * strips->tiles_w;
    const double copied = depth->view.in_place ? 0.0 : pixels * s->ic;
    return images *
           (0.5 * (double)depth->floats / LW_BLOCK + pixels + copied + 200.0 * tiles * vectors);
}
