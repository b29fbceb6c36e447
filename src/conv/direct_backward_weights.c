// SPDX-License-Identifier: Apache-2.0
// Backward-weights by register tiles: sums of products of x and dy over strips of output rows, all
// taps of a strip while it is in the cache. Strips are dealt to a number of partial sums that
// depends on the shape alone; several threads may work on one partial sum, each on its own tiles.
// In the end the partial sums are added up in order and written where the caller's weights stand.
#include "conv/direct_backward_weights_jobs.h"
#include "conv/weights.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <string.h>

typedef struct weights_job {
    const lw_direct_weights_plan *plan;
    const lw_conv_arrays *arrays;
    void *workspace;
    lw_conv_weights_order order;
} weights_job;

// ---- partial sums -------------------------------------------------------------------------------

// Where a strip's maps are.
typedef struct strip_maps {
    lw_conv_chunk chunk;
    const float *x, *dy;       // of the strip's first output pixel: its first tap, and itself
    int64_t x_image, dy_image; // floats from one image to the next
    int64_t n_copied;          // the image that is in scratch, -1: none
    // What the next strip will read in place and is still to be prefetched.
    const float *ahead[2];
    int64_t ahead_floats[2];
} strip_maps;

// One thread's place in the workspace.
typedef struct thread_scratch {
    float *x, *dy, *x_blocks, *dy_panel;
} thread_scratch;

// Images that do not lie as the kernel wants them are copied when their first strip comes.
static void find_maps(const weights_job *job, const thread_scratch *scratch, int64_t strip,
                      strip_maps *maps)
{
    const lw_direct_weights_plan *plan = job->plan;
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    const int64_t per_image = plan->strips.per_image;
    maps->chunk = lw_conv_chunk_at(&plan->strips, strip / per_image, strip % per_image);
    const lw_conv_chunk *c = &maps->chunk;
    maps->x_image = plan->x.in_place ? plan->problem->x.image : plan->x.scratch_floats;
    maps->dy_image = plan->dy.in_place ? plan->problem->y.image : plan->dy.scratch_floats;
    const bool copy = maps->n_copied != c->n;
    for (int64_t i = c->images - 1; i >= 0; i--) {
        float *x = scratch->x + i * plan->x.scratch_floats;
        float *dy = scratch->dy + i * plan->dy.scratch_floats;
        maps->x = copy || plan->x.in_place
                      ? lw_conv_view_read(&plan->x, &plan->problem->x, job->arrays->x, c->n + i, x)
                      : x + plan->x.origin;
        maps->dy = copy || plan->dy.in_place ? lw_conv_view_read(&plan->dy, &plan->problem->y,
                                                                 job->arrays->dy, c->n + i, dy)
                                             : dy + plan->dy.origin;
    }
    maps->n_copied = c->n;
    maps->x += ((int64_t)c->at.oh * s->stride_h - s->pad_h) * plan->x.row +
               ((int64_t)c->at.ow * s->stride_w - s->pad_w) * plan->x.pixel;
    maps->dy += c->at.oh * plan->dy.row + c->at.ow * plan->dy.pixel;
}

// Notes which part of the arrays strip `strip` will read, for prefetching; nothing when there is no
// such strip or when it will be copied.
static void look_ahead(const weights_job *job, int64_t strip, int64_t strips, strip_maps *maps)
{
    const lw_direct_weights_plan *plan = job->plan;
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    const lw_conv_map *x = &plan->problem->x, *dy = &plan->problem->y;
    const int64_t per_image = plan->strips.per_image;
    maps->ahead_floats[0] = maps->ahead_floats[1] = 0;
    if (strip >= strips) return;
    const lw_conv_chunk c = lw_conv_chunk_at(&plan->strips, strip / per_image, strip % per_image);
    if (plan->x.in_place) {
        const int64_t row = (int64_t)c.at.oh * s->stride_h - s->pad_h;
        const int64_t rows =
            (int64_t)(c.at.rows - 1) * s->stride_h + (int64_t)(s->kh - 1) * s->dilation_h + 1;
        maps->ahead[0] =
            job->arrays->x + c.n * x->image + x->origin + row * x->row - s->pad_w * x->pixel;
        maps->ahead_floats[0] = (c.images - 1) * x->image + rows * x->row;
    }
    if (plan->dy.in_place) {
        maps->ahead[1] = job->arrays->dy + c.n * dy->image + dy->origin + c.at.oh * dy->row;
        maps->ahead_floats[1] = (c.images - 1) * dy->image + c.at.rows * dy->row;
    }
}

// Gives the kernel what is to be prefetched and forgets what its tiles will have prefetched.
static void take_ahead(strip_maps *maps, int64_t tiles, lw_dense_products *g)
{
    const int64_t tile_floats = maps->chunk.positions * (64 / (int64_t)sizeof(float));
    for (int i = 0; i < 2; i++) {
        g->ahead[i] = maps->ahead[i];
        g->ahead_floats[i] = maps->ahead_floats[i];
        const int64_t wanted = (maps->ahead_floats[i] + tile_floats - 1) / tile_floats;
        const int64_t taken = lw_conv_smaller(tiles, wanted);
        tiles -= taken;
        maps->ahead[i] += taken < wanted ? taken * tile_floats : 0;
        maps->ahead_floats[i] -= taken < wanted ? taken * tile_floats : maps->ahead_floats[i];
    }
}

// What the kernel is to compute of one job in one strip.
static lw_dense_products describe(const lw_direct_weights_plan *plan, const strip_maps *maps,
                                  const lw_direct_weights_job *job)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    const lw_conv_rectangle *at = &maps->chunk.at;
    lw_dense_products g = {.images = (int32_t)maps->chunk.images,
                           .rows = at->rows,
                           .columns = at->columns,
                           .planes = job->planes,
                           .runs = job->runs,
                           .length = job->length,
                           .lanes = job->lanes,
                           .sums_row = job->sums_row};
    lw_direct_weights_strides x = {
        .image = maps->x_image, .row = plan->x.row, .pixel = plan->x.pixel};
    if (plan->pack_x && job->kind == LW_DIRECT_WEIGHTS_MAIN) x = lw_direct_packed_x(plan, at);
    lw_direct_weights_strides dy = {
        .image = maps->dy_image, .row = plan->dy.row, .pixel = plan->dy.pixel};
    if (plan->pack_dy && job->kind == LW_DIRECT_WEIGHTS_MAIN)
        dy = lw_direct_packed_dy(job->lanes, at);
    const lw_direct_weights_strides x_step = {x.image, x.row * s->stride_h, x.pixel * s->stride_w};
    switch (job->kind) {
    case LW_DIRECT_WEIGHTS_MAIN:
        g.a_image = x_step.image, g.a_row = x_step.row, g.a_pixel = x_step.pixel;
        g.b_image = dy.image, g.b_row = dy.row, g.b_pixel = dy.pixel;
        g.a_plane = x.row * s->dilation_h;
        g.a_run = job->whole_rows ? g.a_plane : x.pixel * s->dilation_w;
        break;
    case LW_DIRECT_WEIGHTS_TAIL:
        g.a_image = dy.image, g.a_row = dy.row, g.a_pixel = dy.pixel;
        g.b_image = x_step.image, g.b_row = x_step.row, g.b_pixel = x_step.pixel;
        break;
    case LW_DIRECT_WEIGHTS_BIAS: // every pixel of a is the same one
        g.b_image = dy.image, g.b_row = dy.row, g.b_pixel = dy.pixel;
        break;
    }
    return g;
}

// The part [begin, end) of the plan's cost, as tiles of a job that starts at `cost`.
static void find_tiles(const lw_direct_weights_job *job, double begin, double end, int32_t tiles,
                       int32_t *first, int32_t *last)
{
    const double from = (begin - job->cost_before) / job->cost * tiles + 0.5;
    const double to = (end - job->cost_before) / job->cost * tiles + 0.5;
    *first = from <= 0.0 ? 0 : from >= tiles ? tiles : (int32_t)from;
    *last = to <= 0.0 ? 0 : to >= tiles ? tiles : (int32_t)to;
}

// Adds one strip to a partial sum, the part [begin, end) of its cost.
static void add_strip(const weights_job *job, strip_maps *maps, const thread_scratch *scratch,
                      double begin, double end, bool accumulate, float *sums)
{
    static const float one = 1.0f;
    const lw_direct_weights_plan *plan = job->plan;
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    bool x_packed = false;
    int32_t panel_packed = -1;
    lw_direct_weights_job part;
    for (int64_t i = 0; i < plan->n_jobs; i++) {
        lw_direct_weights_job_at(plan, i, &part);
        if (part.cost_before >= end) break;
        if (part.cost_before + part.cost <= begin) continue;
        if (part.kind == LW_DIRECT_WEIGHTS_BIAS && (!job->arrays->dbias || plan->sums_dy)) continue;
        lw_dense_products g = describe(plan, maps, &part);
        if (plan->sums_dy && job->arrays->dbias) g.b_sums = sums + plan->bias_sums + part.oc;
        int32_t first, last;
        find_tiles(&part, begin, end, plan->kernels->dense_backward_weights_tiles(&g), &first,
                   &last);
        if (first >= last) continue;
        const float *a = maps->x + part.ic, *b = maps->dy + part.oc;
        if (part.kind == LW_DIRECT_WEIGHTS_BIAS) a = &one;
        if (part.kind == LW_DIRECT_WEIGHTS_TAIL) {
            a = b;
            b = maps->x + part.tap / s->kw * s->dilation_h * plan->x.row +
                part.tap % s->kw * s->dilation_w * plan->x.pixel;
        }
        if (part.kind == LW_DIRECT_WEIGHTS_MAIN && plan->pack_x) {
            if (!x_packed)
                lw_direct_pack_x(plan, &maps->chunk, maps->x, maps->x_image, scratch->x_blocks);
            x_packed = true;
            a = scratch->x_blocks + part.ic / LW_BLOCK * lw_direct_packed_block(plan, &maps->chunk);
        }
        if (part.kind == LW_DIRECT_WEIGHTS_MAIN && plan->pack_dy) {
            if (panel_packed != part.oc)
                lw_direct_pack_dy(plan, &maps->chunk, b, maps->dy_image, part.lanes,
                                  scratch->dy_panel);
            panel_packed = part.oc;
            b = scratch->dy_panel;
        }
        take_ahead(maps, last - first, &g);
        plan->kernels->dense_backward_weights(&g, a, b, sums + part.sums, accumulate, first, last);
    }
}

static void add_partials(void *context, int32_t thread, int32_t threads)
{
    const weights_job *job = context;
    const lw_direct_weights_plan *plan = job->plan;
    const lw_conv_booking *booking = &plan->booking;
    const int64_t strips = plan->strips.groups * plan->strips.per_image;
    const lw_conv_split split =
        lw_conv_split_work(threads, plan->partials, plan->tiles, (lw_conv_split_costs){0});
    if (thread >= split.outer_parts * split.inner_parts) return;
    lw_conv_share share;
    if (!lw_conv_share_of(split, thread, plan->partials, plan->tiles, &share)) return;
    const double begin = plan->cost * (double)(thread % split.inner_parts) / split.inner_parts;
    const double end = plan->cost * (double)(thread % split.inner_parts + 1) / split.inner_parts;
    thread_scratch scratch = {
        .x = lw_conv_thread_piece(booking, job->workspace, thread, plan->x_at),
        .dy = lw_conv_thread_piece(booking, job->workspace, thread, plan->dy_at),
        .x_blocks = lw_conv_thread_piece(booking, job->workspace, thread, plan->x_blocks_at),
        .dy_panel = lw_conv_thread_piece(booking, job->workspace, thread, plan->dy_panel_at)};
    strip_maps maps = {.n_copied = -1};
    for (int64_t p = share.outer_begin; p < share.outer_end; p++) {
        float *sums = lw_conv_shared_piece(job->workspace, plan->sums_at) + p * plan->sums_floats;
        int64_t first, last;
        lw_parallel_range(strips, (int32_t)p, plan->partials, &first, &last);
        for (int64_t strip = first; strip < last; strip++) {
            find_maps(job, &scratch, strip, &maps);
            look_ahead(job, strip + 1, last, &maps);
            add_strip(job, &maps, &scratch, begin, end, strip > first, sums);
        }
    }
}

// ---- adding up ----------------------------------------------------------------------------------

// Rows of sums of at most this many lanes are added up and written at once.
enum { export_lanes = LW_BLOCK };

// Adds the partial sums of a job's lanes [lane, lane + count) to those of the first.
static void add_up(const lw_direct_weights_plan *plan, const lw_direct_weights_job *part,
                   int32_t lane, int32_t count, float *sums)
{
    const int64_t rows = (int64_t)part->planes * part->runs * part->length;
    for (int64_t r = 0; r < rows && plan->partials > 1; r++) {
        float *to = sums + part->sums + r * part->sums_row + lane;
        for (int32_t p = 1; p < plan->partials; p++) {
            const float *from = to + p * plan->sums_floats;
            for (int32_t l = 0; l < count; l++) to[l] += from[l];
        }
    }
}

static inline void copy_taps(const float *from, int64_t from_step, float *to, int64_t to_step,
                             const int32_t taps)
{
    for (int32_t tap = 0; tap < taps; tap++) to[tap * to_step] = from[tap * from_step];
}

// Writes a job's lanes to the weights.
static void export_lanes_of(const weights_job *job, const lw_direct_weights_job *part, int32_t lane,
                            int32_t count, const float *sums)
{
    const lw_conv_shape *s = &job->plan->problem->sizes.shape;
    const int32_t taps = s->kh * s->kw;
    const lw_conv_weights_order *order = &job->order;
    const float *from = sums + part->sums + lane;
    if (part->kind == LW_DIRECT_WEIGHTS_BIAS) {
        memcpy(job->arrays->dbias + part->oc + lane, from, (size_t)count * sizeof *from);
    } else if (part->kind == LW_DIRECT_WEIGHTS_TAIL) {
        for (int32_t o = 0; o < part->length; o++)
            for (int32_t l = 0; l < count; l++) {
                const int32_t tap = (int32_t)((lane + l) / job->plan->x.pixel);
                const int32_t ic = (int32_t)((lane + l) % job->plan->x.pixel);
                if (ic >= s->ic) continue;
                job->arrays
                    ->dweights[lw_conv_weight_place(order, part->oc + o, ic, part->tap + tap)] =
                    from[o * part->sums_row + l];
            }
    } else {
        // In whole rows a run has all taps of a kernel row: the order of rows is the same.
        const int32_t ic_count = part->ic_count;
        for (int32_t l = 0; l < count; l++)
            for (int32_t i = 0; i < ic_count; i++) {
                const float *column = from + i * part->sums_row + l;
                const int64_t step = ic_count * part->sums_row;
                float *to = job->arrays->dweights +
                            lw_conv_weight_place(order, part->oc + lane + l, part->ic + i, 0);
                if (taps == 9 && order->tap == 1)
                    copy_taps(column, step, to, 1, 9);
                else
                    copy_taps(column, step, to, order->tap, taps);
            }
    }
}

static void export_sums(void *context, int32_t thread, int32_t threads)
{
    const weights_job *job = context;
    const lw_direct_weights_plan *plan = job->plan;
    float *sums = lw_conv_shared_piece(job->workspace, plan->sums_at);
    int64_t item = 0; // dealt in turn
    for (int64_t i = 0; i < plan->n_jobs; i++) {
        lw_direct_weights_job part;
        lw_direct_weights_job_at(plan, i, &part);
        if (part.kind == LW_DIRECT_WEIGHTS_BIAS && !job->arrays->dbias) continue;
        for (int32_t lane = 0; lane < part.lanes; lane += export_lanes, item++) {
            if (item % threads != thread) continue;
            const int32_t count = (int32_t)lw_conv_smaller(export_lanes, part.lanes - lane);
            add_up(plan, &part, lane, count, sums);
            export_lanes_of(job, &part, lane, count, sums);
        }
    }
}

// ---- the implementation -------------------------------------------------------------------------

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    lw_direct_weights_plan plan;
    if (!lw_conv_channels_fit(problem, answer)) return;
    lw_direct_weights_make_plan(problem, &plan);
    lw_conv_answer_booking(&plan.booking, problem->threads, answer);
    answer->cycles = lw_direct_weights_cycles(&plan);
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    lw_direct_weights_plan plan;
    lw_direct_weights_make_plan(problem, &plan);
    weights_job job = {&plan, arrays, workspace, lw_conv_user_order(s->ic, s->kh, s->kw)};
    lw_parallel_run(problem->threads, add_partials, &job);
    lw_parallel_run(problem->threads, export_sums, &job);
}

const lw_conv_implementation lw_conv_direct_backward_weights = {.algorithm =
                                                                    LW_CONV_ALGORITHM_DIRECT,
                                                                .kernel = "dense_backward_weights",
                                                                .consider = consider,
                                                                .execute = execute};
