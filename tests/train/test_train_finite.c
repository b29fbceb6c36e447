// SPDX-License-Identifier: Apache-2.0
// Numbers that go off: a training ends in the step in which a loss is no longer finite, says where it began, and
// keeps the weights from before. And data in which there is little to learn.
#include "training_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char network_text[] = "input 1x12x12\nconv 3x3 8 pad 1\nrelu\nmaxpool 2\nlinear 10\n"
                                   "softmax_cross_entropy\n";

typedef struct fixture {
    lw_dataset *dataset;
    lw_network *network;
    lw_model *model;
    lw_train_config config;
    lw_train_result result;
    int64_t steps;
    double last_loss;
} fixture;

static fixture make_fixture(lw_dataset *dataset)
{
    fixture f = {.dataset = dataset,
                 .network = parse_network(network_text),
                 .config = lw_train_config_default()};
    assert_int_equal(LW_OK, lw_model_create(&f.model, f.network, 3));
    f.config.batch = 8;
    return f;
}

static void free_fixture(fixture *f)
{
    lw_model_destroy(&f->model);
    lw_network_destroy(&f->network);
    lw_dataset_destroy(&f->dataset);
}

static bool count_step(void *user, int64_t step, double loss)
{
    fixture *f = user;
    f->steps = step;
    f->last_loss = loss;
    return true;
}

static lw_status train(fixture *f)
{
    const lw_train_callbacks callbacks = {.step = count_step, .user = f};
    f->steps = 0;
    return lw_train(f->model, f->dataset, NULL, &f->config, &callbacks, &f->result);
}

static void set_value(fixture *f, size_t parameter, size_t index, float value)
{
    lw_parameter_info info;
    float values[4096];
    assert_int_equal(LW_OK, lw_model_parameter_info(f->model, parameter, &info));
    assert_true(index < info.count && info.count <= 4096);
    assert_int_equal(LW_OK, lw_model_get_parameter(f->model, parameter, values));
    values[index] = value;
    assert_int_equal(LW_OK, lw_model_set_parameter(f->model, parameter, values));
}

static bool is_finite_model(const lw_model *model)
{
    size_t count;
    float *values = copy_parameters(model, &count);
    bool finite = true;
    for (size_t i = 0; i < count; i++) finite = finite && isfinite(values[i]);
    free(values);
    return finite;
}

static void expect_message(const char *part)
{
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\" in \"%s\"", part, lw_error_message());
}

static void weights_that_are_not_finite_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t parameter;
        float value;
        const char *message;
    } cases[] = {{0, NAN, "before the first step a weight of conv1 is nan"},
                 {1, INFINITY, "before the first step a bias of conv1 is inf"},
                 {2, -INFINITY, "before the first step a weight of linear1 is -inf"},
                 {3, NAN, "before the first step a bias of linear1 is nan"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = make_fixture(make_training_set(24, 1, 12, 10));
        set_value(&f, cases[i].parameter, 1, cases[i].value);
        assert_int_equal(train(&f), LW_ERROR_NOT_FINITE);
        assert_int_equal(f.steps, 0);
        expect_message(cases[i].message);
        free_fixture(&f);
    }
}

// Weights so large that products overflow: the loss of the very first step is not finite.
static void a_loss_that_is_not_finite_ends_the_run(void **state)
{
    (void)state;
    const int32_t thread_counts[] = {1, 2, 3, 16};
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        fixture f = make_fixture(make_training_set(24, 1, 12, 10));
        size_t count;
        f.config.threads = thread_counts[i];
        set_value(&f, 0, 4, 3e38f);
        set_value(&f, 2, 7, 3e38f);
        float *before = copy_parameters(f.model, &count);
        assert_int_equal(train(&f), LW_ERROR_NOT_FINITE);
        expect_message("epoch 1, step 1: the loss of training image ");
        expect_message("the output of ");
        assert_int_equal(f.steps, 0);
        float *after = copy_parameters(f.model, &count);
        assert_memory_equal(before, after, count * sizeof *after);
        free(before);
        free(after);
        free_fixture(&f);
    }
}

// The largest rate that there is sends SGD off within a few steps; the weights stay those of the last good step.
static void a_huge_learning_rate_ends_in_a_sentence(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 3; threads++) {
        fixture f = make_fixture(make_training_set(64, 1, 12, 10));
        f.config.optimizer.kind = LW_OPTIMIZER_SGD;
        f.config.optimizer.momentum = 0.9;
        f.config.optimizer.learning_rate = 1e6;
        f.config.epochs = 50;
        f.config.threads = threads;
        const lw_status status = train(&f);
        // Or all units died, which is no number's fault.
        assert_true(status == LW_OK || status == LW_ERROR_NOT_FINITE);
        if (status) expect_message("(learning rate 1e+06)");
        assert_true(is_finite_model(f.model) && isfinite(f.last_loss));
        free_fixture(&f);
    }
    fixture f = make_fixture(make_training_set(64, 1, 12, 10));
    f.config.optimizer.learning_rate = 1e6; // Adam
    const lw_status status = train(&f);
    assert_true(status == LW_OK || status == LW_ERROR_NOT_FINITE);
    assert_true(is_finite_model(f.model));
    free_fixture(&f);
}

// A rate at which the very first update overflows: the weights are lost, and the step says so.
static void an_update_that_overflows_ends_the_run(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 3; threads++) {
        fixture f = make_fixture(make_training_set(64, 1, 12, 10));
        f.config.threads = threads;
        f.config.optimizer.kind = LW_OPTIMIZER_SGD;
        f.config.optimizer.momentum = 0.0;
        f.config.optimizer.learning_rate = 1e9;
        f.config.optimizer.weight_decay = 1e9;
        set_value(&f, 0, 0, 1e22f);
        set_value(&f, 0, 1, -1e22f); // so that they do not overflow together before that
        for (size_t i = 0; i < 30; i++) set_value(&f, 2, i, 0.0f);
        assert_int_equal(train(&f), LW_ERROR_NOT_FINITE);
        expect_message("epoch 1, step 1: after the update a weight of conv1 is");
        free_fixture(&f);
    }
}

static lw_dataset *make_black_set(size_t count, int32_t label_step)
{
    uint8_t pixels[40 * 144] = {0};
    int32_t labels[40];
    lw_dataset *dataset;
    assert_true(count <= 40);
    for (size_t i = 0; i < count; i++) labels[i] = (int32_t)i * label_step % 10;
    assert_int_equal(
        LW_OK, lw_dataset_create(&dataset, "black", pixels, labels, count, 1, 12, 12, 10, NULL));
    return dataset;
}

static void black_images_and_one_class_are_learned(void **state)
{
    (void)state;
    // Nothing but the classes' shares can be learned from black images.
    fixture f = make_fixture(make_black_set(40, 1));
    f.config.optimizer.learning_rate = 0.02;
    f.config.epochs = 30;
    assert_int_equal(train(&f), LW_OK);
    assert_true(fabs(f.result.last.train_loss - log(10.0)) < 0.1);
    assert_true(is_finite_model(f.model));
    free_fixture(&f);
    // Of one class, everything: the loss goes to 0 and stays finite.
    f = make_fixture(make_black_set(40, 0));
    f.config.optimizer.learning_rate = 0.1;
    f.config.epochs = 60;
    assert_int_equal(train(&f), LW_OK);
    assert_true(f.result.last.train_loss < 1e-3 && f.result.last.train_loss >= 0);
    assert_true(f.result.last.train_accuracy == 1);
    free_fixture(&f);
}

static void a_batch_of_one_trains(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 4; threads++) {
        fixture f = make_fixture(make_training_set(1, 1, 12, 10));
        f.config.batch = 1;
        f.config.threads = threads;
        f.config.epochs = 20;
        assert_int_equal(train(&f), LW_OK);
        assert_int_equal(f.steps, 20);
        assert_true(f.last_loss < 2.0 && f.last_loss > 0);
        free_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_that_are_not_finite_are_named),
        cmocka_unit_test(a_loss_that_is_not_finite_ends_the_run),
        cmocka_unit_test(a_huge_learning_rate_ends_in_a_sentence),
        cmocka_unit_test(an_update_that_overflows_ends_the_run),
        cmocka_unit_test(black_images_and_one_class_are_learned),
        cmocka_unit_test(a_batch_of_one_trains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
