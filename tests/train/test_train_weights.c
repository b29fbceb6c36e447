// SPDX-License-Identifier: Apache-2.0
// Label smoothing, clipping, the average of the weights, patience and the best weights, against loops in
// double precision and against runs that stop where they should.
#include "training_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Smooth (no ReLU), so that rounding cannot send the two loops different ways.
static const char smooth_network[] =
    "input 1x12x12\nconv 3x3 5\navgpool 2\nlinear 10\nsoftmax_cross_entropy\n";
static const char tiny_network[] = "input 1x12x12\nconv 3x3 8 pad 1\nrelu\nmaxpool 2\n"
                                   "conv 3x3 16\nrelu\nlinear 10\nsoftmax_cross_entropy\n";
enum { images = 24, side = 12, batch = 6, steps = 40 };

// ---- the trainer against a loop in double precision --------------------------------------------

// The gradient of a batch of the data set, from lw_model_gradients, and its norm.
static double take_gradient(const lw_model *model, const lw_dataset *dataset, size_t first,
                            double *gradient)
{
    float pixels[batch * side * side];
    int32_t labels[batch];
    float *parts[8];
    const size_t n = lw_model_parameter_count(model);
    lw_parameter_info info[8];
    assert_in_range(n, 1, 8);
    for (size_t i = 0; i < batch; i++) {
        const lw_sample sample = lw_dataset_get(dataset, first + i);
        labels[i] = sample.label;
        for (size_t k = 0; k < side * side; k++)
            pixels[i * side * side + k] = (float)sample.pixels[k] / 255.0f;
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(LW_OK, lw_model_parameter_info(model, i, &info[i]));
        parts[i] = malloc(info[i].count * sizeof **parts);
        assert_non_null(parts[i]);
    }
    double loss, squares = 0;
    assert_int_equal(LW_OK, lw_model_gradients(model, pixels, labels, batch,
                                               (lw_extent){1, side, side}, 1, &loss, parts));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < info[i].count; k++) {
            *gradient = (double)parts[i][k];
            squares += *gradient * *gradient;
            gradient++;
        }
        free(parts[i]);
    }
    return sqrt(squares);
}

static void set_parameters(lw_model *model, const double *values)
{
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        assert_int_equal(LW_OK, lw_model_parameter_info(model, i, &info));
        float *part = malloc(info.count * sizeof *part);
        assert_non_null(part);
        for (size_t k = 0; k < info.count; k++) part[k] = (float)*values++;
        assert_int_equal(LW_OK, lw_model_set_parameter(model, i, part));
        free(part);
    }
}

typedef struct loop_result {
    double *weights, *average; // owned
    size_t count;
    int clipped; // steps
} loop_result;

// Plain SGD over the data set in its order, with clipping and an average of the weights.
static loop_result run_loop(const lw_dataset *dataset, double rate, double clip, double decay)
{
    lw_network *network = parse_network(smooth_network);
    lw_model *model;
    loop_result r = {0};
    assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
    float *start = copy_parameters(model, &r.count);
    double *gradient = calloc(r.count, sizeof *gradient);
    r.weights = calloc(r.count, sizeof *r.weights);
    r.average = calloc(r.count, sizeof *r.average);
    assert_true(gradient && r.weights && r.average);
    for (size_t i = 0; i < r.count; i++) r.weights[i] = r.average[i] = (double)start[i];
    for (int step = 1; step <= steps; step++) {
        set_parameters(model, r.weights);
        const size_t first = (size_t)((step - 1) * batch % images);
        const double norm = take_gradient(model, dataset, first, gradient);
        const double factor = clip > 0 && norm > clip ? clip / norm : 1;
        const double keep = fmin(decay, step / (step + 9.0));
        r.clipped += factor < 1;
        for (size_t i = 0; i < r.count; i++) {
            r.weights[i] -= rate * factor * gradient[i];
            r.average[i] = keep * r.average[i] + (1 - keep) * r.weights[i];
        }
    }
    free(start);
    free(gradient);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return r;
}

static float *train_smooth(const lw_dataset *dataset, double rate, double clip, double decay,
                           int32_t threads)
{
    lw_network *network = parse_network(smooth_network);
    lw_model *model;
    lw_train_result result;
    lw_train_config config = lw_train_config_default();
    assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
    config.optimizer = (lw_optimizer_config){.kind = LW_OPTIMIZER_SGD, .learning_rate = rate};
    config.epochs = 1000;
    config.max_steps = steps;
    config.batch = batch;
    config.no_shuffle = true;
    config.threads = threads;
    config.clip_norm = clip;
    config.ema_decay = decay;
    if (lw_train(model, dataset, NULL, &config, NULL, &result)) fail_msg("%s", lw_error_message());
    size_t count;
    float *values = copy_parameters(model, &count);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return values;
}

static void assert_close(const double *expected, const float *got, size_t count)
{
    // Forty steps of rounding on values below one; what goes wrong moves them by a thousandth.
    for (size_t i = 0; i < count; i++)
        if (!(fabs(expected[i] - (double)got[i]) <= 2e-5))
            fail_msg("value %zu: expected %.9g, got %.9g", i, expected[i], (double)got[i]);
}

static double largest_difference(const double *a, const double *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(a[i] - b[i]));
    return largest;
}

static void test_clipping_and_average(void **state)
{
    (void)state;
    const double rate = 0.05, clip = 0.6, decay = 0.7; // the decay's beginning and its end
    lw_dataset *dataset = make_training_set(images, 1, side, 10);
    loop_result free_loop = run_loop(dataset, rate, 0, decay);
    loop_result loop = run_loop(dataset, rate, clip, decay);
    assert_in_range(loop.clipped, 5, steps - 5); // both sides of the limit are seen
    assert_true(largest_difference(free_loop.weights, loop.weights, loop.count) > 1e-3);
    assert_true(largest_difference(loop.average, loop.weights, loop.count) > 1e-3);
    for (int32_t threads = 1; threads <= 3; threads++) {
        float *averaged = train_smooth(dataset, rate, clip, decay, threads);
        float *clipped = train_smooth(dataset, rate, clip, 0, threads);
        float *unclipped = train_smooth(dataset, rate, 0, decay, threads);
        assert_close(loop.average, averaged, loop.count);
        assert_close(loop.weights, clipped, loop.count);
        assert_close(free_loop.average, unclipped, loop.count);
        free(averaged);
        free(clipped);
        free(unclipped);
    }
    free(loop.weights);
    free(loop.average);
    free(free_loop.weights);
    free(free_loop.average);
    lw_dataset_destroy(&dataset);
}

// A limit that no gradient reaches is the plain run to the bit.
static void test_without_effect(void **state)
{
    (void)state;
    lw_dataset *dataset = make_training_set(images, 1, side, 10);
    for (int32_t threads = 1; threads <= 3; threads++) {
        float *plain = train_smooth(dataset, 0.05, 0, 0, threads);
        float *high = train_smooth(dataset, 0.05, 1e6, 0, threads);
        lw_network *network = parse_network(smooth_network);
        lw_model *model;
        size_t count;
        assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
        float *start = copy_parameters(model, &count);
        assert_memory_equal(plain, high, count * sizeof *plain);
        assert_memory_not_equal(plain, start, count * sizeof *plain);
        free(plain);
        free(high);
        free(start);
        lw_model_destroy(&model);
        lw_network_destroy(&network);
    }
    lw_dataset_destroy(&dataset);
}

// ---- bits --------------------------------------------------------------------------------------

static float *train_with_all(const char *name, const lw_dataset *dataset, int32_t threads,
                             size_t *count)
{
    lw_network *network = load_network(name);
    lw_model *model;
    lw_train_result result;
    lw_train_config config = lw_train_config_default();
    assert_int_equal(LW_OK, lw_model_create(&model, network, 11));
    config.optimizer.kind = LW_OPTIMIZER_ADAMW;
    config.optimizer.learning_rate = 0.01;
    config.optimizer.weight_decay = 0.01;
    config.batch = 32;
    config.epochs = 4;
    config.threads = threads;
    config.label_smoothing = 0.1;
    config.ema_decay = 0.9;
    config.clip_norm = 0.5;
    config.patience = 3;
    config.keep_best = true;
    if (lw_train(model, dataset, dataset, &config, NULL, &result))
        fail_msg("%s", lw_error_message());
    float *values = copy_parameters(model, count);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return values;
}

static void test_any_thread_count(void **state)
{
    (void)state;
    static const char *const names[] = {"fixed", "lab_small"};
    const int32_t thread_counts[] = {2, 3, 5, 8};
    lw_dataset *dataset = make_training_set(80, 1, 28, 10);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t count, again;
        float *expected = train_with_all(names[n], dataset, 1, &count);
        for (size_t k = 0; k < sizeof thread_counts / sizeof *thread_counts; k++) {
            float *got = train_with_all(names[n], dataset, thread_counts[k], &again);
            if (memcmp(expected, got, count * sizeof *got) != 0)
                fail_msg("%s: %d threads give other weights than 1", names[n], thread_counts[k]);
            free(got);
        }
        free(expected);
    }
    lw_dataset_destroy(&dataset);
}

// ---- validation --------------------------------------------------------------------------------

enum { most_epochs = 40 };

typedef struct history {
    int n;
    lw_epoch_result epochs[most_epochs];
} history;

static bool keep_epoch(void *user, const lw_epoch_result *result)
{
    history *h = user;
    assert_true(h->n < most_epochs);
    h->epochs[h->n++] = *result;
    return true;
}

typedef struct outcome {
    history history;
    lw_train_result result;
    double accuracy, loss; // of the final weights on the validation images
} outcome;

// A high rate and images of other labels for validation: it gets better, and worse again.
static outcome train_rough(lw_train_config config)
{
    outcome o = {.history = {.n = 0}};
    lw_network *network = parse_network(tiny_network);
    lw_dataset *all = make_training_set(96, 1, side, 10), *train, *validation;
    lw_model *model;
    lw_metrics metrics;
    const lw_train_callbacks callbacks = {.epoch = keep_epoch, .user = &o.history};
    assert_int_equal(LW_OK, lw_dataset_slice(&train, all, 0, 48));
    assert_int_equal(LW_OK, lw_dataset_slice(&validation, all, 48, 96));
    assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
    config.batch = 8;
    config.threads = 2;
    if (lw_train(model, train, validation, &config, &callbacks, &o.result))
        fail_msg("%s", lw_error_message());
    assert_int_equal(LW_OK, lw_model_evaluate(model, validation, 1, &metrics));
    o.accuracy = lw_metrics_accuracy(&metrics);
    o.loss = metrics.loss;
    lw_metrics_destroy(&metrics);
    lw_model_destroy(&model);
    lw_dataset_destroy(&train);
    lw_dataset_destroy(&validation);
    lw_dataset_destroy(&all);
    lw_network_destroy(&network);
    return o;
}

static lw_train_config rough_config(void)
{
    lw_train_config config = lw_train_config_default();
    config.optimizer.learning_rate = 0.03;
    config.epochs = 25;
    return config;
}

static int best_of(const history *h)
{
    int best = 0;
    for (int i = 1; i < h->n; i++) {
        const lw_epoch_result *a = &h->epochs[i], *b = &h->epochs[best];
        if (a->validation_accuracy > b->validation_accuracy ||
            (a->validation_accuracy >= b->validation_accuracy &&
             a->validation_loss < b->validation_loss))
            best = i;
    }
    return best;
}

static void assert_same(double expected, double got)
{
    if (!(fabs(expected - got) <= 1e-12)) fail_msg("expected %.17g, got %.17g", expected, got);
}

// With and without an average: what the epoch said of the kept weights is what they are.
static void test_keep_best(void **state)
{
    (void)state;
    for (int ema = 0; ema < 2; ema++) {
        lw_train_config config = rough_config();
        config.ema_decay = ema ? 0.8 : 0;
        outcome last = train_rough(config);
        config.keep_best = true;
        outcome kept = train_rough(config);
        const int best = best_of(&kept.history);
        assert_int_equal(25, kept.result.epochs);
        assert_in_range(best, 1, 23); // else this would test nothing
        assert_int_equal(best + 1, kept.result.best_epoch);
        assert_same(kept.history.epochs[best].validation_accuracy, kept.accuracy);
        assert_same(kept.history.epochs[best].validation_loss, kept.loss);
        // Without the wish the last weights stay, and the run itself is the same.
        assert_same(last.history.epochs[24].validation_loss, last.loss);
        assert_int_equal(best + 1, last.result.best_epoch);
        assert_true(kept.loss != last.loss);
        for (int i = 0; i < 25; i++)
            assert_same(last.history.epochs[i].validation_loss,
                        kept.history.epochs[i].validation_loss);
    }
}

static void test_best_is_marked(void **state)
{
    (void)state;
    outcome o = train_rough(rough_config());
    for (int i = 0; i < o.history.n; i++) {
        history so_far = o.history;
        so_far.n = i + 1;
        assert_int_equal(best_of(&so_far) == i, o.history.epochs[i].best);
    }
}

static void test_patience(void **state)
{
    (void)state;
    lw_train_config config = rough_config();
    const outcome whole = train_rough(config);
    for (int patience = 1; patience <= 3; patience++) {
        // Where it should stop, from the epochs of the whole run.
        int since = 0, stop = whole.history.n;
        for (int i = 0; i < whole.history.n && stop == whole.history.n; i++) {
            since = whole.history.epochs[i].best ? 0 : since + 1;
            if (since == patience) stop = i + 1;
        }
        assert_in_range(stop, 2, whole.history.n - 1);
        config.patience = patience;
        const outcome early = train_rough(config);
        assert_int_equal(stop, early.result.epochs);
        assert_true(early.result.out_of_patience);
        assert_int_equal(stop - patience, early.result.best_epoch);
        assert_same(whole.history.epochs[stop - 1].validation_loss, early.loss);
    }
    config.patience = 25;
    assert_false(train_rough(config).result.out_of_patience);
}

// The average is what is validated, and the training itself does not notice it.
static void test_average_is_validated(void **state)
{
    (void)state;
    lw_train_config config = rough_config();
    config.epochs = 5;
    const outcome plain = train_rough(config);
    config.ema_decay = 0.95;
    const outcome averaged = train_rough(config);
    for (int i = 0; i < 5; i++) {
        assert_same(plain.history.epochs[i].train_loss, averaged.history.epochs[i].train_loss);
        assert_true(plain.history.epochs[i].validation_loss !=
                    averaged.history.epochs[i].validation_loss);
    }
    assert_same(averaged.history.epochs[4].validation_loss, averaged.loss);
}

// Smoothed labels raise the training loss of the same weights, and leave the validation's alone.
static void test_smoothing_is_of_training_only(void **state)
{
    (void)state;
    lw_train_config config = rough_config();
    config.epochs = 1;
    config.optimizer.learning_rate = 0;
    const outcome plain = train_rough(config);
    config.label_smoothing = 0.25;
    const outcome smoothed = train_rough(config);
    assert_true(fabs(plain.history.epochs[0].train_loss - smoothed.history.epochs[0].train_loss) >
                1e-6);
    assert_same(plain.loss, smoothed.loss);
    config = rough_config();
    config.epochs = 30;
    config.label_smoothing = 0.25;
    const outcome learned = train_rough(config);
    // Less than this, the entropy of the smoothed labels, no weights can reach.
    const double high = 0.75 + 0.025, low = 0.025;
    const double floor = -high * log(high) - 9 * low * log(low);
    assert_true(learned.result.last.train_loss > floor);
    assert_true(learned.result.last.train_accuracy > 0.9);
}

// ---- refusals ----------------------------------------------------------------------------------

static void expect_refusal(lw_train_config config, const char *part_of_message)
{
    lw_network *network = parse_network(tiny_network);
    lw_dataset *dataset = make_training_set(16, 1, side, 10);
    lw_model *model;
    lw_train_result result;
    assert_int_equal(LW_OK, lw_model_create(&model, network, 3));
    assert_int_equal(LW_ERROR_ARGUMENT, lw_train(model, dataset, NULL, &config, NULL, &result));
    if (!strstr(lw_error_message(), part_of_message))
        fail_msg("expected a message with '%s', got '%s'", part_of_message, lw_error_message());
    lw_model_destroy(&model);
    lw_dataset_destroy(&dataset);
    lw_network_destroy(&network);
}

static void test_refusals(void **state)
{
    (void)state;
    const double wrong[] = {-0.1, 1, 1.5, (double)NAN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        lw_train_config config = lw_train_config_default();
        config.label_smoothing = wrong[i];
        expect_refusal(config, "label smoothing: expected 0 to less than 1");
        config = lw_train_config_default();
        config.ema_decay = wrong[i];
        expect_refusal(config, "average: expected 0 to less than 1");
    }
    lw_train_config config = lw_train_config_default();
    config.clip_norm = -1;
    expect_refusal(config, "norm to clip at");
    config.clip_norm = (double)INFINITY;
    expect_refusal(config, "norm to clip at");
    config = lw_train_config_default();
    config.patience = -1;
    expect_refusal(config, "patience: expected 0 or more");
    config.patience = 1;
    expect_refusal(config, "patience: expected validation images, got none");
    config = lw_train_config_default();
    config.keep_best = true;
    expect_refusal(config, "keeping the best weights: expected validation images, got none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clipping_and_average),
        cmocka_unit_test(test_without_effect),
        cmocka_unit_test(test_any_thread_count),
        cmocka_unit_test(test_keep_best),
        cmocka_unit_test(test_best_is_marked),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_average_is_validated),
        cmocka_unit_test(test_smoothing_is_of_training_only),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
