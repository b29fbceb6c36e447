// SPDX-License-Identifier: Apache-2.0
// Checks of the Winograd kernels, forward and of the filters. Their results are rounded more than
// sums are, also on integers: each is compared within the bound that follows from the magnitudes of
// what goes through the transforms.
#include "kernel/check_winograd.h"
#include "kernel/families.h"
#include "kernel/reference_winograd.h"

#include <math.h>
#include <string.h>

static int32_t blocks_of(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK;
}

double lw_check_winograd_products(const lw_winograd_geometry *g)
{
    return (double)g->images * g->oh * g->ow * 9 * g->ic * g->oc;
}

static void choose_shape(lw_check *c, lw_winograd_geometry *g)
{
    static const int32_t channels[] = {1, 3, 5, 10, 16, 17, 32, 33, 48, 81};
    enum { n_channels = sizeof channels / sizeof *channels };
    g->ic = lw_check_one_of(c, channels, n_channels);
    g->oc = lw_check_one_of(c, channels, n_channels);
    if (lw_check_once_in(c, 10)) { // products come in several chains
        g->ic = lw_check_between(c, 129, 300);
        g->oc = lw_check_between(c, 1, 10);
    }
    g->images = lw_check_once_in(c, 2) ? 1 : lw_check_between(c, 2, 5);
    g->pool = lw_check_once_in(c, 2);
    g->relu = !lw_check_once_in(c, 3);
    g->oh = lw_check_between(c, 1, 15);
    g->ow = lw_check_between(c, 1, 15);
    if (g->pool) {
        g->oh += g->oh % 2;
        g->ow += g->ow % 2;
    }
    while (lw_check_winograd_products(g) > 3e5) {
        if (g->oh > 3)
            g->oh -= 2;
        else if (g->images > 2)
            g->images--;
        else if (g->ic > 17 && g->ic <= 81)
            g->ic -= 16;
        else if (g->ow > 7)
            g->ow -= 2;
        else if (g->oc > 17)
            g->oc -= 16;
        else
            break;
    }
}

int64_t lw_check_winograd_room(lw_check *c, int64_t floats, int32_t unit)
{
    return c->bench || !lw_check_once_in(c, 3) ? floats : floats + unit * lw_check_between(c, 1, 3);
}

int32_t lw_check_winograd_gap(lw_check *c)
{
    return c->bench || lw_check_once_in(c, 2) ? 0 : lw_check_between(c, 1, 9);
}

float *lw_check_winograd_floats(lw_check *c, const char *name, int64_t count)
{
    float *values = lw_check_input(c, name, (size_t)count, sizeof(float));
    lw_check_fill(c, values, (size_t)count);
    return values;
}

lw_check_winograd *lw_check_winograd_shape(lw_check *c)
{
    lw_check_winograd *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    lw_winograd_geometry *g = &o->g;
    if (c->bench)
        *g = (lw_winograd_geometry){
            .ic = 16, .oc = 32, .images = 4, .oh = 14, .ow = 14, .pool = true, .relu = true};
    else
        choose_shape(c, g);
    o->blocks = blocks_of(g->oc);
    o->ic_blocks = blocks_of(g->ic);
    const int32_t side = g->pool ? 2 : 1, oh = g->oh / side, ow = g->ow / side;
    g->x_pixel = lw_check_winograd_room(c, o->ic_blocks * LW_BLOCK, LW_BLOCK);
    g->x_row = lw_check_winograd_room(c, (g->ow + 2) * g->x_pixel, 1);
    g->x_image = lw_check_winograd_room(c, (g->oh + 2) * g->x_row, 1);
    g->y_pixel = lw_check_winograd_room(c, o->blocks * LW_BLOCK, LW_BLOCK);
    g->y_row = lw_check_winograd_room(c, ow * g->y_pixel, 1);
    g->y_image = lw_check_winograd_room(c, oh * g->y_row, 1);
    g->planes_image = lw_check_winograd_room(c, (int64_t)o->blocks * oh * ow, 1);
    o->x_floats = (size_t)((g->images - 1) * g->x_image + (g->oh + 1) * g->x_row +
                           (g->ow + 1) * g->x_pixel + o->ic_blocks * LW_BLOCK);
    o->y_floats = (size_t)((g->images - 1) * g->y_image + (oh - 1) * g->y_row +
                           (ow - 1) * g->y_pixel + o->blocks * LW_BLOCK);
    o->n_planes = (size_t)((g->images - 1) * g->planes_image + (int64_t)o->blocks * oh * ow);
    // All of it, or a range.
    const int32_t rows = g->images * lw_winograd_tiles_of(g->oh).count;
    const bool whole = c->bench || lw_check_once_in(c, 2);
    o->row_begin = whole ? 0 : lw_check_between(c, 0, rows - 1);
    o->row_end = whole ? rows : lw_check_between(c, o->row_begin, rows);
    o->block_begin = whole ? 0 : lw_check_between(c, 0, o->blocks - 1);
    o->block_end = whole ? o->blocks : lw_check_between(c, o->block_begin, o->blocks);
    lw_check_describe(c,
                      "ic %d oc %d images %d out %dx%d%s%s tile rows %d..%d blocks %d..%d "
                      "x %d/%d/%d y %d/%d/%d",
                      g->ic, g->oc, g->images, g->oh, g->ow, g->relu ? " relu" : "",
                      g->pool ? " pool" : "", o->row_begin, o->row_end, o->block_begin,
                      o->block_end, (int)g->x_pixel, (int)g->x_row, (int)g->x_image,
                      (int)g->y_pixel, (int)g->y_row, (int)g->y_image);
    return o;
}

// Packed weights [block][tap][ic][LW_BLOCK].
static int64_t weight_at(const lw_winograd_geometry *g, int32_t oc, int32_t ic, int tap)
{
    return ((int64_t)(oc / LW_BLOCK * 9 + tap) * g->ic + ic) * LW_BLOCK + oc % LW_BLOCK;
}

void lw_check_winograd_weights(lw_check *c, lw_check_winograd *o)
{
    const lw_winograd_geometry *g = &o->g;
    const size_t count = (size_t)(o->blocks * 9 * g->ic * LW_BLOCK);
    o->weights = lw_check_input(c, "weights", count, sizeof(float));
    memset(o->weights, 0, count * sizeof *o->weights);
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t ic = 0; ic < g->ic; ic++)
            for (int tap = 0; tap < 9; tap++)
                o->weights[weight_at(g, oc, ic, tap)] = lw_check_number(c);
}

void lw_check_winograd_taps(const lw_check_winograd *o, int32_t oc, int32_t ic, double taps[9])
{
    for (int tap = 0; tap < 9; tap++) taps[tap] = (double)o->weights[weight_at(&o->g, oc, ic, tap)];
}

// ---- filters ------------------------------------------------------------------------

static void prepare_filters(lw_check *c)
{
    lw_check_winograd *o = lw_check_winograd_shape(c);
    const lw_winograd_geometry *g = &o->g;
    lw_check_winograd_weights(c, o);
    // Two orders: as packed for the forward pass, and turned round in the order of backward-data,
    // for which the same memory stands as [ic][tap][LW_BLOCK].
    const bool turned = lw_check_once_in(c, 2);
    o->ic_step = turned ? 9 * LW_BLOCK : LW_BLOCK;
    o->tap_step = turned ? -LW_BLOCK : (int64_t)g->ic * LW_BLOCK;
    const bool whole = lw_check_once_in(c, 2);
    o->first = whole ? 0 : lw_check_between(c, 0, g->ic - 1);
    o->last = whole ? g->ic : lw_check_between(c, o->first, g->ic);
    // All points, or those that the tiles of a small map have.
    const bool all = c->bench || lw_check_once_in(c, 2);
    o->down = all ? LW_WINOGRAD_ALL_KINDS : lw_winograd_kinds_of(lw_check_between(c, 1, 5));
    o->across = all ? LW_WINOGRAD_ALL_KINDS : lw_winograd_kinds_of(lw_check_between(c, 1, 5));
    const size_t floats = c->kernels->winograd_filters_floats(g->ic, LW_BLOCK);
    o->transformed = lw_check_output_make(c, "filters", floats, sizeof(float));
    c->flops = 36.0 * 2.0 * g->ic * LW_BLOCK;
}

static const float *first_weight(const lw_check_winograd *o)
{
    return o->weights + (o->tap_step < 0 ? 8 * LW_BLOCK : 0);
}

static void call_filters(lw_check *c, const lw_kernel_table *kernels)
{
    lw_check_winograd *o = c->operands;
    kernels->winograd_filters(o->g.ic, o->first, o->last, first_weight(o), o->ic_step, o->tap_step,
                              o->down, o->across, o->transformed.values);
}

static void compare_filters(lw_check *c)
{
    lw_check_winograd *o = c->operands;
    const lw_winograd_filter_order order =
        lw_winograd_filter_order_of(o->g.ic, c->kernels->vector_floats);
    for (int32_t ic = o->first; ic < o->last; ic++)
        for (int lane = 0; lane < LW_BLOCK; lane++) {
            double taps[9];
            for (int tap = 0; tap < 9; tap++)
                taps[tap] = (double)first_weight(
                    o)[(ic - o->first) * o->ic_step + tap * o->tap_step + lane];
            for (int p = 0; p < LW_CHECK_WINOGRAD_POINTS; p++) {
                if (!(o->down >> lw_winograd_kind(p / LW_WINOGRAD_POINTS) & 1) ||
                    !(o->across >> lw_winograd_kind(p % LW_WINOGRAD_POINTS) & 1))
                    continue;
                const lw_reference_sum sum = lw_reference_winograd_transformed(
                    taps, p / LW_WINOGRAD_POINTS, p % LW_WINOGRAD_POINTS);
                const int64_t at = p / LW_WINOGRAD_POINTS * order.i +
                                   p % LW_WINOGRAD_POINTS * order.j + ic * order.ic + lane;
                o->transformed.expected[at] = sum.value;
                o->transformed.magnitude[at] = sum.magnitude;
            }
        }
    lw_check_compare(c, &o->transformed, 10.0);
}

// The size is what the kernels write, which prepare_filters gives them between guard zones.
static void call_filters_floats(lw_check *c, const lw_kernel_table *kernels)
{
    lw_check_winograd *o = c->operands;
    const size_t one = kernels->winograd_filters_floats(o->g.ic, 1);
    const int32_t vector_floats = c->kernels->vector_floats;
    if (one != (size_t)lw_winograd_filter_order_of(o->g.ic, vector_floats).block)
        lw_check_fail(c, "filters of one block have %zu floats", one);
    if (kernels->winograd_filters_floats(o->g.ic, o->g.oc) != one * (size_t)o->blocks)
        lw_check_fail(c, "blocks of different sizes");
}

static void compare_nothing(lw_check *c)
{
    (void)c;
}

// ---- forward ------------------------------------------------------------------------

static void fill_x(lw_check *c, lw_check_winograd *o)
{
    const lw_winograd_geometry *g = &o->g;
    o->x = lw_check_input(c, "x", o->x_floats, sizeof(float));
    for (int32_t n = 0; n < g->images; n++)
        for (int32_t h = 0; h < g->oh + 2; h++)
            for (int32_t w = 0; w < g->ow + 2; w++) {
                float *pixel = o->x + n * g->x_image + h * g->x_row + w * g->x_pixel;
                lw_check_fill(c, pixel, (size_t)g->ic);
                if (c->data != LW_CHECK_SPECIAL || !lw_check_once_in(c, 100)) continue;
                const float specials[] = {NAN, INFINITY, -INFINITY};
                pixel[lw_check_between(c, 0, g->ic - 1)] = specials[lw_check_between(c, 0, 2)];
            }
}

void lw_check_winograd_filters(lw_check *c, lw_check_winograd *o)
{
    const lw_winograd_geometry *g = &o->g;
    const size_t floats = c->kernels->winograd_filters_floats(g->ic, g->oc);
    o->filters = lw_check_input(c, "filters", floats, sizeof(float));
    // Points that no tile has are not read.
    for (size_t i = 0; i < floats; i++) o->filters[i] = NAN;
    for (int32_t b = 0; b < o->blocks; b++)
        c->kernels->winograd_filters(
            g->ic, 0, g->ic, o->weights + (int64_t)b * 9 * g->ic * LW_BLOCK, LW_BLOCK,
            (int64_t)g->ic * LW_BLOCK, lw_winograd_kinds_of(g->oh), lw_winograd_kinds_of(g->ow),
            o->filters + (size_t)b * (floats / (size_t)o->blocks));
    if (c->bench) return;
    o->weight_magnitudes = lw_check_note(c, (size_t)(g->oc * g->ic * LW_CHECK_WINOGRAD_POINTS),
                                         sizeof *o->weight_magnitudes);
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t ic = 0; ic < g->ic; ic++) {
            double taps[9];
            lw_check_winograd_taps(o, oc, ic, taps);
            for (int p = 0; p < LW_CHECK_WINOGRAD_POINTS; p++)
                o->weight_magnitudes[(oc * g->ic + ic) * LW_CHECK_WINOGRAD_POINTS + p] =
                    lw_reference_winograd_transformed(taps, p / LW_WINOGRAD_POINTS,
                                                      p % LW_WINOGRAD_POINTS)
                        .magnitude;
        }
}

static void prepare_forward(lw_check *c)
{
    lw_check_winograd *o = lw_check_winograd_shape(c);
    const lw_winograd_geometry *g = &o->g;
    lw_check_winograd_weights(c, o);
    fill_x(c, o);
    lw_check_winograd_filters(c, o);
    if (c->bench || !lw_check_once_in(c, 4)) {
        o->bias = lw_check_input(c, "bias", (size_t)(o->blocks * LW_BLOCK), sizeof(float));
        memset(o->bias, 0, (size_t)(o->blocks * LW_BLOCK) * sizeof *o->bias);
        const bool negative = !c->bench && lw_check_once_in(c, 5);
        for (int32_t oc = 0; oc < g->oc; oc++)
            o->bias[oc] = negative ? -100000.0f : lw_check_number(c);
    }
    o->y = lw_check_output_make(c, "y", o->y_floats, sizeof(float));
    if (c->bench || !lw_check_once_in(c, 4))
        o->planes =
            lw_check_memory(c, "planes", o->n_planes * sizeof *o->planes, sizeof(uint16_t), false);
    o->scratch =
        lw_check_memory(c, "scratch", c->kernels->winograd_scratch_bytes(g), sizeof(float), false);
    c->flops = 2.0 * lw_check_winograd_products(g);
}

static void call_forward(lw_check *c, const lw_kernel_table *kernels)
{
    lw_check_winograd *o = c->operands;
    kernels->winograd_forward(&o->g, o->row_begin, o->row_end, o->block_begin, o->block_end, o->x,
                              o->filters, o->bias, o->y.values, o->planes, o->scratch);
}

const float *lw_check_winograd_input(const lw_check_winograd *o, int32_t image, int32_t h,
                                     int32_t w)
{
    return o->x + image * o->g.x_image + h * o->g.x_row + w * o->g.x_pixel;
}

static void look_at_inputs(const lw_check_winograd *o, lw_check_winograd_tile *tile)
{
    tile->finite = true;
    for (int32_t ic = 0; ic < o->g.ic; ic++) {
        for (int h = 0; h < tile->height + 2; h++)
            for (int w = 0; w < tile->width + 2; w++) {
                const double value =
                    (double)lw_check_winograd_input(o, tile->image, tile->h + h, tile->w + w)[ic];
                tile->finite &= isfinite(value) != 0;
                tile->inputs[h * (tile->width + 2) + w] = value;
            }
        lw_reference_winograd_inputs(tile->height, tile->width, tile->inputs,
                                     tile->magnitudes + ic * LW_CHECK_WINOGRAD_POINTS);
    }
}

// Output (h, w) of the map before pool and ReLU.
static double sum_at(const lw_check_winograd *o, int32_t image, int32_t h, int32_t w, int32_t oc)
{
    double sum = o->bias ? (double)o->bias[oc] : 0.0;
    for (int tap = 0; tap < 9; tap++) {
        const float *x = lw_check_winograd_input(o, image, h + tap / 3, w + tap % 3);
        for (int32_t ic = 0; ic < o->g.ic; ic++)
            sum += (double)x[ic] * (double)o->weights[weight_at(&o->g, oc, ic, tap)];
    }
    return sum;
}

static bool bit(uint16_t bits, int32_t oc)
{
    return bits >> oc % LW_BLOCK & 1;
}

// What is expected of stage output (h, w) of a tile, counted from the tile's first one. `products`:
// the magnitudes of the tile's products for this output channel.
static void expect_output(lw_check *c, lw_check_winograd *o, const lw_check_winograd_tile *tile,
                          int32_t h, int32_t w, int32_t oc, const double *products_at)
{
    const lw_winograd_geometry *g = &o->g;
    const int32_t side = g->pool ? 2 : 1, row = tile->h / side + h, column = tile->w / side + w;
    const int64_t at = tile->image * g->y_image + row * g->y_row + column * g->y_pixel + oc;
    if (!tile->finite) {
        o->y.magnitude[at] = LW_CHECK_ANYTHING;
        return;
    }
    double best = -INFINITY, magnitude = 0.0, sums[4];
    for (int k = 0; k < side * side; k++) {
        const int32_t r = side * h + k / side, s = side * w + k % side;
        sums[k] = sum_at(o, tile->image, tile->h + r, tile->w + s, oc);
        best = fmax(best, sums[k]);
        magnitude = fmax(magnitude, lw_reference_winograd_magnitude(tile->height, tile->width,
                                                                    products_at, r, s));
    }
    if (o->bias) magnitude += fabs((double)o->bias[oc]);
    o->y.expected[at] = g->relu && best <= 0.0 ? 0.0 : best;
    o->y.magnitude[at] = magnitude;
    if (!o->planes) return;
    const lw_planes *plane = o->planes + tile->image * g->planes_image +
                             ((int64_t)(oc / LW_BLOCK) * (g->oh / side) + row) * (g->ow / side) +
                             column;
    const bool live = bit(plane->live, oc);
    const bool right = bit(plane->right, oc), lower = bit(plane->lower, oc);
    if (live != (!g->relu || o->y.values[at] > 0.0f))
        lw_check_fail(c, "planes at image %d oc %d oh %d ow %d: y is %g and live is %d",
                      tile->image, oc, row, column, (double)o->y.values[at], (int)live);
    if (!g->pool && (right || lower))
        lw_check_fail(c, "planes at image %d oc %d oh %d ow %d: a winner without a pool",
                      tile->image, oc, row, column);
    const double slack = 2.0 * (g->ic + LW_CHECK_WINOGRAD_TERMS) * 0x1p-24 * magnitude;
    if (g->pool && sums[2 * lower + right] < best - slack)
        lw_check_fail(c, "planes at image %d oc %d oh %d ow %d: the winner has %g, the best %g",
                      tile->image, oc, row, column, sums[2 * lower + right], best);
}

static void expect_tile(lw_check *c, lw_check_winograd *o, lw_check_winograd_tile *tile)
{
    const lw_winograd_geometry *g = &o->g;
    const int32_t side = g->pool ? 2 : 1;
    look_at_inputs(o, tile);
    for (int32_t oc = o->block_begin * LW_BLOCK; oc < o->block_end * LW_BLOCK; oc++) {
        double products_at[LW_CHECK_WINOGRAD_POINTS] = {0};
        for (int32_t ic = 0; ic < g->ic && oc < g->oc; ic++)
            for (int p = 0; p < LW_CHECK_WINOGRAD_POINTS; p++)
                products_at[p] +=
                    tile->magnitudes[ic * LW_CHECK_WINOGRAD_POINTS + p] *
                    o->weight_magnitudes[(oc * g->ic + ic) * LW_CHECK_WINOGRAD_POINTS + p];
        for (int32_t h = 0; h < tile->height / side; h++)
            for (int32_t w = 0; w < tile->width / side; w++) {
                if (oc < g->oc) {
                    expect_output(c, o, tile, h, w, oc, products_at);
                    continue;
                }
                // Padded lanes: zero, as long as what they are multiplied with is finite.
                const int64_t at = tile->image * g->y_image + (tile->h / side + h) * g->y_row +
                                   (tile->w / side + w) * g->y_pixel + oc;
                o->y.expected[at] = 0.0;
                o->y.magnitude[at] = tile->finite ? 0.0 : LW_CHECK_ANYTHING;
            }
    }
}

static void compare_forward(lw_check *c)
{
    lw_check_winograd *o = c->operands;
    const lw_winograd_geometry *g = &o->g;
    const lw_winograd_tiles down = lw_winograd_tiles_of(g->oh),
                            across = lw_winograd_tiles_of(g->ow);
    lw_check_winograd_tile tile = {
        .magnitudes = lw_check_note(c, (size_t)(g->ic * LW_CHECK_WINOGRAD_POINTS), sizeof(double))};
    for (int32_t row = o->row_begin; row < o->row_end; row++)
        for (int32_t t = 0; t < across.count; t++) {
            tile.image = row / down.count;
            tile.h = lw_winograd_tile_begin(&down, row % down.count);
            tile.height = lw_winograd_tile_size(&down, row % down.count);
            tile.w = lw_winograd_tile_begin(&across, t);
            tile.width = lw_winograd_tile_size(&across, t);
            expect_tile(c, o, &tile);
        }
    lw_check_compare(c, &o->y, g->ic + LW_CHECK_WINOGRAD_TERMS);
}

// Every check of the forward pass gives exactly so many bytes between guard zones; this one fills
// them whole.
static void prepare_scratch(lw_check *c)
{
    prepare_forward(c);
    lw_check_winograd *o = c->operands;
    o->row_begin = o->block_begin = 0;
    o->row_end = o->g.images * lw_winograd_tiles_of(o->g.oh).count;
    o->block_end = o->blocks;
    c->flops = 0.0;
}

static void call_scratch(lw_check *c, const lw_kernel_table *kernels)
{
    const lw_check_winograd *o = c->operands;
    if (kernels->winograd_scratch_bytes(&o->g) == 0) lw_check_fail(c, "no bytes at all");
}

static void compare_scratch(lw_check *c)
{
    call_forward(c, c->kernels);
    compare_forward(c);
}

const lw_check_kernel lw_check_winograd_kernels[] = {
    {"winograd_filters_floats", prepare_filters, call_filters_floats, compare_nothing},
    {"winograd_filters", prepare_filters, call_filters, compare_filters},
    {"winograd_forward", prepare_forward, call_forward, compare_forward},
    {"winograd_scratch_bytes", prepare_scratch, call_scratch, compare_scratch},
    {0},
};
