// SPDX-License-Identifier: Apache-2.0
// The built-in problems can be read and are written in the shortest form; random shapes are valid,
// bounded, different, and the same for the same seed.
#include "bench/shapes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void built_in_problems_are_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < lw_bench_problem_count; i++) {
        lw_conv_shape shape;
        char text[LW_CONV_PROBLEM_BYTES];
        if (lw_conv_shape_parse(&shape, lw_bench_problems[i], NULL))
            fail_msg("%s", lw_error_message());
        assert_int_equal(lw_conv_shape_format(&shape, text, sizeof text), LW_OK);
        assert_string_equal(text, lw_bench_problems[i]);
        for (size_t k = 0; k < i; k++) assert_string_not_equal(text, lw_bench_problems[k]);
    }
}

static void random_shapes_are_valid_and_repeat(void **state)
{
    (void)state;
    int strided = 0, dilated = 0, different = 0;
    for (uint64_t i = 0; i < 300; i++) {
        lw_conv_shape shape = lw_bench_random_shape(7, i, 50000);
        lw_conv_shape again = lw_bench_random_shape(7, i, 50000);
        lw_conv_shape other = lw_bench_random_shape(8, i, 50000);
        assert_int_equal(lw_conv_shape_check(&shape), LW_OK);
        assert_true(lw_conv_shape_macs(&shape) <= 50000);
        assert_memory_equal(&shape, &again, sizeof shape);
        different += memcmp(&shape, &other, sizeof shape) != 0;
        strided += shape.stride_h > 1;
        dilated += shape.dilation_w > 1;
    }
    assert_true(different > 290 && strided > 30 && dilated > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_problems_are_canonical),
        cmocka_unit_test(random_shapes_are_valid_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
