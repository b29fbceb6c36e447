// SPDX-License-Identifier: Apache-2.0
// Backward-weights by the Winograd algorithm: tiles of x and of dy are transformed, their products
// added up at each of the 36 points over all tiles and images, and only the sums transformed back.
// Products of polynomials turned around: a tile of n x n gradients and its (n + 2) x (n + 2) inputs
// give 3 x 3 taps with the (n + 2) x (n + 2) products that the forward pass takes.
#include "simd/declare.h"
#include "simd/generic/winograd_transform.h"
#include "simd/generic/winograd_weights_products.h"
#include "simd/winograd_weights.h"

// ---- gradients ----------------------------------------------------------------------------------

// The points of a group of one column of gradients, in t. Adds the column to the sum with group 1,
// which is the one that reads all of it.
LW_INLINE void gradient_column(const int size, const int group, const float *dy, int64_t row,
                               lw_vec *t, lw_vec *sum)
{
    if (group == 0) {
        t[0] = lw_vec_load(dy);
        if (size == 4 || size == 2) t[1] = lw_vec_load(dy + (size - 1) * row);
        return;
    }
    lw_vec g[LW_WINOGRAD_MAX_TILE], all[LW_WINOGRAD_POINTS];
    LW_UNROLL(4)
    for (int r = 0; r < size; r++) g[r] = lw_vec_load(dy + r * row);
    lw_wino_gradient(size, g, all); // what is not used is not computed
    LW_UNROLL(4)
    for (int p = 0; p < lw_wino_group_points(size, group); p++)
        t[p] = all[lw_wino_group_point(group, p)];
    LW_UNROLL(4)
    for (int r = 0; r < size && group == 1; r++) *sum = lw_vec_add(*sum, g[r]);
}

// One tile at all its points. The groups read the same few lines one after the other: with many
// channels the lines of a whole tile row do not stay in L1 (64 channels: 115 instead of 150 cycles a
// tile).
LW_INLINE void gradient_tile(const int size, const int width, const float **dy, int64_t row,
                             int64_t pixel, const lw_wino_places *places, lw_wino_walk *walk,
                             lw_vec *sum)
{
    LW_UNROLL(3)
    for (int group = 0; group < LW_WINO_GROUPS; group++) {
        const int points = lw_wino_group_points(size, group);
        if (points == 0) continue;
        lw_vec columns[LW_WINOGRAD_MAX_TILE][LW_WINO_GROUP_POINTS];
        LW_UNROLL(4)
        for (int k = 0; k < width; k++)
            gradient_column(size, group, *dy + k * pixel, row, columns[k], sum);
        LW_UNROLL(4)
        for (int p = 0; p < points; p++) {
            lw_vec g[LW_WINOGRAD_MAX_TILE], t[LW_WINOGRAD_POINTS];
            LW_UNROLL(4)
            for (int k = 0; k < width; k++) g[k] = columns[k][p];
            lw_wino_gradient(width, g, t);
            lw_wino_put(width, lw_wino_group_point(group, p), t, places, walk);
        }
    }
    *dy += width * pixel;
    lw_wino_walk_on(walk, width, false);
}

// A tile row of `size` gradients, for one vector of channels.
LW_INLINE void gradient_row(const lw_wino_block *block, const lw_wino_row *at, const int size,
                            const float *dy, int64_t row, int64_t pixel, const lw_wino_inputs *to,
                            float *d, float *dbias)
{
    const lw_wino_places places = lw_wino_places_of(block, at, d, to->point);
    lw_wino_walk walk = {0};
    lw_vec sum = lw_vec_zero();
    if (block->across.threes) gradient_tile(size, 3, &dy, row, pixel, &places, &walk, &sum);
    for (int32_t t = 0; t < block->across.fours; t++)
        gradient_tile(size, 4, &dy, row, pixel, &places, &walk, &sum);
    if (block->across.last == 2)
        gradient_tile(size, 2, &dy, row, pixel, &places, &walk, &sum);
    else if (block->across.last == 1)
        gradient_tile(size, 1, &dy, row, pixel, &places, &walk, &sum);
    if (dbias) lw_vec_store(dbias, lw_vec_add(lw_vec_load(dbias), sum));
}

static void gradient_block(const lw_wino_block *block, const float *dy, int64_t image, int64_t row,
                           int64_t pixel, int32_t channels, const lw_wino_inputs *to, float *dbias)
{
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *at = &block->row[r];
        const float *from =
            dy + at->image * image + lw_winograd_tile_begin(&block->down, at->tile) * row;
        for (int32_t c = 0; c < channels; c += LW_VEC) {
            float *d = to->u + c / LW_BLOCK * to->chunk + c % LW_BLOCK;
            float *sums = dbias ? dbias + c : NULL;
            switch (at->size) {
            case 4: gradient_row(block, at, 4, from + c, row, pixel, to, d, sums); break;
            case 3: gradient_row(block, at, 3, from + c, row, pixel, to, d, sums); break;
            case 2: gradient_row(block, at, 2, from + c, row, pixel, to, d, sums); break;
            default: gradient_row(block, at, 1, from + c, row, pixel, to, d, sums); break;
            }
        }
    }
}

static int32_t rounded_up(int32_t count, int32_t unit)
{
    return (count + unit - 1) / unit * unit;
}

void LW_KERNEL(winograd_weights_block)(const lw_winograd_weights *g, int64_t begin, int64_t end,
                                       const float *x, const float *dy, float *scratch, float *sums,
                                       float *dbias, bool accumulate)
{
    lw_wino_block block;
    lw_wino_block_set(&block, g->oh, g->ow, begin, end);
    const int64_t pitch = lw_winograd_weights_pitch(lw_wino_tiles_at(&block, 0, 0));
    const lw_wino_inputs inputs = lw_wino_inputs_of(scratch, pitch, g->ic);
    const lw_wino_inputs gradients = lw_wino_inputs_of(
        scratch + LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS * inputs.point, pitch, g->oc);
    lw_wino_input_block(&block, x, g->x_image, g->x_row, g->x_pixel, g->ic, &inputs);
    gradient_block(&block, dy, g->dy_image, g->dy_row, g->dy_pixel, rounded_up(g->oc, LW_BLOCK),
                   &gradients, dbias);
    const lw_wino_inputs *a = g->lanes_are_inputs ? &gradients : &inputs;
    const lw_wino_inputs *b = g->lanes_are_inputs ? &inputs : &gradients;
    const lw_winograd_sums to = lw_winograd_sums_of(g);
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++) {
            const int point = i * LW_WINOGRAD_POINTS + j;
            const product p = {a->u + point * a->point,
                               b->u + point * b->point,
                               a->chunk,
                               b->chunk,
                               lw_wino_tiles_at(&block, i, j),
                               to.rows,
                               sums + point * to.point,
                               to.columns};
            if (p.tiles > 0 && accumulate)
                multiply_all(&p, to.columns, true);
            else if (!accumulate && lw_winograd_weights_has(g, i, j))
                multiply_all(&p, to.columns, false);
        }
}

// ---- taps ---------------------------------------------------------------------------------------

// Sums m at the six points to three taps.
LW_INLINE void taps_of(const lw_vec *m, lw_vec *tap)
{
    lw_vec sum_a = lw_vec_add(m[1], m[2]), difference_a = lw_vec_sub(m[1], m[2]);
    lw_vec sum_b = lw_vec_add(m[3], m[4]), difference_b = lw_vec_sub(m[3], m[4]);
    tap[0] = lw_wino_scale_add(
        sum_b, 1.0f / LW_WINO_NB,
        lw_wino_scale_add(sum_a, 1.0f / LW_WINO_NA, lw_wino_scale(m[0], 1.0f / LW_WINO_N0)));
    tap[1] = lw_wino_scale_add(difference_b, LW_WINO_B / LW_WINO_NB,
                               lw_wino_scale(difference_a, LW_WINO_A / LW_WINO_NA));
    tap[2] = lw_wino_scale_add(sum_b, LW_WINO_B2 / LW_WINO_NB,
                               lw_wino_scale_add(sum_a, LW_WINO_A2 / LW_WINO_NA, m[5]));
}

// Points of which no tile has any are zero: a map of 3 x 3 has but 25 of the 36.
LW_INLINE void transform_back(const lw_winograd_weights *g, const bool all, const float *sums,
                              float *taps)
{
    const lw_winograd_sums from = lw_winograd_sums_of(g);
    bool has[LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS];
    for (int p = 0; p < LW_WINOGRAD_POINTS * LW_WINOGRAD_POINTS; p++)
        has[p] = lw_winograd_weights_has(g, p / LW_WINOGRAD_POINTS, p % LW_WINOGRAD_POINTS);
    for (int32_t r = 0; r < from.rows; r++)
        for (int32_t column = 0; column < from.columns; column += LW_VEC) {
            const float *at = sums + (int64_t)r * from.columns + column;
            lw_vec across[3][LW_WINOGRAD_POINTS];
            LW_UNROLL(6)
            for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
                lw_vec m[LW_WINOGRAD_POINTS], tap[3];
                LW_UNROLL(6)
                for (int j = 0; j < LW_WINOGRAD_POINTS; j++) {
                    const int p = i * LW_WINOGRAD_POINTS + j;
                    m[j] = all || has[p] ? lw_vec_load(at + p * from.point) : lw_vec_zero();
                }
                taps_of(m, tap);
                LW_UNROLL(3)
                for (int k = 0; k < 3; k++) across[k][i] = tap[k];
            }
            LW_UNROLL(3)
            for (int kw = 0; kw < 3; kw++) {
                lw_vec tap[3];
                taps_of(across[kw], tap);
                LW_UNROLL(3)
                for (int kh = 0; kh < 3; kh++)
                    lw_vec_store(taps + ((int64_t)r * 9 + kh * 3 + kw) * from.columns + column,
                                 tap[kh]);
            }
        }
}

void LW_KERNEL(winograd_weights_taps)(const lw_winograd_weights *g, const float *sums, float *taps)
{
    const int last = LW_WINOGRAD_POINTS - 1; // of the kind that only tiles of 4 and 2 have
    if (lw_winograd_weights_has(g, 3, 3) && lw_winograd_weights_has(g, last, last))
        transform_back(g, true, sums, taps);
    else
        transform_back(g, false, sums, taps);
}
