// SPDX-License-Identifier: Apache-2.0
// `lanewise report` as a user runs it: one run, several seeds, runs of different recipes, as text, as JSON
// and as a page, and runs that cannot be shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"
#include "support/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL "--data", "small", "--validation", "200", "--quiet", "--threads", "1"

static int make_runs(void **state)
{
    if (small_run_make(state) != 0) return -1;
    // The same recipe with other seeds, and another one that was timed.
    static const char *const seeds[] = {"--seed=2", "--seed=3"};
    for (size_t i = 0; i < 2; i++)
        expect_exit(0, "train", "lab_small", "--epochs", "2", "--lr", "0.003", SMALL, seeds[i],
                    NULL);
    expect_exit(0, "train", "lab_small", "--epochs", "1", "--lr", "0.001", SMALL, "--time", "--out",
                "other", NULL);
    return 0;
}

static void a_run_is_shown_as_text(void **state)
{
    (void)state;
    program_result result = program_run("report", "runs/lab_small-1", NULL);
    expect_code(&result, 0);
    char headline[64];
    const double accuracy = json_number(small_run_result, "test_accuracy");
    snprintf(headline, sizeof headline, "%.2f %% test accuracy of lab_small-1: ", 100 * accuracy);
    assert_int_equal(strncmp(result.out, headline, strlen(headline)), 0);
    assert_true(contains(result.out, "of 400 images wrong"));
    assert_true(contains(result.out, "validation accuracy"));
    assert_true(contains(result.out, "confusion matrix"));
    assert_true(contains(result.out, "most often mixed up"));
    assert_string_equal(result.err, "");
    assert_null(strchr(result.out, '\x1b'));
    expect_narrow(result.out, 100);
    program_free(&result);
    result = program_run("report", "runs/lab_small-1", "--quiet", NULL);
    assert_int_equal(strncmp(result.out, headline, 5), 0);
    assert_in_range(strlen(result.out), 7, 9);
    program_free(&result);
}

static void seeds_are_one_recipe(void **state)
{
    (void)state;
    program_result result = program_run("report", "runs/lab_small-1", "runs/lab_small-2",
                                        "runs/lab_small-3/", "other", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const cJSON *groups = json_member(json, "groups"), *runs = json_member(json, "runs");
    assert_int_equal(cJSON_GetArraySize(groups), 2);
    assert_int_equal(cJSON_GetArraySize(runs), 4);
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        const cJSON *run = cJSON_GetArrayItem(runs, i);
        assert_int_equal(json_number(run, "seed"), i + 1);
        assert_int_equal(json_number(run, "group"), 0);
        assert_int_equal(cJSON_GetArraySize(json_member(run, "epochs")), 2);
        sum += json_number(run, "test_accuracy");
    }
    const cJSON *test = json_member(cJSON_GetArrayItem(groups, 0), "test_accuracy");
    assert_int_equal(json_number(test, "n"), 3);
    assert_true(fabs(json_number(test, "mean") - sum / 3) < 1e-12);
    assert_true(json_number(test, "low") < sum / 3 && json_number(test, "high") > sum / 3);
    assert_true(contains(json_word(cJSON_GetArrayItem(groups, 1), "recipe"), "epochs 1"));
    assert_true(
        contains(json_word(cJSON_GetArrayItem(groups, 1), "recipe"), "learning rate 0.001"));
    assert_string_equal(json_word(json, "judged_by"), "test");
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("report", "runs/lab_small-1", "runs/lab_small-2", "other", NULL);
    assert_true(contains(result.out, "best mean test accuracy"));
    assert_true(contains(result.out, "\n  2  lab_small, epochs 1, learning rate 0.001\n"));
    expect_narrow(result.out, 100);
    program_free(&result);
}

// A version that did not know some settings: they were off, and are no difference.
static void runs_of_another_version_are_named_alike(void **state)
{
    (void)state;
    assert_int_equal(system("cp -r other older"), 0);
    assert_int_equal(system("sed -i '/\"patience\"/d; /\"keep_best\"/d; /\"ema_decay\"/d; "
                            "/\"conv\":/d' older/config.json"),
                     0);
    program_result result = program_run("report", "other", "older", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "groups")), 1);
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("report", "runs/lab_small-1", "older", NULL);
    assert_true(contains(result.out, "\n  1  lab_small, epochs 2, learning rate 0.003"));
    assert_null(strstr(result.out, "patience"));
    program_free(&result);
}

// The same training by two ways to compute convolutions, and one with other pixels.
static void forced_convolutions_are_compared(void **state)
{
    (void)state;
    expect_exit(0, "train", "lab_small", "--epochs", "2", "--lr", "0.003", SMALL, "--conv",
                "fwd=unfold,bwd_d=unfold,bwd_w=unfold", "--out", "unfold", NULL);
    expect_exit(0, "train", "lab_small", "--epochs", "2", "--lr", "0.003", SMALL, "--normalize",
                "data", "--out", "pixels", NULL);
    program_result result =
        program_run("report", "runs/lab_small-1", "unfold", "pixels", "--json", NULL);
    cJSON *json = json_parse(result.out);
    const cJSON *groups = json_member(json, "groups");
    assert_int_equal(cJSON_GetArraySize(groups), 3);
    static const char *const labels[] = {"convolutions as chosen", "convolutions unfold",
                                         "normalize 0."};
    for (int i = 0; i < 3; i++)
        assert_true(contains(json_word(cJSON_GetArrayItem(groups, i), "recipe"), labels[i]));
    assert_string_equal(json_word(cJSON_GetArrayItem(groups, 1), "convolutions"), "unfold");
    const cJSON *rate = json_member(cJSON_GetArrayItem(groups, 1), "images_per_second");
    assert_true(json_number(rate, "mean") > 0);
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("report", "runs/lab_small-1", "unfold", "pixels", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "times as fast"));
    // The network stands at the beginning of a line in this table only for those two.
    assert_int_equal(count(result.out, "\nlab_small  as chosen"), 1);
    assert_int_equal(count(result.out, "\nlab_small  unfold"), 1);
    expect_narrow(result.out, 100);
    program_free(&result);
    // A training of an hour fits, too.
    assert_int_equal(system("cp -r pixels long && sed -E -i 's/\"seconds\": *[^,}]+/\"seconds\": 3725/' "
                            "long/metrics.json"),
                     0);
    result = program_run("report", "runs/lab_small-1", "unfold", "long", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "1:02:05"));
    expect_narrow(result.out, 100);
    program_free(&result);
    // Nothing to be compared: no table.
    result = program_run("report", "unfold", "pixels", NULL);
    assert_null(strstr(result.out, "times as fast"));
    program_free(&result);
    expect_exit(0, "report", "runs/lab_small-1", "unfold", "--no-pictures", "--out", "conv.html",
                NULL);
    char *page = read_text("conv.html");
    assert_true(contains(page, "The same training by other convolutions"));
    free(page);
}

// Every piece of JSON on the page can be read by itself.
static void expect_json_parts(const char *page, int least)
{
    static const char begin[] = "<script type=\"application/json\">";
    int n = 0;
    for (const char *at = page; (at = strstr(at, begin)); n++) {
        at += sizeof begin - 1;
        const char *end = strstr(at, "</script>");
        assert_non_null(end);
        cJSON *json = cJSON_ParseWithLength(at, (size_t)(end - at));
        assert_non_null(json);
        assert_true(cJSON_IsArray(cJSON_GetObjectItem(json, "rows")));
        assert_true(cJSON_GetObjectItem(json, "name")->valuestring[0] != '\0');
        cJSON_Delete(json);
    }
    assert_true(n >= least);
}

static void a_page_has_everything(void **state)
{
    (void)state;
    program_result result = program_run("report", "runs/lab_small-1", "runs/lab_small-2",
                                        "runs/lab_small-3", "other", "--out", "report.html", NULL);
    expect_code(&result, 0);
    assert_string_equal(result.out, "");
    assert_true(contains(result.err, "wrote report.html"));
    program_free(&result);
    char *page = read_text("report.html");
    static const char *const parts[] = {"2 recipes on small, 4 runs",
                                        "Epoch by epoch",
                                        "cross-entropy (nats)",
                                        "accuracy (%)",
                                        "What is taken for what",
                                        "true class",
                                        "Where the time went",
                                        "waiting at barriers",
                                        "What was run",
                                        "learning rate",
                                        "The filters of the first layer",
                                        "lab_small-2 validation"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!contains(page, parts[i])) fail_msg("the page lacks '%s'", parts[i]);
    expect_json_parts(page, 7);
    assert_int_equal(count(page, "http://") + count(page, "https://"), 0);
#ifdef LW_HAVE_PNG
    // 16 filters of each of the two networks, and wrong test images of both.
    assert_true(count(page, "src=\"data:image/png;base64,") > 40);
    assert_true(contains(page, " taken for "));
#endif
    assert_true(strlen(page) < 1000 * 1000);
    free(page);
}

// Without the data the page is made all the same, and says what is missing.
static void data_that_are_gone_are_said(void **state)
{
    (void)state;
    assert_int_equal(rename("small", "elsewhere"), 0);
    program_result result =
        program_run("report", "runs/lab_small-1", "--out=gone.html", "--offline", NULL);
    assert_int_equal(rename("elsewhere", "small"), 0);
    expect_code(&result, 0);
    assert_true(contains(result.err, "without pictures: "));
    program_free(&result);
    char *page = read_text("gone.html");
    assert_true(contains(page, "These pictures are missing"));
    assert_true(contains(page, "What is taken for what"));
    free(page);
    expect_exit(0, "report", "runs/lab_small-1", "--out=gone.html", "--no-pictures", NULL);
    page = read_text("gone.html");
    assert_null(strstr(page, "data:image/png"));
    free(page);
}

static void other_data_are_not_compared(void **state)
{
    (void)state;
    expect_exit(0, "train", "lab_small", "--data", "digits", "--train-limit", "200", "--epochs",
                "1", "--validation", "200", "--quiet", "--out", "digits-run", NULL);
    expect_failure(2, "their figures cannot be compared; --anyway", "report", "runs/lab_small-1",
                   "digits-run", NULL);
    program_result result =
        program_run("report", "runs/lab_small-1", "digits-run", "--anyway", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "digits"));
    program_free(&result);
}

static void what_cannot_be_shown_is_refused(void **state)
{
    (void)state;
    expect_failure(2, "no such run directory", "report", "runs/none", NULL);
    expect_failure(2, "expected a run directory, found a model file", "report",
                   "runs/lab_small-1/model.safetensors", NULL);
    expect_failure(2, "the run is named twice", "report", "other", "other/", NULL);
    expect_failure(2, "--no-pictures is of use with --out", "report", "other", "--no-pictures",
                   NULL);
    expect_failure(2, "RUN", "report", NULL);
    expect_failure(2, "/nowhere/at/all.html", "report", "other", "--no-pictures",
                   "--out=/nowhere/at/all.html", NULL);
    char *metrics = read_text("other/metrics.json");
    write_text("other/metrics.json", "{\"train_accuracy\": 0.5");
    expect_failure(2, "other/metrics.json: the file is damaged", "report", "other", NULL);
    write_text("other/metrics.json", metrics);
    free(metrics);
    expect_exit(0, "report", "other", NULL);
}

// The log of every run is a table too, and on request there are curves for TensorBoard.
static void logs_have_other_forms(void **state)
{
    (void)state;
    char *csv = read_text("runs/lab_small-1/log.csv");
    assert_int_equal(count(csv, "\n"), 3); // titles and two epochs
    assert_int_equal(strncmp(csv, "epoch,train_loss,", 17), 0);
    assert_true(contains(csv, "\n2,0."));
    free(csv);
    expect_exit(0, "train", "lab_small", "--epochs", "1", SMALL, "--steps=20", "--log-steps",
                "--tensorboard", "board", "--out", "runs/watched", NULL);
    assert_int_equal(count_entries("board/watched"), 1);
    write_text("in-the-way", "x");
    expect_failure(1, "in-the-way", "train", "lab_small", "--epochs", "1", SMALL, "--tensorboard",
                   "in-the-way", "--out", "runs/none", NULL);
    assert_false(is_there("runs/none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_shown_as_text),
        cmocka_unit_test(seeds_are_one_recipe),
        cmocka_unit_test(runs_of_another_version_are_named_alike),
        cmocka_unit_test(forced_convolutions_are_compared),
        cmocka_unit_test(a_page_has_everything),
        cmocka_unit_test(data_that_are_gone_are_said),
        cmocka_unit_test(other_data_are_not_compared),
        cmocka_unit_test(logs_have_other_forms),
        cmocka_unit_test(what_cannot_be_shown_is_refused),
    };
    return cmocka_run_group_tests(tests, make_runs, small_run_remove);
}
