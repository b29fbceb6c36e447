// SPDX-License-Identifier: Apache-2.0
// The trainer learns, reports, stops when told to, and refuses what it cannot train on.
#include "training_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double expected, double got, double tolerance)
{
    if (!(fabs(expected - got) <= tolerance))
        fail_msg("expected %.17g within %g, got %.17g", expected, tolerance, got);
}

static const char tiny_network[] = "input 1x12x12\nconv 3x3 8 pad 1\nrelu\nmaxpool 2\n"
                                   "conv 3x3 16\nrelu\nlinear 10\nsoftmax_cross_entropy\n";

typedef struct fixture {
    lw_network *network;
    lw_model *model;
    lw_dataset *dataset;
    lw_train_config config;
    lw_train_result result;
} fixture;

static fixture make_fixture(const char *text, int32_t channels, int32_t side)
{
    fixture f = {.config = lw_train_config_default()};
    f.network = parse_network(text);
    assert_int_equal(LW_OK, lw_model_create(&f.model, f.network, 3));
    f.dataset = make_training_set(32, channels, side, 9);
    f.config.threads = 2;
    return f;
}

static void free_fixture(fixture *f)
{
    lw_dataset_destroy(&f->dataset);
    lw_model_destroy(&f->model);
    lw_network_destroy(&f->network);
}

static void test_overfits_32_images(void **state)
{
    (void)state;
    const lw_optimizer_kind kinds[] = {LW_OPTIMIZER_SGD, LW_OPTIMIZER_ADAM, LW_OPTIMIZER_ADAMW};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        fixture f = make_fixture(tiny_network, 1, 12);
        f.config.optimizer.kind = kinds[k];
        f.config.optimizer.momentum = 0.9;
        f.config.optimizer.learning_rate = kinds[k] == LW_OPTIMIZER_SGD ? 0.05 : 0.01;
        f.config.epochs = 60;
        f.config.batch = 8;
        assert_int_equal(LW_OK,
                         lw_train(f.model, f.dataset, f.dataset, &f.config, NULL, &f.result));
        assert_true(f.result.last.validation_loss < 0.05);
        assert_true(f.result.last.validation_accuracy == 1.0);
        assert_int_equal(60, f.result.epochs);
        assert_true(f.result.images_per_second > 0.0);
        free_fixture(&f);
    }
}

// Dropout makes the training loss differ from the loss of the same weights without it, and training
// still learns.
static void test_dropout_is_active_in_training_only(void **state)
{
    (void)state;
    fixture f = make_fixture("input 1x12x12\nconv 3x3 8\nrelu\nmaxpool 2\ndropout 0.5\nlinear 10\n"
                             "softmax_cross_entropy\n",
                             1, 12);
    f.config.optimizer.learning_rate = 0.0;
    f.config.epochs = 1;
    assert_int_equal(LW_OK, lw_train(f.model, f.dataset, f.dataset, &f.config, NULL, &f.result));
    double difference = f.result.last.train_loss - f.result.last.validation_loss;
    assert_true(difference > 1e-4 || difference < -1e-4);
    free_fixture(&f);
}

typedef struct calls {
    int progress, epochs, steps;
    int stop_after_steps, stop_after_epochs;
    double first_loss, last_loss;
} calls;

static bool on_progress(void *user, const lw_train_progress *progress)
{
    calls *c = user;
    c->progress++;
    assert_true(progress->step >= 1 && progress->step <= progress->steps);
    assert_true(progress->loss > 0.0);
    return true;
}

static bool on_step(void *user, int64_t step, double loss)
{
    calls *c = user;
    c->steps++;
    assert_int_equal(c->steps, step);
    if (step == 1) c->first_loss = loss;
    c->last_loss = loss;
    return c->stop_after_steps == 0 || step < c->stop_after_steps;
}

static bool on_epoch(void *user, const lw_epoch_result *result)
{
    calls *c = user;
    c->epochs++;
    assert_int_equal(c->epochs, result->epoch);
    return c->stop_after_epochs == 0 || c->epochs < c->stop_after_epochs;
}

static void test_callbacks(void **state)
{
    (void)state;
    fixture f = make_fixture(tiny_network, 1, 12);
    calls c = {0};
    lw_train_callbacks callbacks = {
        .progress = on_progress, .step = on_step, .epoch = on_epoch, .user = &c};
    f.config.batch = 10; // 32 samples: 4 steps, the last one with 2 images
    f.config.epochs = 5;
    assert_int_equal(LW_OK, lw_train(f.model, f.dataset, NULL, &f.config, &callbacks, &f.result));
    assert_int_equal(20, c.steps);
    assert_int_equal(5, c.epochs);
    assert_true(c.progress >= 5); // at least once at the end of each epoch
    assert_true(c.last_loss < c.first_loss);
    free_fixture(&f);
}

static void test_callbacks_stop_the_run(void **state)
{
    (void)state;
    fixture f = make_fixture(tiny_network, 1, 12);
    calls c = {.stop_after_steps = 3};
    lw_train_callbacks callbacks = {
        .progress = on_progress, .step = on_step, .epoch = on_epoch, .user = &c};
    assert_int_equal(LW_ERROR_INTERRUPTED,
                     lw_train(f.model, f.dataset, NULL, &f.config, &callbacks, &f.result));
    assert_int_equal(3, c.steps);
    c = (calls){.stop_after_epochs = 2};
    assert_int_equal(LW_ERROR_INTERRUPTED,
                     lw_train(f.model, f.dataset, NULL, &f.config, &callbacks, &f.result));
    assert_int_equal(2, c.epochs);
    free_fixture(&f);
}

static void test_step_limit_and_order(void **state)
{
    (void)state;
    // Two runs of one step over the same first batch have the same loss only without shuffling.
    double losses[2];
    for (int no_shuffle = 0; no_shuffle < 2; no_shuffle++) {
        fixture f = make_fixture(tiny_network, 1, 12);
        calls c = {0};
        lw_train_callbacks callbacks = {.step = on_step, .user = &c};
        f.config.max_steps = 1;
        f.config.batch = 4;
        f.config.no_shuffle = no_shuffle;
        assert_int_equal(LW_OK,
                         lw_train(f.model, f.dataset, NULL, &f.config, &callbacks, &f.result));
        assert_int_equal(1, c.steps);
        losses[no_shuffle] = c.last_loss;

        // The loss of the first four samples, worked out without the trainer.
        if (no_shuffle) {
            fixture fresh = make_fixture(tiny_network, 1, 12);
            lw_dataset *first;
            lw_metrics metrics;
            assert_int_equal(LW_OK, lw_dataset_slice(&first, fresh.dataset, 0, 4));
            assert_int_equal(LW_OK, lw_model_evaluate(fresh.model, first, 1, &metrics));
            assert_near(metrics.loss, c.last_loss, 1e-9);
            lw_metrics_destroy(&metrics);
            lw_dataset_destroy(&first);
            free_fixture(&fresh);
        }
        free_fixture(&f);
    }
    assert_true(losses[0] != losses[1]);
}

static void expect_refusal(fixture *f, lw_status expected, const char *part_of_message)
{
    lw_status status = lw_train(f->model, f->dataset, NULL, &f->config, NULL, &f->result);
    assert_int_equal(expected, status);
    if (!strstr(lw_error_message(), part_of_message))
        fail_msg("expected a message with '%s', got '%s'", part_of_message, lw_error_message());
}

// ---- where the time went -------------------------------------------------------------------------

typedef struct time_call {
    int calls;
    size_t n_rows;
    lw_train_time rows[32];
} time_call;

static void on_times(void *user, const lw_train_time *rows, size_t n_rows)
{
    time_call *c = user;
    c->calls++;
    c->n_rows = n_rows;
    assert_in_range(n_rows, 1, 32);
    memcpy(c->rows, rows, n_rows * sizeof *rows);
}

// Every pass that is run has its row, with the multiply-adds of the dense pass, and whatever the
// threads do, the rows add up to the time of the run.
static void test_times_add_up(void **state)
{
    (void)state;
    const int32_t images = 32 * 3; // of the run
    const struct {
        const char *layer, *pass;
        double macs; // of one image
    } expected[] = {
        {"conv1", "fwd", 144 * 8 * 9},       {"conv1", "bwd_w", 144 * 8 * 9},
        {"conv2", "fwd", 16 * 16 * 8 * 9},   {"conv2", "bwd_w", 16 * 16 * 8 * 9},
        {"conv2", "bwd_d", 16 * 16 * 8 * 9}, {"linear1", "fwd", 16 * 16 * 10},
        {"linear1", "bwd_w", 16 * 16 * 10},  {"linear1", "bwd_d", 16 * 16 * 10},
    };
    const size_t n_expected = sizeof expected / sizeof *expected;
    for (int32_t threads = 1; threads <= 3; threads++) {
        fixture f = make_fixture(tiny_network, 1, 12);
        time_call c = {0};
        lw_train_callbacks callbacks = {.times = on_times, .user = &c};
        f.config.batch = 10;
        f.config.threads = threads;
        assert_int_equal(LW_OK,
                         lw_train(f.model, f.dataset, NULL, &f.config, &callbacks, &f.result));
        assert_int_equal(1, c.calls);
        double seconds = 0.0;
        for (size_t i = 0; i < c.n_rows; i++) {
            seconds += c.rows[i].seconds;
            assert_true(c.rows[i].seconds >= -1e-9);
            if (i >= n_expected) continue;
            assert_string_equal(expected[i].layer, c.rows[i].layer);
            assert_string_equal(expected[i].pass, c.rows[i].pass);
            assert_true(c.rows[i].algorithm[0] && c.rows[i].seconds > 0.0);
            assert_near(2.0 * expected[i].macs * images, c.rows[i].flops, 0.0);
        }
        assert_string_equal("conv 3x3 + relu + maxpool 2x2", c.rows[0].work);
        for (size_t i = n_expected; i < c.n_rows; i++) {
            assert_string_equal("", c.rows[i].layer);
            assert_true(c.rows[i].work[0] && c.rows[i].flops == 0.0);
        }
        assert_near(f.result.seconds, seconds, 1e-9 * (1.0 + f.result.seconds));
        free_fixture(&f);
    }
}

// Reading clocks changes no weight.
static void test_times_change_nothing(void **state)
{
    (void)state;
    float *weights[2];
    size_t count[2];
    for (int i = 0; i < 2; i++) {
        fixture f = make_fixture(tiny_network, 1, 12);
        time_call c = {0};
        lw_train_callbacks callbacks = {.times = i ? on_times : NULL, .user = &c};
        assert_int_equal(LW_OK,
                         lw_train(f.model, f.dataset, NULL, &f.config, &callbacks, &f.result));
        assert_int_equal(i, c.calls);
        weights[i] = copy_parameters(f.model, &count[i]);
        free_fixture(&f);
    }
    assert_memory_equal(weights[0], weights[1], count[0] * sizeof(float));
    free(weights[0]);
    free(weights[1]);
}

// The run ends with the first epoch that is good enough, and not before.
static void test_until_accuracy(void **state)
{
    (void)state;
    calls c = {0};
    lw_train_callbacks callbacks = {
        .progress = on_progress, .step = on_step, .epoch = on_epoch, .user = &c};
    fixture f = make_fixture(tiny_network, 1, 12);
    f.config.optimizer.learning_rate = 0.01;
    f.config.epochs = 60;
    f.config.batch = 8;
    f.config.until_accuracy = 0.9;
    assert_int_equal(LW_OK,
                     lw_train(f.model, f.dataset, f.dataset, &f.config, &callbacks, &f.result));
    assert_true(f.result.reached && f.result.last.validation_accuracy >= 0.9);
    assert_in_range(f.result.epochs, 2, 59);
    assert_int_equal(c.epochs, f.result.epochs);
    assert_true(f.result.seconds > 0.0);
    const int32_t epochs = f.result.epochs;
    free_fixture(&f);

    f = make_fixture(tiny_network, 1, 12); // the same, an epoch short
    f.config.optimizer.learning_rate = 0.01;
    f.config.epochs = epochs - 1;
    f.config.batch = 8;
    f.config.until_accuracy = 0.9;
    assert_int_equal(LW_OK, lw_train(f.model, f.dataset, f.dataset, &f.config, NULL, &f.result));
    assert_false(f.result.reached);
    assert_int_equal(epochs - 1, f.result.epochs);
    assert_true(f.result.last.validation_accuracy < 0.9);
    free_fixture(&f);
}

static void test_bad_settings(void **state)
{
    (void)state;
    fixture f = make_fixture(tiny_network, 1, 12);
    const lw_train_config good = f.config;
    f.config.epochs = 0;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "epochs");
    f.config = good;
    f.config.batch = 0;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "batch");
    f.config = good;
    f.config.threads = -1;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "threads");
    f.config = good;
    f.config.optimizer.learning_rate = -1.0;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "learning rate");
    f.config = good;
    f.config.optimizer.beta2 = 1.0;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "beta2");
    f.config = good;
    f.config.schedule.warmup_fraction = 2.0;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "warm-up");
    f.config = good;
    f.config.optimizer = (lw_optimizer_config){.kind = LW_OPTIMIZER_SGD, .nesterov = true};
    expect_refusal(&f, LW_ERROR_ARGUMENT, "nesterov");
    f.config = good;
    f.config.until_accuracy = 99.0;
    expect_refusal(&f, LW_ERROR_ARGUMENT, "accuracy to stop at");
    f.config.until_accuracy = 0.99; // and nothing to measure it on
    expect_refusal(&f, LW_ERROR_ARGUMENT, "validation images");
    free_fixture(&f);
}

static void test_bad_data(void **state)
{
    (void)state;
    fixture f = make_fixture(tiny_network, 1, 14);
    expect_refusal(&f, LW_ERROR_INPUT, "squares, sample 0");
    free_fixture(&f);
    f = make_fixture(tiny_network, 3, 12);
    expect_refusal(&f, LW_ERROR_INPUT, "squares, sample 0");
    free_fixture(&f);
    f = make_fixture("input 1x12x12\nlinear 5\nsoftmax_cross_entropy\n", 1, 12);
    expect_refusal(&f, LW_ERROR_INPUT, "5 classes");
    free_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overfits_32_images),
        cmocka_unit_test(test_dropout_is_active_in_training_only),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_callbacks_stop_the_run),
        cmocka_unit_test(test_step_limit_and_order),
        cmocka_unit_test(test_times_add_up),
        cmocka_unit_test(test_times_change_nothing),
        cmocka_unit_test(test_until_accuracy),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_bad_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
