// SPDX-License-Identifier: Apache-2.0
// Chooses parts, stretches and blocks of the Winograd algorithm's backward-weights.
#include "conv/winograd_backward_weights_plan.h"

#include "conv/panels.h"
#include "cpu/kernel_table.h"

#include <string.h>

enum {
    points = LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS,
    // Transformed maps of a block. With few channels they stay in L2. With more, the sums, which every
    // block reads and writes, take the time: then blocks are larger, their maps go through L3, and
    // those of a point stay in L2 (256->256 on 14x14: 7.0 instead of 8.4 ms, 128->128 on 28x28: 6.0
    // instead of 7.7).
    block_bytes = 704 * 1024,
    large_block_bytes = 3000 * 1024,
    l2_bytes = 1 << 20,
    most_block_tiles = 64,
    most_large_block_tiles = 256,
    most_block_rows = 64, // the kernel's limit
    most_channels = 128,  // of a part
    most_stretches = 16
};

// Channels of a part: blocks dealt evenly to parts of at most `limit`.
static int32_t part_channels(int32_t channels, int32_t limit)
{
    const int64_t blocks = (channels + LW_BLOCK - 1) / LW_BLOCK;
    return (int32_t)lw_conv_block_size(blocks, limit / LW_BLOCK) * LW_BLOCK;
}

// Whole blocks, half of them where there are several.
static int32_t half_of(int32_t channels)
{
    const int32_t blocks = (channels + LW_BLOCK - 1) / LW_BLOCK;
    return (blocks + 1) / 2 * LW_BLOCK;
}

static int32_t parts_of(int32_t channels, int32_t part)
{
    return (channels + part - 1) / part;
}

// The products of all tiles of an image: rows (or columns) of points.
static double points_of(int32_t outputs)
{
    const lw_winograd_tiles tiles = lw_winograd_tiles_of(outputs);
    return outputs + 2.0 * tiles.count;
}

// Rows take steps of 4, lanes of a vector or of two: the map with the odd count gives the rows.
static bool lanes_are_inputs(int32_t ic, int32_t oc)
{
    lw_winograd_weights g = {.ic = ic, .oc = oc};
    const int64_t outputs = lw_winograd_sums_of(&g).floats;
    g.lanes_are_inputs = true;
    return lw_winograd_sums_of(&g).floats < outputs;
}

static void choose_blocks(lw_winograd_weights_plan *plan)
{
    const lw_winograd_weights *g = &plan->geometry;
    const int64_t tile_bytes = (int64_t)sizeof(float) * points * ((int64_t)g->ic + g->oc);
    const int64_t tiles =
        block_bytes / tile_bytes >= most_block_tiles
            ? most_block_tiles
            : lw_conv_smaller(large_block_bytes / tile_bytes, most_large_block_tiles);
    const int64_t rows = tiles > plan->across ? tiles / plan->across : 1;
    const int64_t stretch = (plan->tile_rows + plan->stretches - 1) / plan->stretches;
    plan->block_rows = lw_conv_block_size(stretch, lw_conv_smaller(rows, most_block_rows));
    plan->images = (plan->block_rows + plan->per_image - 2) / plan->per_image + 1;
}

// Cycles of one item with the plan's parts and stretches.
static double item_cycles(const lw_winograd_weights_plan *plan)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    const lw_winograd_weights *g = &plan->geometry;
    const lw_winograd_sums sums = lw_winograd_sums_of(g);
    const double vectors = (double)sums.rows * sums.columns / plan->kernels->vector_floats;
    const double images = (double)sizes->shape.n / plan->stretches;
    const double products = points_of(sizes->oh) * points_of(sizes->ow) * images;
    const double blocks = (double)plan->tile_rows / plan->stretches / (double)plan->block_rows;
    const double channels =
        (double)lw_conv_round_up(g->ic, LW_BLOCK) + (double)lw_conv_round_up(g->oc, LW_BLOCK);
    // A broadcast serves two vectors of columns, where there are two.
    const double share = sums.columns > plan->kernels->vector_floats ? 0.9 : 1.4;
    // A vector of sums takes 3 cycles in every block and 3 to be transformed back, where they fit L2.
    const double per_sum = sums.floats * (int64_t)sizeof(float) > l2_bytes ? 4.0 : 3.0;
    // A transformed value of one vector takes 3.5 cycles or so, most of them for its store.
    return lw_conv_estimate_product(plan->kernels, products * sums.rows * sums.columns) * share +
           3.5 * products * channels / plan->kernels->vector_floats +
           per_sum * points * vectors * (blocks + 1.0) + 1000.0;
}

// Cycles of the whole on that many threads, when an item takes `item` cycles.
static double all_cycles(const lw_winograd_weights_plan *plan, double item, int32_t threads)
{
    const int64_t items = (int64_t)plan->ic_parts * plan->oc_parts * plan->stretches;
    const int64_t rounds = (items + threads - 1) / threads;
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    return (double)rounds * item + (1.0 + 0.5 * plan->stretches) * 9.0 * s->ic * s->oc / threads +
           2000.0;
}

// What it takes beside that where threads do not have whole parts: taps that another core has written take much
// longer to read.
static double exchange_cycles(const lw_winograd_weights_plan *plan, int32_t threads)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    if (lw_winograd_weights_are_whole(plan, threads)) return 0.0;
    return 2.5 * plan->stretches * 9.0 * s->ic * s->oc / threads;
}

static double divided_cycles(const lw_winograd_weights_plan *plan, int32_t threads)
{
    return all_cycles(plan, item_cycles(plan), threads) + exchange_cycles(plan, threads);
}

static void set_parts(lw_winograd_weights_plan *plan, int32_t ic, int32_t oc)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    plan->geometry.ic = ic < s->ic ? ic : s->ic;
    plan->geometry.oc = oc < s->oc ? oc : s->oc;
    plan->geometry.lanes_are_inputs = lanes_are_inputs(plan->geometry.ic, plan->geometry.oc);
    plan->ic_parts = parts_of(s->ic, ic);
    plan->oc_parts = parts_of(s->oc, oc);
}

static void set_stretches(lw_winograd_weights_plan *plan, int32_t stretches)
{
    plan->stretches = stretches;
    choose_blocks(plan);
}

// What is best for one, two and four threads together: more items use more threads, but transform
// more and add up more. One thread counts most: a hundredth lost there is worth three won with four.
static double weighed_cycles(const lw_winograd_weights_plan *plan)
{
    const double item = item_cycles(plan);
    return 6.0 * all_cycles(plan, item, 1) + 3.0 * all_cycles(plan, item, 2) +
           all_cycles(plan, item, 4);
}

// Stretches and blocks decide in which order the products of a weight are added up, so they follow from the shape
// alone. Tries them with whole, half and quarter parts.
static void choose_stretches(lw_winograd_weights_plan *plan)
{
    const lw_conv_shape *s = &plan->problem->sizes.shape;
    lw_winograd_weights_plan best = *plan;
    double lowest = 0.0;
    // With few channels the halves are no smaller.
    for (int32_t i = 1, ic = 0; i <= 4; i *= 2) {
        if (part_channels(s->ic, most_channels / i) == ic) continue;
        ic = part_channels(s->ic, most_channels / i);
        for (int32_t o = 1, oc = 0; o <= 4; o *= 2) {
            if (part_channels(s->oc, most_channels / o) == oc) continue;
            oc = part_channels(s->oc, most_channels / o);
            set_parts(plan, ic, oc);
            for (int32_t n = 1; n <= most_stretches && n <= plan->tile_rows; n *= 2) {
                set_stretches(plan, n);
                const double cost = weighed_cycles(plan);
                if (lowest > 0.0 && cost >= lowest) continue;
                lowest = cost;
                best = *plan;
            }
        }
    }
    *plan = best;
    plan->cycles = all_cycles(plan, item_cycles(plan), 1);
}

// Cuts parts further, halving one side or the other, while that helps the threads.
static void divide_parts(lw_winograd_weights_plan *plan, int32_t threads)
{
    double lowest = divided_cycles(plan, threads);
    for (;;) {
        lw_winograd_weights_plan best = *plan;
        double cost = lowest;
        for (int side = 0; side < 2; side++) {
            lw_winograd_weights_plan half = *plan;
            const lw_winograd_weights *g = &plan->geometry;
            set_parts(&half, side ? g->ic : half_of(g->ic), side ? half_of(g->oc) : g->oc);
            const double cycles = divided_cycles(&half, threads);
            if (cycles >= cost) continue;
            cost = cycles;
            best = half;
        }
        if (cost >= lowest) return;
        lowest = cost;
        *plan = best;
    }
}

static void set_views(lw_winograd_weights_plan *plan)
{
    const lw_conv_sizes *sizes = &plan->problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    lw_winograd_weights *g = &plan->geometry;
    plan->x = (lw_conv_view){.channels = g->ic,
                             .height = s->ih,
                             .width = s->iw,
                             .top = s->pad_h,
                             .bottom = s->pad_h,
                             .left = s->pad_w,
                             .right = s->pad_w,
                             .padded_channels = true};
    plan->dy = (lw_conv_view){
        .channels = g->oc, .height = sizes->oh, .width = sizes->ow, .padded_channels = true};
    lw_conv_view_layout_part(&plan->x, s->ic, &plan->problem->x);
    lw_conv_view_layout_part(&plan->dy, s->oc, &plan->problem->y);
    g->x_image = plan->x.in_place ? plan->problem->x.image : plan->x.scratch_floats;
    g->x_row = plan->x.row;
    g->x_pixel = plan->x.pixel;
    g->dy_image = plan->dy.in_place ? plan->problem->y.image : plan->dy.scratch_floats;
    g->dy_row = plan->dy.row;
    g->dy_pixel = plan->dy.pixel;
}

void lw_winograd_weights_make_plan(const lw_conv_problem *problem, lw_winograd_weights_plan *plan)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    *plan = (lw_winograd_weights_plan){.problem = problem, .kernels = lw_kernels()};
    plan->geometry.oh = sizes->oh;
    plan->geometry.ow = sizes->ow;
    plan->per_image = lw_winograd_tiles_of(sizes->oh).count;
    plan->across = lw_winograd_tiles_of(sizes->ow).count;
    plan->tile_rows = (int64_t)s->n * plan->per_image;
    choose_stretches(plan);
    if (problem->threads > 1) divide_parts(plan, problem->threads);
    set_views(plan);
    const lw_winograd_sums sums = lw_winograd_sums_of(&plan->geometry);
    plan->part_floats = (int64_t)9 * sums.rows * sums.columns;
    plan->stretch_floats = plan->part_floats * plan->ic_parts * plan->oc_parts;
    plan->dbias_floats = lw_conv_round_up(s->oc, LW_BLOCK);
    lw_conv_booking *booking = &plan->booking;
    plan->scratch_at = lw_conv_book_thread(
        booking, lw_winograd_weights_scratch(&plan->geometry, plan->block_rows * plan->across), 1);
    plan->sums_at = lw_conv_book_thread(booking, sums.floats, 1);
    plan->x_at = lw_conv_book_thread(booking, plan->images, plan->x.scratch_floats);
    plan->dy_at = lw_conv_book_thread(booking, plan->images, plan->dy.scratch_floats);
    plan->taps_at = lw_conv_book_shared(booking, plan->stretches, plan->stretch_floats);
    plan->dbias_at = lw_conv_book_shared(booking, plan->stretches, plan->dbias_floats);
}
