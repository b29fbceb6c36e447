// SPDX-License-Identifier: Apache-2.0
// Checks of the Winograd kernels behind space to depth: filters, forward, and backward-weights with
// the taps that come of its sums. Transformed values are rounded, so that small integers are
// compared like reals.
#include "kernel/check_winograd.h"
#include "kernel/families.h"
#include "kernel/reference_winograd.h"
#include "simd/winograd_strided.h"

#include <math.h>
#include <string.h>

enum { n_points = LW_WINOGRAD_POINTS, all_points = LW_WINOGRAD_ALL_POINTS, most_channels = 64 };

// Roundings of a value on its way through the transforms, beyond those of the sum over the channels.
static const double transform_terms = 38.0;

typedef struct strided_operands {
    lw_winograd_strided g;
    int32_t outputs, ic_floats, oc_floats, block_begin, block_end; // outputs: of a tile
    bool accumulate, with_bias;
    float *x, *dy, *weights, *filters, *bias, *scratch, *from;
    lw_check_output y, transformed, sums, dbias, taps;
    double *magnitudes; // of weights, [oc][ic][point]
} strided_operands;

// Coefficient of a tap in a filter's point: the reference knows three taps, of which the last is the
// point at infinity.
static double filter_coefficient(int32_t taps, int p, int t)
{
    if (p == n_points - 1) return t == taps - 1 ? 1.0 : 0.0;
    return lw_reference_winograd_filter(p, t);
}

static strided_operands *make_operands(lw_check *c)
{
    static const int32_t inputs[] = {1, 2, 3, 4, 9, 12, 12, 12, 16, 17, 33, 48, 64};
    static const int32_t outs[] = {1, 3, 10, 16, 17, 20, 32, 33, 48, 64};
    strided_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    lw_winograd_strided *g = &o->g;
    g->taps = c->bench ? 4 : lw_check_between(c, 3, 4);
    g->ic = c->bench ? 12 : lw_check_one_of(c, inputs, sizeof inputs / sizeof *inputs);
    g->oc = c->bench ? 64 : lw_check_one_of(c, outs, sizeof outs / sizeof *outs);
    g->oh = c->bench ? 33 : lw_check_between(c, 1, 10);
    g->ow = c->bench ? 33 : lw_check_between(c, 1, g->ic > 16 ? 5 : 10);
    if (!c->bench && lw_check_once_in(c, 10)) { // several runs of tiles
        g->ic = lw_check_between(c, 1, 3);
        g->oc = lw_check_between(c, 1, 3);
        g->oh = lw_check_between(c, 20, 40);
        g->ow = lw_check_between(c, 20, 40);
    }
    o->outputs = lw_winograd_strided_outputs(g->taps);
    o->ic_floats = (g->ic + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
    o->oc_floats = (g->oc + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
    g->x_pixel = o->ic_floats + lw_check_winograd_gap(c);
    g->x_row = lw_winograd_strided_inputs(g->taps, g->ow) * g->x_pixel + lw_check_winograd_gap(c);
    g->y_pixel = o->oc_floats + lw_check_winograd_gap(c);
    g->y_row = g->ow * g->y_pixel + lw_check_winograd_gap(c);
    lw_check_describe(c, "taps %d, %d -> %d out %dx%d x %d/%d y %d/%d", g->taps, g->ic, g->oc,
                      g->oh, g->ow, (int)g->x_pixel, (int)g->x_row, (int)g->y_pixel, (int)g->y_row);
    return o;
}

static int64_t x_floats(const strided_operands *o)
{
    const lw_winograd_strided *g = &o->g;
    return (lw_winograd_strided_inputs(g->taps, g->oh) - 1) * g->x_row +
           (lw_winograd_strided_inputs(g->taps, g->ow) - 1) * g->x_pixel + o->ic_floats;
}

static int64_t y_floats(const strided_operands *o)
{
    const lw_winograd_strided *g = &o->g;
    return (g->oh - 1) * g->y_row + (g->ow - 1) * g->y_pixel + o->oc_floats;
}

static double products(const strided_operands *o)
{
    const lw_winograd_strided *g = &o->g;
    return 2.0 * g->oh * g->ow * g->taps * g->taps * g->ic * g->oc;
}

// ---- filters ------------------------------------------------------------------------------------

// Weights [block][ic][tap][LW_BLOCK].
static int64_t weight_at(const lw_winograd_strided *g, int32_t oc, int32_t ic, int32_t tap)
{
    const int64_t taps = (int64_t)g->taps * g->taps;
    return ((oc / LW_BLOCK * (int64_t)g->ic + ic) * taps + tap) * LW_BLOCK + oc % LW_BLOCK;
}

static void make_weights(lw_check *c, strided_operands *o)
{
    const lw_winograd_strided *g = &o->g;
    const int32_t taps = g->taps * g->taps;
    const size_t count = (size_t)o->oc_floats * (size_t)(g->ic * taps);
    o->weights = lw_check_input(c, "weights", count, sizeof(float));
    memset(o->weights, 0, count * sizeof *o->weights);
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t ic = 0; ic < g->ic; ic++)
            for (int32_t tap = 0; tap < taps; tap++)
                o->weights[weight_at(g, oc, ic, tap)] = lw_check_number(c);
}

// The filter between two channels at a point, which are numbered [horizontal][vertical].
static lw_reference_sum filter_at(const strided_operands *o, int32_t oc, int32_t ic, int p)
{
    const int32_t taps = o->g.taps;
    lw_reference_sum sum = {0};
    for (int32_t t = 0; t < taps * taps; t++)
        lw_reference_add(&sum, (double)o->weights[weight_at(&o->g, oc, ic, t)],
                         filter_coefficient(taps, p % n_points, t / taps) *
                             filter_coefficient(taps, p / n_points, t % taps));
    return sum;
}

static void prepare_filters(lw_check *c)
{
    strided_operands *o = make_operands(c);
    make_weights(c, o);
    o->transformed = lw_check_output_make(
        c, "filters", (size_t)lw_winograd_strided_filters(o->g.ic), sizeof(float));
    c->flops = 2.0 * all_points * o->g.ic * LW_BLOCK;
}

static void call_filters(lw_check *c, const lw_kernel_table *kernels)
{
    strided_operands *o = c->operands;
    kernels->winograd_strided_filters(o->g.taps, o->g.ic, o->weights, o->transformed.values);
}

static void compare_filters(lw_check *c)
{
    strided_operands *o = c->operands;
    for (int p = 0; p < all_points; p++)
        for (int32_t ic = 0; ic < o->g.ic; ic++)
            for (int32_t lane = 0; lane < LW_BLOCK; lane++) {
                const lw_reference_sum sum = filter_at(o, lane, ic, p);
                const int64_t at = ((int64_t)p * o->g.ic + ic) * LW_BLOCK + lane;
                o->transformed.expected[at] = sum.value;
                o->transformed.magnitude[at] = sum.magnitude;
            }
    lw_check_compare(c, &o->transformed, 14.0);
}

// ---- forward ------------------------------------------------------------------------------------

static void transform_weights(lw_check *c, strided_operands *o)
{
    const lw_winograd_strided *g = &o->g;
    const int64_t block = lw_winograd_strided_filters(g->ic);
    o->filters =
        lw_check_input(c, "filters", (size_t)(o->oc_floats / LW_BLOCK * block), sizeof(float));
    for (int32_t b = 0; b < o->oc_floats / LW_BLOCK; b++)
        c->kernels->winograd_strided_filters(
            g->taps, g->ic, o->weights + weight_at(g, b * LW_BLOCK, 0, 0), o->filters + b * block);
    if (c->bench) return;
    o->magnitudes = lw_check_note(c, (size_t)(g->oc * g->ic * all_points), sizeof(double));
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t ic = 0; ic < g->ic; ic++)
            for (int p = 0; p < all_points; p++)
                o->magnitudes[(oc * g->ic + ic) * all_points + p] =
                    filter_at(o, oc, ic, p).magnitude;
}

static void prepare_forward(lw_check *c)
{
    strided_operands *o = make_operands(c);
    const lw_winograd_strided *g = &o->g;
    const int32_t blocks = o->oc_floats / LW_BLOCK;
    make_weights(c, o);
    transform_weights(c, o);
    o->x = lw_check_winograd_floats(c, "x", x_floats(o));
    if (c->data == LW_CHECK_SPECIAL && lw_check_once_in(c, 2)) {
        const float specials[] = {NAN, INFINITY, -INFINITY};
        o->x[lw_check_between(c, 0, g->ic - 1)] = specials[lw_check_between(c, 0, 2)];
    }
    if (c->bench || !lw_check_once_in(c, 4)) {
        o->bias = lw_check_input(c, "bias", (size_t)o->oc_floats, sizeof(float));
        memset(o->bias, 0, (size_t)o->oc_floats * sizeof *o->bias);
        for (int32_t oc = 0; oc < g->oc; oc++) o->bias[oc] = lw_check_number(c);
    }
    const bool whole = c->bench || lw_check_once_in(c, 2);
    o->block_begin = whole ? 0 : lw_check_between(c, 0, blocks - 1);
    o->block_end = whole ? blocks : lw_check_between(c, o->block_begin, blocks);
    o->y = lw_check_output_make(c, "y", (size_t)y_floats(o), sizeof(float));
    o->scratch =
        lw_check_memory(c, "scratch", (size_t)lw_winograd_strided_scratch(g->ic) * sizeof(float),
                        sizeof(float), false);
    c->flops = products(o);
}

static void call_forward(lw_check *c, const lw_kernel_table *kernels)
{
    strided_operands *o = c->operands;
    kernels->winograd_strided_forward(&o->g, o->block_begin, o->block_end, o->x, o->filters,
                                      o->bias, o->y.values, o->scratch);
}

// Tile (row, column): the magnitudes of its inputs, [ic][point], vertical points outermost.
static bool look_at_tile(const strided_operands *o, int32_t row, int32_t column, double *magnitudes)
{
    const lw_winograd_strided *g = &o->g;
    bool finite = true;
    for (int32_t ic = 0; ic < g->ic; ic++) {
        double inputs[all_points];
        for (int k = 0; k < all_points; k++) {
            inputs[k] = (double)o->x[(row * o->outputs + k / n_points) * g->x_row +
                                     (column * o->outputs + k % n_points) * g->x_pixel + ic];
            finite &= isfinite(inputs[k]) != 0;
        }
        lw_reference_winograd_inputs(4, 4, inputs, magnitudes + ic * all_points);
    }
    return finite;
}

static double sum_at(const strided_operands *o, int32_t h, int32_t w, int32_t oc)
{
    const lw_winograd_strided *g = &o->g;
    double sum = o->bias ? (double)o->bias[oc] : 0.0;
    for (int32_t tap = 0; tap < g->taps * g->taps; tap++)
        for (int32_t ic = 0; ic < g->ic; ic++)
            sum +=
                (double)
                    o->x[(h + tap / g->taps) * g->x_row + (w + tap % g->taps) * g->x_pixel + ic] *
                (double)o->weights[weight_at(g, oc, ic, tap)];
    return sum;
}

static void expect_tile(strided_operands *o, int32_t row, int32_t column, bool finite,
                        const double *inputs)
{
    const lw_winograd_strided *g = &o->g;
    for (int32_t oc = o->block_begin * LW_BLOCK; oc < o->block_end * LW_BLOCK; oc++) {
        double at_points[all_points] = {0}; // vertical points outermost
        for (int32_t ic = 0; ic < g->ic && oc < g->oc; ic++)
            for (int p = 0; p < all_points; p++)
                at_points[p] += inputs[ic * all_points + p] *
                                o->magnitudes[(oc * g->ic + ic) * all_points +
                                              p % n_points * n_points + p / n_points];
        for (int k = 0; k < o->outputs * o->outputs; k++) {
            const int32_t r = k / o->outputs, s = k % o->outputs;
            const int32_t h = row * o->outputs + r, w = column * o->outputs + s;
            if (h >= g->oh || w >= g->ow) continue;
            const int64_t at = h * g->y_row + w * g->y_pixel + oc;
            o->y.expected[at] = 0.0;
            o->y.magnitude[at] = finite ? 0.0 : LW_CHECK_ANYTHING;
            if (oc >= g->oc || !finite) continue;
            o->y.expected[at] = sum_at(o, h, w, oc);
            o->y.magnitude[at] =
                lw_reference_winograd_magnitude(o->outputs, o->outputs, at_points, r, s) +
                (o->bias ? fabs((double)o->bias[oc]) : 0.0);
        }
    }
}

static void compare_forward(lw_check *c)
{
    strided_operands *o = c->operands;
    const lw_winograd_strided *g = &o->g;
    double *inputs = lw_check_note(c, (size_t)(g->ic * all_points), sizeof(double));
    for (int32_t row = 0; row < lw_winograd_strided_tiles(g->taps, g->oh); row++)
        for (int32_t column = 0; column < lw_winograd_strided_tiles(g->taps, g->ow); column++) {
            const bool finite = look_at_tile(o, row, column, inputs);
            expect_tile(o, row, column, finite, inputs);
        }
    lw_check_compare(c, &o->y, g->ic + transform_terms);
}

// ---- backward-weights ---------------------------------------------------------------------------

static void prepare_weights(lw_check *c)
{
    strided_operands *o = make_operands(c);
    const lw_winograd_strided *g = &o->g;
    o->accumulate = c->bench || lw_check_once_in(c, 2);
    o->with_bias = !c->bench && lw_check_once_in(c, 2);
    o->x = lw_check_winograd_floats(c, "x", x_floats(o));
    o->dy = lw_check_winograd_floats(c, "dy", y_floats(o));
    o->scratch = lw_check_memory(
        c, "scratch", (size_t)lw_winograd_strided_weights_scratch(g->ic, g->oc) * sizeof(float),
        sizeof(float), false);
    o->sums = lw_check_output_make(
        c, "sums", (size_t)lw_winograd_strided_sums_of(g->ic, g->oc).floats, sizeof(float));
    o->dbias = lw_check_output_make(c, "dbias", (size_t)o->oc_floats, sizeof(float));
    if (o->accumulate) lw_check_fill(c, o->sums.values, o->sums.count);
    lw_check_fill(c, o->dbias.values, o->dbias.count);
    lw_check_output_ready(&o->sums);
    lw_check_output_ready(&o->dbias);
    c->flops = products(o);
}

static void call_weights(lw_check *c, const lw_kernel_table *kernels)
{
    strided_operands *o = c->operands;
    kernels->winograd_strided_weights(&o->g, o->x, o->dy, o->scratch, o->sums.values,
                                      o->with_bias ? o->dbias.values : NULL, o->accumulate);
}

// A tile's inputs, and its gradients inside the map, at point (i, j), for all channels.
static void tile_values(const strided_operands *o, int32_t row, int32_t column, int i, int j,
                        lw_reference_sum *u, lw_reference_sum *d)
{
    const lw_winograd_strided *g = &o->g;
    const int32_t top = row * o->outputs, left = column * o->outputs;
    memset(u, 0, most_channels * sizeof *u);
    memset(d, 0, most_channels * sizeof *d);
    for (int h = 0; h < n_points; h++)
        for (int w = 0; w < n_points; w++)
            for (int32_t ic = 0; ic < g->ic; ic++)
                lw_reference_add(
                    &u[ic], (double)o->x[(top + h) * g->x_row + (left + w) * g->x_pixel + ic],
                    lw_reference_winograd_input(4, i, h) * lw_reference_winograd_input(4, j, w));
    for (int h = 0; h < o->outputs && top + h < g->oh; h++)
        for (int w = 0; w < o->outputs && left + w < g->ow; w++)
            for (int32_t oc = 0; oc < g->oc; oc++)
                lw_reference_add(&d[oc],
                                 (double)o->dy[(top + h) * g->y_row + (left + w) * g->y_pixel + oc],
                                 lw_reference_winograd_output(o->outputs, i, h) *
                                     lw_reference_winograd_output(o->outputs, j, w));
}

static void expect_sums(strided_operands *o, int p)
{
    const lw_winograd_strided *g = &o->g;
    const lw_winograd_strided_sums to = lw_winograd_strided_sums_of(g->ic, g->oc);
    for (int64_t at = 0; at < (int64_t)to.rows * to.columns; at++) {
        const bool real = at / to.columns < g->ic && at % to.columns < g->oc;
        const double before = o->accumulate ? (double)o->sums.before[p * to.point + at] : 0.0;
        o->sums.expected[p * to.point + at] = before;
        o->sums.magnitude[p * to.point + at] = real ? fabs(before) : LW_CHECK_ANYTHING;
    }
    lw_reference_sum u[most_channels], d[most_channels];
    for (int32_t row = 0; row < lw_winograd_strided_tiles(g->taps, g->oh); row++)
        for (int32_t column = 0; column < lw_winograd_strided_tiles(g->taps, g->ow); column++) {
            tile_values(o, row, column, p % n_points, p / n_points, u, d);
            for (int32_t ic = 0; ic < g->ic; ic++)
                for (int32_t oc = 0; oc < g->oc; oc++) {
                    const int64_t at = p * to.point + (int64_t)ic * to.columns + oc;
                    o->sums.expected[at] += u[ic].value * d[oc].value;
                    o->sums.magnitude[at] += u[ic].magnitude * d[oc].magnitude;
                }
        }
}

static void compare_weights(lw_check *c)
{
    strided_operands *o = c->operands;
    const lw_winograd_strided *g = &o->g;
    const double tiles = (double)lw_winograd_strided_tiles(g->taps, g->oh) *
                         lw_winograd_strided_tiles(g->taps, g->ow);
    for (int p = 0; p < all_points; p++) expect_sums(o, p);
    lw_check_compare(c, &o->sums, tiles + transform_terms);
    for (int32_t oc = 0; o->with_bias && oc < o->oc_floats; oc++) {
        o->dbias.expected[oc] = (double)o->dbias.before[oc];
        o->dbias.magnitude[oc] = oc < g->oc ? fabs(o->dbias.expected[oc]) : LW_CHECK_ANYTHING;
        for (int32_t k = 0; k < g->oh * g->ow && oc < g->oc; k++) {
            const double dy = (double)o->dy[k / g->ow * g->y_row + k % g->ow * g->y_pixel + oc];
            o->dbias.expected[oc] += dy;
            o->dbias.magnitude[oc] += fabs(dy);
        }
    }
    lw_check_compare(c, &o->dbias, lw_check_terms(c, (double)g->oh * g->ow));
}

// ---- taps ---------------------------------------------------------------------------------------

static void prepare_taps(lw_check *c)
{
    strided_operands *o = make_operands(c);
    const lw_winograd_strided *g = &o->g;
    const lw_winograd_strided_sums from = lw_winograd_strided_sums_of(g->ic, g->oc);
    o->from = lw_check_winograd_floats(c, "sums", from.floats);
    for (int p = 0; p < all_points; p++)
        for (int64_t at = (int64_t)g->ic * from.columns; at < from.point; at++)
            o->from[p * from.point + at] = NAN; // spare rows and lines
    o->taps = lw_check_output_make(
        c, "taps", (size_t)(g->ic * g->taps * g->taps) * (size_t)from.columns, sizeof(float));
    c->flops = 2.0 * all_points * from.rows * from.columns;
}

static void call_taps(lw_check *c, const lw_kernel_table *kernels)
{
    strided_operands *o = c->operands;
    kernels->winograd_strided_weights_taps(o->g.taps, o->g.ic, o->g.oc, o->from, o->taps.values);
}

static void compare_taps(lw_check *c)
{
    strided_operands *o = c->operands;
    const lw_winograd_strided *g = &o->g;
    const lw_winograd_strided_sums from = lw_winograd_strided_sums_of(g->ic, g->oc);
    const int32_t taps = g->taps * g->taps;
    for (int32_t ic = 0; ic < g->ic; ic++)
        for (int32_t tap = 0; tap < taps; tap++)
            for (int32_t column = 0; column < from.columns; column++) {
                lw_reference_sum sum = {0};
                for (int p = 0; p < all_points; p++)
                    lw_reference_add(
                        &sum, (double)o->from[p * from.point + (int64_t)ic * from.columns + column],
                        filter_coefficient(g->taps, p % n_points, tap / g->taps) *
                            filter_coefficient(g->taps, p / n_points, tap % g->taps));
                const int64_t at = ((int64_t)ic * taps + tap) * from.columns + column;
                o->taps.expected[at] = sum.value;
                o->taps.magnitude[at] = sum.magnitude;
            }
    lw_check_compare(c, &o->taps, transform_terms);
}

const lw_check_kernel lw_check_winograd_strided_kernels[] = {
    {"winograd_strided_filters", prepare_filters, call_filters, compare_filters},
    {"winograd_strided_forward", prepare_forward, call_forward, compare_forward},
    {"winograd_strided_weights", prepare_weights, call_weights, compare_weights},
    {"winograd_strided_weights_taps", prepare_taps, call_taps, compare_taps},
    {0}};
