// SPDX-License-Identifier: Apache-2.0
// Texts of statements, one a line, that are read word by word: networks and studies. Words know where they
// stand, so that a message can say it. A "#" begins a comment that lasts to the end of the line.
#ifndef LW_BASE_WORDS_H
#define LW_BASE_WORDS_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A word of a text, into which it points. Length 0: the end of the line.
typedef struct lw_word {
    const char *bytes;
    size_t length;
    int32_t line, column; // from 1; columns count bytes
} lw_word;

// A place in a text; all members are private.
typedef struct lw_words {
    const char *source; // for messages
    const char *text, *at, *end, *line_start;
    int32_t line;
} lw_words;

// Begins to read `count` bytes; source and bytes are borrowed. A byte order mark is skipped.
lw_words lw_words_begin(const char *source, const char *bytes, size_t count);

// A terminated text cannot hold a zero byte, and nothing good comes of one that does: LW_ERROR_INPUT
// names the place of the first.
lw_status lw_words_refuse_zero_byte(const lw_words *words);

// The first word of the next line that has any; length 0 at the end of the text.
lw_word lw_words_next_statement(lw_words *words);

// The next word of this line.
lw_word lw_words_next(lw_words *words);

// All that is left of this line, without blanks at both ends. Here a comment begins only behind a blank.
lw_word lw_words_rest(lw_words *words);

// The end of the whole text as a place for messages.
lw_word lw_words_end(const lw_words *words);

// Refuses whatever else stands on this line; `behind` says what was complete.
lw_status lw_words_expect_line_end(lw_words *words, const char *behind);

// Fails with LW_ERROR_INPUT at a place of the text: "file:line:column: sentence".
__attribute__((format(printf, 3, 4))) lw_status lw_words_fail(const lw_words *words, lw_word place,
                                                              const char *format, ...);

// Fails for a word that is not among `n` known ones: "unknown <what> 'covn'; did you mean 'conv'?", or
// with all of them where none is near.
lw_status lw_words_fail_unknown(const lw_words *words, lw_word word, const char *what,
                                const char *const *known, size_t n);

bool lw_word_equals(lw_word word, const char *text);

// A word as a terminated text, cut where it is longer, for looking it up and for messages.
typedef struct lw_shown_word {
    char text[48];
} lw_shown_word;

lw_shown_word lw_word_show(lw_word word);
// "'covn'" or "the end of the line".
lw_shown_word lw_word_quote(lw_word word);

// Copies as much as fits, without splitting a UTF-8 character; control characters become "?".
void lw_word_copy(char *out, size_t capacity, const char *bytes, size_t length);

// The name of what a file holds: the last part of its path without the ending; `otherwise` where nothing is left.
void lw_word_name_of(char *out, size_t capacity, const char *path, const char *ending,
                     const char *otherwise);

// Decimal digits only, without sign; false also when outside minimum .. maximum.
bool lw_word_number(lw_word word, int32_t minimum, int32_t maximum, int32_t *number);

#ifdef __clang_analyzer__ // as in error.h
#define lw_words_fail(words, place, ...)                                                           \
    ((void)(lw_words_fail)(words, place, __VA_ARGS__), LW_ERROR_INPUT)
#define lw_words_fail_unknown(words, word, what, known, n)                                         \
    ((void)(lw_words_fail_unknown)(words, word, what, known, n), LW_ERROR_INPUT)
#endif

#endif
