// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(lw_text *text, size_t extra)
{
    if (text->failed) return false;
    size_t needed = text->length + extra + 1;
    if (needed <= text->capacity) return true;
    size_t capacity = text->capacity ? 2 * text->capacity : 256;
    while (capacity < needed) capacity *= 2;
    char *grown = realloc(text->bytes, capacity);
    if (!grown) {
        text->failed = true;
        return false;
    }
    text->bytes = grown;
    text->capacity = capacity;
    return true;
}

void lw_text_append(lw_text *text, const char *bytes, size_t count)
{
    if (!reserve(text, count)) return;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = '\0';
}

void lw_text_print(lw_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int count = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (count >= 0 && reserve(text, (size_t)count)) {
        vsnprintf(text->bytes + text->length, (size_t)count + 1, format, again);
        text->length += (size_t)count;
    }
    va_end(again);
}

void lw_text_append_xml(lw_text *text, const char *bytes)
{
    for (const char *c = bytes; *c; c++) {
        switch (*c) {
        case '&': lw_text_append(text, "&amp;", 5); break;
        case '<': lw_text_append(text, "&lt;", 4); break;
        case '>': lw_text_append(text, "&gt;", 4); break;
        case '"': lw_text_append(text, "&quot;", 6); break;
        default: lw_text_append(text, (unsigned char)*c < 0x20 ? "?" : c, 1);
        }
    }
}

void lw_text_free(lw_text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

// The bytes of the UTF-8 character at the start of `bytes`; 0 when there is none, or one that is a
// control character.
static size_t printable_character(const unsigned char *bytes, size_t count)
{
    unsigned char first = bytes[0];
    if (first < 0x80) return first >= 0x20 && first != 0x7F;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || length > count) return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80) return 0;
    bool overlong = (first == 0xE0 && bytes[1] < 0xA0) || (first == 0xF0 && bytes[1] < 0x90);
    bool outside = (first == 0xED && bytes[1] >= 0xA0) || (first == 0xF4 && bytes[1] >= 0x90);
    bool control = first == 0xC2 && bytes[1] < 0xA0;
    return overlong || outside || control ? 0 : length;
}

void lw_text_append_json(lw_text *text, const char *bytes)
{
    lw_text_append(text, "\"", 1);
    for (size_t left = strlen(bytes); left > 0;) {
        const unsigned char first = (unsigned char)*bytes;
        size_t length = printable_character((const unsigned char *)bytes, left);
        if (first == '"' || first == '\\')
            lw_text_print(text, "\\%c", first);
        else if (first < 0x20 || first == 0x7F || first == '<' || first == '>' || first == '&')
            lw_text_print(text, "\\u%04x", first);
        else
            lw_text_append(text, length > 0 ? bytes : "?", length > 0 ? length : 1);
        length = length > 0 ? length : 1;
        bytes += length;
        left -= length;
    }
    lw_text_append(text, "\"", 1);
}

void lw_text_append_json_number(lw_text *text, double number)
{
    char digits[32];
    double again;
    snprintf(digits, sizeof digits, "%.15g", number);
    if (!isfinite(number))
        snprintf(digits, sizeof digits, "null");
    else if (!lw_parse_double(digits, &again) || again < number || again > number)
        snprintf(digits, sizeof digits, "%.17g", number);
    lw_text_append(text, digits, strlen(digits));
}

void lw_text_append_base64(lw_text *text, const void *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < count; i += 3) {
        // Three bytes make four digits; what is missing at the end is zero and padded with "=".
        const size_t left = count - i;
        const uint32_t word = (uint32_t)from[i] << 16 |
                              (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                              (left > 2 ? (uint32_t)from[i + 2] : 0);
        const char four[4] = {digits[word >> 18], digits[word >> 12 & 63],
                              left > 1 ? digits[word >> 6 & 63] : '=',
                              left > 2 ? digits[word & 63] : '='};
        lw_text_append(text, four, sizeof four);
    }
}

void lw_text_append_escaped(lw_text *text, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t length = printable_character((const unsigned char *)bytes + i, count - i);
        if (bytes[i] == '\\')
            lw_text_append(text, "\\\\", 2);
        else if (length > 0)
            lw_text_append(text, bytes + i, length);
        else if (bytes[i] == '\n')
            lw_text_append(text, "\\n", 2);
        else
            lw_text_print(text, "\\x%02X", (unsigned)(unsigned char)bytes[i]);
        i += length > 0 ? length : 1;
    }
}

void lw_text_make_printable(char *text)
{
    for (size_t left = strlen(text), step; left > 0; text += step, left -= step) {
        step = printable_character((const unsigned char *)text, left);
        if (step > 0) continue;
        *text = *text == '\n' || *text == '\t' ? ' ' : '?';
        step = 1;
    }
}

bool lw_parse_bytes(const char *text, uint64_t *bytes)
{
    char number[32];
    size_t length = strspn(text, "0123456789.");
    if (length == 0 || length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    double value;
    if (!lw_parse_double(number, &value)) return false;
    const char *unit = text + length;
    static const char units[] = "kmgt";
    const char *place = *unit ? strchr(units, tolower((unsigned char)*unit)) : NULL;
    if (place) {
        for (const char *at = units; at <= place; at++) value *= 1024;
        unit++;
        if (strcmp(unit, "iB") == 0) unit++;
    }
    if (strcmp(unit, "B") == 0) unit++;
    if (*unit || value >= 9.2e18) return false;
    *bytes = (uint64_t)value;
    return true;
}

bool lw_parse_int64(const char *text, int64_t *value)
{
    if (!*text || isspace((unsigned char)*text)) return false;
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno || *end) return false;
    *value = parsed;
    return true;
}

bool lw_parse_double(const char *text, double *value)
{
    // strtod follows the locale and takes hexadecimal, "inf" and "nan"; a setting wants none of them.
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    static _Thread_local locale_t c_locale;
    if (!c_locale) c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    locale_t previous = c_locale ? uselocale(c_locale) : (locale_t)0;
    char *end;
    double parsed = strtod(text, &end);
    if (previous) uselocale(previous);
    if (*end || end == text || !isfinite(parsed)) return false;
    *value = parsed;
    return true;
}

enum { longest_word = 32 };

int lw_edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > longest_word || b_length > longest_word) return 2 * longest_word;
    int distance[longest_word + 1][longest_word + 1];
    for (size_t i = 0; i <= a_length; i++) distance[i][0] = (int)i;
    for (size_t j = 0; j <= b_length; j++) distance[0][j] = (int)j;
    for (size_t i = 1; i <= a_length; i++)
        for (size_t j = 1; j <= b_length; j++) {
            int best = distance[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (distance[i - 1][j] + 1 < best) best = distance[i - 1][j] + 1;
            if (distance[i][j - 1] + 1 < best) best = distance[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                distance[i - 2][j - 2] + 1 < best)
                best = distance[i - 2][j - 2] + 1;
            distance[i][j] = best;
        }
    return distance[a_length][b_length];
}

const char *lw_nearest_word(const char *word, const char *const *words, size_t n)
{
    // A third of the letters may be wrong, at least one.
    int limit = (int)strlen(word) / 3, best_distance = 2 * longest_word;
    if (limit < 1) limit = 1;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        int distance = lw_edit_distance(word, words[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = words[i];
        }
    }
    return best_distance <= limit ? best : NULL;
}
