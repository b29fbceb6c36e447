// SPDX-License-Identifier: Apache-2.0
// Training beside others: two trainings at once, in the child of a fork, with fewer threads than were
// asked for, on fewer processors; and what it leaves running when it is over.
#define _GNU_SOURCE // sched_setaffinity
#include "cpu/thread_conditions.h"
#include "training_set.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct training {
    const char *network;
    const lw_dataset *data;
    uint64_t seed;
    int32_t threads;
    int32_t used;   // afterwards
    float *weights; // NULL: it failed
    size_t count;
} training;

static void *train(void *context)
{
    training *t = context;
    lw_network *network = load_network(t->network);
    lw_model *model;
    lw_train_config config = lw_train_config_default();
    lw_train_result result = {.threads = 0};
    config.max_steps = 12;
    config.seed = t->seed;
    config.threads = t->threads;
    t->weights = NULL;
    if (lw_model_create(&model, network, t->seed) == LW_OK &&
        lw_train(model, t->data, NULL, &config, NULL, &result) == LW_OK)
        t->weights = copy_parameters(model, &t->count);
    t->used = result.threads;
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return NULL;
}

static bool same_weights(const training *a, const training *b)
{
    return a->weights && b->weights && a->count == b->count &&
           memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0;
}

// OpenMP's run time ends the program where the system makes no thread, is lost in the child of a fork, and
// its threads look for work for some milliseconds.
static void need_threads_of_our_own(void)
{
#ifdef LW_THREADS_OPENMP
    skip();
#endif
}

// Four threads on one processor would be slower than one. The processors are counted once in a process, so this one
// must not have counted before its child does.
static void on_one_processor(void **state)
{
    (void)state;
    need_forks();
    int status;
    const pid_t child = fork();
    if (child == 0) {
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set)) _exit(2);
        for (size_t i = 0, kept = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set) && kept++ > 0) CPU_CLR(i, &set);
        if (sched_setaffinity(0, sizeof set, &set)) _exit(3);
        unsetenv("LANEWISE_OVERSUBSCRIBE");
        training t = {"fixed", make_training_set(60, 1, 28, 10), 5, 4, 0, NULL, 0};
        train(&t);
        _exit(t.weights && t.used == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

// Before the tests that have threads: later on, they would be there.
static void with_fewer_threads_than_asked_for(void **state)
{
    (void)state;
    need_threads_of_our_own();
    lw_dataset *data = make_training_set(60, 1, 28, 10);
    training alone = {"fixed", data, 5, 1, 0, NULL, 0}, few = alone, team = alone;
    few.threads = 2;
    team.threads = 16; // more than there are partial gradients
    train(&alone);
    atomic_store(&threads_to_come, 0);
    train(&few);
    assert_true(same_weights(&alone, &few));
    atomic_store(&threads_to_come, 4);
    train(&team);
    assert_true(same_weights(&alone, &team));
    atomic_store(&threads_to_come, 1000000);
    free(alone.weights);
    free(few.weights);
    free(team.weights);
    lw_dataset_destroy(&data);
}

static void two_trainings_at_once(void **state)
{
    (void)state;
    lw_dataset *data = make_training_set(60, 1, 28, 10);
    const training wanted[] = {{"fixed", data, 5, 2, 0, NULL, 0},
                               {"lab_small", data, 6, 3, 0, NULL, 0}};
    training expected[2], got[2];
    for (int i = 0; i < 2; i++) {
        expected[i] = wanted[i];
        train(&expected[i]);
    }
    assert_false(same_weights(&expected[0], &expected[1]));
    for (int again = 0; again < 3; again++) {
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) {
            got[i] = wanted[i];
            assert_int_equal(pthread_create(&threads[i], NULL, train, &got[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            assert_true(same_weights(&expected[i], &got[i]));
            free(got[i].weights);
        }
    }
    for (int i = 0; i < 2; i++) free(expected[i].weights);
    lw_dataset_destroy(&data);
}

static void in_the_child_of_a_fork(void **state)
{
    (void)state;
    need_threads_of_our_own();
    need_forks();
    lw_dataset *data = make_training_set(60, 1, 28, 10);
    training parent = {"fixed", data, 5, 3, 0, NULL, 0};
    int status;
    train(&parent);
    const pid_t child = fork();
    if (child == 0) {
        alarm(100); // a training that hangs fails
        training own = parent;
        train(&own);
        _exit(same_weights(&parent, &own) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(parent.weights);
    lw_dataset_destroy(&data);
}

// ---- afterwards ---------------------------------------------------------------------------------

static void nothing_spins_after_a_training(void **state)
{
    (void)state;
    need_threads_of_our_own();
    lw_dataset *data = make_training_set(60, 1, 28, 10);
    training t = {"fixed", data, 5, 4, 0, NULL, 0};
    train(&t);
    assert_nothing_spins();
    assert_non_null(t.weights);
    free(t.weights);
    lw_dataset_destroy(&data);
}

static void nothing_spins_after_a_convolution(void **state)
{
    (void)state;
    need_threads_of_our_own();
    const lw_conv_shape shape = {4, 16, 14, 14, 16, 3, 3, 1, 1, 1, 1, 1, 1};
    const lw_conv_options options = {.threads = 4};
    lw_conv_plan *plan;
    assert_int_equal(lw_conv_plan_create(&plan, &shape, LW_CONV_FORWARD, &options), LW_OK);
    float *maps = calloc(4 * 16 * 14 * 14 * 2, sizeof *maps);
    float *weights = calloc(16 * 16 * 9, sizeof *weights);
    void *workspace = malloc(lw_conv_plan_workspace_bytes(plan) + 1);
    assert_true(maps && weights && workspace);
    assert_int_equal(lw_conv_forward(plan, maps, weights, NULL, maps + 4 * 16 * 14 * 14, workspace),
                     LW_OK);
    assert_nothing_spins();
    free(workspace);
    free(weights);
    free(maps);
    lw_conv_plan_destroy(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_one_processor),
        cmocka_unit_test(with_fewer_threads_than_asked_for),
        cmocka_unit_test(two_trainings_at_once),
        cmocka_unit_test(in_the_child_of_a_fork),
        cmocka_unit_test(nothing_spins_after_a_training),
        cmocka_unit_test(nothing_spins_after_a_convolution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
