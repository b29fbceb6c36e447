// SPDX-License-Identifier: Apache-2.0
// Plans: what the candidates answer, which is chosen, what is refused.
#include <lanewise/conv.h>
#include <lanewise/cpu.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conv_case.h"

static const lw_conv_shape usual = {16, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1};
// A 1x1 kernel that strides over half of a picture of 2^40 pixels: unfold would copy all of it.
static const lw_conv_shape vast = {1, 1, 1 << 20, 1 << 20, 1, 2, 2, 1 << 19, 1 << 19, 0, 0, 1, 1};
// More weights than a packed copy may have.
static const lw_conv_shape heavy = {1, 1 << 16, 64, 64, 64, 64, 64, 1, 1, 0, 0, 1, 1};

static lw_conv_plan *make_plan(const lw_conv_shape *shape, lw_conv_pass pass,
                               lw_conv_algorithm algorithm, int32_t threads)
{
    const lw_conv_options options = {.algorithm = algorithm, .threads = threads};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, shape, pass, &options)) fail_msg("%s", lw_error_message());
    return plan;
}

static void plan_says_what_it_is(void **state)
{
    (void)state;
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        lw_conv_plan *plan = make_plan(&usual, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, 3);
        assert_string_equal(lw_conv_plan_algorithm(plan), "winograd");
        assert_memory_equal(lw_conv_plan_shape(plan), &usual, sizeof usual);
        assert_int_equal(lw_conv_plan_pass(plan), pass);
        assert_int_equal(lw_conv_plan_threads(plan), 3);
        lw_conv_plan_destroy(&plan);
        assert_null(plan);
        lw_conv_plan_destroy(&plan);
    }
    lw_conv_plan_destroy(NULL);
}

// Left to itself a plan takes all threads for much work and one for little; a number is obeyed.
static void threads_are_worth_their_work(void **state)
{
    (void)state;
    lw_conv_shape tiny = {1, 1, 3, 3, 1, 3, 3, 1, 1, 0, 0, 1, 1}, much = usual;
    much.n = 10000;
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        lw_conv_plan *plan;
        assert_int_equal(lw_conv_plan_create(&plan, &much, (lw_conv_pass)pass, NULL), LW_OK);
        assert_int_equal(lw_conv_plan_threads(plan), lw_cpu_threads());
        lw_conv_plan_destroy(&plan);
        assert_int_equal(lw_conv_plan_create(&plan, &tiny, (lw_conv_pass)pass, NULL), LW_OK);
        assert_int_equal(lw_conv_plan_threads(plan), 1);
        assert_true(lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_UNFOLD)->chosen !=
                    lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_NAIVE)->chosen);
        lw_conv_plan_destroy(&plan);
        plan = make_plan(&tiny, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, 5);
        assert_int_equal(lw_conv_plan_threads(plan), 5);
        lw_conv_plan_destroy(&plan);
    }
}

static void every_candidate_answers(void **state)
{
    (void)state;
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        lw_conv_plan *plan = make_plan(&usual, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, 1);
        size_t count = lw_conv_plan_candidate_count(plan), n_chosen = 0;
        assert_true(count >= 3);
        for (size_t i = 0; i < count; i++) {
            const lw_conv_candidate *c = lw_conv_plan_candidate(plan, i);
            assert_string_equal(c->name, lw_conv_algorithm_name(c->algorithm));
            assert_true((c->possible && !c->only_on_request) == (c->reason[0] == '\0'));
            if (!c->possible) assert_false(c->chosen);
            if (!c->possible) continue;
            assert_true(c->cycles > 0.0);
            if (!c->chosen) continue;
            n_chosen++;
            assert_string_equal(c->name, lw_conv_plan_algorithm(plan));
            assert_int_equal(c->workspace_bytes, lw_conv_plan_workspace_bytes(plan));
        }
        assert_int_equal(n_chosen, 1);
        assert_true(lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_UNFOLD)->possible);
        // The list ends in naive, which needs no workspace.
        assert_string_equal(lw_conv_plan_candidate(plan, count - 1)->name, "naive");
        assert_int_equal(lw_conv_plan_candidate(plan, count - 1)->workspace_bytes, 0);
        assert_null(lw_conv_plan_candidate(plan, count));
        lw_conv_plan_destroy(&plan);
    }
}

static void impossible_candidates_say_why(void **state)
{
    (void)state;
    const struct {
        const lw_conv_shape *shape;
        lw_conv_pass pass;
    } cases[] = {
        {&vast, LW_CONV_FORWARD}, {&heavy, LW_CONV_FORWARD}, {&heavy, LW_CONV_BACKWARD_DATA}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lw_conv_plan *plan = make_plan(cases[i].shape, cases[i].pass, LW_CONV_ALGORITHM_AUTO, 2);
        const lw_conv_candidate *unfold = lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_UNFOLD);
        assert_string_equal(unfold->name, "unfold");
        assert_false(unfold->possible);
        assert_non_null(strstr(unfold->reason, "its workspace would be"));
        assert_string_equal(lw_conv_plan_algorithm(plan), "naive");
        lw_conv_plan_destroy(&plan);

        // Forced, that is an error that says why and what is left.
        const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_UNFOLD, .threads = 2};
        assert_int_equal(lw_conv_plan_create(&plan, cases[i].shape, cases[i].pass, &options),
                         LW_ERROR_UNSUPPORTED);
        assert_null(plan);
        assert_non_null(strstr(lw_error_message(), "unfold cannot do"));
        assert_non_null(strstr(lw_error_message(), "its workspace would be"));
        assert_non_null(strstr(lw_error_message(), "possible: naive"));
    }
}

// Shapes whose sizes come close to overflowing: making a plan must neither crash nor take long.
static void extreme_shapes_are_planned(void **state)
{
    (void)state;
    static const char *const problems[] = {
        "mb1ic1ih2147483647iw1oc1kh1kw1ph0pw0",
        "mb1ic1ih1iw2147483647oc1kh1kw2147483647ph0pw0",
        "mb2147483647ic1ih1iw1oc1kh1kw1ph0pw0",
        "mb1ic2147483647ih1iw1oc1kh1kw1ph0pw0",
        "mb1ic1ih1iw1oc2147483647kh1kw1ph0pw0",
        "mb1ic1ih2147483647iw1oc1kh2kw1sh2147483646sw1ph0pw0",
        "mb1ic1ih1073741824iw1073741824oc1kh1kw1sh1073741823sw1073741823ph0pw0",
        "mb1ic1ih1iw1oc1kh1000000000kw1ph500000000pw0",
        "mb1ic1ih2147483647iw1oc1kh3kw1ph0pw0dh1000000000dw0",
    };
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++)
            for (int32_t threads = 1; threads <= LW_CONV_MAX_THREADS; threads *= 32) {
                lw_conv_shape shape;
                if (lw_conv_shape_parse(&shape, problems[i], NULL))
                    fail_msg("%s", lw_error_message());
                lw_conv_plan *plan =
                    make_plan(&shape, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, threads);
                for (size_t k = 0; k < lw_conv_plan_candidate_count(plan); k++) {
                    const lw_conv_candidate *c = lw_conv_plan_candidate(plan, k);
                    assert_true(c->possible ? c->cycles > 0.0 : c->reason[0] != '\0');
                    // 2 GiB a thread is the most that an algorithm may ask for.
                    assert_true(c->workspace_bytes <= ((size_t)threads + 8) << 31);
                }
                lw_conv_plan_destroy(&plan);
            }
}

static void choice_does_not_depend_on_threads(void **state)
{
    (void)state;
    static const char *const problems[] = {
        "mb1ic1ih3oc1kh3ph0", "mb1ic3ih5oc2kh3ph1", "mb16ic16ih14oc32kh3ph1",
        "mb1ic64ih7oc64kh1ph0",
        // Transformed filters that one thread may not have, a part may
        "mb1ic4096ih6oc4096kh3ph1"};
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
            lw_conv_shape shape;
            assert_int_equal(lw_conv_shape_parse(&shape, problems[i], NULL), LW_OK);
            lw_conv_plan *one = make_plan(&shape, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, 1);
            for (int32_t threads = 2; threads < 70; threads += 13) {
                lw_conv_plan *many =
                    make_plan(&shape, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, threads);
                for (size_t k = 0; k < lw_conv_plan_candidate_count(one); k++) {
                    const lw_conv_candidate *a = lw_conv_plan_candidate(one, k);
                    const lw_conv_candidate *b = lw_conv_plan_candidate(many, k);
                    assert_int_equal(a->possible, b->possible);
                    assert_true(a->cycles == b->cycles);
                }
                assert_string_equal(lw_conv_plan_algorithm(one), lw_conv_plan_algorithm(many));
                lw_conv_plan_destroy(&many);
            }
            lw_conv_plan_destroy(&one);
        }
}

static void algorithms_are_forced(void **state)
{
    (void)state;
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        lw_conv_plan *plan = make_plan(&usual, (lw_conv_pass)pass, LW_CONV_ALGORITHM_NAIVE, 1);
        assert_string_equal(lw_conv_plan_algorithm(plan), "naive");
        assert_true(lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_NAIVE)->chosen);
        lw_conv_plan_destroy(&plan);
        plan = make_plan(&usual, (lw_conv_pass)pass, LW_CONV_ALGORITHM_UNFOLD, 1);
        assert_string_equal(lw_conv_plan_algorithm(plan), "unfold");
        assert_true(lw_conv_plan_workspace_bytes(plan) > 0);
        lw_conv_plan_destroy(&plan);
    }
}

static void bad_plans_are_refused(void **state)
{
    (void)state;
    lw_conv_plan *plan = (lw_conv_plan *)&usual; // must become NULL
    lw_conv_shape bad = usual;
    bad.kh = 99;
    assert_int_equal(lw_conv_plan_create(&plan, &bad, LW_CONV_FORWARD, NULL), LW_ERROR_ARGUMENT);
    assert_null(plan);
    assert_non_null(strstr(lw_error_message(), "larger than the padded input"));
    assert_int_equal(lw_conv_plan_create(&plan, NULL, LW_CONV_FORWARD, NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_plan_create(NULL, &usual, LW_CONV_FORWARD, NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_plan_create(&plan, &usual, (lw_conv_pass)7, NULL), LW_ERROR_ARGUMENT);
    lw_conv_options options = {.algorithm = (lw_conv_algorithm)99, .threads = 1};
    assert_int_equal(lw_conv_plan_create(&plan, &usual, LW_CONV_FORWARD, &options),
                     LW_ERROR_ARGUMENT);
    options = (lw_conv_options){.algorithm = LW_CONV_ALGORITHM_AUTO, .threads = -1};
    assert_int_equal(lw_conv_plan_create(&plan, &usual, LW_CONV_FORWARD, &options),
                     LW_ERROR_ARGUMENT);
    options.threads = LW_CONV_MAX_THREADS + 1;
    assert_int_equal(lw_conv_plan_create(&plan, &usual, LW_CONV_FORWARD, &options),
                     LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "threads"));
    assert_null(plan);
}

static void bad_executions_are_refused(void **state)
{
    (void)state;
    float a[1] = {0}, b[1] = {0}, c[1] = {0};
    char workspace[1];
    lw_conv_plan *forward = make_plan(&usual, LW_CONV_FORWARD, LW_CONV_ALGORITHM_UNFOLD, 1);
    lw_conv_plan *data = make_plan(&usual, LW_CONV_BACKWARD_DATA, LW_CONV_ALGORITHM_UNFOLD, 1);
    lw_conv_plan *weights =
        make_plan(&usual, LW_CONV_BACKWARD_WEIGHTS, LW_CONV_ALGORITHM_UNFOLD, 1);
    assert_int_equal(lw_conv_forward(NULL, a, b, NULL, c, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_forward(forward, NULL, b, NULL, c, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_forward(forward, a, NULL, NULL, c, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_forward(forward, a, b, NULL, NULL, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_forward(forward, a, b, NULL, c, NULL), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "workspace is NULL"));
    assert_int_equal(lw_conv_forward(data, a, b, NULL, c, workspace), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "made for bwd_d, expected fwd"));
    assert_int_equal(lw_conv_backward_data(forward, a, b, c, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_backward_data(data, a, NULL, c, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_backward_data(data, a, b, c, NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_backward_weights(data, a, b, c, NULL, workspace), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_backward_weights(weights, a, b, NULL, NULL, workspace),
                     LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_backward_weights(weights, a, b, c, NULL, NULL), LW_ERROR_ARGUMENT);
    lw_conv_plan_destroy(&forward);
    lw_conv_plan_destroy(&data);
    lw_conv_plan_destroy(&weights);
}

static void names_are_read_and_written(void **state)
{
    (void)state;
    for (int i = LW_CONV_ALGORITHM_AUTO; i <= LW_CONV_ALGORITHM_UNFOLD; i++) {
        lw_conv_algorithm algorithm;
        const char *name = lw_conv_algorithm_name((lw_conv_algorithm)i);
        assert_int_equal(lw_conv_algorithm_parse(&algorithm, name), LW_OK);
        assert_int_equal(algorithm, i);
    }
    for (int i = LW_CONV_FORWARD; i <= LW_CONV_BACKWARD_WEIGHTS; i++) {
        lw_conv_pass pass;
        assert_int_equal(lw_conv_pass_parse(&pass, lw_conv_pass_name((lw_conv_pass)i)), LW_OK);
        assert_int_equal(pass, i);
    }
    assert_string_equal(lw_conv_algorithm_name((lw_conv_algorithm)99), "unknown");
    assert_string_equal(lw_conv_pass_name((lw_conv_pass)-1), "unknown");
    lw_conv_algorithm algorithm = LW_CONV_ALGORITHM_NAIVE;
    assert_int_equal(lw_conv_algorithm_parse(&algorithm, "unfodl"), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "did you mean unfold?"));
    assert_non_null(strstr(lw_error_message(), "auto, naive, unfold"));
    assert_int_equal(algorithm, LW_CONV_ALGORITHM_NAIVE);
    assert_int_equal(lw_conv_algorithm_parse(&algorithm, ""), LW_ERROR_INPUT);
    lw_conv_pass pass = LW_CONV_BACKWARD_DATA;
    assert_int_equal(lw_conv_pass_parse(&pass, "forward"), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "fwd, bwd_d, bwd_w"));
    assert_int_equal(lw_conv_pass_parse(NULL, "fwd"), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_algorithm_parse(&algorithm, NULL), LW_ERROR_ARGUMENT);
}

int main(void)
{
    // What the user's environment forces must not decide these tests.
    unsetenv("LANEWISE_CONV");
    unsetenv("LANEWISE_VERBOSE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_says_what_it_is),
        cmocka_unit_test(threads_are_worth_their_work),
        cmocka_unit_test(every_candidate_answers),
        cmocka_unit_test(impossible_candidates_say_why),
        cmocka_unit_test(extreme_shapes_are_planned),
        cmocka_unit_test(choice_does_not_depend_on_threads),
        cmocka_unit_test(algorithms_are_forced),
        cmocka_unit_test(bad_plans_are_refused),
        cmocka_unit_test(bad_executions_are_refused),
        cmocka_unit_test(names_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
