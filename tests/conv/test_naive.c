// SPDX-License-Identifier: Apache-2.0
// The oracle against values worked out by hand. Everything else is compared with the oracle, so
// these are the numbers that the library's correctness rests on.
#include "oracle/compare.h"

#include <lanewise/conv.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static lw_conv_plan *make_plan(const lw_conv_shape *shape, lw_conv_pass pass)
{
    const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_NAIVE, .threads = 1};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, shape, pass, &options)) fail_msg("%s", lw_error_message());
    assert_string_equal(lw_conv_plan_algorithm(plan), "naive");
    assert_int_equal(lw_conv_plan_workspace_bytes(plan), 0);
    return plan;
}

static void expect_values(const float *expected, const float *actual, size_t count)
{
    if (!lw_compare_bits(expected, actual, count)) fail_msg("%s", lw_compare_message());
}

// 1 2 3     1 0        A 3x3 picture and a 2x2 kernel that subtracts the lower right pixel from
// 4 5 6     0 -1       the upper left one.
// 7 8 9
static const lw_conv_shape small = {1, 1, 3, 3, 1, 2, 2, 1, 1, 0, 0, 1, 1};
static const float picture[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const float difference[4] = {1, 0, 0, -1};

static void forward_by_hand(void **state)
{
    (void)state;
    lw_conv_plan *plan = make_plan(&small, LW_CONV_FORWARD);
    float y[4];
    const float expected[4] = {1 - 5, 2 - 6, 4 - 8, 5 - 9};
    assert_int_equal(lw_conv_forward(plan, picture, difference, NULL, y, NULL), LW_OK);
    expect_values(expected, y, 4);
    const float bias[1] = {10}, with_bias[4] = {6, 6, 6, 6};
    assert_int_equal(lw_conv_forward(plan, picture, difference, bias, y, NULL), LW_OK);
    expect_values(with_bias, y, 4);
    lw_conv_plan_destroy(&plan);
    assert_null(plan);
}

static void backward_by_hand(void **state)
{
    (void)state;
    const float dy[4] = {1, 2, 3, 4};
    // Each dy adds itself times the kernel at its place: dx = dy at (0,0), minus dy one step down
    // and to the right.
    const float expected_dx[9] = {1, 2, 0, 3, 4 - 1, -2, 0, -3, -4};
    float dx[9];
    lw_conv_plan *plan = make_plan(&small, LW_CONV_BACKWARD_DATA);
    assert_int_equal(lw_conv_backward_data(plan, dy, difference, dx, NULL), LW_OK);
    expect_values(expected_dx, dx, 9);
    lw_conv_plan_destroy(&plan);

    // dweights[kh][kw] is dy times the 2x2 part of the picture that starts at (kh, kw).
    const float expected_dweights[4] = {
        1 * 1 + 2 * 2 + 3 * 4 + 4 * 5, 1 * 2 + 2 * 3 + 3 * 5 + 4 * 6,
        1 * 4 + 2 * 5 + 3 * 7 + 4 * 8, 1 * 5 + 2 * 6 + 3 * 8 + 4 * 9};
    const float expected_dbias[1] = {10};
    float dweights[4], dbias[1];
    plan = make_plan(&small, LW_CONV_BACKWARD_WEIGHTS);
    assert_int_equal(lw_conv_backward_weights(plan, picture, dy, dweights, dbias, NULL), LW_OK);
    expect_values(expected_dweights, dweights, 4);
    expect_values(expected_dbias, dbias, 1);
    lw_conv_plan_destroy(&plan);
}

// 2x3 picture, padding 1 above and below and 2 on the sides, stride 2 down and 3 across, kernel
// 2x3, two input channels, two output channels, two images: every index is different.
static const lw_conv_shape strided = {2, 2, 2, 3, 2, 2, 3, 2, 3, 1, 2, 1, 1};

static void padding_strides_and_channels_by_hand(void **state)
{
    (void)state;
    // Output 2x2: rows see input rows {-1, 0} and {1, 2}, columns {-2, -1, 0} and {1, 2, 3}.
    float x[2 * 2 * 6], weights[2 * 2 * 6];
    for (int i = 0; i < 24; i++) {
        x[i] = (float)(i + 1);
        weights[i] = 0.0f;
    }
    // Output channel 0 takes the kernel's last pixel (1, 2) of input channel 0; channel 1 takes the
    // first pixel (0, 0) of input channel 1, ten times.
    weights[0 * 12 + 0 * 6 + 5] = 1.0f;
    weights[1 * 12 + 1 * 6 + 0] = 10.0f;
    // Image 0, channel 0 is 1..6, channel 1 is 7..12; image 1 is 13..18 and 19..24.
    const float expected[2 * 2 * 4] = {
        1, 0, 0, 0,     // channel 0: (row 0, column 0); column 3 and row 2 are padding
        0, 0, 0, 110,   // channel 1: rows -1 and 1, columns -2 and 1: x(1, 1) = 11
        13, 0, 0, 0, 0, 0, 0, 230};
    float y[16];
    lw_conv_plan *plan = make_plan(&strided, LW_CONV_FORWARD);
    assert_int_equal(lw_conv_forward(plan, x, weights, NULL, y, NULL), LW_OK);
    expect_values(expected, y, 16);
    lw_conv_plan_destroy(&plan);

    // Backward, one non-zero dy: image 1, channel 1, output (1, 1).
    float dy[16] = {0}, dx[24], dweights[24], dbias[2], expected_dx[24] = {0},
          expected_dweights[24] = {0};
    dy[1 * 8 + 1 * 4 + 3] = 2.0f;
    // It sees rows 1 and 2, columns 1, 2 and 3; only weight (0, 0) of input channel 1 is not 0.
    expected_dx[1 * 12 + 1 * 6 + 1 * 3 + 1] = 20.0f;
    plan = make_plan(&strided, LW_CONV_BACKWARD_DATA);
    assert_int_equal(lw_conv_backward_data(plan, dy, weights, dx, NULL), LW_OK);
    expect_values(expected_dx, dx, 24);
    lw_conv_plan_destroy(&plan);

    // Taps (0, 0) and (0, 1) of output channel 1 see x(1, 1) and x(1, 2) of each input channel of
    // image 1; all other taps see padding.
    expected_dweights[12 + 0] = 2.0f * 17;
    expected_dweights[12 + 1] = 2.0f * 18;
    expected_dweights[12 + 6] = 2.0f * 23;
    expected_dweights[12 + 7] = 2.0f * 24;
    const float expected_dbias[2] = {0, 2};
    plan = make_plan(&strided, LW_CONV_BACKWARD_WEIGHTS);
    assert_int_equal(lw_conv_backward_weights(plan, x, dy, dweights, dbias, NULL), LW_OK);
    expect_values(expected_dweights, dweights, 24);
    expect_values(expected_dbias, dbias, 2);
    assert_int_equal(lw_conv_backward_weights(plan, x, dy, dweights, NULL, NULL), LW_OK);
    expect_values(expected_dweights, dweights, 24);
    lw_conv_plan_destroy(&plan);
}

static void dilation_by_hand(void **state)
{
    (void)state;
    // A row of five, a kernel of two pixels that are 3 apart.
    const lw_conv_shape shape = {1, 1, 1, 5, 1, 1, 2, 1, 1, 0, 0, 1, 3};
    const float x[5] = {1, 10, 100, 1000, 10000}, weights[2] = {1, 2};
    const float expected[2] = {1 + 2 * 1000, 10 + 2 * 10000};
    float y[2];
    lw_conv_plan *plan = make_plan(&shape, LW_CONV_FORWARD);
    assert_int_equal(lw_conv_forward(plan, x, weights, NULL, y, NULL), LW_OK);
    expect_values(expected, y, 2);
    lw_conv_plan_destroy(&plan);
}

// 2^24 + 1 - 2^24 is 1 in double and 0 in float, in any order of the three.
static void sums_are_taken_in_double(void **state)
{
    (void)state;
    const lw_conv_shape shape = {1, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
    const float x[3] = {0x1p24f, 1, -0x1p24f}, ones[3] = {1, 1, 1}, expected[1] = {1};
    float y[1];
    lw_conv_plan *plan = make_plan(&shape, LW_CONV_FORWARD);
    assert_int_equal(lw_conv_forward(plan, x, ones, NULL, y, NULL), LW_OK);
    expect_values(expected, y, 1);
    lw_conv_plan_destroy(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_by_hand),
        cmocka_unit_test(backward_by_hand),
        cmocka_unit_test(padding_strides_and_channels_by_hand),
        cmocka_unit_test(dilation_by_hand),
        cmocka_unit_test(sums_are_taken_in_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
