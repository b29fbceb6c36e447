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
// Appends `bytes` as text of XML or HTML: what is reserved there is written out, and a control
// character, which has no place there, becomes a "?".
void lw_text_append_xml(lw_text *text, const char *bytes);
// Appends `bytes` as a JSON string with its quotes. What a page could take for markup is written as
// \\u00XX, so the text may stand in an HTML script element; bytes that are no UTF-8 become a "?".
void lw_text_append_json(lw_text *text, const char *bytes);
// Appends the number as JSON: the shortest of 15 or 17 digits that reads back the same, or null where
// it is not finite.
void lw_text_append_json_number(lw_text *text, double number);
// Appends bytes in base 64 (RFC 4648, with padding).
void lw_text_append_base64(lw_text *text, const void *bytes, size_t count);
void lw_text_free(lw_text *text);

// Appends bytes so that they can be printed: control characters, what is no UTF-8, and the backslash
// become "\\n", "\\xE9", "\\\\"; everything else stays as it is.
void lw_text_append_escaped(lw_text *text, const char *bytes, size_t count);

// Makes a text fit to be printed, in place: a line break or tab becomes a blank; any other control
// character, and each byte that is no UTF-8, a "?". So nothing in it moves a terminal's cursor.
void lw_text_make_printable(char *text);

// The whole of `text` as a number: false when empty, malformed, with trailing characters or out of
// range. Decimal point always ".", whatever the locale.
bool lw_parse_int64(const char *text, int64_t *value);
bool lw_parse_double(const char *text, double *value);

// A number of bytes: "1000", "512K", "1.5G" (powers of 1024; K, M, G or T in either case, "B" or "iB"
// behind it allowed). False when malformed, negative or 2^63 and more.
bool lw_parse_bytes(const char *text, uint64_t *bytes);

// The edit distance between two words (Damerau-Levenshtein, capped lengths), for "did you mean".
int lw_edit_distance(const char *a, const char *b);

// The entry of `words` (n of them) nearest to `word`, or NULL when none is close enough to suggest.
const char *lw_nearest_word(const char *word, const char *const *words, size_t n);

#endif
