// SPDX-License-Identifier: Apache-2.0
// Winograd convolution, forward, with bias, ReLU and 2x2 max pool in the output transform.
//
// A block of tiles is transformed, multiplied point by point (a product of tiles x input channels
// with input x output channels at each of the 36 points) and transformed back, for one or two
// blocks of output channels at a time. The block is so small that its transformed inputs, the
// products and the filters that stream by fit the L2 cache together.
#include "simd/declare.h"
#include "simd/generic/winograd_products.h"

size_t LW_KERNEL(winograd_scratch_bytes)(const lw_winograd_geometry *g)
{
    const int64_t chunks = ((int64_t)g->ic + LW_BLOCK - 1) / LW_BLOCK;
    return (size_t)(tile_pitch(g) * LW_BLOCK * 36 * (chunks + tile_blocks)) * sizeof(float);
}

// ---- outputs ------------------------------------------------------------------------------------

typedef struct output_place {
    float *y; // the tile's first stage output
    int64_t y_row, y_pixel;
    lw_planes *planes;  // NULL: none
    int32_t planes_row; // outputs of a row of the map
    lw_vec bias, floor; // floor: what outputs are at least
    bool relu;
    int shift; // first channel of this vector within its block
} output_place;

LW_INLINE void record(lw_planes *planes, int shift, uint32_t live, uint32_t right, uint32_t lower)
{
    if (shift == 0) *planes = (lw_planes){0};
    planes->live = (uint16_t)(planes->live | live << shift);
    planes->right = (uint16_t)(planes->right | right << shift);
    planes->lower = (uint16_t)(planes->lower | lower << shift);
}

LW_INLINE uint32_t live_lanes(const output_place *at, lw_vec sum)
{
    return at->relu ? lw_vec_greater(sum, lw_vec_zero()) : (1u << LW_VEC) - 1;
}

// Stage output (row, column) of the tile. The operand order of the maximum lets a NaN through.
LW_INLINE void finish(const output_place *at, lw_vec sum, int row, int column)
{
    sum = lw_vec_add(sum, at->bias);
    lw_vec_store(at->y + row * at->y_row + column * at->y_pixel, lw_vec_max(at->floor, sum));
    if (at->planes)
        record(at->planes + row * at->planes_row + column, at->shift, live_lanes(at, sum), 0, 0);
}

// The largest of a window's four sums; a later one must be strictly larger to win.
LW_INLINE void finish_window(const output_place *at, lw_vec top_left, lw_vec top_right,
                             lw_vec bottom_left, lw_vec bottom_right, int row, int column)
{
    lw_vec top = lw_vec_max(top_right, top_left), bottom = lw_vec_max(bottom_right, bottom_left);
    lw_vec sum = lw_vec_add(lw_vec_max(bottom, top), at->bias);
    lw_vec_store(at->y + row * at->y_row + column * at->y_pixel, lw_vec_max(at->floor, sum));
    if (!at->planes) return;
    uint32_t right_of_top = lw_vec_greater(top_right, top_left);
    uint32_t right_of_bottom = lw_vec_greater(bottom_right, bottom_left);
    uint32_t lower = lw_vec_greater(bottom, top);
    uint32_t right = right_of_top ^ ((right_of_top ^ right_of_bottom) & lower);
    record(at->planes + row * at->planes_row + column, at->shift, live_lanes(at, sum), right,
           lower);
}

// One tile of height x width outputs, one vector of channels; its products are `offset` floats
// behind those of tile 0.
LW_INLINE void output_tile(const int height, const int width, const bool pool,
                           const product_rows *products, int64_t offset, const output_place *at)
{
    const int64_t point = products->point;
    lw_vec columns[LW_WINOGRAD_MAX_TILE][LW_WINOGRAD_POINTS];
    LW_UNROLL(6)
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
        if (!lw_wino_has(height, i)) continue;
        lw_vec row[LW_WINOGRAD_POINTS], y[LW_WINOGRAD_MAX_TILE];
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            if (lw_wino_has(width, j))
                row[j] = lw_vec_load(products->from[i][lw_winograd_kind(j)] + offset + j * point);
        lw_wino_output(width, row, y);
        LW_UNROLL(4)
        for (int c = 0; c < width; c++) columns[c][i] = y[c];
    }
    if (!pool) {
        LW_UNROLL(4)
        for (int c = 0; c < width; c++) {
            lw_vec y[LW_WINOGRAD_MAX_TILE];
            lw_wino_output(height, columns[c], y);
            LW_UNROLL(4)
            for (int r = 0; r < height; r++) finish(at, y[r], r, c);
        }
        return;
    }
    LW_UNROLL(2)
    for (int c = 0; c + 1 < width; c += 2) {
        lw_vec left[LW_WINOGRAD_MAX_TILE], right[LW_WINOGRAD_MAX_TILE];
        lw_wino_output(height, columns[c], left);
        lw_wino_output(height, columns[c + 1], right);
        LW_UNROLL(2)
        for (int r = 0; r + 1 < height; r += 2)
            finish_window(at, left[r], right[r], left[r + 1], right[r + 1], r / 2, c / 2);
    }
}

// A row of tiles of `height` outputs for one vector of channels; `m` is that vector of the block's
// tile number 0 at point (0, 0).
LW_INLINE void output_row(const lw_wino_block *block, const lw_wino_row *row, const int height,
                          const bool pool, const float *m, int64_t point, output_place at)
{
    const int64_t tile = tile_blocks * LW_BLOCK;
    const product_rows products = product_rows_of(block, row, m, point, tile);
    int64_t offset = 0;
    if (block->across.threes && !pool) {
        output_tile(height, 3, false, &products, offset, &at);
        offset += tile;
        at.y += 3 * at.y_pixel;
        if (at.planes) at.planes += 3;
    }
    const int fours = pool ? 2 : 4; // stage outputs of a tile of four
    for (int32_t t = 0; t < block->across.fours; t++) {
        output_tile(height, 4, pool, &products, offset, &at);
        offset += tile;
        at.y += fours * at.y_pixel;
        if (at.planes) at.planes += fours;
    }
    if (block->across.last == 2)
        output_tile(height, 2, pool, &products, offset, &at);
    else if (block->across.last == 1 && !pool)
        output_tile(height, 1, false, &products, offset, &at);
}

// Not inlined, which leaves its loops more registers.
__attribute__((noinline)) static void output_any_row(const lw_wino_block *block,
                                                     const lw_wino_row *row, bool pool,
                                                     const float *m, int64_t point, output_place at)
{
    // Behind a pool all sizes are even.
    switch (row->size) {
    case 4:
        if (pool)
            output_row(block, row, 4, true, m, point, at);
        else
            output_row(block, row, 4, false, m, point, at);
        break;
    case 3: output_row(block, row, 3, false, m, point, at); break;
    case 2:
        if (pool)
            output_row(block, row, 2, true, m, point, at);
        else
            output_row(block, row, 2, false, m, point, at);
        break;
    default: output_row(block, row, 1, false, m, point, at); break;
    }
}

// The products of one block of output channels, `m` [point][tile], to y and planes.
static void output_block(const lw_winograd_geometry *g, const lw_wino_block *block,
                         int32_t oc_block, const float *m, int64_t point, const float *bias,
                         float *y, lw_planes *planes)
{
    const int32_t side = g->pool ? 2 : 1;
    const int64_t map = (int64_t)(g->oh / side) * (g->ow / side);
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *row = &block->row[r];
        const int32_t first = lw_winograd_tile_begin(&block->down, row->tile) / side;
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
            const int32_t channel = oc_block * LW_BLOCK + lane;
            output_place at = {
                .y = y + row->image * g->y_image + first * g->y_row + channel,
                .y_row = g->y_row,
                .y_pixel = g->y_pixel,
                .planes_row = g->ow / side,
                .bias = bias ? lw_vec_load(bias + channel) : lw_vec_zero(),
                .floor = g->relu ? lw_vec_zero() : lw_vec_broadcast(-INFINITY),
                .relu = g->relu,
                .shift = lane,
            };
            if (planes)
                at.planes = planes + row->image * g->planes_image + oc_block * map +
                            (int64_t)first * at.planes_row;
            output_any_row(block, row, g->pool, m + lane, point, at);
        }
    }
}

// ---- prefetching --------------------------------------------------------------------------------

// Maps that are larger than L2 are fetched into it while products are computed: the next block's
// inputs, and the places of this block's outputs. That makes 64 to 64 channels at 56x56 15 to 25 %
// faster and 128 to 128 at 28x28 7 %; with 32 channels the products are too short to hide it in,
// and it costs 8 %.
enum { fetch_bytes = 1 << 20, fetch_channels = 48 };
enum { most_pixel_rows = LW_WINO_MAX_ROWS * LW_WINOGRAD_POINTS, line_floats = 16 };

typedef struct upcoming {
    const float *rows[most_pixel_rows]; // first pixels
    int32_t n_rows, columns, lines;     // rows, pixels in a row, cache lines of a pixel
    int64_t pixel;                      // floats
    int32_t row, column;                // the next one
    int32_t per_call;                   // pixels
} upcoming;

// Everything is fetched after `calls` calls.
static void upcoming_start(upcoming *next, int32_t columns, int64_t pixel, int32_t lines,
                           int32_t calls)
{
    next->columns = columns;
    next->pixel = pixel;
    next->lines = lines;
    next->row = next->column = 0;
    next->per_call = (int32_t)(((int64_t)next->n_rows * columns + calls - 1) / calls);
}

static void upcoming_fetch(upcoming *next)
{
    for (int32_t i = 0; i < next->per_call && next->row < next->n_rows; i++) {
        const float *pixel = next->rows[next->row] + next->column * next->pixel;
        for (int32_t k = 0; k < next->lines; k++) __builtin_prefetch(pixel + k * line_floats, 0, 2);
        if (++next->column < next->columns) continue;
        next->column = 0;
        next->row++;
    }
}

// The pixel rows that a block reads, and those that it writes from a channel on.
static void upcoming_inputs(upcoming *next, const lw_winograd_geometry *g,
                            const lw_wino_block *block, const float *x)
{
    next->n_rows = 0;
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *row = &block->row[r];
        const int32_t first = lw_winograd_tile_begin(&block->down, row->tile);
        for (int32_t h = 0; h < row->size + 2; h++) {
            if (r > 0 && h < 2 && row->tile > 0) continue; // the row before has fetched it
            next->rows[next->n_rows++] = x + row->image * g->x_image + (first + h) * g->x_row;
        }
    }
}

static void upcoming_outputs(upcoming *next, const lw_winograd_geometry *g,
                             const lw_wino_block *block, const float *y)
{
    const int32_t side = g->pool ? 2 : 1;
    next->n_rows = 0;
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *row = &block->row[r];
        const int32_t first = lw_winograd_tile_begin(&block->down, row->tile) / side;
        for (int32_t h = 0; h < row->size / side; h++)
            next->rows[next->n_rows++] = y + row->image * g->y_image + (first + h) * g->y_row;
    }
}

// ---- the kernel ---------------------------------------------------------------------------------

// What a call works on.
typedef struct forward_call {
    const lw_winograd_geometry *g;
    int32_t oc_begin, oc_end; // blocks
    const float *x, *filters, *bias;
    float *y;
    lw_planes *planes;
    product_scratch scratch;
    bool fetches;
    upcoming inputs, outputs;
} forward_call;

static void forward_block(forward_call *call, const lw_wino_block *block)
{
    const lw_winograd_geometry *g = call->g;
    const product_scratch *s = &call->scratch;
    lw_wino_input_block(block, call->x, g->x_image, g->x_row, g->x_pixel, g->ic, &s->inputs);
    const int64_t filters_block = lw_winograd_filters_block(g->ic);
    const int64_t filters_point = lw_winograd_filters_point(g->ic);
    for (int32_t oc = call->oc_begin; oc < call->oc_end; oc += tile_blocks) {
        const int blocks = call->oc_end - oc < tile_blocks ? 1 : tile_blocks;
        const float *filters = call->filters + oc * filters_block;
        if (call->fetches) {
            upcoming_outputs(&call->outputs, g, block, call->y + oc * LW_BLOCK);
            upcoming_start(&call->outputs, g->pool ? g->ow / 2 : g->ow, g->y_pixel, blocks, 36);
        }
        for (int p = 0; p < 36; p++) {
            const int32_t tiles =
                lw_wino_tiles_at(block, p / LW_WINOGRAD_POINTS, p % LW_WINOGRAD_POINTS);
            if (call->fetches) {
                upcoming_fetch(&call->inputs);
                upcoming_fetch(&call->outputs);
            }
            multiply_point(tiles, blocks, g->ic, s->inputs.u + p * s->inputs.point, s->inputs.chunk,
                           filters + p * filters_point, filters_block,
                           s->products + p * s->products_point);
        }
        for (int b = 0; b < blocks; b++)
            output_block(g, block, oc + b, s->products + b * LW_BLOCK, s->products_point,
                         call->bias, call->y, call->planes);
    }
}

void LW_KERNEL(winograd_forward)(const lw_winograd_geometry *g, int64_t row_begin, int64_t row_end,
                                 int32_t oc_begin, int32_t oc_end, const float *x,
                                 const float *filters, const float *bias, float *y,
                                 lw_planes *planes, void *scratch)
{
    if (row_begin >= row_end || oc_begin >= oc_end) return;
    const int64_t most = rows_of_block(g), rows = row_end - row_begin;
    const int64_t blocks = (rows + most - 1) / most; // of nearly equal size
    forward_call call;
    call.g = g;
    call.oc_begin = oc_begin;
    call.oc_end = oc_end;
    call.x = x;
    call.filters = filters;
    call.bias = bias;
    call.y = y;
    call.planes = planes;
    call.scratch = scratch_of(g, scratch);
    const double map_bytes = (double)g->images * (double)(g->x_image + g->y_image) * sizeof(float);
    call.fetches = map_bytes > fetch_bytes && g->ic >= fetch_channels;
    const int32_t passes = (oc_end - oc_begin + tile_blocks - 1) / tile_blocks;
    lw_wino_block block, next;
    lw_wino_block_set(&next, g->oh, g->ow, row_begin, row_begin + rows / blocks);
    for (int64_t b = 0; b < blocks; b++) {
        block = next;
        call.inputs.n_rows = 0;
        if (b + 1 < blocks) {
            lw_wino_block_set(&next, g->oh, g->ow, row_begin + rows * (b + 1) / blocks,
                              row_begin + rows * (b + 2) / blocks);
            if (call.fetches) upcoming_inputs(&call.inputs, g, &next, x);
        }
        upcoming_start(&call.inputs, g->ow + 2, g->x_pixel, (g->ic + LW_BLOCK - 1) / LW_BLOCK,
                       36 * passes);
        forward_block(&call, &block);
    }
}
