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

// Vertical points of one column of gradients, in the groups of lw_wino_vertical_pair. Returns the
// column's sum for group 1, which is the one that reads all of it.
LW_INLINE lw_vec gradient_pair(const int size, const int group, const float *dy, int64_t row,
                               lw_vec *first, lw_vec *second)
{
    lw_vec even = lw_vec_load(dy);
    if (group == 0) {
        *first = even;
        if (size == 4 || size == 2) *second = lw_vec_load(dy + (size - 1) * row);
        return even;
    }
    lw_vec sum = even;
    if (size == 1) {
        *first = *second = even;
        return sum;
    }
    const float own = group == 1 ? LW_WINO_A : LW_WINO_B;
    lw_vec odd = lw_vec_load(dy + row);
    if (group == 1) sum = lw_vec_add(sum, odd);
    if (size >= 3) {
        lw_vec third = lw_vec_load(dy + 2 * row);
        if (group == 1) sum = lw_vec_add(sum, third);
        even = lw_wino_scale_add(third, own * own, even);
    }
    if (size == 4) {
        lw_vec fourth = lw_vec_load(dy + 3 * row);
        if (group == 1) sum = lw_vec_add(sum, fourth);
        odd = lw_wino_scale_add(fourth, own * own, odd);
    }
    *first = lw_wino_scale_add(odd, own, even);
    *second = lw_wino_scale_add(odd, -own, even);
    return sum;
}

LW_INLINE lw_vec gradient_tile(const int size, const int group, const int width, const int points,
                               const float *dy, int64_t row, int64_t pixel,
                               const lw_wino_places *places, const lw_wino_walk *walk, lw_vec sum)
{
    lw_vec columns[2][LW_WINOGRAD_MAX_TILE];
    LW_UNROLL(4)
    for (int k = 0; k < width; k++) {
        lw_vec all =
            gradient_pair(size, group, dy + k * pixel, row, &columns[0][k], &columns[1][k]);
        if (group == 1) sum = lw_vec_add(sum, all);
    }
    LW_UNROLL(2)
    for (int p = 0; p < points; p++) {
        lw_vec t[LW_WINOGRAD_POINTS];
        lw_wino_gradient(width, columns[p], t);
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            if (lw_wino_has(width, j))
                lw_vec_store(places->at[p][j] + walk->offset[lw_winograd_kind(j)], t[j]);
    }
    return sum;
}

// One tile at all its points. The three groups read the same few lines one after the other: with
// many channels the lines of a whole tile row do not stay in L1 (64 channels: 115 instead of 150
// cycles a tile).
LW_INLINE lw_vec gradient_groups(const int size, const int width, const float *dy, int64_t row,
                                 int64_t pixel, const lw_wino_places places[3], lw_wino_walk *walk,
                                 lw_vec sum)
{
    const int points = lw_wino_has(size, 5) ? 2 : 1;
    sum = gradient_tile(size, 0, width, points, dy, row, pixel, &places[0], walk, sum);
    sum = gradient_tile(size, 1, width, 2, dy, row, pixel, &places[1], walk, sum);
    if (size >= 3) sum = gradient_tile(size, 2, width, 2, dy, row, pixel, &places[2], walk, sum);
    lw_wino_walk_on(walk, width, false);
    return sum;
}

// A tile row of `size` gradients, for one vector of channels.
LW_INLINE void gradient_row(const lw_wino_block *block, const lw_wino_row *at, const int size,
                            const float *dy, int64_t row, int64_t pixel, const lw_wino_inputs *to,
                            float *d, float *dbias)
{
    lw_wino_places places[3];
    LW_UNROLL(3)
    for (int group = 0; group < 3; group++)
        places[group] = lw_wino_places_of(block, at, group, d, to->point);
    lw_wino_walk walk = {0};
    lw_vec sum = lw_vec_zero();
    if (block->across.threes) {
        sum = gradient_groups(size, 3, dy, row, pixel, places, &walk, sum);
        dy += 3 * pixel;
    }
    for (int32_t t = 0; t < block->across.fours; t++) {
        sum = gradient_groups(size, 4, dy, row, pixel, places, &walk, sum);
        dy += 4 * pixel;
    }
    if (block->across.last == 2)
        sum = gradient_groups(size, 2, dy, row, pixel, places, &walk, sum);
    else if (block->across.last == 1)
        sum = gradient_groups(size, 1, dy, row, pixel, places, &walk, sum);
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
