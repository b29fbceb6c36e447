// SPDX-License-Identifier: Apache-2.0
// Backward-data as a matrix product and a fold: the gradient of the unfolded picture is weights^T
// (depth x oc) * dy (oc x positions), and fold adds its rows into dx. A thread owns planes of dx
// (images, and where there are too few, input channels), so that every pixel's sum has the same
// order for any number of threads.
#include "conv/panels.h"
#include "conv/pictures.h"
#include "conv/planes.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <string.h>

enum {
    depth_limit = 384,   // output channels at a time: panels of both sides fit L1
    row_limit = 288,     // rows of the unfolded gradient at a time: 32 channels of a 3x3 kernel
    block_floats = 65536 // unfolded gradient of one chunk: fits L2
};

typedef struct backward_plan {
    const lw_conv_sizes *sizes;
    const lw_kernel_table *kernels;
    lw_conv_chunking chunking;
    bool plain;       // lw_conv_is_plain: there is nothing to fold
    int64_t channels; // of x, in a block
    int64_t channel_blocks;
    int64_t padded_rows; // of a block of weights^T
    int64_t depth_block; // output channels
    lw_conv_booking booking;
    size_t weights_at, panels_at, block_at;
} backward_plan;

static backward_plan make_plan(const lw_conv_sizes *sizes, int32_t threads)
{
    const lw_conv_shape *s = &sizes->shape;
    backward_plan plan = {.sizes = sizes, .kernels = lw_kernels()};
    const int32_t width = plan.kernels->gemm_columns;
    plan.plain = lw_conv_is_plain(sizes);
    plan.depth_block = lw_conv_block_size(s->oc, depth_limit);

    // Chunks must not depend on the threads: their order is the order in which fold adds.
    int64_t most_channels = row_limit / sizes->taps;
    if (most_channels < 1) most_channels = 1;
    most_channels = lw_conv_block_size(s->ic, most_channels);
    int64_t target = block_floats / (most_channels * sizes->taps);
    plan.chunking = lw_conv_chunk_positions(sizes, target < width ? width : target);

    // Smaller blocks of channels only where the threads would otherwise have nothing to share.
    lw_conv_split split =
        lw_conv_split_work(threads, plan.chunking.groups, s->ic, (lw_conv_split_costs){0});
    int64_t shared_out = ((int64_t)s->ic + split.inner_parts - 1) / split.inner_parts;
    plan.channels = lw_conv_smaller(most_channels, shared_out);
    plan.channel_blocks = (s->ic + plan.channels - 1) / plan.channels;
    plan.padded_rows = lw_conv_round_up(plan.channels * sizes->taps, plan.kernels->gemm_rows);

    plan.weights_at =
        lw_conv_book_shared(&plan.booking, plan.padded_rows * plan.channel_blocks, s->oc);
    int64_t padded_positions = lw_conv_round_up(plan.chunking.most_positions, width);
    plan.panels_at = lw_conv_book_thread(&plan.booking, padded_positions + LW_CONV_COPY_FLOATS,
                                         plan.depth_block);
    // Booked for the largest block, so that the algorithm's answer depends on the shape alone.
    plan.block_at = lw_conv_book_thread(&plan.booking, most_channels * sizes->taps,
                                        plan.chunking.most_positions);
    return plan;
}

static void consider_planes(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const backward_plan plan = make_plan(sizes, problem->threads);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    const lw_conv_chunking *c = &plan.chunking;
    double columns = (double)c->groups * (double)c->per_image *
                     (double)lw_conv_round_up(c->most_positions, plan.kernels->gemm_columns);
    double rows = (double)plan.padded_rows * (double)plan.channel_blocks;
    double oc = (double)sizes->shape.oc;
    answer->cycles = lw_conv_estimate_unfold(
        lw_conv_estimate_product(plan.kernels, rows * columns * oc) +
        0.5 * columns * (oc * (double)plan.channel_blocks + (double)sizes->depth) +
        lw_conv_estimate_rows(sizes, 4.4) + rows * oc + 4000.0);
}

typedef struct backward_job {
    const backward_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
} backward_job;

// Rows of weights^T in one block of channels.
static int64_t rows_of_block(const backward_plan *plan, int64_t block)
{
    int64_t channels =
        lw_conv_smaller(plan->channels, plan->sizes->shape.ic - block * plan->channels);
    return channels * plan->sizes->taps;
}

// Packs weights^T: for each block of channels, block of output channels by block. Threads take
// turns at the blocks of channels.
static void pack_weights(void *context, int32_t thread, int32_t threads)
{
    const backward_job *job = context;
    const backward_plan *plan = job->plan;
    const int64_t depth = plan->sizes->depth, oc = plan->sizes->shape.oc;
    const int32_t height = plan->kernels->gemm_rows;
    float *packed = lw_conv_shared_piece(job->workspace, plan->weights_at);
    for (int64_t block = thread; block < plan->channel_blocks; block += threads) {
        const float *weights = job->arrays->weights + block * plan->channels * plan->sizes->taps;
        int64_t rows = rows_of_block(plan, block), n_panels = (rows + height - 1) / height;
        for (int64_t begin = 0; begin < oc; begin += plan->depth_block)
            lw_conv_pack_matrix(weights + begin * depth, 1, depth, rows,
                                lw_conv_smaller(plan->depth_block, oc - begin), height, 0, n_panels,
                                packed + plan->padded_rows * (block * oc + begin));
    }
}

// c (rows of a channel block x positions of a chunk) = weights^T * dy.
static void multiply(const backward_job *job, const lw_conv_chunk *chunk, int64_t block,
                     float *panels, float *c, int64_t c_stride)
{
    const backward_plan *plan = job->plan;
    const lw_conv_sizes *sizes = plan->sizes;
    const int64_t oc = sizes->shape.oc, rows = rows_of_block(plan, block);
    const float *weights = lw_conv_shared_piece(job->workspace, plan->weights_at);
    for (int64_t begin = 0; begin < oc; begin += plan->depth_block) {
        int64_t steps = lw_conv_smaller(plan->depth_block, oc - begin);
        lw_conv_pack_maps(sizes, chunk, job->arrays->dy, begin, begin + steps,
                          plan->kernels->gemm_columns, panels);
        lw_conv_multiply_panels(plan->kernels, weights + plan->padded_rows * (block * oc + begin),
                                panels, steps, rows, chunk->positions, c, c_stride, begin > 0);
    }
}

// Adds the unfolded gradient of a chunk into dx, channels [ic, ic + rows / taps).
static void fold_block(const backward_plan *plan, const lw_conv_chunk *chunk, int64_t ic,
                       int64_t rows, const float *block, float *dx)
{
    const lw_conv_shape *s = &plan->sizes->shape;
    const int64_t map = chunk->positions / chunk->images;
    const float *row = block;
    for (int64_t c = ic; c < ic + rows / plan->sizes->taps; c++)
        for (int32_t kh = 0; kh < s->kh; kh++)
            for (int32_t kw = 0; kw < s->kw; kw++, row += chunk->positions)
                for (int64_t i = 0; i < chunk->images; i++)
                    lw_conv_fold_row(plan->sizes,
                                     dx + ((chunk->n + i) * s->ic + c) * lw_conv_input_plane(s), kh,
                                     kw, &chunk->at, row + i * map);
}

static void clear_planes(const backward_plan *plan, const lw_conv_chunk *chunk, int64_t ic,
                         int64_t channels, float *dx)
{
    const lw_conv_shape *s = &plan->sizes->shape;
    const int64_t pixels = lw_conv_input_plane(s);
    for (int64_t i = 0; i < chunk->images; i++)
        memset(dx + ((chunk->n + i) * s->ic + ic) * pixels, 0,
               (size_t)(channels * pixels) * sizeof *dx);
}

// dx of one group of images for one block of channels.
static void compute_block(const backward_job *job, int64_t group, int64_t block, int32_t thread)
{
    const backward_plan *plan = job->plan;
    const lw_conv_shape *s = &plan->sizes->shape;
    float *panels = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->panels_at);
    float *unfolded = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->block_at);
    float *dx = job->arrays->dx;
    const int64_t ic = block * plan->channels, rows = rows_of_block(plan, block);
    for (int64_t i = 0; i < plan->chunking.per_image; i++) {
        lw_conv_chunk chunk = lw_conv_chunk_at(&plan->chunking, group, i);
        if (plan->plain && chunk.images == 1) {
            // The product is dx itself.
            multiply(job, &chunk, block, panels,
                     dx + (chunk.n * s->ic + ic) * lw_conv_input_plane(s) +
                         (int64_t)chunk.at.oh * s->iw + chunk.at.ow,
                     lw_conv_input_plane(s));
            continue;
        }
        if (i == 0) clear_planes(plan, &chunk, ic, rows / plan->sizes->taps, dx);
        multiply(job, &chunk, block, panels, unfolded, chunk.positions);
        fold_block(plan, &chunk, ic, rows, unfolded, dx);
    }
}

static void compute(void *context, int32_t thread, int32_t threads)
{
    const backward_job *job = context;
    const backward_plan *plan = job->plan;
    const int64_t groups = plan->chunking.groups;
    lw_conv_split split =
        lw_conv_split_work(threads, groups, plan->channel_blocks, (lw_conv_split_costs){0});
    lw_conv_share share;
    if (!lw_conv_share_of(split, thread, groups, plan->channel_blocks, &share)) return;
    for (int64_t group = share.outer_begin; group < share.outer_end; group++)
        for (int64_t block = share.inner_begin; block < share.inner_end; block++)
            compute_block(job, group, block, thread);
}

static void execute_planes(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                           void *workspace)
{
    backward_plan plan = make_plan(&problem->sizes, problem->threads);
    backward_job job = {&plan, arrays, workspace};
    lw_parallel_run(problem->threads, pack_weights, &job);
    lw_parallel_run(problem->threads, compute, &job);
}

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    lw_conv_consider_planes(problem, answer, consider_planes);
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    lw_conv_execute_planes(problem, arrays, workspace, execute_planes);
}

const lw_conv_implementation lw_conv_unfold_backward_data = {.algorithm = LW_CONV_ALGORITHM_UNFOLD,
                                                             .kernel = "gemm_tile",
                                                             .consider = consider,
                                                             .execute = execute};
