// SPDX-License-Identifier: Apache-2.0
// JSON objects put together member by member. Running out of memory on the way is remembered, so
// the code that builds an object reads like the object.
#ifndef LW_CLI_JSON_H
#define LW_CLI_JSON_H

#include <cjson/cJSON.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct lw_json_object {
    cJSON *json; // NULL without memory
    bool failed;
} lw_json_object;

lw_json_object lw_json_object_begin(void);
void lw_json_object_free(lw_json_object *object);

// A number that is not finite is written as null, as is a text that is NULL.
void lw_json_add_number(lw_json_object *object, const char *key, double number);
void lw_json_add_count(lw_json_object *object, const char *key, int64_t count);
void lw_json_add_text(lw_json_object *object, const char *key, const char *text);
void lw_json_add_flag(lw_json_object *object, const char *key, bool flag);
// `item` passes to the object; NULL marks the object as failed.
void lw_json_add_item(lw_json_object *object, const char *key, cJSON *item);
// An array of two numbers.
void lw_json_add_pair(lw_json_object *object, const char *key, int32_t first, int32_t second);

// An array of texts; NULL without memory.
cJSON *lw_json_texts(char *const *texts, size_t count);

// Hands the object over as a plain cJSON value (NULL when something failed); the object is empty
// then.
cJSON *lw_json_object_take(lw_json_object *object);

// Prints the value, indented, with a newline, and frees it. LW_ERROR_MEMORY when `json` is NULL.
lw_status lw_json_finish(cJSON *json, FILE *file);

#endif
