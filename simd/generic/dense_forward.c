// SPDX-License-Identifier: Apache-2.0
// Dense convolution on channels-last maps: forward, and backward-data, which is a forward
// convolution of dy.
//
// A tile is a few groups of neighbouring output pixels times the vectors of a panel of output
// channels, all of it in accumulators. A step takes one input of every pixel: it is broadcast and
// multiplied with the step's weights, which every pixel shares. Groups may lie in different rows or
// side by side; where a row does not divide, groups overlap and compute the same thing twice.
// Every output is a chain of multiply-adds in the order of the runs, whatever its tile.
//
// A 3x3 kernel on one channel goes down the rows instead of from tile to tile.
#include "simd/declare.h"
#include "simd/generic/dense_tile.h"

enum { max_sums = LW_DENSE_GROUPS * LW_DENSE_PIXELS * ((LW_DENSE_VECTORS + 1) / 2) };

// With so many steps a tile takes long enough for the lines of y to arrive meanwhile.
enum { prefetch_steps = 48 };

LW_INLINE bool streams(const lw_dense_geometry *g)
{
    return LW_VEC_STREAMS && g->stream;
}

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
            for (int i = 0; i < groups; i++) lw_dense_advance(&x[i]);
            weights += vectors * LW_VEC;
            __builtin_prefetch(ahead, 0, 2);
            ahead += ahead_step;
        }
    }
}

// One tile of groups * pixels * vectors sums.
LW_INLINE void forward_tile(const lw_dense_geometry *g, const lw_dense_place *at,
                            const float *weights, const float *bias, const int groups,
                            const int pixels, const int vectors)
{
    lw_vec sum[max_sums], start[LW_DENSE_VECTORS];
    LW_UNROLL(4)
    for (int v = 0; v < vectors; v++)
        start[v] = bias ? lw_vec_load(bias + v * LW_VEC) : lw_vec_zero();
    LW_UNROLL(28)
    for (int i = 0; i < groups * pixels * vectors; i++) sum[i] = start[i % vectors];
    if (g->n_runs * g->run_floats >= prefetch_steps && !streams(g))
        prefetch_outputs(g, at, groups, pixels, vectors);
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
    if (streams(g)) {
        LW_UNROLL(4)
        for (int i = 0; i < groups; i++) LW_UNROLL(8)
        for (int p = 0; p < pixels; p++) LW_UNROLL(4)
        for (int v = 0; v < vectors; v++)
            lw_vec_stream(at->y[i] + p * g->y_pixel + v * LW_VEC,
                          sum[(i * pixels + p) * vectors + v]);
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
                        const float *bias, const int groups, int32_t pixels, const int vectors)
{
    enum { most = LW_DENSE_PIXELS };
    switch (pixels) {
    case 1: forward_tile(g, at, weights, bias, groups, 1, vectors); break;
    case 2: forward_tile(g, at, weights, bias, groups, 2, vectors); break;
    case 3: forward_tile(g, at, weights, bias, groups, most < 3 ? 1 : 3, vectors); break;
    case 4: forward_tile(g, at, weights, bias, groups, most < 4 ? 1 : 4, vectors); break;
    case 5: forward_tile(g, at, weights, bias, groups, most < 5 ? 1 : 5, vectors); break;
    case 6: forward_tile(g, at, weights, bias, groups, most < 6 ? 1 : 6, vectors); break;
    default: forward_tile(g, at, weights, bias, groups, most, vectors); break;
    }
}

// Rows [row, row + rows_at_once): tiles of nearly equal width, each with groups / rows_at_once
// groups side by side.
LW_INLINE void forward_rows(const lw_dense_geometry *g, const float *x, const float *weights,
                            const float *bias, float *y, int32_t row, const int rows_at_once,
                            const int groups, const int vectors)
{
    const int32_t most = groups / rows_at_once * LW_DENSE_PIXELS;
    const int32_t n_tiles = (g->columns - 1) / most + 1;
    const int32_t width = g->columns / n_tiles, wider = g->columns % n_tiles;
    for (int32_t tile = 0, column = 0; tile < n_tiles; tile++) {
        const int32_t columns = width + (tile < wider);
        lw_dense_place at;
        const int pixels =
            lw_dense_place_tile(g, x, y, row, rows_at_once, column, columns, groups, &at);
        any_tile(g, &at, weights, bias, groups, pixels, vectors);
        column += columns;
    }
}

LW_INLINE void forward_panel(const lw_dense_geometry *g, const float *x, const float *weights,
                             const float *bias, float *y, const int vectors)
{
    const int groups = 2 * vectors > LW_DENSE_VECTORS ? 2 : 4;
    int32_t row = 0;
    for (; groups == 4 && row + 4 <= g->rows; row += 4)
        forward_rows(g, x, weights, bias, y, row, 4, 4, vectors);
    for (; row + 2 <= g->rows; row += 2)
        forward_rows(g, x, weights, bias, y, row, 2, groups, vectors);
    if (row < g->rows) forward_rows(g, x, weights, bias, y, row, 1, groups, vectors);
}

// ---- one channel, down the rows -----------------------------------------------------------------

// Three rows of sums are under way: a row of inputs is the third row of taps of the first of them, the
// second of the next and the first of the last. Then the first is done and the others move up. So
// stores come between multiply-adds, and an input serves nine of them: 1->16 on 28x28 takes the
// peak's 96 % with AVX-512, where tiles took 78, and 78 % with AVX2, where they took 57.
enum { slide_taps = 3, slide_pixels = LW_VEC_REGISTERS == 32 ? 7 : 3 };

static bool slides(const lw_dense_geometry *g)
{
    return g->x_pixel_step == 1 && g->run_floats == slide_taps && g->n_runs == slide_taps &&
           g->runs[1] - g->runs[0] == g->x_row_step && g->runs[2] - g->runs[1] == g->x_row_step &&
           g->rows > 1;
}

// What goes down one vector of output channels and up to slide_pixels columns.
typedef struct slide {
    const float *x, *weights;
    float *y;
    int64_t tap; // floats from one tap's weights to the next's
    lw_vec start;
} slide;

// The rows [first, last) of taps on a row of inputs, where there are registers for all weights.
LW_INLINE void slide_add(lw_vec *sum, const lw_vec *weight, const float *x, const int first,
                         const int last, const int pixels)
{
    LW_UNROLL(9)
    for (int i = 0; i < pixels + slide_taps - 1; i++) {
        lw_vec input = lw_vec_load_broadcast(x + i);
        LW_PIN_VEC(input);
        LW_UNROLL(3)
        for (int kw = 0; kw < slide_taps; kw++) {
            if (i < kw || i - kw >= pixels) continue;
            LW_UNROLL(3)
            for (int kh = first; kh < last; kh++) {
                lw_vec *s = &sum[(slide_taps - 1 - kh) * pixels + i - kw];
                *s = lw_vec_fma(weight[kh * slide_taps + kw], input, *s);
            }
        }
        lw_dense_keep_order();
    }
}

// The same with inputs in registers and a weight after the other.
LW_INLINE void slide_add_few(lw_vec *sum, const slide *s, const int first, const int last,
                             const int pixels)
{
    lw_vec input[slide_pixels + slide_taps - 1];
    LW_UNROLL(9)
    for (int kw = 0, i = 0; kw < slide_taps; kw++) {
        LW_UNROLL(9)
        for (; i < kw + pixels; i++) {
            input[i] = lw_vec_load_broadcast(s->x + i);
            LW_PIN_VEC(input[i]);
        }
        LW_UNROLL(3)
        for (int kh = first; kh < last; kh++) {
            lw_vec weight = lw_vec_load(s->weights + (kh * slide_taps + kw) * s->tap);
            LW_PIN_VEC(weight);
            lw_dense_keep_order();
            LW_UNROLL(9)
            for (int p = 0; p < pixels; p++) {
                lw_vec *to = &sum[(slide_taps - 1 - kh) * pixels + p];
                *to = lw_vec_fma(weight, input[kw + p], *to);
            }
        }
    }
}

// One row of inputs.
LW_INLINE void slide_row(const lw_dense_geometry *g, slide *s, const lw_vec *weight, lw_vec *sum,
                         const int first, const int last, const int pixels)
{
    if (first == 0) {
        LW_UNROLL(8)
        for (int p = 0; p < pixels; p++) sum[(slide_taps - 1) * pixels + p] = s->start;
    }
    if (LW_VEC_REGISTERS == 32)
        slide_add(sum, weight, s->x, first, last, pixels);
    else
        slide_add_few(sum, s, first, last, pixels);
    s->x += g->x_row_step;
}

// Stores the first row of sums; the others move up.
LW_INLINE void slide_out(const lw_dense_geometry *g, slide *s, lw_vec *sum, const int pixels)
{
    if (g->relu) {
        LW_UNROLL(8)
        for (int p = 0; p < pixels; p++) sum[p] = lw_vec_max(lw_vec_zero(), sum[p]);
    }
    if (g->oc < LW_VEC || g->y_channels != g->oc) {
        float sums[slide_pixels * LW_VEC];
        LW_UNROLL(8)
        for (int p = 0; p < pixels; p++) lw_vec_store(sums + p * LW_VEC, sum[p]);
        store_edge(g, &(lw_dense_place){.y = {s->y}}, sums, 1, pixels, 1);
    } else {
        LW_UNROLL(8)
        for (int p = 0; p < pixels; p++) lw_vec_store(s->y + p * g->y_pixel, sum[p]);
    }
    s->y += g->y_row;
}

LW_INLINE void slide_up(lw_vec *sum, const int pixels)
{
    LW_UNROLL(16)
    for (int p = 0; p < (slide_taps - 1) * pixels; p++) {
        sum[p] = sum[p + pixels];
        lw_dense_keep_order(); // no memmove, for which clang would keep the sums in memory
    }
}

// All rows of a few columns.
LW_INLINE void slide_columns(const lw_dense_geometry *g, slide s, const lw_vec *weight,
                             const int pixels)
{
    lw_vec sum[slide_taps * slide_pixels];
    slide_row(g, &s, weight, sum, 0, 1, pixels);
    slide_up(sum, pixels);
    slide_row(g, &s, weight, sum, 0, 2, pixels);
    slide_up(sum, pixels);
    for (int32_t row = 2; row < g->rows; row++) {
        slide_row(g, &s, weight, sum, 0, 3, pixels);
        slide_out(g, &s, sum, pixels);
        slide_up(sum, pixels);
    }
    slide_row(g, &s, weight, sum, 1, 3, pixels);
    slide_out(g, &s, sum, pixels);
    slide_up(sum, pixels);
    slide_row(g, &s, weight, sum, 2, 3, pixels);
    slide_out(g, &s, sum, pixels);
}

// One vector of output channels.
LW_INLINE void slide_vector(const lw_dense_geometry *g, slide s)
{
    enum { most = slide_pixels };
    lw_vec weight[slide_taps * slide_taps];
    LW_UNROLL(9)
    for (int t = 0; t < slide_taps * slide_taps; t++)
        weight[t] = lw_vec_load(s.weights + t * s.tap);
    const int32_t n_tiles = (g->columns - 1) / most + 1;
    const int32_t width = g->columns / n_tiles, wider = g->columns % n_tiles;
    for (int32_t tile = 0; tile < n_tiles; tile++) {
        const int32_t pixels = width + (tile < wider);
        switch (pixels) {
        case 1: slide_columns(g, s, weight, 1); break;
        case 2: slide_columns(g, s, weight, 2); break;
        case 3: slide_columns(g, s, weight, 3); break;
        case 4: slide_columns(g, s, weight, most < 4 ? 1 : 4); break;
        case 5: slide_columns(g, s, weight, most < 5 ? 1 : 5); break;
        case 6: slide_columns(g, s, weight, most < 6 ? 1 : 6); break;
        default: slide_columns(g, s, weight, most); break;
        }
        s.x += pixels;
        s.y += pixels * g->y_pixel;
    }
}

// Vector by vector: the channels that are written behind the last one are the last vector's.
static void slide_panel(const lw_dense_geometry *geometry, const float *x, const float *weights,
                        const float *bias, float *y)
{
    const int32_t vectors = (geometry->oc + LW_VEC - 1) / LW_VEC;
    for (int32_t v = 0; v < vectors; v++) {
        const bool last = v + 1 == vectors;
        lw_dense_geometry g = *geometry;
        g.oc = last ? geometry->oc - v * LW_VEC : LW_VEC;
        g.y_channels = last ? geometry->y_channels - v * LW_VEC : LW_VEC;
        const slide s = {.x = x,
                         .weights = weights + v * LW_VEC,
                         .y = y + v * LW_VEC,
                         .tap = (int64_t)vectors * LW_VEC,
                         .start = bias ? lw_vec_load(bias + v * LW_VEC) : lw_vec_zero()};
        slide_vector(&g, s);
    }
}

void LW_KERNEL(dense_forward)(const lw_dense_geometry *geometry, const float *x,
                              const float *weights, const float *bias, float *y)
{
    if (slides(geometry)) {
        slide_panel(geometry, x, weights, bias, y);
        return;
    }
    const lw_dense_geometry g = lw_dense_turned(geometry, LW_DENSE_PIXELS);
    const int32_t vectors = (g.oc + LW_VEC - 1) / LW_VEC;
    switch (vectors) {
    case 1: forward_panel(&g, x, weights, bias, y, 1); break;
    case 2: forward_panel(&g, x, weights, bias, y, 2); break;
    case 3: forward_panel(&g, x, weights, bias, y, LW_DENSE_VECTORS < 3 ? 1 : 3); break;
    default: forward_panel(&g, x, weights, bias, y, LW_DENSE_VECTORS); break;
    }
    if (streams(&g)) lw_vec_stream_end();
}
