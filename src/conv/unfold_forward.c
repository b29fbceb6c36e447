// SPDX-License-Identifier: Apache-2.0
// Forward convolution as a matrix product: y (oc x positions) = weights (oc x depth) * unfolded
// picture (depth x positions), depth = ic * kh * kw. The weights are packed once; each thread then
// takes chunks of positions (and, where there are too few, ranges of output channels), unfolds a
// block of the depth into panels and multiplies.
#include "conv/panels.h"
#include "conv/pictures.h"
#include "conv/planes.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <string.h>

// A panel of depth_limit steps fits L1 together with a panel of weights; a chunk's panels fit L2.
enum { depth_limit = 384, chunk_floats = 65536 };

// Unfolding a position costs about as much as multiplying it with this many tiles of weights.
enum { unfold_overhead = 2 };

typedef struct forward_plan {
    const lw_conv_sizes *sizes;
    const lw_kernel_table *kernels;
    lw_conv_chunking chunking;
    int64_t depth_block;
    lw_conv_booking booking;
    size_t weights_at, panels_at, window_at, block_at; // pieces of the workspace
} forward_plan;

static forward_plan make_plan(const lw_conv_sizes *sizes)
{
    const lw_conv_shape *s = &sizes->shape;
    forward_plan plan = {.sizes = sizes, .kernels = lw_kernels()};
    const int32_t width = plan.kernels->gemm_columns;
    plan.depth_block = lw_conv_block_size(sizes->depth, depth_limit);
    int64_t target = chunk_floats / plan.depth_block;
    plan.chunking = lw_conv_chunk_positions(sizes, target < width ? width : target);
    const lw_conv_chunking *c = &plan.chunking;

    int64_t padded_oc = lw_conv_round_up(s->oc, plan.kernels->gemm_rows);
    plan.weights_at = lw_conv_book_shared(&plan.booking, padded_oc, sizes->depth);
    int64_t padded_positions = lw_conv_round_up(c->most_positions, width);
    plan.panels_at = lw_conv_book_thread(&plan.booking, padded_positions + LW_CONV_COPY_FLOATS,
                                         plan.depth_block);
    plan.window_at = lw_conv_book_window(&plan.booking, c, plan.depth_block);
    if (c->images > 1) plan.block_at = lw_conv_book_thread(&plan.booking, s->oc, c->most_positions);
    return plan;
}

static void consider_planes(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    forward_plan plan = make_plan(sizes);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    const lw_conv_chunking *c = &plan.chunking;
    double columns = (double)c->groups * (double)c->per_image *
                     (double)lw_conv_round_up(c->most_positions, plan.kernels->gemm_columns);
    double rows = (double)lw_conv_round_up(sizes->shape.oc, plan.kernels->gemm_rows);
    double depth = (double)sizes->depth;
    // Unfolding moves 2 floats a cycle or so, and a call costs a few thousand cycles.
    answer->cycles =
        lw_conv_estimate_unfold(lw_conv_estimate_product(plan.kernels, rows * columns * depth) +
                                0.5 * columns * depth + lw_conv_estimate_rows(sizes, 0.8) +
                                depth * (double)sizes->shape.oc + 0.55 * rows * columns + 4000.0);
}

typedef struct forward_job {
    const forward_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
} forward_job;

// Packs the weights, block of depth by block of depth. Threads share the panels of each block.
static void pack_weights(void *context, int32_t thread, int32_t threads)
{
    const forward_job *job = context;
    const forward_plan *plan = job->plan;
    const int64_t depth = plan->sizes->depth, oc = plan->sizes->shape.oc;
    const int32_t height = plan->kernels->gemm_rows;
    const int64_t n_panels = (oc + height - 1) / height;
    float *packed = lw_conv_shared_piece(job->workspace, plan->weights_at);
    int64_t first, last;
    lw_parallel_range(n_panels, thread, threads, &first, &last);
    for (int64_t begin = 0; begin < depth; begin += plan->depth_block) {
        int64_t steps = lw_conv_smaller(plan->depth_block, depth - begin);
        lw_conv_pack_matrix(job->arrays->weights + begin, depth, 1, oc, steps, height, first, last,
                            packed + n_panels * height * begin);
    }
}

// Sets the block's rows to the bias that the product is added to.
static void start_with_bias(const float *bias, int64_t rows, int64_t columns, float *c,
                            int64_t c_stride)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j++) c[r * c_stride + j] = bias[r];
}

// Moves a block of several images to where its rows belong.
static void scatter_block(const lw_conv_sizes *sizes, const lw_conv_chunk *chunk, int64_t oc,
                          int64_t rows, const float *block, float *y)
{
    const int64_t map = sizes->positions;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < chunk->images; i++)
            memcpy(y + ((chunk->n + i) * sizes->shape.oc + oc + r) * map,
                   block + r * chunk->positions + i * map, (size_t)map * sizeof *y);
}

// All output channels of [oc, oc_end) for one chunk. `oc` is the first of a panel.
static void compute_chunk(const forward_job *job, const lw_conv_chunk *chunk, int64_t oc,
                          int64_t oc_end, int32_t thread)
{
    const forward_plan *plan = job->plan;
    const lw_conv_sizes *sizes = plan->sizes;
    const lw_conv_booking *booking = &plan->booking;
    const int64_t padded_oc = lw_conv_round_up(sizes->shape.oc, plan->kernels->gemm_rows);
    const float *weights = lw_conv_shared_piece(job->workspace, plan->weights_at);
    float *panels = lw_conv_thread_piece(booking, job->workspace, thread, plan->panels_at);
    float *window = lw_conv_thread_piece(booking, job->workspace, thread, plan->window_at);
    float *block = lw_conv_thread_piece(booking, job->workspace, thread, plan->block_at);

    // The columns of one image are contiguous in y; those of several are not.
    const bool through_block = chunk->images > 1;
    float *c = block;
    if (!through_block)
        c = job->arrays->y + (chunk->n * sizes->shape.oc + oc) * sizes->positions +
            (int64_t)chunk->at.oh * sizes->ow + chunk->at.ow;
    const int64_t c_stride = through_block ? chunk->positions : sizes->positions;
    if (job->arrays->bias)
        start_with_bias(job->arrays->bias + oc, oc_end - oc, chunk->positions, c, c_stride);

    for (int64_t begin = 0; begin < sizes->depth; begin += plan->depth_block) {
        int64_t steps = lw_conv_smaller(plan->depth_block, sizes->depth - begin);
        lw_conv_pack_unfolded(sizes, chunk, job->arrays->x, begin, begin + steps,
                              plan->kernels->gemm_columns, window, panels);
        lw_conv_multiply_panels(plan->kernels, weights + padded_oc * begin + oc * steps, panels,
                                steps, oc_end - oc, chunk->positions, c, c_stride,
                                begin > 0 || job->arrays->bias);
    }
    if (through_block) scatter_block(sizes, chunk, oc, oc_end - oc, block, job->arrays->y);
}

static void compute(void *context, int32_t thread, int32_t threads)
{
    const forward_job *job = context;
    const forward_plan *plan = job->plan;
    const lw_conv_chunking *chunking = &plan->chunking;
    const int32_t height = plan->kernels->gemm_rows, oc = plan->sizes->shape.oc;
    const int64_t n_chunks = chunking->groups * chunking->per_image;
    const int64_t n_panels = ((int64_t)oc + height - 1) / height;
    lw_conv_split split = lw_conv_split_work(threads, n_chunks, n_panels,
                                             (lw_conv_split_costs){.outer = unfold_overhead});
    lw_conv_share share;
    if (!lw_conv_share_of(split, thread, n_chunks, n_panels, &share)) return;
    for (int64_t i = share.outer_begin; i < share.outer_end; i++) {
        lw_conv_chunk chunk =
            lw_conv_chunk_at(chunking, i / chunking->per_image, i % chunking->per_image);
        compute_chunk(job, &chunk, share.inner_begin * height,
                      lw_conv_smaller(share.inner_end * height, oc), thread);
    }
}

static void execute_planes(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                           void *workspace)
{
    forward_plan plan = make_plan(&problem->sizes);
    forward_job job = {&plan, arrays, workspace};
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

const lw_conv_implementation lw_conv_unfold_forward = {.algorithm = LW_CONV_ALGORITHM_UNFOLD,
                                                       .kernel = "gemm_tile",
                                                       .consider = consider,
                                                       .execute = execute};
