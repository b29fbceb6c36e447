// SPDX-License-Identifier: Apache-2.0
#include "run/json_text.h"

#include <stddef.h>

// The length of the valid UTF-8 character at `text`, or 0. A zero byte is never a continuation, so
// a character that is cut off by the end of the text is found without knowing the length.
static size_t character_bytes(const unsigned char *text)
{
    static const struct {
        unsigned char first, last; // of the leading byte
        unsigned char low, high;   // of the second byte: no overlong forms, surrogates, > U+10FFFF
        size_t length;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (text[0] < 0x80) return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last) continue;
        if (text[1] < forms[i].low || text[1] > forms[i].high) return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((text[k] & 0xC0) != 0x80) return 0;
        return forms[i].length;
    }
    return 0;
}

char *lw_json_print(const cJSON *json, bool indented)
{
    char *text = indented ? cJSON_Print(json) : cJSON_PrintUnformatted(json);
    if (!text) return NULL;
    for (unsigned char *at = (unsigned char *)text; *at;) {
        size_t length = character_bytes(at);
        if (!length) *at = '?';
        at += length ? length : 1;
    }
    return text;
}

cJSON *lw_json_parse(const char *text, size_t count)
{
    cJSON *json = cJSON_ParseWithLength(text, count);
    return json ? json : cJSON_ParseWithLength(text, count);
}

cJSON *lw_json_parse_whole(const char *text, const char **end)
{
    cJSON *json = cJSON_ParseWithOpts(text, end, true);
    return json ? json : cJSON_ParseWithOpts(text, end, true);
}
