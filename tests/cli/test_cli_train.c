// SPDX-License-Identifier: Apache-2.0
// `lanewise train` as a user runs it: what it prints and leaves behind, and that it leaves nothing
// when something goes wrong.
#define _GNU_SOURCE // sched_setaffinity
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <lanewise/data.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ---- a run ------------------------------------------------------------------------------------

static void train_prints_one_object(void **state)
{
    (void)state;
    assert_string_equal(json_word(small_run_result, "network"), "lab_small");
    assert_true(json_number(small_run_result, "parameters") == 9594);
    assert_string_equal(json_word(small_run_result, "data"), "small");
    assert_true(json_number(small_run_result, "seed") == 1);
    assert_true(json_number(small_run_result, "threads") >= 1);
    assert_true(json_number(small_run_result, "epochs") == 2);
    assert_true(json_number(small_run_result, "batch") == 16);
    assert_string_equal(json_word(small_run_result, "optimizer"), "adam");
    assert_true(json_number(small_run_result, "lr") == 0.003);
    assert_true(json_number(small_run_result, "train_images") == n_train - n_validation);
    static const char *const fractions[] = {"train_accuracy", "validation_accuracy",
                                            "test_accuracy"};
    for (size_t i = 0; i < 3; i++) {
        double fraction = json_number(small_run_result, fractions[i]);
        assert_true(fraction > 0.5 && fraction <= 1); // it has learned something
    }
    static const char *const positive[] = {"train_loss", "validation_loss",   "test_loss",
                                           "seconds",    "images_per_second", "peak_memory_bytes"};
    for (size_t i = 0; i < 6; i++) assert_true(json_number(small_run_result, positive[i]) > 0);
    assert_true(*json_word(small_run_result, "isa"));
    assert_string_equal(json_word(small_run_result, "run_directory"), "runs/lab_small-1");
}

static void a_run_holds_six_files(void **state)
{
    (void)state;
    assert_int_equal(count_entries("runs/lab_small-1"), 6);
    cJSON *config = json_parse_file("runs/lab_small-1/config.json");
    const cJSON *training = cJSON_GetObjectItem(config, "training");
    assert_true(json_number(training, "epochs") == 2);
    assert_true(json_number(training, "threads") >= 1);
    const cJSON *data = cJSON_GetObjectItem(config, "data");
    const char *path = json_word(data, "open"); // complete: it must work from any folder
    assert_int_equal(path[0], '/');
    assert_string_equal(path + strlen(path) - 6, "/small");
    assert_true(json_number(data, "validation_images") == n_validation);
    const cJSON *convolutions = cJSON_GetObjectItem(config, "convolutions");
    assert_string_equal(json_word(cJSON_GetObjectItem(convolutions, "conv2"), "bwd_d"), "direct");
    assert_true(*json_word(cJSON_GetObjectItem(config, "machine"), "isa"));
    cJSON_Delete(config);

    // The figures are those of --json, with the confusion matrix of the test images.
    cJSON *metrics = json_parse_file("runs/lab_small-1/metrics.json");
    const cJSON *item, *row, *entry;
    cJSON_ArrayForEach(item, small_run_result)
        assert_true(cJSON_Compare(item, cJSON_GetObjectItem(metrics, item->string), true));
    double sum = 0;
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(metrics, "confusion")), 10);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(metrics, "confusion"))
        cJSON_ArrayForEach(entry, row) sum += entry->valuedouble;
    assert_true(sum == n_test);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(metrics, "classes")), 10);
    cJSON_Delete(metrics);

    char *text = read_text("runs/lab_small-1/network.net");
    char *shipped = read_text(LW_SOURCE_DIR "/networks/lab_small.net");
    assert_string_equal(text, shipped);
    free(shipped);
    free(text);
}

static void the_log_has_steps_and_epochs(void **state)
{
    (void)state;
    char *log = read_text("runs/lab_small-1/log.jsonl");
    int steps = 0, epochs = 0;
    char *rest = NULL;
    for (char *line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *record = json_parse(line);
        if (strcmp(json_word(record, "event"), "step") == 0)
            assert_true(json_number(record, "step") == ++steps);
        else
            assert_true(json_number(record, "epoch") == ++epochs);
        cJSON_Delete(record);
    }
    assert_int_equal(steps, 2 * ((n_train - n_validation + 15) / 16));
    assert_int_equal(epochs, 2);
    free(log);
}

static void weights_can_be_taken_up_again(void **state)
{
    (void)state;
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "100", "--steps", "1",
                "--lr", "1e-30", "--init", "runs/lab_small-1/model.safetensors", "--out", "again",
                "--quiet", NULL);
    // A step of no size changes nothing (but for rounding): the test accuracy is the old one.
    cJSON *metrics = json_parse_file("again/metrics.json");
    assert_true(json_number(metrics, "test_accuracy") ==
                json_number(small_run_result, "test_accuracy"));
    cJSON_Delete(metrics);
    expect_failure(2, "none.safetensors", "train", "lab_small", "--data", "small", "--train-limit",
                   "100", "--init", "none.safetensors", NULL);
    expect_failure(2, "model.safetensors", "train", "lab", "--data", "small", "--train-limit",
                   "100", "--init", "runs/lab_small-1/model.safetensors", NULL);
}

// What a training needs beside its images: the program, its libraries, weights and scratch memory. Libraries that training has
// no use for would show here.
static void a_training_takes_16_mb_more_than_its_images(void **state)
{
    (void)state;
#if defined(LW_TESTS_ARE_EMULATED) || defined(LW_TESTS_ARE_SANITIZED)
    skip(); // the memory of an emulator or a sanitizer counts as well
#endif
    expect_exit(0, "train", "fixed", "--data", "small", "--threads", "2", "--epochs", "1", "--out",
                "frugal", "--quiet", NULL);
    cJSON *metrics = json_parse_file("frugal/metrics.json");
    const double peak_bytes = json_number(metrics, "peak_memory_bytes");
    const double image_bytes = (n_train + n_test) * 28.0 * 28.0;
    if (peak_bytes > image_bytes + 16e6) fail_msg("the training took %.0f bytes", peak_bytes);
    assert_true(peak_bytes > 1e6); // it was measured at all
    cJSON_Delete(metrics);
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    char *logs[3];
    static const char *const names[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++) {
        expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "200", "--steps",
                    "10", "--validation", "0", "--log-steps", "--quiet", "--seed",
                    i < 2 ? "5" : "6", "--threads", i == 0 ? "1" : "2", "--out", names[i], NULL);
        char path[64];
        snprintf(path, sizeof path, "%s/log.jsonl", names[i]);
        logs[i] = read_text(path);
    }
    // Times differ, losses do not; the first ten lines are the steps.
    for (int line = 0; line < 10; line++) {
        size_t lengths[2];
        for (size_t i = 0; i < 2; i++) lengths[i] = strcspn(logs[i], "\n");
        assert_int_equal(lengths[0], lengths[1]);
        assert_int_equal(memcmp(logs[0], logs[1], lengths[0]), 0);
        for (size_t i = 0; i < 2; i++)
            memmove(logs[i], logs[i] + lengths[i] + 1, strlen(logs[i] + lengths[i] + 1) + 1);
    }
    char *once = read_text("one/log.jsonl");
    assert_int_not_equal(strncmp(once, logs[2], strcspn(once, "\n")), 0);
    free(once);
    for (size_t i = 0; i < 3; i++) free(logs[i]);
}

// Four threads on one processor would only take turns, each with a memory of its own in the same cache.
static void threads_are_no_more_than_processors(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    size_t processor = 0;
    while (!CPU_ISSET(processor, &before)) processor++;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0); // the program inherits both
    unsetenv("LANEWISE_OVERSUBSCRIBE");
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--train-limit", "200", "--steps", "5",
                    "--threads", "4", "--json", "--out", "pinned", NULL);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    setenv("LANEWISE_OVERSUBSCRIBE", "1", 1);
    expect_code(&result, 0);
    assert_true(
        contains(result.err, "threads: 1 instead of 4, since this process has no more processors"));
    cJSON *json = json_parse(result.out);
    assert_true(json_number(json, "threads") == 1);
    cJSON_Delete(json);
    program_free(&result);
}

static void times_add_up(void **state)
{
    (void)state;
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--train-limit", "300", "--epochs",
                    "2", "--threads", "2", "--time", "--json", "--out", "timed", NULL);
    expect_code(&result, 0);
    // People see the table (here on standard error), programs the same figures.
    assert_true(contains(result.err, "where the time of the training went"));
    assert_true(contains(result.err, "waiting at barriers"));
    assert_true(contains(result.err, "conv 3x3 + relu + maxpool 2x2"));
    cJSON *json = json_parse(result.out), *metrics = json_parse_file("timed/metrics.json");
    const cJSON *time = cJSON_GetObjectItem(json, "time"), *row;
    assert_true(cJSON_Compare(time, cJSON_GetObjectItem(metrics, "time"), true));
    assert_true(json_number(time, "peak_gflops") > 0);
    double seconds = 0, us_per_image = 0;
    int passes = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(time, "rows"))
    {
        seconds += json_number(row, "seconds");
        us_per_image += json_number(row, "us_per_image");
        assert_true(*json_word(row, "work"));
        if (cJSON_IsNull(cJSON_GetObjectItem(row, "layer"))) continue;
        passes++;
        assert_true(*json_word(row, "algorithm") && *json_word(row, "pass"));
        assert_true(json_number(row, "gflops") > 0 && json_number(row, "peak_share") > 0);
    }
    assert_int_equal(passes,
                     3 * 4 - 1); // three convolutions and a linear layer; none for the image
    assert_true(fabs(seconds / json_number(json, "seconds") - 1) < 1e-6);
    assert_true(fabs(us_per_image * json_number(json, "images_per_second") / 1e6 - 1) < 1e-6);
    cJSON_Delete(metrics);
    cJSON_Delete(json);
    program_free(&result);
    // Without --time there is nothing of it.
    assert_null(cJSON_GetObjectItem(small_run_result, "time"));
}

static void the_best_weights_are_kept(void **state)
{
    (void)state;
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--validation", "200", "--lr", "0.02",
                    "--epochs", "12", "--label-smoothing", "0.1", "--ema", "0.9", "--clip", "1",
                    "--patience", "2", "--keep-best", "--json", "--out", "kept", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const int best = (int)json_number(json, "best_epoch"),
              epochs = (int)json_number(json, "epochs");
    assert_in_range(best, 1, epochs);
    const bool early = cJSON_IsTrue(cJSON_GetObjectItem(json, "out_of_patience"));
    assert_true(early == (epochs < 12));
    assert_true((strstr(result.err, "stopped after epoch ") != NULL) == early);
    assert_true(contains(result.err, "the best on validation"));
    // The log says the same: the last epoch marked as the best, with the figures of the kept weights.
    char *log = read_text("kept/log.jsonl"), *line = log;
    double accuracy = -1;
    int marked = 0;
    for (char *end; line && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        cJSON *record = json_parse(line);
        if (cJSON_IsTrue(cJSON_GetObjectItem(record, "best"))) {
            marked = (int)json_number(record, "epoch");
            accuracy = json_number(record, "validation_accuracy");
        }
        cJSON_Delete(record);
    }
    free(log);
    assert_int_equal(marked, best);
    assert_true(accuracy == json_number(json, "validation_accuracy"));
    cJSON_Delete(json);
    program_free(&result);
    cJSON *config = json_parse_file("kept/config.json");
    const cJSON *training = cJSON_GetObjectItem(config, "training");
    assert_true(json_number(training, "ema_decay") == 0.9);
    assert_true(json_number(training, "label_smoothing") == 0.1);
    assert_true(json_number(training, "clip_norm") == 1 && json_number(training, "patience") == 2);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(training, "keep_best")));
    cJSON_Delete(config);
    expect_failure(2, "--keep-best looks at", "train", "lab_small", "--data", "small",
                   "--validation", "0", "--keep-best", NULL);
}

static void training_stops_at_an_accuracy(void **state)
{
    (void)state;
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--validation", "200", "--lr", "0.003",
                    "--epochs", "9", "--until", "55", "--json", "--out", "until", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "reached 55.00 % on the validation images after "));
    cJSON *json = json_parse(result.out);
    assert_true(json_number(json, "until_accuracy") == 0.55);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "reached")));
    assert_in_range(json_number(json, "epochs"), 1, 8);
    assert_true(json_number(json, "validation_accuracy") >= 0.55);
    cJSON_Delete(json);
    program_free(&result);
    cJSON *config = json_parse_file("until/config.json");
    assert_true(json_number(cJSON_GetObjectItem(config, "training"), "until_accuracy") == 0.55);
    cJSON_Delete(config);

    result =
        program_run("train", "lab_small", "--data", "small", "--validation", "200", "--train-limit",
                    "64", "--epochs", "1", "--until", "100", "--quiet", "--out", "short", NULL);
    expect_code(&result, 0); // to miss it is no failure
    assert_true(contains(result.out, "did not reach 100.00 %"));
    program_free(&result);
    expect_failure(2, "--until 99", "train", "lab_small", "--data", "small", "--until", "0.99",
                   NULL);
    expect_failure(2, "--validation 0", "train", "lab_small", "--data", "small", "--until", "99",
                   "--validation", "0", NULL);
}

static void normalisation_is_kept_with_the_model(void **state)
{
    (void)state;
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "64", "--epochs", "1",
                "--normalize", "0.1307,0.3081", "--out", "normal", "--quiet", NULL);
    cJSON *config = json_parse_file("normal/config.json");
    const cJSON *normalization = cJSON_GetObjectItem(config, "normalization");
    double mean = cJSON_GetArrayItem(cJSON_GetObjectItem(normalization, "mean"), 0)->valuedouble;
    double stddev =
        cJSON_GetArrayItem(cJSON_GetObjectItem(normalization, "stddev"), 0)->valuedouble;
    assert_true(fabs(mean - 0.1307) < 1e-6 && fabs(stddev - 0.3081) < 1e-6);
    cJSON_Delete(config);
    program_result result = program_run("eval", "normal", "--json", NULL);
    cJSON *json = json_parse(result.out), *metrics = json_parse_file("normal/metrics.json");
    assert_true(json_number(json, "accuracy") == json_number(metrics, "test_accuracy"));
    cJSON_Delete(metrics);
    cJSON_Delete(json);
    program_free(&result);
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "64", "--epochs", "1",
                "--normalize", "data", "--out", "measured", "--quiet", NULL);
    config = json_parse_file("measured/config.json");
    normalization = cJSON_GetObjectItem(config, "normalization");
    mean = cJSON_GetArrayItem(cJSON_GetObjectItem(normalization, "mean"), 0)->valuedouble;
    assert_true(mean > 0.01 && mean < 0.5);
    cJSON_Delete(config);
    expect_failure(2, "--normalize: expected the word data", "train", "--data", "small",
                   "--train-limit", "64", "--normalize", "0.5", "--out", "bad", NULL);
    expect_failure(2, "got \"0.5,0\"", "train", "--data", "small", "--train-limit", "64",
                   "--normalize", "0.5,0", "--out", "bad", NULL);
    assert_false(is_there("bad"));
}

// A recipe sets what is not given, and the run keeps what it set.
static void a_recipe_gives_way_to_options(void **state)
{
    (void)state;
    expect_exit(0, "train", "fixed", "--data", "small", "--train-limit", "64", "--recipe", "record",
                "--batch", "8", "--out", "recipe", "--quiet", NULL);
    cJSON *config = json_parse_file("recipe/config.json");
    const cJSON *training = cJSON_GetObjectItem(config, "training");
    assert_int_equal(cJSON_GetObjectItem(training, "epochs")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(training, "batch")->valueint, 8);
    char *text = cJSON_Print(config);
    assert_non_null(text);
    assert_true(contains(text, "one-cycle"));
    assert_true(contains(text, "0.004"));
    cJSON_free(text);
    assert_string_equal(json_word(config, "recipe"), "record");
    cJSON_Delete(config);
    expect_failure(2, "did you mean \"record\"", "train", "--data", "small", "--recipe", "recrod",
                   "--out", "bad", NULL);
}

static void a_recipe_can_be_a_file(void **state)
{
    (void)state;
    write_text("mine.recipe", "# words, flags and comments\n"
                              "epochs 9\noptimizer sgd\n  momentum 0.5 # less\nnesterov\n"
                              "augment rotate=5,noise=4\nvalidation 0\nema 0.75\n");
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "64", "--recipe",
                "mine.recipe", "--epochs", "1", "--val", "0.25", "--out", "mine", "--quiet", NULL);
    cJSON *config = json_parse_file("mine/config.json");
    const cJSON *training = cJSON_GetObjectItem(config, "training");
    const cJSON *optimizer = cJSON_GetObjectItem(training, "optimizer");
    assert_true(json_number(training, "epochs") == 1); // what is given besides wins
    assert_true(json_number(optimizer, "momentum") == 0.5);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(optimizer, "nesterov")));
    assert_string_equal(json_word(training, "augment"), "rotate=5,noise=4");
    assert_true(json_number(training, "ema_decay") == 0.75);
    // A share that is given and a number in the recipe are one decision.
    assert_true(json_number(cJSON_GetObjectItem(config, "data"), "validation_images") > 0);
    cJSON_Delete(config);
    // The same with several seeds, each of which reads it.
    expect_exit(0, "train", "lab_small", "--data", "small", "--train-limit", "64", "--recipe",
                "mine.recipe", "--epochs", "1", "--val", "0.25", "--seeds", "2", "--out",
                "mine-seeds", "--quiet", NULL);
    config = json_parse_file("mine-seeds/seed-2/config.json");
    training = cJSON_GetObjectItem(config, "training");
    assert_string_equal(json_word(training, "augment"), "rotate=5,noise=4");
    cJSON_Delete(config);
}

static void a_wrong_recipe_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"epochs 2\nlrr 4\n", "bad.recipe:2:1: unknown option 'lrr'; did you mean 'lr'?"},
        {"epochs 2\n  batch 0\n", "bad.recipe:2:3: --batch: expected a whole number from 1"},
        {"keep-best yes", "bad.recipe:1:1: --keep-best takes no value"},
        {"lr", "bad.recipe:1:1: --lr needs a value"},
        {"lr 1\nlr 2", "bad.recipe:2:1: lr is set twice"},
        {"out somewhere", "bad.recipe:1:1: unknown option 'out'"},
        {"optimizer adan", "did you mean \"adam\"?"},
        {"gamma 0.5", "--gamma only has a meaning with --schedule step"},
        {"augment rotat=3", "rotat"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("bad.recipe", cases[i].text);
        expect_failure(2, cases[i].part, "train", "--data", "small", "--recipe", "bad.recipe",
                       "--out", "bad", NULL);
    }
    // Also a value that the user has set aside.
    write_text("bad.recipe", "batch many\n");
    expect_failure(2, "bad.recipe:1:1: --batch", "train", "--data", "small", "--recipe",
                   "bad.recipe", "--batch", "8", "--out", "bad", NULL);
    expect_failure(2, "no.recipe", "train", "--data", "small", "--recipe", "no.recipe", "--out",
                   "bad", NULL);
    expect_failure(2, "did you mean \"best\"?", "train", "--data", "small", "--recipe", "bets",
                   "--out", "bad", NULL);
    expect_failure(2, "for the network allconv yet", "train", "allconv", "--recipe", "best",
                   "--out", "bad", NULL);
    assert_false(is_there("bad"));
}

// Each shipped recipe is one that its network can be trained with.
static void the_best_recipes_work(void **state)
{
    (void)state;
    static const char *const names[] = {"fixed", "lab", "lab_small", "varres", "varres_max"};
    // The network's name counts, also where it is given as a file.
    expect_exit(0, "train", LW_SOURCE_DIR "/networks/fixed.net", "--data", "small", "--train-limit",
                "32", "--recipe", "best", "--epochs", "1", "--out", "best-file", "--quiet", NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char out[32], path[64];
        snprintf(out, sizeof out, "best-%s", names[i]);
        expect_exit(0, "train", names[i], "--data", "small", "--train-limit", "32", "--recipe",
                    "best", "--epochs", "1", "--out", out, "--quiet", NULL);
        snprintf(path, sizeof path, "%s/config.json", out);
        cJSON *config = json_parse_file(path);
        const cJSON *training = cJSON_GetObjectItem(config, "training");
        assert_string_equal(json_word(config, "recipe"), "best");
        assert_string_equal(json_word(cJSON_GetObjectItem(training, "schedule"), "name"),
                            "one-cycle");
        cJSON_Delete(config);
    }
}

static void any_size_trains_too(void **state)
{
    (void)state;
    program_result result = program_run("train", "varres", "--data", "small", "--train-limit", "48",
                                        "--epochs", "1", "--validation", "0", "--optimizer", "sgd",
                                        "--schedule", "cosine", "--out", "any", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "input 1 channel, any size"));
    assert_true(contains(result.out, "test"));
    assert_null(strstr(result.out, "validation"));
    assert_true(contains(result.out, "next:"));
    program_free(&result);
    cJSON *metrics = json_parse_file("any/metrics.json");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(metrics, "validation_accuracy")));
    cJSON_Delete(metrics);
    // The built-in digits by their name, too.
    expect_exit(0, "train", "lab_small", "--data", "digits", "--train-limit", "64", "--epochs", "1",
                "--quiet", NULL);
#ifdef LW_HAVE_PNG
    // A network of any size takes images of other sizes, but not every one.
    uint8_t pixels[40 * 50] = {0};
    assert_int_equal(lw_image_write("large.png", pixels, 40, 50, 1), LW_OK);
    assert_int_equal(lw_image_write("tiny.png", pixels, 4, 4, 1), LW_OK);
    expect_exit(0, "predict", "any", "large.png", NULL);
    expect_failure(2, "tiny.png: ", "predict", "any", "tiny.png", NULL);
#endif
}

// ---- what goes wrong --------------------------------------------------------------------------

// No run, whole or partial, in that folder.
static void expect_no_trace(const char *folder)
{
    int count = count_entries(folder);
    if (count > 0) print_error("%s: %d entries are left\n", folder, count);
    assert_true(count <= 0);
}

static void what_is_there_is_not_overwritten(void **state)
{
    (void)state;
    assert_int_equal(mkdir("taken", 0777), 0);
    write_text("taken/thesis.txt", "important");
    expect_failure(2, "taken", "train", "--data", "small", "--train-limit", "32", "--out", "taken",
                   NULL);
    assert_int_equal(count_entries("taken"), 1);
    write_text("file", "important");
    expect_failure(2, "file", "train", "--data", "small", "--train-limit", "32", "--out", "file",
                   NULL);
    expect_failure(1, "/dev/null", "train", "--data", "small", "--train-limit", "32", "--out",
                   "/dev/null/run", NULL);
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_int_equal(mkdir("disk", 0777), 0);
    program_next.file_limit_bytes = 20000; // the weights alone are larger
    expect_failure(1, "model.safetensors", "train", "lab_small", "--data", "small", "--train-limit",
                   "64", "--epochs", "1", "--out", "disk/run", "--quiet", NULL);
    expect_no_trace("disk");
    program_next.file_limit_bytes = 2000; // the log of the steps outgrows that while it trains
    expect_failure(1, "cannot write the log: File too large", "train", "lab_small", "--data",
                   "small", "--train-limit", "1000", "--epochs", "1", "--log-steps", "--out",
                   "disk/run", "--quiet", NULL);
    expect_no_trace("disk");
    program_next.file_limit_bytes = 2000;
    // The first sentence counts, though a checkpoint of what is there fails as well.
    expect_failure(1, "cannot write the log: File too large", "train", "lab_small", "--data",
                   "small", "--train-limit", "1000", "--epochs", "3", "--log-steps", "--out",
                   "disk/run", "--quiet", NULL);
    expect_no_trace("disk");
}

static void data_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    write_text("three.net", "input 1x28x28\nlinear 3\nsoftmax_cross_entropy\n");
    expect_failure(2, "the network three tells 3 classes apart, small has 10", "train", "three.net",
                   "--data", "small", "--train-limit", "32", "--out", "unfit", NULL);
    write_text("colour.net", "input 3x28x28\nlinear 10\nsoftmax_cross_entropy\n");
    expect_failure(2, "channel", "train", "colour.net", "--data", "small", "--train-limit", "32",
                   "--out", "unfit", NULL);
    write_text("large.net", "input 1x32x32\nlinear 10\nsoftmax_cross_entropy\n");
    expect_failure(2, "32", "train", "large.net", "--data", "small", "--train-limit", "32", "--out",
                   "unfit", NULL);
    expect_failure(2, "nowhere", "train", "--data", "nowhere", "--out", "unfit", NULL);
    expect_failure(2, "dgits", "train", "--data", "dgits", "--out", "unfit", NULL);
    expect_failure(2, "", "train", "--data", "small", "--validation", "999999999", "--out", "unfit",
                   NULL);
    assert_false(is_there("unfit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train_prints_one_object),
        cmocka_unit_test(a_run_holds_six_files),
        cmocka_unit_test(the_log_has_steps_and_epochs),
        cmocka_unit_test(weights_can_be_taken_up_again),
        cmocka_unit_test(a_training_takes_16_mb_more_than_its_images),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(threads_are_no_more_than_processors),
        cmocka_unit_test(times_add_up),
        cmocka_unit_test(the_best_weights_are_kept),
        cmocka_unit_test(training_stops_at_an_accuracy),
        cmocka_unit_test(normalisation_is_kept_with_the_model),
        cmocka_unit_test(a_recipe_gives_way_to_options),
        cmocka_unit_test(a_recipe_can_be_a_file),
        cmocka_unit_test(a_wrong_recipe_is_refused),
        cmocka_unit_test(the_best_recipes_work),
        cmocka_unit_test(any_size_trains_too),
        cmocka_unit_test(what_is_there_is_not_overwritten),
        cmocka_unit_test(a_full_disk_leaves_nothing_behind),
        cmocka_unit_test(data_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
