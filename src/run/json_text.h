// SPDX-License-Identifier: Apache-2.0
// JSON as text that every reader takes.
#ifndef LW_RUN_JSON_TEXT_H
#define LW_RUN_JSON_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

// The text of a JSON value, on one line or indented; NULL without memory. Freed by cJSON_free.
// cJSON copies the bytes of strings as they are; a byte that is not valid UTF-8 (a path or a
// comment in another encoding) would make the whole text unreadable to strict readers and becomes
// a "?".
char *lw_json_print(const cJSON *json, bool indented);

// The value of a text; NULL where it is not JSON. cJSON does not say whether it had no memory: so a text that
// it does not take is shown to it once more, or what was short for a moment would count as damage for ever.
cJSON *lw_json_parse(const char *text, size_t count);

// The same of a terminated text that has nothing behind its value; *end is where reading stopped.
cJSON *lw_json_parse_whole(const char *text, const char **end);

#endif
