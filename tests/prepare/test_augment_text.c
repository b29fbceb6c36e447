// SPDX-License-Identifier: Apache-2.0
// The words of an augmentation: read, written, refused.
#include <lanewise/augment.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lw_augment parse(const char *text)
{
    lw_augment augment;
    if (lw_augment_parse(&augment, text)) fail_msg("%s: %s", text, lw_error_message());
    return augment;
}

static void expect_refusal(const char *text, const char *part)
{
    lw_augment augment;
    if (!lw_augment_parse(&augment, text)) fail_msg("%s: was accepted", text);
    if (!strstr(lw_error_message(), part))
        fail_msg("%s: expected \"%s\" in: %s", text, part, lw_error_message());
    assert_true(lw_augment_is_none(&augment));
}

static void test_every_word(void **state)
{
    (void)state;
    const char *const all =
        "rotate=15,shift=2,scale=0.9:1.1,shear=5,flip=0.25,vflip=0.5,crop=4,rcrop=0.6:1,"
        "elastic=1.5:6,blur=1,brightness=0.2,contrast=0.3,noise=8,erase=0.1,cutout=7,mixup=0.4,"
        "fill=128";
    const lw_augment a = parse(all);
    assert_float_equal(a.rotate, 15, 0);
    assert_float_equal(a.shift_pixels, 2, 0);
    assert_float_equal(a.scale_high, 1.1, 0);
    assert_float_equal(a.flip, 0.25, 0);
    assert_int_equal(a.crop, 4);
    assert_float_equal(a.rcrop_low, 0.6, 0);
    assert_float_equal(a.elastic_sigma, 6, 0);
    assert_int_equal(a.cutout, 7);
    assert_int_equal(a.fill, 128);
    char text[512];
    lw_augment_format(&a, text, sizeof text);
    assert_string_equal(text, all);
    assert_false(lw_augment_is_none(&a));
}

static void test_short_forms(void **state)
{
    (void)state;
    assert_float_equal(parse("flip").flip, 0.5, 0);
    assert_float_equal(parse("elastic=2").elastic_sigma, 4, 0);
    const lw_augment share = parse("shift=7.5%");
    assert_float_equal(share.shift_fraction, 0.075, 1e-12);
    assert_float_equal(share.shift_pixels, 0, 0);
    char text[512];
    lw_augment_format(&share, text, sizeof text);
    assert_string_equal(text, "shift=7.5%");
    const lw_augment none = parse("rotate=0,fill=3");
    assert_true(lw_augment_is_none(&none));
}

static void test_policies(void **state)
{
    (void)state;
    static const char *const names[] = {"light", "digits", "photos"};
    for (size_t i = 0; i < 3; i++) {
        const lw_augment a = parse(names[i]);
        char text[512], again[512];
        assert_false(lw_augment_is_none(&a));
        lw_augment_format(&a, text, sizeof text);
        const lw_augment b = parse(text);
        lw_augment_format(&b, again, sizeof again);
        assert_string_equal(text, again);
    }
    assert_float_equal(parse("digits").flip, 0, 0); // other digits
    const lw_augment changed = parse("digits,rotate=33,noise=2");
    assert_float_equal(changed.rotate, 33, 0);
    assert_float_equal(changed.noise, 2, 0);
    assert_float_equal(changed.scale_low, parse("digits").scale_low, 0);
    const lw_augment none = parse("none");
    assert_true(lw_augment_is_none(&none));
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal("", "got nothing");
    expect_refusal("rotat=4", "did you mean \"rotate\"?");
    expect_refusal("digit", "did you mean \"digits\"?");
    expect_refusal("wobble", "there is no \"wobble\" (rotate shift");
    expect_refusal("rotate", "rotate: expected degrees, 0 .. 180, got \"\"");
    expect_refusal("rotate=", "got \"\"");
    expect_refusal("rotate=x", "got \"x\"");
    expect_refusal("rotate=181", "got \"181\"");
    expect_refusal("rotate=-1", "got \"-1\"");
    expect_refusal("rotate=nan", "got \"nan\"");
    expect_refusal("rotate=5:6", "got \"5:6\"");
    expect_refusal("scale=1.1", "LOW:HIGH");
    expect_refusal("scale=1.1:0.9", "got \"1.1:0.9\"");
    expect_refusal("scale=0.01:1", "got \"0.01:1\"");
    expect_refusal("scale=:1", "got \":1\"");
    expect_refusal("rcrop=0.5:1.5", "0.01 .. 1");
    expect_refusal("shift=101%", "got \"101%\"");
    expect_refusal("shift=%", "got \"%\"");
    expect_refusal("flip=2", "probability");
    expect_refusal("crop=1.5", "whole pixels");
    expect_refusal("cutout=-3", "whole pixels");
    expect_refusal("elastic=1:0", "SIGMA");
    expect_refusal("fill=300", "grey level");
    expect_refusal("rotate=4,rotate=5", "rotate stands there twice");
    expect_refusal("rotate=4,digits", "has to come first");
    expect_refusal("digits=4", "takes no value");
    expect_refusal("rotate=4,", "comma");
    expect_refusal(",rotate=4", "comma");
    expect_refusal("rotate=4,,flip", "comma");
    expect_refusal("rotate=4.00000000000000000000000000000000000000000000000000000000000000000",
                   "too long");
}

static void test_check(void **state)
{
    (void)state;
    lw_augment a = lw_augment_none();
    assert_int_equal(LW_OK, lw_augment_check(&a));
    a.rotate = NAN;
    assert_int_equal(LW_ERROR_ARGUMENT, lw_augment_check(&a));
    assert_non_null(strstr(lw_error_message(), "rotate"));
    a = lw_augment_none();
    a.scale_low = 0;
    assert_int_equal(LW_ERROR_ARGUMENT, lw_augment_check(&a));
    a = lw_augment_none();
    a.crop = -1;
    assert_int_equal(LW_ERROR_ARGUMENT, lw_augment_check(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_word), cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_policies),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
