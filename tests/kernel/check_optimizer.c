// SPDX-License-Identifier: Apache-2.0
// Checks of the optimizer steps and of what goes with them.
#include "kernel/families.h"
#include "kernel/reference.h"

#include <math.h>
#include <string.h>

typedef struct optimizer_operands {
    lw_optimizer_args args;
    lw_check_output weights, first, second;
} optimizer_operands;

// A factor of two's power is exact, and so is everything made of small integers with it.
static float choose_rate(lw_check *c, float real)
{
    return c->data == LW_CHECK_REALS ? real : ldexpf(1.0f, -lw_check_between(c, 0, 3));
}

static optimizer_operands *make_step(lw_check *c, bool adam)
{
    optimizer_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    lw_optimizer_args *args = &o->args;
    args->count = c->bench ? 4096 : LW_BLOCK * lw_check_between(c, 0, 24);
    args->n_partials = c->bench ? 4 : lw_check_between(c, 1, 9);
    args->partial_stride = args->count + (c->bench ? 0 : lw_check_between(c, 0, 33));
    const size_t count = (size_t)args->count;
    const size_t all = (size_t)(args->partial_stride * (args->n_partials - 1)) + count;
    float *partials = lw_check_input(c, "partials", all, sizeof(float));
    for (int32_t p = 0; p < args->n_partials; p++)
        lw_check_fill(c, partials + p * args->partial_stride, count);
    args->partials = partials;
    o->weights = lw_check_output_make(c, "weights", count, sizeof(float));
    o->first = lw_check_output_make(c, "first_moment", count, sizeof(float));
    if (adam) o->second = lw_check_output_make(c, "second_moment", count, sizeof(float));
    lw_check_fill(c, o->weights.values, count);
    lw_check_fill(c, o->first.values, count);
    args->weights = o->weights.values;
    args->first_moment = o->first.values;
    args->second_moment = o->second.values;
    args->learning_rate = choose_rate(c, 0.003f);
    args->weight_decay = c->bench || lw_check_once_in(c, 2) ? 0.0f : choose_rate(c, 0.01f);
    args->decoupled_decay = 1.0f;
    return o;
}

static void expect(lw_check_output *output, int64_t i, lw_reference_sum sum)
{
    output->expected[i] = sum.value;
    output->magnitude[i] = sum.magnitude;
}

// ---- SGD ----------------------------------------------------------------------------

static void prepare_sgd(lw_check *c)
{
    optimizer_operands *o = make_step(c, false);
    lw_optimizer_args *args = &o->args;
    args->momentum = !c->bench && lw_check_once_in(c, 3) ? 0.0f : choose_rate(c, 0.9f);
    args->nesterov = !c->bench && args->momentum != 0.0f && lw_check_once_in(c, 2);
    args->first_step = !c->bench && lw_check_once_in(c, 4);
    // The first step sets the velocity, and without momentum there is none.
    if (args->first_step || args->momentum == 0.0f)
        memset(o->first.values, 0xFF, o->first.count * sizeof *o->first.values);
    lw_check_output_ready(&o->weights);
    lw_check_output_ready(&o->first);
    lw_check_describe(c, "count %d partials %d rate %g momentum %g decay %g%s%s", (int)args->count,
                      args->n_partials, (double)args->learning_rate, (double)args->momentum,
                      (double)args->weight_decay, args->nesterov ? " nesterov" : "",
                      args->first_step ? " first step" : "");
    c->flops = (double)args->count * (args->n_partials + 5);
}

static void call_sgd(lw_check *c, const lw_kernel_table *kernels)
{
    optimizer_operands *o = c->operands;
    kernels->sgd_update(&o->args);
}

// The arguments as they were before the call.
static lw_optimizer_args args_before(const optimizer_operands *o)
{
    lw_optimizer_args args = o->args;
    args.weights = o->weights.before;
    args.first_moment = o->first.before;
    args.second_moment = o->second.before;
    return args;
}

static void compare_sgd(lw_check *c)
{
    optimizer_operands *o = c->operands;
    const lw_optimizer_args args = args_before(o);
    for (int64_t i = 0; i < args.count; i++) {
        const lw_reference_step step = lw_reference_sgd(&args, i);
        expect(&o->weights, i, step.weight);
        if (args.momentum != 0.0f) expect(&o->first, i, step.first);
    }
    const double terms = lw_check_terms(c, args.n_partials + 6.0);
    lw_check_compare(c, &o->first, terms);
    lw_check_compare(c, &o->weights, terms);
}

// ---- Adam ---------------------------------------------------------------------------

// Adam on integers is exact when the gradient g is a power of two less one, the second moment is
// g^2 alone and epsilon is 1: the root is |g|, the quotient's divisor a power of two.
static void make_exact_adam(lw_check *c, optimizer_operands *o, float *partials)
{
    lw_optimizer_args *args = &o->args;
    for (int64_t i = 0; i < args->count; i++) {
        float gradient = ldexpf(1.0f, lw_check_between(c, 0, 5)) - 1.0f;
        if (lw_check_once_in(c, 2)) gradient = -gradient;
        for (int32_t p = args->n_partials - 1; p > 0; p--)
            gradient -= partials[p * args->partial_stride + i];
        partials[i] = gradient;
        o->second.values[i] = (float)lw_check_between(c, 0, 9);
    }
    args->weight_decay = 0.0f;
    args->beta1 = args->one_minus_beta1 = 0.5f;
    args->beta2 = 0.0f;
    args->one_minus_beta2 = 1.0f;
    args->epsilon = 1.0f;
    args->bias_correction1 = 0.5f;
    args->root_bias_correction2 = 1.0f;
    args->decoupled_decay = lw_check_once_in(c, 2) ? 1.0f : 0.5f;
}

static void prepare_adam(lw_check *c)
{
    optimizer_operands *o = make_step(c, true);
    lw_optimizer_args *args = &o->args;
    if (c->data != LW_CHECK_REALS) {
        make_exact_adam(c, o, (float *)(uintptr_t)args->partials);
    } else {
        const int32_t step = lw_check_between(c, 1, 50);
        args->beta1 = 0.9f;
        args->beta2 = 0.999f;
        args->one_minus_beta1 = (float)0.1;
        args->one_minus_beta2 = (float)0.001;
        args->epsilon = 1e-8f;
        args->bias_correction1 = (float)(1.0 - pow(0.9, step));
        args->root_bias_correction2 = (float)sqrt(1.0 - pow(0.999, step));
        if (!c->bench && lw_check_once_in(c, 2)) args->decoupled_decay = 0.99997f;
        // Far enough from zero for its root to be known.
        for (int64_t i = 0; i < args->count; i++)
            o->second.values[i] = 0.01f + fabsf(lw_check_number(c));
    }
    lw_check_output_ready(&o->weights);
    lw_check_output_ready(&o->first);
    lw_check_output_ready(&o->second);
    lw_check_describe(c, "count %d partials %d rate %g decay %g decoupled %g", (int)args->count,
                      args->n_partials, (double)args->learning_rate, (double)args->weight_decay,
                      (double)args->decoupled_decay);
    c->flops = (double)args->count * (args->n_partials + 15);
}

static void call_adam(lw_check *c, const lw_kernel_table *kernels)
{
    optimizer_operands *o = c->operands;
    kernels->adam_update(&o->args);
}

static void compare_adam(lw_check *c)
{
    optimizer_operands *o = c->operands;
    const lw_optimizer_args args = args_before(o);
    for (int64_t i = 0; i < args.count; i++) {
        const lw_reference_step step = lw_reference_adam(&args, i);
        expect(&o->weights, i, step.weight);
        expect(&o->first, i, step.first);
        expect(&o->second, i, step.second);
    }
    const double terms = lw_check_terms(c, args.n_partials + 16.0);
    lw_check_compare(c, &o->first, terms);
    lw_check_compare(c, &o->second, terms);
    lw_check_compare(c, &o->weights, terms);
}

// ---- sum, norm, average -----------------------------------------------------------------

typedef struct sum_operands {
    int64_t stride, count;
    int32_t n_partials;
    bool in_place;
    lw_check_output partials, sum, squares;
} sum_operands;

static void prepare_sum(lw_check *c)
{
    sum_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->count = c->bench ? 4096 : LW_BLOCK * lw_check_between(c, 0, 24);
    o->n_partials = c->bench ? 4 : lw_check_between(c, 1, 9);
    o->stride = o->count + (c->bench ? 0 : lw_check_between(c, 0, 33));
    o->in_place = lw_check_once_in(c, 2);
    const size_t all = (size_t)(o->stride * (o->n_partials - 1) + o->count);
    o->partials = lw_check_output_make(c, "partials", all, sizeof(float));
    o->sum = lw_check_output_make(c, "sum", (size_t)o->count, sizeof(float));
    o->squares = lw_check_output_make(c, "squares", 1, sizeof(float));
    for (int32_t p = 0; p < o->n_partials; p++)
        lw_check_fill(c, o->partials.values + p * o->stride, (size_t)o->count);
    lw_check_output_ready(&o->partials);
    lw_check_output_ready(&o->sum);
    lw_check_describe(c, "count %d partials %d%s", (int)o->count, o->n_partials,
                      o->in_place ? " in place" : "");
    c->flops = (double)o->count * (o->n_partials + 1);
}

static void call_sum(lw_check *c, const lw_kernel_table *kernels)
{
    sum_operands *o = c->operands;
    float *sum = o->in_place ? o->partials.values : o->sum.values;
    o->squares.values[0] =
        (float)kernels->gradient_sum(o->partials.values, o->stride, o->n_partials, o->count, sum);
}

static void compare_sum(lw_check *c)
{
    sum_operands *o = c->operands;
    lw_reference_sum squares = {0};
    for (int64_t i = 0; i < o->count; i++) {
        lw_reference_sum sum = {0};
        for (int32_t p = 0; p < o->n_partials; p++)
            lw_reference_add(&sum, (double)o->partials.before[p * o->stride + i], 1.0);
        expect(o->in_place ? &o->partials : &o->sum, i, sum);
        squares.value += sum.value * sum.value;
        squares.magnitude += 2.0 * sum.magnitude * sum.magnitude; // a square doubles the error
    }
    expect(&o->squares, 0, squares);
    const double terms = lw_check_terms(c, o->n_partials);
    lw_check_compare(c, &o->partials, terms);
    lw_check_compare(c, &o->sum, terms);
    lw_check_compare(c, &o->squares, terms);
}

typedef struct average_operands {
    int64_t count;
    float factor;
    const float *x; // of the average
    lw_check_output y;
} average_operands;

static void prepare_in_place(lw_check *c, bool average)
{
    average_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->count = c->bench ? 4096 : LW_BLOCK * lw_check_between(c, 0, 24);
    o->factor = choose_rate(c, 0.003f);
    float *x = average ? lw_check_input(c, "x", (size_t)o->count, sizeof(float)) : NULL;
    if (x) lw_check_fill(c, x, (size_t)o->count);
    o->x = x;
    o->y = lw_check_output_make(c, average ? "average" : "x", (size_t)o->count, sizeof(float));
    lw_check_fill(c, o->y.values, (size_t)o->count);
    lw_check_output_ready(&o->y);
    lw_check_describe(c, "count %d factor %g", (int)o->count, (double)o->factor);
    c->flops = (double)o->count * (average ? 3 : 1);
}

static void prepare_scale(lw_check *c)
{
    prepare_in_place(c, false);
}

static void call_scale(lw_check *c, const lw_kernel_table *kernels)
{
    average_operands *o = c->operands;
    kernels->scale(o->count, o->factor, o->y.values);
}

static void compare_scale(lw_check *c)
{
    average_operands *o = c->operands;
    for (int64_t i = 0; i < o->count; i++) {
        o->y.expected[i] = (double)(o->factor * o->y.before[i]);
        o->y.magnitude[i] = 0.0; // a product is rounded in one way
    }
    lw_check_compare(c, &o->y, 0.0);
}

static void prepare_average(lw_check *c)
{
    prepare_in_place(c, true);
}

static void call_average(lw_check *c, const lw_kernel_table *kernels)
{
    average_operands *o = c->operands;
    kernels->average_update(o->count, o->factor, o->x, o->y.values);
}

static void compare_average(lw_check *c)
{
    average_operands *o = c->operands;
    for (int64_t i = 0; i < o->count; i++) {
        const double share = (double)o->factor, old = (double)o->y.before[i];
        lw_reference_sum sum = {0};
        lw_reference_add(&sum, old, 1.0);
        lw_reference_add(&sum, share, (double)o->x[i]);
        lw_reference_add(&sum, -share, old);
        expect(&o->y, i, sum);
    }
    lw_check_compare(c, &o->y, lw_check_terms(c, 3.0));
}

const lw_check_kernel lw_check_optimizer_kernels[] = {
    {"sgd_update", prepare_sgd, call_sgd, compare_sgd},
    {"adam_update", prepare_adam, call_adam, compare_adam},
    {"gradient_sum", prepare_sum, call_sum, compare_sum},
    {"scale", prepare_scale, call_scale, compare_scale},
    {"average_update", prepare_average, call_average, compare_average},
    {0},
};
