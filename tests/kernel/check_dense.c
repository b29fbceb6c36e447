// SPDX-License-Identifier: Apache-2.0
// Checks of the linear layers and of the GEMM tiles.
#include "kernel/families.h"
#include "kernel/reference.h"

#include <math.h>

// ---- linear -------------------------------------------------------------------------

typedef struct linear_operands {
    int32_t in, out;
    bool relu;
    float *x, *weights, *bias, *dy;
    lw_check_output y, dx;
} linear_operands;

static linear_operands *make_linear(lw_check *c)
{
    static const int32_t outputs[] = {1, 2, 3, 4, 5, 7, 10, 13, 16, 17, 33, 81};
    linear_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->in = c->bench ? 512 : LW_BLOCK * lw_check_between(c, 1, 20);
    o->out = c->bench ? 128 : lw_check_one_of(c, outputs, sizeof outputs / sizeof *outputs);
    o->relu = !c->bench && lw_check_once_in(c, 2);
    c->flops = 2.0 * o->in * o->out;
    lw_check_describe(c, "in %d out %d%s", o->in, o->out, o->relu ? " relu" : "");
    return o;
}

static float *filled(lw_check *c, const char *name, size_t count)
{
    float *values = lw_check_input(c, name, count, sizeof(float));
    lw_check_fill(c, values, count);
    return values;
}

// Replaces a few values by NaN and infinities where the case asks for them.
static void plant(lw_check *c, float *values, size_t count)
{
    const float specials[] = {NAN, INFINITY, -INFINITY};
    if (c->data != LW_CHECK_SPECIAL || count == 0) return;
    for (int i = lw_check_between(c, 1, 3); i > 0; i--)
        values[lw_check_between(c, 0, (int32_t)count - 1)] = specials[lw_check_between(c, 0, 2)];
}

static void prepare_linear_forward(lw_check *c)
{
    linear_operands *o = make_linear(c);
    const size_t n_weights = (size_t)o->in * (size_t)o->out;
    o->x = filled(c, "x", (size_t)o->in);
    o->weights = filled(c, "weights", n_weights);
    o->bias = filled(c, "bias", (size_t)o->out);
    plant(c, o->weights, n_weights);
    o->y = lw_check_output_make(c, "y", (size_t)o->out, sizeof(float));
}

static void call_linear_forward(lw_check *c, const lw_kernel_table *kernels)
{
    linear_operands *o = c->operands;
    kernels->linear_forward(o->in, o->out, o->x, o->weights, o->bias, o->relu, o->y.values);
}

// A NaN passes the ReLU.
static void compare_linear_forward(lw_check *c)
{
    linear_operands *o = c->operands;
    for (int32_t j = 0; j < o->out; j++) {
        lw_reference_sum sum = lw_reference_dot(o->x, 1, o->weights + (int64_t)j * o->in, 1, o->in);
        lw_reference_add(&sum, (double)o->bias[j], 1.0);
        o->y.expected[j] = o->relu && sum.value <= 0.0 ? 0.0 : sum.value;
        o->y.magnitude[j] = sum.magnitude;
    }
    if (c->data != LW_CHECK_REALS && o->relu)
        lw_check_compare_values(c, &o->y);
    else
        lw_check_compare(c, &o->y, lw_check_terms(c, o->in + 1.0));
}

static void prepare_linear_data(lw_check *c)
{
    linear_operands *o = make_linear(c);
    const size_t n_weights = (size_t)o->in * (size_t)o->out;
    o->dy = filled(c, "dy", (size_t)o->out);
    o->weights = filled(c, "weights", n_weights);
    o->dx = lw_check_output_make(c, "dx", (size_t)o->in, sizeof(float));
}

static void call_linear_data(lw_check *c, const lw_kernel_table *kernels)
{
    linear_operands *o = c->operands;
    kernels->linear_backward_data(o->in, o->out, o->dy, o->weights, o->dx.values);
}

static void compare_linear_data(lw_check *c)
{
    linear_operands *o = c->operands;
    for (int32_t i = 0; i < o->in; i++) {
        lw_reference_sum sum = lw_reference_dot(o->dy, 1, o->weights + i, o->in, o->out);
        o->dx.expected[i] = sum.value;
        o->dx.magnitude[i] = sum.magnitude;
    }
    lw_check_compare(c, &o->dx, lw_check_terms(c, o->out));
}

static void expect_sum(lw_check_output *output, int64_t at, lw_reference_sum sum, bool add_before)
{
    if (add_before) lw_reference_add(&sum, (double)output->before[at], 1.0);
    output->expected[at] = sum.value;
    output->magnitude[at] = sum.magnitude;
}

// ---- GEMM ---------------------------------------------------------------------------

typedef struct gemm_operands {
    int64_t k, c_stride, a_stride, b_stride;
    int32_t rows, columns;
    bool accumulate;
    float *a, *b;
    lw_check_output c; // the tile, or the lanes
} gemm_operands;

static int64_t choose_k(lw_check *c, int32_t unit)
{
    if (c->bench) return 288;
    const int32_t most = (lw_check_once_in(c, 4) ? 400 : 40) / unit;
    return (int64_t)unit * lw_check_between(c, 0, most);
}

static void prepare_tile(lw_check *c)
{
    const int32_t panel_rows = c->kernels->gemm_rows, panel_columns = c->kernels->gemm_columns;
    gemm_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->k = choose_k(c, 1);
    const bool full = c->bench || lw_check_once_in(c, 3);
    o->rows = full ? panel_rows : lw_check_between(c, 1, panel_rows);
    o->columns = full ? panel_columns : lw_check_between(c, 1, panel_columns);
    o->accumulate = c->bench || lw_check_once_in(c, 2);
    o->c_stride = o->columns;
    if (!c->bench && !lw_check_once_in(c, 3)) o->c_stride += lw_check_between(c, 0, 40);
    lw_check_describe(c, "k %d tile %dx%d of %dx%d stride %d%s", (int)o->k, o->rows, o->columns,
                      panel_rows, panel_columns, (int)o->c_stride,
                      o->accumulate ? " accumulate" : "");
    o->a = filled(c, "a_panel", (size_t)(o->k * panel_rows));
    o->b = filled(c, "b_panel", (size_t)(o->k * panel_columns));
    for (int64_t i = 0; i < o->k; i++) { // spare rows and columns hold anything
        for (int32_t r = o->rows; r < panel_rows; r++) o->a[i * panel_rows + r] = NAN;
        for (int32_t j = o->columns; j < panel_columns; j++) o->b[i * panel_columns + j] = NAN;
    }
    const size_t count = (size_t)((o->rows - 1) * o->c_stride + o->columns);
    o->c = lw_check_output_make(c, "c", count, sizeof(float));
    if (o->accumulate) lw_check_fill(c, o->c.values, count);
    lw_check_output_ready(&o->c);
    c->flops = 2.0 * (double)o->k * o->rows * o->columns;
}

static void call_tile(lw_check *c, const lw_kernel_table *kernels)
{
    gemm_operands *o = c->operands;
    kernels->gemm_tile(o->a, o->b, o->k, o->c.values, o->c_stride, o->rows, o->columns,
                       o->accumulate);
}

static void compare_tile(lw_check *c)
{
    gemm_operands *o = c->operands;
    const int32_t panel_rows = c->kernels->gemm_rows, panel_columns = c->kernels->gemm_columns;
    for (int32_t r = 0; r < o->rows; r++)
        for (int32_t j = 0; j < o->columns; j++)
            expect_sum(&o->c, r * o->c_stride + j,
                       lw_reference_dot(o->a + r, panel_rows, o->b + j, panel_columns, o->k),
                       o->accumulate);
    lw_check_compare(c, &o->c, lw_check_terms(c, (double)o->k + 1.0));
}

static void prepare_dot(lw_check *c)
{
    const int32_t vector = c->kernels->vector_floats;
    gemm_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->k = choose_k(c, vector);
    o->rows = c->kernels->dot_rows;
    o->columns = c->kernels->dot_columns;
    o->a_stride = o->k + (c->bench ? 0 : lw_check_between(c, 0, 16));
    o->b_stride = o->k + (c->bench ? 0 : lw_check_between(c, 0, 16));
    lw_check_describe(c, "k %d strides %d and %d", (int)o->k, (int)o->a_stride, (int)o->b_stride);
    o->a = filled(c, "a", (size_t)((o->rows - 1) * o->a_stride + o->k));
    o->b = filled(c, "b", (size_t)((o->columns - 1) * o->b_stride + o->k));
    const size_t count = (size_t)(o->rows * o->columns * vector);
    o->c = lw_check_output_make(c, "lanes", count, sizeof(float));
    lw_check_fill(c, o->c.values, count);
    lw_check_output_ready(&o->c);
    c->flops = 2.0 * (double)o->k * o->rows * o->columns;
}

static void call_dot(lw_check *c, const lw_kernel_table *kernels)
{
    gemm_operands *o = c->operands;
    kernels->gemm_dot(o->a, o->a_stride, o->b, o->b_stride, o->k, o->c.values);
}

static void compare_dot(lw_check *c)
{
    gemm_operands *o = c->operands;
    const int32_t vector = c->kernels->vector_floats;
    for (int32_t r = 0; r < o->rows; r++)
        for (int32_t j = 0; j < o->columns; j++)
            for (int32_t lane = 0; lane < vector; lane++)
                expect_sum(&o->c, (int64_t)(r * o->columns + j) * vector + lane,
                           lw_reference_dot(o->a + r * o->a_stride + lane, vector,
                                            o->b + j * o->b_stride + lane, vector, o->k / vector),
                           true);
    lw_check_compare(c, &o->c, lw_check_terms(c, (double)(o->k / vector) + 1.0));
}

const lw_check_kernel lw_check_dense_kernels[] = {
    {"linear_forward", prepare_linear_forward, call_linear_forward, compare_linear_forward},
    {"linear_backward_data", prepare_linear_data, call_linear_data, compare_linear_data},
    {"gemm_tile", prepare_tile, call_tile, compare_tile},
    {"gemm_dot", prepare_dot, call_dot, compare_dot},
    {0},
};
