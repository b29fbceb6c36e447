// SPDX-License-Identifier: Apache-2.0
// A training that is stopped, saved and gone on with, again and again, ends with the bits of one that was
// left in peace, whatever the threads; a state of another run is refused.
#include "training_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char dropout_network[] =
    "input 1x12x12\nconv 3x3 8 pad 1\nrelu\nmaxpool 2\ndropout 0.3\nlinear 10\n"
    "softmax_cross_entropy\n";

typedef struct run_case {
    const char *network; // shipped, or NULL: the one with dropout
    int32_t side, channels, batch;
    lw_optimizer_kind optimizer;
    lw_schedule_kind schedule;
    const char *augment;
    int64_t max_steps;
    bool mixed; // images of several sizes
    lw_train_order order;
    bool extras; // smoothing, clipping, the average, the best weights
} run_case;

static const run_case cases[] = {
    {.side = 12, .channels = 1, .batch = 7},
    {.network = "fixed",
     .side = 28,
     .channels = 1,
     .batch = 16,
     .optimizer = LW_OPTIMIZER_ADAM,
     .schedule = LW_SCHEDULE_ONE_CYCLE,
     .augment = "rotate=15,mixup=0.5"},
    {.network = "lab_small",
     .side = 28,
     .channels = 1,
     .batch = 9,
     .optimizer = LW_OPTIMIZER_ADAMW,
     .schedule = LW_SCHEDULE_COSINE,
     .max_steps = 11},
    {.network = "allconv", .side = 21, .channels = 3, .batch = 12, .optimizer = LW_OPTIMIZER_SGD},
    {.network = "varres", .channels = 1, .batch = 8, .optimizer = LW_OPTIMIZER_ADAM, .mixed = true},
    {.network = "varres",
     .channels = 1,
     .batch = 8,
     .optimizer = LW_OPTIMIZER_ADAM,
     .mixed = true,
     .order = LW_TRAIN_ORDER_BY_SIZE},
    {.side = 12, .channels = 1, .batch = 7, .optimizer = LW_OPTIMIZER_ADAM, .extras = true},
};
enum { n_cases = sizeof cases / sizeof *cases, n_images = 40, n_validation = 20 };

// A run that can be set up as often as it is gone on with.
typedef struct fixture {
    const run_case *c;
    lw_dataset *train, *validation;
    lw_network *network;
    lw_model *model;
    lw_augment augment;
    lw_train_config config;
    lw_train_result result;
} fixture;

static void make_fixture(fixture *f, const run_case *c)
{
    const int32_t sides[] = {33, 29, 40};
    *f = (fixture){.c = c, .config = lw_train_config_default()};
    f->train = c->mixed ? make_mixed_set(n_images, sides, 3, 10)
                        : make_training_set(n_images, c->channels, c->side, 10);
    assert_int_equal(LW_OK, lw_dataset_slice(&f->validation, f->train, 0, n_validation));
    f->network = c->network ? load_network(c->network) : parse_network(dropout_network);
    f->config.optimizer.kind = c->optimizer;
    f->config.optimizer.learning_rate = 0.01;
    f->config.optimizer.momentum = 0.9;
    f->config.schedule.kind = c->schedule;
    f->config.schedule.warmup_fraction = 0.3;
    f->config.batch = c->batch;
    f->config.max_steps = c->max_steps;
    f->config.order = c->order;
    if (c->extras) {
        f->config.label_smoothing = 0.1;
        f->config.ema_decay = 0.8;
        f->config.clip_norm = 0.5;
        f->config.optimizer.learning_rate = 0.1; // rough: the best epoch is not the last one
        f->config.epochs = 6;
        f->config.patience = 3;
        f->config.keep_best = true;
    }
    if (!c->augment) return;
    if (lw_augment_parse(&f->augment, c->augment)) fail_msg("%s", lw_error_message());
    f->config.augment = &f->augment;
}

// Other first weights each time: those of the state count.
static void make_model(fixture *f, uint64_t seed)
{
    lw_model_destroy(&f->model);
    assert_int_equal(LW_OK, lw_model_create(&f->model, f->network, seed));
}

static void free_fixture(fixture *f)
{
    lw_model_destroy(&f->model);
    lw_network_destroy(&f->network);
    lw_dataset_destroy(&f->validation);
    lw_dataset_destroy(&f->train);
}

// Saves every state that it gets, and stops at the first that is not the last.
typedef struct saver {
    char path[64];
    int saved;
    bool finished, goes_on;
    lw_train_position position;
} saver;

static bool save_and_stop(void *user, const lw_train_state *state)
{
    saver *s = user;
    if (lw_train_state_save(state, s->path)) fail_msg("%s", lw_error_message());
    s->saved++;
    s->position = lw_train_state_position(state);
    s->finished = s->position.finished;
    return s->finished || s->goes_on;
}

static void make_path(saver *s)
{
    *s = (saver){.path = "/tmp/lanewise-resume-XXXXXX"};
    const int descriptor = mkstemp(s->path);
    assert_true(descriptor >= 0);
    close(descriptor);
}

// Trains from the saved state, or from the start, to the next state that is saved.
static lw_status go_on_until(fixture *f, saver *s, int64_t every_steps, int32_t every_epochs)
{
    lw_train_state *state = NULL;
    const lw_train_callbacks callbacks = {.checkpoint = save_and_stop,
                                          .checkpoint_steps = every_steps,
                                          .checkpoint_epochs = every_epochs,
                                          .user = s};
    make_model(f, 100 + (uint64_t)s->saved);
    if (s->saved == 0) make_model(f, 11);
    if (s->saved > 0 && lw_train_state_load(&state, s->path)) fail_msg("%s", lw_error_message());
    if (state) assert_true(lw_train_state_keeps_bits(state, f->model, NULL, 0));
    lw_status status = lw_train_resume(f->model, f->train, f->validation, &f->config, &callbacks,
                                       state, &f->result);
    lw_train_state_destroy(&state);
    return status;
}

static lw_status go_on(fixture *f, saver *s, int64_t every_steps)
{
    return go_on_until(f, s, every_steps, 0);
}

static void run_in_pieces(fixture *f, int64_t every_steps)
{
    static const int32_t thread_counts[] = {2, 1, 5, 16, 3};
    saver s;
    make_path(&s);
    while (!s.finished) {
        f->config.threads = thread_counts[s.saved % 5];
        lw_status status = go_on(f, &s, every_steps);
        assert_true(s.saved < 100);
        assert_int_equal(status, s.finished ? LW_OK : LW_ERROR_INTERRUPTED);
    }
    assert_true(s.saved > 3);
    // What is finished is not trained any further.
    const lw_train_result result = f->result;
    make_model(f, 999);
    assert_int_equal(LW_OK, go_on(f, &s, every_steps));
    assert_int_equal(result.epochs, f->result.epochs);
    unlink(s.path);
}

static void test_same_bits_in_pieces(void **state)
{
    (void)state;
    for (int i = 0; i < n_cases; i++) {
        fixture f;
        size_t count, again;
        make_fixture(&f, &cases[i]);
        make_model(&f, 11);
        f.config.threads = 1;
        if (lw_train(f.model, f.train, f.validation, &f.config, NULL, &f.result))
            fail_msg("%s", lw_error_message());
        const lw_train_result whole = f.result;
        float *expected = copy_parameters(f.model, &count);
        for (int64_t every_steps = 1; every_steps <= 3; every_steps++) {
            run_in_pieces(&f, every_steps);
            float *got = copy_parameters(f.model, &again);
            assert_int_equal(count, again);
            if (memcmp(expected, got, count * sizeof *got) != 0)
                fail_msg("case %d, pieces of %d steps: other weights", i, (int)every_steps);
            free(got);
            assert_int_equal(whole.epochs, f.result.epochs);
            assert_int_equal(whole.best_epoch, f.result.best_epoch);
            assert_true(whole.out_of_patience == f.result.out_of_patience);
            assert_true(whole.last.train_loss == f.result.last.train_loss);
            assert_true(whole.last.train_accuracy == f.result.last.train_accuracy);
            assert_true(whole.last.validation_loss == f.result.last.validation_loss);
            assert_true(whole.last.learning_rate == f.result.last.learning_rate);
        }
        free(expected);
        free_fixture(&f);
    }
}

// Checkpoints that nobody goes back to change nothing.
static void test_checkpoints_do_not_disturb(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 3; threads++) {
        fixture f;
        saver s;
        size_t count;
        make_fixture(&f, &cases[1]);
        f.config.threads = threads;
        make_model(&f, 11);
        assert_int_equal(LW_OK,
                         lw_train(f.model, f.train, f.validation, &f.config, NULL, &f.result));
        float *expected = copy_parameters(f.model, &count);
        make_path(&s);
        s.goes_on = true;
        assert_int_equal(LW_OK, go_on(&f, &s, 1));
        assert_true(s.saved >= 9); // three epochs of three steps
        assert_true(s.finished && s.position.step == 9 && s.position.epochs == 3);
        float *got = copy_parameters(f.model, &count);
        assert_memory_equal(expected, got, count * sizeof *got);
        free(expected);
        free(got);
        unlink(s.path);
        free_fixture(&f);
    }
}

// Three epochs: a state after each that the number divides, and the last one.
static void test_states_between_epochs(void **state)
{
    (void)state;
    fixture f;
    saver s;
    size_t count;
    make_fixture(&f, &cases[1]);
    make_model(&f, 11);
    assert_int_equal(LW_OK, lw_train(f.model, f.train, f.validation, &f.config, NULL, &f.result));
    float *expected = copy_parameters(f.model, &count);

    make_path(&s);
    for (int32_t epoch = 1; epoch <= 3; epoch++) {
        assert_int_equal(epoch < 3 ? LW_ERROR_INTERRUPTED : LW_OK, go_on_until(&f, &s, 0, 1));
        assert_int_equal(s.saved, epoch);
        assert_true(s.position.epoch_step == 0 && s.position.step == 3 * epoch);
        assert_int_equal(s.finished, epoch == 3);
    }
    float *got = copy_parameters(f.model, &count);
    assert_memory_equal(expected, got, count * sizeof *got);
    unlink(s.path);

    make_path(&s);
    s.goes_on = true;
    assert_int_equal(LW_OK, go_on_until(&f, &s, 0, 2));
    assert_int_equal(s.saved, 2);
    unlink(s.path);
    free(expected);
    free(got);
    free_fixture(&f);
}

static bool stop_at_once(void *user, const lw_train_progress *progress)
{
    (void)user;
    (void)progress;
    return false;
}

// A stop by another callback leaves a state, too.
static void test_stop_leaves_a_state(void **state)
{
    (void)state;
    fixture f;
    saver s;
    make_fixture(&f, &cases[0]);
    make_path(&s);
    make_model(&f, 11);
    const lw_train_callbacks callbacks = {
        .progress = stop_at_once, .checkpoint = save_and_stop, .user = &s};
    // Reports come every 0.05 s, and at the end of an epoch.
    assert_int_equal(LW_ERROR_INTERRUPTED,
                     lw_train(f.model, f.train, f.validation, &f.config, &callbacks, &f.result));
    assert_int_equal(s.saved, 1);
    assert_int_equal(s.position.epoch, 1);
    assert_true(s.position.step > 0 && s.position.step <= s.position.epoch_steps);
    unlink(s.path);
    free_fixture(&f);
}

static void expect_refusal(fixture *f, const lw_train_state *state, const char *part)
{
    make_model(f, 1);
    lw_status status =
        lw_train_resume(f->model, f->train, f->validation, &f->config, NULL, state, &f->result);
    assert_int_equal(status, LW_ERROR_INPUT);
    if (!strstr(lw_error_message(), part))
        fail_msg("expected \"%s\", got \"%s\"", part, lw_error_message());
}

static void test_states_of_other_runs_are_refused(void **unused)
{
    (void)unused;
    fixture f, other;
    saver s;
    lw_train_state *state;
    make_fixture(&f, &cases[0]);
    make_path(&s);
    assert_int_equal(LW_ERROR_INTERRUPTED, go_on(&f, &s, 2));
    if (lw_train_state_load(&state, s.path)) fail_msg("%s", lw_error_message());
    fixture changed = f;
    changed.config.batch = 8;
    changed.model = NULL;
    expect_refusal(&changed, state, "it has \"batch 7\", this run \"batch 8\"");
    lw_model_destroy(&changed.model);
    changed = f;
    changed.model = NULL;
    changed.validation = NULL;
    expect_refusal(&changed, state, "the validation images");
    changed.validation = f.validation;
    changed.train = make_training_set(n_images, 1, 13, 10); // the network takes 12x12
    lw_dataset_destroy(&changed.train);
    assert_int_equal(LW_OK, lw_dataset_slice(&changed.train, f.train, 0, n_images - 2));
    expect_refusal(&changed, state, "the training images are not those");
    lw_dataset_destroy(&changed.train);
    lw_model_destroy(&changed.model);
    make_fixture(&other, &cases[1]);
    expect_refusal(&other, state, "tensor");
    free_fixture(&other);
    lw_train_state_destroy(&state);
    unlink(s.path);
    free_fixture(&f);
}

// A set is told from others by what is in it, wherever it lies.
static void test_fingerprints(void **state)
{
    (void)state;
    lw_dataset *set = make_training_set(30, 1, 9, 10), *same = make_training_set(30, 1, 9, 10);
    lw_dataset *part, *swapped;
    const uint32_t order[] = {1, 0, 2};
    assert_true(lw_dataset_fingerprint(set) == lw_dataset_fingerprint(same));
    assert_int_equal(LW_OK, lw_dataset_slice(&part, set, 0, 3));
    assert_int_equal(LW_OK, lw_dataset_select(&swapped, set, order, 3));
    assert_true(lw_dataset_fingerprint(set) != lw_dataset_fingerprint(part));
    assert_true(lw_dataset_fingerprint(part) != lw_dataset_fingerprint(swapped));
    lw_dataset_destroy(&part);
    lw_dataset_destroy(&swapped);
    lw_dataset_destroy(&set);
    lw_dataset_destroy(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_in_pieces),
        cmocka_unit_test(test_checkpoints_do_not_disturb),
        cmocka_unit_test(test_states_between_epochs),
        cmocka_unit_test(test_stop_leaves_a_state),
        cmocka_unit_test(test_states_of_other_runs_are_refused),
        cmocka_unit_test(test_fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
