// SPDX-License-Identifier: Apache-2.0
// Checks of the Winograd algorithm's backward-weights: the sums at every point, and the taps that
// come of them. Transformed values are rounded, so that small integers are compared like reals.
#include "kernel/check_winograd.h"
#include "kernel/families.h"
#include "kernel/reference_winograd.h"
#include "simd/winograd_weights.h"

#include <math.h>

enum { n_points = LW_WINOGRAD_POINTS, most_inputs = LW_WINOGRAD_MAX_TILE + 2 };

// Roundings of one product: of the two-dimensional transforms of both factors and its own.
static const double product_terms = 32.0;

typedef struct weights_operands {
    lw_winograd_weights g;
    lw_winograd_sums layout;
    int64_t begin, end;
    bool accumulate, with_bias;
    float *x, *dy, *scratch, *from;
    lw_check_output sums, dbias, taps;
} weights_operands;

static int32_t blocks_of(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK;
}

static weights_operands *make_operands(lw_check *c)
{
    static const int32_t channels[] = {1, 3, 4, 5, 10, 16, 17, 20, 28, 32, 33, 48, 50, 64};
    const size_t n = sizeof channels / sizeof *channels;
    weights_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    lw_winograd_weights *g = &o->g;
    g->ic = c->bench ? 64 : lw_check_one_of(c, channels, n);
    g->oc = c->bench ? 64 : lw_check_one_of(c, channels, g->ic > 20 ? 8 : n);
    g->oh = c->bench ? 16 : lw_check_between(c, 1, 12);
    g->ow = c->bench ? 16 : lw_check_between(c, 1, 12);
    g->lanes_are_inputs = !c->bench && lw_check_once_in(c, 2);
    o->layout = lw_winograd_sums_of(g);
    return o;
}

static void prepare_block(lw_check *c)
{
    weights_operands *o = make_operands(c);
    lw_winograd_weights *g = &o->g;
    const int32_t images = c->bench ? 2 : lw_check_between(c, 1, 3);
    const int32_t per_image = lw_winograd_tiles_of(g->oh).count;
    o->begin = c->bench ? 0 : lw_check_between(c, 0, images * per_image - 1);
    o->end = c->bench ? images * per_image
                      : lw_check_between(c, (int32_t)o->begin + 1, images * per_image);
    o->accumulate = c->bench || lw_check_once_in(c, 2);
    o->with_bias = !c->bench && lw_check_once_in(c, 2);
    const int32_t ic = blocks_of(g->ic), oc = blocks_of(g->oc);
    g->x_pixel = ic + lw_check_winograd_gap(c);
    g->x_row = (g->ow + 2) * g->x_pixel + lw_check_winograd_gap(c);
    g->x_image = (g->oh + 2) * g->x_row + lw_check_winograd_gap(c);
    g->dy_pixel = oc + lw_check_winograd_gap(c);
    g->dy_row = g->ow * g->dy_pixel + lw_check_winograd_gap(c);
    g->dy_image = g->oh * g->dy_row + lw_check_winograd_gap(c);
    lw_check_describe(c, "%d -> %d out %dx%d rows %d .. %d of %d images%s%s%s", g->ic, g->oc, g->oh,
                      g->ow, (int)o->begin, (int)o->end, images,
                      g->lanes_are_inputs ? " lanes are inputs" : "",
                      o->accumulate ? " accumulate" : "", o->with_bias ? " bias" : "");
    o->x = lw_check_winograd_floats(
        c, "x", (images - 1) * g->x_image + (g->oh + 1) * g->x_row + (g->ow + 1) * g->x_pixel + ic);
    o->dy = lw_check_winograd_floats(c, "dy",
                                     (images - 1) * g->dy_image + (g->oh - 1) * g->dy_row +
                                         (g->ow - 1) * g->dy_pixel + oc);
    const int64_t tiles = (o->end - o->begin) * lw_winograd_tiles_of(g->ow).count;
    o->scratch = lw_check_memory(
        c, "scratch", (size_t)lw_winograd_weights_scratch(g, tiles) * sizeof(float), 64, false);
    o->sums = lw_check_output_make(c, "sums", (size_t)o->layout.floats, 64);
    o->dbias = lw_check_output_make(c, "dbias", (size_t)oc, sizeof(float));
    if (o->accumulate) lw_check_fill(c, o->sums.values, o->sums.count);
    lw_check_fill(c, o->dbias.values, o->dbias.count);
    lw_check_output_ready(&o->sums);
    lw_check_output_ready(&o->dbias);
    c->flops = 2.0 * (double)tiles * n_points * n_points * g->ic * g->oc;
}

static void call_block(lw_check *c, const lw_kernel_table *kernels)
{
    weights_operands *o = c->operands;
    kernels->winograd_weights_block(&o->g, o->begin, o->end, o->x, o->dy, o->scratch,
                                    o->sums.values, o->with_bias ? o->dbias.values : NULL,
                                    o->accumulate);
}

// A tile: where it begins, and how many outputs it has.
typedef struct tile_at {
    int64_t image;
    int32_t h, w, height, width;
} tile_at;

static tile_at tile_of(const lw_winograd_weights *g, int64_t row, int32_t column)
{
    const lw_winograd_tiles down = lw_winograd_tiles_of(g->oh),
                            across = lw_winograd_tiles_of(g->ow);
    const int32_t r = (int32_t)(row % down.count);
    return (tile_at){row / down.count, lw_winograd_tile_begin(&down, r),
                     lw_winograd_tile_begin(&across, column), lw_winograd_tile_size(&down, r),
                     lw_winograd_tile_size(&across, column)};
}

static bool has_point(const tile_at *tile, int i, int j)
{
    return lw_winograd_has(tile->height, lw_winograd_kind(i)) &&
           lw_winograd_has(tile->width, lw_winograd_kind(j));
}

// The values of a transformed tile at a point, for all channels. `coefficient` is that of the input
// transform, whose tiles have two rows and columns `more`, or of the output transform.
static void transform_channels(const float *map, int64_t row, int64_t pixel, const tile_at *tile,
                               int more, int i, int j, int32_t channels,
                               double (*coefficient)(int size, int p, int d), lw_reference_sum *to)
{
    for (int32_t ch = 0; ch < channels; ch++) to[ch] = (lw_reference_sum){0};
    for (int h = 0; h < tile->height + more; h++)
        for (int w = 0; w < tile->width + more; w++) {
            const double factor = coefficient(tile->height, i, h) * coefficient(tile->width, j, w);
            for (int32_t ch = 0; ch < channels; ch++)
                lw_reference_add(&to[ch], (double)map[h * row + w * pixel + ch], factor);
        }
}

// Adds a tile's products at a point to what is expected there.
static void expect_tile(lw_check *c, const tile_at *tile, int i, int j)
{
    weights_operands *o = c->operands;
    const lw_winograd_weights *g = &o->g;
    lw_reference_sum u[64], d[64];
    transform_channels(o->x + tile->image * g->x_image + tile->h * g->x_row + tile->w * g->x_pixel,
                       g->x_row, g->x_pixel, tile, 2, i, j, g->ic, lw_reference_winograd_input, u);
    // A gradient's polynomial is evaluated: the turned-around output transform.
    transform_channels(
        o->dy + tile->image * g->dy_image + tile->h * g->dy_row + tile->w * g->dy_pixel, g->dy_row,
        g->dy_pixel, tile, 0, i, j, g->oc, lw_reference_winograd_output, d);
    const lw_reference_sum *rows = g->lanes_are_inputs ? d : u,
                           *columns = g->lanes_are_inputs ? u : d;
    const int32_t n_rows = g->lanes_are_inputs ? g->oc : g->ic;
    const int32_t n_columns = g->lanes_are_inputs ? g->ic : g->oc;
    for (int32_t r = 0; r < n_rows; r++)
        for (int32_t column = 0; column < n_columns; column++) {
            const int64_t at =
                (i * n_points + j) * o->layout.point + r * o->layout.columns + column;
            o->sums.expected[at] += rows[r].value * columns[column].value;
            o->sums.magnitude[at] += rows[r].magnitude * columns[column].magnitude;
        }
}

// What the sums are before the first tile: what was there, zero, or of no interest.
static void expect_start(weights_operands *o, int i, int j)
{
    const lw_winograd_weights *g = &o->g;
    const int32_t n_rows = g->lanes_are_inputs ? g->oc : g->ic;
    const int32_t n_columns = g->lanes_are_inputs ? g->ic : g->oc;
    for (int32_t r = 0; r < o->layout.rows; r++)
        for (int32_t column = 0; column < o->layout.columns; column++) {
            const int64_t at =
                (i * n_points + j) * o->layout.point + r * o->layout.columns + column;
            o->sums.expected[at] = o->accumulate ? (double)o->sums.before[at] : 0.0;
            o->sums.magnitude[at] = fabs(o->sums.expected[at]);
            if (!lw_winograd_weights_has(g, i, j))
                o->sums.magnitude[at] = LW_CHECK_KEPT;
            else if (r >= n_rows || column >= n_columns)
                o->sums.magnitude[at] = LW_CHECK_ANYTHING;
        }
}

static void expect_bias(weights_operands *o, const tile_at *tile)
{
    const lw_winograd_weights *g = &o->g;
    for (int32_t h = tile->h; h < tile->h + tile->height; h++)
        for (int32_t w = tile->w; w < tile->w + tile->width; w++)
            for (int32_t oc = 0; oc < g->oc; oc++) {
                const float value =
                    o->dy[tile->image * g->dy_image + h * g->dy_row + w * g->dy_pixel + oc];
                o->dbias.expected[oc] += (double)value;
                o->dbias.magnitude[oc] += fabs((double)value);
            }
}

static void compare_block(lw_check *c)
{
    weights_operands *o = c->operands;
    const lw_winograd_weights *g = &o->g;
    const int32_t across = lw_winograd_tiles_of(g->ow).count;
    const double tiles = (double)(o->end - o->begin) * across;
    for (int i = 0; i < n_points; i++)
        for (int j = 0; j < n_points; j++) {
            expect_start(o, i, j);
            for (int64_t row = o->begin; row < o->end; row++)
                for (int32_t column = 0; column < across; column++) {
                    const tile_at tile = tile_of(g, row, column);
                    if (has_point(&tile, i, j)) expect_tile(c, &tile, i, j);
                }
        }
    lw_check_compare(c, &o->sums, tiles + product_terms);
    if (o->with_bias) {
        for (int32_t oc = 0; oc < blocks_of(g->oc); oc++) {
            o->dbias.expected[oc] = (double)o->dbias.before[oc];
            o->dbias.magnitude[oc] = oc < g->oc ? fabs(o->dbias.expected[oc]) : LW_CHECK_ANYTHING;
        }
        for (int64_t row = o->begin; row < o->end; row++)
            for (int32_t column = 0; column < across; column++) {
                const tile_at tile = tile_of(g, row, column);
                expect_bias(o, &tile);
            }
    }
    lw_check_compare(c, &o->dbias,
                     lw_check_terms(c, tiles * LW_WINOGRAD_MAX_TILE * LW_WINOGRAD_MAX_TILE));
}

// ---- taps ---------------------------------------------------------------------------------------

static void prepare_taps(lw_check *c)
{
    weights_operands *o = make_operands(c);
    const lw_winograd_weights *g = &o->g;
    lw_check_describe(c, "%d -> %d out %dx%d%s", g->ic, g->oc, g->oh, g->ow,
                      g->lanes_are_inputs ? " lanes are inputs" : "");
    o->from = lw_check_input(c, "sums", (size_t)o->layout.floats, 64);
    lw_check_fill(c, o->from, (size_t)o->layout.floats);
    for (int p = 0; p < n_points * n_points; p++) // points that no tile has, and spare lines
        for (int64_t at = 0; at < o->layout.point; at++)
            if (!lw_winograd_weights_has(g, p / n_points, p % n_points) ||
                at >= o->layout.point - LW_BLOCK)
                o->from[p * o->layout.point + at] = NAN;
    o->taps = lw_check_output_make(
        c, "taps", (size_t)o->layout.rows * 9 * (size_t)o->layout.columns, sizeof(float));
    c->flops = 2.0 * n_points * n_points * o->layout.rows * o->layout.columns;
}

static void call_taps(lw_check *c, const lw_kernel_table *kernels)
{
    weights_operands *o = c->operands;
    kernels->winograd_weights_taps(&o->g, o->from, o->taps.values);
}

static lw_reference_sum tap_of(const weights_operands *o, double factors[n_points][3], int64_t at,
                               int kh, int kw)
{
    lw_reference_sum sum = {0};
    for (int i = 0; i < n_points; i++)
        for (int j = 0; j < n_points; j++)
            if (lw_winograd_weights_has(&o->g, i, j))
                lw_reference_add(&sum, (double)o->from[(i * n_points + j) * o->layout.point + at],
                                 factors[i][kh] * factors[j][kw]);
    return sum;
}

static void compare_taps(lw_check *c)
{
    weights_operands *o = c->operands;
    double factors[n_points][3];
    for (int p = 0; p < n_points; p++)
        for (int k = 0; k < 3; k++) factors[p][k] = lw_reference_winograd_filter(p, k);
    for (int32_t r = 0; r < o->layout.rows; r++)
        for (int tap = 0; tap < 9; tap++)
            for (int32_t column = 0; column < o->layout.columns; column++) {
                const lw_reference_sum sum =
                    tap_of(o, factors, (int64_t)r * o->layout.columns + column, tap / 3, tap % 3);
                const int64_t to = ((int64_t)r * 9 + tap) * o->layout.columns + column;
                o->taps.expected[to] = sum.value;
                o->taps.magnitude[to] = sum.magnitude;
            }
    lw_check_compare(c, &o->taps, product_terms);
}

const lw_check_kernel lw_check_winograd_weights_kernels[] = {
    {"winograd_weights_block", prepare_block, call_block, compare_block},
    {"winograd_weights_taps", prepare_taps, call_taps, compare_taps},
    {0}};
