// SPDX-License-Identifier: Apache-2.0
// What a search may choose from: read, refused, drawn.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "study/space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *draw(const lw_space *space, size_t dimension, uint64_t trial)
{
    lw_text value = {0};
    lw_space_draw(space, dimension, 1, trial, &value);
    assert_false(value.failed);
    return value.bytes;
}

static double draw_number(const lw_space *space, size_t dimension, uint64_t trial)
{
    char *text = draw(space, dimension, trial);
    double number;
    assert_true(lw_parse_double(text, &number));
    free(text);
    return number;
}

static void ranges_are_filled_evenly(void **state)
{
    (void)state;
    enum { n = 4000 };
    lw_space space = {0};
    assert_int_equal(lw_space_add(&space, "lr", LW_VALUE_REAL, "1e-4..1e-2:log"), LW_OK);
    assert_int_equal(lw_space_add(&space, "warmup", LW_VALUE_REAL, "0..0.5"), LW_OK);
    assert_int_equal(lw_space_add(&space, "batch", LW_VALUE_WHOLE, "2..5"), LW_OK);
    assert_true(isinf(lw_space_size(&space)));
    int below = 0, half = 0, whole[6] = {0};
    for (uint64_t i = 0; i < n; i++) {
        const double rate = draw_number(&space, 0, i), share = draw_number(&space, 1, i);
        const double batch = draw_number(&space, 2, i);
        assert_true(rate >= 1e-4 && rate <= 1e-2);
        assert_true(share >= 0 && share <= 0.5);
        assert_true(batch >= 2 && batch <= 5 && batch == floor(batch));
        below += rate < 1e-3; // half of the decades
        half += share < 0.25;
        whole[(int)batch]++;
    }
    // Five standard deviations of a share of 4000 draws are 4 %, or 3.4 % for a quarter.
    assert_true(fabs(below / (double)n - 0.5) < 0.04);
    assert_true(fabs(half / (double)n - 0.5) < 0.04);
    for (int i = 2; i <= 5; i++) assert_true(fabs(whole[i] / (double)n - 0.25) < 0.035);
    lw_space_free(&space);
}

static void lists_are_words(void **state)
{
    (void)state;
    lw_space space = {0};
    assert_int_equal(lw_space_add(&space, "optimizer", LW_VALUE_WORD, "adam,sgd"), LW_OK);
    assert_int_equal(lw_space_add(&space, "augment", LW_VALUE_TEXT, "light|rotate=15,shift=2"),
                     LW_OK);
    assert_int_equal(lw_space_add(&space, "lr", LW_VALUE_REAL, "0.001"), LW_OK);
    assert_true(lw_space_size(&space) == 4);
    int sgd = 0, rotate = 0;
    for (uint64_t i = 0; i < 200; i++) {
        char *optimizer = draw(&space, 0, i), *augment = draw(&space, 1, i),
             *rate = draw(&space, 2, i);
        sgd += strcmp(optimizer, "sgd") == 0;
        rotate += strcmp(augment, "rotate=15,shift=2") == 0;
        assert_true(strcmp(optimizer, "sgd") == 0 || strcmp(optimizer, "adam") == 0);
        assert_string_equal(rate, "0.001"); // as it was written
        free(optimizer);
        free(augment);
        free(rate);
    }
    assert_in_range(sgd, 50, 150);
    assert_in_range(rotate, 50, 150);
    lw_space_free(&space);
}

static void draws_repeat_themselves(void **state)
{
    (void)state;
    lw_space space = {0};
    assert_int_equal(lw_space_add(&space, "lr", LW_VALUE_REAL, "1e-4..1e-2:log"), LW_OK);
    lw_text one = {0}, again = {0}, other = {0};
    lw_space_draw(&space, 0, 3, 17, &one);
    lw_space_draw(&space, 0, 3, 17, &again);
    lw_space_draw(&space, 0, 4, 17, &other);
    assert_string_equal(one.bytes, again.bytes);
    assert_string_not_equal(one.bytes, other.bytes);
    lw_text_free(&one);
    lw_text_free(&again);
    lw_text_free(&other);
    lw_space_free(&space);
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        lw_value_kind kind;
        const char *text, *part;
    } rows[] = {
        {LW_VALUE_REAL, "1..", "expected a range"},
        {LW_VALUE_REAL, "..1", "expected a range"},
        {LW_VALUE_REAL, "a..b", "expected a range"},
        {LW_VALUE_REAL, "2..1", "from a smaller to a larger"},
        {LW_VALUE_REAL, "1..1", "from a smaller to a larger"},
        {LW_VALUE_REAL, "-1e308..1e308", "too wide"},
        {LW_VALUE_REAL, "1e-308..1e308:log", "too wide"},
        {LW_VALUE_REAL, "nan..1", "expected a range"},
        {LW_VALUE_REAL, "0..1:log", "begins above 0"},
        {LW_VALUE_REAL, "1..2:cubic", "expected :log or :linear"},
        {LW_VALUE_WHOLE, "1.5..3", "expected whole numbers"},
        {LW_VALUE_WORD, "a,,b", "an empty value"},
        {LW_VALUE_WORD, ",a", "an empty value"},
        {LW_VALUE_WORD, "a,", "an empty value"},
        {LW_VALUE_WORD, "a,b,a", "a is there twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lw_space space = {0};
        assert_int_equal(lw_space_add(&space, "lr", rows[i].kind, rows[i].text), LW_ERROR_ARGUMENT);
        if (!strstr(lw_error_message(), rows[i].part) ||
            strncmp(lw_error_message(), "--lr: ", 6) != 0)
            fail_msg("%s: expected \"%s\" in \"%s\"", rows[i].text, rows[i].part,
                     lw_error_message());
        lw_space_free(&space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_filled_evenly),
        cmocka_unit_test(lists_are_words),
        cmocka_unit_test(draws_repeat_themselves),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
