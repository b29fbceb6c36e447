// SPDX-License-Identifier: Apache-2.0
// Problem strings: read, written, and every misspelling pointed at.
#include "base/rng.h"

#include <lanewise/conv.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_shape(const char *text, const lw_conv_shape *expected)
{
    lw_conv_shape shape;
    memset(&shape, 0, sizeof shape);
    size_t position = 99;
    if (lw_conv_shape_parse(&shape, text, &position)) fail_msg("%s", lw_error_message());
    assert_memory_equal(&shape, expected, sizeof shape);
    assert_int_equal(position, 0);
}

static void problems_are_read(void **state)
{
    (void)state;
    const lw_conv_shape same = {16, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1};
    expect_shape("mb16ic16ih14oc32oh14kh3ph1", &same);
    expect_shape("mb16ic16ih14iw14oc32oh14ow14kh3kw3sh1sw1ph1pw1dh0dw0", &same);
    expect_shape("ph1kh3oc32ic16ih14mb16", &same);
    expect_shape("_mb16_ic16ih14__oc32oh14_kh3_ph1_", &same);
    expect_shape("g1mb16ic16ih14oc32oh14kh3ph1n\"lab:conv2\"", &same);
    expect_shape("mb16ic16ih14oc32oh14kh3ph1_nlab_conv2", &same);
    expect_shape("mb16ic16ih14oc32oh14kh3", &same); // the padding that the output needs

    const lw_conv_shape two_images = {2, 3, 8, 8, 4, 3, 3, 1, 1, 0, 0, 1, 1};
    expect_shape("ic3ih8oc4kh3", &two_images); // no mb: benchdnn's 2; no oh: padding 0

    const lw_conv_shape wide = {1, 3, 20, 30, 4, 3, 5, 2, 1, 1, 2, 1, 1};
    expect_shape("mb1ic3ih20iw30oc4oh10ow30kh3kw5sh2ph1pw2", &wide); // sw is 1, not sh's 2
    const lw_conv_shape dilated = {1, 1, 12, 12, 1, 3, 3, 2, 2, 0, 0, 3, 3};
    expect_shape("mb1ic1ih12oc1oh3kh3sh2ph0dh2", &dilated);
    const lw_conv_shape one_row = {1, 2, 1, 9, 2, 1, 3, 1, 1, 0, 0, 1, 1};
    expect_shape("mb1ic2iw9oc2kw3", &one_row);

    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "ic3ih8oc4kh3", NULL), LW_OK);
}

static void problems_are_written_short(void **state)
{
    (void)state;
    const struct {
        lw_conv_shape shape;
        const char *text;
    } cases[] = {
        {{16, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1}, "mb16ic16ih14oc32oh14kh3ph1"},
        {{2, 3, 9, 9, 4, 3, 3, 2, 2, 0, 0, 2, 2}, "mb2ic3ih9oc4oh3kh3sh2ph0dh1"},
        {{1, 3, 20, 30, 4, 3, 5, 2, 1, 1, 2, 1, 1},
         "mb1ic3ih20iw30oc4oh10ow30kh3kw5sh2sw1ph1pw2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[LW_CONV_PROBLEM_BYTES];
        assert_int_equal(lw_conv_shape_format(&cases[i].shape, text, sizeof text), LW_OK);
        assert_string_equal(text, cases[i].text);
    }
}

// A random shape, valid or not.
static lw_conv_shape draw_shape(lw_rng *rng)
{
    lw_conv_shape s = {.n = 1 + (int32_t)lw_rng_below(rng, 100),
                       .ic = 1 + (int32_t)lw_rng_below(rng, 300),
                       .ih = 1 + (int32_t)lw_rng_below(rng, 60),
                       .oc = 1 + (int32_t)lw_rng_below(rng, 300),
                       .kh = 1 + (int32_t)lw_rng_below(rng, 7),
                       .stride_h = 1 + (int32_t)lw_rng_below(rng, 3),
                       .pad_h = (int32_t)lw_rng_below(rng, 4),
                       .dilation_h = 1 + (int32_t)lw_rng_below(rng, 3)};
    s.iw = s.ih;
    s.kw = s.kh;
    s.stride_w = s.stride_h;
    s.pad_w = s.pad_h;
    s.dilation_w = s.dilation_h;
    // Half of them are square; the others differ in one value or in all.
    switch (lw_rng_below(rng, 8)) {
    case 0: s.iw = 1 + (int32_t)lw_rng_below(rng, 60); break;
    case 1: s.kw = 1 + (int32_t)lw_rng_below(rng, 7); break;
    case 2: s.stride_w = 1 + (int32_t)lw_rng_below(rng, 3); break;
    case 3:
        s.iw = 1 + (int32_t)lw_rng_below(rng, 60);
        s.kw = 1 + (int32_t)lw_rng_below(rng, 7);
        s.stride_w = 1 + (int32_t)lw_rng_below(rng, 3);
        s.pad_w = (int32_t)lw_rng_below(rng, 4);
        s.dilation_w = 1 + (int32_t)lw_rng_below(rng, 3);
        break;
    default: break;
    }
    return s;
}

static void problems_round_trip(void **state)
{
    (void)state;
    lw_rng rng = lw_rng_stream(3, LW_RNG_TEST, 0, 0);
    int n_valid = 0;
    while (n_valid < 500) {
        lw_conv_shape shape = draw_shape(&rng);
        if (lw_conv_shape_check(&shape)) continue;
        n_valid++;
        char text[LW_CONV_PROBLEM_BYTES];
        assert_int_equal(lw_conv_shape_format(&shape, text, sizeof text), LW_OK);
        expect_shape(text, &shape);
    }
    const lw_conv_shape longest = {1, 1, INT32_MAX, INT32_MAX, 1, INT32_MAX, INT32_MAX,
                                   INT32_MAX, INT32_MAX, 0, 0, 1, 1};
    char text[LW_CONV_PROBLEM_BYTES];
    // Its arrays would be too large; only the room for the text is of interest.
    lw_conv_shape shape = longest;
    shape.iw = shape.kw = 1;
    assert_int_equal(lw_conv_shape_format(&shape, text, sizeof text), LW_OK);
    expect_shape(text, &shape);
}

static void misspellings_are_pointed_at(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t position; // offset from 0
        const char *word; // of the sentence
    } cases[] = {
        {"", 0, "ic is missing"},
        {"mb16ix16ih14oc32kh3", 4, "unknown word 'ix'"},
        {"mb16 ic16", 4, "expected a word"},
        {"mb16IC16", 4, "expected a word"},
        {"mb16i16", 4, "unknown word 'i'"},
        {"mb16channels16", 4, "unknown word 'channels'"},
        {"16mbic3", 0, "expected a word"},
        {"mbic3", 0, "unknown word 'mbic'"},
        {"mb_ic3ih8oc4kh3", 2, "mb: expected a number"},
        {"mb16ic", 6, "ic: expected a number"},
        {"mb16ic-3ih8", 6, "ic: expected a number"},
        {"mb0ic3ih8oc4kh3", 2, "mb: expected at least 1"},
        {"mb1ic0ih8oc4kh3", 5, "ic: expected at least 1"},
        {"mb1ic3ih8oc4kh3sh0", 17, "sh: expected at least 1"},
        {"mb1ic2147483648ih8", 5, "ic: expected at most 2147483647"},
        {"mb1ic99999999999999999999999ih8", 5, "ic: expected at most"},
        {"mb1ic3ic4ih8oc4kh3", 6, "ic is given twice"},
        {"ih8oc4kh3", 9, "ic is missing"},
        {"ic3ih8kh3", 9, "oc is missing"},
        {"ic3oc4kh3", 9, "ih is missing"},
        {"ic3ih8oc4_nname", 10, "kh is missing"},
        {"ic3ih8iw8oc4kh3", 15, "kw is missing"},
        {"nb16ic3ih8oc4kh3", 0, "ic is missing"}, // everything behind an n is a name
        {"ic3ih8oc4oh9kh3ph1", 9, "expected 8"},
        {"ic3ih14oc4oh7kh3sh2ph0", 10, "expected 6"},
        {"ic3ih14iw20oc4oh14ow19kh3kw3ph1pw1", 18, "ow 19"},
        {"ic3ih4oc4kh5", 9, "larger than the padded input"},
        {"ic3ih4oc4kh3dh1", 9, "larger than the padded input"},
        {"ic3ih4oc4kh3dh2147483647", 12, "dilation"},
        {"g2ic4ih8oc4kh3", 1, "groups"},
        {"g0ic4ih8oc4kh3", 1, "at least 1"},
        {"ic4id8ih8oc4kh3", 3, "three-dimensional"},
        {"ic4ih8oc4kh3dd0", 12, "three-dimensional"},
        {"mb1ic2147483647ih2147483647oc1kh1", 0, "larger than memory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lw_conv_shape shape = {.n = 77};
        size_t position = 999;
        assert_int_equal(lw_conv_shape_parse(&shape, cases[i].text, &position), LW_ERROR_INPUT);
        if (position != cases[i].position || !strstr(lw_error_message(), cases[i].word))
            fail_msg("'%s': position %zu, message: %s", cases[i].text, position,
                     lw_error_message());
        char place[32];
        snprintf(place, sizeof place, "character %zu:", cases[i].position + 1);
        assert_non_null(strstr(lw_error_message(), place));
        assert_int_equal(shape.n, 77); // untouched
    }
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    lw_conv_shape shape = {16, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1};
    char text[LW_CONV_PROBLEM_BYTES] = "before";
    assert_int_equal(lw_conv_shape_parse(NULL, "ic3ih8oc4kh3", NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_shape_parse(&shape, NULL, NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_shape_format(&shape, NULL, 10), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_conv_shape_format(&shape, text, 0), LW_ERROR_ARGUMENT);
    // 26 characters and a terminator.
    assert_int_equal(lw_conv_shape_format(&shape, text, 26), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "27"));
    assert_string_equal(text, "");
    assert_int_equal(lw_conv_shape_format(&shape, text, 27), LW_OK);
    shape.ic = 0;
    assert_int_equal(lw_conv_shape_format(&shape, text, sizeof text), LW_ERROR_ARGUMENT);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_are_read),
        cmocka_unit_test(problems_are_written_short),
        cmocka_unit_test(problems_round_trip),
        cmocka_unit_test(misspellings_are_pointed_at),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
