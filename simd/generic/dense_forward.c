// SPDX-License-Identifier: Apache-2.0
// Dense convolution on channels-last maps: forward, and backward-data, which is a forward
// convolution of dy.
//
// A tile is a few groups of neighbouring output pixels times the vectors of a panel of output
// channels, all of it in accumulators. A step takes one input of every pixel: it is broadcast and
// multiplied with the step's weights, which every pixel shares. Groups may lie in different rows or
// side by side; where a row does not divide, groups overlap and compute the same thing twice.
// Every output is a chain of multiply-adds in the order of the runs, whatever its tile.
#include "simd/declare.h"
#include "simd/generic/dense_tile.h"

enum { max_sums = LW_DENSE_GROUPS * LW_DENSE_PIXELS * ((LW_DENSE_VECTORS + 1) / 2) };

// With so many steps a tile takes long enough for the lines of y to arrive meanwhile.
enum { prefetch_steps = 48 };

LW_INLINE void prefetch_outputs(const lw_dense_geometry *g, const lw_dense_place *at,
                                const int groups, const int pixels, const int vectors)
{
    enum { line = 16 }; // floats
    for (int i = 0; i < groups; i++)
        for (int p = 0; p < pixels; p++)
            for (int v = 0; v < vectors * LW_VEC; v += line)
                __builtin_prefetch(at->y[i] + p * g->y_pixel + v, 1);
}

// Stores a tile whose panel is not full: spare lanes of a vector and the channels behind it get
// zeros, as far as the caller wants them written.
static __attribute__((noinline)) void store_edge(const lw_dense_geometry *g,
                                                 const lw_dense_place *at, const float *sums,
                                                 int groups, int pixels, int vectors)
{
    const int32_t end = g->y_channels;
    for (int i = 0; i < groups; i++)
        for (int p = 0; p < pixels; p++) {
            float *y = at->y[i] + p * g->y_pixel;
            for (int32_t c = 0; c < end; c += LW_VEC) {
                const int32_t real = g->oc - c, written = end - c;
                lw_vec value = lw_vec_zero();
                if (c < vectors * LW_VEC) {
                    value = lw_vec_load(sums);
                    sums += LW_VEC;
                }
                if (real < LW_VEC) value = lw_vec_keep(real > 0 ? (1u << real) - 1 : 0, value);
                if (written >= LW_VEC)
                    lw_vec_store(y + c, value);
                else
                    lw_vec_store_partial(y + c, value, written);
            }
        }
}

// What a tile of a 1x1 kernel prefetches at each step, a line at a time: the inputs of the next one,
// which follow in memory. With many channels a tile reads as many places at once as it has pixels,
// and the hardware does not follow. 256->64 on 56x56: from 60 to 80 % of the peak.
LW_INLINE const char *first_ahead(const lw_dense_geometry *g, const lw_dense_place *at,
                                  const int groups, const int pixels, int64_t *step)
{
    const bool follows =
        g->n_runs == 1 && g->run_floats == g->x_pixel_step && g->run_floats >= prefetch_steps;
    *step = follows ? 64 : 0;
    return (const char *)(follows ? at->x[0] + groups * pixels * g->x_pixel_step : at->x[0]);
}

// All steps of a tile.
LW_INLINE void add_runs(const lw_dense_geometry *g, const lw_dense_place *at, const float *weights,
                        lw_vec *sum, const int groups, const int pixels, const int vectors)
{
    const lw_dense_steps steps = lw_dense_steps_of(g->x_pixel_step);
    int64_t ahead_step;
    const char *ahead = first_ahead(g, at, groups, pixels, &ahead_step);
    for (int32_t r = 0; r < g->n_runs; r++) {
        const float *x[LW_DENSE_GROUPS];
        LW_UNROLL(4)
        for (int i = 0; i < groups; i++) x[i] = at->x[i] + g->runs[r];
        for (int64_t k = g->run_floats; k > 0; k--) {
            lw_vec weight[LW_DENSE_VECTORS];
            LW_UNROLL(4)
            for (int v = 0; v < vectors; v++) {
                weight[v] = lw_vec_load(weights + v * LW_VEC);
                LW_PIN_VEC(weight[v]);
            }
            LW_UNROLL(4)
            for (int i = 0; i < groups; i++) LW_UNROLL(8)
            for (int p = 0; p < pixels; p++) {
                lw_vec input = lw_vec_load_broadcast(lw_dense_pixel(x[i], &steps, p));
                // A single multiply-add takes its input from memory itself, where it can.
                if (vectors > 1) LW_PIN_VEC(input);
                LW_UNROLL(4)
                for (int v = 0; v < vectors; v++)
                    sum[(i * pixels + p) * vectors + v] =
                        lw_vec_fma(weight[v], input, sum[(i * pixels + p) * vectors + v]);
                lw_dense_keep_order();
            }
            LW_UNROLL(4)
            for (int i = 0; i < groups; i++) x[i]++;
            weights += vectors * LW_VEC;
            __builtin_prefetch(ahead, 0, 2);
            ahead += ahead_step;
        }
    }
}

// Runs of three with pixels side by side, the rows of a 3x3 kernel on one channel: an input serves
// three neighbouring outputs. 1->16 on 28x28: from 60 to 82 % of the peak while y stays in L2.
LW_INLINE void add_threes(const lw_dense_geometry *g, const lw_dense_place *at,
                          const float *weights, lw_vec *sum, const int pixels)
{
    for (int32_t r = 0; r < g->n_runs; r++) {
        lw_vec weight[3];
        LW_UNROLL(3)
        for (int t = 0; t < 3; t++) {
            weight[t] = lw_vec_load(weights + t * LW_VEC);
            LW_PIN_VEC(weight[t]);
        }
        weights += 3 * LW_VEC;
        LW_UNROLL(4)
        for (int i = 0; i < LW_DENSE_GROUPS; i++) {
            const float *x = at->x[i] + g->runs[r];
            LW_UNROLL(16)
            for (int j = 0; j < pixels + 2; j++) {
                lw_vec input = lw_vec_load_broadcast(x + j);
                LW_PIN_VEC(input);
                LW_UNROLL(3)
                for (int t = 0; t < 3; t++)
                    if (j - t >= 0 && j - t < pixels)
                        sum[i * pixels + j - t] =
                            lw_vec_fma(weight[t], input, sum[i * pixels + j - t]);
                lw_dense_keep_order();
            }
        }
    }
}

// One tile of groups * pixels * vectors sums. `threes`: add_threes does the
// work.
LW_INLINE void forward_tile(const lw_dense_geometry *g, const lw_dense_place *at,
                            const float *weights, const bool threes, const float *bias,
                            const int groups, const int pixels, const int vectors)
{
    lw_vec sum[max_sums];
    LW_UNROLL(4)
    for (int v = 0; v < vectors; v++) {
        lw_vec start = bias ? lw_vec_load(bias + v * LW_VEC) : lw_vec_zero();
        LW_UNROLL(28)
        for (int i = 0; i < groups * pixels; i++) sum[i * vectors + v] = start;
    }
    if (g->n_runs * g->run_floats >= prefetch_steps)
        prefetch_outputs(g, at, groups, pixels, vectors);
    if (threes && vectors == 1) // the compiler leaves out the one that cannot be
        add_threes(g, at, weights, sum, pixels);
    else
        add_runs(g, at, weights, sum, groups, pixels, vectors);
    if (g->relu) { // the operand order lets a NaN through
        LW_UNROLL(28)
        for (int i = 0; i < groups * pixels * vectors; i++)
            sum[i] = lw_vec_max(lw_vec_zero(), sum[i]);
    }
    if (g->oc < vectors * LW_VEC || g->y_channels != g->oc) {
        float sums[max_sums * LW_VEC];
        LW_UNROLL(28)
        for (int i = 0; i < groups * pixels * vectors; i++) lw_vec_store(sums + i * LW_VEC, sum[i]);
        store_edge(g, at, sums, groups, pixels, vectors);
        return;
    }
    LW_UNROLL(4)
    for (int i = 0; i < groups; i++) LW_UNROLL(8)
    for (int p = 0; p < pixels; p++) LW_UNROLL(4)
    for (int v = 0; v < vectors; v++)
        lw_vec_store(at->y[i] + p * g->y_pixel + v * LW_VEC, sum[(i * pixels + p) * vectors + v]);
}

// A tile of one of the sizes that there are.
LW_INLINE void any_tile(const lw_dense_geometry *g, const lw_dense_place *at, const float *weights,
                        const bool threes, const float *bias, const int groups, int32_t pixels,
                        const int vectors)
{
    enum { most = LW_DENSE_PIXELS };
    switch (pixels) {
    case 1: forward_tile(g, at, weights, threes, bias, groups, 1, vectors); break;
    case 2: forward_tile(g, at, weights, threes, bias, groups, 2, vectors); break;
    case 3: forward_tile(g, at, weights, threes, bias, groups, most < 3 ? 1 : 3, vectors); break;
    case 4: forward_tile(g, at, weights, threes, bias, groups, most < 4 ? 1 : 4, vectors); break;
    case 5: forward_tile(g, at, weights, threes, bias, groups, most < 5 ? 1 : 5, vectors); break;
    case 6: forward_tile(g, at, weights, threes, bias, groups, most < 6 ? 1 : 6, vectors); break;
    default: forward_tile(g, at, weights, threes, bias, groups, most, vectors); break;
    }
}

// Rows [row, row + rows_at_once): tiles of nearly equal width, each with groups / rows_at_once
// groups side by side.
LW_INLINE void forward_rows(const lw_dense_geometry *g, const float *x, const float *weights,
                            const bool threes, const float *bias, float *y, int32_t row,
                            const int rows_at_once, const int groups, const int vectors)
{
    const int32_t most = groups / rows_at_once * LW_DENSE_PIXELS;
    const int32_t n_tiles = (g->columns - 1) / most + 1;
    const int32_t width = g->columns / n_tiles, wider = g->columns % n_tiles;
    for (int32_t tile = 0, column = 0; tile < n_tiles; tile++) {
        const int32_t columns = width + (tile < wider);
        lw_dense_place at;
        const int pixels =
            lw_dense_place_tile(g, x, y, row, rows_at_once, column, columns, groups, &at);
        any_tile(g, &at, weights, threes, bias, groups, pixels, vectors);
        column += columns;
    }
}

LW_INLINE void forward_panel(const lw_dense_geometry *g, const float *x, const float *weights,
                             const bool threes, const float *bias, float *y, const int vectors)
{
    const int groups = 2 * vectors > LW_DENSE_VECTORS ? 2 : 4;
    int32_t row = 0;
    for (; groups == 4 && row + 4 <= g->rows; row += 4)
        forward_rows(g, x, weights, threes, bias, y, row, 4, 4, vectors);
    for (; row + 2 <= g->rows; row += 2)
        forward_rows(g, x, weights, threes, bias, y, row, 2, groups, vectors);
    if (row < g->rows) forward_rows(g, x, weights, threes, bias, y, row, 1, groups, vectors);
}

void LW_KERNEL(dense_forward)(const lw_dense_geometry *geometry, const float *x,
                              const float *weights, const float *bias, float *y)
{
    const lw_dense_geometry g = lw_dense_turned(geometry, LW_DENSE_PIXELS);
    // With few pixels in a group, and in whole panels, the general way is as fast.
    if (LW_DENSE_PIXELS >= 7 && g.oc <= LW_VEC && g.x_pixel_step == 1 && g.run_floats == 3) {
        forward_panel(&g, x, weights, true, bias, y, 1);
        return;
    }
    const int32_t vectors = (g.oc + LW_VEC - 1) / LW_VEC;
    switch (vectors) {
    case 1: forward_panel(&g, x, weights, false, bias, y, 1); break;
    case 2: forward_panel(&g, x, weights, false, bias, y, 2); break;
    case 3: forward_panel(&g, x, weights, false, bias, y, LW_DENSE_VECTORS < 3 ? 1 : 3); break;
    default: forward_panel(&g, x, weights, false, bias, y, LW_DENSE_VECTORS); break;
    }
}
