// SPDX-License-Identifier: Apache-2.0
// Training gives the same bits for any number of threads, and again when it is repeated.
#include "training_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Some three hundred steps, in which weights that once differed would have spread everywhere; a few
// where memory is poisoned and checked, which takes many times as long.
#ifdef LW_DEBUG_MEMORY
enum { step_factor = 1 };
#else
enum { step_factor = 25 };
#endif

typedef struct bits_case {
    const char *network;
    int32_t side, batch;
    int64_t steps;
    lw_optimizer_kind optimizer;
    int32_t channels;
    bool exact; // without Winograd
} bits_case;

static float *train_weights(const bits_case *c, const lw_dataset *dataset, int32_t threads,
                            size_t *count)
{
    lw_network *network = load_network(c->network);
    lw_model *model;
    assert_int_equal(LW_OK, lw_model_create(&model, network, 11));
    lw_model_set_exact(model, c->exact);
    lw_train_config config = lw_train_config_default();
    config.optimizer.kind = c->optimizer;
    config.optimizer.learning_rate = 0.01;
    config.optimizer.momentum = 0.9;
    config.batch = c->batch;
    config.epochs = 1000;
    config.max_steps = c->steps * step_factor;
    config.threads = threads;
    lw_train_result result;
    if (lw_train(model, dataset, NULL, &config, NULL, &result)) fail_msg("%s", lw_error_message());
    float *values = copy_parameters(model, count);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return values;
}

static void test_any_thread_count(void **state)
{
    (void)state;
    // Sizes that leave a short last batch, and batches with fewer images than threads.
    const bits_case cases[] = {
        {"fixed", 28, 16, 12, LW_OPTIMIZER_ADAM, 1, false},
        {"fixed", 28, 16, 12, LW_OPTIMIZER_ADAM, 1, true},
        {"fixed", 28, 5, 12, LW_OPTIMIZER_SGD, 1, false},
        {"varres", 33, 16, 12, LW_OPTIMIZER_ADAM, 1, false},
        {"varres_max", 32, 3, 12, LW_OPTIMIZER_ADAMW, 1, false},
        {"lab", 28, 32, 12, LW_OPTIMIZER_SGD, 1, false},
        {"lab_small", 28, 32, 12, LW_OPTIMIZER_SGD, 1, false},
        {"lab_small", 28, 60, 12, LW_OPTIMIZER_SGD, 1, true},
        {"vgg", 32, 12, 12, LW_OPTIMIZER_ADAM, 3, false},
        {"allconv", 21, 12, 12, LW_OPTIMIZER_SGD, 3, false},
    };
    const int32_t thread_counts[] = {1, 2, 3, 5, 8, 16};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lw_dataset *dataset = make_training_set(60, cases[i].channels, cases[i].side, 10);
        size_t count, again;
        float *expected = train_weights(&cases[i], dataset, 1, &count);
        for (size_t k = 0; k < sizeof thread_counts / sizeof *thread_counts; k++) {
            float *got = train_weights(&cases[i], dataset, thread_counts[k], &again);
            assert_int_equal(count, again);
            if (memcmp(expected, got, count * sizeof *got) != 0)
                fail_msg("%s, batch %d: %d threads give other weights than 1", cases[i].network,
                         cases[i].batch, thread_counts[k]);
            free(got);
        }
        free(expected);
        lw_dataset_destroy(&dataset);
    }
}

// The comparison above would be worth nothing if training did not change the weights.
static void test_weights_depend_on_the_run(void **state)
{
    (void)state;
    lw_dataset *dataset = make_training_set(60, 1, 28, 10);
    bits_case c = {"fixed", 28, 16, 2, LW_OPTIMIZER_ADAM, 1, false};
    size_t count;
    float *two_steps = train_weights(&c, dataset, 2, &count);
    c.steps = 3;
    float *three_steps = train_weights(&c, dataset, 2, &count);
    assert_memory_not_equal(two_steps, three_steps, count * sizeof *two_steps);
    // Nor would the exact runs, if they were not another way to compute.
    c.exact = true;
    float *exact = train_weights(&c, dataset, 2, &count);
    assert_memory_not_equal(exact, three_steps, count * sizeof *exact);
    free(two_steps);
    free(three_steps);
    free(exact);
    lw_dataset_destroy(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_thread_count),
        cmocka_unit_test(test_weights_depend_on_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
