// SPDX-License-Identifier: Apache-2.0
// Words of a text of statements, and the places that they know.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/words.h"

#include <string.h>

static lw_words begin(const char *text)
{
    return lw_words_begin("a.txt", text, strlen(text));
}

static void expect_word(lw_word word, const char *text, int32_t line, int32_t column)
{
    assert_int_equal(word.length, strlen(text));
    assert_memory_equal(word.bytes, text, word.length);
    assert_int_equal(word.line, line);
    assert_int_equal(word.column, column);
}

static void words_know_their_places(void **state)
{
    (void)state;
    lw_words words = begin("\xEF\xBB\xBF"
                           "one  two # three\r\n\n\t# nothing\n four\r\n");
    expect_word(lw_words_next_statement(&words), "one", 1, 1);
    expect_word(lw_words_next(&words), "two", 1, 6);
    assert_int_equal(lw_words_next(&words).length, 0);
    expect_word(lw_words_next_statement(&words), "four", 4, 2);
    assert_int_equal(lw_words_next(&words).length, 0);
    lw_word end = lw_words_next_statement(&words);
    assert_int_equal(end.length, 0);
    assert_int_equal(end.line, 5);
    assert_int_equal(lw_words_next_statement(&words).length, 0);
}

static void a_text_without_final_newline_ends_in_its_last_line(void **state)
{
    (void)state;
    lw_words words = begin("one\ntwo");
    expect_word(lw_words_next_statement(&words), "one", 1, 1);
    expect_word(lw_words_next_statement(&words), "two", 2, 1);
    lw_word end = lw_words_next_statement(&words);
    assert_int_equal(end.line, 2);
    assert_int_equal(end.column, 4);
}

static void the_rest_of_a_line(void **state)
{
    (void)state;
    lw_words words = begin("title  C# and all that \t # not this\nnext\nlast #");
    lw_words_next_statement(&words);
    expect_word(lw_words_rest(&words), "C# and all that", 1, 8);
    expect_word(lw_words_next_statement(&words), "next", 2, 1);
    assert_int_equal(lw_words_rest(&words).length, 0);
    lw_words_next_statement(&words);
    assert_int_equal(lw_words_rest(&words).length, 0);
}

static void refusals_name_the_place(void **state)
{
    (void)state;
    lw_words words = begin("one\n two three\n");
    lw_words_next_statement(&words);
    assert_int_equal(lw_words_expect_line_end(&words, "one"), LW_OK);
    lw_words_next_statement(&words);
    assert_int_equal(lw_words_expect_line_end(&words, "two"), LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(),
                        "a.txt:2:6: expected nothing more behind two, got 'three'");
    words = lw_words_begin("a.txt", "one\ntw\0o", 8);
    assert_int_equal(lw_words_refuse_zero_byte(&words), LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(), "a.txt:2:3: expected text, got a zero byte");
    words = begin("fine");
    assert_int_equal(lw_words_refuse_zero_byte(&words), LW_OK);
}

static void an_unknown_word_gets_the_nearest_one_or_all(void **state)
{
    (void)state;
    static const char *const known[] = {"apple", "pear"};
    lw_words words = begin("aple zebra");
    assert_int_equal(lw_words_fail_unknown(&words, lw_words_next(&words), "fruit", known, 2),
                     LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(),
                        "a.txt:1:1: unknown fruit 'aple'; did you mean 'apple'?");
    lw_words_fail_unknown(&words, lw_words_next(&words), "fruit", known, 2);
    assert_string_equal(lw_error_message(),
                        "a.txt:1:6: unknown fruit 'zebra'; known are apple, pear");
}

static void words_are_shown_cut_and_sane(void **state)
{
    (void)state;
    lw_words words = begin("a\x1b[31m "
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(lw_word_quote(lw_words_next(&words)).text, "'a?[31m'");
    assert_string_equal(lw_word_quote(lw_words_next(&words)).text,
                        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'");
    assert_string_equal(lw_word_quote(lw_words_next(&words)).text, "the end of the line");
    char cut[4];
    lw_word_copy(cut, sizeof cut, "ab\xC3\xA4", 4); // the last character does not fit whole
    assert_string_equal(cut, "ab");
}

static void numbers_are_digits_in_range(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-1", "+1", "1x", " 1", "0", "101", "99999999999999"};
    int32_t number;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lw_word word = {.bytes = bad[i], .length = strlen(bad[i])};
        assert_false(lw_word_number(word, 1, 100, &number));
    }
    assert_true(lw_word_number((lw_word){.bytes = "100", .length = 3}, 1, 100, &number));
    assert_int_equal(number, 100);
}

static void names_come_from_paths(void **state)
{
    (void)state;
    char name[8];
    lw_word_name_of(name, sizeof name, "networks/lab.net", ".net", "network");
    assert_string_equal(name, "lab");
    lw_word_name_of(name, sizeof name, "a.net/lab", ".net", "network");
    assert_string_equal(name, "lab");
    lw_word_name_of(name, sizeof name, ".net", ".net", "network");
    assert_string_equal(name, ".net");
    lw_word_name_of(name, sizeof name, "networks/", ".net", "network");
    assert_string_equal(name, "network");
    lw_word_name_of(name, sizeof name, "a long name.net", ".net", "network");
    assert_string_equal(name, "a long ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_know_their_places),
        cmocka_unit_test(a_text_without_final_newline_ends_in_its_last_line),
        cmocka_unit_test(the_rest_of_a_line),
        cmocka_unit_test(refusals_name_the_place),
        cmocka_unit_test(an_unknown_word_gets_the_nearest_one_or_all),
        cmocka_unit_test(words_are_shown_cut_and_sane),
        cmocka_unit_test(numbers_are_digits_in_range),
        cmocka_unit_test(names_come_from_paths),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
