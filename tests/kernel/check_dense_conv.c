// SPDX-License-Identifier: Apache-2.0
// Checks of the dense convolutions over runs.
#include "kernel/families.h"
#include "kernel/reference.h"

#include <math.h>

typedef struct dense_operands {
    lw_dense_geometry g;
    bool few, one_channel;     // a 3x3 kernel on one channel goes a way of its own
    float *x, *weights, *bias; // bias NULL: none
    lw_check_output y;
} dense_operands;

static void bench_shape(lw_check *c, dense_operands *o)
{
    lw_dense_geometry *g = &o->g;
    *g = (lw_dense_geometry){.rows = 14,
                             .columns = 14,
                             .n_runs = 3,
                             .run_floats = 48,
                             .oc = o->few ? 1 : c->kernels->dense_channels,
                             .x_row_step = 256,
                             .x_pixel_step = 16};
    g->y_channels = g->oc;
    g->y_pixel = g->oc;
    g->y_row = 14 * g->y_pixel;
}

static void choose_shape(lw_check *c, dense_operands *o)
{
    static const int32_t lengths[] = {1, 2, 3, 4, 9, 16, 21, 32};
    lw_dense_geometry *g = &o->g;
    g->rows = lw_check_between(c, 1, 9);
    g->columns = lw_check_between(c, 1, lw_check_once_in(c, 4) ? 70 : 20);
    g->n_runs = lw_check_between(c, 0, 9);
    g->run_floats = o->few ? LW_BLOCK * lw_check_between(c, 1, 3)
                           : lw_check_one_of(c, lengths, sizeof lengths / sizeof *lengths);
    const int32_t most = o->few ? LW_DENSE_FEW : c->kernels->dense_channels;
    const int32_t drawn = lw_check_between(c, 1, 840); // a multiple of every `most`
    g->oc = lw_check_once_in(c, 3) ? most : 1 + drawn % most;
    g->y_channels = g->oc + (lw_check_once_in(c, 2) ? lw_check_between(c, 0, 37) : 0);
    g->relu = lw_check_once_in(c, 2);
    g->x_pixel_step = lw_check_between(c, 1, 40);
    g->x_row_step = lw_check_between(c, 1, 300);
    g->y_pixel = g->y_channels + (lw_check_once_in(c, 2) ? lw_check_between(c, 1, 50) : 0);
    g->y_row = g->columns * g->y_pixel + (lw_check_once_in(c, 2) ? lw_check_between(c, 1, 50) : 0);
    o->one_channel = !o->few && lw_check_once_in(c, 4);
    if (o->one_channel) {
        g->n_runs = 3;
        g->run_floats = 3;
        g->x_pixel_step = 1;
    }
    g->stream = !o->few && lw_check_once_in(c, 4);
    if (g->stream) {
        g->oc = g->y_channels = c->kernels->dense_channels;
        g->y_pixel = g->y_channels + LW_BLOCK * lw_check_between(c, 0, 2);
        g->y_row = g->columns * g->y_pixel + LW_BLOCK * lw_check_between(c, 0, 2);
    }
    if (!lw_check_once_in(c, 4)) return;
    g->y_row = g->y_pixel; // a map that lies on its side
    g->y_pixel = g->rows * g->y_row;
}

static double products(const lw_dense_geometry *g)
{
    return (double)g->rows * g->columns * g->oc * g->n_runs * (double)g->run_floats;
}

static float *filled(lw_check *c, const char *name, size_t count, size_t alignment)
{
    float *values = lw_check_input(c, name, count, alignment);
    lw_check_fill(c, values, count);
    return values;
}

static void make_weights(lw_check *c, dense_operands *o)
{
    const lw_dense_geometry *g = &o->g;
    const int32_t vector = c->kernels->vector_floats;
    const int32_t width = o->few ? g->oc : (g->oc + vector - 1) / vector * vector;
    const size_t steps = (size_t)g->n_runs * (size_t)g->run_floats;
    o->weights = filled(c, "weights", steps * (size_t)width, sizeof(float));
    if (lw_check_once_in(c, 3) && !c->bench) return;
    o->bias = filled(c, "bias", (size_t)width, sizeof(float));
    if (o->few) return;
    for (int32_t lane = g->oc; lane < width; lane++) {
        o->bias[lane] = NAN;
        for (size_t k = 0; k < steps; k++) o->weights[k * (size_t)width + (size_t)lane] = 0.0f;
    }
}

static void prepare(lw_check *c, bool few)
{
    dense_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->few = few;
    lw_dense_geometry *g = &o->g;
    if (c->bench)
        bench_shape(c, o);
    else
        choose_shape(c, o);
    while (products(g) > 2e5) {
        if (g->n_runs > 2 && !o->one_channel)
            g->n_runs--;
        else if (g->rows > 3)
            g->rows--;
        else
            break;
    }
    int64_t *runs = lw_check_note(c, (size_t)g->n_runs + 1, sizeof *runs);
    int64_t last = 0;
    for (int32_t r = 0; r < g->n_runs; r++) {
        runs[r] = c->bench || o->one_channel ? r * g->x_row_step : lw_check_between(c, 0, 100);
        if (runs[r] > last) last = runs[r];
    }
    g->runs = runs;
    const size_t x_floats = (size_t)((g->rows - 1) * g->x_row_step +
                                     (g->columns - 1) * g->x_pixel_step + last + g->run_floats);
    const size_t y_floats =
        (size_t)((g->rows - 1) * g->y_row + (g->columns - 1) * g->y_pixel + g->y_channels);
    o->x = filled(c, "x", x_floats, sizeof(float));
    make_weights(c, o);
    o->y = lw_check_output_make(c, "y", y_floats, g->stream ? 64 : sizeof(float));
    const float specials[] = {NAN, INFINITY, -INFINITY};
    for (int i = c->data == LW_CHECK_SPECIAL ? lw_check_between(c, 1, 5) : 0; i > 0; i--)
        o->x[lw_check_between(c, 0, (int32_t)x_floats - 1)] = specials[lw_check_between(c, 0, 2)];
    lw_check_describe(c, "%dx%d oc %d of %d runs %d of %d x %d/%d y %d/%d%s%s%s", g->rows,
                      g->columns, g->oc, g->y_channels, g->n_runs, (int)g->run_floats,
                      (int)g->x_pixel_step, (int)g->x_row_step, (int)g->y_pixel, (int)g->y_row,
                      o->bias ? " bias" : "", g->relu ? " relu" : "", g->stream ? " stream" : "");
    c->flops = 2.0 * products(g);
}

static void prepare_forward(lw_check *c)
{
    prepare(c, false);
}

static void prepare_few(lw_check *c)
{
    prepare(c, true);
}

static void call_forward(lw_check *c, const lw_kernel_table *kernels)
{
    dense_operands *o = c->operands;
    kernels->dense_forward(&o->g, o->x, o->weights, o->bias, o->y.values);
}

static void call_few(lw_check *c, const lw_kernel_table *kernels)
{
    dense_operands *o = c->operands;
    kernels->dense_few(&o->g, o->x, o->weights, o->bias, o->y.values);
}

static void compare(lw_check *c)
{
    dense_operands *o = c->operands;
    const lw_dense_geometry *g = &o->g;
    const int32_t vector = c->kernels->vector_floats;
    for (int32_t row = 0; row < g->rows; row++)
        for (int32_t column = 0; column < g->columns; column++)
            for (int32_t oc = 0; oc < g->y_channels; oc++) {
                const int64_t at = row * g->y_row + column * g->y_pixel + oc;
                lw_reference_sum sum = {0};
                if (oc < g->oc)
                    sum = (o->few ? lw_reference_dense_few : lw_reference_dense)(
                        g, o->x, o->weights, o->bias, vector, oc, row, column);
                o->y.expected[at] = g->relu && sum.value <= 0.0 ? 0.0 : sum.value;
                o->y.magnitude[at] = sum.magnitude;
            }
    if (c->data != LW_CHECK_REALS && g->relu)
        lw_check_compare_values(c, &o->y);
    else
        lw_check_compare(c, &o->y, lw_check_terms(c, g->n_runs * (double)g->run_floats + 1.0));
}

const lw_check_kernel lw_check_dense_conv_kernels[] = {
    {"dense_forward", prepare_forward, call_forward, compare},
    {"dense_few", prepare_few, call_few, compare},
    {0},
};
