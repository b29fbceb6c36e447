// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"

#include <stdlib.h>

const cJSON *json_member(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!item) fail_msg("%s is missing", key);
    return item;
}

double json_number(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!cJSON_IsNumber(item)) print_error("%s: expected a number\n", key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

const char *json_word(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!cJSON_IsString(item)) print_error("%s: expected a text\n", key);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

cJSON *json_parse(const char *text)
{
    cJSON *json = cJSON_Parse(text);
    if (!json) print_error("not JSON: %s\n", text);
    assert_non_null(json);
    return json;
}

cJSON *json_parse_file(const char *path)
{
    char *text = read_text(path);
    cJSON *json = json_parse(text);
    free(text);
    return json;
}

void expect_narrow(const char *text, int most)
{
    int columns = 0;
    for (const char *c = text; *c; c++) {
        columns = *c == '\n' ? 0 : columns + (((unsigned char)*c & 0xC0) != 0x80);
        if (columns > most) fail_msg("a line of more than %d columns in:\n%s", most, text);
    }
}

int count_measured_times(void)
{
    program_result result = program_run("tune", "--list", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const int n = cJSON_GetArraySize(json_member(json, "entries"));
    cJSON_Delete(json);
    program_free(&result);
    return n;
}
