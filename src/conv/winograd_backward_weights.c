// SPDX-License-Identifier: Apache-2.0
// Backward-weights by the Winograd algorithm, for 3x3 kernels without stride and dilation (for large
// strided ones see winograd_strided_weights.c). Threads
// share the items of the plan, part by part; then they add up what the stretches gave, in order, and write it
// where the caller's weights stand.
#include "conv/winograd_backward_weights_plan.h"

#include "conv/weights.h"
#include "conv/winograd.h"
#include "conv/winograd_strided.h"
#include "cpu/barrier.h"
#include "cpu/parallel.h"

#include <string.h>

typedef struct weights_job {
    const lw_winograd_weights_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
    lw_conv_weights_order order;
    lw_barrier barrier; // between the items and the adding up
} weights_job;

// Channels [ic, ic + geometry.ic) by [oc, oc + geometry.oc) of the weights.
typedef struct weights_part {
    int32_t index, ic, oc;
    lw_winograd_weights geometry;
} weights_part;

static weights_part part_at(const lw_winograd_weights_plan *plan, int32_t index)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    weights_part part = {.index = index, .geometry = plan->geometry};
    part.ic = index / plan->oc_parts * plan->geometry.ic;
    part.oc = index % plan->oc_parts * plan->geometry.oc;
    if (s->ic - part.ic < part.geometry.ic) part.geometry.ic = s->ic - part.ic;
    if (s->oc - part.oc < part.geometry.oc) part.geometry.oc = s->oc - part.oc;
    return part;
}

// ---- items --------------------------------------------------------------------------------------

// One thread's place in the workspace, and which images of which part are in it.
typedef struct item_scratch {
    float *scratch, *sums, *x, *dy;
    int32_t part;
    int64_t first, last; // images [first, last)
} item_scratch;

// A part's channels of `images` images from `first` on: in place, or in scratch.
static const float *find_images(const lw_conv_view *layout, const lw_conv_map *map,
                                const float *array, int32_t channel, int32_t channels,
                                int64_t first, int64_t images, bool copy, float *scratch)
{
    lw_conv_view view = *layout;
    view.channels = channels;
    array += channel * map->channel;
    if (view.in_place) return lw_conv_view_read(&view, map, array, first, NULL);
    for (int64_t i = 0; copy && i < images; i++)
        lw_conv_view_read(&view, map, array, first + i, scratch + i * view.scratch_floats);
    return scratch + view.origin;
}

static void add_block(const weights_job *job, const weights_part *part, item_scratch *own,
                      int64_t begin, int64_t end, float *dbias, bool accumulate)
{
    const lw_winograd_weights_plan *plan = job->plan;
    const lw_conv_problem *problem = plan->problem;
    const lw_conv_shape *s = &problem->sizes.shape;
    const int64_t first = begin / plan->per_image;
    const int64_t last = (end + plan->per_image - 1) / plan->per_image;
    // Blocks within an image find it copied.
    const bool copy = own->part != part->index || own->first > first || own->last < last;
    if (copy) own->part = part->index, own->first = first, own->last = last;
    const float *x = find_images(&plan->x, &problem->x, job->arrays->x, part->ic, part->geometry.ic,
                                 plan->x.in_place ? first : own->first, last - first, copy, own->x);
    const float *dy =
        find_images(&plan->dy, &problem->y, job->arrays->dy, part->oc, part->geometry.oc,
                    plan->dy.in_place ? first : own->first, last - first, copy, own->dy);
    if (!plan->x.in_place) x += (first - own->first) * plan->x.scratch_floats;
    if (!plan->dy.in_place) dy += (first - own->first) * plan->dy.scratch_floats;
    plan->kernels->winograd_weights_block(&part->geometry, begin - first * plan->per_image,
                                          end - first * plan->per_image,
                                          x - s->pad_h * plan->x.row - s->pad_w * plan->x.pixel, dy,
                                          own->scratch, own->sums, dbias, accumulate);
}

static void run_item(const weights_job *job, int64_t item, item_scratch *own)
{
    const lw_winograd_weights_plan *plan = job->plan;
    const int64_t stretch = item % plan->stretches;
    const weights_part part = part_at(plan, (int32_t)(item / plan->stretches));
    float *dbias = NULL; // the parts of the first input channels see to it
    if (job->arrays->dbias && part.ic == 0) {
        dbias = lw_conv_shared_piece(job->workspace, plan->dbias_at) +
                stretch * plan->dbias_floats + part.oc;
        memset(dbias, 0, (size_t)lw_conv_round_up(part.geometry.oc, LW_BLOCK) * sizeof *dbias);
    }
    int64_t first, last;
    lw_parallel_range(plan->tile_rows, (int32_t)stretch, plan->stretches, &first, &last);
    for (int64_t row = first; row < last; row += plan->block_rows)
        add_block(job, &part, own, row, lw_conv_smaller(row + plan->block_rows, last), dbias,
                  row > first);
    float *taps = lw_conv_shared_piece(job->workspace, plan->taps_at) +
                  stretch * plan->stretch_floats + part.index * plan->part_floats;
    plan->kernels->winograd_weights_taps(&part.geometry, own->sums, taps);
}

static void run_items(const weights_job *job, int32_t thread, int32_t threads)
{
    const lw_winograd_weights_plan *plan = job->plan;
    item_scratch own = {
        .scratch = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->scratch_at),
        .sums = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->sums_at),
        .x = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->x_at),
        .dy = lw_conv_thread_piece(&plan->booking, job->workspace, thread, plan->dy_at),
        .part = -1};
    int64_t begin, end;
    lw_parallel_range((int64_t)plan->ic_parts * plan->oc_parts * plan->stretches, thread, threads,
                      &begin, &end);
    for (int64_t item = begin; item < end; item++) run_item(job, item, &own);
}

// ---- adding up ----------------------------------------------------------------------------------

// Rows of taps that are added up and written together: few enough to stay in L1 until then.
enum { export_rows = 4 };

// Adds what the other stretches gave to the first one's, in order.
static void add_stretches(const lw_winograd_weights_plan *plan, float *first, int64_t floats)
{
    for (int32_t stretch = 1; stretch < plan->stretches; stretch++) {
        const float *other = first + stretch * plan->stretch_floats;
        for (int64_t i = 0; i < floats; i++) first[i] += other[i];
    }
}

// Writes a row of taps, [tap][column], to the weights. A block's columns are equally far apart.
static void write_row(const weights_job *job, const weights_part *part, int32_t row,
                      int32_t columns, const float *taps)
{
    const bool inputs = part->geometry.lanes_are_inputs;
    const int32_t real = inputs ? part->geometry.ic : part->geometry.oc;
    const int64_t step = inputs ? job->order.ic : job->order.oc;
    for (int32_t column = 0; column < real; column += LW_BLOCK) {
        const int32_t count = (int32_t)lw_conv_smaller(LW_BLOCK, real - column);
        const int32_t oc = part->oc + (inputs ? row : column);
        const int32_t ic = part->ic + (inputs ? column : row);
        float *to = job->arrays->dweights + lw_conv_weight_place(&job->order, oc, ic, 0);
        if (job->order.tap == 1 && step > 1) {
            job->plan->kernels->transpose(taps + column, columns, 9, count, to, step);
            continue;
        }
        for (int32_t tap = 0; tap < 9; tap++)
            for (int32_t c = 0; c < count; c++)
                to[tap * job->order.tap + c * step] = taps[tap * columns + column + c];
    }
}

// Writes `rows` rows. Where the taps of neighbouring input channels follow each other, as in the
// order of users, it is one transpose.
static void write_rows(const weights_job *job, const weights_part *part, int32_t row, int32_t rows,
                       int32_t columns, const float *taps)
{
    const lw_conv_weights_order *order = &job->order;
    if (!part->geometry.lanes_are_inputs && order->tap == 1 && order->ic == 9 &&
        order->oc_block == LW_BLOCK * order->oc) {
        job->plan->kernels->transpose(taps, columns, rows * 9, part->geometry.oc,
                                      job->arrays->dweights +
                                          lw_conv_weight_place(order, part->oc, part->ic + row, 0),
                                      order->oc);
        return;
    }
    for (int32_t r = 0; r < rows; r++)
        write_row(job, part, row + r, columns, taps + (int64_t)r * 9 * columns);
}

static void add_bias(const weights_job *job, const weights_part *part)
{
    const lw_winograd_weights_plan *plan = job->plan;
    const float *sums = lw_conv_shared_piece(job->workspace, plan->dbias_at) + part->oc;
    for (int32_t oc = 0; oc < part->geometry.oc; oc++) {
        float sum = sums[oc];
        for (int32_t stretch = 1; stretch < plan->stretches; stretch++)
            sum += sums[stretch * plan->dbias_floats + oc];
        job->arrays->dbias[part->oc + oc] = sum;
    }
}

// Rows of a part, up to export_rows of them from `row` on.
static void export_rows_of(const weights_job *job, const weights_part *part, int32_t row)
{
    const lw_winograd_weights_plan *plan = job->plan;
    const int32_t columns = lw_winograd_sums_of(&part->geometry).columns;
    const int32_t real = part->geometry.lanes_are_inputs ? part->geometry.oc : part->geometry.ic;
    const int32_t rows = (int32_t)lw_conv_smaller(export_rows, real - row);
    if (row == 0 && job->arrays->dbias && part->ic == 0) add_bias(job, part);
    if (rows <= 0) return; // the last part is smaller
    float *taps = lw_conv_shared_piece(job->workspace, plan->taps_at) +
                  part->index * plan->part_floats + (int64_t)row * 9 * columns;
    add_stretches(plan, taps, (int64_t)rows * 9 * columns);
    write_rows(job, part, row, rows, columns, taps);
}

static void run(void *context, int32_t thread, int32_t threads)
{
    weights_job *job = context;
    const lw_winograd_weights_plan *plan = job->plan;
    const lw_winograd_weights *g = &plan->geometry;
    const int32_t parts = plan->ic_parts * plan->oc_parts;
    const int32_t rows = g->lanes_are_inputs ? g->oc : g->ic;
    const int32_t pieces = (rows + export_rows - 1) / export_rows; // of a part
    run_items(job, thread, threads);
    // Where threads have whole parts, what each of them writes is its own.
    if (!lw_winograd_weights_are_whole(plan, threads)) lw_barrier_wait(&job->barrier, threads);
    int64_t begin, end;
    lw_parallel_range((int64_t)parts * pieces, thread, threads, &begin, &end);
    for (int64_t at = begin; at < end; at++) {
        const weights_part part = part_at(plan, (int32_t)(at / pieces));
        export_rows_of(job, &part, (int32_t)(at % pieces) * export_rows);
    }
}

// ---- the implementation -------------------------------------------------------------------------

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    if (!lw_conv_winograd_is_plain(s)) {
        lw_conv_winograd_strided_weights_consider(problem, answer);
        return;
    }
    if (!lw_conv_winograd_fits(problem, answer) || !lw_conv_channels_fit(problem, answer)) return;
    lw_winograd_weights_plan plan;
    lw_winograd_weights_make_plan(problem, &plan);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    // For the choice of parts the sums count about twice as much as they do; copies do not count.
    const double sums = 9.0 * s->ic * s->oc * (0.2 + 17.6 / plan.kernels->vector_floats);
    const double x = (double)s->n * s->ic * s->ih * s->iw;
    const double dy = (double)s->n * s->oc * (double)problem->sizes.positions;
    const double cycles = plan.cycles - sums + (plan.x.in_place ? 0.1 * x : 1.0 * x) +
                          (plan.dy.in_place ? 0.2 * dy : 0.9 * dy);
    const double overlap_share = 0.86; // the parts overlap; median of 300 shapes on Zen 4
    answer->cycles = cycles * overlap_share;
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    if (!lw_conv_winograd_is_plain(s)) {
        lw_conv_winograd_strided_weights_execute(problem, arrays, workspace);
        return;
    }
    lw_winograd_weights_plan plan;
    lw_winograd_weights_make_plan(problem, &plan);
    weights_job job = {.plan = &plan,
                       .arrays = arrays,
                       .workspace = workspace,
                       .order = lw_conv_user_order(s->ic, s->kh, s->kw)};
    lw_barrier_init(&job.barrier);
    lw_parallel_run(problem->threads, run, &job);
    lw_barrier_destroy(&job.barrier);
}

const lw_conv_implementation lw_conv_winograd_backward_weights = {
    .algorithm = LW_CONV_ALGORITHM_WINOGRAD,
    .kernel = "winograd_weights_block",
    .transforms = true,
    .consider = consider,
    .execute = execute};
