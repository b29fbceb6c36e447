// SPDX-License-Identifier: Apache-2.0
#include "cli/json.h"

#include "base/error.h"
#include "run/json_text.h"

#include <math.h>
#include <stddef.h>

lw_json_object lw_json_object_begin(void)
{
    cJSON *json = cJSON_CreateObject();
    return (lw_json_object){.json = json, .failed = !json};
}

void lw_json_object_free(lw_json_object *object)
{
    cJSON_Delete(object->json);
    *object = (lw_json_object){.json = NULL, .failed = true};
}

void lw_json_add_item(lw_json_object *object, const char *key, cJSON *item)
{
    if (item && !object->failed && cJSON_AddItemToObject(object->json, key, item)) return;
    cJSON_Delete(item);
    object->failed = true;
}

void lw_json_add_number(lw_json_object *object, const char *key, double number)
{
    lw_json_add_item(object, key,
                     isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull());
}

void lw_json_add_count(lw_json_object *object, const char *key, int64_t count)
{
    lw_json_add_number(object, key, (double)count);
}

void lw_json_add_text(lw_json_object *object, const char *key, const char *text)
{
    lw_json_add_item(object, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void lw_json_add_flag(lw_json_object *object, const char *key, bool flag)
{
    lw_json_add_item(object, key, cJSON_CreateBool(flag));
}

void lw_json_add_pair(lw_json_object *object, const char *key, int32_t first, int32_t second)
{
    lw_json_add_item(object, key, cJSON_CreateIntArray((const int[]){first, second}, 2));
}

cJSON *lw_json_texts(char *const *texts, size_t count)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < count; i++) {
        cJSON *text = cJSON_CreateString(texts[i]);
        if (text && cJSON_AddItemToArray(array, text)) continue;
        cJSON_Delete(text);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

cJSON *lw_json_object_take(lw_json_object *object)
{
    cJSON *json = object->failed ? NULL : object->json;
    if (!json) cJSON_Delete(object->json);
    *object = (lw_json_object){.json = NULL, .failed = true};
    return json;
}

lw_status lw_json_finish(cJSON *json, FILE *file)
{
    char *text = json ? lw_json_print(json, true) : NULL;
    cJSON_Delete(json);
    if (!text) return lw_fail(LW_ERROR_MEMORY, "no memory for the JSON output");
    fprintf(file, "%s\n", text);
    cJSON_free(text);
    return LW_OK;
}
