// SPDX-License-Identifier: Apache-2.0
// `lanewise study` as a user meets it: lists, a small study run, stopped and gone on with, and bad input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/answer.h"
#include "cli/program.h"
#include "cli/small_run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tiny[] =
    "title A tiny study\nabout It tries two rates.\nseeds 2\nnetwork lab_small\n"
    "data small\nvalidation 200\nepochs 1\nbatch 16\n"
    "compare test_accuracy seconds\nplot arms curves confusion\nagainst low\n"
    "arm low A low rate\nlr 1e-4\npublished test_accuracy 98.68 a document\n"
    "arm high A high rate\nlr 1e-2\n";

// ---- list and show --------------------------------------------------------------------------------

static void all_shipped_studies_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "augmentation", "fixed-baseline", "fixed-vs-varres", "kernels",
        "lab",          "lab-reduced",    "match",           "pooling",
        "resize",       "shapes",         "speed-accuracy"};
    enum { n_names = sizeof names / sizeof names[0] };
    program_result result = program_run("study", "list", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, "98.68 %"));
    program_free(&result);
    result = program_run("study", "list", "--json", NULL);
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json), n_names);
    for (int i = 0; i < n_names; i++)
        assert_string_equal(json_word(cJSON_GetArrayItem(json, i), "name"), names[i]);
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("study", "list", "--quiet", NULL);
    assert_true(strncmp(result.out, "augmentation\nfixed-baseline\n", 28) == 0);
    program_free(&result);
    for (int i = 0; i < n_names; i++) expect_exit(0, "study", "show", names[i], NULL);
}

static void show_says_what_is_compared(void **state)
{
    (void)state;
    program_result result = program_run("study", "show", "fixed-baseline", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "train fixed --optimizer adam --lr 1e-4 --batch 16 --epochs "
                                     "10"));
    assert_true(contains(result.out, "published: test accuracy 98.68 % (the fixed-resolution "
                                     "document)"));
    program_free(&result);
    result = program_run("study", "show", "fixed-baseline", "--json", NULL);
    cJSON *json = json_parse(result.out);
    const cJSON *arm = cJSON_GetArrayItem(json_member(json, "arms"), 0);
    assert_string_equal(json_word(json_member(arm, "options"), "lr"), "1e-4");
    const cJSON *published = cJSON_GetArrayItem(json_member(arm, "published"), 0);
    assert_string_equal(json_word(published, "figure"), "test_accuracy");
    assert_true(fabs(json_number(published, "value") - 0.9868) < 1e-9);
    cJSON_Delete(json);
    program_free(&result);
}

// ---- studies that train nothing -------------------------------------------------------------------

static void match_finds_what_was_published(void **state)
{
    (void)state;
    program_result result = program_run("study", "run", "match", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const cJSON *arm = cJSON_GetArrayItem(json_member(json, "arms"), 0);
    assert_true(json_number(arm, "channels") == 81);
    assert_true(json_number(arm, "parameters") == 29029);
    assert_true(json_number(arm, "target") == 29066);
    // It agrees: nothing is to be said.
    assert_int_equal(cJSON_GetArraySize(json_member(json, "sentences")), 0);
    cJSON_Delete(json);
    program_free(&result);
    assert_false(is_there("runs/study-match")); // without --out nothing is written
}

static void shapes_are_worked_out_and_drawn(void **state)
{
    (void)state;
    program_result result = program_run("study", "run", "shapes", "--out", "shapes", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, "has 513x385; the size is 511x383"));
    assert_true(contains(result.out, "has 961x641; the size is 959x539"));
    assert_true(contains(result.out, "k3-stride2-pad1"));
    program_free(&result);
    cJSON *json = json_parse_file("shapes/study.json");
    const cJSON *output = json_member(cJSON_GetArrayItem(json_member(json, "arms"), 3), "output");
    assert_int_equal(cJSON_GetArrayItem(output, 0)->valueint, 3);
    cJSON_Delete(json);
    char *page = read_text("shapes/report.html");
    assert_true(contains(page, "Kernel 3, stride 2, padding 1: 6x6 to 3x3"));
    assert_true(contains(page, "<svg"));
    free(page);
    expect_failure(2, "--seeds has no meaning for shapes, which trains nothing", "study", "run",
                   "shapes", "--seeds", "3", NULL);
}

// ---- trainings ------------------------------------------------------------------------------------

static double seed_accuracy(const cJSON *json, int arm, int seed)
{
    const cJSON *trials = json_member(cJSON_GetArrayItem(json_member(json, "arms"), arm), "trials");
    return json_number(cJSON_GetArrayItem(trials, seed), "test_accuracy");
}

static void a_study_runs_and_goes_on(void **state)
{
    (void)state;
    write_text("tiny.study", tiny);
    program_result result =
        program_run("study", "run", "tiny.study", "--out", "tiny", "--json", NULL);
    expect_code(&result, 0);
    cJSON *first = json_parse(result.out);
    assert_true(json_number(first, "trials") == 4);
    assert_true(json_number(first, "finished_trials") == 4);
    assert_true(is_there("tiny/low-seed-1/model.safetensors"));
    assert_true(is_there("tiny/high-seed-2/metrics.json"));
    assert_true(is_there("tiny/report.html"));
    char *markdown = read_text("tiny/study.md");
    assert_true(contains(markdown, "## tiny: A tiny study"));
    assert_true(contains(markdown, "| arm | seeds | test accuracy |"));
    assert_true(contains(markdown, "|---|---:|"));
    assert_true(contains(markdown, "- `high`: A high rate."));
    free(markdown);
    assert_true(contains(result.err, "What was published is of MNIST, this table of small"));
    program_free(&result);

    // The same figures as a training of its own.
    result =
        program_run("train", "lab_small", "--data", "small", "--validation", "200", "--epochs", "1",
                    "--batch", "16", "--lr", "1e-2", "--seed", "2", "--quiet", "--json", NULL);
    cJSON *alone = json_parse(result.out);
    assert_true(json_number(alone, "test_accuracy") == seed_accuracy(first, 1, 1));
    cJSON_Delete(alone);
    program_free(&result);

    // Once more with a third seed: only that is trained.
    result = program_run("study", "run", "tiny.study", "--out", "tiny", "--seeds", "3", "--on", "1",
                         NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    assert_true(contains(result.out, "6 of 6 trainings"));
    assert_null(strstr(result.err, "low-seed-1"));
    assert_true(contains(result.err, "low-seed-3"));
    assert_true(contains(result.out, "more in test accuracy than low"));
    program_free(&result);
    cJSON *second = json_parse_file("tiny/study.json");
    for (int seed = 0; seed < 2; seed++)
        assert_true(seed_accuracy(first, 1, seed) == seed_accuracy(second, 1, seed));
    cJSON_Delete(first);
    cJSON_Delete(second);
}

static void a_page_has_everything_in_it(void **state)
{
    (void)state;
    char *page = read_text("tiny/report.html");
    assert_true(contains(page, "A tiny study"));
    assert_true(contains(page, "It tries two rates."));
    assert_true(contains(page, "Validation accuracy after each epoch"));
    assert_true(contains(page, "Confusion matrix"));
    assert_true(contains(page, "Means with 95 % intervals"));
    assert_null(strstr(page, "src=\"http"));
    free(page);
}

static void some_arms_alone(void **state)
{
    (void)state;
    program_result result = program_run("study", "run", "tiny.study", "--out", "tiny", "--arms",
                                        "high", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "arms")), 1);
    assert_true(json_number(json, "finished_trials") == 2);
    cJSON_Delete(json);
    program_free(&result);
    expect_failure(2, "--arms: tiny has no arm \"hihg\"; did you mean \"high\"?", "study", "run",
                   "tiny.study", "--arms", "low,hihg", NULL);
}

static void an_interrupted_study_keeps_what_is_finished(void **state)
{
    (void)state;
    write_text("slow.study", "title Slow\nseeds 20\nnetwork lab_small\ndata small\nepochs 3\n"
                             "arm a\nlr 1e-3\n");
    program_next.interrupt_when = "2 of 20:";
    program_next.signal = SIGINT;
    program_result result =
        program_run("study", "run", "slow.study", "--out", "slow", "--on", "1", NULL);
    if (result.exit_code != 130) fail_msg("%d %s", result.exit_code, result.err);
    program_free(&result);
    assert_true(is_there("slow/a-seed-1/model.safetensors"));
    assert_true(is_there("slow/a-seed-2/model.safetensors"));
    result = program_run("study", "run", "slow.study", "--out", "slow", "--seeds", "2", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "2 of 2 trainings"));
    assert_null(strstr(result.err, "1 of 2:"));
    program_free(&result);
}

static void quick_is_quick_and_says_so(void **state)
{
    (void)state;
    program_result result =
        program_run("study", "run", "lab", "--quick", "--data", "digits", "--train-limit", "64",
                    "--arms", "plain,one-cycle", "--seeds", "1", "--out", "quick", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "digits"));
    assert_true(contains(result.out, "quick: few images, one epoch"));
    program_free(&result);
    cJSON *metrics = json_parse_file("quick/plain-seed-1/metrics.json");
    assert_true(json_number(metrics, "epochs") == 1);
    assert_true(json_number(metrics, "train_images") == 64);
    cJSON_Delete(metrics);
}

// ---- bad input ------------------------------------------------------------------------------------

static void refuse_text(const char *text, const char *sentence)
{
    write_text("bad.study", text);
    expect_failure(2, sentence, "study", "run", "bad.study", NULL);
}

static void bad_studies_get_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "did you mean \"lab-reduced\"?", "study", "run", "lab-reducd", NULL);
    expect_failure(2, "missing.study", "study", "show", "missing.study", NULL);
    expect_failure(2, "study run: expected STUDY", "study", "run", NULL);
    refuse_text("title a\nsedes 3\n", "bad.study:2:1: unknown key 'sedes'; did you mean 'seeds'?");
    refuse_text("title a\narm a\nnetwork lab\nlr fast\n", "bad.study:4:1: arm 'a': --lr: expected");
    refuse_text("title a\narm a\nnetwork lab\nmomentum 0.9\n",
                "bad.study:4:1: arm 'a': --momentum only has a meaning with --optimizer sgd");
    refuse_text("title a\narm a\nnetwork labb\n", "bad.study:2:1: arm 'a': labb: neither a file");
    refuse_text("title a\narm a\nnetwork lab\nconv conv9.fwd=naive\n",
                "bad.study:4:1: arm 'a': --conv: ");
    refuse_text("title a\narm a\nnetwork lab\nseed 3\n",
                "unknown key 'seed'; did you mean 'seeds'?");
    refuse_text("title a\nkind shapes\narm a\nsize 3\nkernel 5\n", "arm 'a': ");
    refuse_text("title a\nkind match\narm a\nnetwork lab\nlayer conv9\nto fixed\n",
                "bad.study:3:1: arm 'a': network lab has no layer 'conv9'");
}

static void bad_folders_get_a_sentence(void **state)
{
    (void)state;
    write_text("tiny.study", tiny);
    write_text("a-file", "no folder");
    expect_failure(2, "a-file", "study", "run", "tiny.study", "--out", "a-file", NULL);
    assert_int_equal(lw_file_make_folder("damaged"), LW_OK);
    write_text("damaged/trials.db", "this is no database, and long enough to be looked at as one");
    expect_failure(2, "damaged/trials.db", "study", "run", "tiny.study", "--out", "damaged", NULL);
    // A folder with other things in it is not ours to write to.
    expect_failure(2, "small", "study", "run", "tiny.study", "--out", "small", NULL);
}

// An arm that names another one is compared with that, also where some arms are left out.
static void arms_are_compared_with_their_own(void **state)
{
    (void)state;
    write_text("own.study", "title Own\nabout Own.\nnetwork lab_small\ndata small\n"
                            "train-limit 200\nepochs 1\nagainst one\narm one One\n"
                            "arm two Two\nlr 3e-3\narm three Three\nlr 2e-3\nagainst two\n");
    program_result result =
        program_run("study", "run", "own.study", "--out", "own", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const cJSON *arms = json_member(json, "arms");
    assert_string_equal(json_word(cJSON_GetArrayItem(arms, 1), "against"), "one");
    assert_string_equal(json_word(cJSON_GetArrayItem(arms, 2), "against"), "two");
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("study", "run", "own.study", "--out", "own", "--arms", "two,three",
                         "--json", NULL);
    expect_code(&result, 0);
    json = json_parse(result.out);
    arms = json_member(json, "arms");
    assert_true(cJSON_IsNull(json_member(json, "against")));
    assert_null(cJSON_GetObjectItem(cJSON_GetArrayItem(arms, 0), "against"));
    assert_string_equal(json_word(cJSON_GetArrayItem(arms, 1), "against"), "two");
    cJSON_Delete(json);
    program_free(&result);
}

// Rates are compared by their ratio. Which of the two sentences comes depends on the machine.
static void rates_are_compared(void **state)
{
    (void)state;
    write_text("rates.study", "title Rates\nabout Two ways.\nseeds 3\non 1\nnetwork lab_small\n"
                              "data small\ntrain-limit 300\nepochs 1\n"
                              "compare images_per_second\nagainst chosen\narm chosen As chosen\n"
                              "arm unfold Unfolded\nconv fwd=unfold,bwd_d=unfold,bwd_w=unfold\n");
    program_result result = program_run("study", "run", "rates.study", "--out", "rates", NULL);
    expect_code(&result, 0);
    if (!strstr(result.out, "no difference in images/s from chosen"))
        assert_true(contains(result.out, " times the images/s of chosen"));
    program_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shipped_studies_are_listed),
        cmocka_unit_test(show_says_what_is_compared),
        cmocka_unit_test(match_finds_what_was_published),
        cmocka_unit_test(shapes_are_worked_out_and_drawn),
        cmocka_unit_test(a_study_runs_and_goes_on),
        cmocka_unit_test(a_page_has_everything_in_it),
        cmocka_unit_test(some_arms_alone),
        cmocka_unit_test(an_interrupted_study_keeps_what_is_finished),
        cmocka_unit_test(quick_is_quick_and_says_so),
        cmocka_unit_test(bad_studies_get_a_sentence),
        cmocka_unit_test(bad_folders_get_a_sentence),
        cmocka_unit_test(rates_are_compared),
        cmocka_unit_test(arms_are_compared_with_their_own),
    };
    return cmocka_run_group_tests_name("study", tests, small_run_make, small_run_remove);
}
