// SPDX-License-Identifier: Apache-2.0
// The transforms of the Winograd algorithm over lw_vec: in one dimension, and of a block of input
// tiles into the order in which the matrix products read them. simd/winograd_tiles.h says what the
// points are.
//
// Filters carry the factors 1/N of the interpolation for all six points; the tiles with fewer points
// make up for that in their inputs. A tile of 3 is a tile of 4 without its last point, input and
// output, and a tile of 1 is one of 2 without it.
#ifndef LW_SIMD_WINOGRAD_TRANSFORM_H
#define LW_SIMD_WINOGRAD_TRANSFORM_H

#include "simd/kernels.h"
#include "simd/vec.h"
#include "simd/winograd_tiles.h"

// +-3/4 and +-3/2 instead of +-1 and +-2 halve the rounding error.
#define LW_WINO_A 0.75f
#define LW_WINO_B 1.5f
#define LW_WINO_A2 (LW_WINO_A * LW_WINO_A)
#define LW_WINO_B2 (LW_WINO_B * LW_WINO_B)
#define LW_WINO_A3 (LW_WINO_A2 * LW_WINO_A)
#define LW_WINO_B3 (LW_WINO_B2 * LW_WINO_B)
// The products of the distances between a point and the other finite ones.
#define LW_WINO_N0 (LW_WINO_A2 * LW_WINO_B2)
#define LW_WINO_NA (2 * LW_WINO_A2 * (LW_WINO_A2 - LW_WINO_B2))
#define LW_WINO_NB (2 * LW_WINO_B2 * (LW_WINO_B2 - LW_WINO_A2))

// a * factor + c
LW_INLINE lw_vec lw_wino_scale_add(lw_vec a, float factor, lw_vec c)
{
    return lw_vec_fma(a, lw_vec_broadcast(factor), c);
}

LW_INLINE lw_vec lw_wino_scale(lw_vec a, float factor)
{
    return lw_vec_mul(a, lw_vec_broadcast(factor));
}

// Whether a tile of `size` outputs has the point.
LW_INLINE int lw_wino_has(const int size, const int point)
{
    return lw_winograd_has(size, lw_winograd_kind(point));
}

// Whether values at plus and minus a point are the sum and the difference of an even part and a scaled
// odd one, or two multiply-adds. Additions have pipes of their own on CPUs with AVX-512, where the
// multiply-adds would queue behind the other ones; with 16 registers it is 2 % slower.
enum { LW_WINO_ADDS = LW_VEC_REGISTERS >= 32 };

// even + own * odd and even - own * odd
LW_INLINE void lw_wino_both_signs(lw_vec even, lw_vec odd, float own, lw_vec *plus, lw_vec *minus)
{
    *plus = lw_wino_scale_add(odd, own, even);
    *minus = lw_wino_scale_add(odd, -own, even);
}

// The values of a tile of 4 or 3 at +-3/4 and +-3/2: d4 - B^2 d2 +- A (d3 - B^2 d1), and A and B
// exchanged.
LW_INLINE void lw_wino_input_pairs(lw_vec d1, lw_vec d2, lw_vec d3, lw_vec d4, lw_vec *t)
{
    lw_vec even_a = lw_wino_scale_add(d2, -LW_WINO_B2, d4);
    lw_vec even_b = lw_wino_scale_add(d2, -LW_WINO_A2, d4);
    if (!LW_WINO_ADDS) {
        lw_wino_both_signs(even_a, lw_wino_scale_add(d1, -LW_WINO_B2, d3), LW_WINO_A, &t[0], &t[1]);
        lw_wino_both_signs(even_b, lw_wino_scale_add(d1, -LW_WINO_A2, d3), LW_WINO_B, &t[2], &t[3]);
        return;
    }
    lw_vec scaled = lw_wino_scale(d3, LW_WINO_A); // B is 2 A
    lw_vec odd_a = lw_wino_scale_add(d1, -LW_WINO_A * LW_WINO_B2, scaled);
    lw_vec odd_b = lw_wino_scale_add(d1, -LW_WINO_B * LW_WINO_A2, lw_vec_add(scaled, scaled));
    t[0] = lw_vec_add(even_a, odd_a);
    t[1] = lw_vec_sub(even_a, odd_a);
    t[2] = lw_vec_add(even_b, odd_b);
    t[3] = lw_vec_sub(even_b, odd_b);
}

// Inputs d[0 .. size + 1] to points t[0 .. 5], of which only the tile's are written.
LW_INLINE void lw_wino_input(const int size, const lw_vec *d, lw_vec *t)
{
    if (size >= 3) {
        t[0] = lw_wino_scale_add(d[0], LW_WINO_N0,
                                 lw_wino_scale_add(d[2], -LW_WINO_A2 - LW_WINO_B2, d[4]));
        lw_wino_input_pairs(d[1], d[2], d[3], d[4], &t[1]);
        if (size == 4)
            t[5] = lw_wino_scale_add(d[1], LW_WINO_N0,
                                     lw_wino_scale_add(d[3], -LW_WINO_A2 - LW_WINO_B2, d[5]));
        return;
    }
    const float ratio = LW_WINO_A2 - LW_WINO_B2;
    lw_vec even = lw_wino_scale(d[2], ratio), odd = lw_wino_scale(d[1], LW_WINO_A * ratio);
    t[0] = lw_wino_scale_add(d[0], LW_WINO_N0, lw_wino_scale(d[2], -LW_WINO_B2));
    t[1] = lw_vec_add(even, odd);
    t[2] = lw_vec_sub(even, odd);
    if (size == 2) t[5] = lw_wino_scale_add(d[1], -LW_WINO_A2, d[3]);
}

// Products m at the points to outputs y[0 .. size - 1].
LW_INLINE void lw_wino_output(const int size, const lw_vec *m, lw_vec *y)
{
    lw_vec sum_a = lw_vec_add(m[1], m[2]), difference_a = lw_vec_sub(m[1], m[2]);
    y[0] = lw_vec_add(m[0], sum_a);
    if (size >= 3) {
        lw_vec sum_b = lw_vec_add(m[3], m[4]), difference_b = lw_vec_sub(m[3], m[4]);
        y[0] = lw_vec_add(y[0], sum_b);
        y[1] = lw_wino_scale_add(difference_b, LW_WINO_B, lw_wino_scale(difference_a, LW_WINO_A));
        y[2] = lw_wino_scale_add(sum_b, LW_WINO_B2, lw_wino_scale(sum_a, LW_WINO_A2));
        if (size == 4)
            y[3] = lw_wino_scale_add(difference_b, LW_WINO_B3,
                                     lw_wino_scale_add(difference_a, LW_WINO_A3, m[5]));
    } else if (size == 2) {
        y[1] = lw_wino_scale_add(difference_a, LW_WINO_A, m[5]);
    }
}

// Gradients g[0 .. size - 1] of a tile to the values of their polynomial at the points, of which only
// the tile's are written: the transpose of lw_wino_output. Filters, or sums of products, carry the
// factors of the interpolation.
LW_INLINE void lw_wino_gradient(const int size, const lw_vec *g, lw_vec *t)
{
    t[0] = g[0];
    if (size == 1) {
        t[1] = t[2] = g[0];
        return;
    }
    lw_vec even_a = g[0], even_b = g[0];
    if (size >= 3) {
        even_a = lw_wino_scale_add(g[2], LW_WINO_A2, even_a);
        even_b = lw_wino_scale_add(g[2], LW_WINO_B2, even_b);
    }
    if (!LW_WINO_ADDS) {
        lw_vec odd_a = g[1], odd_b = g[1];
        if (size == 4) {
            odd_a = lw_wino_scale_add(g[3], LW_WINO_A2, odd_a);
            odd_b = lw_wino_scale_add(g[3], LW_WINO_B2, odd_b);
        }
        lw_wino_both_signs(even_a, odd_a, LW_WINO_A, &t[1], &t[2]);
        if (size >= 3) lw_wino_both_signs(even_b, odd_b, LW_WINO_B, &t[3], &t[4]);
        if (size != 3) t[5] = g[size - 1];
        return;
    }
    lw_vec odd_a = lw_wino_scale(g[1], LW_WINO_A), odd_b = lw_vec_add(odd_a, odd_a); // B is 2 A
    if (size == 4) {
        odd_a = lw_wino_scale_add(g[3], LW_WINO_A3, odd_a);
        odd_b = lw_wino_scale_add(g[3], LW_WINO_B3, odd_b);
    }
    t[1] = lw_vec_add(even_a, odd_a);
    t[2] = lw_vec_sub(even_a, odd_a);
    if (size >= 3) {
        t[3] = lw_vec_add(even_b, odd_b);
        t[4] = lw_vec_sub(even_b, odd_b);
    }
    if (size != 3) t[5] = g[size - 1];
}

// Taps g[0 .. 2] of a filter to its six points.
LW_INLINE void lw_wino_filter(const lw_vec *g, lw_vec *t)
{
    lw_vec even_a =
        lw_wino_scale_add(g[2], LW_WINO_A2 / LW_WINO_NA, lw_wino_scale(g[0], 1.0f / LW_WINO_NA));
    lw_vec even_b =
        lw_wino_scale_add(g[2], LW_WINO_B2 / LW_WINO_NB, lw_wino_scale(g[0], 1.0f / LW_WINO_NB));
    lw_vec odd_a = lw_wino_scale(g[1], LW_WINO_A / LW_WINO_NA);
    lw_vec odd_b = lw_wino_scale(g[1], LW_WINO_B / LW_WINO_NB);
    t[0] = lw_wino_scale(g[0], 1.0f / LW_WINO_N0);
    t[1] = lw_vec_add(even_a, odd_a);
    t[2] = lw_vec_sub(even_a, odd_a);
    t[3] = lw_vec_add(even_b, odd_b);
    t[4] = lw_vec_sub(even_b, odd_b);
    t[5] = g[2];
}

// ---- blocks of tiles ----------------------------------------------------------------------------

// Tile rows are numbered over all images; a block is some of them that follow each other. At point
// (i, j) its tiles, those that have the point, are numbered without gaps: tile column t of a tile row
// is rank[kind of i] * columns[kind of j] + t - first_column[kind of j].
enum { LW_WINO_MAX_ROWS = 64 };

typedef struct lw_wino_row {
    int32_t image, tile; // of which image, and which tile row there
    int32_t size;        // its outputs
    int32_t rank[LW_WINOGRAD_KINDS];
    int32_t alike; // rows of that size before it in the block
} lw_wino_row;

typedef struct lw_wino_block {
    lw_winograd_tiles down, across;
    int32_t n_rows;
    int32_t rows[LW_WINOGRAD_KINDS], columns[LW_WINOGRAD_KINDS], first_column[LW_WINOGRAD_KINDS];
    int32_t of_size[LW_WINOGRAD_MAX_TILE + 1]; // rows
    lw_wino_row row[LW_WINO_MAX_ROWS];
} lw_wino_block;

// The tile rows [begin, end), at most LW_WINO_MAX_ROWS, of maps of oh x ow outputs.
static inline void lw_wino_block_set(lw_wino_block *block, int32_t oh, int32_t ow, int64_t begin,
                                     int64_t end)
{
    block->down = lw_winograd_tiles_of(oh);
    block->across = lw_winograd_tiles_of(ow);
    block->n_rows = (int32_t)(end - begin);
    for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++) {
        block->rows[kind] = 0;
        block->columns[kind] = lw_winograd_tile_count(&block->across, kind);
        block->first_column[kind] = lw_winograd_first_tile(&block->across, kind);
    }
    for (int size = 0; size <= LW_WINOGRAD_MAX_TILE; size++) block->of_size[size] = 0;
    for (int32_t r = 0; r < block->n_rows; r++) {
        lw_wino_row *row = &block->row[r];
        row->image = (int32_t)((begin + r) / block->down.count);
        row->tile = (int32_t)((begin + r) % block->down.count);
        row->size = lw_winograd_tile_size(&block->down, row->tile);
        row->alike = block->of_size[row->size]++;
        for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++) {
            row->rank[kind] = block->rows[kind];
            block->rows[kind] += lw_winograd_has(row->size, kind);
        }
    }
}

// Tiles of the block at point (i, j).
static inline int32_t lw_wino_tiles_at(const lw_wino_block *block, int i, int j)
{
    return block->rows[lw_winograd_kind(i)] * block->columns[lw_winograd_kind(j)];
}

// The number of a row's first tile at point (i, j).
static inline int32_t lw_wino_row_start(const lw_wino_block *block, const lw_wino_row *row, int i,
                                        int j)
{
    return row->rank[lw_winograd_kind(i)] * block->columns[lw_winograd_kind(j)];
}

// Tile rows of a block of maps `ow` wide: as many as have `floats` of transformed inputs of `channels`
// channels, within limits of the tiles.
static inline int32_t lw_wino_block_rows(int32_t ow, int32_t channels, int64_t floats,
                                         int64_t least_tiles, int64_t most_tiles)
{
    const int32_t across = lw_winograd_tiles_of(ow).count;
    const int64_t padded = ((int64_t)channels + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
    int64_t tiles = floats / (LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS * padded);
    if (tiles > most_tiles) tiles = most_tiles;
    if (tiles < least_tiles) tiles = least_tiles;
    int64_t rows = (tiles + across / 2) / across;
    if (rows < 1) rows = 1;
    return (int32_t)(rows > LW_WINO_MAX_ROWS ? LW_WINO_MAX_ROWS : rows);
}

// ---- input transform ----------------------------------------------------------------------------

// Transformed inputs: vector `tile` of channels 16 c .. 16 c + 15 at point (i, j) is at
//   (i * 6 + j) * point + c * tile_pitch * LW_BLOCK + tile * LW_BLOCK,  point = chunks * that pitch.
// An odd tile_pitch keeps the 36 vectors of a tile out of one set of the L1 cache.
typedef struct lw_wino_inputs {
    float *u;
    int64_t chunk, point; // floats
} lw_wino_inputs;

static inline lw_wino_inputs lw_wino_inputs_of(float *u, int64_t tile_pitch, int32_t channels)
{
    int64_t chunk = tile_pitch * LW_BLOCK;
    return (lw_wino_inputs){u, chunk, chunk * ((channels + LW_BLOCK - 1) / LW_BLOCK)};
}

// Vertical points are made in groups, which fit the registers: group 0 is 0 and infinity (where the
// tile has it), group 1 +-3/4 and, with many registers, +-3/2, which are group 2 otherwise.
enum {
    LW_WINO_WIDE = LW_VEC_REGISTERS >= 32,
    LW_WINO_GROUPS = LW_WINO_WIDE ? 2 : 3,
    LW_WINO_GROUP_POINTS = LW_WINO_WIDE ? 4 : 2
};

// How many points a group has in tiles of that size; 0: none.
LW_INLINE int lw_wino_group_points(const int size, const int group)
{
    if (group == 0) return lw_wino_has(size, 5) ? 2 : 1;
    if (size < 3) return group == 1 ? 2 : 0;
    return LW_WINO_GROUP_POINTS;
}

LW_INLINE int lw_wino_group_point(const int group, const int p)
{
    return group == 0 ? 5 * p : 2 * group - 1 + p;
}

// +-own of one pixel column of a tile of 4 or 3; other: the square of the other pair.
LW_INLINE void lw_wino_vertical_pair(const float *x, int64_t row, float own, float other,
                                     lw_vec *first, lw_vec *second)
{
    lw_vec even = lw_wino_scale_add(lw_vec_load(x + 2 * row), -other, lw_vec_load(x + 4 * row));
    lw_vec odd = lw_wino_scale_add(lw_vec_load(x + row), -other, lw_vec_load(x + 3 * row));
    lw_wino_both_signs(even, odd, own, first, second);
}

// 0 and infinity of one pixel column.
LW_INLINE void lw_wino_vertical_ends(const int size, const float *x, int64_t row, lw_vec *zero,
                                     lw_vec *infinity)
{
    const float both = LW_WINO_A2 + LW_WINO_B2;
    if (size >= 3) {
        lw_vec inner = lw_wino_scale_add(lw_vec_load(x + 2 * row), -both, lw_vec_load(x + 4 * row));
        *zero = lw_wino_scale_add(lw_vec_load(x), LW_WINO_N0, inner);
    } else {
        *zero = lw_wino_scale_add(lw_vec_load(x), LW_WINO_N0,
                                  lw_wino_scale(lw_vec_load(x + 2 * row), -LW_WINO_B2));
    }
    if (size == 4) {
        lw_vec inner = lw_wino_scale_add(lw_vec_load(x + 3 * row), -both, lw_vec_load(x + 5 * row));
        *infinity = lw_wino_scale_add(lw_vec_load(x + row), LW_WINO_N0, inner);
    } else if (size == 2) {
        *infinity = lw_wino_scale_add(lw_vec_load(x + row), -LW_WINO_A2, lw_vec_load(x + 3 * row));
    }
}

// The points of a group of one pixel column.
LW_INLINE void lw_wino_vertical(const int size, const int group, const float *x, int64_t row,
                                lw_vec *t)
{
    if (group == 0) {
        lw_wino_vertical_ends(size, x, row, &t[0], &t[1]);
    } else if (size < 3) {
        const float ratio = LW_WINO_A2 - LW_WINO_B2;
        lw_vec even = lw_wino_scale(lw_vec_load(x + 2 * row), ratio);
        lw_vec odd = lw_wino_scale(lw_vec_load(x + row), LW_WINO_A * ratio);
        t[0] = lw_vec_add(even, odd);
        t[1] = lw_vec_sub(even, odd);
    } else if (LW_WINO_WIDE) {
        lw_wino_input_pairs(lw_vec_load(x + row), lw_vec_load(x + 2 * row),
                            lw_vec_load(x + 3 * row), lw_vec_load(x + 4 * row), t);
    } else if (group == 1) {
        lw_wino_vertical_pair(x, row, LW_WINO_A, LW_WINO_B2, &t[0], &t[1]);
    } else {
        lw_wino_vertical_pair(x, row, LW_WINO_B, LW_WINO_A2, &t[0], &t[1]);
    }
}

// Where a row's tiles go: tile 0 at point (i, j) is at at[kind of i][kind of j] + i * i_step + j * j_step.
typedef struct lw_wino_places {
    float *at[LW_WINOGRAD_KINDS][LW_WINOGRAD_KINDS];
    int64_t i_step, j_step;
} lw_wino_places;

// How far from there the next tile of each kind is, in floats. Where tiles lie in chunks: tiles of a
// chunk, how many of them are before the next tile, and the floats that a new chunk is further on.
typedef struct lw_wino_walk {
    int64_t offset[LW_WINOGRAD_KINDS], chunk_gap;
    int32_t slot[LW_WINOGRAD_KINDS], chunk_tiles;
} lw_wino_walk;

// To the tile behind one of `width` outputs.
LW_INLINE void lw_wino_walk_on(lw_wino_walk *walk, const int width, const bool chunks)
{
    LW_UNROLL(3)
    for (int kind = 0; kind < LW_WINOGRAD_KINDS; kind++) {
        if (!lw_winograd_has(width, kind)) continue;
        walk->offset[kind] += LW_BLOCK;
        if (!chunks || ++walk->slot[kind] < walk->chunk_tiles) continue;
        walk->slot[kind] = 0;
        walk->offset[kind] += walk->chunk_gap;
    }
}

// Stores a tile's values t at the horizontal points for vertical point i.
LW_INLINE void lw_wino_put(const int width, const int i, const lw_vec *t,
                           const lw_wino_places *places, const lw_wino_walk *walk)
{
    float *const *at = places->at[lw_winograd_kind(i)];
    LW_UNROLL(6)
    for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
        if (lw_wino_has(width, j))
            lw_vec_store(at[lw_winograd_kind(j)] + walk->offset[lw_winograd_kind(j)] +
                             i * places->i_step + j * places->j_step,
                         t[j]);
}

// One tile of `width` outputs; the first two columns are there already, and the next tile's are
// left in their place.
LW_INLINE void lw_wino_next_tile(const int size, const int group, const int width,
                                 const bool chunks, const float **x, int64_t row, int64_t pixel,
                                 lw_vec columns[6][LW_WINO_GROUP_POINTS],
                                 const lw_wino_places *places, lw_wino_walk *walk)
{
    const int points = lw_wino_group_points(size, group);
    LW_UNROLL(4)
    for (int k = 2; k < width + 2; k++) {
        lw_wino_vertical(size, group, *x, row, columns[k]);
        *x += pixel;
    }
    LW_UNROLL(4)
    for (int p = 0; p < points; p++) {
        lw_vec d[6], t[LW_WINOGRAD_POINTS];
        LW_UNROLL(6)
        for (int k = 0; k < width + 2; k++) d[k] = columns[k][p];
        lw_wino_input(width, d, t);
        lw_wino_put(width, lw_wino_group_point(group, p), t, places, walk);
        columns[0][p] = d[width];
        columns[1][p] = d[width + 1];
    }
    lw_wino_walk_on(walk, width, chunks);
}

// The tiles `part` of a tile row of `size` outputs at the points of a group, for one vector of channels.
LW_INLINE void lw_wino_input_group(const lw_winograd_tiles *part, const int size, const int group,
                                   const bool chunks, const float *x, int64_t row, int64_t pixel,
                                   const lw_wino_places *places, lw_wino_walk *walk)
{
    lw_vec columns[6][LW_WINO_GROUP_POINTS];
    LW_UNROLL(2)
    for (int k = 0; k < 2; k++) {
        lw_wino_vertical(size, group, x, row, columns[k]);
        x += pixel;
    }
    if (part->threes)
        lw_wino_next_tile(size, group, 3, chunks, &x, row, pixel, columns, places, walk);
    for (int32_t t = 0; t < part->fours; t++)
        lw_wino_next_tile(size, group, 4, chunks, &x, row, pixel, columns, places, walk);
    if (part->last == 2)
        lw_wino_next_tile(size, group, 2, chunks, &x, row, pixel, columns, places, walk);
    else if (part->last == 1)
        lw_wino_next_tile(size, group, 1, chunks, &x, row, pixel, columns, places, walk);
}

// A tile row of `size` outputs. Every group reads the same inputs, so tiles are taken in parts whose
// inputs stay in L1 meanwhile: with many channels those of a vector's lines meet in few sets of it.
LW_INLINE void lw_wino_input_tiles(const lw_winograd_tiles *across, const int size,
                                   const bool chunks, const float *x, int64_t row, int64_t pixel,
                                   const lw_wino_places *places, lw_wino_walk walk)
{
    const int64_t part_floats = 256, least = 2;
    const int32_t fours = (int32_t)(part_floats / pixel > least ? part_floats / pixel : least);
    lw_winograd_tiles part = {.threes = across->threes};
    for (int32_t left = across->fours;;) {
        part.fours = left < fours ? left : fours;
        left -= part.fours;
        part.last = left > 0 ? 0 : across->last;
        lw_wino_walk next = walk;
        LW_UNROLL(3)
        for (int group = 0; group < LW_WINO_GROUPS; group++) {
            if (lw_wino_group_points(size, group) == 0) continue;
            next = walk;
            lw_wino_input_group(&part, size, group, chunks, x, row, pixel, places, &next);
        }
        if (left == 0) return;
        x += (3 * part.threes + 4 * part.fours) * pixel;
        part.threes = 0;
        walk = next;
    }
}

// The places of a row of the block, `at`, whose tile number 0 at point (0, 0) is at u.
LW_INLINE lw_wino_places lw_wino_places_of(const lw_wino_block *block, const lw_wino_row *at,
                                           float *u, int64_t point)
{
    lw_wino_places places = {.i_step = LW_WINOGRAD_POINTS * point, .j_step = point};
    LW_UNROLL(3)
    for (int i = 0; i < LW_WINOGRAD_KINDS; i++) LW_UNROLL(3)
    for (int j = 0; j < LW_WINOGRAD_KINDS; j++)
        places.at[i][j] = u + (int64_t)at->rank[i] * block->columns[j] * LW_BLOCK;
    return places;
}

LW_INLINE void lw_wino_input_row(const lw_wino_block *block, const lw_wino_row *at, const int size,
                                 const float *x, int64_t row, int64_t pixel, float *u,
                                 int64_t point)
{
    const lw_wino_places places = lw_wino_places_of(block, at, u, point);
    lw_wino_input_tiles(&block->across, size, false, x, row, pixel, &places, (lw_wino_walk){0});
}

// All inputs of a block, `channels` of them (whole vectors of LW_BLOCK are read and written). x
// points at the input pixel under tap (0, 0) of output (0, 0) of image 0.
static inline void lw_wino_input_block(const lw_wino_block *block, const float *x, int64_t image,
                                       int64_t row, int64_t pixel, int32_t channels,
                                       const lw_wino_inputs *to)
{
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *at = &block->row[r];
        const float *from =
            x + at->image * image + lw_winograd_tile_begin(&block->down, at->tile) * row;
        for (int32_t c = 0; c < channels; c += LW_BLOCK)
            for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
                float *u = to->u + c / LW_BLOCK * to->chunk + lane;
                const float *first = from + c + lane;
                switch (at->size) {
                case 4: lw_wino_input_row(block, at, 4, first, row, pixel, u, to->point); break;
                case 3: lw_wino_input_row(block, at, 3, first, row, pixel, u, to->point); break;
                case 2: lw_wino_input_row(block, at, 2, first, row, pixel, u, to->point); break;
                default: lw_wino_input_row(block, at, 1, first, row, pixel, u, to->point); break;
                }
            }
    }
}

#endif
