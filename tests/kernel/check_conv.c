// SPDX-License-Identifier: Apache-2.0
// Checks of the convolution stages.
#include "kernel/families.h"
#include "kernel/reference.h"

#include "oracle/compare.h"

#include <math.h>
#include <string.h>

typedef struct conv_operands {
    lw_conv_geometry g;
    int32_t blocks, ic_blocks;                      // blocks of output and input channels
    bool first;                                     // x is unpadded
    int32_t images;                                 // of backward-weights, else 1
    size_t x_floats, y_floats, dy_floats, n_planes; // of an image
    float *x, *weights, *bias, *dy;
    lw_planes *planes; // an output of the forward pass
    lw_check_output y, dweights, dbias, dx;
    void *scratch;
} conv_operands;

static int32_t blocks_of(int32_t channels)
{
    return (channels + LW_BLOCK - 1) / LW_BLOCK;
}

static int32_t pool_factor(const lw_conv_geometry *g)
{
    return g->pool ? 2 : 1;
}

static double products(const lw_conv_geometry *g)
{
    double outputs = (double)g->oh * g->ow * pool_factor(g) * pool_factor(g);
    return outputs * g->kh * g->kw * g->ic * g->oc;
}

// A shape within a budget of multiply-adds, so that a case takes about a millisecond.
static void choose_shape(lw_check *c, lw_conv_geometry *g, bool first)
{
    static const int32_t channels[] = {1, 2, 3, 4, 5, 10, 13, 16, 17, 32, 33, 48, 64, 81};
    enum { n_channels = sizeof channels / sizeof *channels };
    g->ic = first ? lw_check_between(c, 1, LW_FIRST_CHANNELS)
                  : lw_check_one_of(c, channels, n_channels);
    g->oc = lw_check_one_of(c, channels, n_channels);
    const bool three = lw_check_once_in(c, 2);
    g->kh = three ? 3 : lw_check_between(c, 1, 5);
    g->kw = three ? 3 : lw_check_between(c, 1, 5);
    if (lw_check_once_in(c, 16)) g->kh = g->kw = 7;
    const bool plain = lw_check_once_in(c, 2);
    g->stride_h = plain ? 1 : lw_check_between(c, 1, 3);
    g->stride_w = plain ? 1 : lw_check_between(c, 1, 3);
    g->dilation_h = plain ? 1 : lw_check_between(c, 1, 3);
    g->dilation_w = plain ? 1 : lw_check_between(c, 1, 3);
    g->pool = lw_check_once_in(c, 2);
    g->relu = !lw_check_once_in(c, 3);
    g->oh = lw_check_between(c, 1, 12);
    g->ow = lw_check_between(c, 1, 33);
    while (products(g) > 3e5) {
        if (g->oh > 3)
            g->oh--;
        else if (g->ic > 17)
            g->ic -= 16;
        else if (g->ow > 7)
            g->ow--;
        else if (g->oc > 17)
            g->oc -= 16;
        else
            break;
    }
}

// The commonest stages, a 3x3 kernel behind a pool, have kernels of their own: maps of one window and
// of several strips, few and many channels, whole blocks and tails.
static void choose_patch_shape(lw_check *c, lw_conv_geometry *g, bool first)
{
    static const int32_t inputs[] = {1, 10, 16, 32, 48, 64, 128};
    static const int32_t outputs[] = {1, 10, 16, 32, 48, 64, 81, 96};
    static const int32_t widths[] = {1, 2, 3, 4, 5, 7, 14, 33, 140};
    enum {
        n_inputs = sizeof inputs / sizeof *inputs,
        n_outputs = sizeof outputs / sizeof *outputs,
        n_widths = sizeof widths / sizeof *widths,
    };
    *g = (lw_conv_geometry){.kh = 3, .kw = 3, .pool = true, .relu = !lw_check_once_in(c, 3)};
    g->stride_h = g->stride_w = g->dilation_h = g->dilation_w = 1;
    g->ic =
        first ? lw_check_between(c, 1, LW_FIRST_CHANNELS) : lw_check_one_of(c, inputs, n_inputs);
    g->oc = lw_check_one_of(c, outputs, n_outputs);
    g->ow = lw_check_one_of(c, widths, n_widths);
    g->oh = lw_check_once_in(c, 2) ? g->ow : lw_check_one_of(c, widths, n_widths);
    while (products(g) > 1e6) {
        const int32_t what = lw_check_between(c, 0, 2);
        if (what == 0 && g->oh > 1)
            g->oh = (g->oh + 1) / 2;
        else if (what == 1 && g->ic > LW_BLOCK)
            g->ic -= LW_BLOCK;
        else if (what == 2 && g->oc > LW_BLOCK)
            g->oc -= LW_BLOCK;
        else if (g->oh == 1 && g->ic <= LW_BLOCK && g->oc <= LW_BLOCK)
            break;
    }
}

static void bench_shape(lw_check *c, lw_conv_geometry *g, bool first)
{
    *g = (lw_conv_geometry){.ic = first ? 1 : 16,
                            .oc = first ? 16 : 32,
                            .kh = 3,
                            .kw = 3,
                            .stride_h = 1,
                            .stride_w = 1,
                            .dilation_h = 1,
                            .dilation_w = 1,
                            .oh = first ? 14 : 7,
                            .ow = first ? 14 : 7,
                            .pool = true,
                            .relu = true};
    (void)c;
}

// Pitches: now and then with room between channels and between rows.
static int64_t choose_pixel(lw_check *c, int64_t floats)
{
    return c->bench || !lw_check_once_in(c, 4) ? floats
                                               : floats + LW_BLOCK * lw_check_between(c, 1, 2);
}

static int64_t choose_row(lw_check *c, int64_t floats)
{
    return c->bench || lw_check_once_in(c, 2) ? floats : floats + lw_check_between(c, 1, 37);
}

// Floats from a map's first pixel to the end of its last one.
static size_t map_floats(int32_t height, int32_t width, int64_t row, int64_t pixel,
                         int64_t channels)
{
    return (size_t)((height - 1) * row + (width - 1) * pixel + channels);
}

// Small maps, of which a word of positions holds several images, and maps on its border.
static int32_t choose_images(lw_check *c, const lw_conv_geometry *g)
{
    if (c->bench) return 4;
    const int32_t images = lw_check_between(c, 1, 9);
    return products(g) * images > 1e6 && images > 2 ? 2 : images;
}

static conv_operands *make_shape(lw_check *c, bool first)
{
    conv_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    lw_conv_geometry *g = &o->g;
    if (c->bench)
        bench_shape(c, g, first);
    else if (lw_check_once_in(c, 3))
        choose_patch_shape(c, g, first);
    else
        choose_shape(c, g, first);
    o->blocks = blocks_of(g->oc);
    o->ic_blocks = blocks_of(g->ic);
    o->first = first;
    const int64_t x_channels = first ? g->ic : o->ic_blocks * LW_BLOCK;
    const int64_t y_channels = o->blocks * LW_BLOCK;
    const int32_t ih = (g->oh * pool_factor(g) - 1) * g->stride_h + (g->kh - 1) * g->dilation_h + 1;
    const int32_t iw = (g->ow * pool_factor(g) - 1) * g->stride_w + (g->kw - 1) * g->dilation_w + 1;
    // The network's input has no room between its pixels.
    g->x_pixel = first ? x_channels : choose_pixel(c, x_channels);
    g->x_row = choose_row(c, iw * g->x_pixel);
    g->y_pixel = choose_pixel(c, y_channels);
    g->y_row = choose_row(c, g->ow * g->y_pixel);
    g->dy_pixel = choose_pixel(c, y_channels);
    g->dy_row = choose_row(c, g->ow * g->dy_pixel);
    o->x_floats = map_floats(ih, iw, g->x_row, g->x_pixel, x_channels);
    o->y_floats = map_floats(g->oh, g->ow, g->y_row, g->y_pixel, y_channels);
    o->dy_floats = map_floats(g->oh, g->ow, g->dy_row, g->dy_pixel, y_channels);
    o->n_planes = (size_t)(o->blocks * g->oh * g->ow);
    o->images = 1;
    lw_check_describe(c,
                      "ic %d oc %d kernel %dx%d stride %dx%d dilation %dx%d out %dx%d%s%s%s "
                      "x %d/%d y %d/%d dy %d/%d",
                      g->ic, g->oc, g->kh, g->kw, g->stride_h, g->stride_w, g->dilation_h,
                      g->dilation_w, g->oh, g->ow, g->relu ? " relu" : "", g->pool ? " pool" : "",
                      first ? " unpadded" : "", (int)g->x_pixel, (int)g->x_row, (int)g->y_pixel,
                      (int)g->y_row, (int)g->dy_pixel, (int)g->dy_row);
    return o;
}

// Fills the pixels that exist, their padded channels with zeros. What lies between stays NaN.
static void fill_map(lw_check *c, float *map, int32_t height, int32_t width, int64_t row,
                     int64_t pixel, int32_t real, int64_t channels)
{
    for (int32_t h = 0; h < height; h++)
        for (int32_t w = 0; w < width; w++) {
            float *at = map + h * row + w * pixel;
            lw_check_fill(c, at, (size_t)real);
            for (int64_t channel = real; channel < channels; channel++) at[channel] = 0.0f;
        }
}

static int32_t input_extent(int32_t out, const lw_conv_geometry *g, int32_t stride, int32_t kernel,
                            int32_t dilation)
{
    return (out * pool_factor(g) - 1) * stride + (kernel - 1) * dilation + 1;
}

static void fill_x(lw_check *c, conv_operands *o, float *x)
{
    const lw_conv_geometry *g = &o->g;
    fill_map(c, x, input_extent(g->oh, g, g->stride_h, g->kh, g->dilation_h),
             input_extent(g->ow, g, g->stride_w, g->kw, g->dilation_w), g->x_row, g->x_pixel, g->ic,
             o->first ? g->ic : o->ic_blocks * LW_BLOCK);
}

// ---- forward ------------------------------------------------------------------------

// NaN and infinities in a few places of x that the convolution reads.
static void plant_specials(lw_check *c, conv_operands *o)
{
    const lw_conv_geometry *g = &o->g;
    for (int i = lw_check_between(c, 1, 6); i > 0; i--) {
        int32_t row = lw_check_between(c, 0, g->oh * pool_factor(g) - 1);
        int32_t column = lw_check_between(c, 0, g->ow * pool_factor(g) - 1);
        const float specials[] = {NAN, INFINITY, -INFINITY};
        o->x[lw_reference_tap(g, row, column, 0, 0) + lw_check_between(c, 0, g->ic - 1)] =
            specials[lw_check_between(c, 0, 2)];
    }
}

static void prepare_forward(lw_check *c)
{
    conv_operands *o = make_shape(c, !c->bench && lw_check_once_in(c, 3));
    const lw_conv_geometry *g = &o->g;
    const size_t n_weights = (size_t)(o->blocks * g->kh * g->kw * g->ic * LW_BLOCK);
    o->x = lw_check_input(c, "x", o->x_floats, sizeof(float));
    o->weights = lw_check_input(c, "weights", n_weights, 64);
    o->bias = lw_check_input(c, "bias", (size_t)(o->blocks * LW_BLOCK), sizeof(float));
    o->y = lw_check_output_make(c, "y", o->y_floats, sizeof(float));
    o->planes =
        lw_check_memory(c, "planes", o->n_planes * sizeof *o->planes, sizeof(uint16_t), false);
    fill_x(c, o, o->x);
    memset(o->weights, 0, n_weights * sizeof *o->weights);
    memset(o->bias, 0, (size_t)(o->blocks * LW_BLOCK) * sizeof *o->bias);
    // A bias far below zero makes every output negative; no weights at all make all of a window
    // equal, and so do most windows of a kernel that looks at one pixel.
    const bool negative = !c->bench && lw_check_once_in(c, 5);
    const bool tied = !c->bench && lw_check_once_in(c, 5);
    for (int32_t oc = 0; oc < g->oc; oc++) {
        o->bias[oc] = negative ? -100000.0f : lw_check_number(c);
        for (int32_t kh = 0; kh < g->kh && !tied; kh++)
            for (int32_t kw = 0; kw < g->kw; kw++)
                for (int32_t ic = 0; ic < g->ic; ic++)
                    o->weights[lw_reference_forward_weight(g, oc, ic, kh, kw)] = lw_check_number(c);
    }
    if (c->data == LW_CHECK_SPECIAL) plant_specials(c, o);
    c->flops = 2.0 * products(g);
}

static void call_forward(lw_check *c, const lw_kernel_table *kernels)
{
    conv_operands *o = c->operands;
    kernels->conv_forward(&o->g, o->x, o->weights, o->bias, o->y.values, o->planes);
}

static bool same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

// The output of one window (or of one position, where there is no pool): what is expected of y, and
// whether the planes are right.
static void expect_window(lw_check *c, conv_operands *o, int32_t oc, int32_t oh, int32_t ow)
{
    const lw_conv_geometry *g = &o->g;
    const int32_t side = pool_factor(g);
    const int64_t at = oh * g->y_row + ow * g->y_pixel + oc;
    const lw_reference_winner named = lw_reference_planes(g, o->planes, oc, oh, ow);
    lw_reference_sum best = {0}, chosen = {0};
    double magnitude = 0.0;
    int32_t best_row = 0, best_column = 0;
    bool any_nan = false, first_is_nan = false;
    for (int32_t row = side * oh; row < side * (oh + 1); row++)
        for (int32_t column = side * ow; column < side * (ow + 1); column++) {
            const lw_reference_sum sum =
                lw_reference_conv_output(g, o->x, o->weights, o->bias, oc, row, column);
            const bool first = row == side * oh && column == side * ow;
            if (first || sum.value > best.value) {
                best = sum;
                best_row = row;
                best_column = column;
            }
            if (row == named.row && column == named.column) chosen = sum;
            if (sum.magnitude > magnitude) magnitude = sum.magnitude;
            any_nan |= isnan(sum.value);
            first_is_nan |= first && isnan(sum.value);
        }
    // Where a window holds a NaN, y is what the planes name, and the first output's NaN is kept.
    if (any_nan) best = chosen;
    if (first_is_nan && !isnan(chosen.value))
        lw_check_fail(c, "planes at oc %d oh %d ow %d: a NaN in the first place lost", oc, oh, ow);
    o->y.expected[at] = g->relu && best.value <= 0.0 ? 0.0 : best.value;
    o->y.magnitude[at] = magnitude;

    const lw_planes plane = o->planes[((int64_t)(oc / LW_BLOCK) * g->oh + oh) * g->ow + ow];
    if (!g->pool && ((plane.right | plane.lower) >> oc % LW_BLOCK & 1))
        lw_check_fail(c, "planes at oc %d oh %d ow %d: a winner without a pool", oc, oh, ow);
    const bool live = !g->relu || o->y.values[at] > 0.0f;
    if (named.live != live)
        lw_check_fail(c, "planes at oc %d oh %d ow %d: y is %g and live is %d", oc, oh, ow,
                      (double)o->y.values[at], (int)named.live);
    const bool exact = c->data != LW_CHECK_REALS;
    const double slack = exact ? 0.0 : 4.0 * (g->kh * g->kw * g->ic + 4) * 0x1p-24 * magnitude;
    if (any_nan || (exact && named.row == best_row && named.column == best_column)) return;
    if (exact || !(same_value(chosen.value, best.value) || chosen.value >= best.value - slack))
        lw_check_fail(c,
                      "planes at oc %d oh %d ow %d: the winner is row %d column %d (%g), "
                      "expected row %d column %d (%g)",
                      oc, oh, ow, named.row, named.column, chosen.value, best_row, best_column,
                      best.value);
}

static void compare_forward(lw_check *c)
{
    conv_operands *o = c->operands;
    const lw_conv_geometry *g = &o->g;
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++)
            for (int32_t oc = 0; oc < o->blocks * LW_BLOCK; oc++) {
                if (oc < g->oc) {
                    expect_window(c, o, oc, oh, ow);
                    continue;
                }
                // Padded lanes: zero, as long as what they are multiplied with is finite.
                const int64_t at = oh * g->y_row + ow * g->y_pixel + oc;
                o->y.expected[at] = 0.0;
                o->y.magnitude[at] = c->data == LW_CHECK_SPECIAL ? LW_CHECK_ANYTHING : 0.0;
            }
    if (c->data != LW_CHECK_REALS && g->relu)
        lw_check_compare_values(c, &o->y);
    else
        lw_check_compare(c, &o->y, lw_check_terms(c, g->kh * g->kw * g->ic + 1.0));
}

// ---- backward -----------------------------------------------------------------------

static lw_planes random_planes(lw_check *c, const lw_conv_geometry *g, int32_t density)
{
    const uint32_t a = lw_rng_u32(&c->rng), b = lw_rng_u32(&c->rng);
    return (lw_planes){.live = (uint16_t)(density == 0   ? 0
                                          : density == 2 ? 0xFFFF
                                                         : a),
                       .right = (uint16_t)(g->pool ? b : 0),
                       .lower = (uint16_t)(g->pool ? b >> 16 : 0)};
}

// Makes the gradients NaN that the planes call dead.
static void kill_gradients(const conv_operands *o, float *dy, const lw_planes *planes)
{
    const lw_conv_geometry *g = &o->g;
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t oh = 0; oh < g->oh; oh++)
            for (int32_t ow = 0; ow < g->ow; ow++)
                if (!lw_reference_planes(g, planes, oc, oh, ow).live)
                    dy[oh * g->dy_row + ow * g->dy_pixel + oc] = NAN;
}

// Random planes, and a gradient that is NaN where it must not be looked at.
static void make_gradient(lw_check *c, conv_operands *o)
{
    lw_conv_geometry *g = &o->g;
    const int32_t gap = c->bench ? 0 : lw_check_between(c, 0, 2);
    g->dy_image = (int64_t)o->dy_floats + gap * 5;
    g->planes_image = (int64_t)o->n_planes + gap;
    const size_t before = (size_t)(o->images - 1); // images in front of the last one
    const size_t n_planes = before * (size_t)g->planes_image + o->n_planes;
    o->dy = lw_check_input(c, "dy", before * (size_t)g->dy_image + o->dy_floats, sizeof(float));
    o->planes = lw_check_memory(c, "planes", n_planes * sizeof *o->planes, sizeof(uint16_t), true);
    const int32_t density = c->bench ? 2 : lw_check_between(c, 0, 3); // none, some, all, some
    const bool kill = lw_check_once_in(c, 2);
    for (int32_t n = 0; n < o->images; n++) {
        lw_planes *planes = o->planes + n * g->planes_image;
        float *dy = o->dy + n * g->dy_image;
        for (size_t i = 0; i < o->n_planes; i++) planes[i] = random_planes(c, g, density);
        fill_map(c, dy, g->oh, g->ow, g->dy_row, g->dy_pixel, g->oc, o->blocks * LW_BLOCK);
        if (kill) kill_gradients(o, dy, planes);
    }
}

static void make_scratch(lw_check *c, conv_operands *o)
{
    o->scratch =
        lw_check_memory(c, "scratch", c->kernels->conv_backward_scratch_bytes(&o->g), 8, false);
}

// Real channels get numbers to add to, padded ones zeros.
static void start_sum(lw_check_output *output, int64_t at, bool real, lw_check *c)
{
    output->values[at] = real ? lw_check_number(c) : 0.0f;
}

static void prepare_weights(lw_check *c, bool first)
{
    conv_operands *o = make_shape(c, first);
    const lw_conv_geometry *g = &o->g;
    const int32_t taps = g->kh * g->kw;
    const int32_t lanes = (first ? o->blocks * g->ic : o->ic_blocks * g->oc) * LW_BLOCK;
    o->images = choose_images(c, g);
    o->g.x_image = (int64_t)o->x_floats + (c->bench ? 0 : lw_check_between(c, 0, 9));
    o->x =
        lw_check_input(c, "x", (size_t)((o->images - 1) * g->x_image) + o->x_floats, sizeof(float));
    for (int32_t n = 0; n < o->images; n++) fill_x(c, o, o->x + n * g->x_image);
    make_gradient(c, o);
    o->dweights = lw_check_output_make(c, "dweights", (size_t)(lanes * taps), sizeof(float));
    o->dbias = lw_check_output_make(c, "dbias", (size_t)(o->blocks * LW_BLOCK), sizeof(float));
    for (size_t i = 0; i < o->dweights.count; i++) o->dweights.values[i] = 0.0f;
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t tap = 0; tap < taps; tap++)
            for (int32_t ic = 0; ic < g->ic; ic++) {
                const int32_t kh = tap / g->kw, kw = tap % g->kw;
                int64_t at = first ? lw_reference_forward_weight(g, oc, ic, kh, kw)
                                   : lw_reference_backward_weight(g, oc, ic, kh, kw);
                start_sum(&o->dweights, at, true, c);
            }
    for (int32_t oc = 0; oc < o->blocks * LW_BLOCK; oc++) start_sum(&o->dbias, oc, oc < g->oc, c);
    lw_check_output_ready(&o->dweights);
    lw_check_output_ready(&o->dbias);
    if (!first) make_scratch(c, o);
    c->flops = 2.0 * o->images * products(g) / (g->pool ? 4.0 : 1.0);
}

static void prepare_backward_weights(lw_check *c)
{
    prepare_weights(c, false);
}

static void prepare_backward_weights_first(lw_check *c)
{
    prepare_weights(c, true);
}

// Where the blocks of output channels are cut: one part in every second case.
static int32_t part_end(const conv_operands *o)
{
    return o->images % 2 ? o->blocks : o->blocks / 2;
}

static void call_backward_weights(lw_check *c, const lw_kernel_table *kernels)
{
    conv_operands *o = c->operands;
    const int32_t ends[] = {0, part_end(o), o->blocks};
    for (int part = 0; part < 2; part++)
        kernels->conv_backward_weights(&o->g, o->images, ends[part], ends[part + 1], o->x, o->dy,
                                       o->planes, o->dweights.values, o->dbias.values, o->scratch);
}

static void call_backward_weights_first(lw_check *c, const lw_kernel_table *kernels)
{
    conv_operands *o = c->operands;
    const int32_t ends[] = {0, part_end(o), o->blocks};
    for (int part = 0; part < 2; part++)
        kernels->conv_backward_weights_first(&o->g, o->images, ends[part], ends[part + 1], o->x,
                                             o->dy, o->planes, o->dweights.values, o->dbias.values);
}

static void expect_sum(lw_check_output *output, int64_t at, lw_reference_sum sum)
{
    lw_reference_add(&sum, (double)output->before[at], 1.0);
    output->expected[at] = sum.value;
    output->magnitude[at] = sum.magnitude;
}

// One weight of all images, or the bias where ic is negative.
static lw_reference_sum sum_of_images(const conv_operands *o, int32_t oc, int32_t ic, int32_t kh,
                                      int32_t kw)
{
    const lw_conv_geometry *g = &o->g;
    lw_reference_sum sum = {0};
    for (int32_t n = 0; n < o->images; n++) {
        const float *x = o->x + n * g->x_image, *dy = o->dy + n * g->dy_image;
        const lw_planes *planes = o->planes + n * g->planes_image;
        const lw_reference_sum part =
            ic < 0 ? lw_reference_conv_dbias(g, dy, planes, oc)
                   : lw_reference_conv_dweight(g, x, dy, planes, oc, ic, kh, kw);
        sum.value += part.value;
        sum.magnitude += part.magnitude;
    }
    return sum;
}

// The same sums once more, image by image and block by block from the last to the first, have the
// same bits.
static void compare_cuts(lw_check *c)
{
    conv_operands *o = c->operands;
    const lw_conv_geometry *g = &o->g;
    lw_check_output *const sums[] = {&o->dweights, &o->dbias};
    float *once[2];
    for (int i = 0; i < 2; i++) {
        const size_t bytes = sums[i]->count * sizeof(float);
        once[i] = lw_check_note(c, sums[i]->count, sizeof(float));
        memcpy(once[i], sums[i]->values, bytes);
        memcpy(sums[i]->values, sums[i]->before, bytes);
    }
    for (int32_t n = 0; n < o->images; n++)
        for (int32_t block = o->blocks - 1; block >= 0; block--) {
            const float *x = o->x + n * g->x_image, *dy = o->dy + n * g->dy_image;
            const lw_planes *planes = o->planes + n * g->planes_image;
            if (o->first)
                c->kernels->conv_backward_weights_first(g, 1, block, block + 1, x, dy, planes,
                                                        o->dweights.values, o->dbias.values);
            else
                c->kernels->conv_backward_weights(g, 1, block, block + 1, x, dy, planes,
                                                  o->dweights.values, o->dbias.values, o->scratch);
        }
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < sums[i]->count; at++)
            if (memcmp(&once[i][at], &sums[i]->values[at], sizeof(float)) != 0)
                lw_check_fail(c, "%s[%zu]: %a in one call, %a image by image", sums[i]->name, at,
                              (double)once[i][at], (double)sums[i]->values[at]);
}

// Padded lanes of dweights and dbias started as zeros and are expected to keep them.
static void compare_weights(lw_check *c)
{
    conv_operands *o = c->operands;
    const lw_conv_geometry *g = &o->g;
    for (int32_t oc = 0; oc < g->oc; oc++) {
        expect_sum(&o->dbias, oc, sum_of_images(o, oc, -1, 0, 0));
        for (int32_t tap = 0; tap < g->kh * g->kw; tap++)
            for (int32_t ic = 0; ic < g->ic; ic++) {
                const int32_t kh = tap / g->kw, kw = tap % g->kw;
                int64_t at = o->first ? lw_reference_forward_weight(g, oc, ic, kh, kw)
                                      : lw_reference_backward_weight(g, oc, ic, kh, kw);
                expect_sum(&o->dweights, at, sum_of_images(o, oc, ic, kh, kw));
            }
    }
    const double terms = lw_check_terms(c, (double)o->images * g->oh * g->ow + 1.0);
    lw_check_compare(c, &o->dbias, terms);
    lw_check_compare(c, &o->dweights, terms);
    compare_cuts(c);
}

static void prepare_data(lw_check *c)
{
    conv_operands *o = make_shape(c, false);
    const lw_conv_geometry *g = &o->g;
    const int32_t taps = g->kh * g->kw;
    make_gradient(c, o);
    const size_t n_weights = (size_t)(o->ic_blocks * g->oc * taps * LW_BLOCK);
    o->weights = lw_check_input(c, "weights", n_weights, sizeof(float));
    memset(o->weights, 0, n_weights * sizeof *o->weights);
    for (int32_t oc = 0; oc < g->oc; oc++)
        for (int32_t tap = 0; tap < taps; tap++)
            for (int32_t ic = 0; ic < g->ic; ic++)
                o->weights[lw_reference_backward_weight(g, oc, ic, tap / g->kw, tap % g->kw)] =
                    lw_check_number(c);
    o->dx = lw_check_output_make(c, "dx", o->x_floats, sizeof(float));
    fill_x(c, o, o->dx.values);
    lw_check_output_ready(&o->dx);
    make_scratch(c, o);
    c->flops = 2.0 * products(g) / (g->pool ? 4.0 : 1.0);
}

static void call_data(lw_check *c, const lw_kernel_table *kernels)
{
    conv_operands *o = c->operands;
    kernels->conv_backward_data(&o->g, o->dy, o->planes, o->weights, o->dx.values, o->scratch);
}

// Everything that no winner's tap touches keeps its bits: gaps between rows, padded channels.
static void compare_data(lw_check *c)
{
    conv_operands *o = c->operands;
    const lw_conv_geometry *g = &o->g;
    double *value = lw_check_note(c, o->x_floats, sizeof *value);
    double *magnitude = lw_check_note(c, o->x_floats, sizeof *magnitude);
    lw_reference_conv_dx(g, o->dy, o->planes, o->weights, value, magnitude);
    for (size_t i = 0; i < o->x_floats; i++) {
        if (magnitude[i] == 0.0) continue;
        expect_sum(&o->dx, (int64_t)i, (lw_reference_sum){value[i], magnitude[i]});
    }
    // Every tap may meet an input once per output channel.
    lw_check_compare(c, &o->dx, lw_check_terms(c, (double)g->kh * g->kw * g->oc + 1.0));
}

// ---- scratch ------------------------------------------------------------------------

// Both passes get exactly what was asked for, between guard zones or forbidden pages, and so do the
// checks of the passes themselves; here every output is live, which fills it.
static void prepare_scratch(lw_check *c)
{
    prepare_weights(c, false);
    conv_operands *o = c->operands;
    const size_t n_weights = o->dweights.count;
    for (int32_t n = 0; n < o->images; n++) {
        lw_planes *planes = o->planes + n * o->g.planes_image;
        for (size_t i = 0; i < o->n_planes; i++) planes[i].live = 0xFFFF;
        fill_map(c, o->dy + n * o->g.dy_image, o->g.oh, o->g.ow, o->g.dy_row, o->g.dy_pixel,
                 o->g.oc, o->blocks * LW_BLOCK);
    }
    o->weights = lw_check_input(c, "weights", n_weights, sizeof(float));
    memset(o->weights, 0, n_weights * sizeof *o->weights);
    o->dx = lw_check_output_make(c, "dx", o->x_floats, sizeof(float));
    for (size_t i = 0; i < o->x_floats; i++) o->dx.values[i] = 0.0f;
    c->flops = 0.0;
}

static void call_scratch(lw_check *c, const lw_kernel_table *kernels)
{
    const conv_operands *o = c->operands;
    if (kernels->conv_backward_scratch_bytes(&o->g) == 0) lw_check_fail(c, "no bytes at all");
}

static void compare_scratch(lw_check *c)
{
    conv_operands *o = c->operands;
    if (c->kernels->conv_backward_scratch_bytes(&o->g) !=
        c->kernels->conv_backward_scratch_bytes(&o->g))
        lw_check_fail(c, "two answers for one shape");
    call_backward_weights(c, c->kernels);
    lw_check_guards(c);
    call_data(c, c->kernels);
}

const lw_check_kernel lw_check_conv_kernels[] = {
    {"conv_forward", prepare_forward, call_forward, compare_forward},
    {"conv_backward_weights", prepare_backward_weights, call_backward_weights, compare_weights},
    {"conv_backward_weights_first", prepare_backward_weights_first, call_backward_weights_first,
     compare_weights},
    {"conv_backward_data", prepare_data, call_data, compare_data},
    {"conv_backward_scratch_bytes", prepare_scratch, call_scratch, compare_scratch},
    {0},
};
