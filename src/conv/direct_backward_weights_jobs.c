// SPDX-License-Identifier: Apache-2.0
// The cut of direct backward-weights, its copies of strips, and what it should cost.
#include "conv/direct_backward_weights_jobs.h"

#include "base/memory.h"
#include "conv/panels.h"
#include "cpu/kernel_table.h"

#include <string.h>

// Pixels far apart in memory crowd a few sets of L1; strips of such maps are copied. A panel of dy
// is two or three vectors of AVX-512.
enum { most_x_pixel = 2 * LW_BLOCK, panel_blocks = 3 };

// Output pixels of a strip: enough to make loading and storing a tile's sums cheap, few enough for
// L1 to hold a panel of dy and a block of x.
// Few sums leave room for longer ones.
enum { strip_pixels = 400, few_taps = 64, long_strip_floats = 36000 };

// A partial sum costs a store, a load and an addition for each weight; it has to be worth that.
enum { pixels_per_partial = 700, few_sums = 1 << 14, many_sums = 1 << 17 };

static int32_t at_least_zero(int64_t value)
{
    return value > 0 ? (int32_t)value : 0;
}

static int32_t blocks_of(int64_t channels)
{
    return (int32_t)((channels + LW_BLOCK - 1) / LW_BLOCK);
}

static double vectors_of(const lw_direct_weights_plan *plan, int64_t lanes)
{
    const int32_t vector = plan->kernels->vector_floats;
    const int64_t vectors = (lanes + vector - 1) / vector;
    return (double)vectors;
}

// Whether the last few output channels go with lanes of input channels: as lanes of their own they
// would fill a vector with zeros.
static int32_t choose_main_oc(const lw_direct_weights_plan *plan, const lw_conv_shape *s)
{
    const int32_t tail = s->oc % plan->kernels->vector_floats;
    const bool swap = s->ic > LW_FIRST_CHANNELS && 1.2 * tail * vectors_of(plan, s->ic) < s->ic;
    return swap ? s->oc - tail : s->oc;
}

static void set_views(lw_direct_weights_plan *plan)
{
    const lw_conv_problem *problem = plan->problem;
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int64_t last_h =
        (int64_t)(sizes->oh - 1) * s->stride_h - s->pad_h + (int64_t)(s->kh - 1) * s->dilation_h;
    const int64_t last_w =
        (int64_t)(sizes->ow - 1) * s->stride_w - s->pad_w + (int64_t)(s->kw - 1) * s->dilation_w;
    plan->x = (lw_conv_view){.channels = s->ic,
                             .height = s->ih,
                             .width = s->iw,
                             .top = s->pad_h,
                             .left = s->pad_w,
                             .bottom = at_least_zero(last_h - s->ih + 1),
                             .right = at_least_zero(last_w - s->iw + 1),
                             .padded_channels = plan->pack_x || plan->main_oc < s->oc};
    plan->dy = (lw_conv_view){
        .channels = s->oc, .height = sizes->oh, .width = sizes->ow, .padded_channels = true};
    lw_conv_view_layout(&plan->x, &problem->x, false);
    lw_conv_view_layout(&plan->dy, &problem->y, false);
}

static void count_jobs(lw_direct_weights_plan *plan)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int32_t main_blocks = blocks_of(plan->main_oc), tail = s->oc - plan->main_oc;
    plan->ic_blocks = plan->pack_x ? blocks_of(s->ic) : 1;
    plan->panels = plan->pack_dy ? (main_blocks + panel_blocks - 1) / panel_blocks : 1;
    if (plan->main_oc == 0) plan->panels = 0;
    // Neighbouring taps of a kernel row are one row of lanes.
    const int64_t row_lanes = (s->kw - 1) * plan->x.pixel + s->ic;
    const bool whole = s->dilation_w == 1 && row_lanes <= INT32_MAX;
    plan->tail_taps = whole ? s->kw : 1;
    plan->tail_lanes = whole ? (int32_t)row_lanes : s->ic;
    plan->tail_jobs = tail > 0 ? sizes->taps / plan->tail_taps : 0;
    plan->n_jobs = (int64_t)plan->panels * plan->ic_blocks + plan->tail_jobs + 1;
    plan->tail_sums = (int64_t)main_blocks * LW_BLOCK * s->ic * sizes->taps;
    plan->bias_sums =
        plan->tail_sums + plan->tail_jobs * tail * blocks_of(plan->tail_lanes) * LW_BLOCK;
    plan->sums_floats = plan->bias_sums + blocks_of(s->oc) * LW_BLOCK;
    plan->cost = (double)sizes->depth * vectors_of(plan, plan->main_oc) +
                 (double)plan->tail_jobs * tail * vectors_of(plan, plan->tail_lanes) +
                 vectors_of(plan, s->oc);
    plan->tiles = (int64_t)(plan->cost / 16.0) + 1;
}

static void choose_strips(lw_direct_weights_plan *plan)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    int64_t target = strip_pixels;
    if (sizes->depth <= few_taps && sizes->shape.ic <= LW_FIRST_CHANNELS)
        target = long_strip_floats /
                 (lw_conv_smaller(blocks_of(sizes->shape.oc), panel_blocks) * LW_BLOCK);
    plan->strips = lw_conv_chunk_positions(sizes, target);
    const int64_t strips = plan->strips.groups * plan->strips.per_image;
    int64_t partials = sizes->positions * sizes->shape.n / pixels_per_partial;
    const int64_t most = plan->sums_floats <= few_sums    ? 16
                         : plan->sums_floats <= many_sums ? 4
                                                          : 2;
    partials = lw_conv_smaller(lw_conv_smaller(partials, most), strips);
    plan->partials = partials > 1 ? (int32_t)partials : 1;
}

// Of the pixels of x that a strip's taps see.
static int64_t seen_rows(const lw_conv_shape *s, int64_t rows)
{
    return (rows - 1) * s->stride_h + (int64_t)(s->kh - 1) * s->dilation_h + 1;
}

static int64_t seen_columns(const lw_conv_shape *s, int64_t columns)
{
    return (columns - 1) * s->stride_w + (int64_t)(s->kw - 1) * s->dilation_w + 1;
}

void lw_direct_weights_make_plan(const lw_conv_problem *problem, lw_direct_weights_plan *plan)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    *plan = (lw_direct_weights_plan){.problem = problem, .kernels = lw_kernels()};
    plan->main_oc = choose_main_oc(plan, s);
    // A strip is copied whole, also what a stride larger than the kernel skips.
    plan->pack_x = s->ic > most_x_pixel && problem->sizes.taps * plan->main_oc >= 256 &&
                   s->stride_h <= s->kh && s->stride_w <= s->kw && plan->main_oc > 0;
    // A copy takes the time of a few dozen multiply-adds on the vector that it copies. Shorter
    // vectors ask for more of L1 with each multiply-add.
    const bool short_vectors = plan->kernels->vector_floats < LW_BLOCK;
    const int64_t least_reuse = short_vectors ? 128 : 256;
    const int32_t most_dy_pixel = (short_vectors ? 3 : 4) * LW_BLOCK;
    plan->pack_dy = plan->main_oc > most_dy_pixel && problem->sizes.depth >= least_reuse;
    set_views(plan);
    plan->whole_rows = !plan->pack_x && plan->x.pixel == s->ic && s->dilation_w == 1 &&
                       (int64_t)s->kw * s->ic <= INT32_MAX;
    // 1->16 on 28x28: 19 instead of 27 us.
    plan->sums_dy = plan->whole_rows && plan->main_oc == s->oc && s->kw * s->ic == 3 &&
                    plan->x.pixel * s->stride_w == 1;
    count_jobs(plan);
    choose_strips(plan);
    const lw_conv_chunking *strips = &plan->strips;
    lw_conv_booking *booking = &plan->booking;
    plan->sums_at = lw_conv_book_shared(booking, plan->partials, plan->sums_floats);
    plan->x_at = lw_conv_book_thread(booking, strips->images, plan->x.scratch_floats);
    plan->dy_at = lw_conv_book_thread(booking, strips->images, plan->dy.scratch_floats);
    size_t seen = 0; // of a block of x
    if (plan->pack_x && !lw_size_multiply((size_t)seen_rows(s, strips->rows) * LW_BLOCK,
                                          (size_t)seen_columns(s, strips->columns), &seen))
        booking->overflow = true;
    plan->x_blocks_at =
        lw_conv_book_thread(booking, strips->images * plan->ic_blocks, (int64_t)seen);
    plan->dy_panel_at = lw_conv_book_thread(booking, plan->pack_dy ? strips->most_positions : 0,
                                            panel_blocks * LW_BLOCK);
}

double lw_direct_weights_cycles(const lw_direct_weights_plan *plan)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const double pixels = (double)sizes->positions * s->n;
    const double lanes = plan->kernels->vector_floats;
    const double strips = (double)plan->strips.groups * (double)plan->strips.per_image;
    const double rows = pixels / plan->strips.columns;
    // A tile has about 16 vectors of sums, which it loads and stores in each strip.
    double cycles =
        lw_conv_estimate_product(plan->kernels, plan->cost * lanes * pixels) * (1.6 / 1.75);
    cycles += plan->cost / 16.0 * (strips * 60.0 + rows * 6.0);
    const double x = (double)s->n * s->ih * s->iw * s->ic, dy = pixels * s->oc;
    if (!plan->x.in_place) cycles += 0.75 * x;
    if (!plan->dy.in_place) cycles += 0.75 * dy;
    if (plan->pack_x) cycles += 0.25 * x;
    if (plan->pack_dy) cycles += 0.25 * dy;
    return cycles + (double)plan->sums_floats * (0.6 + 0.5 * plan->partials) + 2000.0;
}

// ---- jobs ---------------------------------------------------------------------------------------

static void main_job_at(const lw_direct_weights_plan *plan, int64_t index,
                        lw_direct_weights_job *job)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int64_t panel = index / plan->ic_blocks, block = index % plan->ic_blocks;
    // Panels are cut between blocks of channels, about equal.
    const int64_t blocks = blocks_of(plan->main_oc);
    const int32_t oc = (int32_t)(blocks * panel / plan->panels * LW_BLOCK);
    const int32_t oc_end =
        (int32_t)lw_conv_smaller(blocks * (panel + 1) / plan->panels * LW_BLOCK, plan->main_oc);
    const int32_t ic = plan->pack_x ? (int32_t)block * LW_BLOCK : 0;
    const int32_t ic_count = plan->pack_x ? (int32_t)lw_conv_smaller(LW_BLOCK, s->ic - ic) : s->ic;
    job->kind = LW_DIRECT_WEIGHTS_MAIN;
    job->oc = oc;
    job->ic = ic;
    job->tap = 0;
    job->ic_count = ic_count;
    job->whole_rows =
        plan->whole_rows || (plan->pack_x && ic_count == LW_BLOCK && s->dilation_w == 1);
    job->planes = job->whole_rows ? 1 : s->kh;
    job->runs = job->whole_rows ? s->kh : s->kw;
    job->length = job->whole_rows ? s->kw * ic_count : ic_count;
    job->lanes = oc_end - oc;
    job->sums_row = lw_conv_round_up(job->lanes, LW_BLOCK);
    job->sums = sizes->taps * ((int64_t)oc * s->ic + ic * job->sums_row);
    const double vectors = vectors_of(plan, job->lanes);
    job->cost_before = (double)sizes->taps * ((double)s->ic * vectors_of(plan, oc) + ic * vectors);
    job->cost = (double)sizes->taps * ic_count * vectors;
}

void lw_direct_weights_job_at(const lw_direct_weights_plan *plan, int64_t index,
                              lw_direct_weights_job *job)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const int64_t main_jobs = (int64_t)plan->panels * plan->ic_blocks;
    if (index < main_jobs) {
        main_job_at(plan, index, job);
        return;
    }
    *job = (lw_direct_weights_job){.planes = 1, .runs = 1};
    const double main_cost = (double)sizes->depth * vectors_of(plan, plan->main_oc);
    const int32_t tail = s->oc - plan->main_oc;
    const double tail_cost = tail * vectors_of(plan, plan->tail_lanes);
    const int64_t row = index - main_jobs;
    if (row < plan->tail_jobs) {
        job->kind = LW_DIRECT_WEIGHTS_TAIL;
        job->oc = plan->main_oc;
        job->tap = (int32_t)row * plan->tail_taps;
        job->length = tail;
        job->lanes = plan->tail_lanes;
        job->sums_row = lw_conv_round_up(plan->tail_lanes, LW_BLOCK);
        job->sums = plan->tail_sums + row * tail * job->sums_row;
        job->cost_before = main_cost + (double)row * tail_cost;
        job->cost = tail_cost;
        return;
    }
    job->kind = LW_DIRECT_WEIGHTS_BIAS;
    job->length = 1;
    job->lanes = s->oc;
    job->sums_row = lw_conv_round_up(s->oc, LW_BLOCK);
    job->sums = plan->bias_sums;
    job->cost_before = main_cost + (double)plan->tail_jobs * tail_cost;
    job->cost = vectors_of(plan, s->oc);
}

// ---- copies of strips ---------------------------------------------------------------------------

lw_direct_weights_strides lw_direct_packed_x(const lw_direct_weights_plan *plan,
                                             const lw_conv_rectangle *at)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    const int64_t row = seen_columns(s, at->columns) * LW_BLOCK;
    return (lw_direct_weights_strides){
        .image = seen_rows(s, at->rows) * row, .row = row, .pixel = LW_BLOCK};
}

lw_direct_weights_strides lw_direct_packed_dy(int32_t lanes, const lw_conv_rectangle *at)
{
    const int64_t pixel = lw_conv_round_up(lanes, LW_BLOCK);
    return (lw_direct_weights_strides){
        .image = at->rows * at->columns * pixel, .row = at->columns * pixel, .pixel = pixel};
}

int64_t lw_direct_packed_block(const lw_direct_weights_plan *plan, const lw_conv_chunk *chunk)
{
    return chunk->images * lw_direct_packed_x(plan, &chunk->at).image;
}

void lw_direct_pack_x(const lw_direct_weights_plan *plan, const lw_conv_chunk *chunk,
                      const float *x, int64_t x_image, float *blocks)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    const int64_t rows = seen_rows(s, chunk->at.rows), columns = seen_columns(s, chunk->at.columns);
    const int64_t block_floats = lw_direct_packed_block(plan, chunk);
    const int32_t n_blocks = plan->ic_blocks;
    for (int64_t n = 0; n < chunk->images; n++)
        for (int64_t row = 0; row < rows; row++) {
            const float *from = x + n * x_image + row * plan->x.row;
            float *to = blocks + (n * rows + row) * columns * LW_BLOCK;
            for (int64_t column = 0; column < columns; column++) {
                for (int32_t block = 0; block < n_blocks; block++)
                    memcpy(to + block * block_floats, from + block * LW_BLOCK,
                           LW_BLOCK * sizeof *to);
                from += plan->x.pixel;
                to += LW_BLOCK;
            }
        }
}

void lw_direct_pack_dy(const lw_direct_weights_plan *plan, const lw_conv_chunk *chunk,
                       const float *dy, int64_t dy_image, int32_t lanes, float *panel)
{
    const int32_t n_blocks = blocks_of(lanes);
    for (int64_t n = 0; n < chunk->images; n++)
        for (int32_t row = 0; row < chunk->at.rows; row++) {
            const float *from = dy + n * dy_image + row * plan->dy.row;
            for (int32_t column = 0; column < chunk->at.columns; column++) {
                for (int32_t block = 0; block < n_blocks; block++, panel += LW_BLOCK)
                    memcpy(panel, from + block * LW_BLOCK, LW_BLOCK * sizeof *panel);
                from += plan->dy.pixel;
            }
        }
}
