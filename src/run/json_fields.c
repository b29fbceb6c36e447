// SPDX-License-Identifier: Apache-2.0
#include "run/json_fields.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>

static const char *kind_of(const cJSON *item)
{
    if (!item) return "nothing";
    if (cJSON_IsNull(item)) return "null";
    if (cJSON_IsBool(item)) return "true or false";
    if (cJSON_IsNumber(item)) return "another number";
    if (cJSON_IsString(item)) return "a text";
    return cJSON_IsArray(item) ? "an array" : "an object";
}

void lw_json_fields_fail(lw_json_fields *fields, const char *key, const char *expected,
                         const cJSON *found)
{
    if (fields->status) return;
    fields->status = lw_fail(LW_ERROR_INPUT, "%s: %s: expected %s, found %s", fields->file, key,
                             expected, kind_of(found));
}

const char *lw_json_text(lw_json_fields *fields, const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsString(item)) return item->valuestring;
    lw_json_fields_fail(fields, key, "a text", item);
    return "";
}

double lw_json_number(lw_json_fields *fields, const cJSON *object, const char *key, double least,
                      double most)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsNumber(item) && item->valuedouble >= least && item->valuedouble <= most)
        return item->valuedouble;
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %g to %g", least, most);
    lw_json_fields_fail(fields, key, expected, item);
    return 0;
}

double lw_json_number_or_nan(lw_json_fields *fields, const cJSON *object, const char *key,
                             double least, double most)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return !item || cJSON_IsNull(item) ? NAN : lw_json_number(fields, object, key, least, most);
}

int64_t lw_json_count(lw_json_fields *fields, const cJSON *object, const char *key, int64_t least,
                      int64_t most)
{
    const double number = lw_json_number(fields, object, key, (double)least, (double)most);
    if (number == floor(number)) return (int64_t)number;
    lw_json_fields_fail(fields, key, "a whole number",
                        cJSON_GetObjectItemCaseSensitive(object, key));
    return 0;
}

const cJSON *lw_json_object_in(lw_json_fields *fields, const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsObject(item)) return item;
    lw_json_fields_fail(fields, key, "an object", item);
    return NULL;
}

const cJSON *lw_json_array_in(lw_json_fields *fields, const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsArray(item)) return item;
    lw_json_fields_fail(fields, key, "an array", item);
    return NULL;
}
