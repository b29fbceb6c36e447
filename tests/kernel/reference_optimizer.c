// SPDX-License-Identifier: Apache-2.0
// Optimizer steps on one element. A quotient or a root passes the error of what it is made of on;
// the magnitudes say by how much, with one unit more than was counted wherever that is simpler.
#include "kernel/reference.h"

#include <math.h>

// The gradient: partial sums and weight decay. The kernels add the partials in float in order; in
// double the order does not matter.
static lw_reference_sum gradient_of(const lw_optimizer_args *args, int64_t i)
{
    lw_reference_sum sum = {0};
    for (int32_t p = 0; p < args->n_partials; p++)
        lw_reference_add(&sum, (double)args->partials[p * args->partial_stride + i], 1.0);
    lw_reference_add(&sum, (double)args->weight_decay, (double)args->weights[i]);
    return sum;
}

// a + factor * b
static lw_reference_sum plus(lw_reference_sum a, double factor, lw_reference_sum b)
{
    return (lw_reference_sum){a.value + factor * b.value, a.magnitude + fabs(factor) * b.magnitude};
}

static lw_reference_sum exactly(double value)
{
    return (lw_reference_sum){value, fabs(value)};
}

lw_reference_step lw_reference_sgd(const lw_optimizer_args *args, int64_t i)
{
    lw_reference_sum step = gradient_of(args, i), velocity = {0};
    const double momentum = (double)args->momentum;
    if (args->momentum != 0.0f) {
        velocity = step;
        if (!args->first_step)
            velocity = plus(step, momentum, exactly((double)args->first_moment[i]));
        step = args->nesterov ? plus(step, momentum, velocity) : velocity;
    }
    const lw_reference_sum weight = exactly((double)args->weights[i]);
    return (lw_reference_step){.weight = plus(weight, -(double)args->learning_rate, step),
                               .first = velocity};
}

lw_reference_step lw_reference_adam(const lw_optimizer_args *args, int64_t i)
{
    const lw_reference_sum gradient = gradient_of(args, i);
    lw_reference_sum first = {0}, second = {0};
    first = plus(first, (double)args->beta1, exactly((double)args->first_moment[i]));
    first = plus(first, (double)args->one_minus_beta1, gradient);
    // A square doubles the relative error of its base.
    const lw_reference_sum square = {gradient.value * gradient.value,
                                     2.0 * gradient.magnitude * gradient.magnitude};
    second = plus(second, (double)args->beta2, exactly((double)args->second_moment[i]));
    second = plus(second, (double)args->one_minus_beta2, square);

    const double root =
        sqrt(second.value) / (double)args->root_bias_correction2 + (double)args->epsilon;
    // A root halves the relative error; nothing is known of the root of an uncertain zero, which
    // the test data avoids.
    const double relative = second.value > 0.0 ? second.magnitude / second.value : 1.0;
    const double quotient = first.value / root;
    const double uncertain = first.magnitude / root + fabs(quotient) * (relative + 1.0);
    const double rate = (double)args->learning_rate / (double)args->bias_correction1;
    const lw_reference_sum weight =
        exactly((double)args->weights[i] * (double)args->decoupled_decay);
    return (lw_reference_step){.weight =
                                   plus(weight, -rate, (lw_reference_sum){quotient, uncertain}),
                               .first = first,
                               .second = second};
}
