// SPDX-License-Identifier: Apache-2.0
#include "study/settings_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Behind the string that begins at `at` with its quotation mark, or at the end of the line.
static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '\n'; at++) {
        if (*at == '"') return at + 1;
        if (*at == '\\' && at[1] && at[1] != '\n') at++;
    }
    return at;
}

// Behind the member whose key begins at `at`, where its value says that something is off; else NULL.
static const char *skip_off(const char *at)
{
    static const char *const words[] = {"0", "false", "null"};
    at = skip_string(at);
    if (*at++ != ':') return NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i]);
        if (strncmp(at, words[i], length) == 0 && (at[length] == ',' || at[length] == '}'))
            return at + length;
    }
    return NULL;
}

// Shortens the line from `from` on to `*to`; returns its end.
static const char *shorten_line(const char *from, char **to)
{
    char *out = *to;
    while (*from && *from != '\n') {
        const char *after = *from == '"' ? skip_off(from) : NULL;
        if (after && *after == ',') {
            from = after + 1;
        } else if (after) { // the last one: the comma before it goes too
            if (out > *to && out[-1] == ',') out--;
            from = after;
        } else {
            const char *end = *from == '"' ? skip_string(from) : from + 1;
            while (from < end) *out++ = *from++;
        }
    }
    *to = out;
    return from;
}

void lw_settings_text_shorten(char *text)
{
    static const char word[] = "training ";
    const char *from = text;
    char *to = text;
    while (*from) {
        if (strncmp(from, word, sizeof word - 1) == 0) from = shorten_line(from, &to);
        while (*from && *from != '\n') *to++ = *from++;
        if (*from) *to++ = *from++;
    }
    *to = '\0';
}
