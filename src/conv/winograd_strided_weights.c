// SPDX-License-Identifier: Apache-2.0
// Backward-weights of large strided convolutions by the Winograd algorithm. The strips of all images
// are cut into stretches, the output channels into parts; an item is one part over one stretch and
// leaves taps of its own. Then threads add up the stretches, in order, and write the weights.
#include "conv/panels.h"
#include "conv/winograd_strided.h"
#include "cpu/barrier.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <string.h>

enum {
    most_channels = 64, // of a part: its transformed gradients stay in L2
    most_stretches = 8
};

typedef struct strided_plan {
    const lw_conv_problem *problem;
    const lw_kernel_table *kernels;
    lw_winograd_strided geometry; // of a full part and a whole map
    lw_conv_depth depth;
    lw_conv_strips strips;
    lw_conv_view dy; // of a full part
    int32_t parts, stretches;
    lw_winograd_strided_sums sums; // of a full part
    int64_t part_floats, stretch_floats, dbias_floats;
    lw_conv_booking booking;
    size_t taps_at, dbias_at;                              // shared: of every stretch
    size_t image_at, depth_at, dy_at, scratch_at, sums_at; // of a thread
} strided_plan;

static strided_plan make_plan(const lw_conv_problem *problem)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int32_t taps = lw_conv_winograd_strided_taps(s);
    strided_plan plan = {
        .problem = problem, .kernels = lw_kernels(), .depth = lw_conv_depth_of(problem, taps)};
    const lw_conv_depth *depth = &plan.depth;
    plan.strips = lw_conv_winograd_strips(problem, taps, depth->channels);
    const int64_t blocks = lw_conv_round_up(s->oc, LW_BLOCK) / LW_BLOCK;
    const int64_t part = lw_conv_block_size(blocks, most_channels / LW_BLOCK) * LW_BLOCK;
    plan.parts = (int32_t)((s->oc + part - 1) / part);
    plan.stretches = (int32_t)lw_conv_smaller(most_stretches, (int64_t)s->n * plan.strips.count);
    const int32_t channels = (int32_t)lw_conv_smaller(part, s->oc);
    plan.dy = (lw_conv_view){
        .channels = channels, .height = sizes->oh, .width = sizes->ow, .padded_channels = true};
    lw_conv_view_layout_part(&plan.dy, s->oc, &problem->y);
    plan.geometry = lw_conv_winograd_strided_geometry(sizes, depth, &plan.dy);
    plan.sums = lw_winograd_strided_sums_of(depth->channels, channels);
    plan.part_floats = (int64_t)depth->channels * taps * taps * plan.sums.columns;
    plan.stretch_floats = plan.part_floats * plan.parts;
    plan.dbias_floats = part * plan.parts;
    lw_conv_booking *booking = &plan.booking;
    plan.taps_at = lw_conv_book_shared(booking, plan.stretches, plan.stretch_floats);
    plan.dbias_at = lw_conv_book_shared(booking, plan.stretches, plan.dbias_floats);
    plan.image_at = lw_conv_book_thread(booking, depth->view.scratch_floats, 1);
    plan.depth_at = lw_conv_book_thread(booking, depth->floats, 1);
    plan.dy_at = lw_conv_book_thread(booking, plan.dy.scratch_floats, 1);
    plan.scratch_at = lw_conv_book_thread(
        booking, lw_winograd_strided_weights_scratch(depth->channels, channels), 1);
    plan.sums_at = lw_conv_book_thread(booking, plan.sums.floats, 1);
    return plan;
}

void lw_conv_winograd_strided_weights_consider(const lw_conv_problem *problem,
                                               lw_conv_answer *answer)
{
    if (!lw_conv_winograd_strided_fits(problem, answer)) return;
    const strided_plan plan = make_plan(problem);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    answer->kernel = "winograd_strided_weights";
    const lw_conv_shape *s = &problem->sizes.shape;
    const lw_conv_strips *strips = &plan.strips;
    const double tiles = (double)strips->tiles_h * strips->tiles_w * s->n;
    const double columns = (double)plan.sums.columns * plan.parts;
    const double outputs = (double)problem->sizes.positions * s->n;
    const double runs =
        tiles / lw_winograd_strided_block(plan.depth.channels) + (double)plan.stretches;
    const double sums = (double)LW_WINOGRAD_ALL_POINTS * plan.sums.rows * columns;
    const double inputs = lw_conv_winograd_strided_inputs_cycles(problem, &plan.depth, strips,
                                                                 plan.kernels->vector_floats);
    answer->cycles = lw_conv_estimate_product(plan.kernels, tiles * LW_WINOGRAD_ALL_POINTS *
                                                                plan.sums.rows * columns) +
                     tiles * columns / plan.kernels->vector_floats * 200.0 +
                     3.0 * runs * sums / plan.kernels->vector_floats +
                     (plan.dy.in_place ? 0.0 : 0.7 * outputs * s->oc) + plan.parts * inputs +
                     (2.0 + plan.stretches) * (double)plan.depth.channels * plan.geometry.taps *
                         plan.geometry.taps * columns +
                     3000.0;
}

// ---- items --------------------------------------------------------------------------------------

typedef struct strided_job {
    const strided_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
    lw_barrier barrier; // between the items and the adding up
} strided_job;

// A thread's place in the workspace, and which image is rearranged there.
typedef struct item_scratch {
    float *image, *depth, *dy, *scratch, *sums;
    int64_t n; // -1: none
} item_scratch;

// Adds the tile rows [begin, end) of image n to the thread's sums.
static void add_rows(const strided_job *job, const lw_winograd_strided *part, int32_t first_channel,
                     int64_t n, int64_t begin, int64_t end, item_scratch *own, float *dbias,
                     bool accumulate)
{
    const strided_plan *plan = job->plan;
    const lw_conv_map *map = &plan->problem->y;
    if (own->n != n)
        lw_conv_depth_read(&plan->depth, &plan->problem->x, job->arrays->x, n, own->image,
                           own->depth);
    own->n = n;
    const int32_t side = lw_winograd_strided_outputs(part->taps);
    lw_winograd_strided g = *part;
    g.oh = (int32_t)(lw_conv_smaller(end * side, g.oh) - begin * side);
    lw_conv_view rows = plan->dy;
    rows.channels = g.oc;
    rows.height = g.oh;
    if (!rows.in_place) rows.scratch_floats = g.oh * rows.row;
    const float *dy = lw_conv_view_read(
        &rows, map, job->arrays->dy + begin * side * map->row + first_channel * map->channel, n,
        own->dy);
    plan->kernels->winograd_strided_weights(&g, own->depth + begin * side * g.x_row, dy,
                                            own->scratch, own->sums, dbias, accumulate);
}

static void run_item(const strided_job *job, int32_t stretch, int32_t index, item_scratch *own)
{
    const strided_plan *plan = job->plan;
    const int32_t strips = plan->strips.count;
    lw_winograd_strided part = plan->geometry;
    const int32_t first_channel = index * part.oc;
    part.oc = (int32_t)lw_conv_smaller(part.oc, plan->problem->sizes.shape.oc - first_channel);
    float *dbias = NULL;
    if (job->arrays->dbias) {
        dbias = lw_conv_shared_piece(job->workspace, plan->dbias_at) +
                stretch * plan->dbias_floats + first_channel;
        memset(dbias, 0, (size_t)lw_conv_round_up(part.oc, LW_BLOCK) * sizeof *dbias);
    }
    int64_t first, last;
    lw_parallel_range((int64_t)plan->problem->sizes.shape.n * strips, stretch, plan->stretches,
                      &first, &last);
    for (int64_t at = first, stop; at < last; at = stop) {
        // To the end of the image, or of the stretch.
        const int64_t n = at / strips;
        stop = lw_conv_smaller(last, (n + 1) * strips);
        int64_t begin, end, unused;
        lw_parallel_range(plan->strips.tiles_h, (int32_t)(at % strips), strips, &begin, &unused);
        lw_parallel_range(plan->strips.tiles_h, (int32_t)((stop - 1) % strips), strips, &unused,
                          &end);
        add_rows(job, &part, first_channel, n, begin, end, own, dbias, at > first);
    }
    plan->kernels->winograd_strided_weights_taps(
        part.taps, part.ic, part.oc, own->sums,
        lw_conv_shared_piece(job->workspace, plan->taps_at) + stretch * plan->stretch_floats +
            index * plan->part_floats);
}

// ---- adding up ----------------------------------------------------------------------------------

// Adds what the other stretches gave to the first one's, in order.
static void add_stretches(const strided_plan *plan, float *first, int64_t step, int64_t floats)
{
    for (int32_t stretch = 1; stretch < plan->stretches; stretch++) {
        const float *other = first + stretch * step;
        for (int64_t i = 0; i < floats; i++) first[i] += other[i];
    }
}

// The weights of one part for one input channel.
static void export_channel(const strided_job *job, int32_t index, int32_t ic)
{
    const strided_plan *plan = job->plan;
    const lw_conv_depth *depth = &plan->depth;
    const int32_t first = index * plan->geometry.oc, all = plan->problem->sizes.shape.oc;
    const int32_t outputs = (int32_t)lw_conv_smaller(plan->geometry.oc, all - first);
    const int64_t columns = lw_conv_round_up(outputs, LW_BLOCK);
    const int64_t taps = (int64_t)depth->kh * depth->kw, step = depth->ic * taps;
    float *part = lw_conv_shared_piece(job->workspace, plan->taps_at) + index * plan->part_floats;
    for (int32_t kh = 0; kh < depth->kh; kh++)
        for (int32_t kw = 0; kw < depth->kw; kw++) {
            float *sums = part + lw_conv_depth_weight(depth, ic, kh, kw) * columns;
            float *to =
                job->arrays->dweights + first * step + ic * taps + (int64_t)kh * depth->kw + kw;
            add_stretches(plan, sums, plan->stretch_floats, outputs);
            for (int32_t oc = 0; oc < outputs; oc++) to[oc * step] = sums[oc];
        }
}

static void run(void *context, int32_t thread, int32_t threads)
{
    strided_job *job = context;
    const strided_plan *plan = job->plan;
    const lw_conv_booking *booking = &plan->booking;
    item_scratch own = {
        .image = lw_conv_thread_piece(booking, job->workspace, thread, plan->image_at),
        .depth = lw_conv_thread_piece(booking, job->workspace, thread, plan->depth_at),
        .dy = lw_conv_thread_piece(booking, job->workspace, thread, plan->dy_at),
        .scratch = lw_conv_thread_piece(booking, job->workspace, thread, plan->scratch_at),
        .sums = lw_conv_thread_piece(booking, job->workspace, thread, plan->sums_at),
        .n = -1};
    int64_t begin, end;
    lw_parallel_range((int64_t)plan->parts * plan->stretches, thread, threads, &begin, &end);
    for (int64_t item = begin; item < end; item++)
        run_item(job, (int32_t)(item / plan->parts), (int32_t)(item % plan->parts), &own);
    lw_barrier_wait(&job->barrier, threads);
    lw_parallel_range((int64_t)plan->parts * plan->depth.ic, thread, threads, &begin, &end);
    for (int64_t item = begin; item < end; item++)
        export_channel(job, (int32_t)(item / plan->depth.ic), (int32_t)(item % plan->depth.ic));
    if (!job->arrays->dbias || thread != 0) return;
    float *sums = lw_conv_shared_piece(job->workspace, plan->dbias_at);
    add_stretches(plan, sums, plan->dbias_floats, plan->problem->sizes.shape.oc);
    memcpy(job->arrays->dbias, sums, (size_t)plan->problem->sizes.shape.oc * sizeof *sums);
}

void lw_conv_winograd_strided_weights_execute(const lw_conv_problem *problem,
                                              const lw_conv_arrays *arrays, void *workspace)
{
    const strided_plan plan = make_plan(problem);
    strided_job job = {.plan = &plan, .arrays = arrays, .workspace = workspace};
    lw_barrier_init(&job.barrier);
    lw_parallel_run(problem->threads, run, &job);
    lw_barrier_destroy(&job.barrier);
}
