// SPDX-License-Identifier: Apache-2.0
// The growing text, numbers read from text, and the nearest word.
#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void text_grows(void **state)
{
    (void)state;
    lw_text text = {0};
    for (int i = 0; i < 10000; i++) lw_text_append(&text, i % 2 ? "b" : "a", 1);
    assert_int_equal(text.length, 10000);
    assert_int_equal(strlen(text.bytes), 10000);
    assert_int_equal(text.bytes[0], 'a');
    assert_int_equal(text.bytes[9999], 'b');
    assert_false(text.failed);
    lw_text_free(&text);
    assert_null(text.bytes);
    assert_int_equal(text.length, 0);
}

static void text_prints_across_its_capacity(void **state)
{
    (void)state;
    lw_text text = {0};
    for (int i = 0; i < 500; i++) lw_text_print(&text, "%d,%s;", i, "word");
    assert_int_equal(strncmp(text.bytes, "0,word;1,word;", 14), 0);
    assert_string_equal(text.bytes + text.length - 9, "499,word;");
    lw_text_print(&text, "%s", "");
    assert_string_equal(text.bytes + text.length - 9, "499,word;");
    lw_text_free(&text);
}

static void text_of_nothing_is_empty(void **state)
{
    (void)state;
    lw_text text = {0};
    lw_text_append(&text, "", 0);
    assert_non_null(text.bytes);
    assert_string_equal(text.bytes, "");
    lw_text_free(&text);
}

static void text_without_memory_fails_for_good(void **state)
{
    (void)state;
    lw_text text = {.failed = true};
    lw_text_append(&text, "a", 1);
    lw_text_print(&text, "%d", 1);
    assert_true(text.failed);
    assert_int_equal(text.length, 0);
    lw_text_free(&text);
}

static void integers_are_read_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-5", -5},
                {"+7", 7},
                {"0012", 12},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = -1;
        assert_true(lw_parse_int64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "x",
                                      "0x10",
                                      "1e3",
                                      "1.0",
                                      "--1",
                                      "+",
                                      "1\n",
                                      "9223372036854775808",
                                      "-9223372036854775809"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 42;
        assert_false(lw_parse_int64(bad[i], &value));
        assert_true(value == 42); // left alone
    }
}

static void doubles_are_read_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0}, {"1e-3", 1e-3}, {"-.5", -0.5}, {"1.", 1}, {"+2.5E2", 250}, {"0.1", 0.1}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = -1;
        assert_true(lw_parse_double(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",      "inf", "nan", "0x1p3", "1e999", "-1e999",
                                      "1,5",   "1e",  ".",   "-",     " 1",    "1 ",
                                      "1.5.2", "e5",  "1_0", "three"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        assert_false(lw_parse_double(bad[i], &value));
        assert_true(value == 42);
    }
}

static void doubles_do_not_follow_the_locale(void **state)
{
    (void)state;
    // Which locales with a decimal comma exist depends on the machine; without one there is nothing
    // to test.
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    if (!found) skip();
    double value = 0;
    bool with_point = lw_parse_double("1.5", &value), with_comma = lw_parse_double("1,5", &value);
    setlocale(LC_NUMERIC, "C");
    assert_true(with_point);
    assert_false(with_comma);
    assert_true(value == 1.5);
}

static void edit_distances(void **state)
{
    (void)state;
    assert_int_equal(lw_edit_distance("", ""), 0);
    assert_int_equal(lw_edit_distance("train", "train"), 0);
    assert_int_equal(lw_edit_distance("train", "trian"), 1); // two neighbours swapped
    assert_int_equal(lw_edit_distance("train", "rain"), 1);
    assert_int_equal(lw_edit_distance("train", "traain"), 1);
    assert_int_equal(lw_edit_distance("train", "brain"), 1);
    assert_int_equal(lw_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(lw_edit_distance("", "abc"), 3);
    char long_word[200];
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    assert_true(lw_edit_distance(long_word, "a") > 32);
}

static void reserved_characters_are_written_out(void **state)
{
    (void)state;
    lw_text text = {0};
    lw_text_append_xml(&text, "a<b> & \"c\"\n\xC3\xA9");
    assert_string_equal(text.bytes, "a&lt;b&gt; &amp; &quot;c&quot;?\xC3\xA9");
    lw_text_free(&text);
}

static void nearest_words(void **state)
{
    (void)state;
    static const char *const words[] = {"train", "eval", "predict", "info"};
    assert_string_equal(lw_nearest_word("trian", words, 4), "train");
    assert_string_equal(lw_nearest_word("evl", words, 4), "eval");
    assert_string_equal(lw_nearest_word("predcit", words, 4), "predict");
    assert_null(lw_nearest_word("banana", words, 4));
    assert_null(lw_nearest_word("", words, 4));
    assert_null(lw_nearest_word("train", words, 0));
}

static void check_bytes(const char *text, uint64_t expected)
{
    uint64_t bytes = 0;
    assert_true(lw_parse_bytes(text, &bytes));
    assert_int_equal(bytes, expected);
}

static void sizes_in_bytes(void **state)
{
    (void)state;
    uint64_t bytes;
    check_bytes("0", 0);
    check_bytes("1000", 1000);
    check_bytes("512K", 512 << 10);
    check_bytes("512k", 512 << 10);
    check_bytes("3MB", 3 << 20);
    check_bytes("1.5GiB", (uint64_t)3 << 29);
    check_bytes("2T", (uint64_t)2 << 40);
    check_bytes("7B", 7);
    static const char *const wrong[] = {"",     "M",   "-1",   "1X",  "1 M",
                                        "1MBB", "1iB", "1..2", "1e3", "99999999T"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (lw_parse_bytes(wrong[i], &bytes)) fail_msg("\"%s\" was taken", wrong[i]);
}

static void check_escaped(const char *bytes, const char *expected)
{
    lw_text text = {0};
    lw_text_append_escaped(&text, bytes, strlen(bytes));
    assert_string_equal(text.bytes ? text.bytes : "", expected);
    lw_text_free(&text);
}

static void names_are_escaped(void **state)
{
    (void)state;
    check_escaped("", "");
    check_escaped("a b/c.png", "a b/c.png");
    check_escaped("d\xC3\xB6g \xE2\x82\xAC \xF0\x9F\x90\x95",
                  "d\xC3\xB6g \xE2\x82\xAC \xF0\x9F\x90\x95");
    check_escaped("a\nb\tc\x1B[m\x7F", "a\\nb\\x09c\\x1B[m\\x7F");
    check_escaped("back\\slash", "back\\\\slash");
    check_escaped("\xE9t\xE9", "\\xE9t\\xE9");                 // Latin-1
    check_escaped("\xC2\x9B", "\\xC2\\x9B");                   // a control character in UTF-8
    check_escaped("\xC0\xAF", "\\xC0\\xAF");                   // overlong
    check_escaped("\xED\xA0\x80", "\\xED\\xA0\\x80");          // half of a surrogate pair
    check_escaped("\xE2\x82", "\\xE2\\x82");                   // cut off
    check_escaped("\xF4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"); // beyond Unicode
}

static void json_strings_are_safe(void **state)
{
    (void)state;
    lw_text text = {0};
    lw_text_append_json(&text, "a\"b\\c\n</script>&\xC3\xA9\xFF");
    assert_string_equal(text.bytes, "\"a\\\"b\\\\c\\u000a\\u003c/script\\u003e\\u0026\xC3\xA9?\"");
    lw_text_free(&text);
    lw_text_append_json(&text, "");
    assert_string_equal(text.bytes, "\"\"");
    lw_text_free(&text);
}

static void json_numbers_read_back(void **state)
{
    (void)state;
    const double numbers[] = {0, 0.1, -1.0 / 3, 1e300, 98.68, 123456789012345678.0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        lw_text text = {0};
        double again;
        lw_text_append_json_number(&text, numbers[i]);
        assert_true(lw_parse_double(text.bytes, &again));
        assert_memory_equal(&again, &numbers[i], sizeof again);
        lw_text_free(&text);
    }
    lw_text text = {0};
    lw_text_append_json_number(&text, 0.1);
    lw_text_append_json_number(&text, NAN);
    lw_text_append_json_number(&text, -INFINITY);
    assert_string_equal(text.bytes, "0.1nullnull");
    lw_text_free(&text);
}

// The examples of RFC 4648.
static void base64_is_padded(void **state)
{
    (void)state;
    static const char *const expected[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                           "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++) {
        lw_text text = {0};
        lw_text_append(&text, "", 0);
        lw_text_append_base64(&text, "foobar", n);
        assert_string_equal(text.bytes, expected[n]);
        lw_text_free(&text);
    }
    lw_text text = {0};
    lw_text_append_base64(&text, "\xFB\xFF\xFE", 3);
    assert_string_equal(text.bytes, "+//+");
    lw_text_free(&text);
}

static void check_printable(const char *text, const char *expected)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", text);
    lw_text_make_printable(copy);
    assert_string_equal(copy, expected);
}

static void texts_are_made_printable(void **state)
{
    (void)state;
    check_printable("", "");
    check_printable("plain d\xC3\xB6g \xE2\x82\xAC", "plain d\xC3\xB6g \xE2\x82\xAC");
    check_printable("a\nb\tc\rd\x1B[2J\x7F", "a b c?d?[2J?");
    check_printable("\xE9t\xE9", "?t?"); // Latin-1
    check_printable("\xC2\x9B"
                    "1m",
                    "??1m"); // a control character in UTF-8
    check_printable("cut \xE2\x82", "cut ??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(text_prints_across_its_capacity),
        cmocka_unit_test(text_of_nothing_is_empty),
        cmocka_unit_test(text_without_memory_fails_for_good),
        cmocka_unit_test(integers_are_read_whole),
        cmocka_unit_test(doubles_are_read_whole),
        cmocka_unit_test(doubles_do_not_follow_the_locale),
        cmocka_unit_test(edit_distances),
        cmocka_unit_test(reserved_characters_are_written_out),
        cmocka_unit_test(nearest_words),
        cmocka_unit_test(sizes_in_bytes),
        cmocka_unit_test(names_are_escaped),
        cmocka_unit_test(json_strings_are_safe),
        cmocka_unit_test(json_numbers_read_back),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(texts_are_made_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
