// SPDX-License-Identifier: Apache-2.0
// Optimizer steps on a slice of the parameters. The partial sums of the gradient are added here, in
// their fixed order, so that the gradient itself is never written to memory.
#include "simd/declare.h"

LW_INLINE lw_vec add_partials(const float *partials, int64_t stride, int32_t n_partials, int64_t i)
{
    lw_vec sum = lw_vec_load(partials + i);
    for (int32_t p = 1; p < n_partials; p++)
        sum = lw_vec_add(sum, lw_vec_load(partials + p * stride + i));
    return sum;
}

LW_INLINE lw_vec sum_partials(const lw_optimizer_args *args, int64_t i)
{
    return add_partials(args->partials, args->partial_stride, args->n_partials, i);
}

// 0 times a finite number is 0; infinity and NaN make a sum NaN for good. Costs a multiply-add that waits
// for nothing.
LW_INLINE lw_vec watch(lw_vec sums, lw_vec values)
{
    return lw_vec_fma(lw_vec_broadcast(0.0f), values, sums);
}

LW_INLINE void add_watched(const lw_optimizer_args *args, lw_vec sums)
{
    if (args->watch) lw_vec_store(args->watch, lw_vec_add(lw_vec_load(args->watch), sums));
}

// PyTorch's SGD: v = momentum * v + g, w -= lr * v (Nesterov: lr * (g + momentum * v)).
void LW_KERNEL(sgd_update)(const lw_optimizer_args *args)
{
    lw_vec rate = lw_vec_broadcast(-args->learning_rate);
    lw_vec decay = lw_vec_broadcast(args->weight_decay);
    lw_vec momentum = lw_vec_broadcast(args->momentum), watched = lw_vec_broadcast(0.0f);
    for (int64_t i = 0; i < args->count; i += LW_VEC) {
        lw_vec weight = lw_vec_load(args->weights + i);
        lw_vec step = lw_vec_fma(decay, weight, sum_partials(args, i));
        if (args->momentum != 0.0f) {
            lw_vec velocity = lw_vec_load(args->first_moment + i);
            velocity = args->first_step ? step : lw_vec_fma(momentum, velocity, step);
            lw_vec_store(args->first_moment + i, velocity);
            step = args->nesterov ? lw_vec_fma(momentum, velocity, step) : velocity;
        }
        weight = lw_vec_fma(rate, step, weight);
        watched = watch(watched, weight); // of a velocity that is not finite, neither is this
        lw_vec_store(args->weights + i, weight);
    }
    add_watched(args, watched);
}

// Adam (Kingma, Ba: arXiv 1412.6980) as PyTorch computes it:
//   w -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon);
// AdamW (Loshchilov, Hutter: arXiv 1711.05101) first shrinks w by decoupled_decay.
void LW_KERNEL(adam_update)(const lw_optimizer_args *args)
{
    lw_vec rate = lw_vec_broadcast(-args->learning_rate / args->bias_correction1);
    lw_vec root_scale = lw_vec_broadcast(1.0f / args->root_bias_correction2);
    lw_vec epsilon = lw_vec_broadcast(args->epsilon);
    lw_vec decay = lw_vec_broadcast(args->weight_decay);
    lw_vec shrink = lw_vec_broadcast(args->decoupled_decay);
    lw_vec beta1 = lw_vec_broadcast(args->beta1), beta2 = lw_vec_broadcast(args->beta2);
    lw_vec rest1 = lw_vec_broadcast(args->one_minus_beta1);
    lw_vec rest2 = lw_vec_broadcast(args->one_minus_beta2), watched = lw_vec_broadcast(0.0f);
    for (int64_t i = 0; i < args->count; i += LW_VEC) {
        lw_vec weight = lw_vec_load(args->weights + i);
        lw_vec gradient = lw_vec_fma(decay, weight, sum_partials(args, i));
        lw_vec first = lw_vec_load(args->first_moment + i);
        lw_vec second = lw_vec_load(args->second_moment + i);
        first = lw_vec_fma(beta1, first, lw_vec_mul(rest1, gradient));
        second = lw_vec_fma(beta2, second, lw_vec_mul(rest2, lw_vec_mul(gradient, gradient)));
        lw_vec root = lw_vec_fma(lw_vec_sqrt(second), root_scale, epsilon);
        weight = lw_vec_fma(rate, lw_vec_div(first, root), lw_vec_mul(weight, shrink));
        // A second moment that overflowed would leave a weight that never moves again.
        watched = watch(watch(watched, weight), second);
        lw_vec_store(args->weights + i, weight);
        lw_vec_store(args->first_moment + i, first);
        lw_vec_store(args->second_moment + i, second);
    }
    add_watched(args, watched);
}

// A column of squares for each of LW_BLOCK positions: long chains of additions beside each other, in the
// same order on every ISA.
double LW_KERNEL(gradient_sum)(const float *partials, int64_t stride, int32_t n_partials,
                               int64_t count, float *sum)
{
    double columns[LW_BLOCK] = {0.0}, squares = 0.0;
    for (int64_t i = 0; i < count; i += LW_BLOCK) {
        for (int64_t k = i; k < i + LW_BLOCK; k += LW_VEC)
            lw_vec_store(sum + k, add_partials(partials, stride, n_partials, k));
        for (int k = 0; k < LW_BLOCK; k++) columns[k] += (double)sum[i + k] * (double)sum[i + k];
    }
    for (int k = 0; k < LW_BLOCK; k++) squares += columns[k];
    return squares;
}

void LW_KERNEL(scale)(int64_t count, float factor, float *x)
{
    lw_vec factors = lw_vec_broadcast(factor);
    for (int64_t i = 0; i < count; i += LW_VEC)
        lw_vec_store(x + i, lw_vec_mul(lw_vec_load(x + i), factors));
}

void LW_KERNEL(average_update)(int64_t count, float share, const float *x, float *average)
{
    lw_vec shares = lw_vec_broadcast(share);
    for (int64_t i = 0; i < count; i += LW_VEC) {
        lw_vec old = lw_vec_load(average + i);
        lw_vec_store(average + i, lw_vec_fma(shares, lw_vec_sub(lw_vec_load(x + i), old), old));
    }
}
