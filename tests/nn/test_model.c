// SPDX-License-Identifier: Apache-2.0
// A model as its users meet it: parameters, initial values, bytes as input, and every refusal.
#include <lanewise/model.h>

#include "base/limits.h"
#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ASSERT_OK(call)                                                                            \
    do {                                                                                           \
        if (call) fail_msg("%s", lw_error_message());                                              \
    } while (0)

static const char small_text[] = "input 3x?x?\nconv 3 17 pad 1\nrelu\nmaxpool 2\n"
                                 "conv 3 8 pad 1 no_bias\nrelu\nglobal_meanpool\nlinear 5\n"
                                 "softmax_cross_entropy\n";
enum { classes = 5, channels = 3 };

static lw_model *make_model(uint64_t seed)
{
    lw_network *network;
    lw_model *model;
    ASSERT_OK(lw_network_parse(&network, small_text, strlen(small_text), "small.net"));
    ASSERT_OK(lw_model_create(&model, network, seed));
    lw_network_destroy(&network); // the model has its own
    return model;
}

static void expect(lw_status got, lw_status status, const char *sentence)
{
    assert_int_equal(got, status);
    assert_string_equal(lw_error_message(), sentence);
}

// ---- parameters

static void test_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t rank;
        int64_t shape[4];
        size_t count;
    } expected[] = {
        {"conv1.weight", 4, {17, 3, 3, 3}, 459},
        {"conv1.bias", 1, {17}, 17},
        {"conv2.weight", 4, {8, 17, 3, 3}, 1224},
        {"linear1.weight", 2, {5, 8}, 40},
        {"linear1.bias", 1, {5}, 5},
    };
    lw_model *model = make_model(1);
    assert_int_equal(lw_model_parameter_count(model), 5);
    for (size_t i = 0; i < 5; i++) {
        lw_parameter_info info;
        ASSERT_OK(lw_model_parameter_info(model, i, &info));
        assert_string_equal(info.name, expected[i].name);
        assert_int_equal(info.rank, expected[i].rank);
        for (int32_t axis = 0; axis < info.rank; axis++)
            assert_int_equal(info.shape[axis], expected[i].shape[axis]);
        assert_int_equal(info.count, expected[i].count);
        // What is put in comes out, bit for bit.
        float given[1224], got[1224];
        for (size_t k = 0; k < info.count; k++) given[k] = (float)(k + 1) * 0.25F - (float)i;
        ASSERT_OK(lw_model_set_parameter(model, i, given));
        ASSERT_OK(lw_model_get_parameter(model, i, got));
        assert_memory_equal(given, got, info.count * sizeof *given);
    }
    float value[1224];
    lw_parameter_info info;
    static const char sentence[] = "parameter index: expected less than 5, got 5";
    expect(lw_model_parameter_info(model, 5, &info), LW_ERROR_ARGUMENT, sentence);
    expect(lw_model_get_parameter(model, 5, value), LW_ERROR_ARGUMENT, sentence);
    expect(lw_model_set_parameter(model, 5, value), LW_ERROR_ARGUMENT, sentence);
    lw_model_destroy(&model);
    assert_null(model);
    lw_model_destroy(&model);
    lw_model_destroy(NULL);
}

// Uniform within +-1/sqrt(fan_in), weights and biases; the same for a seed, other for another.
static void test_initial_values(void **state)
{
    (void)state;
    static const double fan_in[] = {27, 27, 153, 8, 8};
    lw_model *model = make_model(7), *same = make_model(7), *other = make_model(8);
    for (size_t i = 0; i < 5; i++) {
        lw_parameter_info info;
        ASSERT_OK(lw_model_parameter_info(model, i, &info));
        float values[1224], again[1224], others[1224];
        ASSERT_OK(lw_model_get_parameter(model, i, values));
        ASSERT_OK(lw_model_get_parameter(same, i, again));
        ASSERT_OK(lw_model_get_parameter(other, i, others));
        assert_memory_equal(values, again, info.count * sizeof *values);
        assert_memory_not_equal(values, others, info.count * sizeof *values);
        double bound = 1 / sqrt(fan_in[i]), sum = 0, squares = 0, count = (double)info.count;
        for (size_t k = 0; k < info.count; k++) {
            double value = (double)values[k];
            assert_true(fabs(value) <= bound * (1 + 1e-6));
            sum += value;
            squares += value * value;
        }
        // Mean 0 and variance bound^2 / 3, within five standard deviations of their estimates.
        double deviation = bound / sqrt(3);
        assert_true(fabs(sum / count) < 5 * deviation / sqrt(count));
        assert_true(fabs(squares / count / (bound * bound / 3) - 1) < 5 * 0.9 / sqrt(count));
    }
    lw_model_destroy(&model);
    lw_model_destroy(&same);
    lw_model_destroy(&other);
}

// ---- bytes

typedef struct picture {
    uint8_t pixels[channels * 16 * 16]; // (h, w, c)
    lw_sample sample;
} picture;

static void draw(picture *drawn, int32_t height, int32_t width, int32_t label, uint64_t seed)
{
    lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, 0, 0);
    for (size_t i = 0; i < sizeof drawn->pixels; i++)
        drawn->pixels[i] = (uint8_t)lw_rng_below(&rng, 256);
    drawn->sample = (lw_sample){drawn->pixels, channels, height, width, label};
}

// Class probabilities by the plain way: normalise, forward, softmax.
static void predict_plainly(const lw_model *model, const lw_sample *sample, double *probabilities)
{
    float image[channels * 16 * 16], logits[classes];
    lw_normalization by = lw_model_normalization(model);
    int32_t places = sample->height * sample->width;
    for (int32_t c = 0; c < channels; c++)
        for (int32_t i = 0; i < places; i++)
            image[c * places + i] =
                ((float)sample->pixels[i * channels + c] / 255.0F - by.mean[c]) / by.stddev[c];
    lw_extent extent = {channels, sample->height, sample->width};
    ASSERT_OK(lw_model_forward(model, image, 1, extent, 1, logits));
    double sum = 0;
    for (int i = 0; i < classes; i++) sum += probabilities[i] = exp((double)logits[i]);
    for (int i = 0; i < classes; i++) probabilities[i] /= sum;
}

static void test_predict(void **state)
{
    (void)state;
    lw_model *model = make_model(3);
    lw_normalization own = {{0.1F, 0.2F, 0.3F, 0}, {0.5F, 0.25F, 2, 1}};
    picture drawn;
    for (int turn = 0; turn < 2; turn++) {
        draw(&drawn, 7 + turn, 12, 0, 1);
        double expected[classes];
        float got[classes];
        predict_plainly(model, &drawn.sample, expected);
        ASSERT_OK(lw_model_predict(model, &drawn.sample, got));
        for (int i = 0; i < classes; i++) assert_true(fabs((double)got[i] - expected[i]) < 1e-6);
        ASSERT_OK(lw_model_set_normalization(model, own)); // for the second turn
    }
    float got[classes];
    drawn.sample.channels = 1;
    expect(lw_model_predict(model, &drawn.sample, got), LW_ERROR_INPUT,
           "input: expected 3 channels, got 1");
    draw(&drawn, 1, 9, 0, 1);
    expect(
        lw_model_predict(model, &drawn.sample, got), LW_ERROR_INPUT,
        "maxpool1 (line 4): a 1x9 map is too small for a 2x2 window; the network needs images of "
        "at least 2x2");
    lw_model_destroy(&model);
}

static void test_evaluate(void **state)
{
    (void)state;
    enum { count = 40 };
    lw_model *model = make_model(3);
    static uint8_t pixels[count * channels * 64];
    int32_t labels[count];
    lw_rng rng = lw_rng_stream(2, LW_RNG_TEST, 0, 0);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)lw_rng_below(&rng, 256);
    for (int i = 0; i < count; i++) labels[i] = (int32_t)lw_rng_below(&rng, classes);
    lw_dataset *dataset;
    ASSERT_OK(
        lw_dataset_create(&dataset, "noise", pixels, labels, count, channels, 8, 8, classes, NULL));
    double loss = 0;
    int64_t correct = 0, confusion[classes * classes] = {0};
    for (size_t i = 0; i < count; i++) {
        lw_sample sample = lw_dataset_get(dataset, i);
        double probabilities[classes];
        predict_plainly(model, &sample, probabilities);
        int best = 0;
        for (int k = 1; k < classes; k++)
            if (probabilities[k] > probabilities[best]) best = k;
        correct += best == labels[i];
        confusion[labels[i] * classes + best]++;
        loss -= log(probabilities[labels[i]]) / count;
    }
    double first_loss = 0;
    for (int32_t threads = 1; threads <= 4; threads++) {
        lw_metrics metrics;
        ASSERT_OK(lw_model_evaluate(model, dataset, threads, &metrics));
        assert_int_equal(metrics.count, count);
        assert_int_equal(metrics.correct, correct);
        assert_int_equal(metrics.classes, classes);
        assert_memory_equal(metrics.confusion, confusion, sizeof confusion);
        assert_true(fabs(metrics.loss - loss) < 1e-6);
        if (threads == 1) first_loss = metrics.loss;
        assert_memory_equal(&metrics.loss, &first_loss, sizeof first_loss);
        lw_metrics_destroy(&metrics);
    }
    lw_dataset_destroy(&dataset);
    lw_model_destroy(&model);
}

// ---- refusals

static void test_batches(void **state)
{
    (void)state;
    lw_model *model = make_model(1);
    static float images[2 * channels * 64];
    float logits[2 * classes];
    int32_t labels[2] = {0, 4};
    double loss;
    lw_extent good = {channels, 8, 8};
    ASSERT_OK(lw_model_forward(model, images, 2, good, 0, logits));
    ASSERT_OK(lw_model_gradients(model, images, labels, 2, good, 0, &loss, NULL));
    expect(lw_model_forward(model, images, 2, (lw_extent){8, 8, 8}, 1, logits), LW_ERROR_INPUT,
           "input: expected 3 channels, got 8");
    expect(
        lw_model_forward(model, images, 2, (lw_extent){3, 1, 8}, 1, logits), LW_ERROR_INPUT,
        "maxpool1 (line 4): a 1x8 map is too small for a 2x2 window; the network needs images of "
        "at least 2x2");
    for (int32_t n = -1; n <= 0; n++) {
        assert_int_equal(lw_model_forward(model, images, n, good, 1, logits), LW_ERROR_ARGUMENT);
        assert_int_equal(lw_model_gradients(model, images, labels, n, good, 1, &loss, NULL),
                         LW_ERROR_ARGUMENT);
    }
    assert_int_equal(lw_model_forward(model, images, 2, good, -1, logits), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_model_gradients(model, images, labels, 2, good, -1, &loss, NULL),
                     LW_ERROR_ARGUMENT);
    assert_int_equal(lw_model_forward(NULL, images, 2, good, 1, logits), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_model_forward(model, NULL, 2, good, 1, logits), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_model_forward(model, images, 2, good, 1, NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_model_gradients(model, images, NULL, 2, good, 1, &loss, NULL),
                     LW_ERROR_ARGUMENT);
    static const int32_t wrong[] = {-1, classes, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        char sentence[100];
        snprintf(sentence, sizeof sentence, "labels[1]: expected 0 to 4, got %d", wrong[i]);
        labels[1] = wrong[i];
        expect(lw_model_gradients(model, images, labels, 2, good, 1, &loss, NULL),
               LW_ERROR_ARGUMENT, sentence);
    }
    lw_model_destroy(&model);
}

static void test_names_and_normalization(void **state)
{
    (void)state;
    lw_model *model = make_model(1);
    static const char *const names[] = {"ant", "bee", "cat", "dog", "eel"};
    assert_string_equal(lw_model_class_name(model, 3), "3");
    ASSERT_OK(lw_model_set_class_names(model, names, 5));
    assert_string_equal(lw_model_class_name(model, 3), "dog");
    expect(lw_model_set_class_names(model, names, 4), LW_ERROR_ARGUMENT,
           "class names: expected 5, got 4");
    assert_string_equal(lw_model_class_name(model, 4), "eel");
    assert_string_equal(lw_model_class_name(model, 5), "?");
    assert_string_equal(lw_model_class_name(model, -1), "?");
    lw_normalization normalization = lw_model_normalization(model);
    assert_true(normalization.mean[0] == 0.0F && normalization.stddev[0] == 1.0F);
    static const float wrong[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        normalization.stddev[1] = wrong[i];
        assert_int_equal(lw_model_set_normalization(model, normalization), LW_ERROR_ARGUMENT);
    }
    normalization = lw_model_normalization(model);
    assert_true(normalization.stddev[1] == 1.0F); // a refusal changes nothing
    normalization.mean[2] = NAN;
    assert_int_equal(lw_model_set_normalization(model, normalization), LW_ERROR_ARGUMENT);
    lw_model_destroy(&model);
}

static void test_create_refuses(void **state)
{
    (void)state;
    lw_model *model = (lw_model *)&model;
    assert_int_equal(lw_model_create(&model, NULL, 1), LW_ERROR_ARGUMENT);
    assert_null(model);
    assert_int_equal(lw_model_create(NULL, NULL, 1), LW_ERROR_ARGUMENT);
}

// A text of a few kilobytes that asks for 450 GiB.
static void test_more_than_memory(void **state)
{
    (void)state;
    enum { pairs = 450 };
    lw_text text = {0};
    lw_text_print(&text, "input 65536x1x1\n");
    for (int i = 0; i < pairs; i++) lw_text_print(&text, "linear 4096\nlinear 65536\n");
    lw_text_print(&text, "softmax_cross_entropy\n");
    assert_false(text.failed);
    lw_network *network;
    ASSERT_OK(lw_network_parse(&network, text.bytes, text.length, "vast.net"));
    if (lw_limits_memory_bytes() < (uint64_t)8 * (uint64_t)lw_network_parameter_count(network)) {
        lw_model *model;
        assert_int_equal(lw_model_create(&model, network, 1), LW_ERROR_MEMORY);
        assert_null(model);
        assert_non_null(strstr(lw_error_message(), "parameters: "));
        assert_non_null(strstr(lw_error_message(), "of memory that this process may use"));
    }
    lw_network_destroy(&network);
    lw_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),     cmocka_unit_test(test_initial_values),
        cmocka_unit_test(test_predict),        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_batches),        cmocka_unit_test(test_names_and_normalization),
        cmocka_unit_test(test_create_refuses), cmocka_unit_test(test_more_than_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
