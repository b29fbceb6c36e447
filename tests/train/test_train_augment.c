// SPDX-License-Identifier: Apache-2.0
// Training with augmentation: the same bits for any number of threads and again, other ones than
// without; validation images stay as they are; what does not fit is refused before the first step.
#include "training_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct run_case {
    const char *network, *augment; // NULL: none
    double low, high;              // of the rescaling
    int32_t side, channels;
} run_case;

static float *train_weights(const run_case *c, const lw_dataset *dataset, int32_t threads,
                            size_t *count)
{
    lw_network *network = load_network(c->network);
    lw_model *model;
    lw_augment augment;
    lw_train_result result;
    lw_train_config config = lw_train_config_default();
    assert_int_equal(LW_OK, lw_model_create(&model, network, 11));
    if (c->augment) {
        if (lw_augment_parse(&augment, c->augment)) fail_msg("%s", lw_error_message());
        config.augment = &augment;
    }
    config.rescale_low = c->low;
    config.rescale_high = c->high;
    config.epochs = 2;
    config.threads = threads;
    if (lw_train(model, dataset, NULL, &config, NULL, &result)) fail_msg("%s", lw_error_message());
    float *values = copy_parameters(model, count);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return values;
}

static const run_case cases[] = {
    {"fixed", "rotate=15,shift=2,scale=0.9:1.1", 0, 0, 28, 1},
    {"fixed", "digits,elastic=1,blur=1,noise=5,erase=0.2,mixup=0.5", 0, 0, 28, 1},
    {"varres", "flip,rotate=10,mixup=1", 0.7, 1.4, 29, 1},
    {"varres", NULL, 0.7, 1.4, 29, 1},
    {"vgg", "photos,cutout=6", 0, 0, 32, 3},
};

static void test_any_thread_count(void **state)
{
    (void)state;
    const int32_t thread_counts[] = {1, 2, 3, 8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const run_case *c = &cases[i];
        lw_dataset *dataset =
            make_training_set(c->channels == 3 ? 20 : 56, c->channels, c->side, 10);
        size_t count, again;
        float *expected = train_weights(c, dataset, 1, &count);
        for (size_t k = 0; k < sizeof thread_counts / sizeof *thread_counts; k++) {
            float *got = train_weights(c, dataset, thread_counts[k], &again);
            if (memcmp(expected, got, count * sizeof *got) != 0)
                fail_msg("case %zu: %d threads give other weights than 1", i, thread_counts[k]);
            free(got);
        }
        // It would be easy to be the same by doing nothing.
        const run_case plain = {c->network, NULL, 0, 0, c->side, c->channels};
        float *without = train_weights(&plain, dataset, 2, &again);
        assert_memory_not_equal(expected, without, count * sizeof *without);
        free(without);
        free(expected);
        lw_dataset_destroy(&dataset);
    }
}

static void test_nothing_is_nothing(void **state)
{
    (void)state;
    lw_dataset *dataset = make_training_set(40, 1, 28, 10);
    const run_case plain = {"fixed", NULL, 0, 0, 28, 1}, none = {"fixed", "rotate=0", 0, 0, 28, 1};
    size_t count;
    float *a = train_weights(&plain, dataset, 2, &count);
    float *b = train_weights(&none, dataset, 2, &count);
    assert_memory_equal(a, b, count * sizeof *a);
    free(a);
    free(b);
    lw_dataset_destroy(&dataset);
}

static bool keep_epoch(void *user, const lw_epoch_result *result)
{
    *(lw_epoch_result *)user = *result;
    return true;
}

// Labels stay, and validation sees the images as they are: what the epoch says of them is what an
// evaluation afterwards says.
static void test_validation_is_left_alone(void **state)
{
    (void)state;
    lw_dataset *dataset = make_training_set(60, 1, 28, 9);
    lw_dataset *validation;
    assert_int_equal(LW_OK, lw_dataset_slice(&validation, dataset, 40, 60));
    lw_network *network = parse_network("input 1x28x28\nconv 8 3\nrelu\nmaxpool 2\nlinear 9\n"
                                        "softmax_cross_entropy\n");
    lw_model *model;
    lw_augment augment;
    lw_epoch_result last;
    lw_train_result result;
    lw_metrics metrics;
    lw_train_config config = lw_train_config_default();
    const lw_train_callbacks callbacks = {.epoch = keep_epoch, .user = &last};
    assert_int_equal(LW_OK, lw_model_create(&model, network, 1));
    assert_int_equal(LW_OK, lw_augment_parse(&augment, "rotate=180,noise=60,cutout=14"));
    config.augment = &augment;
    config.threads = 2;
    assert_int_equal(LW_OK, lw_train(model, dataset, validation, &config, &callbacks, &result));
    assert_int_equal(LW_OK, lw_model_evaluate(model, validation, 1, &metrics));
    assert_float_equal(metrics.loss, last.validation_loss, 1e-12);
    lw_metrics_destroy(&metrics);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    lw_dataset_destroy(&validation);
    lw_dataset_destroy(&dataset);
}

static void expect_refusal(const char *name, const lw_augment *augment, double low, double high,
                           const char *part)
{
    lw_dataset *dataset = make_training_set(20, 1, 28, 10);
    lw_network *network = load_network(name);
    lw_model *model;
    lw_train_result result;
    lw_train_config config = lw_train_config_default();
    assert_int_equal(LW_OK, lw_model_create(&model, network, 1));
    config.augment = augment;
    config.rescale_low = low;
    config.rescale_high = high;
    assert_int_not_equal(LW_OK, lw_train(model, dataset, NULL, &config, NULL, &result));
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\" in: %s", part, lw_error_message());
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    lw_dataset_destroy(&dataset);
}

static void test_refusals(void **state)
{
    (void)state;
    lw_augment wrong = lw_augment_none();
    wrong.rotate = 1000;
    expect_refusal("fixed", &wrong, 0, 0, "augment: rotate");
    expect_refusal("fixed", NULL, 0.5, 1, "scale jitter: image 0 times 0.5 is 16x16");
    expect_refusal("varres", NULL, 0.1, 1, "scale jitter: image 0 times 0.1 is 4x4");
    expect_refusal("varres", NULL, 2, 1, "expected LOW:HIGH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_thread_count),
        cmocka_unit_test(test_nothing_is_nothing),
        cmocka_unit_test(test_validation_is_left_alone),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
