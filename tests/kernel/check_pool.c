// SPDX-License-Identifier: Apache-2.0
// Checks of the pooling stages and of the elementwise kernels.
#include "kernel/families.h"
#include "kernel/reference.h"

#include <math.h>
#include <string.h>

// ---- pooling ------------------------------------------------------------------------

typedef struct pool_operands {
    lw_pool_geometry g;
    size_t x_floats, y_floats, dy_floats, n_winners;
    float *x, *dy, *places;
    lw_check_output y, winner, dx;
} pool_operands;

static int32_t out_extent(int32_t in, int32_t kernel, int32_t stride, int32_t pad)
{
    return (in + 2 * pad - kernel) / stride + 1;
}

static void choose_pool(lw_check *c, lw_pool_geometry *g)
{
    g->channels = LW_BLOCK * (c->bench ? 2 : lw_check_between(c, 1, 4));
    g->ih = c->bench ? 14 : lw_check_between(c, 1, 13);
    g->iw = c->bench ? 14 : lw_check_between(c, 1, 13);
    const bool global = !c->bench && lw_check_once_in(c, 4);
    const bool padded = !c->bench && !global && lw_check_once_in(c, 2);
    g->kernel_h = c->bench ? 2 : global ? g->ih : lw_check_between(c, 1, g->ih < 5 ? g->ih : 5);
    g->kernel_w = c->bench ? 2 : global ? g->iw : lw_check_between(c, 1, g->iw < 5 ? g->iw : 5);
    g->stride_h = c->bench ? 2 : lw_check_between(c, 1, 3);
    g->stride_w = c->bench ? 2 : lw_check_between(c, 1, 3);
    g->pad_h = padded ? lw_check_between(c, 0, g->kernel_h / 2) : 0;
    g->pad_w = padded ? lw_check_between(c, 0, g->kernel_w / 2) : 0;
    g->oh = out_extent(g->ih, g->kernel_h, g->stride_h, g->pad_h);
    g->ow = out_extent(g->iw, g->kernel_w, g->stride_w, g->pad_w);
}

static int64_t pitch(lw_check *c, int64_t floats)
{
    return c->bench || lw_check_once_in(c, 2) ? floats : floats + lw_check_between(c, 1, 19);
}

static size_t map_floats(int32_t height, int32_t width, int64_t row, int64_t pixel,
                         int32_t channels)
{
    return (size_t)((height - 1) * row + (width - 1) * pixel + channels);
}

static pool_operands *make_pool(lw_check *c)
{
    pool_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    lw_pool_geometry *g = &o->g;
    choose_pool(c, g);
    g->x_pixel = pitch(c, g->channels);
    g->x_row = pitch(c, g->iw * g->x_pixel);
    g->y_pixel = pitch(c, g->channels);
    g->y_row = pitch(c, g->ow * g->y_pixel);
    g->dy_pixel = pitch(c, g->channels);
    g->dy_row = pitch(c, g->ow * g->dy_pixel);
    o->x_floats = map_floats(g->ih, g->iw, g->x_row, g->x_pixel, g->channels);
    o->y_floats = map_floats(g->oh, g->ow, g->y_row, g->y_pixel, g->channels);
    o->dy_floats = map_floats(g->oh, g->ow, g->dy_row, g->dy_pixel, g->channels);
    o->n_winners = (size_t)(g->oh * g->ow * g->channels);
    lw_check_describe(c, "channels %d in %dx%d kernel %dx%d stride %dx%d pad %dx%d out %dx%d",
                      g->channels, g->ih, g->iw, g->kernel_h, g->kernel_w, g->stride_h, g->stride_w,
                      g->pad_h, g->pad_w, g->oh, g->ow);
    c->flops = (double)o->n_winners * g->kernel_h * g->kernel_w;
    return o;
}

// Fills the pixels; what lies between them stays NaN.
static void fill_pixels(lw_check *c, float *map, int32_t height, int32_t width, int64_t row,
                        int64_t pixel, int32_t channels)
{
    for (int32_t h = 0; h < height; h++)
        for (int32_t w = 0; w < width; w++)
            lw_check_fill(c, map + h * row + w * pixel, (size_t)channels);
}

static float *pool_input(lw_check *c, pool_operands *o)
{
    const lw_pool_geometry *g = &o->g;
    float *x = lw_check_input(c, "x", o->x_floats, sizeof(float));
    fill_pixels(c, x, g->ih, g->iw, g->x_row, g->x_pixel, g->channels);
    // All negative, all the same, or special values in a third of the places.
    const bool negative = !c->bench && lw_check_once_in(c, 4);
    const bool tied = !c->bench && lw_check_once_in(c, 6);
    const float specials[] = {NAN, INFINITY, -INFINITY};
    for (int32_t ih = 0; ih < g->ih; ih++)
        for (int32_t iw = 0; iw < g->iw; iw++)
            for (int32_t channel = 0; channel < g->channels; channel++) {
                float *value = &x[ih * g->x_row + iw * g->x_pixel + channel];
                if (negative) *value -= 8.0f;
                if (tied) *value = -3.0f;
                if (c->data == LW_CHECK_SPECIAL && lw_check_once_in(c, 3))
                    *value = specials[lw_check_between(c, 0, 2)];
            }
    return x;
}

static void prepare_maxpool(lw_check *c)
{
    pool_operands *o = make_pool(c);
    o->x = pool_input(c, o);
    o->y = lw_check_output_make(c, "y", o->y_floats, sizeof(float));
    o->winner = lw_check_output_make(c, "winner", o->n_winners, sizeof(float));
}

static void call_maxpool(lw_check *c, const lw_kernel_table *kernels)
{
    pool_operands *o = c->operands;
    kernels->maxpool_forward(&o->g, o->x, o->y.values, o->winner.values);
}

// A maximum rounds nothing, so that it is exact for any data.
static void compare_maxpool(lw_check *c)
{
    pool_operands *o = c->operands;
    const lw_pool_geometry *g = &o->g;
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++)
            for (int32_t channel = 0; channel < g->channels; channel++) {
                int32_t winner;
                int64_t at = oh * g->y_row + ow * g->y_pixel + channel;
                int64_t place = ((int64_t)oh * g->ow + ow) * g->channels + channel;
                o->y.expected[at] = (double)lw_reference_maxpool(g, o->x, channel, oh, ow, &winner);
                o->y.magnitude[at] = o->winner.magnitude[place] = 0.0;
                o->winner.expected[place] = winner;
            }
    lw_check_compare(c, &o->y, 0.0);
    lw_check_compare(c, &o->winner, 0.0);
    lw_check_same_bits_as_peer(c, &o->y, call_maxpool);
}

static float *pool_gradient(lw_check *c, pool_operands *o)
{
    const lw_pool_geometry *g = &o->g;
    float *dy = lw_check_input(c, "dy", o->dy_floats, sizeof(float));
    fill_pixels(c, dy, g->oh, g->ow, g->dy_row, g->dy_pixel, g->channels);
    o->dx = lw_check_output_make(c, "dx", o->x_floats, sizeof(float));
    fill_pixels(c, o->dx.values, g->ih, g->iw, g->x_row, g->x_pixel, g->channels);
    lw_check_output_ready(&o->dx);
    return dy;
}

static void prepare_maxpool_backward(lw_check *c)
{
    pool_operands *o = make_pool(c);
    const lw_pool_geometry *g = &o->g;
    o->dy = pool_gradient(c, o);
    o->places = lw_check_input(c, "winner", o->n_winners, sizeof(float));
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            const lw_reference_window in = lw_reference_pool_window(g, oh, ow);
            float *place = o->places + ((int64_t)oh * g->ow + ow) * g->channels;
            for (int32_t channel = 0; channel < g->channels; channel++)
                place[channel] = (float)(lw_check_between(c, in.ih_begin, in.ih_end - 1) * g->iw +
                                         lw_check_between(c, in.iw_begin, in.iw_end - 1));
        }
}

static void call_maxpool_backward(lw_check *c, const lw_kernel_table *kernels)
{
    pool_operands *o = c->operands;
    kernels->maxpool_backward(&o->g, o->dy, o->places, o->dx.values);
}

// Adds to an element of dx; the first addition puts what was there before.
static void expect_more(lw_check_output *dx, int64_t at, double gradient, double factor)
{
    lw_reference_sum sum = {dx->expected[at], dx->magnitude[at]};
    if (sum.magnitude == LW_CHECK_KEPT) {
        sum = (lw_reference_sum){0};
        lw_reference_add(&sum, (double)dx->before[at], 1.0);
    }
    lw_reference_add(&sum, gradient, factor);
    dx->expected[at] = sum.value;
    dx->magnitude[at] = sum.magnitude;
}

static void compare_maxpool_backward(lw_check *c)
{
    pool_operands *o = c->operands;
    const lw_pool_geometry *g = &o->g;
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++)
            for (int32_t channel = 0; channel < g->channels; channel++) {
                int64_t place = ((int64_t)oh * g->ow + ow) * g->channels + channel;
                int32_t pixel = (int32_t)o->places[place];
                expect_more(&o->dx, pixel / g->iw * g->x_row + pixel % g->iw * g->x_pixel + channel,
                            (double)o->dy[oh * g->dy_row + ow * g->dy_pixel + channel], 1.0);
            }
    // At most every window that covers a pixel adds to it.
    lw_check_compare(c, &o->dx, lw_check_terms(c, g->kernel_h * g->kernel_w + 1.0));
    lw_check_same_bits_as_peer(c, &o->dx, call_maxpool_backward);
}

static void prepare_avgpool(lw_check *c)
{
    pool_operands *o = make_pool(c);
    o->x = pool_input(c, o);
    o->y = lw_check_output_make(c, "y", o->y_floats, sizeof(float));
}

static void call_avgpool(lw_check *c, const lw_kernel_table *kernels)
{
    pool_operands *o = c->operands;
    kernels->avgpool_forward(&o->g, o->x, o->y.values);
}

// A mean is exact when the area of the window is a power of two; else its reciprocal and the
// product round, which are two more terms.
static double mean_terms(const lw_check *c, const lw_pool_geometry *g, double terms)
{
    const int32_t area = g->kernel_h * g->kernel_w;
    return (area & (area - 1)) == 0 ? lw_check_terms(c, terms + 2.0) : terms + 2.0;
}

static void compare_avgpool(lw_check *c)
{
    pool_operands *o = c->operands;
    const lw_pool_geometry *g = &o->g;
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++)
            for (int32_t channel = 0; channel < g->channels; channel++) {
                lw_reference_sum mean = lw_reference_avgpool(g, o->x, channel, oh, ow);
                int64_t at = oh * g->y_row + ow * g->y_pixel + channel;
                o->y.expected[at] = mean.value;
                o->y.magnitude[at] = mean.magnitude;
            }
    lw_check_compare(c, &o->y, mean_terms(c, g, g->kernel_h * g->kernel_w));
    lw_check_same_bits_as_peer(c, &o->y, call_avgpool);
}

static void prepare_avgpool_backward(lw_check *c)
{
    pool_operands *o = make_pool(c);
    o->dy = pool_gradient(c, o);
}

static void call_avgpool_backward(lw_check *c, const lw_kernel_table *kernels)
{
    pool_operands *o = c->operands;
    kernels->avgpool_backward(&o->g, o->dy, o->dx.values);
}

static void compare_avgpool_backward(lw_check *c)
{
    pool_operands *o = c->operands;
    const lw_pool_geometry *g = &o->g;
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            const lw_reference_window in = lw_reference_pool_window(g, oh, ow);
            for (int32_t ih = in.ih_begin; ih < in.ih_end; ih++)
                for (int32_t iw = in.iw_begin; iw < in.iw_end; iw++)
                    for (int32_t channel = 0; channel < g->channels; channel++)
                        expect_more(&o->dx, ih * g->x_row + iw * g->x_pixel + channel,
                                    (double)o->dy[oh * g->dy_row + ow * g->dy_pixel + channel],
                                    1.0 / ((double)g->kernel_h * g->kernel_w));
        }
    lw_check_compare(c, &o->dx, mean_terms(c, g, g->kernel_h * g->kernel_w + 1.0));
}

// ---- elementwise --------------------------------------------------------------------

typedef struct element_operands {
    int64_t count;
    bool in_place;
    float *a, *b;
    lw_check_output y;
} element_operands;

static void special_values(lw_check *c, float *values, int64_t count)
{
    const float specials[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-42f, -1e-42f, 3.4e38f};
    for (int64_t i = 0; i < count && c->data == LW_CHECK_SPECIAL; i++)
        if (lw_check_once_in(c, 2)) values[i] = specials[lw_check_between(c, 0, 7)];
}

static float *element_input(lw_check *c, const char *name, int64_t count)
{
    float *values = lw_check_input(c, name, (size_t)count, sizeof(float));
    lw_check_fill(c, values, (size_t)count);
    special_values(c, values, count);
    return values;
}

// `n_inputs` arrays, of which the last is the output too when the case is in place.
static void prepare_elements(lw_check *c, int n_inputs, bool may_be_in_place)
{
    element_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->count = c->bench ? 4096 : LW_BLOCK * lw_check_between(c, 0, 40);
    o->in_place = !c->bench && may_be_in_place && lw_check_once_in(c, 3);
    lw_check_describe(c, "count %d%s", (int)o->count, o->in_place ? " in place" : "");
    c->flops = (double)o->count;
    o->y = lw_check_output_make(c, "y", (size_t)o->count, sizeof(float));
    float *inputs[2] = {NULL, NULL};
    for (int i = 0; i < n_inputs; i++)
        if (i < n_inputs - 1 || !o->in_place)
            inputs[i] = element_input(c, i == 0 ? "first input" : "second input", o->count);
    if (o->in_place) {
        lw_check_fill(c, o->y.values, (size_t)o->count);
        special_values(c, o->y.values, o->count);
        inputs[n_inputs - 1] = o->y.values;
    }
    o->a = inputs[0];
    o->b = inputs[1];
    lw_check_output_ready(&o->y);
}

// What the last input held before the call.
static const float *last_input(const element_operands *o, const float *input)
{
    return o->in_place ? o->y.before : input;
}

static void prepare_relu(lw_check *c)
{
    prepare_elements(c, 1, true);
}

static void call_relu(lw_check *c, const lw_kernel_table *kernels)
{
    element_operands *o = c->operands;
    kernels->relu_forward(o->count, o->a, o->y.values);
}

static void compare_relu(lw_check *c)
{
    element_operands *o = c->operands;
    const float *x = last_input(o, o->a);
    for (int64_t i = 0; i < o->count; i++) {
        o->y.expected[i] = x[i] <= 0.0f ? 0.0 : (double)x[i]; // NaN stays NaN
        o->y.magnitude[i] = 0.0;
    }
    lw_check_compare_values(c, &o->y);
}

static void prepare_relu_backward(lw_check *c)
{
    prepare_elements(c, 2, true);
}

static void call_relu_backward(lw_check *c, const lw_kernel_table *kernels)
{
    element_operands *o = c->operands;
    kernels->relu_backward(o->count, o->a, o->b, o->y.values);
}

static void compare_relu_backward(lw_check *c)
{
    element_operands *o = c->operands;
    const float *dy = last_input(o, o->b);
    for (int64_t i = 0; i < o->count; i++) {
        o->y.expected[i] = o->a[i] > 0.0f ? (double)dy[i] : 0.0; // not where y is NaN
        o->y.magnitude[i] = 0.0;
    }
    lw_check_compare(c, &o->y, 0.0);
}

static void prepare_multiply(lw_check *c)
{
    prepare_elements(c, 2, false);
}

static void call_multiply(lw_check *c, const lw_kernel_table *kernels)
{
    element_operands *o = c->operands;
    kernels->multiply(o->count, o->a, o->b, o->y.values);
}

// One product is rounded once, by any processor alike.
static void compare_multiply(lw_check *c)
{
    element_operands *o = c->operands;
    for (int64_t i = 0; i < o->count; i++) {
        o->y.expected[i] = (double)o->a[i] * (double)o->b[i];
        o->y.magnitude[i] = 0.0;
    }
    lw_check_compare(c, &o->y, 0.0);
}

const lw_check_kernel lw_check_pool_kernels[] = {
    {"maxpool_forward", prepare_maxpool, call_maxpool, compare_maxpool},
    {"maxpool_backward", prepare_maxpool_backward, call_maxpool_backward, compare_maxpool_backward},
    {"avgpool_forward", prepare_avgpool, call_avgpool, compare_avgpool},
    {"avgpool_backward", prepare_avgpool_backward, call_avgpool_backward, compare_avgpool_backward},
    {"relu_forward", prepare_relu, call_relu, compare_relu},
    {"relu_backward", prepare_relu_backward, call_relu_backward, compare_relu_backward},
    {"multiply", prepare_multiply, call_multiply, compare_multiply},
    {0},
};
