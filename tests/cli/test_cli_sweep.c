// SPDX-License-Identifier: Apache-2.0
// `lanewise sweep` as a user runs it: the search, what it keeps, and the test images that are looked at
// once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP "sweep", "lab_small", "--data", "small", "--train-limit", "200", "--epochs", "4"
#define SPACE "--lr", "1e-4..1e-2:log", "--batch", "8,16", "--optimizer", "adam,sgd"

static cJSON *run_sweep(const char *out, const char *trials, const char *more, const char *value)
{
    program_result result = program_run(SWEEP, SPACE, "--momentum", "0.8,0.9", "--trials", trials,
                                        "--on", "2", "--out", out, "--json", more, value, NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    program_free(&result);
    return json;
}

static const cJSON *best_of(const cJSON *json)
{
    return cJSON_GetArrayItem(json_member(json, "choices"), 0);
}

static void a_search_finds_the_best(void **state)
{
    (void)state;
    cJSON *json = run_sweep("found", "8", NULL, NULL);
    assert_true(json_number(json, "trained") == 8 && json_number(json, "found") == 0);
    assert_true(json_number(json, "stopped") >= 2); // of eight, some were hopeless
    const cJSON *choices = json_member(json, "choices"), *choice;
    assert_int_equal(cJSON_GetArraySize(choices), 8);
    const double best = json_number(best_of(json), "validation_accuracy");
    cJSON_ArrayForEach(choice, choices)
    {
        const cJSON *settings = json_member(choice, "settings");
        const double rate = json_number(settings, "lr");
        const cJSON *accuracy = json_member(choice, "validation_accuracy");
        assert_true(rate >= 1e-4 && rate <= 1e-2);
        // Momentum is drawn where it has a meaning.
        const bool sgd = strcmp(json_word(settings, "optimizer"), "sgd") == 0;
        assert_int_equal(cJSON_GetObjectItem(settings, "momentum") != NULL, sgd);
        // Stopped ones have no final accuracy, and are not the best.
        if (cJSON_IsNumber(accuracy)) assert_true(accuracy->valuedouble <= best);
        const cJSON *trial = cJSON_GetArrayItem(json_member(choice, "trials"), 0);
        const bool stopped = strcmp(json_word(trial, "status"), "stopped") == 0;
        assert_int_equal(cJSON_IsNull(accuracy), stopped);
        // No trial has looked at the test images.
        assert_true(cJSON_IsNull(json_member(trial, "test_accuracy")));
        if (stopped) assert_true(json_number(trial, "epochs") < 4);
    }
    // They were opened once, for the best.
    const cJSON *test = json_member(json, "test");
    assert_true(cJSON_IsTrue(json_member(test, "of_the_best")));
    assert_true(json_number(test, "times") == 1 && json_number(test, "images") == n_test);
    cJSON *run = cJSON_GetArrayItem(json_member(best_of(json), "trials"), 0);
    program_result eval =
        program_run("eval", json_word(run, "run_directory"), "--data", "small", "--json", NULL);
    cJSON *evaluated = json_parse(eval.out);
    assert_true(json_number(evaluated, "accuracy") == json_number(test, "accuracy"));
    cJSON_Delete(evaluated);
    program_free(&eval);
    char *recipe = read_text("found/best.recipe");
    assert_true(contains(recipe, "\nlr ") && contains(recipe, "epochs 4\n"));
    assert_null(strstr(recipe, "data"));
    free(recipe);
    cJSON_Delete(json);
}

static void what_was_tried_is_kept(void **state)
{
    (void)state;
    cJSON *json = run_sweep("found", "8", NULL, NULL);
    assert_true(json_number(json, "trained") == 0 && json_number(json, "found") == 8);
    assert_true(json_number(json_member(json, "test"), "times") == 1); // known, not looked at again
    cJSON_Delete(json);
    // More trials go on; the first ones are the same.
    json = run_sweep("found", "10", "--no-test", NULL);
    assert_true(json_number(json, "trained") == 2 && json_number(json, "found") == 8);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "choices")), 10);
    cJSON_Delete(json);
    // Other rules are another search.
    json = run_sweep("found", "2", "--search", "random");
    assert_true(json_number(json, "found") == 0 && json_number(json, "stopped") == 0);
    cJSON_Delete(json);
}

static void a_search_goes_on_after_an_interrupt(void **state)
{
    (void)state;
    program_next.interrupt_when = "2 of 8: ";
    program_next.signal = SIGKILL;
    program_result result = program_run(SWEEP, SPACE, "--momentum", "0.8,0.9", "--trials", "8",
                                        "--on", "2", "--out", "killed", NULL);
    expect_code(&result, -1);
    program_free(&result);
    cJSON *json = run_sweep("killed", "8", NULL, NULL);
    assert_true(json_number(json, "found") >= 2);
    assert_true(json_number(json, "found") + json_number(json, "trained") == 8);
    cJSON_Delete(json);
}

// One choice after one trial, another one after two: their order is that of the drawing, so that the
// second is made better by a rate that can learn.
static void the_test_is_taken_once(void **state)
{
    (void)state;
    int changed = 0;
    // With each seed the first choice is another one; one of the seeds has a second that is better.
    for (int seed = 1; seed < 30 && !changed; seed++) {
        char number[16], out[32];
        snprintf(number, sizeof number, "%d", seed);
        snprintf(out, sizeof out, "once-%d", seed);
        expect_exit(0, SWEEP, "--lr", "1e-6,0.003", "--search", "random", "--trials", "1", "--seed",
                    number, "--out", out, "--quiet", NULL);
        program_result result =
            program_run(SWEEP, "--lr", "1e-6,0.003", "--search", "random", "--trials", "2",
                        "--seed", number, "--out", out, "--json", NULL);
        changed = result.exit_code != 0;
        if (changed) {
            expect_code(&result, 2);
            assert_true(contains(result.err, "--again looks once more"));
            // The search itself is answered nevertheless.
            cJSON *json = json_parse(result.out);
            assert_true(json_number(json_member(best_of(json), "settings"), "lr") == 0.003);
            assert_true(cJSON_IsFalse(json_member(json_member(json, "test"), "of_the_best")));
            cJSON_Delete(json);
            program_free(&result);
            result = program_run(SWEEP, "--lr", "1e-6,0.003", "--search", "random", "--trials", "2",
                                 "--seed", number, "--out", out, "--again", NULL);
            expect_code(&result, 0);
            assert_true(contains(result.out, "looked at 2 times: no longer an honest test"));
        }
        program_free(&result);
    }
    assert_true(changed);
}

static void finalists_get_more_seeds(void **state)
{
    (void)state;
    program_result result =
        program_run(SWEEP, "--lr", "0.001,0.002,0.003", "--search", "random", "--trials", "3",
                    "--seeds", "2", "--finalists", "2", "--out", "finals", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const cJSON *choices = json_member(json, "choices");
    for (int i = 0; i < 3; i++) {
        const cJSON *choice = cJSON_GetArrayItem(choices, i),
                    *trials = json_member(choice, "trials");
        assert_int_equal(cJSON_GetArraySize(trials), i < 2 ? 2 : 1);
        const cJSON *trial;
        double sum = 0;
        cJSON_ArrayForEach(trial, trials) sum += json_number(trial, "validation_accuracy");
        assert_true(fabs(sum / cJSON_GetArraySize(trials) -
                         json_number(choice, "validation_accuracy")) < 1e-12);
    }
    assert_true(json_number(json, "trained") == 5);
    cJSON_Delete(json);
    program_free(&result);
}

static void a_table_for_people(void **state)
{
    (void)state;
    program_result result =
        program_run(SWEEP, "--lr", "1e-4..1e-2:log", "--augment", "light|rotate=15,shift=2",
                    "--nesterov", "--optimizer", "sgd", "--trials", "12", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, "12 choices, "));
    assert_true(contains(result.out, "the best choice on the 400 test images: accuracy "));
    assert_true(contains(result.out, "as a recipe: runs/lab_small-sweep-1/best.recipe"));
    program_free(&result);
    char *recipe = read_text("runs/lab_small-sweep-1/best.recipe");
    assert_true(contains(recipe, "\nnesterov\n") && contains(recipe, "\noptimizer sgd\n"));
    assert_true(contains(recipe, "\naugment "));
    free(recipe);
    // There is no end to asking for more than there is.
    result = program_run(SWEEP, "--lr", "0.001,0.002", "--trials", "9", "--quiet", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "validation accuracy "));
    program_free(&result);
    result = program_run(SWEEP, "--lr", "0.001,0.002", "--trials", "9", NULL);
    assert_true(contains(result.err, "there are only 2 different choices"));
    program_free(&result);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    expect_failure(2, "expected an option with several values", SWEEP, "--lr", "0.001", NULL);
    expect_failure(2, "--lr: expected a range", SWEEP, "--lr", "1e-4..x", NULL);
    expect_failure(2, "--lr: expected a number above 0", SWEEP, "--lr", "0..1", NULL);
    expect_failure(2, "--batch: expected a whole number", SWEEP, "--batch", "8,1.5", NULL);
    expect_failure(2, "did you mean \"adam\"", SWEEP, "--optimizer", "sgd,adma", NULL);
    expect_failure(2, "--epochs: expected a whole number", "sweep", "lab_small", "--epochs", "1,2",
                   "--lr", "0.1,0.2", NULL);
    expect_failure(2, "compares by the validation images", SWEEP, "--lr", "0.1,0.2", "--validation",
                   "0", NULL);
    expect_failure(2, "unknown option \"--threads\"", SWEEP, "--lr", "0.1,0.2", "--threads", "2",
                   NULL);
    expect_failure(2, "did you mean \"light\"", SWEEP, "--augment", "light|lihgt", NULL);
    expect_failure(2, "sweep: expected NETWORK", "sweep", "--lr", "0.1,0.2", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_finds_the_best),
        cmocka_unit_test(what_was_tried_is_kept),
        cmocka_unit_test(a_search_goes_on_after_an_interrupt),
        cmocka_unit_test(the_test_is_taken_once),
        cmocka_unit_test(finalists_get_more_seeds),
        cmocka_unit_test(a_table_for_people),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
