// SPDX-License-Identifier: Apache-2.0
#include "report/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

lw_short_text lw_format_count(int64_t count)
{
    char digits[24];
    // The magnitude is taken in unsigned arithmetic: -INT64_MIN does not fit int64_t.
    uint64_t magnitude = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    size_t n_digits = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, magnitude), length = 0;
    lw_short_text result;
    if (count < 0) result.text[length++] = '-';
    for (size_t i = 0; i < n_digits; i++) {
        if (i > 0 && (n_digits - i) % 3 == 0) result.text[length++] = ',';
        result.text[length++] = digits[i];
    }
    result.text[length] = '\0';
    return result;
}

lw_short_text lw_format_bytes(uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    lw_short_text result;
    if (bytes < 1024) {
        snprintf(result.text, sizeof result.text, "%d B", (int)bytes);
        return result;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    // 1023.95 would round to "1024.0 KiB".
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(result.text, sizeof result.text, "%.1f %s", value, units[unit]);
    return result;
}

static lw_short_text unknown(void)
{
    return (lw_short_text){"-"};
}

// A time beyond this is a wrong estimate, and it keeps the conversions to integers defined.
static const double longest_seconds = 1e12;

lw_short_text lw_format_seconds(double seconds)
{
    lw_short_text result;
    if (!(seconds >= 0 && seconds < longest_seconds)) return unknown();
    int64_t whole = llround(seconds);
    if (seconds < 9.995)
        snprintf(result.text, sizeof result.text, "%.2f s", seconds);
    else if (seconds < 59.95)
        snprintf(result.text, sizeof result.text, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(result.text, sizeof result.text, "%d min %02d s", (int)(whole / 60),
                 (int)(whole % 60));
    else
        snprintf(result.text, sizeof result.text, "%" PRId64 " h %02d min", whole / 3600,
                 (int)(whole / 60 % 60));
    return result;
}

lw_short_text lw_format_duration(double seconds)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    lw_short_text text;
    if (!isfinite(seconds) || seconds < 0 || seconds >= 1e9) {
        snprintf(text.text, sizeof text.text, "-");
        return text;
    }
    double value = seconds * 1e9;
    size_t unit = 0;
    // Rounding to three digits may already make the next unit of it.
    for (; unit < 3 && value >= 999.5; unit++) value /= 1000;
    const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text.text, sizeof text.text, "%.*f %s", decimals, value, units[unit]);
    return text;
}

lw_short_text lw_format_clock(double seconds)
{
    lw_short_text result;
    if (!(seconds >= 0 && seconds < longest_seconds)) return unknown();
    int64_t whole = llround(seconds);
    int minutes = (int)(whole / 60 % 60), rest = (int)(whole % 60);
    if (whole < 3600)
        snprintf(result.text, sizeof result.text, "%d:%02d", minutes, rest);
    else
        snprintf(result.text, sizeof result.text, "%" PRId64 ":%02d:%02d", whole / 3600, minutes,
                 rest);
    return result;
}

lw_short_text lw_format_percent(double fraction)
{
    lw_short_text result;
    if (!isfinite(fraction)) return unknown();
    snprintf(result.text, sizeof result.text, "%.2f %%", 100 * fraction);
    return result;
}

lw_short_text lw_format_loss(double loss)
{
    lw_short_text result;
    if (isnan(loss)) return unknown();
    snprintf(result.text, sizeof result.text, fabs(loss) < 1000 ? "%.4f" : "%.2g", loss);
    return result;
}

// Reads one code point; returns the bytes it takes, at least 1.
static size_t decode(const unsigned char *bytes, uint32_t *code_point)
{
    unsigned char first = bytes[0];
    size_t extra = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    *code_point = extra == 3 ? first & 0x07u : extra == 2 ? first & 0x0fu : first & 0x1fu;
    if (extra == 0) {
        *code_point = first;
        return 1;
    }
    for (size_t i = 1; i <= extra; i++) {
        if ((bytes[i] & 0xc0) != 0x80) { // not UTF-8 (this also stops at the end of the text)
            *code_point = first;
            return 1;
        }
        *code_point = *code_point << 6 | (bytes[i] & 0x3fu);
    }
    return extra + 1;
}

// The C library's wcwidth follows the locale, which this program does not set; class names need no
// more than the large blocks.
static size_t columns_of(uint32_t c)
{
    if (c < 0x20 || (c >= 0x300 && c <= 0x36f) || c == 0x200b || c == 0x200d ||
        (c >= 0xfe00 && c <= 0xfe0f))
        return 0;
    bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) ||
                (c >= 0x1f900 && c <= 0x1f9ff) || (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

size_t lw_text_columns(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t columns = 0;
    while (*bytes) {
        uint32_t code_point;
        bytes += decode(bytes, &code_point);
        columns += columns_of(code_point);
    }
    return columns;
}

void lw_text_cut(char *buffer, size_t buffer_bytes, const char *text, size_t columns)
{
    size_t length = 0, used = 0;
    while (text[length]) {
        uint32_t code_point;
        size_t bytes = decode((const unsigned char *)text + length, &code_point);
        if (used + columns_of(code_point) > columns || length + bytes >= buffer_bytes) break;
        used += columns_of(code_point);
        length += bytes;
    }
    memcpy(buffer, text, length);
    buffer[length] = '\0';
}

void lw_text_cut_middle(char *buffer, size_t buffer_bytes, const char *text, size_t columns)
{
    static const char ellipsis[] = "\u2026";
    if (lw_text_columns(text) <= columns || columns < 3) {
        lw_text_cut(buffer, buffer_bytes, text, columns);
        return;
    }
    const size_t behind = columns / 2;
    const char *tail = text; // the longest ending that fits
    while (lw_text_columns(tail) > behind) {
        uint32_t code_point;
        tail += decode((const unsigned char *)tail, &code_point);
    }
    char head[256];
    lw_text_cut(head, sizeof head, text, columns - 1 - behind);
    snprintf(buffer, buffer_bytes, "%s%s%s", head, ellipsis, tail);
}
