// SPDX-License-Identifier: Apache-2.0
// Convolution shapes: output sizes, multiply-adds, and a sentence for every impossible shape.
#include <lanewise/conv.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const lw_conv_shape good = {.n = 2, .ic = 3, .ih = 8, .iw = 9, .oc = 4, .kh = 3, .kw = 2,
                                   .stride_h = 1, .stride_w = 2, .pad_h = 1, .pad_w = 0,
                                   .dilation_h = 1, .dilation_w = 1};

static void expect_output(int32_t in, int32_t kernel, int32_t stride, int32_t pad,
                          int32_t dilation, int32_t expected)
{
    int32_t out = -1;
    assert_int_equal(lw_conv_output_size(in, kernel, stride, pad, dilation, &out), LW_OK);
    assert_int_equal(out, expected);
}

static void output_sizes_are_right(void **state)
{
    (void)state;
    // The sizes that are often miscalculated: 5x5 kernel, padding 1, stride 2.
    expect_output(1024, 5, 2, 1, 1, 511);
    expect_output(768, 5, 2, 1, 1, 383);
    expect_output(1920, 5, 2, 1, 1, 959);
    expect_output(1080, 5, 2, 1, 1, 539);
    expect_output(28, 3, 1, 1, 1, 28);
    expect_output(28, 3, 1, 0, 1, 26);
    expect_output(224, 7, 2, 3, 1, 112);
    expect_output(5, 5, 1, 0, 1, 1);
    expect_output(7, 3, 1, 0, 3, 1);
    expect_output(10, 3, 2, 1, 2, 4);
    expect_output(1, 1, 1000, 0, 1, 1);
    expect_output(INT32_MAX, 1, 1, 0, 1, INT32_MAX);
    expect_output(1, INT32_MAX, 1, INT32_MAX / 2, 1, 1);
}

// The failure's sentence must hold all the given words.
static void expect_words(const char *const *words)
{
    for (; *words; words++) assert_non_null(strstr(lw_error_message(), *words));
}

static void impossible_sizes_get_a_sentence(void **state)
{
    (void)state;
    const struct {
        int32_t in, kernel, stride, pad, dilation;
        const char *words[4];
    } cases[] = {
        {0, 3, 1, 0, 1, {"input size", "at least 1", "got 0"}},
        {-5, 3, 1, 0, 1, {"input size", "got -5"}},
        {8, 0, 1, 0, 1, {"kernel size", "got 0"}},
        {8, 3, 0, 0, 1, {"stride", "at least 1", "got 0"}},
        {8, 3, 1, -1, 1, {"pad", "at least 0", "got -1"}},
        {8, 3, 1, 0, 0, {"dilation", "at least 1", "got 0"}},
        {4, 5, 1, 0, 1, {"larger than the padded input", "5", "4"}},
        {4, 3, 1, 0, 2, {"larger than the padded input", "covers 5", "has 4"}},
        {1, INT32_MAX, 1, 0, INT32_MAX, {"larger than the padded input"}},
        {INT32_MAX, 1, 1, 1, 1, {"2^31 - 1"}},
        {INT32_MAX, 1, 1, INT32_MAX, 1, {"2^31 - 1"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t out = -1;
        assert_int_equal(lw_conv_output_size(cases[i].in, cases[i].kernel, cases[i].stride,
                                             cases[i].pad, cases[i].dilation, &out),
                         LW_ERROR_ARGUMENT);
        assert_int_equal(out, 0);
        expect_words(cases[i].words);
    }
    assert_int_equal(lw_conv_output_size(8, 3, 1, 0, 1, NULL), LW_ERROR_ARGUMENT);
}

static void good_shape_passes(void **state)
{
    (void)state;
    assert_int_equal(lw_conv_shape_check(&good), LW_OK);
    int32_t oh, ow;
    assert_int_equal(lw_conv_shape_output(&good, &oh, &ow), LW_OK);
    assert_int_equal(oh, 8);
    assert_int_equal(ow, 4);
    // n * oc * oh * ow * ic * kh * kw
    assert_int_equal(lw_conv_shape_macs(&good), 2 * 4 * 8 * 4 * 3 * 3 * 2);
}

// Sets one field of a shape, by its place among the fields.
static lw_conv_shape with_field(size_t index, int32_t value)
{
    lw_conv_shape shape = good;
    int32_t *const fields[] = {&shape.n,        &shape.ic,    &shape.ih,    &shape.iw,
                               &shape.oc,       &shape.kh,    &shape.kw,    &shape.stride_h,
                               &shape.stride_w, &shape.pad_h, &shape.pad_w, &shape.dilation_h,
                               &shape.dilation_w};
    *fields[index] = value;
    return shape;
}

static void bad_fields_get_a_sentence(void **state)
{
    (void)state;
    static const char *const names[] = {"n",        "ic",       "ih",    "iw",    "oc",
                                        "kh",       "kw",       "stride_h", "stride_w",
                                        "pad_h",    "pad_w",    "dilation_h", "dilation_w"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const int32_t bad[] = {-1, INT32_MIN, 0};
        // A padding of 0 is fine.
        size_t n_bad = strncmp(names[i], "pad", 3) == 0 ? 2 : 3;
        for (size_t k = 0; k < n_bad; k++) {
            lw_conv_shape shape = with_field(i, bad[k]);
            assert_int_equal(lw_conv_shape_check(&shape), LW_ERROR_ARGUMENT);
            char field[32] = " ";
            strcat(strcat(field, names[i]), ":");
            assert_non_null(strstr(lw_error_message(), field));
            assert_int_equal(lw_conv_shape_macs(&shape), 0);
            int32_t oh = 5, ow = 5;
            assert_int_equal(lw_conv_shape_output(&shape, &oh, &ow), LW_ERROR_ARGUMENT);
            assert_int_equal(oh, 0);
            assert_int_equal(ow, 0);
        }
    }
}

static void impossible_shapes_get_a_sentence(void **state)
{
    (void)state;
    const struct {
        lw_conv_shape shape;
        const char *words[4];
    } cases[] = {
        {with_field(5, 11), {"kh 11", "larger than the padded input", "ih 8"}},
        {with_field(6, 10), {"kw 10", "larger than the padded input", "iw 9"}},
        {with_field(11, 5), {"dilation 5", "larger than the padded input"}},
        // Arrays of more bytes than there are addresses.
        {{.n = INT32_MAX, .ic = INT32_MAX, .ih = 8, .iw = 8, .oc = 1, .kh = 1, .kw = 1,
          .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1},
         {"the input", "larger than memory can be"}},
        {{.n = 1, .ic = INT32_MAX, .ih = 8, .iw = 8, .oc = INT32_MAX, .kh = 8, .kw = 8,
          .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1},
         {"the weights", "larger than memory can be"}},
        {{.n = 1 << 20, .ic = 1, .ih = 1 << 10, .iw = 1 << 10, .oc = 1 << 24, .kh = 1, .kw = 1,
          .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1},
         {"the output", "larger than memory can be"}},
        {{.n = 1 << 12, .ic = 1 << 16, .ih = 1 << 10, .iw = 1 << 10, .oc = 1 << 16, .kh = 1,
          .kw = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1},
         {"multiply-adds", "63 bits"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(lw_conv_shape_check(&cases[i].shape), LW_ERROR_ARGUMENT);
        expect_words(cases[i].words);
    }
    assert_int_equal(lw_conv_shape_check(NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_shape_macs(NULL), 0);
    assert_int_equal(lw_conv_shape_output(&good, NULL, NULL), LW_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_sizes_are_right),
        cmocka_unit_test(impossible_sizes_get_a_sentence),
        cmocka_unit_test(good_shape_passes),
        cmocka_unit_test(bad_fields_get_a_sentence),
        cmocka_unit_test(impossible_shapes_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
