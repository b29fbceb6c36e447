// SPDX-License-Identifier: Apache-2.0
// Forward and backward-data by the Winograd algorithm. The filters are transformed once, shared by
// all threads. Maps that do not lie as the kernels want them are copied in and out, some images at a
// time; in between each thread takes a range of tile rows or of output channels.
#include "conv/winograd.h"

#include "conv/panels.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"
#include "simd/winograd_tiles.h"

#include <stdio.h>
#include <string.h>

// Copied images in one round, in floats, if one image is not larger.
enum { round_floats = 1 << 22 };

// Transforming the inputs of a tile costs about as much as the products of one pair of blocks of
// output channels.
enum { input_overhead = 1 };

typedef struct winograd_plan {
    const lw_kernel_table *kernels;
    lw_winograd_geometry geometry; // `images` of a round
    lw_conv_winograd_weights weights;
    lw_conv_map in_map, out_map;
    lw_conv_view in, out;
    bool transposed;      // winograd_backward_data does the work, not winograd_forward
    int32_t images;       // all of them
    int32_t pad_h, pad_w; // rows and columns before the first of the input; may be negative
    lw_conv_booking booking;
    size_t filters_at, bias_at, in_at, out_at, scratch_at;
} winograd_plan;

bool lw_conv_winograd_fits(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    const bool three = s->kh == 3 && s->kw == 3, dense = s->dilation_h == 1 && s->dilation_w == 1;
    if (three && dense && s->stride_h == 1 && s->stride_w == 1) return true;
    answer->possible = false;
    if (!three)
        snprintf(answer->reason, sizeof answer->reason, "it is for 3x3 kernels, this one is %dx%d",
                 s->kh, s->kw);
    else if (!dense)
        snprintf(answer->reason, sizeof answer->reason,
                 "it is for dense kernels, the dilation is %dx%d", s->dilation_h, s->dilation_w);
    else
        snprintf(answer->reason, sizeof answer->reason, "it is for strides of 1, these are %dx%d",
                 s->stride_h, s->stride_w);
    return false;
}

static int32_t at_least_zero(int32_t value)
{
    return value > 0 ? value : 0;
}

static int64_t blocks_of(int32_t channels)
{
    return ((int64_t)channels + LW_BLOCK - 1) / LW_BLOCK;
}

// Where the maps of a round are, as the kernel sees them.
static void set_strides(winograd_plan *plan)
{
    lw_winograd_geometry *g = &plan->geometry;
    g->x_image = plan->in.in_place ? plan->in_map.image : plan->in.scratch_floats;
    g->x_row = plan->in.row;
    g->x_pixel = plan->in.pixel;
    g->y_image = plan->out.in_place ? plan->out_map.image : plan->out.scratch_floats;
    g->y_row = plan->out.row;
    g->y_pixel = plan->out.pixel;
}

static winograd_plan make_plan(const lw_conv_problem *problem)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    const bool back = problem->pass == LW_CONV_BACKWARD_DATA;
    // Without padding the transposed algorithm has the fewer products, see the kernel.
    const bool transposed = back && s->pad_h == 0 && s->pad_w == 0;
    winograd_plan plan = {
        .kernels = lw_kernels(),
        .weights = {.order = lw_conv_user_order(s->ic, 3, 3),
                    .exchanged = back,
                    .turned = back && !transposed,
                    .inputs = back ? s->oc : s->ic,
                    .outputs = back ? s->ic : s->oc},
        .in_map = back ? problem->y : problem->x,
        .out_map = back ? problem->x : problem->y,
        .transposed = transposed,
        .images = s->n,
        .pad_h = transposed ? 0
                 : back     ? 2 - s->pad_h
                            : s->pad_h,
        .pad_w = transposed ? 0
                 : back     ? 2 - s->pad_w
                            : s->pad_w,
    };
    const lw_conv_map *in = &plan.in_map, *out = &plan.out_map;
    plan.in = (lw_conv_view){
        .channels = in->channels,
        .height = in->height,
        .width = in->width,
        .top = at_least_zero(plan.pad_h),
        .left = at_least_zero(plan.pad_w),
        .bottom = transposed ? 0 : at_least_zero(out->height + 2 - plan.pad_h - in->height),
        .right = transposed ? 0 : at_least_zero(out->width + 2 - plan.pad_w - in->width),
        .padded_channels = true};
    plan.out = (lw_conv_view){.channels = out->channels,
                              .height = out->height,
                              .width = out->width,
                              .padded_channels = true};
    lw_conv_view_layout(&plan.in, in, false);
    lw_conv_view_layout(&plan.out, out, true);

    const int64_t copied = plan.in.scratch_floats + plan.out.scratch_floats;
    int64_t images = copied ? round_floats / copied : s->n;
    images = images < 1 ? 1 : lw_conv_smaller(images, s->n);
    plan.geometry = (lw_winograd_geometry){.ic = in->channels,
                                           .oc = out->channels,
                                           .images = (int32_t)images,
                                           .oh = transposed ? in->height : out->height,
                                           .ow = transposed ? in->width : out->width};
    set_strides(&plan);
    plan.weights.down = lw_winograd_kinds_of(plan.geometry.oh);
    plan.weights.across = lw_winograd_kinds_of(plan.geometry.ow);
    const size_t filters = plan.kernels->winograd_filters_floats(in->channels, out->channels);
    plan.filters_at = lw_conv_book_shared(&plan.booking, (int64_t)filters, 1);
    plan.bias_at = lw_conv_book_shared(&plan.booking, blocks_of(out->channels), LW_BLOCK);
    plan.in_at = lw_conv_book_shared(&plan.booking, images, plan.in.scratch_floats);
    plan.out_at = lw_conv_book_shared(&plan.booking, images, plan.out.scratch_floats);
    const size_t scratch = plan.kernels->winograd_scratch_bytes(&plan.geometry);
    plan.scratch_at = lw_conv_book_thread(&plan.booking, (int64_t)(scratch / sizeof(float)), 1);
    return plan;
}

// ---- the answer ---------------------------------------------------------------------------------

// Products at the points of all tiles of a map, for each pair of channels.
static double products_of(int32_t outputs_h, int32_t outputs_w)
{
    return ((double)outputs_h + 2.0 * lw_winograd_tiles_of(outputs_h).count) *
           ((double)outputs_w + 2.0 * lw_winograd_tiles_of(outputs_w).count);
}

// What a map takes of the cycles that its parts add up to: they overlap, and best where the products
// are made by columns. Medians of 300 shapes on Zen 4.
static double overlap_share(const lw_kernel_table *kernels, int32_t inputs)
{
    const int32_t avx512_floats = 16, few_inputs = 32;
    if (kernels->vector_floats < avx512_floats) return 0.88;
    if (inputs > LW_WINOGRAD_COLUMN_CHANNELS) return 0.82;
    return inputs <= few_inputs ? 0.7 : 0.77;
}

void lw_conv_winograd_consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    if (!lw_conv_winograd_fits(problem, answer) || !lw_conv_channels_fit(problem, answer)) return;
    const winograd_plan plan = make_plan(problem);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    const lw_winograd_geometry *g = &plan.geometry;
    const double ic = g->ic, oc_blocks = (double)blocks_of(g->oc);
    const double ic_blocks = (double)blocks_of(g->ic);
    const double points = products_of(g->oh, g->ow) * plan.images;
    // Vectors of LW_BLOCK floats at the points: written and read once as products, written once as
    // inputs, each with some arithmetic. Copies move a float a cycle or so.
    const double vectors = (double)LW_BLOCK / plan.kernels->vector_floats;
    const double copied = (double)(plan.in.scratch_floats + plan.out.scratch_floats) * plan.images;
    const double cycles =
        lw_conv_estimate_product(plan.kernels, points * ic * oc_blocks * LW_BLOCK) +
        points * ((1.6 + 1.1 * vectors) * ic_blocks + (2.2 + 2.4 * vectors) * oc_blocks) +
        (180.0 + 80.0 * vectors) * ic * oc_blocks + 0.7 * copied + 3000.0;
    answer->cycles = cycles * overlap_share(plan.kernels, g->ic);
}

// ---- filters ------------------------------------------------------------------------------------

int64_t lw_conv_winograd_filter_units(const lw_conv_winograd_weights *from)
{
    return blocks_of(from->outputs) * blocks_of(from->inputs);
}

// The place of the weight between an input and an output channel of what is computed.
static int64_t weight_place(const lw_conv_winograd_weights *from, int32_t output, int32_t input)
{
    return from->exchanged ? lw_conv_weight_place(&from->order, input, output, 0)
                           : lw_conv_weight_place(&from->order, output, input, 0);
}

// Packs weights [input][tap][LW_BLOCK outputs], taps in their own order.
static void pack_unit(const lw_conv_winograd_weights *from, const float *weights, int32_t output,
                      int32_t outputs, int32_t input, int32_t inputs, float *packed)
{
    const lw_kernel_table *kernels = lw_kernels();
    const lw_conv_weights_order *order = &from->order;
    const int64_t tap = order->tap, per_input = from->exchanged ? order->oc : order->ic;
    const int64_t per_output = from->exchanged ? order->ic : order->oc;
    if (outputs < LW_BLOCK) memset(packed, 0, (size_t)(inputs * 9 * LW_BLOCK) * sizeof *packed);
    weights += weight_place(from, output, input);
    if (tap == 1 && per_input == 9) {
        // The users' order, forward: an output's weights stand together.
        kernels->transpose(weights, per_output, outputs, inputs * 9, packed, LW_BLOCK);
        return;
    }
    for (int32_t i = 0; i < inputs; i++) {
        float *to = packed + (int64_t)i * 9 * LW_BLOCK;
        const float *at = weights + i * per_input;
        if (tap == 1) {
            kernels->transpose(at, per_output, outputs, 9, to, LW_BLOCK);
            continue;
        }
        for (int32_t t = 0; t < 9; t++)
            for (int32_t o = 0; o < outputs; o++)
                to[t * LW_BLOCK + o] = at[o * per_output + t * tap];
    }
}

// One block of inputs for one block of outputs.
static void transform_unit(const lw_conv_winograd_weights *from, const float *weights,
                           int32_t output, int32_t input, float *filters)
{
    const lw_kernel_table *kernels = lw_kernels();
    const int32_t inputs = (int32_t)lw_conv_smaller(LW_BLOCK, from->inputs - input);
    const int32_t outputs = (int32_t)lw_conv_smaller(LW_BLOCK, from->outputs - output);
    const size_t block = kernels->winograd_filters_floats(from->inputs, LW_BLOCK);
    // Inside a network the outputs of a block are neighbours; otherwise they are brought together.
    float packed[LW_BLOCK * 9 * LW_BLOCK];
    const float *at = packed;
    int64_t input_step = 9 * LW_BLOCK, tap_step = LW_BLOCK;
    if ((from->exchanged ? from->order.ic : from->order.oc) == 1) {
        at = weights + weight_place(from, output, input);
        input_step = from->exchanged ? from->order.oc : from->order.ic;
        tap_step = from->order.tap;
    } else {
        pack_unit(from, weights, output, outputs, input, inputs, packed);
    }
    if (from->turned) {
        at += 8 * tap_step;
        tap_step = -tap_step;
    }
    kernels->winograd_filters(from->inputs, input, input + inputs, at, input_step, tap_step,
                              from->down, from->across,
                              filters + (size_t)(output / LW_BLOCK) * block);
}

void lw_conv_winograd_filters(const lw_conv_winograd_weights *from, const float *weights,
                              int64_t unit_begin, int64_t unit_end, float *filters)
{
    const int64_t across = blocks_of(from->inputs);
    for (int64_t unit = unit_begin; unit < unit_end; unit++)
        transform_unit(from, weights, (int32_t)(unit / across) * LW_BLOCK,
                       (int32_t)(unit % across) * LW_BLOCK, filters);
}

// ---- execution ----------------------------------------------------------------------------------

typedef struct winograd_job {
    const winograd_plan *plan;
    const float *input, *weights, *bias;
    float *output;
    void *workspace;
    int32_t first, images; // of this round
} winograd_job;

static float *shared(const winograd_job *job, size_t offset)
{
    return lw_conv_shared_piece(job->workspace, offset);
}

static void transform_filters(void *context, int32_t thread, int32_t threads)
{
    const winograd_job *job = context;
    const winograd_plan *plan = job->plan;
    int64_t begin, end;
    lw_parallel_range(lw_conv_winograd_filter_units(&plan->weights), thread, threads, &begin, &end);
    lw_conv_winograd_filters(&plan->weights, job->weights, begin, end,
                             shared(job, plan->filters_at));
    if (thread > 0 || !job->bias) return;
    float *bias = shared(job, plan->bias_at);
    memset(bias, 0, (size_t)blocks_of(plan->geometry.oc) * LW_BLOCK * sizeof *bias);
    memcpy(bias, job->bias, (size_t)plan->geometry.oc * sizeof *bias);
}

static void copy_in(void *context, int32_t thread, int32_t threads)
{
    const winograd_job *job = context;
    const winograd_plan *plan = job->plan;
    int64_t begin, end;
    lw_parallel_range(job->images, thread, threads, &begin, &end);
    for (int64_t n = begin; n < end; n++)
        lw_conv_view_read(&plan->in, &plan->in_map, job->input, job->first + n,
                          shared(job, plan->in_at) + n * plan->in.scratch_floats);
}

// The range of images and rows that a thread copies, image by image.
static void copy_out(void *context, int32_t thread, int32_t threads)
{
    const winograd_job *job = context;
    const winograd_plan *plan = job->plan;
    const int64_t height = plan->out.height;
    int64_t begin, end;
    lw_parallel_range(job->images * height, thread, threads, &begin, &end);
    while (begin < end) {
        const int64_t n = begin / height;
        const int64_t stop = lw_conv_smaller(end, (n + 1) * height);
        lw_conv_view_written(&plan->out, &plan->out_map,
                             shared(job, plan->out_at) + n * plan->out.scratch_floats,
                             (int32_t)(begin % height), (int32_t)(stop - begin), 0,
                             plan->out.channels, job->output, job->first + n);
        begin = stop;
    }
}

static void compute(void *context, int32_t thread, int32_t threads)
{
    const winograd_job *job = context;
    const winograd_plan *plan = job->plan;
    lw_winograd_geometry g = plan->geometry;
    g.images = job->images;
    const float *x =
        plan->in.in_place ? job->input + job->first * plan->in_map.image : shared(job, plan->in_at);
    float *y = plan->out.in_place ? job->output + job->first * plan->out_map.image
                                  : shared(job, plan->out_at);
    x += plan->in.origin - plan->pad_h * g.x_row - plan->pad_w * g.x_pixel;
    y += plan->out.origin;

    // Pairs of blocks: the kernels may take two at a time. Patches overlap: the transposed algorithm
    // is cut between images only.
    const int64_t rows =
        plan->transposed ? g.images : (int64_t)g.images * lw_winograd_tiles_of(g.oh).count;
    const int64_t blocks = blocks_of(g.oc), pairs = (blocks + 1) / 2;
    lw_conv_split split = lw_conv_split_work(threads, rows, pairs, input_overhead);
    lw_conv_share share;
    if (!lw_conv_share_of(split, thread, rows, pairs, &share)) return;
    const int32_t first = (int32_t)(2 * share.inner_begin);
    const int32_t last = (int32_t)lw_conv_smaller(2 * share.inner_end, blocks);
    const float *filters = shared(job, plan->filters_at);
    void *scratch = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->scratch_at);
    if (plan->transposed)
        plan->kernels->winograd_backward_data(&g, (int32_t)share.outer_begin,
                                              (int32_t)share.outer_end, first, last, x, filters, y,
                                              scratch);
    else
        plan->kernels->winograd_forward(&g, share.outer_begin, share.outer_end, first, last, x,
                                        filters, job->bias ? shared(job, plan->bias_at) : NULL, y,
                                        NULL, scratch);
}

void lw_conv_winograd_execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                              void *workspace)
{
    const winograd_plan plan = make_plan(problem);
    const bool back = plan.weights.exchanged;
    winograd_job job = {.plan = &plan,
                        .input = back ? arrays->dy : arrays->x,
                        .weights = arrays->weights,
                        .bias = back ? NULL : arrays->bias,
                        .output = back ? arrays->dx : arrays->y,
                        .workspace = workspace};
    lw_parallel_run(problem->threads, transform_filters, &job);
    for (job.first = 0; job.first < plan.images; job.first += job.images) {
        job.images = (int32_t)lw_conv_smaller(plan.geometry.images, plan.images - job.first);
        if (!plan.in.in_place) lw_parallel_run(problem->threads, copy_in, &job);
        lw_parallel_run(problem->threads, compute, &job);
        if (!plan.out.in_place) lw_parallel_run(problem->threads, copy_out, &job);
    }
}
