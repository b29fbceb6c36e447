// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them: 29,066 parameters, 31.4 MiB, 3 min 20 s, 98.61 %.
#ifndef LW_REPORT_FORMAT_H
#define LW_REPORT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

// A short text, returned by value: printf("%s", lw_format_count(n).text).
typedef struct lw_short_text {
    char text[40];
} lw_short_text;

// With thousands separators: "-1,234,567".
lw_short_text lw_format_count(int64_t count);

// "512 B", "31.4 KiB", "1.2 GiB".
lw_short_text lw_format_bytes(uint64_t bytes);

// "0.84 s", "12.3 s", "3 min 20 s", "1 h 02 min"; "-" for a negative or non-finite time.
lw_short_text lw_format_seconds(double seconds);

// A short time with three digits: "13.2 ns", "1.32 us", "132 ms", "1.32 s"; "-" when it is no number
// or negative.
lw_short_text lw_format_duration(double seconds);

// A running clock: "0:07", "12:40", "1:02:33"; "-" for a negative or non-finite time.
lw_short_text lw_format_clock(double seconds);

// A fraction as "98.61 %"; "-" when it is not a number.
lw_short_text lw_format_percent(double fraction);

// A loss as "0.0432", a very large one as "2.9e+25"; "-" when it is not a number.
lw_short_text lw_format_loss(double loss);

// The number of terminal columns a UTF-8 text takes: code points without combining marks, East
// Asian wide characters twice. Bytes that are no UTF-8 count as one column each.
size_t lw_text_columns(const char *text);

// Copies as many whole characters of a UTF-8 text as fit `columns` and the buffer.
void lw_text_cut(char *buffer, size_t buffer_bytes, const char *text, size_t columns);

// The same where the end tells texts apart as well: what does not fit is left out of the middle, and an
// ellipsis stands there.
void lw_text_cut_middle(char *buffer, size_t buffer_bytes, const char *text, size_t columns);

#endif
