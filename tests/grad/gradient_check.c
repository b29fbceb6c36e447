// SPDX-License-Identifier: Apache-2.0
#include "grad/gradient_check.h"

#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The step of the differences. The third derivative costs step^2 and the rounding of the loss
// DBL_EPSILON / step; near 4e-6 both are far below what float arithmetic costs. A power of two adds
// to the parameters without rounding of its own.
static const double step = 1.0 / (1 << 18);

// ---- making a case

static size_t input_values(const gradient_case *made)
{
    lw_extent input = made->reference.input;
    return (size_t)made->n * (size_t)input.channels * (size_t)input.height * (size_t)input.width;
}

// He's initialisation keeps activations near 1 through all layers, so that one bound fits them all.
static void draw_parameters(gradient_case *made, lw_rng *rng)
{
    for (size_t t = 0; t < made->reference.n_tensors; t++) {
        const reference_tensor *tensor = made->reference.tensors[t];
        float bound = tensor->is_bias ? 0.3F : sqrtf(6.0F / (float)tensor->fan_in);
        for (size_t i = 0; i < tensor->count; i++)
            made->parameters[tensor->offset + i] =
                (double)(bound * (2 * lw_rng_uniform(rng) - 1.0F));
    }
}

static void draw_batch(gradient_case *made, lw_rng *rng)
{
    size_t count = input_values(made);
    for (size_t i = 0; i < count; i++) made->images[i] = (double)(float)lw_rng_normal(rng);
    for (int32_t i = 0; i < made->n; i++)
        made->labels[i] = (int32_t)lw_rng_below(rng, (uint32_t)made->reference.classes);
}

// Float arithmetic rounds each term of a sum of K terms by u = 2^-24 of the sum so far; the
// roundings are independent, so they add to about sqrt(K) u of the sum's usual size. Forward, each
// layer adds its own sum to the error; backward, each adds the sum over its outputs; a weight's
// gradient at last is a sum over places and images. Four times the total leaves room for the
// luckless value among thousands. Relative to the tensor's largest gradient before images cancel
// out.
static double float_tolerance(const gradient_case *made)
{
    const reference_network *reference = &made->reference;
    double roundings = 0, longest = 0;
    for (size_t i = 0; i < reference->n_layers; i++) {
        const reference_tensor *weight = &reference->weights[i];
        if (!weight->layer) continue;
        lw_extent out = reference->outputs[i];
        double places = (double)made->n * out.height * out.width;
        int64_t window = weight->rank == 4 ? weight->shape[2] * weight->shape[3] : 1;
        roundings += sqrt((double)weight->fan_in);
        roundings += sqrt((double)(weight->shape[0] * window));
        longest = fmax(longest, places);
    }
    return 4 * ldexp(roundings + sqrt(longest), -24);
}

void gradient_case_create_of(gradient_case *made, lw_network *network, lw_extent input, int32_t n,
                             uint64_t seed)
{
    *made = (gradient_case){.network = network, .n = n};
    if (lw_network_infer(network, input, NULL)) fail_msg("%s", lw_error_message());
    assert_true(reference_network_create(&made->reference, network, input));
    made->parameters = calloc(made->reference.n_parameters, sizeof *made->parameters);
    made->images = calloc(input_values(made), sizeof *made->images);
    made->labels = calloc((size_t)n, sizeof *made->labels);
    made->logits = calloc((size_t)(n * made->reference.classes), sizeof *made->logits);
    assert_true(made->parameters && made->images && made->labels && made->logits);
    made->tolerance = float_tolerance(made);
    // A ReLU whose input is nearly zero may fall to the other side in float: then both gradients
    // are right and differ. Draw again until every decision is clear.
    for (uint32_t attempt = 0; attempt < 500; attempt++) {
        lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, attempt, 0);
        draw_parameters(made, &rng);
        draw_batch(made, &rng);
        made->loss = reference_network_loss(&made->reference, made->parameters, made->images,
                                            made->labels, n, NULL, made->logits, &made->kinks);
        assert_true(isfinite(made->loss));
        if (made->kinks.margin > 4 * step) return;
    }
    fail_msg("no batch found on which every ReLU and max pool is clear");
}

void gradient_case_create(gradient_case *made, lw_extent input, const char *layers, int32_t n,
                          uint64_t seed)
{
    char text[1000];
    int length = snprintf(text, sizeof text, "input %dx%dx%d\n%s\nsoftmax_cross_entropy\n",
                          input.channels, input.height, input.width, layers);
    assert_in_range(length, 1, sizeof text - 1);
    lw_network *network;
    if (lw_network_parse(&network, text, (size_t)length, "test.net"))
        fail_msg("%s", lw_error_message());
    gradient_case_create_of(made, network, input, n, seed);
}

void gradient_case_free(gradient_case *made)
{
    lw_network_destroy(&made->network);
    reference_network_free(&made->reference);
    free(made->parameters);
    free(made->images);
    free(made->labels);
    free(made->logits);
}

// ---- the comparison

bool gradient_difference(const gradient_case *checked, size_t t, const double *direction,
                         double *derivative, double *terms)
{
    const reference_tensor *tensor = checked->reference.tensors[t];
    double *values = checked->parameters + tensor->offset;
    size_t n = (size_t)checked->n;
    double *saved = malloc(tensor->count * sizeof *saved);
    double *losses = calloc(2 * n, sizeof *losses);
    assert_true(saved && losses);
    memcpy(saved, values, tensor->count * sizeof *saved);
    bool smooth = true;
    for (size_t side = 0; side < 2; side++) {
        double shift = side ? step : -step;
        for (size_t i = 0; i < tensor->count; i++) values[i] = saved[i] + shift * direction[i];
        reference_kinks kinks;
        reference_network_loss(&checked->reference, checked->parameters, checked->images,
                               checked->labels, checked->n, losses + side * n, NULL, &kinks);
        smooth = smooth && kinks.decisions == checked->kinks.decisions;
    }
    memcpy(values, saved, tensor->count * sizeof *saved);
    *derivative = *terms = 0;
    for (size_t i = 0; i < n; i++) {
        double term = (losses[n + i] - losses[i]) / (2 * step * checked->n);
        *derivative += term;
        *terms += fabs(term);
    }
    free(saved);
    free(losses);
    return smooth;
}

// What one difference found: the derivative by differences and by the gradient under test.
typedef struct probe {
    char what[40];
    double expected, terms, got;
} probe;

enum { most_probes = 128 };

static void add_probe(const gradient_case *checked, size_t t, const double *direction,
                      const float *gradient, const char *what, probe *probes, int *n_probes,
                      gradient_report *report)
{
    probe *added = &probes[*n_probes];
    assert_true(*n_probes < most_probes);
    if (!gradient_difference(checked, t, direction, &added->expected, &added->terms)) {
        report->skipped++;
        return;
    }
    added->got = 0;
    for (size_t i = 0; i < checked->reference.tensors[t]->count; i++)
        added->got += direction[i] * (double)gradient[i];
    snprintf(added->what, sizeof added->what, "%s", what);
    ++*n_probes;
}

// Small tensors are sampled whole; of large ones all corners (first and last along each axis, where
// kernels go wrong first), then values by chance.
static size_t sampled_index(const reference_tensor *tensor, int sample, int samples, lw_rng *rng)
{
    if (tensor->count <= (size_t)samples) return (size_t)sample;
    if (sample >= 1 << tensor->rank) return lw_rng_below(rng, (uint32_t)tensor->count);
    size_t index = 0;
    for (int axis = 0; axis < tensor->rank; axis++) {
        size_t last = (size_t)tensor->shape[axis] - 1;
        index = index * (last + 1) + (sample >> axis & 1 ? last : 0);
    }
    return index;
}

static void judge_tensor(const gradient_case *checked, size_t t, const probe *probes, int n_probes,
                         gradient_report *report)
{
    const reference_tensor *tensor = checked->reference.tensors[t];
    double largest = 0;
    for (int i = 0; i < n_probes; i++) largest = fmax(largest, probes[i].terms);
    // The loss itself is known to some roundings of a double, its difference to that over the step.
    double noise = 16 * DBL_EPSILON * (1 + checked->loss) / step;
    double bound = checked->tolerance * largest + noise;
    for (int i = 0; i < n_probes; i++) {
        double error = fabs(probes[i].got - probes[i].expected);
        report->checked++;
        report->worst = fmax(report->worst, error / bound);
        if (error <= bound) continue; // NaN is not
        if (report->mismatches++ == 0)
            snprintf(report->sentence, sizeof report->sentence,
                     "%.31s.%s %.39s: expected %.9g, got %.9g, error %.3g, bound %.3g",
                     tensor->layer->name, tensor->is_bias ? "bias" : "weight", probes[i].what,
                     probes[i].expected, probes[i].got, error, bound);
    }
}

static void check_tensor(const gradient_case *checked, size_t t, const float *gradient, int samples,
                         int directions, gradient_report *report)
{
    const reference_tensor *tensor = checked->reference.tensors[t];
    lw_rng rng = lw_rng_stream(t, LW_RNG_TEST, 0, 1);
    double *direction = calloc(tensor->count, sizeof *direction);
    assert_non_null(direction);
    probe probes[most_probes];
    int n_probes = 0;
    char what[40];
    if (tensor->count < (size_t)samples) samples = (int)tensor->count;
    for (int sample = 0; sample < samples; sample++) {
        size_t index = sampled_index(tensor, sample, samples, &rng);
        snprintf(what, sizeof what, "[%zu]", index);
        direction[index] = 1;
        add_probe(checked, t, direction, gradient, what, probes, &n_probes, report);
        direction[index] = 0;
    }
    // Along a direction of length 1 through all values, no wrong value can hide.
    for (int d = 0; d < directions; d++) {
        for (size_t i = 0; i < tensor->count; i++)
            direction[i] = (lw_rng_u32(&rng) & 1 ? 1 : -1) / sqrt((double)tensor->count);
        snprintf(what, sizeof what, "along direction %d", d);
        add_probe(checked, t, direction, gradient, what, probes, &n_probes, report);
    }
    free(direction);
    judge_tensor(checked, t, probes, n_probes, report);
}

gradient_report gradient_check(const gradient_case *checked, float *const *gradients, int samples,
                               int directions)
{
    gradient_report report = {0};
    for (size_t t = 0; t < checked->reference.n_tensors; t++)
        check_tensor(checked, t, gradients[t], samples, directions, &report);
    return report;
}
