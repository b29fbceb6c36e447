// SPDX-License-Identifier: Apache-2.0
// `lanewise why`, and algorithms that are forced on convolutions while a network is in use.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <stdlib.h>
#include <string.h>

// The algorithm that runs a pass of a layer, as `why --json` says; NULL when the pass is not run.
static const char *chosen(const cJSON *answers, const char *layer, const char *pass)
{
    const cJSON *candidate;
    cJSON_ArrayForEach(candidate, cJSON_GetObjectItem(answers, "candidates"))
    {
        if (strcmp(json_word(candidate, "layer"), layer) != 0) continue;
        if (strcmp(json_word(candidate, "pass"), pass) != 0) continue;
        if (cJSON_IsTrue(cJSON_GetObjectItem(candidate, "chosen")))
            return json_word(candidate, "algorithm");
    }
    return NULL;
}

static cJSON *ask_why(const char *forced)
{
    program_next.variable = "LANEWISE_CONV";
    program_next.value = forced;
    program_result result = program_run("why", "fixed", "--json", NULL);
    expect_code(&result, 0);
    assert_string_equal(result.err, "");
    cJSON *answers = json_parse(result.out);
    program_free(&result);
    return answers;
}

static void why_says_what_runs(void **state)
{
    (void)state;
    program_result result = program_run("why", "fixed", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "mb1ic16ih14oc32oh14kh3ph1"));
    assert_true(contains(result.out, "never run"));
    program_free(&result);

    cJSON *answers = ask_why("");
    assert_string_equal(chosen(answers, "conv1", "fwd"), "direct");
    assert_string_equal(chosen(answers, "conv2", "fwd"), "winograd");
    assert_string_equal(chosen(answers, "conv2", "bwd_w"), "direct");
    assert_null(chosen(answers, "conv1", "bwd_d"));
    assert_string_equal(chosen(answers, "conv3", "bwd_d"), "direct");
    cJSON_Delete(answers);
}

static void why_sees_what_is_forced(void **state)
{
    (void)state;
    cJSON *answers = ask_why("conv2.bwd_w=unfold,fwd=naive,conv1.fwd=direct");
    assert_string_equal(chosen(answers, "conv2", "bwd_w"), "unfold");
    assert_string_equal(chosen(answers, "conv3", "bwd_w"), "direct");
    assert_string_equal(chosen(answers, "conv3", "fwd"), "naive");
    assert_string_equal(chosen(answers, "conv1", "fwd"), "direct");
    cJSON_Delete(answers);

    answers = ask_why("conv2.fwd=direct");
    assert_string_equal(chosen(answers, "conv2", "fwd"), "direct");
    assert_string_equal(chosen(answers, "conv3", "fwd"), "winograd");
    cJSON_Delete(answers);
}

static void exact_keeps_winograd_out(void **state)
{
    (void)state;
    program_result result = program_run("why", "fixed", "--exact", "--json", NULL);
    cJSON *answers = json_parse(result.out);
    assert_string_equal(chosen(answers, "conv2", "fwd"), "direct");
    assert_string_equal(chosen(answers, "conv3", "fwd"), "direct");
    cJSON_Delete(answers);
    program_free(&result);
    // Unless it is forced.
    program_next.variable = "LANEWISE_CONV";
    program_next.value = "conv2.fwd=winograd";
    result = program_run("why", "fixed", "--exact", "--json", NULL);
    answers = json_parse(result.out);
    assert_string_equal(chosen(answers, "conv2", "fwd"), "winograd");
    assert_string_equal(chosen(answers, "conv3", "fwd"), "direct");
    cJSON_Delete(answers);
    program_free(&result);
}

// Every candidate of every pass of a problem has what a reader of the JSON relies on; one a pass
// is chosen.
static void why_explains_a_problem(void **state)
{
    (void)state;
    program_result result = program_run("why", "mb2ic3ih8oc4kh3ph1", "--layout", "nhwc",
                                        "--threads", "1", "--json", NULL);
    expect_code(&result, 0);
    cJSON *answers = json_parse(result.out);
    assert_true(strlen(json_word(answers, "isa")) > 0);
    const cJSON *c;
    int n_chosen = 0, n_naive = 0;
    cJSON_ArrayForEach(c, cJSON_GetObjectItem(answers, "candidates"))
    {
        assert_string_equal(json_word(c, "problem"), "mb2ic3ih8oc4oh8kh3ph1");
        assert_string_equal(json_word(c, "layout"), "nhwc");
        assert_true(json_number(c, "threads") == 1);
        n_naive += strcmp(json_word(c, "algorithm"), "naive") == 0;
        if (!cJSON_IsTrue(cJSON_GetObjectItem(c, "possible"))) {
            assert_true(strlen(json_word(c, "answer")) > 0); // because of what
            continue;
        }
        assert_true(json_number(c, "cycles") > 0);
        assert_true(json_number(c, "workspace_bytes") >= 0);
        if (!cJSON_IsTrue(cJSON_GetObjectItem(c, "chosen"))) continue;
        n_chosen++;
        assert_string_equal(json_word(c, "chosen_by"), "model");
    }
    assert_int_equal(n_chosen, 3);
    assert_int_equal(n_naive, 3);
    cJSON_Delete(answers);
    program_free(&result);

    result = program_run("why", "mb2ic3ih8oc4kh5ph2", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "mb2ic3ih8oc4oh8kh5ph2: layout padded"));
    assert_true(contains(result.out, "bwd_w"));
    assert_true(contains(result.out, "no, because"));
    program_free(&result);
}

// The times of `tune` are there for the plans that they are of, and for no other.
static void why_knows_what_was_measured(void **state)
{
    (void)state;
    expect_exit(0, "tune", "mb1ic3ih6oc4kh3ph1", "--threads=1", "--layout=nchw", "--passes=fwd",
                "--budget=60s", NULL);
    static const char *const layouts[] = {"nchw", "nhwc"};
    for (size_t i = 0; i < 2; i++) {
        program_result result = program_run("why", "mb1ic3ih6oc4kh3ph1", "--threads", "1",
                                            "--layout", layouts[i], "--json", NULL);
        cJSON *answers = json_parse(result.out);
        const cJSON *c;
        int n_measured = 0, n_by_measurement = 0;
        cJSON_ArrayForEach(c, cJSON_GetObjectItem(answers, "candidates"))
        {
            n_measured += cJSON_GetObjectItem(c, "measured_ms") != NULL;
            const char *by = cJSON_GetStringValue(cJSON_GetObjectItem(c, "chosen_by"));
            n_by_measurement += by && strcmp(by, "measured") == 0;
        }
        assert_int_equal(n_by_measurement, i == 0);
        assert_int_equal(n_measured > 0, i == 0);
        cJSON_Delete(answers);
        program_free(&result);
    }
    expect_exit(0, "tune", "--clear", NULL);
}

static char *json_of(const char *command, const char *run, const char *operand, const char *forced)
{
    program_next.variable = "LANEWISE_CONV";
    program_next.value = forced;
    program_result result = program_run(command, run, operand, "--json", NULL);
    expect_code(&result, 0);
    char *text = result.out;
    result.out = NULL;
    program_free(&result);
    return text;
}

static double loss_of(const char *run, const char *forced)
{
    char *text = json_of("eval", run, "--data=small", forced);
    cJSON *json = json_parse(text);
    const double loss = json_number(json, "loss");
    cJSON_Delete(json);
    free(text);
    return loss;
}

// A run that was trained with --exact is exact whenever it is used; its model file by itself does
// not know of it. Winograd can be told by its bits.
static void an_exact_run_stays_exact(void **state)
{
    (void)state;
    const char *const run = "runs/exact", *const file = "runs/exact/model.safetensors";
    const char *const winograd = "conv2.fwd=winograd,conv3.fwd=winograd";
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--validation", "200", "--epochs", "1",
                    "--exact", "--out", run, "--quiet", "--json", NULL);
    expect_code(&result, 0);
    cJSON *trained = json_parse(result.out);
    assert_true(loss_of(run, "") == json_number(trained, "test_loss"));
    assert_true(loss_of(file, winograd) != json_number(trained, "test_loss"));
    cJSON_Delete(trained);
    program_free(&result);

    cJSON *config = json_parse_file("runs/exact/config.json");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(config, "exact")));
    cJSON_Delete(config);

    small_run_needs_pictures();
    char *exact = json_of("predict", run, "first.png", "");
    char *forced = json_of("predict", file, "first.png", winograd);
    assert_string_not_equal(exact, forced);
    free(exact);
    free(forced);
}

// What was trained with one algorithm is what was trained with another, but for rounding.
static void forced_algorithms_train_the_same_network(void **state)
{
    (void)state;
    const char *const forced[] = {"fwd=unfold", "bwd_d=unfold,bwd_w=naive", "fwd=direct"};
    for (size_t i = 0; i < sizeof forced / sizeof *forced; i++) {
        program_next.variable = "LANEWISE_CONV";
        program_next.value = forced[i];
        program_result result = program_run("train", "lab_small", "--data", "small", "--validation",
                                            "200", "--epochs", "1", "--quiet", "--json", NULL);
        expect_code(&result, 0);
        cJSON *got = json_parse(result.out);
        double loss = json_number(got, "train_loss");
        cJSON_Delete(got);
        program_free(&result);
        result = program_run("train", "lab_small", "--data", "small", "--validation", "200",
                             "--epochs", "1", "--quiet", "--json", NULL);
        got = json_parse(result.out);
        double difference = loss / json_number(got, "train_loss") - 1.0;
        // Rounding may turn a near tie in a pool around; another algorithm may not cost a percent.
        assert_true(difference < 0.01 && difference > -0.01);
        cJSON_Delete(got);
        program_free(&result);
    }
}

// --conv is the same for one training, and goes before the environment.
static void an_option_forces_algorithms_too(void **state)
{
    (void)state;
    program_next.variable = "LANEWISE_CONV";
    program_next.value = "fwd=naive,bwd_w=naive";
    expect_exit(0, "train", "lab_small", "--data", "small", "--validation", "0", "--epochs", "1",
                "--conv", "conv2.fwd=unfold", "--out", "forced", NULL);
    cJSON *config = json_parse_file("forced/config.json");
    const cJSON *convolutions = json_member(config, "convolutions");
    assert_string_equal(json_word(json_member(convolutions, "conv2"), "fwd"), "unfold");
    assert_string_not_equal(json_word(json_member(convolutions, "conv2"), "bwd_w"), "naive");
    assert_string_not_equal(json_word(json_member(convolutions, "conv1"), "fwd"), "naive");
    cJSON_Delete(config);
    expect_failure(2, "--conv: lab_small: 'conv9.fwd=naive': the network has no convolution",
                   "train", "lab_small", "--data", "small", "--conv", "conv9.fwd=naive", NULL);
    expect_failure(2, "unknown algorithm 'fast'", "train", "lab_small", "--data", "small", "--conv",
                   "fwd=fast", NULL);
}

static void wrong_words_get_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "missing.net", "why", "missing.net", NULL);
    expect_failure(2, "--input: expected", "why", "fixed", "--input", "28", NULL);
    expect_failure(2, "character", "why", "mb2ic3ihoc4", NULL);
    expect_failure(2, "--input is of use with a network", "why", "mb1ic3ih6oc4kh3", "--input",
                   "3x6x6", NULL);
    expect_failure(2, "--layout is of use with a problem", "why", "fixed", "--layout", "nchw",
                   NULL);
    expect_failure(2, "--threads is of use with a problem", "why", "fixed", "--threads", "1", NULL);
    const struct {
        const char *value, *sentence;
    } cases[] = {
        {"conv9.fwd=naive", "the network has no convolution 'conv9'; did you mean 'conv1'?"},
        {"fwd=naiv", "unknown algorithm 'naiv'"},
        {"forward=naive", "unknown pass 'forward'"},
        {"fwd", "expected [layer.]pass=algorithm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program_next.variable = "LANEWISE_CONV";
        program_next.value = cases[i].value;
        expect_failure(2, cases[i].sentence, "why", "fixed", NULL);
    }
    program_next.variable = "LANEWISE_MAX_ISA";
    program_next.value = "avx3";
    expect_failure(2, "LANEWISE_MAX_ISA: expected one of generic", "train", "lab_small", "--data",
                   "small", NULL);
    program_next.variable = "LANEWISE_MAX_ISA";
    program_next.value = "avx3";
    expect_failure(2, "LANEWISE_MAX_ISA: expected one of generic", "check", "mb1ic2ih4oc2oh4kh3ph1",
                   NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(why_says_what_runs),
        cmocka_unit_test(why_sees_what_is_forced),
        cmocka_unit_test(exact_keeps_winograd_out),
        cmocka_unit_test(why_explains_a_problem),
        cmocka_unit_test(why_knows_what_was_measured),
        cmocka_unit_test(an_exact_run_stays_exact),
        cmocka_unit_test(forced_algorithms_train_the_same_network),
        cmocka_unit_test(an_option_forces_algorithms_too),
        cmocka_unit_test(wrong_words_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
