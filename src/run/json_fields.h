// SPDX-License-Identifier: Apache-2.0
// Values out of JSON files that nobody vouches for. The first mistake is kept as a sentence that names
// the file, the key, what was expected and what was found; reading goes on without effect.
#ifndef LW_RUN_JSON_FIELDS_H
#define LW_RUN_JSON_FIELDS_H

#include <cjson/cJSON.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct lw_json_fields {
    const char *file; // for messages, borrowed
    lw_status status; // of the first mistake; its sentence is lw_error_message()
} lw_json_fields;

// Remembers a mistake: "FILE: KEY: expected WHAT, found a text".
void lw_json_fields_fail(lw_json_fields *fields, const char *key, const char *expected,
                         const cJSON *found);

// A text that must be there; "" after a mistake.
const char *lw_json_text(lw_json_fields *fields, const cJSON *object, const char *key);
// A number within bounds that must be there; 0 after a mistake.
double lw_json_number(lw_json_fields *fields, const cJSON *object, const char *key, double least,
                      double most);
// The same, or NaN where it is null or not there.
double lw_json_number_or_nan(lw_json_fields *fields, const cJSON *object, const char *key,
                             double least, double most);
// A whole number within bounds; 0 after a mistake.
int64_t lw_json_count(lw_json_fields *fields, const cJSON *object, const char *key, int64_t least,
                      int64_t most);
// An object or array that must be there; NULL after a mistake.
const cJSON *lw_json_object_in(lw_json_fields *fields, const cJSON *object, const char *key);
const cJSON *lw_json_array_in(lw_json_fields *fields, const cJSON *object, const char *key);

#endif
