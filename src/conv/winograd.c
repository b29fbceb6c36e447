// SPDX-License-Identifier: Apache-2.0
// Forward and backward-data by the Winograd algorithm. Each thread takes a range of tile rows and a range of
// output channels, whose filters it transforms itself: what another core has just written takes longer to
// fetch than to compute, and longer still to overwrite (128->64 on 5x5, batch 16, two cores with caches of
// their own: 0.24 ms with filters that both share, on one thread 0.09). Maps that do not lie as
// the kernels want them are copied in and out, some images at a time.
#include "conv/winograd.h"

#include "conv/panels.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"
#include "simd/winograd_tiles.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Copied images in one round, in floats, if one image is not larger.
enum { round_floats = 1 << 22 };

// What the transforms read: weights in any order. For backward-data channels are `exchanged`: inputs
// are the convolution's output channels and outputs its input channels. The kernel is turned round
// as well (`turned`) where winograd_forward runs over the gradients, but not for
// winograd_backward_data. Points of other kinds than the map's tiles have are left out.
typedef struct winograd_weights_source {
    lw_conv_weights_order order;
    bool exchanged, turned;
    int32_t inputs, outputs; // channels
    uint32_t down, across;   // kinds, see winograd_filters
} winograd_weights_source;

typedef struct winograd_plan {
    const lw_kernel_table *kernels;
    lw_winograd_geometry geometry; // `images` of a round
    winograd_weights_source weights;
    lw_conv_map in_map, out_map;
    lw_conv_view in, out;
    bool transposed;      // winograd_backward_data does the work, not winograd_forward
    int32_t images;       // all of them
    int32_t pad_h, pad_w; // rows and columns before the first of the input; may be negative
    int64_t rows, pairs;  // of a round: tile rows, and pairs of blocks of output channels
    lw_conv_split split;  // of them
    lw_conv_booking booking;
    size_t in_at, out_at;                   // shared
    size_t filters_at, bias_at, scratch_at; // of a thread
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

// Points of all tiles of a map: a product at each of them, for each pair of channels.
static double points_of_image(const lw_winograd_geometry *g)
{
    return ((double)g->oh + 2.0 * lw_winograd_tiles_of(g->oh).count) *
           ((double)g->ow + 2.0 * lw_winograd_tiles_of(g->ow).count);
}

// Estimated cycles: of a point (its input, and its products and output for each block of output channels)
// and of the filters of a block. Vectors of LW_BLOCK floats are written and read once as products and
// written once as inputs, each with some arithmetic.
typedef struct winograd_costs {
    double product, input, output, filters;
} winograd_costs;

static winograd_costs costs_of(const winograd_plan *plan)
{
    const double ic = plan->geometry.ic, vectors = (double)LW_BLOCK / plan->kernels->vector_floats;
    return (winograd_costs){
        .product = lw_conv_estimate_product(plan->kernels, ic * LW_BLOCK),
        .input = (1.6 + 1.1 * vectors) * (double)blocks_of(plan->geometry.ic),
        .output = 2.2 + 2.4 * vectors,
        .filters = (180.0 + 80.0 * vectors) * ic,
    };
}

// Pairs of blocks: the kernels may take two at a time. Patches overlap: the transposed algorithm is cut
// between images only.
static void split_work(winograd_plan *plan, int32_t threads)
{
    const lw_winograd_geometry *g = &plan->geometry;
    const int64_t rows = plan->transposed ? 1 : lw_winograd_tiles_of(g->oh).count; // of an image
    plan->rows = rows * g->images;
    plan->pairs = (blocks_of(g->oc) + 1) / 2;
    const winograd_costs costs = costs_of(plan);
    const double points = points_of_image(g) / (double)rows; // of a row
    const double rounds = ceil((double)plan->images / g->images);
    const double unit = 2.0 * points * (costs.product + costs.output);
    const lw_conv_split_costs beside = {.outer = points * costs.input / unit,
                                        .inner = 2.0 * costs.filters / (unit * rounds)};
    plan->split = lw_conv_split_work(threads, plan->rows, plan->pairs, beside);
}

static void book(winograd_plan *plan)
{
    const lw_winograd_geometry *g = &plan->geometry;
    lw_conv_booking *booking = &plan->booking;
    plan->in_at = lw_conv_book_shared(booking, g->images, plan->in.scratch_floats);
    plan->out_at = lw_conv_book_shared(booking, g->images, plan->out.scratch_floats);
    const int64_t pairs = (plan->pairs - 1) / plan->split.inner_parts + 1; // of a thread, at most
    const int64_t blocks = lw_conv_smaller(2 * pairs, blocks_of(g->oc));
    const size_t filters = plan->kernels->winograd_filters_floats(g->ic, LW_BLOCK);
    plan->filters_at = lw_conv_book_thread(booking, blocks, (int64_t)filters);
    plan->bias_at = lw_conv_book_thread(booking, blocks, LW_BLOCK);
    const size_t scratch = plan->kernels->winograd_scratch_bytes(g);
    plan->scratch_at = lw_conv_book_thread(booking, (int64_t)(scratch / sizeof(float)), 1);
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
    split_work(&plan, problem->threads);
    book(&plan);
    return plan;
}

// ---- the answer ---------------------------------------------------------------------------------

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
    const winograd_costs costs = costs_of(&plan);
    const double oc_blocks = (double)blocks_of(g->oc);
    const double points = points_of_image(g) * plan.images;
    // Copies move a float a cycle or so.
    const double copied = (double)(plan.in.scratch_floats + plan.out.scratch_floats) * plan.images;
    const double cycles =
        points * (costs.product * oc_blocks + costs.input + costs.output * oc_blocks) +
        costs.filters * oc_blocks + 0.7 * copied + 3000.0;
    answer->cycles = cycles * overlap_share(plan.kernels, g->ic);
}

// ---- filters ------------------------------------------------------------------------------------

// The place of the weight between an input and an output channel of what is computed.
static int64_t weight_place(const winograd_weights_source *from, int32_t output, int32_t input)
{
    return from->exchanged ? lw_conv_weight_place(&from->order, input, output, 0)
                           : lw_conv_weight_place(&from->order, output, input, 0);
}

// Packs weights [input][tap][LW_BLOCK outputs], taps in their own order.
static void pack_unit(const winograd_weights_source *from, const float *weights, int32_t output,
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

// One block of inputs for one block of outputs, whose filters they become.
static void transform_unit(const winograd_weights_source *from, const float *weights,
                           int32_t output, int32_t input, float *filters)
{
    const lw_kernel_table *kernels = lw_kernels();
    const int32_t inputs = (int32_t)lw_conv_smaller(LW_BLOCK, from->inputs - input);
    const int32_t outputs = (int32_t)lw_conv_smaller(LW_BLOCK, from->outputs - output);
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
                              from->down, from->across, filters);
}

static void transform_block(const winograd_weights_source *from, const float *weights,
                            int32_t block, float *filters)
{
    for (int32_t input = 0; input < from->inputs; input += LW_BLOCK)
        transform_unit(from, weights, block * LW_BLOCK, input, filters);
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

// What a thread works on.
typedef struct winograd_part {
    lw_conv_share share;   // of rows and pairs
    int32_t block, blocks; // of output channels
    float *filters, *bias; // of these blocks
    void *scratch;
} winograd_part;

// Part `index` of the split; false where it is empty.
static bool part_of(const winograd_job *job, int32_t index, int64_t rows, winograd_part *part)
{
    const winograd_plan *plan = job->plan;
    if (!lw_conv_share_of(plan->split, index, rows, plan->pairs, &part->share)) return false;
    part->block = (int32_t)(2 * part->share.inner_begin);
    part->blocks =
        (int32_t)lw_conv_smaller(2 * part->share.inner_end, blocks_of(plan->geometry.oc)) -
        part->block;
    part->filters = lw_conv_thread_piece(&plan->booking, job->workspace, index, plan->filters_at);
    part->bias = lw_conv_thread_piece(&plan->booking, job->workspace, index, plan->bias_at);
    part->scratch = lw_conv_thread_piece(&plan->booking, job->workspace, index, plan->scratch_at);
    return true;
}

static void prepare_part(const winograd_job *job, const winograd_part *part)
{
    const winograd_plan *plan = job->plan;
    const int32_t first = part->block * LW_BLOCK;
    const size_t floats = plan->kernels->winograd_filters_floats(plan->geometry.ic, LW_BLOCK);
    for (int32_t b = 0; b < part->blocks; b++)
        transform_block(&plan->weights, job->weights, part->block + b,
                        part->filters + (size_t)b * floats);
    if (!job->bias) return;
    const int32_t real =
        (int32_t)lw_conv_smaller(part->blocks * LW_BLOCK, plan->geometry.oc - first);
    memset(part->bias, 0, (size_t)part->blocks * LW_BLOCK * sizeof *part->bias);
    memcpy(part->bias, job->bias + first, (size_t)real * sizeof *part->bias);
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

static void compute_part(const winograd_job *job, int32_t index)
{
    const winograd_plan *plan = job->plan;
    lw_winograd_geometry g = plan->geometry;
    winograd_part part;
    const int64_t rows = plan->rows / g.images * job->images;
    if (!part_of(job, index, rows, &part)) return;
    if (job->first == 0) prepare_part(job, &part);
    g.images = job->images;
    const float *x =
        plan->in.in_place ? job->input + job->first * plan->in_map.image : shared(job, plan->in_at);
    float *y = plan->out.in_place ? job->output + job->first * plan->out_map.image
                                  : shared(job, plan->out_at);
    x += plan->in.origin - plan->pad_h * g.x_row - plan->pad_w * g.x_pixel;
    y += plan->out.origin + (int64_t)part.block * LW_BLOCK;
    const lw_conv_share *share = &part.share;
    if (plan->transposed)
        plan->kernels->winograd_backward_data(&g, (int32_t)share->outer_begin,
                                              (int32_t)share->outer_end, 0, part.blocks, x,
                                              part.filters, y, part.scratch);
    else
        plan->kernels->winograd_forward(&g, share->outer_begin, share->outer_end, 0, part.blocks, x,
                                        part.filters, job->bias ? part.bias : NULL, y, NULL,
                                        part.scratch);
}

// There may be fewer threads than asked for, and than parts.
static void compute(void *context, int32_t thread, int32_t threads)
{
    const winograd_job *job = context;
    const int32_t parts = job->plan->split.outer_parts * job->plan->split.inner_parts;
    for (int32_t index = thread; index < parts; index += threads) compute_part(job, index);
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
    for (job.first = 0; job.first < plan.images; job.first += job.images) {
        job.images = (int32_t)lw_conv_smaller(plan.geometry.images, plan.images - job.first);
        if (!plan.in.in_place) lw_parallel_run(problem->threads, copy_in, &job);
        lw_parallel_run(problem->threads, compute, &job);
        if (!plan.out.in_place) lw_parallel_run(problem->threads, copy_out, &job);
    }
}
