// SPDX-License-Identifier: Apache-2.0
// A growing text, and numbers read from text with every mistake noticed.
#ifndef LW_BASE_TEXT_H
#define LW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A text that grows. Start from {0}; `failed` is set (and appends do nothing) once memory runs out.
typedef struct lw_text {
    char *bytes; // zero-terminated once something was appended
    size_t length, capacity;
    bool failed;
} lw_text;

void lw_text_append(lw_text *text, const char *bytes, size_t count);
__attribute__((format(printf, 2, 3))) void lw_text_print(lw_text *text, const char *format, ...);
void lw_text_free(lw_text *text);

// The whole of `text` as a number: false when empty, malformed, with trailing characters or out of
// range. Decimal point always ".", whatever the locale.
bool lw_parse_int64(const char *text, int64_t *value);
bool lw_parse_double(const char *text, double *value);

// The edit distance between two words (Damerau-Levenshtein, capped lengths), for "did you mean".
int lw_edit_distance(const char *a, const char *b);

// The entry of `words` (n of them) nearest to `word`, or NULL when none is close enough to suggest.
const char *lw_nearest_word(const char *word, const char *const *words, size_t n);

#endif
