// SPDX-License-Identifier: Apache-2.0
#include "nn/stage_winograd.h"

#include "base/memory.h"
#include "cpu/kernel_table.h"
#include "simd/winograd_weights.h"

#include <string.h>

static int32_t blocks_of(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK;
}

// ---- forward ------------------------------------------------------------------------------------

static lw_winograd_geometry forward_geometry(const lw_winograd_call *call)
{
    const lw_conv_geometry *g = &call->stage->conv;
    const int32_t side = g->pool ? 2 : 1;
    return (lw_winograd_geometry){
        .ic = g->ic,
        .oc = g->oc,
        .images = call->images,
        .oh = side * g->oh,
        .ow = side * g->ow,
        .pool = g->pool,
        .relu = g->relu,
        .x_image = call->in->image,
        .x_row = g->x_row,
        .x_pixel = g->x_pixel,
        .y_image = call->out->image,
        .y_row = g->y_row,
        .y_pixel = g->y_pixel,
        .planes_image = (int64_t)call->stage->planes,
    };
}

static int64_t tile_rows_of(const lw_winograd_geometry *g)
{
    return (int64_t)g->images * lw_winograd_tiles_of(g->oh).count;
}

void lw_winograd_stage_forward(const lw_winograd_call *call, const float *x, const float *filters,
                               const float *bias, float *y, lw_planes *planes)
{
    const lw_winograd_geometry g = forward_geometry(call);
    lw_kernels()->winograd_forward(&g, 0, tile_rows_of(&g), 0, blocks_of(g.oc), x, filters, bias, y,
                                   planes, call->scratch);
}

// ---- backward-data: a forward convolution of dy with the kernel turned round --------------------

static lw_winograd_geometry backward_geometry(const lw_winograd_call *call)
{
    const lw_conv_geometry *g = &call->stage->conv;
    return (lw_winograd_geometry){
        .ic = g->oc,
        .oc = g->ic,
        .images = call->images,
        .oh = call->in->height,
        .ow = call->in->width,
        .x_image = call->out->image,
        .x_row = g->dy_row,
        .x_pixel = g->dy_pixel,
        .y_image = call->in->image,
        .y_row = g->x_row,
        .y_pixel = g->x_pixel,
    };
}

// The halo of a map lies between the interiors of its rows, above the first and below the last.
static void clear_halo(const lw_map *map, float *interior)
{
    float *start = interior - map->origin;
    const int64_t row = map->width * map->pixel;
    memset(start, 0, (size_t)map->origin * sizeof *start);
    for (int32_t h = 0; h + 1 < map->height; h++)
        memset(interior + h * map->row + row, 0, (size_t)(map->row - row) * sizeof *start);
    const int64_t end = (map->height - 1) * map->row + row;
    memset(interior + end, 0, (size_t)(map->floats - map->origin - end) * sizeof *start);
}

void lw_winograd_stage_mask(const lw_winograd_call *call, const float *y, float *dy)
{
    const lw_map *map = call->out;
    for (int32_t i = 0; i < call->images; i++) {
        for (int32_t h = 0; call->stage->conv.relu && h < map->height; h++) {
            const int64_t at = i * map->image + h * map->row;
            lw_kernels()->relu_backward(map->width * map->pixel, y + at, dy + at, dy + at);
        }
        clear_halo(map, dy + i * map->image);
    }
}

void lw_winograd_stage_backward_data(const lw_winograd_call *call, const float *dy,
                                     const float *filters, float *dx)
{
    const lw_winograd_geometry g = backward_geometry(call);
    const lw_stage *stage = call->stage;
    const float *first = dy - (2 - stage->pad_h) * g.x_row - (2 - stage->pad_w) * g.x_pixel;
    lw_kernels()->winograd_forward(&g, 0, tile_rows_of(&g), 0, blocks_of(g.oc), first, filters,
                                   NULL, dx, NULL, call->scratch);
}

// ---- backward-weights ---------------------------------------------------------------------------

// The channels are taken in parts whose sums stay in the L2 cache while blocks of tile rows pass.
typedef struct weights_plan {
    int32_t ic, oc;     // channels of a full part
    int64_t block_rows; // tile rows of a block
    int64_t tile_rows;
    size_t sums_floats, taps_floats, scratch_floats;
} weights_plan;

enum { most_part_channels = 64, most_block_tiles = 64, most_block_rows = 64 };

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static lw_winograd_weights weights_geometry(const lw_winograd_call *call, int32_t ic, int32_t oc)
{
    const lw_conv_geometry *g = &call->stage->conv;
    return (lw_winograd_weights){
        .ic = ic,
        .oc = oc,
        .oh = g->oh,
        .ow = g->ow,
        .lanes_are_inputs = true, // as the stage's weights have it
        .x_image = call->in->image,
        .x_row = g->x_row,
        .x_pixel = g->x_pixel,
        .dy_image = call->out->image,
        .dy_row = g->dy_row,
        .dy_pixel = g->dy_pixel,
    };
}

static weights_plan plan_weights(const lw_winograd_call *call)
{
    const int64_t block_bytes = 704 << 10; // transformed maps of a block
    const lw_conv_geometry *g = &call->stage->conv;
    const int32_t across = lw_winograd_tiles_of(g->ow).count;
    weights_plan plan = {.ic = smaller(g->ic, most_part_channels),
                         .oc = smaller(g->oc, most_part_channels)};
    plan.tile_rows = (int64_t)call->images * lw_winograd_tiles_of(g->oh).count;
    const lw_winograd_weights part = weights_geometry(call, plan.ic, plan.oc);
    int64_t tiles = block_bytes / ((int64_t)sizeof(float) * lw_winograd_weights_scratch(&part, 1));
    if (tiles > most_block_tiles) tiles = most_block_tiles;
    int64_t rows = tiles / across;
    if (rows < 1) rows = 1;
    if (rows > most_block_rows) rows = most_block_rows;
    const int64_t blocks = (plan.tile_rows + rows - 1) / rows; // of nearly equal size
    plan.block_rows = (plan.tile_rows + blocks - 1) / blocks;
    const lw_winograd_sums sums = lw_winograd_sums_of(&part);
    plan.sums_floats = (size_t)sums.floats;
    plan.taps_floats = (size_t)sums.rows * (size_t)sums.columns * 9;
    plan.scratch_floats = (size_t)lw_winograd_weights_scratch(&part, plan.block_rows * across);
    return plan;
}

// Adds the taps of a part, [oc][tap][ic], to the stage's weights, [block of ic][oc][tap][LW_BLOCK].
static void add_taps(const lw_winograd_weights *part, const float *taps, float *dweights,
                     int64_t ic_block)
{
    const int32_t columns = lw_winograd_sums_of(part).columns;
    for (int32_t block = 0; block < blocks_of(part->ic); block++) {
        float *to = dweights + block * ic_block;
        const float *from = taps + block * LW_BLOCK;
        const int32_t lanes = smaller(part->ic - block * LW_BLOCK, LW_BLOCK);
        for (int32_t row = 0; row < 9 * part->oc; row++, to += LW_BLOCK, from += columns) {
            if (lanes == LW_BLOCK) // a constant: in vectors
                for (int lane = 0; lane < LW_BLOCK; lane++) to[lane] += from[lane];
            else
                for (int lane = 0; lane < lanes; lane++) to[lane] += from[lane];
        }
    }
}

void lw_winograd_stage_backward_weights(const lw_winograd_call *call, const float *x,
                                        const float *dy, float *dweights, float *dbias)
{
    const lw_conv_geometry *g = &call->stage->conv;
    const lw_kernel_table *kernels = lw_kernels();
    const weights_plan plan = plan_weights(call);
    float *sums = call->scratch, *taps = sums + plan.sums_floats;
    float *scratch = taps + plan.taps_floats;
    const int64_t ic_block = (int64_t)g->oc * 9 * LW_BLOCK;
    for (int32_t ic = 0; ic < g->ic; ic += plan.ic)
        for (int32_t oc = 0; oc < g->oc; oc += plan.oc) {
            const lw_winograd_weights part =
                weights_geometry(call, smaller(g->ic - ic, plan.ic), smaller(g->oc - oc, plan.oc));
            for (int64_t row = 0; row < plan.tile_rows; row += plan.block_rows) {
                int64_t end = row + plan.block_rows;
                if (end > plan.tile_rows) end = plan.tile_rows;
                // Every part transforms its gradients; the first input channels' adds them up.
                kernels->winograd_weights_block(&part, row, end, x + ic, dy + oc, scratch, sums,
                                                ic == 0 ? dbias + oc : NULL, row > 0);
            }
            kernels->winograd_weights_taps(&part, sums, taps);
            add_taps(&part, taps, dweights + ic / LW_BLOCK * ic_block + (int64_t)oc * 9 * LW_BLOCK,
                     ic_block);
        }
}

size_t lw_winograd_stage_scratch_bytes(const lw_winograd_call *call)
{
    size_t most = 0;
    if (call->stage->winograd[LW_CONV_FORWARD]) {
        const lw_winograd_geometry g = forward_geometry(call);
        most = lw_kernels()->winograd_scratch_bytes(&g);
    }
    if (call->stage->winograd[LW_CONV_BACKWARD_DATA]) {
        const lw_winograd_geometry g = backward_geometry(call);
        const size_t bytes = lw_kernels()->winograd_scratch_bytes(&g);
        if (bytes > most) most = bytes;
    }
    if (call->stage->winograd[LW_CONV_BACKWARD_WEIGHTS]) {
        const weights_plan plan = plan_weights(call);
        const size_t bytes =
            (plan.sums_floats + plan.taps_floats + plan.scratch_floats) * sizeof(float);
        if (bytes > most) most = bytes;
    }
    return most;
}
