// SPDX-License-Identifier: Apache-2.0
// What is measured under oneDNN's name computes the convolution: in each of the settings that are
// tried, with its copies left out. What is measured of our own algorithms are their plans, which
// tests/conv looks at.
#include "bench/subject.h"

#include "base/error.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const problems[] = {"mb2ic16ih14oc32oh14kh3ph1", "mb2ic1ih9oc16oh9kh3ph1",
                                       "mb3ic17ih8oc20oh4kh3sh2ph1", "mb2ic32ih6oc64oh6kh1ph0"};
enum { n_problems = sizeof problems / sizeof *problems };

static lw_bench_arrays make_arrays(const char *problem, lw_conv_layout layout)
{
    lw_conv_shape shape;
    lw_bench_arrays arrays;
    if (lw_conv_shape_parse(&shape, problem, NULL) ||
        lw_bench_arrays_create(&arrays, &shape, layout))
        fail_msg("%s", lw_error_message());
    lw_bench_arrays_fill(&arrays, LW_BENCH_REALS, 4);
    return arrays;
}

// The output as naive computes it.
static float *expect(const lw_bench_arrays *arrays, lw_conv_pass pass, size_t *count)
{
    lw_bench_subject naive;
    if (lw_bench_subject_open(&naive, arrays, arrays->shape.n, pass, LW_CONV_ALGORITHM_NAIVE, 1) ||
        lw_bench_subject_execute(&naive, arrays) || lw_bench_subject_finish(&naive, arrays))
        fail_msg("%s", lw_error_message());
    assert_string_equal(naive.kernel, "loops");
    assert_false(naive.dense_equivalent);
    lw_bench_subject_close(&naive);
    *count = lw_bench_gather(arrays, pass, NULL);
    float *expected = malloc(*count * sizeof *expected);
    assert_non_null(expected);
    lw_bench_gather(arrays, pass, expected);
    return expected;
}

// Winograd's larger errors included: what is looked for are wrong arrays, layouts and sizes.
static void compare(const lw_bench_arrays *arrays, lw_conv_pass pass, const float *expected,
                    size_t count, const char *kernel)
{
    float *actual = malloc(count * sizeof *actual);
    assert_non_null(actual);
    lw_bench_gather(arrays, pass, actual);
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(actual[i] - expected[i]) <= 1e-4f + 1e-4f * fabsf(expected[i])))
            fail_msg("%s %s: element %zu: expected %g, got %g", kernel, lw_conv_pass_name(pass), i,
                     (double)expected[i], (double)actual[i]);
    free(actual);
}

static void poison(const lw_bench_arrays *arrays, lw_conv_pass pass)
{
    size_t count;
    float *output = lw_bench_output(arrays, pass, &count);
    for (size_t i = 0; i < count; i++) output[i] = NAN;
}

#ifdef LW_HAVE_ONEDNN

static void every_setting_computes_the_convolution(void **state)
{
    (void)state;
    int n_opened = 0;
    for (int p = 0; p < n_problems; p++)
        for (int layout = 0; layout <= (int)LW_CONV_LAYOUT_PADDED; layout++)
            for (int pass = 0; pass <= (int)LW_CONV_BACKWARD_WEIGHTS; pass++) {
                lw_bench_arrays arrays = make_arrays(problems[p], (lw_conv_layout)layout);
                size_t count;
                float *expected = expect(&arrays, (lw_conv_pass)pass, &count);
                for (int i = 0; i < LW_BENCH_ONEDNN_SETTINGS; i++) {
                    lw_bench_subject subject;
                    if (lw_bench_subject_open_setting(&subject, &arrays, (lw_conv_pass)pass, i, 2))
                        fail_msg("%s", lw_error_message());
                    if (!subject.alone) continue;
                    n_opened++;
                    assert_true(strlen(subject.kernel) > 4);
                    poison(&arrays, (lw_conv_pass)pass);
                    // As often as a measurement likes.
                    for (int k = 0; k < 3; k++)
                        assert_int_equal(lw_bench_subject_execute(&subject, &arrays), LW_OK);
                    assert_int_equal(lw_bench_subject_finish(&subject, &arrays), LW_OK);
                    compare(&arrays, (lw_conv_pass)pass, expected, count, subject.kernel);
                    lw_bench_subject_close(&subject);
                }
                free(expected);
                lw_bench_arrays_free(&arrays);
            }
    assert_true(n_opened >= n_problems);
}

static void the_fastest_setting_is_one_that_works(void **state)
{
    (void)state;
    for (int pass = 0; pass <= (int)LW_CONV_BACKWARD_WEIGHTS; pass++) {
        lw_bench_arrays arrays = make_arrays(problems[0], LW_CONV_LAYOUT_PADDED);
        size_t count;
        float *expected = expect(&arrays, (lw_conv_pass)pass, &count);
        lw_bench_subject subject;
        if (lw_bench_subject_open_onednn(&subject, &arrays, (lw_conv_pass)pass, 2))
            fail_msg("%s", lw_error_message());
        poison(&arrays, (lw_conv_pass)pass);
        assert_int_equal(lw_bench_subject_execute(&subject, &arrays), LW_OK);
        assert_int_equal(lw_bench_subject_finish(&subject, &arrays), LW_OK);
        compare(&arrays, (lw_conv_pass)pass, expected, count, subject.kernel);
        lw_bench_subject_close(&subject);
        lw_bench_subject_close(&subject); // twice is fine
        free(expected);
        lw_bench_arrays_free(&arrays);
    }
}

#else

static void every_setting_computes_the_convolution(void **state)
{
    (void)state;
    lw_bench_arrays arrays = make_arrays(problems[0], LW_CONV_LAYOUT_PADDED);
    lw_bench_subject subject;
    assert_int_equal(lw_bench_subject_open_onednn(&subject, &arrays, LW_CONV_FORWARD, 1),
                     LW_ERROR_UNSUPPORTED);
    lw_bench_arrays_free(&arrays);
}

static void the_fastest_setting_is_one_that_works(void **state)
{
    (void)state;
    lw_bench_arrays arrays = make_arrays(problems[0], LW_CONV_LAYOUT_NHWC);
    size_t count;
    float *expected = expect(&arrays, LW_CONV_FORWARD, &count);
    poison(&arrays, LW_CONV_FORWARD);
    free(expected);
    expected = expect(&arrays, LW_CONV_FORWARD, &count);
    compare(&arrays, LW_CONV_FORWARD, expected, count, "loops");
    free(expected);
    lw_bench_arrays_free(&arrays);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_computes_the_convolution),
        cmocka_unit_test(the_fastest_setting_is_one_that_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
