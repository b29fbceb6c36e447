// SPDX-License-Identifier: Apache-2.0
// Forward of large strided convolutions by the Winograd algorithm. Threads share the filters and the
// images' way from space to depth, wait for each other, and share the strips of the images. Outputs
// that do not lie as the kernel writes them are copied strip by strip, out of a thread's L2.
#include "conv/panels.h"
#include "conv/winograd_strided.h"
#include "cpu/barrier.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <string.h>

// Rearranged images at a time, in floats, if one is not larger.
enum { round_floats = 1 << 22 };

typedef struct strided_plan {
    const lw_conv_problem *problem;
    const lw_kernel_table *kernels;
    lw_winograd_strided geometry; // of a map; strips have fewer rows
    lw_conv_depth depth;
    lw_conv_strips strips;
    lw_conv_view out; // of a strip
    int64_t images;   // of a round
    int32_t blocks;   // of output channels
    lw_conv_booking booking;
    size_t filters_at, bias_at, depth_at;               // shared
    size_t image_at, packed_at, scratch_at, outputs_at; // of a thread
} strided_plan;

static strided_plan make_plan(const lw_conv_problem *problem)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int32_t taps = lw_conv_winograd_strided_taps(s);
    strided_plan plan = {.problem = problem,
                         .kernels = lw_kernels(),
                         .depth = lw_conv_depth_of(problem, taps),
                         .blocks = (int32_t)(lw_conv_round_up(s->oc, LW_BLOCK) / LW_BLOCK)};
    const lw_conv_depth *depth = &plan.depth;
    plan.strips = lw_conv_winograd_strips(problem, taps, depth->channels);
    const int32_t rows = plan.strips.most_rows * lw_winograd_strided_outputs(taps);
    plan.out = (lw_conv_view){.channels = s->oc,
                              .height = (int32_t)lw_conv_smaller(rows, sizes->oh),
                              .width = sizes->ow,
                              .padded_channels = true};
    lw_conv_view_layout(&plan.out, &problem->y, true);
    plan.geometry = lw_conv_winograd_strided_geometry(sizes, depth, &plan.out);
    plan.images = depth->floats < round_floats ? round_floats / depth->floats : 1;
    plan.images = lw_conv_smaller(plan.images, s->n);
    lw_conv_booking *booking = &plan.booking;
    plan.filters_at =
        lw_conv_book_shared(booking, plan.blocks, lw_winograd_strided_filters(depth->channels));
    plan.bias_at = lw_conv_book_shared(booking, plan.blocks, LW_BLOCK);
    plan.depth_at = lw_conv_book_shared(booking, plan.images, depth->floats);
    plan.image_at = lw_conv_book_thread(booking, depth->view.scratch_floats, 1);
    plan.packed_at = lw_conv_book_thread(booking, (int64_t)depth->channels * taps * taps, LW_BLOCK);
    plan.scratch_at = lw_conv_book_thread(booking, lw_winograd_strided_scratch(depth->channels), 1);
    plan.outputs_at = lw_conv_book_thread(booking, plan.out.scratch_floats, 1);
    return plan;
}

void lw_conv_winograd_strided_forward_consider(const lw_conv_problem *problem,
                                               lw_conv_answer *answer)
{
    if (!lw_conv_winograd_strided_fits(problem, answer)) return;
    const strided_plan plan = make_plan(problem);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    answer->kernel = "winograd_strided_forward";
    const lw_conv_strips *strips = &plan.strips;
    const double tiles = (double)strips->tiles_h * strips->tiles_w * problem->sizes.shape.n;
    const double vectors = (double)LW_BLOCK / plan.kernels->vector_floats;
    const double outputs = (double)problem->sizes.positions * problem->sizes.shape.n;
    // A tile's products are stored, read, stored as rows and read again.
    answer->cycles =
        lw_conv_estimate_product(plan.kernels, tiles * LW_WINOGRAD_ALL_POINTS * LW_BLOCK *
                                                   plan.depth.channels * plan.blocks) +
        tiles * plan.blocks * vectors * 160.0 +
        (plan.out.in_place ? 0.0 : 0.7 * outputs * problem->sizes.shape.oc) +
        1000.0 * plan.depth.channels * plan.blocks +
        lw_conv_winograd_strided_inputs_cycles(problem, &plan.depth, strips,
                                               plan.kernels->vector_floats) +
        3000.0;
}

// ---- execution ----------------------------------------------------------------------------------

typedef struct strided_job {
    const strided_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
    lw_barrier barrier; // around the strips of a round
} strided_job;

static void transform_filters(const strided_job *job, int32_t block, float *packed)
{
    const strided_plan *plan = job->plan;
    const lw_conv_depth *depth = &plan->depth;
    const int32_t first = block * LW_BLOCK;
    const int32_t outputs = (int32_t)lw_conv_smaller(LW_BLOCK, (int64_t)plan->geometry.oc - first);
    const int64_t taps = (int64_t)depth->kh * depth->kw;
    memset(packed, 0,
           (size_t)(depth->channels * depth->taps * depth->taps * LW_BLOCK) * sizeof *packed);
    for (int32_t ic = 0; ic < depth->ic; ic++)
        for (int32_t kh = 0; kh < depth->kh; kh++)
            for (int32_t kw = 0; kw < depth->kw; kw++) {
                const float *from = job->arrays->weights +
                                    (first * (int64_t)depth->ic + ic) * taps +
                                    (int64_t)kh * depth->kw + kw;
                float *to = packed + lw_conv_depth_weight(depth, ic, kh, kw) * LW_BLOCK;
                for (int32_t oc = 0; oc < outputs; oc++) to[oc] = from[oc * depth->ic * taps];
            }
    plan->kernels->winograd_strided_filters(depth->taps, depth->channels, packed,
                                            lw_conv_shared_piece(job->workspace, plan->filters_at) +
                                                block *
                                                    lw_winograd_strided_filters(depth->channels));
}

static void prepare_filters(const strided_job *job, int32_t thread, int32_t threads)
{
    const strided_plan *plan = job->plan;
    float *packed = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->packed_at);
    int64_t begin, end;
    lw_parallel_range(plan->blocks, thread, threads, &begin, &end);
    for (int64_t block = begin; block < end; block++)
        transform_filters(job, (int32_t)block, packed);
    if (thread > 0 || !job->arrays->bias) return;
    float *bias = lw_conv_shared_piece(job->workspace, plan->bias_at);
    memset(bias, 0, (size_t)plan->blocks * LW_BLOCK * sizeof *bias);
    memcpy(bias, job->arrays->bias, (size_t)plan->geometry.oc * sizeof *bias);
}

static void rearrange(const strided_job *job, int64_t first, int64_t images, int32_t thread,
                      int32_t threads)
{
    const strided_plan *plan = job->plan;
    float *image = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->image_at);
    int64_t begin, end;
    lw_parallel_range(images, thread, threads, &begin, &end);
    for (int64_t n = begin; n < end; n++)
        lw_conv_depth_read(&plan->depth, &plan->problem->x, job->arrays->x, first + n, image,
                           lw_conv_shared_piece(job->workspace, plan->depth_at) +
                               n * plan->depth.floats);
}

// Strip `strip` of image `first` + n, which is the n-th rearranged one.
static void compute_strip(const strided_job *job, int64_t first, int64_t n, int32_t strip,
                          int32_t thread)
{
    const strided_plan *plan = job->plan;
    const lw_conv_map *map = &plan->problem->y;
    const int32_t side = lw_winograd_strided_outputs(plan->geometry.taps);
    int64_t begin, end;
    lw_parallel_range(plan->strips.tiles_h, strip, plan->strips.count, &begin, &end);
    lw_winograd_strided g = plan->geometry;
    g.oh = (int32_t)(lw_conv_smaller(end * side, g.oh) - begin * side);
    float *output = job->arrays->y + begin * side * map->row;
    float *own = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->outputs_at);
    plan->kernels->winograd_strided_forward(
        &g, 0, plan->blocks,
        lw_conv_shared_piece(job->workspace, plan->depth_at) + n * plan->depth.floats +
            begin * side * g.x_row,
        lw_conv_shared_piece(job->workspace, plan->filters_at),
        job->arrays->bias ? lw_conv_shared_piece(job->workspace, plan->bias_at) : NULL,
        lw_conv_view_target(&plan->out, map, output, first + n, own),
        lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->scratch_at));
    lw_conv_view_written(&plan->out, map, own, 0, g.oh, 0, g.oc, output, first + n);
}

static void run(void *context, int32_t thread, int32_t threads)
{
    strided_job *job = context;
    const strided_plan *plan = job->plan;
    const int32_t all = plan->problem->sizes.shape.n, strips = plan->strips.count;
    prepare_filters(job, thread, threads);
    for (int64_t first = 0; first < all; first += plan->images) {
        const int64_t images = lw_conv_smaller(plan->images, all - first);
        rearrange(job, first, images, thread, threads);
        lw_barrier_wait(&job->barrier, threads);
        int64_t begin, end;
        lw_parallel_range(images * strips, thread, threads, &begin, &end);
        for (int64_t item = begin; item < end; item++)
            compute_strip(job, first, item / strips, (int32_t)(item % strips), thread);
        if (first + images < all) lw_barrier_wait(&job->barrier, threads);
    }
}

void lw_conv_winograd_strided_forward_execute(const lw_conv_problem *problem,
                                              const lw_conv_arrays *arrays, void *workspace)
{
    const strided_plan plan = make_plan(problem);
    strided_job job = {.plan = &plan, .arrays = arrays, .workspace = workspace};
    lw_barrier_init(&job.barrier);
    lw_parallel_run(problem->threads, run, &job);
    lw_barrier_destroy(&job.barrier);
}
