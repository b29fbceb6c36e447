// SPDX-License-Identifier: Apache-2.0
// Backward-weights as inner products: dweights[oc][k] is the product of row oc of dy and row k of
// the unfolded picture, both contiguous along the positions, over all images. A thread owns a
// rectangle of dweights and walks all images in order, so that no sum depends on the number of
// threads. The kernel's lanes are kept apart over all images and added up at the end.
#include "conv/panels.h"
#include "conv/pictures.h"
#include "conv/planes.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <string.h>

// A tile's rows of 512 positions fit L1. A block's rows and lanes fit L2; it has more rows of dy than
// of the picture because unfolding a row takes longer than copying one.
enum { chunk_positions = LW_CONV_MAX_PANEL, most_dy_rows = 128, most_picture_rows = 33 };

// The bias gradient takes this many sums side by side, so that none waits for the one before.
enum { bias_lanes = 8 };

typedef struct weights_plan {
    const lw_conv_sizes *sizes;
    const lw_kernel_table *kernels;
    lw_conv_chunking chunking;
    int64_t row_floats;            // room of a row of a chunk, a multiple of the vector
    int64_t dy_rows, picture_rows; // of a block, whole tiles
    lw_conv_booking booking;
    size_t dy_at, picture_at, window_at, lanes_at;
} weights_plan;

static weights_plan make_plan(const lw_conv_sizes *sizes)
{
    weights_plan plan = {.sizes = sizes, .kernels = lw_kernels()};
    const lw_kernel_table *k = plan.kernels;
    plan.chunking = lw_conv_chunk_positions(sizes, chunk_positions);
    plan.row_floats = lw_conv_round_up(plan.chunking.most_positions, k->vector_floats);
    plan.dy_rows = lw_conv_round_up(lw_conv_block_size(sizes->shape.oc, most_dy_rows), k->dot_rows);
    plan.picture_rows =
        lw_conv_round_up(lw_conv_block_size(sizes->depth, most_picture_rows), k->dot_columns);
    plan.dy_at = lw_conv_book_thread(&plan.booking, plan.dy_rows, plan.row_floats);
    plan.picture_at = lw_conv_book_thread(&plan.booking, plan.picture_rows + 1, plan.row_floats);
    plan.window_at = lw_conv_book_window(&plan.booking, &plan.chunking, plan.picture_rows);
    plan.lanes_at =
        lw_conv_book_thread(&plan.booking, plan.dy_rows * plan.picture_rows, k->vector_floats);
    return plan;
}

static void consider_planes(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    weights_plan plan = make_plan(sizes);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    double chunks = (double)plan.chunking.groups * (double)plan.chunking.per_image;
    double positions = chunks * (double)plan.row_floats;
    double rows = (double)lw_conv_round_up(sizes->shape.oc, plan.kernels->dot_rows);
    double depth = (double)lw_conv_round_up(sizes->depth, plan.kernels->dot_columns);
    // Each pair of blocks unfolds and copies its own rows, and loads and stores its lanes.
    double copies = rows * depth * (1.0 / (double)plan.dy_rows + 1.0 / (double)plan.picture_rows);
    answer->cycles =
        lw_conv_estimate_unfold(lw_conv_estimate_product(plan.kernels, rows * depth * positions) +
                                0.5 * copies * positions + lw_conv_estimate_rows(sizes, 1.7) +
                                rows * (0.2 * positions + depth * (2.0 * chunks + 8.0)) + 4000.0);
}

typedef struct weights_job {
    const weights_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
} weights_job;

// The rectangle of dweights that a block computes.
typedef struct weights_block {
    int64_t oc, oc_end, k, k_end;
} weights_block;

// Floats of a chunk's rows: the kernel reads whole vectors.
static int64_t padded_positions(const weights_plan *plan, const lw_conv_chunk *chunk)
{
    return lw_conv_round_up(chunk->positions, plan->kernels->vector_floats);
}

// The kernel reads whole vectors: zeros behind the chunk's positions.
static void clear_spare(const weights_plan *plan, const lw_conv_chunk *chunk, int64_t n_rows,
                        float *rows)
{
    const int64_t spare = padded_positions(plan, chunk) - chunk->positions;
    for (int64_t r = 0; r < n_rows; r++)
        memset(rows + r * plan->row_floats + chunk->positions, 0, (size_t)spare * sizeof *rows);
}

// Adds the chunk's products to the lanes, tile after tile: the rows of dy stay in L1, those of the
// picture, of which a tile has fewer, stream from L2. Rows of a last tile that are not in the block
// are whatever the workspace holds; their lanes are not read.
static void multiply_block(const weights_plan *plan, const lw_conv_chunk *chunk,
                           const weights_block *block, const float *dy, const float *picture,
                           float *lanes)
{
    const lw_kernel_table *kernels = plan->kernels;
    const int64_t tile_floats =
        (int64_t)kernels->dot_rows * kernels->dot_columns * kernels->vector_floats;
    const int64_t length = padded_positions(plan, chunk);
    for (int64_t oc = 0; oc < block->oc_end - block->oc; oc += kernels->dot_rows)
        for (int64_t k = 0; k < block->k_end - block->k; k += kernels->dot_columns) {
            kernels->gemm_dot(dy + oc * plan->row_floats, plan->row_floats,
                              picture + k * plan->row_floats, plan->row_floats, length, lanes);
            lanes += tile_floats;
        }
}

// Four sums side by side: one sum of all lanes would wait for every addition.
static float add_lanes(const float *lanes, int32_t count)
{
    float sum[4] = {0.0f};
    for (int32_t l = 0; l < count; l += 4)
        for (int i = 0; i < 4; i++) sum[i] += lanes[l + i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Adds up the lanes of every product and stores it.
static void store_block(const weights_plan *plan, const weights_block *block, const float *lanes,
                        float *dweights)
{
    const lw_kernel_table *kernels = plan->kernels;
    for (int64_t oc = block->oc; oc < block->oc_end; oc += kernels->dot_rows)
        for (int64_t k = block->k; k < block->k_end; k += kernels->dot_columns)
            for (int32_t r = 0; r < kernels->dot_rows; r++)
                for (int32_t j = 0; j < kernels->dot_columns; j++) {
                    float sum = add_lanes(lanes, kernels->vector_floats);
                    lanes += kernels->vector_floats;
                    if (oc + r < block->oc_end && k + j < block->k_end)
                        dweights[(oc + r) * plan->sizes->depth + k + j] = sum;
                }
}

static void compute_block(const weights_job *job, const weights_block *block, int32_t thread)
{
    const weights_plan *plan = job->plan;
    const lw_conv_booking *booking = &plan->booking;
    float *dy = lw_conv_thread_piece(booking, job->workspace, thread, plan->dy_at);
    float *picture = lw_conv_thread_piece(booking, job->workspace, thread, plan->picture_at);
    float *window = lw_conv_thread_piece(booking, job->workspace, thread, plan->window_at);
    float *lanes = lw_conv_thread_piece(booking, job->workspace, thread, plan->lanes_at);
    memset(lanes, 0,
           (size_t)(plan->dy_rows * plan->picture_rows * plan->kernels->vector_floats) *
               sizeof *lanes);
    for (int64_t group = 0; group < plan->chunking.groups; group++)
        for (int64_t i = 0; i < plan->chunking.per_image; i++) {
            lw_conv_chunk chunk = lw_conv_chunk_at(&plan->chunking, group, i);
            // Rows of both are the panel of one packed matrix.
            lw_conv_pack_maps(plan->sizes, &chunk, job->arrays->dy, block->oc, block->oc_end,
                              plan->row_floats, dy);
            clear_spare(plan, &chunk, block->oc_end - block->oc, dy);
            lw_conv_pack_unfolded(plan->sizes, &chunk, job->arrays->x, block->k, block->k_end,
                                  plan->row_floats, window, picture);
            clear_spare(plan, &chunk, block->k_end - block->k, picture);
            multiply_block(plan, &chunk, block, dy, picture, lanes);
        }
    store_block(plan, block, lanes, job->arrays->dweights);
}

// The gradient of one output channel's bias: the sum of dy over images and positions.
static float sum_bias_gradient(const lw_conv_sizes *sizes, const float *dy, int64_t oc)
{
    double lane[bias_lanes] = {0.0};
    for (int64_t n = 0; n < sizes->shape.n; n++) {
        const float *map = dy + (n * sizes->shape.oc + oc) * sizes->positions;
        int64_t p = 0;
        for (; p + bias_lanes <= sizes->positions; p += bias_lanes)
            for (int l = 0; l < bias_lanes; l++) lane[l] += (double)map[p + l];
        for (int l = 0; p < sizes->positions; p++, l++) lane[l] += (double)map[p];
    }
    double sum = 0.0;
    for (int l = 0; l < bias_lanes; l++) sum += lane[l];
    return (float)sum;
}

static void compute(void *context, int32_t thread, int32_t threads)
{
    const weights_job *job = context;
    const weights_plan *plan = job->plan;
    const lw_conv_sizes *sizes = plan->sizes;
    const int32_t tile_rows = plan->kernels->dot_rows, tile_columns = plan->kernels->dot_columns;
    const int64_t oc = sizes->shape.oc;
    if (job->arrays->dbias) {
        int64_t begin, end;
        lw_parallel_range(oc, thread, threads, &begin, &end);
        for (int64_t i = begin; i < end; i++)
            job->arrays->dbias[i] = sum_bias_gradient(sizes, job->arrays->dy, i);
    }
    // Parts are cut between tiles. Unfolding is shared by the tiles of a part's output channels.
    const int64_t k_tiles = (sizes->depth + tile_columns - 1) / tile_columns;
    const int64_t oc_tiles = (oc + tile_rows - 1) / tile_rows;
    lw_conv_split split =
        lw_conv_split_work(threads, k_tiles, oc_tiles, (lw_conv_split_costs){.outer = 1.0});
    lw_conv_share share;
    if (!lw_conv_share_of(split, thread, k_tiles, oc_tiles, &share)) return;
    const int64_t oc_end = lw_conv_smaller(share.inner_end * tile_rows, oc);
    const int64_t k_end = lw_conv_smaller(share.outer_end * tile_columns, sizes->depth);
    weights_block block;
    for (block.k = share.outer_begin * tile_columns; block.k < k_end; block.k = block.k_end) {
        block.k_end = lw_conv_smaller(block.k + plan->picture_rows, k_end);
        for (block.oc = share.inner_begin * tile_rows; block.oc < oc_end; block.oc = block.oc_end) {
            block.oc_end = lw_conv_smaller(block.oc + plan->dy_rows, oc_end);
            compute_block(job, &block, thread);
        }
    }
}

static void execute_planes(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                           void *workspace)
{
    weights_plan plan = make_plan(&problem->sizes);
    weights_job job = {&plan, arrays, workspace};
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

const lw_conv_implementation lw_conv_unfold_backward_weights = {.algorithm =
                                                                    LW_CONV_ALGORITHM_UNFOLD,
                                                                .kernel = "gemm_dot",
                                                                .consider = consider,
                                                                .execute = execute};
