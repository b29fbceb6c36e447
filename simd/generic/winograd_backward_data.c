// SPDX-License-Identifier: Apache-2.0
// Winograd backward-data as the transpose of the forward algorithm: a tile of gradients goes back
// through the output transform, the products and the input transform to a patch that is 2 larger on
// each axis, and patches are added where they overlap. Without padding, a map of n gradients in t
// tiles takes n + 2t products this way, and the n + 2 gradients by the inputs n + 2 + 2t and more
// the other way (a forward pass over gradients between zeros): 25 instead of 81 where 3x3 gradients
// lead to 5x5.
#include "simd/declare.h"
#include "simd/generic/winograd_products.h"

// ---- gradients to points ------------------------------------------------------------------------

// One tile for one vector of channels; its vectors are `offset` floats behind those of tile 0.
LW_INLINE void gradient_tile(const int height, const int width, const float *dy, int64_t row,
                             int64_t pixel, const product_rows *to, int64_t offset)
{
    lw_vec columns[LW_WINOGRAD_MAX_TILE][LW_WINOGRAD_POINTS];
    LW_UNROLL(4)
    for (int c = 0; c < width; c++) {
        lw_vec g[LW_WINOGRAD_MAX_TILE];
        LW_UNROLL(4)
        for (int r = 0; r < height; r++) g[r] = lw_vec_load(dy + r * row + c * pixel);
        lw_wino_gradient(height, g, columns[c]);
    }
    LW_UNROLL(6)
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
        if (!lw_wino_has(height, i)) continue;
        lw_vec g[LW_WINOGRAD_MAX_TILE], t[LW_WINOGRAD_POINTS];
        LW_UNROLL(4)
        for (int c = 0; c < width; c++) g[c] = columns[c][i];
        lw_wino_gradient(width, g, t);
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            if (lw_wino_has(width, j))
                lw_vec_store((float *)to->from[i][lw_winograd_kind(j)] + offset + j * to->point,
                             t[j]);
    }
}

LW_INLINE void gradient_row(const lw_wino_block *block, const int height, const float *dy,
                            int64_t row, int64_t pixel, const product_rows *to)
{
    int64_t offset = 0;
    if (block->across.threes) {
        gradient_tile(height, 3, dy, row, pixel, to, offset);
        offset += LW_BLOCK;
        dy += 3 * pixel;
    }
    for (int32_t t = 0; t < block->across.fours; t++) {
        gradient_tile(height, 4, dy, row, pixel, to, offset);
        offset += LW_BLOCK;
        dy += 4 * pixel;
    }
    if (block->across.last == 2)
        gradient_tile(height, 2, dy, row, pixel, to, offset);
    else if (block->across.last == 1)
        gradient_tile(height, 1, dy, row, pixel, to, offset);
}

static void gradient_block(const lw_winograd_geometry *g, const lw_wino_block *block,
                           const float *dy, const lw_wino_inputs *inputs)
{
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *at = &block->row[r];
        const float *first =
            dy + at->image * g->x_image + lw_winograd_tile_begin(&block->down, at->tile) * g->x_row;
        for (int32_t c = 0; c < (g->ic + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK; c += LW_VEC) {
            float *u = inputs->u + c / LW_BLOCK * inputs->chunk + c % LW_BLOCK;
            const product_rows to = product_rows_of(block, at, u, inputs->point, LW_BLOCK);
            const float *from = first + c;
            switch (at->size) {
            case 4: gradient_row(block, 4, from, g->x_row, g->x_pixel, &to); break;
            case 3: gradient_row(block, 3, from, g->x_row, g->x_pixel, &to); break;
            case 2: gradient_row(block, 2, from, g->x_row, g->x_pixel, &to); break;
            default: gradient_row(block, 1, from, g->x_row, g->x_pixel, &to); break;
            }
        }
    }
}

// ---- products to patches ------------------------------------------------------------------------

// Products m at the points to a patch d[0 .. size + 1]: the transpose of lw_wino_input.
LW_INLINE void patch_inputs(const int size, const lw_vec *m, lw_vec *d)
{
    const float ratio = LW_WINO_A2 - LW_WINO_B2, both = LW_WINO_A2 + LW_WINO_B2;
    lw_vec sum_a = lw_vec_add(m[1], m[2]), difference_a = lw_vec_sub(m[1], m[2]);
    d[0] = lw_wino_scale(m[0], LW_WINO_N0);
    if (size < 3) {
        d[1] = lw_wino_scale(difference_a, LW_WINO_A * ratio);
        d[2] = lw_wino_scale_add(m[0], -LW_WINO_B2, lw_wino_scale(sum_a, ratio));
        if (size == 2) {
            d[1] = lw_wino_scale_add(m[5], -LW_WINO_A2, d[1]);
            d[3] = m[5];
        }
        return;
    }
    lw_vec sum_b = lw_vec_add(m[3], m[4]), difference_b = lw_vec_sub(m[3], m[4]);
    d[1] = lw_wino_scale_add(difference_a, -LW_WINO_A * LW_WINO_B2,
                             lw_wino_scale(difference_b, -LW_WINO_B * LW_WINO_A2));
    d[2] = lw_wino_scale_add(
        m[0], -both, lw_wino_scale_add(sum_a, -LW_WINO_B2, lw_wino_scale(sum_b, -LW_WINO_A2)));
    d[3] = lw_wino_scale_add(difference_a, LW_WINO_A, lw_wino_scale(difference_b, LW_WINO_B));
    d[4] = lw_vec_add(m[0], lw_vec_add(sum_a, sum_b));
    if (size == 4) {
        d[1] = lw_wino_scale_add(m[5], LW_WINO_N0, d[1]);
        d[3] = lw_wino_scale_add(m[5], -both, d[3]);
        d[5] = m[5];
    }
}

// One patch of (height + 2) x (width + 2). Its first two rows and columns are shared with the tiles
// above and to the left, where there are any, which have been there before.
LW_INLINE void patch_tile(const int height, const int width, const product_rows *products,
                          int64_t offset, float *dx, int64_t row, int64_t pixel, bool above,
                          bool left)
{
    lw_vec columns[LW_WINOGRAD_POINTS][LW_WINOGRAD_POINTS];
    LW_UNROLL(6)
    for (int i = 0; i < LW_WINOGRAD_POINTS; i++) {
        if (!lw_wino_has(height, i)) continue;
        lw_vec m[LW_WINOGRAD_POINTS], d[LW_WINOGRAD_POINTS];
        LW_UNROLL(6)
        for (int j = 0; j < LW_WINOGRAD_POINTS; j++)
            if (lw_wino_has(width, j))
                m[j] = lw_vec_load(products->from[i][lw_winograd_kind(j)] + offset +
                                   j * products->point);
        patch_inputs(width, m, d);
        LW_UNROLL(6)
        for (int c = 0; c < width + 2; c++) columns[c][i] = d[c];
    }
    LW_UNROLL(6)
    for (int c = 0; c < width + 2; c++) {
        lw_vec d[LW_WINOGRAD_POINTS];
        patch_inputs(height, columns[c], d);
        LW_UNROLL(6)
        for (int r = 0; r < height + 2; r++) {
            float *place = dx + r * row + c * pixel;
            if ((r < 2 && above) || (c < 2 && left)) d[r] = lw_vec_add(lw_vec_load(place), d[r]);
            lw_vec_store(place, d[r]);
        }
    }
}

LW_INLINE void patch_row(const lw_wino_block *block, const int height, bool above, const float *m,
                         const lw_wino_row *at, int64_t point, float *dx, int64_t row,
                         int64_t pixel)
{
    const int64_t tile = tile_blocks * LW_BLOCK;
    const product_rows products = product_rows_of(block, at, m, point, tile);
    int64_t offset = 0;
    bool left = false;
    if (block->across.threes) {
        patch_tile(height, 3, &products, offset, dx, row, pixel, above, left);
        offset += tile;
        dx += 3 * pixel;
        left = true;
    }
    for (int32_t t = 0; t < block->across.fours; t++) {
        patch_tile(height, 4, &products, offset, dx, row, pixel, above, left);
        offset += tile;
        dx += 4 * pixel;
        left = true;
    }
    if (block->across.last == 2)
        patch_tile(height, 2, &products, offset, dx, row, pixel, above, left);
    else if (block->across.last == 1)
        patch_tile(height, 1, &products, offset, dx, row, pixel, above, left);
}

static void patch_block(const lw_winograd_geometry *g, const lw_wino_block *block, int32_t oc_block,
                        const float *m, int64_t point, float *dx)
{
    for (int32_t r = 0; r < block->n_rows; r++) {
        const lw_wino_row *at = &block->row[r];
        const bool above = at->tile > 0;
        float *image = dx + at->image * g->y_image + oc_block * LW_BLOCK +
                       lw_winograd_tile_begin(&block->down, at->tile) * g->y_row;
        for (int lane = 0; lane < LW_BLOCK; lane += LW_VEC) {
            const float *from = m + lane;
            float *to = image + lane;
            switch (at->size) {
            case 4: patch_row(block, 4, above, from, at, point, to, g->y_row, g->y_pixel); break;
            case 3: patch_row(block, 3, above, from, at, point, to, g->y_row, g->y_pixel); break;
            case 2: patch_row(block, 2, above, from, at, point, to, g->y_row, g->y_pixel); break;
            default: patch_row(block, 1, above, from, at, point, to, g->y_row, g->y_pixel); break;
            }
        }
    }
}

void LW_KERNEL(winograd_backward_data)(const lw_winograd_geometry *g, int32_t image_begin,
                                       int32_t image_end, int32_t block_begin, int32_t block_end,
                                       const float *dy, const float *filters, float *dx,
                                       void *scratch)
{
    const product_scratch s = scratch_of(g, scratch);
    const int32_t per_image = lw_winograd_tiles_of(g->oh).count;
    const int64_t begin = (int64_t)image_begin * per_image, end = (int64_t)image_end * per_image;
    const int64_t rows = rows_of_block(g);
    const lw_winograd_filter_order order = lw_winograd_filter_order_of(g->ic, LW_VEC);
    lw_wino_block block;
    for (int64_t row = begin; row < end; row += rows) {
        lw_wino_block_set(&block, g->oh, g->ow, row, row + rows < end ? row + rows : end);
        gradient_block(g, &block, dy, &s.inputs);
        for (int32_t oc = block_begin; oc < block_end; oc += tile_blocks) {
            const int blocks = block_end - oc < tile_blocks ? 1 : tile_blocks;
            for (int p = 0; p < 36; p++) {
                const int i = p / LW_WINOGRAD_POINTS, j = p % LW_WINOGRAD_POINTS;
                multiply_point(lw_wino_tiles_at(&block, i, j), blocks, g->ic,
                               s.inputs.u + p * s.inputs.point, s.inputs.chunk,
                               filters + oc * order.block + i * order.i + j * order.j, &order,
                               s.products + p * s.products_point);
            }
            for (int b = 0; b < blocks; b++)
                patch_block(g, &block, oc + b, s.products + b * LW_BLOCK, s.products_point, dx);
        }
    }
}
