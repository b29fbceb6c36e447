// SPDX-License-Identifier: Apache-2.0
#include "nn/stage_dense.h"

#include "base/error.h"
#include "base/memory.h"
#include "cpu/kernel_table.h"

#include <stdlib.h>

static int32_t blocks_of(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t larger(int64_t a, int64_t b)
{
    return (int32_t)(a > b ? a : b);
}

// Measured (AVX-512, 16 to 128 channels, 8x8 to 64x64 outputs), times of lists over those of tiles.
// Without a ReLU 1.2 to 10. With half of the gradients alive: for 1x1 kernels 1.0 to 4.1, 1x3 1.2
// to 2.7, 2x2 1.0 to 1.9; 3x3 0.6 to 1.2, 5x5 0.5 to 1.2, but backward-data 1.2 to 1.8 where
// weights exceed the second-level cache; first layers 0.6 to 1.2. The mask is not counted.
bool lw_dense_stage_pays(const lw_stage *stage, lw_conv_pass pass)
{
    const int32_t few_taps = 4, most_stride = 8;
    const int64_t large_weights = 1 << 18;
    const lw_conv_geometry *g = &stage->conv;
    if (g->pool || pass == LW_CONV_FORWARD) return false;
    // Phases are computed one by one, also those without a tap.
    if (pass == LW_CONV_BACKWARD_DATA && (g->stride_h > smaller(g->kh + 1, most_stride) ||
                                          g->stride_w > smaller(g->kw + 1, most_stride)))
        return false;
    if (!g->relu) return true;
    if (stage->weights->conv.first) return false;
    if ((int64_t)g->kh * g->kw <= few_taps) return true;
    return pass == LW_CONV_BACKWARD_DATA && stage->weights->weights_floats >= large_weights;
}

// ---- backward-data ------------------------------------------------------------------------------

static lw_conv_axis axis_of(int32_t in, int32_t out, int32_t kernel, int32_t stride,
                            int32_t dilation, int32_t pad)
{
    return (lw_conv_axis){.in = out,
                          .out = in,
                          .kernel = kernel,
                          .stride = stride,
                          .dilation = dilation,
                          .pad = pad,
                          .backward = true};
}

// Pixels that are read before the first and behind the last one of dy, the larger of them.
static int32_t halo_of(const lw_conv_axis *axis)
{
    int64_t first, last;
    lw_conv_axis_reads(axis, 0, lw_conv_axis_count(axis, 0), &first, &last);
    return larger(larger(0, -first), last - (axis->in - 1));
}

void lw_dense_stage_halo(const lw_stage *stage, const lw_map *in, const lw_map *out,
                         int32_t *halo_h, int32_t *halo_w)
{
    const lw_conv_geometry *g = &stage->conv;
    const lw_conv_axis h =
        axis_of(in->height, out->height, g->kh, g->stride_h, g->dilation_h, stage->pad_h);
    const lw_conv_axis w =
        axis_of(in->width, out->width, g->kw, g->stride_w, g->dilation_w, stage->pad_w);
    *halo_h = halo_of(&h);
    *halo_w = halo_of(&w);
}

static lw_conv_map conv_map(const lw_map *map)
{
    return (lw_conv_map){.image = map->image,
                         .channel = 1,
                         .row = map->row,
                         .pixel = map->pixel,
                         .origin = map->origin,
                         .channels = map->extent.channels,
                         .height = map->height,
                         .width = map->width,
                         .padded_channels = (int32_t)map->pixel,
                         .halo_h = map->halo_h,
                         .halo_w = map->halo_w};
}

// The problem of one image. Of the outputs only those that are computed are there, which may be
// fewer than the shape has.
static lw_conv_problem problem_of(const lw_stage *stage, const lw_map *in, const lw_map *out)
{
    const lw_conv_geometry *g = &stage->conv;
    lw_conv_problem problem = {.pass = LW_CONV_BACKWARD_DATA,
                               .threads = 1,
                               .layout = LW_CONV_LAYOUT_PADDED,
                               .x = conv_map(in),
                               .y = conv_map(out)};
    problem.sizes.shape = (lw_conv_shape){.n = 1,
                                          .ic = g->ic,
                                          .ih = in->height,
                                          .iw = in->width,
                                          .oc = g->oc,
                                          .kh = g->kh,
                                          .kw = g->kw,
                                          .stride_h = g->stride_h,
                                          .stride_w = g->stride_w,
                                          .pad_h = stage->pad_h,
                                          .pad_w = stage->pad_w,
                                          .dilation_h = g->dilation_h,
                                          .dilation_w = g->dilation_w};
    problem.sizes.oh = out->height;
    problem.sizes.ow = out->width;
    problem.sizes.positions = (int64_t)out->height * out->width;
    problem.sizes.taps = (int64_t)g->kh * g->kw;
    problem.sizes.depth = g->ic * problem.sizes.taps;
    return problem;
}

lw_status lw_dense_stage_create(lw_dense_stage **dense, const lw_stage *stage, const lw_map *in,
                                const lw_map *out)
{
    *dense = NULL;
    lw_dense_stage *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for the plan of a convolution");
    made->problem = problem_of(stage, in, out);
    made->plan = lw_conv_dense_plan(&made->problem, true);
    made->workspace_bytes = lw_conv_workspace_bytes(&made->plan.booking, 1);
    *dense = made;
    return LW_OK;
}

void lw_dense_stage_destroy(lw_dense_stage **dense)
{
    free(*dense);
    *dense = NULL;
}

void lw_dense_stage_backward_data(const lw_dense_call *call, const float *dy, const float *values,
                                  uint64_t version, float *dx, lw_dense_buffers *buffers)
{
    const lw_conv_dense *dense = &call->stage->dense_data->plan;
    void *workspace = buffers->workspace;
    float *packed = lw_conv_shared_piece(workspace, dense->weights_at);
    if (buffers->version != version) {
        const lw_conv_weights_order order = lw_conv_stage_order(&call->stage->weights->conv);
        lw_conv_dense_pack(dense, &order, values, packed, 0, 1);
        buffers->version = version;
    }
    const lw_conv_booking *booking = &dense->booking;
    const lw_conv_dense_work work = {
        .dense = dense,
        .in = dy,
        .packed = packed,
        .out = dx,
        .runs = (void *)lw_conv_thread_piece(booking, workspace, 0, dense->runs_at),
        .in_scratch = lw_conv_thread_piece(booking, workspace, 0, dense->in_at),
        .out_scratch = lw_conv_thread_piece(booking, workspace, 0, dense->out_at)};
    for (int32_t n = 0; n < call->images; n++)
        for (int32_t band = 0; band < dense->bands; band++)
            lw_conv_dense_band(&work, n, band, 0, dense->panels);
}

// ---- backward-weights ---------------------------------------------------------------------------
//
// The sums of a tile are added where the gradient stands: lanes are its blocks of 16 channels, rows
// what lies between them. So nothing is packed and nothing copied.

// A strip: some rows of some images, with about this many outputs, whose lines of one block of x
// and of dy stay in L1 while all taps are computed.
enum { strip_outputs = 256 };

typedef struct strip {
    int32_t image, images, row, rows;
} strip;

// What all products of a strip have in common.
static lw_dense_products products_of(const lw_dense_call *call, const strip *at)
{
    return (lw_dense_products){.images = at->images,
                               .rows = at->rows,
                               .columns = call->stage->conv.ow,
                               .planes = 1,
                               .runs = 1,
                               .lanes = LW_BLOCK};
}

static void add_products(const lw_dense_products *g, const float *a, const float *b, float *sums)
{
    const lw_kernel_table *kernels = lw_kernels();
    kernels->dense_backward_weights(g, a, b, sums, true, 0,
                                    kernels->dense_backward_weights_tiles(g));
}

// [block of ic][oc][tap][16 ic]: for each tap, the channels of dy times a block of x.
static void add_strip(const lw_dense_call *call, const strip *at, const float *x, const float *dy,
                      float *dweights)
{
    const lw_conv_geometry *s = &call->stage->conv;
    const int64_t taps = (int64_t)s->kh * s->kw;
    lw_dense_products g = products_of(call, at);
    g.length = s->oc;
    g.a_image = call->out->image, g.a_row = s->dy_row, g.a_pixel = s->dy_pixel;
    g.b_image = call->in->image;
    g.b_row = s->stride_h * s->x_row, g.b_pixel = s->stride_w * s->x_pixel;
    g.sums_row = taps * LW_BLOCK;
    for (int32_t block = 0; block < blocks_of(s->ic); block++)
        for (int32_t kh = 0; kh < s->kh; kh++)
            for (int32_t kw = 0; kw < s->kw; kw++)
                add_products(&g, dy,
                             x + block * LW_BLOCK + (int64_t)kh * s->dilation_h * s->x_row +
                                 (int64_t)kw * s->dilation_w * s->x_pixel,
                             dweights + (block * s->oc * taps + kh * s->kw + kw) * LW_BLOCK);
}

// [block of oc][kh][kw][ic][16 oc]: the taps and channels of x times a block of dy.
static void add_strip_first(const lw_dense_call *call, const strip *at, const float *x,
                            const float *dy, float *dweights)
{
    const lw_conv_geometry *s = &call->stage->conv;
    const bool together = s->dilation_w == 1 && s->x_pixel == s->ic; // a row of taps
    lw_dense_products g = products_of(call, at);
    g.planes = s->kh;
    g.runs = together ? 1 : s->kw;
    g.length = together ? s->kw * s->ic : s->ic;
    g.a_plane = s->dilation_h * s->x_row, g.a_run = s->dilation_w * s->x_pixel;
    g.a_image = call->in->image;
    g.a_row = s->stride_h * s->x_row, g.a_pixel = s->stride_w * s->x_pixel;
    g.b_image = call->out->image, g.b_row = s->dy_row, g.b_pixel = s->dy_pixel;
    g.sums_row = LW_BLOCK;
    const int64_t block_floats = (int64_t)s->kh * s->kw * s->ic * LW_BLOCK;
    for (int32_t block = 0; block < blocks_of(s->oc); block++)
        add_products(&g, x, dy + block * LW_BLOCK, dweights + block * block_floats);
}

static void add_bias(const lw_dense_call *call, const strip *at, const float *dy, float *dbias)
{
    static const float one = 1.0f;
    const lw_conv_geometry *s = &call->stage->conv;
    lw_dense_products g = products_of(call, at);
    g.length = 1;
    g.lanes = blocks_of(s->oc) * LW_BLOCK;
    g.b_image = call->out->image, g.b_row = s->dy_row, g.b_pixel = s->dy_pixel;
    g.sums_row = g.lanes;
    add_products(&g, &one, dy, dbias);
}

void lw_dense_stage_backward_weights(const lw_dense_call *call, const float *x, const float *dy,
                                     float *dweights, float *dbias)
{
    const lw_conv_geometry *s = &call->stage->conv;
    const int64_t outputs = (int64_t)s->oh * s->ow;
    const int32_t images = larger(1, strip_outputs / outputs);
    const int32_t rows = larger(1, smaller(s->oh, strip_outputs / s->ow));
    strip at;
    for (at.image = 0; at.image < call->images; at.image += images)
        for (at.row = 0; at.row < s->oh; at.row += rows) {
            at.images = smaller(images, call->images - at.image);
            at.rows = smaller(rows, s->oh - at.row);
            const float *strip_x =
                x + at.image * call->in->image + (int64_t)at.row * s->stride_h * s->x_row;
            const float *strip_dy = dy + at.image * call->out->image + at.row * s->dy_row;
            if (call->stage->weights->conv.first)
                add_strip_first(call, &at, strip_x, strip_dy, dweights);
            else
                add_strip(call, &at, strip_x, strip_dy, dweights);
            add_bias(call, &at, strip_dy, dbias);
        }
}
