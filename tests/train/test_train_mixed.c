// SPDX-License-Identifier: Apache-2.0
// Training on images of several sizes in one step: the gradient is that of each image alone, and the
// weights have the same bits for any number of threads.
#include "training_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int32_t few_sides[] = {32, 48, 64};
static const int32_t many_sides[] = {20, 33, 64, 41, 96, 27, 58, 9, 72, 30, 51, 12, 87};

static float *train_weights(const char *net, const lw_dataset *dataset,
                            const lw_train_config *config, size_t *count)
{
    lw_network *network = load_network(net);
    lw_model *model;
    assert_int_equal(LW_OK, lw_model_create(&model, network, 11));
    lw_train_result result;
    if (lw_train(model, dataset, NULL, config, NULL, &result)) fail_msg("%s", lw_error_message());
    float *values = copy_parameters(model, count);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return values;
}

// The pixels of a sample as lw_model_gradients wants them.
static float *to_floats(const lw_sample *sample)
{
    size_t n = (size_t)sample->height * (size_t)sample->width;
    float *floats = malloc(n * sizeof *floats);
    assert_non_null(floats);
    for (size_t i = 0; i < n; i++) floats[i] = (float)sample->pixels[i] / 255.0f;
    return floats;
}

// Adds share * (the gradient of one image) to `sum`.
static void add_gradient(const lw_model *model, const lw_sample *sample, float share, float *sum)
{
    enum { most = 16 };
    float *tensors[most] = {NULL};
    size_t n = lw_model_parameter_count(model), at = 0;
    assert_true(n <= most);
    lw_parameter_info info;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(LW_OK, lw_model_parameter_info(model, i, &info));
        tensors[i] = calloc(info.count, sizeof(float));
        assert_non_null(tensors[i]);
    }
    float *image = to_floats(sample);
    lw_extent extent = {1, sample->height, sample->width};
    assert_int_equal(LW_OK,
                     lw_model_gradients(model, image, &sample->label, 1, extent, 1, NULL, tensors));
    free(image);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(LW_OK, lw_model_parameter_info(model, i, &info));
        for (size_t k = 0; k < info.count; k++) sum[at++] += share * tensors[i][k];
        free(tensors[i]);
    }
}

// One step of plain gradient descent with rate 1 moves the weights by the gradient of the batch.
static void check_gradient(const char *net, lw_dataset *dataset, int32_t batch)
{
    lw_network *network = load_network(net);
    lw_model *model;
    size_t count;
    assert_int_equal(LW_OK, lw_model_create(&model, network, 11));
    float *before = copy_parameters(model, &count);
    float *expected = calloc(count, sizeof *expected);
    assert_non_null(expected);
    for (int32_t i = 0; i < batch; i++) {
        lw_sample sample = lw_dataset_get(dataset, (size_t)i);
        add_gradient(model, &sample, 1.0f / (float)batch, expected);
    }
    lw_train_config config = lw_train_config_default();
    config.optimizer = (lw_optimizer_config){.kind = LW_OPTIMIZER_SGD, .learning_rate = 1.0};
    config.batch = batch;
    config.max_steps = 1;
    config.no_shuffle = true;
    float *after = train_weights(net, dataset, &config, &count);
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        if (fabs((double)expected[i]) > largest) largest = fabs((double)expected[i]);
    assert_true(largest > 1e-3);
    // Weights up to 1/3 round to 2^-26; gradients are sums of some hundred products in another order.
    const double most = 1e-7 + 1e-4 * largest;
    for (size_t i = 0; i < count; i++) {
        const double error = fabs((double)(before[i] - after[i]) - (double)expected[i]);
        if (!(error <= most)) // not a number is an error, too
            fail_msg("%s, batch %d: gradient %zu is %g off, the largest value is %g", net, batch, i,
                     error, largest);
    }
    free(before);
    free(after);
    free(expected);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
}

static void test_gradient_is_the_sum(void **state)
{
    (void)state;
    lw_dataset *few = make_mixed_set(48, few_sides, 3, 10);
    lw_dataset *many = make_mixed_set(40, many_sides, 13, 10);
    check_gradient("varres", few, 16);
    check_gradient("varres", few, 5);
    check_gradient("varres_max", many, 40);
    check_gradient("varres", many, 1);
    lw_dataset_destroy(&few);
    lw_dataset_destroy(&many);
}

static void test_any_thread_count(void **state)
{
    (void)state;
    const int32_t thread_counts[] = {1, 2, 3, 8};
    lw_dataset *sets[] = {make_mixed_set(40, few_sides, 3, 10),
                          make_mixed_set(37, many_sides, 13, 10)};
    for (int i = 0; i < 4; i++) {
        lw_train_config config = lw_train_config_default();
        config.epochs = 2;
        config.order = i / 2 ? LW_TRAIN_ORDER_BY_SIZE : LW_TRAIN_ORDER_MIXED;
        config.threads = 1;
        size_t count;
        const char *net = i % 2 ? "varres_max" : "varres";
        float *expected = train_weights(net, sets[i % 2], &config, &count);
        for (size_t k = 0; k < sizeof thread_counts / sizeof *thread_counts; k++) {
            config.threads = thread_counts[k];
            float *got = train_weights(net, sets[i % 2], &config, &count);
            if (memcmp(expected, got, count * sizeof *got) != 0)
                fail_msg("case %d: %d threads give other weights than 1", i, thread_counts[k]);
            free(got);
        }
        // The order is part of what is computed.
        config.order = i / 2 ? LW_TRAIN_ORDER_MIXED : LW_TRAIN_ORDER_BY_SIZE;
        float *other = train_weights(net, sets[i % 2], &config, &count);
        assert_memory_not_equal(expected, other, count * sizeof *other);
        free(other);
        free(expected);
    }
    lw_dataset_destroy(&sets[0]);
    lw_dataset_destroy(&sets[1]);
}

// What an image is told does not depend on the sizes around it, and the rows add up to the whole.
static void test_evaluate_sizes(void **state)
{
    (void)state;
    lw_dataset *dataset = make_mixed_set(150, many_sides, 13, 10);
    lw_network *network = load_network("varres");
    lw_model *model;
    assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
    lw_metrics metrics;
    lw_size_metrics *rows;
    size_t n_rows;
    assert_int_equal(LW_OK, lw_model_evaluate_sizes(model, dataset, 3, &metrics, &rows, &n_rows));
    assert_int_equal(13, n_rows);
    int64_t count = 0, correct = 0;
    double loss = 0.0;
    for (size_t i = 0; i < n_rows; i++) {
        if (i > 0) assert_true(rows[i - 1].height < rows[i].height);
        count += rows[i].count;
        correct += rows[i].correct;
        loss += rows[i].loss * (double)rows[i].count;
        double expected = 0.0;
        int64_t expected_correct = 0;
        for (size_t k = 0; k < 150; k++) {
            lw_sample sample = lw_dataset_get(dataset, k);
            float p[10];
            if (sample.height != rows[i].height) continue;
            assert_int_equal(LW_OK, lw_model_predict(model, &sample, p));
            expected -= log((double)p[sample.label]);
            bool best = true;
            for (int c = 0; c < 10; c++) best = best && p[c] <= p[sample.label];
            expected_correct += best;
        }
        assert_true(fabs(rows[i].loss - expected / (double)rows[i].count) < 1e-4);
        assert_int_equal(expected_correct, rows[i].correct);
    }
    assert_int_equal(150, count);
    assert_int_equal(metrics.correct, correct);
    assert_true(fabs(loss / 150 - metrics.loss) < 1e-5);
    free(rows);
    lw_metrics_destroy(&metrics);
    assert_int_equal(LW_ERROR_ARGUMENT,
                     lw_model_evaluate_sizes(model, dataset, 1, &metrics, NULL, &n_rows));
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    lw_dataset_destroy(&dataset);
}

static void test_bad_input(void **state)
{
    (void)state;
    const int32_t sizes[] = {32, 7, 40}; // three pools of two leave nothing of 7
    lw_dataset *dataset = make_mixed_set(12, sizes, 3, 10);
    lw_network *network = load_network("varres");
    lw_model *model;
    assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
    lw_train_config config = lw_train_config_default();
    lw_train_result result;
    assert_int_equal(LW_ERROR_INPUT, lw_train(model, dataset, NULL, &config, NULL, &result));
    if (!strstr(lw_error_message(), "at least 8x8")) fail_msg("%s", lw_error_message());
    config.order = (lw_train_order)2;
    assert_int_equal(LW_ERROR_ARGUMENT, lw_train(model, dataset, NULL, &config, NULL, &result));
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    lw_dataset_destroy(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_is_the_sum),
        cmocka_unit_test(test_any_thread_count),
        cmocka_unit_test(test_evaluate_sizes),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
