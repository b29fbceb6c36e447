// SPDX-License-Identifier: Apache-2.0
// Winograd convolution, forward, by columns, for few input channels. All vertical points of a few tiles at one
// horizontal point are products in registers at once, and their vertical output transform happens
// there too, so that of a tile row of n outputs only n rows of sums, not n + 2 of products, go through
// memory, once. One weight serves the tiles of a chunk, whose inputs are broadcast by the multiply-adds
// themselves, at constant distances from one pointer.
//
// The tile rows of a block come in classes by their size, which is how many points they have.
#include "simd/generic/winograd_columns.h"
#include "simd/generic/winograd_upcoming.h"

#include "simd/declare.h"

// Tiles of a chunk, for tile rows of `size` outputs: size + 2 sums each, and a weight.
LW_INLINE int chunk_tiles(const int size)
{
    if (LW_VEC_REGISTERS < 32) return 14 / (size + 2);
    return size == 4 ? 4 : size == 3 ? 5 : size == 2 ? 7 : 9;
}

// Transformed inputs of a block of tiles, in floats, within limits of its tiles.
enum { block_floats = 49152, least_tiles = 16, most_tiles = 64 };

// Tile rows of a block.
static int32_t column_rows(const lw_winograd_geometry *g)
{
    return lw_wino_block_rows(g->ow, g->ic, block_floats, least_tiles, most_tiles);
}

// ---- scratch ------------------------------------------------------------------------------------

// The tile rows of one size. Their tiles that have horizontal point j are numbered without gaps.
//
//   inputs  u [j][chunk of tiles][block of channels][vertical point][tile of the chunk][LW_BLOCK]
//   sums    q [j][output row][tile][LW_BLOCK], for one block of output channels
typedef struct column_class {
    float *u, *q;
    int64_t u_column, u_chunk, u_block; // floats from one to the next
    int64_t q_column, q_row;
} column_class;

typedef struct column_block {
    lw_wino_block tiles;
    column_class of_size[LW_WINOGRAD_MAX_TILE + 1];
} column_block;

// The place of a class of `rows` tile rows, without its pointers.
static column_class class_of(const lw_winograd_geometry *g, int size, int64_t rows)
{
    const int64_t tiles = rows * lw_winograd_tiles_of(g->ow).count, chunk = chunk_tiles(size);
    column_class c = {.u_block = (size + 2) * chunk * LW_BLOCK};
    c.u_chunk = c.u_block * ((g->ic + LW_BLOCK - 1) / LW_BLOCK);
    // An odd number of vectors: points that follow each other shall not meet in one set of the cache.
    c.u_column = ((tiles + chunk - 1) / chunk * c.u_chunk) | LW_BLOCK;
    c.q_row = (tiles | 1) * LW_BLOCK;
    c.q_column = (size * c.q_row) | LW_BLOCK;
    return c;
}

static int64_t class_floats(const column_class *c)
{
    return LW_WINOGRAD_POINTS * (c->u_column + c->q_column);
}

// Enough for any tile rows that make a block: of each size the most that can be among them.
int64_t LW_KERNEL(winograd_columns_floats)(const lw_winograd_geometry *g)
{
    if (!lw_winograd_filter_order_of(g->ic, LW_VEC).by_columns) return 0;
    const lw_winograd_tiles down = lw_winograd_tiles_of(g->oh);
    const int64_t rows = column_rows(g);
    int64_t floats = 0;
    for (int size = 1; size <= LW_WINOGRAD_MAX_TILE; size++) {
        const int64_t per_image = size == 4   ? down.fours
                                  : size == 3 ? down.threes
                                              : down.last == size;
        if (per_image == 0) continue;
        // The sizes of the rows repeat from image to image.
        int64_t most = (rows + down.count - 1) / down.count * per_image;
        if (most > rows) most = rows;
        const column_class c = class_of(g, size, most);
        floats += class_floats(&c);
    }
    return floats;
}

static void set_block(column_block *block, const lw_winograd_geometry *g, int64_t begin,
                      int64_t end, float *scratch)
{
    lw_wino_block_set(&block->tiles, g->oh, g->ow, begin, end);
    for (int size = 1; size <= LW_WINOGRAD_MAX_TILE; size++) {
        if (block->tiles.of_size[size] == 0) continue;
        column_class *c = &block->of_size[size];
        *c = class_of(g, size, block->tiles.of_size[size]);
        c->u = scratch;
        c->q = c->u + LW_WINOGRAD_POINTS * c->u_column;
        scratch += class_floats(c);
    }
}

// ---- inputs -------------------------------------------------------------------------------------

// The place of vertical point i among those of a tile row of `size` outputs.
LW_INLINE int point_rank(const int size, const int i)
{
    return i == 5 && size < 3 ? 3 : i;
}

LW_INLINE int ranked_point(const int size, const int rank)
{
    return rank == 3 && size < 3 ? 5 : rank;
}

// The first tile of a row at the points of each kind.
LW_INLINE lw_wino_walk walk_of(const column_block *block, const lw_wino_row *row, const int size)
{
    const column_class *c = &block->of_size[size];
    lw_wino_walk walk = {.chunk_tiles = chunk_tiles(size)};
    walk.chunk_gap = c->u_chunk - chunk_tiles(size) * LW_BLOCK;
    for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++) {
        const int32_t first = row->alike * block->tiles.columns[kind];
        walk.slot[kind] = first % chunk_tiles(size);
        walk.offset[kind] = first / chunk_tiles(size) * c->u_chunk + walk.slot[kind] * LW_BLOCK;
    }
    return walk;
}

// One row of tiles, for one vector of channels that goes to u.
LW_INLINE void input_row(const column_block *block, const lw_wino_row *row, const int size,
                         const lw_winograd_geometry *g, const float *x, float *u)
{
    lw_wino_places places = {.i_step = chunk_tiles(size) * LW_BLOCK,
                             .j_step = block->of_size[size].u_column};
    LW_UNROLL(3)
    for (int i = 0; i < LW_WINOGRAD_KINDS; i++) LW_UNROLL(3)
    for (int j = 0; j < LW_WINOGRAD_KINDS; j++)
        places.at[i][j] = u + (i == 2 ? point_rank(size, 5) - 5 : 0) * places.i_step;
    lw_wino_input_tiles(&block->tiles.across, size, true, x, g->x_row, g->x_pixel, &places,
                        walk_of(block, row, size));
}

__attribute__((noinline)) static void input_block(const column_block *block,
                                                  const lw_winograd_geometry *g, const float *x)
{
    for (int32_t r = 0; r < block->tiles.n_rows; r++) {
        const lw_wino_row *row = &block->tiles.row[r];
        const column_class *c = &block->of_size[row->size];
        const float *first = x + row->image * g->x_image +
                             lw_winograd_tile_begin(&block->tiles.down, row->tile) * g->x_row;
        for (int32_t channel = 0; channel < g->ic; channel += LW_BLOCK)
            for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
                const float *from = first + channel + lane;
                float *u = c->u + channel / LW_BLOCK * c->u_block + lane;
                switch (row->size) {
                case 4: input_row(block, row, 4, g, from, u); break;
                case 3: input_row(block, row, 3, g, from, u); break;
                case 2: input_row(block, row, 2, g, from, u); break;
                default: input_row(block, row, 1, g, from, u); break;
                }
            }
    }
}

// ---- products -----------------------------------------------------------------------------------

// The sums of `tiles` tiles of a chunk at one horizontal point, for one vector of output channels.
//   filters  [ic][vertical point of six][LW_BLOCK]
//   q        [output row][tile][LW_BLOCK], rows q_row floats apart
LW_INLINE void multiply_column(const int size, const int tiles, int32_t ic, const float *u,
                               const float *filters, float *q, int64_t q_row)
{
    const int points = size + 2, pitch = chunk_tiles(size);
    lw_vec sum[LW_WINOGRAD_POINTS][9];
    LW_UNROLL(6)
    for (int i = 0; i < points; i++) LW_UNROLL(9)
    for (int t = 0; t < tiles; t++) sum[i][t] = lw_vec_zero();
    for (; ic > 0; ic -= LW_BLOCK) {
        const int32_t steps = ic < LW_BLOCK ? ic : LW_BLOCK;
        const float *at = u;
        for (int32_t k = 0; k < steps; k++) {
            LW_UNROLL(6)
            for (int i = 0; i < points; i++) {
                lw_vec weight = lw_vec_load(filters + ranked_point(size, i) * LW_BLOCK);
                LW_PIN_VEC(weight);
                LW_UNROLL(9)
                for (int t = 0; t < tiles; t++)
                    sum[i][t] =
                        lw_vec_fma_broadcast(weight, at + (i * pitch + t) * LW_BLOCK, sum[i][t]);
            }
            filters += LW_WINOGRAD_POINTS * LW_BLOCK;
            at++;
        }
        u += points * pitch * LW_BLOCK;
    }
    LW_UNROLL(9)
    for (int t = 0; t < tiles; t++) {
        lw_vec m[LW_WINOGRAD_POINTS], y[LW_WINOGRAD_MAX_TILE];
        LW_UNROLL(6)
        for (int i = 0; i < points; i++) m[ranked_point(size, i)] = sum[i][t];
        lw_wino_output(size, m, y);
        LW_UNROLL(4)
        for (int r = 0; r < size; r++) lw_vec_store(q + r * q_row + t * LW_BLOCK, y[r]);
    }
}

// clang-format off
LW_INLINE void multiply_some(const int size, int32_t tiles, int32_t ic, const float *u,
                             const float *filters, float *q, int64_t q_row)
{
    // Of the cases beyond a full chunk nothing is compiled.
#define TILES(n) case n: if (n <= chunk_tiles(size)) multiply_column(size, n <= chunk_tiles(size) ? n : 1, ic, u, filters, q, q_row); break;
    switch (tiles) {
    TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8) TILES(9)
    default: break;
    }
#undef TILES
}
// clang-format on

// All tiles of a class at a horizontal point.
LW_INLINE void multiply_class(const int size, const column_class *c, int j, int32_t tiles,
                              int32_t ic, const float *filters, lw_upcoming_maps *maps)
{
    if (tiles == 0) return; // then nothing was set up for the class
    const float *u = c->u + j * c->u_column;
    float *q = c->q + j * c->q_column;
    for (; tiles > 0; tiles -= chunk_tiles(size)) {
        const int32_t some = tiles < chunk_tiles(size) ? tiles : chunk_tiles(size);
        lw_upcoming_fetch_maps(maps);
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC)
            multiply_some(size, some, ic, u, filters + lane, q + lane, c->q_row);
        u += c->u_chunk;
        q += chunk_tiles(size) * LW_BLOCK;
    }
}

static void multiply_block(const column_block *block, int32_t ic, const float *filters,
                           int64_t filters_j, lw_upcoming_maps *maps)
{
    for (int j = 0; j < LW_WINOGRAD_POINTS; j++, filters += filters_j) {
        const int32_t columns = block->tiles.columns[lw_winograd_kind(j)];
        const int32_t *rows = block->tiles.of_size;
        multiply_class(4, &block->of_size[4], j, rows[4] * columns, ic, filters, maps);
        multiply_class(3, &block->of_size[3], j, rows[3] * columns, ic, filters, maps);
        multiply_class(2, &block->of_size[2], j, rows[2] * columns, ic, filters, maps);
        multiply_class(1, &block->of_size[1], j, rows[1] * columns, ic, filters, maps);
    }
}

// ---- outputs ------------------------------------------------------------------------------------

// The sums of a tile row: those of its first row of outputs for tile 0 at the horizontal points of each
// kind, which are `point` floats apart.
typedef struct sums_row {
    const float *at[LW_WINOGRAD_KINDS];
    int64_t point, row;
} sums_row;

// The horizontal transform of one tile's row h; its sums are `offset` floats behind those of tile 0.
LW_INLINE void output_row(const int width, const sums_row *sums, int64_t offset, int32_t h,
                          lw_vec *y)
{
    lw_vec m[LW_WINOGRAD_POINTS];
    LW_UNROLL(6)
    for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
        if (lw_wino_has(width, j))
            m[j] = lw_vec_load(sums->at[lw_winograd_kind(j)] + offset + h * sums->row +
                               j * sums->point);
    lw_wino_output(width, m, y);
}

// All outputs of one tile of a tile row of `size`.
LW_INLINE void output_tile(const int width, const int32_t size, const bool pool,
                           const sums_row *sums, int64_t *offset, lw_wino_place *at)
{
    const int side = pool ? 2 : 1;
    for (int32_t h = 0; h + side <= size; h += side) {
        lw_vec y[2][LW_WINOGRAD_MAX_TILE];
        output_row(width, sums, *offset, h, y[0]);
        if (pool) output_row(width, sums, *offset, h + 1, y[1]);
        LW_UNROLL(4)
        for (int c = 0; c + side <= width; c += side) {
            if (pool)
                lw_wino_finish_window(at, y[0][c], y[0][c + 1], y[1][c], y[1][c + 1], h / 2, c / 2);
            else
                lw_wino_finish(at, y[0][c], h, c);
        }
    }
    *offset += LW_BLOCK;
    lw_wino_place_advance(at, width / side);
}

LW_INLINE void output_tiles(const lw_winograd_tiles *across, const int32_t size, const bool pool,
                            const sums_row *sums, lw_wino_place at)
{
    int64_t offset = 0;
    if (across->threes && !pool) // behind a pool all sizes are even
        output_tile(3, size, false, sums, &offset, &at);
    for (int32_t t = 0; t < across->fours; t++) output_tile(4, size, pool, sums, &offset, &at);
    if (across->last == 2)
        output_tile(2, size, pool, sums, &offset, &at);
    else if (across->last == 1 && !pool)
        output_tile(1, size, false, sums, &offset, &at);
}

__attribute__((noinline)) static void output_block(const lw_wino_call *call,
                                                   const column_block *block, int32_t oc_block)
{
    for (int32_t r = 0; r < block->tiles.n_rows; r++) {
        const lw_wino_row *row = &block->tiles.row[r];
        const column_class *c = &block->of_size[row->size];
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
            const lw_wino_place at = lw_wino_place_of(call, &block->tiles, row, oc_block, lane);
            sums_row sums = {.point = c->q_column, .row = c->q_row};
            for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++)
                sums.at[kind] = c->q + lane +
                                ((int64_t)row->alike * block->tiles.columns[kind] -
                                 block->tiles.first_column[kind]) *
                                    LW_BLOCK;
            if (call->g->pool)
                output_tiles(&block->tiles.across, row->size, true, &sums, at);
            else
                output_tiles(&block->tiles.across, row->size, false, &sums, at);
        }
    }
}

// ---- the kernel ---------------------------------------------------------------------------------

// Calls of multiply_column for one block of output channels.
static int32_t calls_of(const column_block *block)
{
    int32_t calls = 0;
    for (int size = 1; size <= LW_WINOGRAD_MAX_TILE; size++)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++) {
            const int32_t columns = block->tiles.columns[lw_winograd_kind(j)];
            calls +=
                (block->tiles.of_size[size] * columns + chunk_tiles(size) - 1) / chunk_tiles(size);
        }
    return calls;
}

void LW_KERNEL(winograd_forward_columns)(const lw_wino_call *call, int64_t row_begin,
                                         int64_t row_end, float *scratch)
{
    const lw_winograd_geometry *g = call->g;
    const lw_winograd_filter_order order = lw_winograd_filter_order_of(g->ic, LW_VEC);
    const int64_t most = column_rows(g), rows = row_end - row_begin;
    const int64_t blocks = (rows + most - 1) / most; // of nearly equal size
    lw_upcoming_maps maps;
    maps.wanted = lw_upcoming_wanted(g);
    column_block block;
    lw_wino_block next;
    for (int64_t b = 0; b < blocks; b++) {
        set_block(&block, g, row_begin + rows * b / blocks, row_begin + rows * (b + 1) / blocks,
                  scratch);
        const int32_t calls = calls_of(&block);
        const bool last = b + 1 == blocks;
        if (maps.wanted && !last)
            lw_wino_block_set(&next, g->oh, g->ow, row_begin + rows * (b + 1) / blocks,
                              row_begin + rows * (b + 2) / blocks);
        lw_upcoming_inputs(&maps, call, last ? NULL : &next,
                           calls * (call->oc_end - call->oc_begin));
        input_block(&block, g, call->x);
        for (int32_t oc = call->oc_begin; oc < call->oc_end; oc++) {
            lw_upcoming_outputs(&maps, call, &block.tiles, oc, 1, calls);
            multiply_block(&block, g->ic, call->filters + oc * order.block, order.j, &maps);
            output_block(call, &block, oc);
        }
    }
}
