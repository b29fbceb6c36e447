// SPDX-License-Identifier: Apache-2.0
// The engine against the oracle: logits, loss and gradients of every layer kind, alone and in
// company, and the same bits for any number of threads.
#include "grad/gradient_check.h"
#include "nn/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A model with a case's parameters, and what it answers.
typedef struct engine_run {
    lw_model *model;
    size_t n_tensors;
    float *images, *logits;
    float **gradients;
    double loss;
} engine_run;

static float *to_floats(const double *values, size_t count)
{
    float *floats = malloc(count * sizeof *floats);
    assert_non_null(floats);
    for (size_t i = 0; i < count; i++) floats[i] = (float)values[i];
    return floats;
}

#define ASSERT_OK(call)                                                                            \
    do {                                                                                           \
        if (call) fail_msg("%s", lw_error_message());                                              \
    } while (0)

// The model's tensors must be the oracle's: same names, shapes and order.
static void expect_tensor(const lw_parameter_info *info, const reference_tensor *tensor)
{
    char name[48];
    snprintf(name, sizeof name, "%s.%s", tensor->layer->name, tensor->is_bias ? "bias" : "weight");
    assert_string_equal(info->name, name);
    assert_int_equal(info->rank, tensor->rank);
    for (int axis = 0; axis < tensor->rank; axis++)
        assert_int_equal(info->shape[axis], tensor->shape[axis]);
    assert_int_equal(info->count, tensor->count);
}

static void engine_create(engine_run *run, const gradient_case *made)
{
    const reference_network *reference = &made->reference;
    lw_extent input = reference->input;
    *run = (engine_run){.n_tensors = reference->n_tensors};
    ASSERT_OK(lw_model_create(&run->model, made->network, 1));
    assert_int_equal(lw_model_parameter_count(run->model), reference->n_tensors);
    run->gradients = calloc(reference->n_tensors, sizeof(float *));
    assert_non_null(run->gradients);
    for (size_t t = 0; t < reference->n_tensors; t++) {
        const reference_tensor *tensor = reference->tensors[t];
        lw_parameter_info info;
        ASSERT_OK(lw_model_parameter_info(run->model, t, &info));
        expect_tensor(&info, tensor);
        run->gradients[t] = to_floats(made->parameters + tensor->offset, tensor->count);
        ASSERT_OK(lw_model_set_parameter(run->model, t, run->gradients[t]));
    }
    run->images = to_floats(made->images, (size_t)made->n * (size_t)input.channels *
                                              (size_t)input.height * (size_t)input.width);
    run->logits = calloc((size_t)(made->n * reference->classes), sizeof *run->logits);
    assert_non_null(run->logits);
}

static void engine_destroy(engine_run *run)
{
    for (size_t t = 0; t < run->n_tensors; t++) free(run->gradients[t]);
    free(run->gradients);
    free(run->images);
    free(run->logits);
    lw_model_destroy(&run->model);
}

// ---- comparisons

static bool is_close(double expected, double got, double bound)
{
    return fabs(got - expected) <= bound; // NaN is not close
}

static void check_logits(const gradient_case *made, const engine_run *run)
{
    double largest = 1;
    size_t count = (size_t)(made->n * made->reference.classes);
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(made->logits[i]));
    double bound = made->tolerance * largest;
    for (size_t i = 0; i < count; i++)
        if (!is_close(made->logits[i], (double)run->logits[i], bound))
            fail_msg("logit %zu: expected %.9g, got %.9g, bound %.3g\n%s", i, made->logits[i],
                     (double)run->logits[i], bound, lw_network_text(made->network));
    // The loss moves at most twice as far as the logits.
    if (!is_close(made->loss, run->loss, 2 * bound))
        fail_msg("loss: expected %.9g, got %.9g, bound %.3g\n%s", made->loss, run->loss, 2 * bound,
                 lw_network_text(made->network));
}

// The same run on several threads, with other garbage in the arrays: the bits must not differ.
static void check_threads(const gradient_case *made, const engine_run *run)
{
    static const int32_t thread_counts[] = {2, 3, 8};
    const reference_network *reference = &made->reference;
    for (size_t i = 0; i < 3; i++) {
        engine_run other;
        engine_create(&other, made);
        ASSERT_OK(lw_model_gradients(other.model, other.images, made->labels, made->n,
                                     reference->input, thread_counts[i], &other.loss,
                                     other.gradients));
        ASSERT_OK(lw_model_forward(other.model, other.images, made->n, reference->input,
                                   thread_counts[i], other.logits));
        bool same = memcmp(&run->loss, &other.loss, sizeof run->loss) == 0 &&
                    memcmp(run->logits, other.logits,
                           (size_t)(made->n * reference->classes) * sizeof *run->logits) == 0;
        for (size_t t = 0; t < reference->n_tensors; t++)
            same = same && memcmp(run->gradients[t], other.gradients[t],
                                  reference->tensors[t]->count * sizeof(float)) == 0;
        engine_destroy(&other);
        if (!same)
            fail_msg("%d threads give other bits than 1\n%s", thread_counts[i],
                     lw_network_text(made->network));
    }
}

// Winograd's transforms add and subtract what they multiply by up to 3/2 and its powers: measured
// against double, its outputs are some 2 to 4 times as far off as sums (docs/numerics.md). So the sum
// of a pass that runs that way counts three times more in gradient_check.c's estimate.
static void allow_for_winograd(gradient_case *made, const lw_model *model)
{
    for (size_t w = 0; w < model->layout.n_weights; w++) {
        const lw_layer_weights *weights = &model->layout.weights[w];
        for (int pass = 0; !weights->linear && pass < LW_N_PASSES; pass++) {
            if (!lw_parameter_uses_winograd(&model->layout, weights, (lw_conv_pass)pass)) continue;
            int32_t channels = pass == LW_CONV_BACKWARD_DATA ? weights->conv.oc : weights->conv.ic;
            made->tolerance += 4 * ldexp(3 * sqrt(9.0 * channels), -24);
        }
    }
}

// How many probes fell on kinks, over all cases of this program.
static int64_t all_checked, all_skipped;

static void check_case(gradient_case *made, int samples, int directions)
{
    engine_run run;
    engine_create(&run, made);
    allow_for_winograd(made, run.model);
    lw_extent input = made->reference.input;
    ASSERT_OK(lw_model_forward(run.model, run.images, made->n, input, 1, run.logits));
    ASSERT_OK(lw_model_gradients(run.model, run.images, made->labels, made->n, input, 1, &run.loss,
                                 run.gradients));
    check_logits(made, &run);
    gradient_report report = gradient_check(made, run.gradients, samples, directions);
    if (report.mismatches)
        fail_msg("%lld of %lld gradients are wrong, first %s (%d images)\n%s",
                 (long long)report.mismatches, (long long)report.checked, report.sentence, made->n,
                 lw_network_text(made->network));
    // Every draw keeps clear of kinks by some steps; deep networks magnify a step.
    assert_in_range(report.skipped, 0, (report.checked + report.skipped) / 4);
    all_checked += report.checked;
    all_skipped += report.skipped;
    check_threads(made, &run);
    engine_destroy(&run);
    gradient_case_free(made);
}

typedef struct test_network {
    lw_extent input;
    int32_t n;
    const char *layers;
} test_network;

// `samples` gradients of each tensor are looked at one by one, and three sums of them all.
static void check_networks(const test_network *networks, size_t count, int samples)
{
    for (size_t i = 0; i < count; i++) {
        gradient_case made;
        gradient_case_create(&made, networks[i].input, networks[i].layers, networks[i].n, i + 1);
        check_case(&made, samples, 3);
    }
}

#define CHECK_NETWORKS(networks, samples) \
    check_networks(networks, sizeof(networks) / sizeof(networks)[0], samples)

// ---- the cases

static void test_convolutions(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{1, 5, 6}, 1, "conv 1 3\nlinear 4"},
        {{2, 5, 6}, 2, "conv 2 3\nlinear 4"},
        {{3, 9, 8}, 2, "conv 3 5\nlinear 4"},
        {{3, 9, 8}, 2, "conv 3 5 pad 1\nlinear 4"},
        {{2, 7, 9}, 1, "conv 5 4 pad 2\nlinear 3"},
        {{2, 9, 9}, 1, "conv 7 3\nlinear 3"},
        {{4, 6, 5}, 1, "conv 3x1 3\nlinear 3"},
        {{4, 6, 5}, 1, "conv 1x3 3 pad 0x1\nlinear 3"},
        {{2, 1, 19}, 1, "conv 1x3 5\nlinear 3"},
        {{2, 6, 5}, 1, "conv 4x2 3 pad 3\nlinear 3"},
        {{2, 3, 3}, 1, "conv 3 3 pad 4x3\nlinear 3"}, // windows that see only padding
        {{3, 9, 8}, 2, "conv 3 4 stride 2\nlinear 3"},
        {{3, 9, 11}, 1, "conv 3 4 stride 2x3 pad 1\nlinear 3"},
        {{3, 9, 11}, 1, "conv 2 4 stride 3\nlinear 3"}, // strides over pixels that nobody reads
        {{2, 9, 8}, 1, "conv 3 4 dilation 2\nlinear 3"},
        {{2, 11, 10}, 2, "conv 3x5 4 stride 1x2 pad 2x3 dilation 2x1 no_bias\nlinear 3"},
        {{2, 6, 6}, 1, "conv 3 4 no_bias\nlinear 3 no_bias"},
    };
    CHECK_NETWORKS(networks, 40);
}

static void test_relu_and_fused_pool(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{2, 6, 6}, 2, "conv 3 4 pad 1\nrelu\nlinear 3"},
        {{2, 6, 6}, 2, "conv 3 4 pad 1\nmaxpool 2\nlinear 3"},
        {{2, 8, 6}, 3, "conv 3 4 pad 1\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 7, 7}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 7, 6}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 6, 7}, 2, "conv 3 4 pad 1\nmaxpool 2\nrelu\nlinear 3"},
        {{2, 5, 5}, 2, "conv 3 4\nrelu\nmaxpool 2\nlinear 3"}, // 3x3 to 1x1
        {{1, 13, 9}, 2, "conv 3 4\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 9, 9}, 2, "conv 3 4 no_bias\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 9, 9}, 2, "conv 5 4 pad 2\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 11, 13}, 2, "conv 3 4 stride 2 pad 1\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 11, 12}, 2, "conv 3 4 dilation 2\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 7, 7}, 2, "conv 3x1 4\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 9, 8}, 2, "conv 1 4\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 7, 7}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2 stride 1\nlinear 3"},
        {{2, 8, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2 stride 3\nlinear 3"},
        {{2, 8, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2 stride 2x1\nlinear 3"},
        {{2, 7, 7}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2 pad 1\nlinear 3"},
        {{2, 8, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2x3\nlinear 3"},
        {{2, 9, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 3 stride 2\nlinear 3"},
        {{2, 9, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 3 stride 2 pad 1\nlinear 3"},
        {{2, 9, 9}, 2, "conv 3 4 pad 1\nrelu\navgpool 2\nlinear 3"},
        {{2, 6, 6}, 2, "conv 3 4 pad 1\nrelu\nrelu\nmaxpool 2\nrelu\nlinear 3"},
    };
    CHECK_NETWORKS(networks, 40);
}

static void test_pools(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{3, 6, 6}, 2, "maxpool 2\nconv 3 4\nlinear 3"},
        {{3, 7, 7}, 2, "maxpool 3 stride 2\nconv 3 4\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\nmaxpool 3 stride 2 pad 1\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\nmaxpool 3 stride 1 pad 1\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\nmaxpool 1x2 stride 3x2\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\nmaxpool 7x9\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\nmaxpool 2\nmaxpool 2 stride 1\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\navgpool 2\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\navgpool 3 stride 2 pad 1\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\navgpool 2x3 stride 1\nlinear 3"},
        {{3, 7, 9}, 2, "conv 1 4\navgpool 2 stride 3\nlinear 3"},
        {{3, 7, 9}, 2, "avgpool 2\nconv 3 4 pad 1\nrelu\navgpool 2\nrelu\nlinear 3"},
        {{3, 7, 9}, 2, "conv 3 4 pad 1\nglobal_maxpool\nlinear 3"},
        {{3, 7, 9}, 2, "conv 3 4 pad 1\nglobal_meanpool\nlinear 3"},
        {{3, 7, 9}, 2, "conv 3 17 pad 1\nrelu\nglobal_maxpool\nrelu\nlinear 3"},
        {{3, 7, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2\nglobal_meanpool\nlinear 3"},
        {{3, 7, 9}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2\nglobal_maxpool\nlinear 3"},
        {{3, 7, 9}, 2, "global_meanpool\nlinear 3"},
        {{3, 5, 4}, 2, "conv 3 4 pad 1\nrelu\nglobal_maxpool\nconv 1 6\nrelu\nlinear 3"},
        {{3, 5, 4}, 2, "conv 3 4 pad 1\nrelu\nglobal_meanpool\nconv 3 6 pad 1\nlinear 3"},
    };
    CHECK_NETWORKS(networks, 40);
}

static void test_chains(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{2, 6, 7}, 2, "conv 3 4\nconv 3 5\nlinear 3"},
        {{2, 6, 7}, 2, "conv 3 4 pad 1\nrelu\nconv 3 5 pad 1\nrelu\nlinear 3"},
        {{2, 6, 7}, 2, "conv 3 4 pad 2\nrelu\nconv 1 5\nrelu\nconv 5 3 pad 2\nrelu\nlinear 3"},
        {{2, 9, 7}, 2, "conv 3 4 stride 2 pad 1\nrelu\nconv 3 5 stride 2\nlinear 3"},
        {{2, 9, 9}, 2, "conv 3 4 dilation 2 pad 2\nrelu\nconv 3 5 dilation 3 pad 3\nlinear 3"},
        {{2, 7, 7}, 2, "conv 3 4 pad 1\nmaxpool 2\nconv 3 5 pad 1\nmaxpool 2\nlinear 3"},
        {{2, 8, 8}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 3 stride 2\nconv 3 5 pad 1\nlinear 3"},
        {{2, 8, 8}, 2, "conv 3 4 pad 1\nrelu\navgpool 2\nconv 3 5 pad 2\nrelu\nlinear 3"},
        {{2, 8, 8}, 2, "conv 3 4 pad 1\nrelu\nmaxpool 2\nrelu\nconv 3 5 pad 1\nlinear 3"},
        {{2, 8, 8}, 2, "relu\nconv 3 4\nlinear 3"},
        {{2, 9, 9}, 2, "conv 3x5 4 pad 1x2\nrelu\nmaxpool 2\nconv 5x3 5 pad 2x1\nrelu\nlinear 3"},
        // Outputs that a later pool drops, through three convolutions without padding.
        {{1, 28, 28},
         2,
         "conv 3 4\nrelu\nmaxpool 2\nconv 3 5\nrelu\nmaxpool 2\nconv 3 3\nrelu\n"
         "maxpool 2\nlinear 3"},
        {{1, 15, 11},
         2,
         "conv 3 4 pad 1\nrelu\nmaxpool 2\nconv 3 5 pad 1\nrelu\nmaxpool 2\n"
         "linear 3"},
        {{1, 14, 17},
         2,
         "conv 3 4\nrelu\nconv 3 4\nrelu\nmaxpool 2\nconv 3 5\nrelu\nmaxpool 3\n"
         "linear 3"},
    };
    CHECK_NETWORKS(networks, 40);
}

// Convolutions with channels enough for Winograd, on maps of tiles of 4, 3, 2 and a lone 1.
static void test_winograd(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{2, 9, 10}, 2, "conv 1 16\nrelu\nconv 3 16 pad 1\nrelu\nmaxpool 2\nlinear 3"},
        {{2, 7, 6}, 3, "conv 1 17\nrelu\nconv 3 33\nrelu\nconv 3 16 pad 1\nlinear 3"},
        {{2, 3, 3}, 2, "conv 1 16\nrelu\nconv 3 16\nrelu\nlinear 3"},
        {{5, 13, 7}, 9, "conv 3 20 pad 1\nrelu\nconv 3 16\nrelu\nmaxpool 2\nlinear 3"},
        {{1, 8, 9}, 2, "conv 1 16\nconv 3 16 pad 2\nmaxpool 2\nconv 3 18\nrelu\nlinear 3"},
        {{1, 8, 9}, 2, "conv 1 16\nrelu\nconv 3 16 pad 1 no_bias\nglobal_meanpool\nlinear 3"},
        // Backward as well: no pool behind, and no linear layer.
        {{2, 7, 6}, 3, "conv 1 17\nrelu\nconv 3 33 pad 1\nrelu\nconv 3 16\nrelu\nconv 3 3\nlinear 3"},
        {{2, 6, 5}, 9, "conv 1 16\nrelu\nconv 3 20 pad 2\nrelu\ndropout 0.5\nlinear 3"},
        {{2, 9, 8}, 2, "conv 1 80\nrelu\nconv 3 16 pad 1\nrelu\nmaxpool 3 stride 2\nlinear 3"},
        {{2, 9, 9}, 2, "conv 1 16\nrelu\nconv 3 70 pad 1\nconv 1 3 stride 2\nglobal_meanpool"},
        {{17, 6, 7}, 2, "conv 3 16 pad 1\nrelu\nconv 3 16 pad 1\nrelu\nconv 1 3\nglobal_maxpool"},
        // Of the padded convolution's outputs only some are read.
        {{2, 11, 10}, 2, "conv 1 16\nrelu\nconv 3 16 pad 1\nrelu\nconv 3 16 pad 1\nrelu\n"
                         "maxpool 4\nlinear 3"},
    };
    CHECK_NETWORKS(networks, 8); // these are large
}

// Convolutions whose backward passes multiply everything (stage_dense.h): without a ReLU, or of few
// taps; each next to a convolution of the other kind, with halos of either size.
static void test_dense_backward(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{3, 9, 8}, 2, "conv 3 20 pad 1\nrelu\nconv 1 17\nrelu\nconv 3 5 pad 1\nrelu\nlinear 3"},
        {{2, 7, 9}, 9, "conv 1 16\nrelu\nconv 1 33 stride 2\nrelu\nconv 1 3\nglobal_meanpool"},
        {{2, 7, 9}, 2, "conv 1 18\nrelu\nconv 2 35 stride 2 pad 1\nrelu\nlinear 3"},
        {{2, 8, 7}, 2, "conv 1 5\nrelu\nconv 1x3 17 pad 0x1\nrelu\nconv 3x1 4\nrelu\nlinear 3"},
        {{2, 9, 9}, 2, "conv 1 20\nconv 5 18 stride 2 pad 2\nconv 5 6 pad 2\nglobal_maxpool"},
        {{2, 11, 12}, 2, "conv 1 5\nconv 3x5 18 stride 1x2 pad 2x3 dilation 2x1\nlinear 3"},
        {{17, 10, 9}, 3, "conv 3 19 stride 2 pad 1\nconv 4 3 stride 5\nlinear 3"},
        {{2, 17, 17}, 1, "conv 1 4\nconv 3 16 stride 3\ndropout 0.5\navgpool 2\nlinear 3"},
        // First layers with few channels, and with many.
        {{1, 20, 19}, 9, "conv 5 35 pad 2\nconv 1 4\nrelu\nglobal_meanpool"},
        {{4, 9, 10}, 3, "conv 3x2 17 stride 2x1 dilation 1x3\nmaxpool 3\nlinear 3"},
        {{5, 9, 10}, 3, "conv 3 17 pad 1\nrelu\nconv 2 40\nrelu\nmaxpool 3 stride 2\nlinear 3"},
        // More outputs than a strip has, of one image and in rows that are longer.
        {{1, 24, 23}, 2, "conv 1 16\nrelu\nconv 1 3\nrelu\nglobal_meanpool"},
        {{1, 2, 300}, 1, "conv 1 3\nrelu\nconv 2 17\nrelu\nglobal_meanpool\nlinear 3"},
        // Of the outputs only some are read.
        {{2, 11, 10}, 2, "conv 1 16\nrelu\nconv 1 17 pad 1\nrelu\nmaxpool 4\nlinear 3"},
        // Weights larger than the second-level cache.
        {{1, 4, 4}, 1, "conv 1 130\nrelu\nconv 4 130 pad 2\nrelu\nglobal_meanpool\nlinear 3"},
    };
    CHECK_NETWORKS(networks, 12);
}

static void test_linear_ends(void **state)
{
    (void)state;
    static const test_network networks[] = {
        {{1, 1, 1}, 1, "linear 2"},
        {{3, 4, 5}, 3, "linear 10"},
        {{3, 4, 5}, 3, "flatten\nlinear 10"},
        {{17, 2, 3}, 3, "linear 33\nrelu\nlinear 10"},
        {{3, 4, 5}, 3, "linear 16 no_bias\nrelu\nlinear 20\nlinear 7 no_bias"},
        {{3, 4, 5}, 3, "relu\nlinear 16\nrelu\nrelu\nlinear 1"},
        {{3, 4, 5}, 3, "linear 81\nrelu\nflatten\nlinear 100"},
        // Many weights: a group of images goes through them together.
        {{1, 16, 15}, 9, "linear 150\nrelu\nlinear 250\nrelu\nlinear 5"},
        {{2, 9, 8}, 11, "conv 3 16 pad 1\nrelu\nlinear 31 no_bias\ndropout 0.5\nlinear 3"},
        {{3, 4, 5}, 3, "dropout 0.5\nlinear 9\nrelu\ndropout 0.25\nlinear 5"},
        {{3, 6, 5}, 3, "conv 3 4 pad 1\nrelu\ndropout 0.5\nmaxpool 2\ndropout 0.9\nlinear 5"},
        {{3, 6, 5}, 3, "conv 3 4 pad 1\nrelu\nflatten\ndropout 0.5\nlinear 5"},
        // Without a linear layer: the last map is the logits.
        {{3, 6, 5}, 3, "conv 3 4 pad 1\nrelu\nmaxpool 2\nconv 1 7\nglobal_meanpool"},
        {{3, 6, 5}, 3, "conv 3 20 pad 1\nglobal_maxpool"},
        {{3, 3, 3}, 3, "conv 3 5"},
        {{3, 4, 4}, 3, "conv 3 5\nrelu\nmaxpool 2"},
        {{3, 3, 3}, 3, "conv 3 5\nrelu\nflatten"},
        {{2, 4, 3}, 3, "linear 12\nrelu"},
    };
    CHECK_NETWORKS(networks, 40);
}

// Channel counts around the vector widths, as inputs and outputs, through the fused stage.
static void test_channel_counts(void **state)
{
    (void)state;
    static const int inputs[] = {1, 2, 3, 5, 16, 17, 33}, outputs[] = {1, 3, 10, 16, 81};
    for (size_t i = 0; i < 7; i++)
        for (size_t o = 0; o < 5; o++) {
            char layers[200];
            // The first convolution makes the channels, so that the second has a backward pass.
            snprintf(layers, sizeof layers,
                     "conv 1 %d\nrelu\nconv 3 %d pad 1\nrelu\nmaxpool 2\nglobal_meanpool\nlinear 3",
                     inputs[i], outputs[o]);
            gradient_case made;
            gradient_case_create(&made, (lw_extent){inputs[i], 5, 4}, layers, 2, i * 5 + o);
            check_case(&made, 20, 2);
        }
}

static void test_batch_sizes(void **state)
{
    (void)state;
    static const int32_t sizes[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 33};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        gradient_case made;
        gradient_case_create(&made, (lw_extent){2, 7, 6},
                             "conv 3 5 pad 1\nrelu\nmaxpool 2\nconv 3 4\nrelu\nlinear 3", sizes[i],
                             i);
        check_case(&made, 10, 3);
    }
}

static void check_shipped(const char *name, lw_extent input, int32_t n)
{
    char path[1024];
    snprintf(path, sizeof path, LW_SOURCE_DIR "/networks/%s.net", name);
    lw_network *network;
    ASSERT_OK(lw_network_load(&network, path));
    gradient_case made;
    gradient_case_create_of(&made, network, input, n, 1);
    check_case(&made, 3, 2);
}

static void test_shipped_networks(void **state)
{
    (void)state;
    check_shipped("fixed", (lw_extent){1, 28, 28}, 1);
    check_shipped("varres", (lw_extent){1, 17, 23}, 2);
    check_shipped("varres", (lw_extent){1, 8, 8}, 3);
    check_shipped("varres_max", (lw_extent){1, 28, 19}, 1);
    check_shipped("lab_small", (lw_extent){1, 28, 28}, 1);
    check_shipped("lab", (lw_extent){1, 28, 28}, 1);
}

// A caller may leave out gradients; the others stay the same.
static void test_unwanted_gradients(void **state)
{
    (void)state;
    gradient_case made;
    gradient_case_create(&made, (lw_extent){2, 6, 6}, "conv 3 4\nrelu\nmaxpool 2\nlinear 3", 3, 1);
    engine_run all, some;
    engine_create(&all, &made);
    engine_create(&some, &made);
    lw_extent input = made.reference.input;
    ASSERT_OK(lw_model_gradients(all.model, all.images, made.labels, 3, input, 1, &all.loss,
                                 all.gradients));
    float *wanted[4] = {NULL, some.gradients[1], some.gradients[2], NULL};
    ASSERT_OK(
        lw_model_gradients(some.model, some.images, made.labels, 3, input, 1, &some.loss, wanted));
    assert_true(all.loss == some.loss);
    for (size_t t = 1; t <= 2; t++)
        assert_memory_equal(all.gradients[t], some.gradients[t],
                            made.reference.tensors[t]->count * sizeof(float));
    engine_destroy(&all);
    engine_destroy(&some);
    gradient_case_free(&made);
}

// Last: few of all the probes fell on kinks.
static void test_few_were_skipped(void **state)
{
    (void)state;
    assert_true(all_checked > 10000);
    assert_true(all_skipped * 50 < all_checked);
}

static void test_is_close(void **state)
{
    (void)state;
    assert_true(is_close(1, 1.5, 0.5));
    assert_false(is_close(1, 1.6, 0.5));
    assert_false(is_close(1, 0.4, 0.5));
    assert_false(is_close(1, NAN, 0.5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_close),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_relu_and_fused_pool),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_dense_backward),
        cmocka_unit_test(test_linear_ends),
        cmocka_unit_test(test_channel_counts),
        cmocka_unit_test(test_batch_sizes),
        cmocka_unit_test(test_shipped_networks),
        cmocka_unit_test(test_unwanted_gradients),
        cmocka_unit_test(test_few_were_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
