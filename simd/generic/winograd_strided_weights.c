// SPDX-License-Identifier: Apache-2.0
// Backward-weights of the Winograd convolution behind space to depth: sums over tiles of products of
// transformed inputs and gradients, and the taps that come of them. simd/winograd_strided.h has the
// tiles; products of polynomials are turned round as in winograd_backward_weights.c.
#include "simd/declare.h"
#include "simd/generic/winograd_strided_transform.h"
#include "simd/generic/winograd_weights_products.h"

// ---- gradients ----------------------------------------------------------------------------------

// The gradients g[0 .. outputs - 1] of a tile to the values of their polynomial at the points.
LW_INLINE void gradient_points(const int outputs, const lw_vec *g, lw_vec *t)
{
    if (outputs == 4) {
        lw_wino_gradient(4, g, t);
        return;
    }
    lw_vec even_a = lw_wino_scale_add(g[2], LW_WINO_A2, g[0]);
    lw_vec even_b = lw_wino_scale_add(g[2], LW_WINO_B2, g[0]);
    t[0] = g[0];
    t[1] = lw_wino_scale_add(g[1], LW_WINO_A, even_a);
    t[2] = lw_wino_scale_add(g[1], -LW_WINO_A, even_a);
    t[3] = lw_wino_scale_add(g[1], LW_WINO_B, even_b);
    t[4] = lw_wino_scale_add(g[1], -LW_WINO_B, even_b);
    t[5] = g[2];
}

// One tile, `height` x `width` of it inside the map, for one vector of channels; returns the sum of
// its gradients.
LW_INLINE lw_vec gradient_tile(const int outputs, int32_t height, int32_t width, const float *dy,
                               int64_t row, int64_t pixel, float *d, int64_t point)
{
    lw_vec across[LW_WINOGRAD_MAX_TILE][LW_WINOGRAD_POINTS], sum = lw_vec_zero();
    LW_UNROLL(4)
    for (int r = 0; r < outputs; r++) {
        lw_vec g[LW_WINOGRAD_MAX_TILE];
        LW_UNROLL(4)
        for (int c = 0; c < outputs; c++) {
            g[c] = r < height && c < width ? lw_vec_load(dy + r * row + c * pixel) : lw_vec_zero();
            sum = lw_vec_add(sum, g[c]);
        }
        gradient_points(outputs, g, across[r]);
    }
    LW_UNROLL(6)
    for (int j = 0; j < LW_WINOGRAD_POINTS; j++) {
        lw_vec g[LW_WINOGRAD_MAX_TILE], t[LW_WINOGRAD_POINTS];
        LW_UNROLL(4)
        for (int r = 0; r < outputs; r++) g[r] = across[r][j];
        gradient_points(outputs, g, t);
        LW_UNROLL(6)
        for (int i = 0; i < LW_WINOGRAD_POINTS; i++)
            lw_vec_store(d + (j * LW_WINOGRAD_POINTS + i) * point, t[i]);
    }
    return sum;
}

// Whole tiles know their size when they are compiled.
LW_INLINE lw_vec gradient_any_tile(const int outputs, int32_t height, int32_t width,
                                   const float *dy, int64_t row, int64_t pixel, float *d,
                                   int64_t point)
{
    if (height >= outputs && width >= outputs)
        return gradient_tile(outputs, outputs, outputs, dy, row, pixel, d, point);
    return gradient_tile(outputs, height, width, dy, row, pixel, d, point);
}

// All gradients of a run: d[point][chunk][tile][LW_BLOCK].
static void gradients(const lw_winograd_strided *g, lw_strided_run run, const float *dy, float *d,
                      int64_t chunk, int64_t point, float *dbias)
{
    const int32_t outputs = lw_winograd_strided_outputs(g->taps);
    for (int32_t t = 0; t < run.count; t++, lw_strided_next(&run)) {
        const int32_t h = run.row * outputs, w = run.column * outputs;
        const float *from = dy + h * g->y_row + w * g->y_pixel;
        for (int32_t c = 0; c < g->oc; c += LW_VEC) {
            float *to = d + c / LW_BLOCK * chunk + t * LW_BLOCK + c % LW_BLOCK;
            const lw_vec sum = outputs == 3 ? gradient_any_tile(3, g->oh - h, g->ow - w, from + c,
                                                                g->y_row, g->y_pixel, to, point)
                                            : gradient_any_tile(4, g->oh - h, g->ow - w, from + c,
                                                                g->y_row, g->y_pixel, to, point);
            if (dbias) lw_vec_store(dbias + c, lw_vec_add(lw_vec_load(dbias + c), sum));
        }
    }
}

void LW_KERNEL(winograd_strided_weights)(const lw_winograd_strided *g, const float *x,
                                         const float *dy, float *scratch, float *sums, float *dbias,
                                         bool accumulate)
{
    const int32_t across = lw_winograd_strided_tiles(g->taps, g->ow);
    const int64_t tiles = (int64_t)lw_winograd_strided_tiles(g->taps, g->oh) * across;
    const int64_t most = lw_winograd_strided_block(g->ic), runs = (tiles + most - 1) / most;
    const int64_t chunk = lw_winograd_strided_pitch(g->ic) * LW_BLOCK;
    const int64_t u_point = chunk * ((g->ic + LW_BLOCK - 1) / LW_BLOCK);
    const int64_t d_point = chunk * ((g->oc + LW_BLOCK - 1) / LW_BLOCK);
    float *u = scratch, *d = scratch + lw_winograd_strided_points(g->ic, g->ic);
    const lw_winograd_strided_sums to = lw_winograd_strided_sums_of(g->ic, g->oc);
    for (int64_t r = 0; r < runs; r++) { // of nearly equal size
        const int64_t begin = tiles * r / runs;
        const lw_strided_run run =
            lw_strided_run_of(across, begin, (int32_t)(tiles * (r + 1) / runs - begin));
        lw_strided_inputs(g, run, x, u, chunk, u_point);
        gradients(g, run, dy, d, chunk, d_point, dbias);
        for (int p = 0; p < LW_WINOGRAD_ALL_POINTS; p++) {
            const product at = {u + p * u_point, d + p * d_point,     chunk,     chunk, run.count,
                                to.rows,         sums + p * to.point, to.columns};
            if (accumulate || r > 0)
                multiply_all(&at, to.columns, true);
            else
                multiply_all(&at, to.columns, false);
        }
    }
}

// ---- taps ---------------------------------------------------------------------------------------

// Sums m at the six points to the taps: the transpose of the filters' transform.
LW_INLINE void taps_of(const int taps, const lw_vec *m, lw_vec *tap)
{
    lw_vec sum_a = lw_vec_add(m[1], m[2]), difference_a = lw_vec_sub(m[1], m[2]);
    lw_vec sum_b = lw_vec_add(m[3], m[4]), difference_b = lw_vec_sub(m[3], m[4]);
    tap[0] = lw_wino_scale_add(
        sum_b, 1.0f / LW_WINO_NB,
        lw_wino_scale_add(sum_a, 1.0f / LW_WINO_NA, lw_wino_scale(m[0], 1.0f / LW_WINO_N0)));
    tap[1] = lw_wino_scale_add(difference_b, LW_WINO_B / LW_WINO_NB,
                               lw_wino_scale(difference_a, LW_WINO_A / LW_WINO_NA));
    lw_vec squares = lw_wino_scale(sum_a, LW_WINO_A2 / LW_WINO_NA);
    tap[2] = lw_wino_scale_add(sum_b, LW_WINO_B2 / LW_WINO_NB, squares);
    if (taps == 3)
        tap[2] = lw_vec_add(tap[2], m[5]);
    else
        tap[3] = lw_wino_scale_add(difference_b, LW_WINO_B3 / LW_WINO_NB,
                                   lw_wino_scale_add(difference_a, LW_WINO_A3 / LW_WINO_NA, m[5]));
}

// The taps of one vector of output channels.
LW_INLINE void taps_of_row(const int taps, const float *sums, int64_t point, float *to,
                           int64_t columns)
{
    lw_vec down[4][LW_WINOGRAD_POINTS];
    LW_UNROLL(6)
    for (int j = 0; j < LW_WINOGRAD_POINTS; j++) {
        lw_vec m[LW_WINOGRAD_POINTS], tap[4];
        LW_UNROLL(6)
        for (int i = 0; i < LW_WINOGRAD_POINTS; i++)
            m[i] = lw_vec_load(sums + (j * LW_WINOGRAD_POINTS + i) * point);
        taps_of(taps, m, tap);
        LW_UNROLL(4)
        for (int k = 0; k < taps; k++) down[k][j] = tap[k];
    }
    LW_UNROLL(4)
    for (int kh = 0; kh < taps; kh++) {
        lw_vec tap[4];
        taps_of(taps, down[kh], tap);
        LW_UNROLL(4)
        for (int kw = 0; kw < taps; kw++) lw_vec_store(to + (kh * taps + kw) * columns, tap[kw]);
    }
}

void LW_KERNEL(winograd_strided_weights_taps)(int32_t taps, int32_t ic, int32_t oc,
                                              const float *sums, float *to)
{
    const lw_winograd_strided_sums from = lw_winograd_strided_sums_of(ic, oc);
    for (int32_t c = 0; c < ic; c++)
        for (int32_t column = 0; column < from.columns; column += LW_VEC) {
            const float *at = sums + (int64_t)c * from.columns + column;
            float *row = to + (int64_t)c * taps * taps * from.columns + column;
            if (taps == 3)
                taps_of_row(3, at, from.point, row, from.columns);
            else
                taps_of_row(4, at, from.point, row, from.columns);
        }
}
