// SPDX-License-Identifier: Apache-2.0
// What the program answered, taken apart: JSON, and the width of tables.
#ifndef LW_TESTS_CLI_ANSWER_H
#define LW_TESTS_CLI_ANSWER_H

#include <cjson/cJSON.h>

// A member that must be there; and of that kind.
const cJSON *json_member(const cJSON *json, const char *key);
double json_number(const cJSON *json, const char *key);
const char *json_word(const cJSON *json, const char *key);

// Fails, with the text, when it is no JSON. The caller frees (cJSON_Delete).
cJSON *json_parse(const char *text);
cJSON *json_parse_file(const char *path);

// How many measured times `tune --list` has; program_next may say in which cache folder.
int count_measured_times(void);

// No line of a text may be wider than `most` columns; UTF-8 continuation bytes take none.
void expect_narrow(const char *text, int most);

#endif
