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
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, "");
    cJSON *answers = json_parse(result.out);
    program_free(&result);
    return answers;
}

static void why_says_what_runs(void **state)
{
    (void)state;
    program_result result = program_run("why", "fixed", NULL);
    assert_int_equal(result.exit_code, 0);
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
        assert_int_equal(result.exit_code, 0);
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

static void wrong_words_get_a_sentence(void **state)
{
    (void)state;
    expect_failure(2, "missing.net", "why", "missing.net", NULL);
    expect_failure(2, "--input: expected", "why", "fixed", "--input", "28", NULL);
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
        cmocka_unit_test(forced_algorithms_train_the_same_network),
        cmocka_unit_test(wrong_words_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, small_run_make, small_run_remove);
}
