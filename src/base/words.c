// SPDX-License-Identifier: Apache-2.0
#include "base/words.h"

#include "base/error.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r'; // "\r\n" ends a line as "\n" does
}

lw_words lw_words_begin(const char *source, const char *bytes, size_t count)
{
    // Editors on Windows may put a byte order mark first.
    size_t mark = count >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return (lw_words){.source = source,
                      .text = bytes,
                      .at = bytes + mark,
                      .end = bytes + count,
                      .line_start = bytes + mark,
                      .line = 1};
}

// Goes to the line behind `newline`.
static void enter_line(lw_words *words, const char *newline)
{
    words->at = words->line_start = newline + 1;
    words->line++;
}

lw_status lw_words_refuse_zero_byte(const lw_words *words)
{
    const char *zero = memchr(words->at, '\0', (size_t)(words->end - words->at)), *newline;
    if (!zero) return LW_OK;
    lw_words place = *words;
    while ((newline = memchr(place.at, '\n', (size_t)(zero - place.at))))
        enter_line(&place, newline);
    lw_word word = {zero, 1, place.line, (int32_t)(zero - place.line_start) + 1};
    return lw_words_fail(words, word, "expected text, got a zero byte");
}

lw_word lw_words_next(lw_words *words)
{
    while (words->at < words->end && is_blank(*words->at)) words->at++;
    lw_word found = {words->at, 0, words->line, (int32_t)(words->at - words->line_start) + 1};
    while (words->at < words->end && !is_blank(*words->at) && *words->at != '\n' &&
           *words->at != '#')
        words->at++;
    found.length = (size_t)(words->at - found.bytes);
    return found;
}

lw_word lw_words_next_statement(lw_words *words)
{
    for (;;) {
        lw_word found = lw_words_next(words);
        if (found.length) return found;
        // What is left of this line is its comment. The last line of a text without a final newline
        // stays the current one.
        const char *newline = memchr(words->at, '\n', (size_t)(words->end - words->at));
        if (!newline) {
            words->at = words->end;
            return lw_words_end(words);
        }
        enter_line(words, newline);
    }
}

lw_word lw_words_rest(lw_words *words)
{
    lw_word found = lw_words_next(words);
    while (words->at < words->end && *words->at != '\n' &&
           (*words->at != '#' || !is_blank(words->at[-1])))
        words->at++;
    const char *last = words->at;
    while (last > found.bytes && is_blank(last[-1])) last--;
    found.length = (size_t)(last - found.bytes);
    return found;
}

lw_word lw_words_end(const lw_words *words)
{
    return (lw_word){words->end, 0, words->line, (int32_t)(words->end - words->line_start) + 1};
}

lw_status lw_words_expect_line_end(lw_words *words, const char *behind)
{
    lw_word extra = lw_words_next(words);
    if (extra.length == 0) return LW_OK;
    return lw_words_fail(words, extra, "expected nothing more behind %s, got %s", behind,
                         lw_word_quote(extra).text);
}

// In brackets as lw_fail is.
lw_status(lw_words_fail)(const lw_words *words, lw_word place, const char *format, ...)
{
    char sentence[500];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return lw_fail(LW_ERROR_INPUT, "%.500s:%d:%d: %s", words->source, place.line, place.column,
                   sentence);
}

lw_status(lw_words_fail_unknown)(const lw_words *words, lw_word word, const char *what,
                                 const char *const *known, size_t n)
{
    const char *near = lw_nearest_word(lw_word_show(word).text, known, n);
    if (near)
        return lw_words_fail(words, word, "unknown %s %s; did you mean '%s'?", what,
                             lw_word_quote(word).text, near);
    lw_text list = {0};
    for (size_t i = 0; i < n; i++) lw_text_print(&list, "%s%s", i ? ", " : "", known[i]);
    lw_status status = lw_words_fail(words, word, "unknown %s %s; known are %s", what,
                                     lw_word_quote(word).text, list.bytes ? list.bytes : "others");
    lw_text_free(&list);
    return status;
}

bool lw_word_equals(lw_word word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.bytes, text, word.length) == 0;
}

void lw_word_copy(char *out, size_t capacity, const char *bytes, size_t length)
{
    size_t kept = length < capacity ? length : capacity - 1;
    // A cut must not split a UTF-8 character: continuation bytes are 10xxxxxx.
    if (kept < length)
        while (kept > 0 && ((unsigned char)bytes[kept] & 0xC0) == 0x80) kept--;
    memcpy(out, bytes, kept);
    out[kept] = '\0';
    for (char *at = out; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F) *at = '?'; // keeps a terminal sane
}

lw_shown_word lw_word_show(lw_word word)
{
    lw_shown_word shown;
    lw_word_copy(shown.text, sizeof shown.text, word.bytes, word.length);
    return shown;
}

lw_shown_word lw_word_quote(lw_word word)
{
    enum { longest = 40 };
    char inner[longest + 1];
    bool cut = word.length > longest;
    lw_word_copy(inner, cut ? sizeof inner - 3 : sizeof inner, word.bytes, word.length);
    lw_shown_word quoted;
    if (word.length == 0)
        snprintf(quoted.text, sizeof quoted.text, "the end of the line");
    else
        snprintf(quoted.text, sizeof quoted.text, "'%s%s'", inner, cut ? "..." : "");
    return quoted;
}

bool lw_word_number(lw_word word, int32_t minimum, int32_t maximum, int32_t *number)
{
    int64_t value = 0;
    if (word.length == 0) return false;
    for (size_t i = 0; i < word.length; i++) {
        if (word.bytes[i] < '0' || word.bytes[i] > '9') return false;
        value = 10 * value + (word.bytes[i] - '0');
        if (value > maximum) return false;
    }
    *number = (int32_t)value;
    return value >= minimum;
}

void lw_word_name_of(char *out, size_t capacity, const char *path, const char *ending,
                     const char *otherwise)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    const size_t cut = strlen(ending);
    if (length > cut && strcmp(base + length - cut, ending) == 0) length -= cut;
    lw_word_copy(out, capacity, base, length);
    if (!out[0]) lw_word_copy(out, capacity, otherwise, strlen(otherwise));
}
