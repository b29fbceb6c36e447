// SPDX-License-Identifier: Apache-2.0
// Command lines, an argument a line of the input, the words that options take, and recipes.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "base/text.h"
#include "cli/train_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void parse_train(char *const *arguments, int count)
{
    const lw_option_tables tables = {
        .tables = {lw_train_option_table}, .counts = {LW_N_TRAIN_OPTIONS}, .n_tables = 1};
    lw_train_settings settings = {0};
    lw_option_result result;
    lw_train_config config;
    lw_status status =
        lw_options_parse(&tables, "lanewise train", count, arguments, &settings, &result);
    if (!status && !result.help) status = lw_train_settle_data(&settings, &result);
    if (!status && !result.help) status = lw_train_configure(&config, &settings, &result);
    if (status) lw_fuzz_check_refusal(status);
    LW_FUZZ_CHECK(result.n_operands <= (size_t)count && result.n_given <= LW_OPTION_LIMIT);
    free(result.operands);
}

static void parse_words(const char *word)
{
    double number;
    uint64_t size;
    int64_t integer;
    lw_option_pair pair;
    if (lw_parse_time(word, &number)) LW_FUZZ_CHECK(number > 0);
    if (lw_parse_share(word, &number)) LW_FUZZ_CHECK(number >= 0 && number <= 1);
    if (lw_parse_double(word, &number)) LW_FUZZ_CHECK(!isnan(number));
    if (lw_parse_bytes(word, &size)) LW_FUZZ_CHECK(size <= INT64_MAX);
    (void)lw_parse_int64(word, &integer);
    if (lw_parse_pair(word, 1, 100, &pair)) LW_FUZZ_CHECK(pair.first >= 1 && pair.second <= 100);
    lw_text text = {0};
    lw_text_append_escaped(&text, word, strlen(word));
    lw_text_append_xml(&text, word);
    lw_text_free(&text);
}

void lw_fuzz_options(const uint8_t *bytes, size_t count)
{
    enum { most_arguments = 24 };
    char *text = lw_fuzz_text(bytes, count), *arguments[most_arguments + 1] = {0};
    int n = 0;
    for (char *line = text; line && n < most_arguments; n++) {
        char *end = strchr(line, '\n');
        if (end) *end++ = '\0';
        arguments[n] = line;
        parse_words(line);
        line = end;
    }
    parse_train(arguments, n);
    free(text);
}

// What stands in a recipe beside two options that were given.
void lw_fuzz_recipe(const uint8_t *bytes, size_t count)
{
    const lw_option_tables tables = {
        .tables = {lw_train_option_table}, .counts = {LW_N_TRAIN_OPTIONS}, .n_tables = 1};
    char epochs[] = "--epochs=3", share[] = "--val=0.125";
    char *const given[] = {epochs, share};
    lw_train_settings settings = {0};
    lw_option_result result;
    lw_train_config config;
    lw_recipe_values values = {.n = 0};
    const lw_recipe_text text = {"recipe", (const char *)bytes, count, &tables};
    lw_status status = lw_options_parse(&tables, "lanewise train", 2, given, &settings, &result);
    LW_FUZZ_CHECK(status == LW_OK);
    status = lw_recipe_parse(&text, &settings, &result, &values);
    LW_FUZZ_CHECK(settings.epochs == 3 && settings.common.validation_fraction == 0.125);
    LW_FUZZ_CHECK(!lw_option_given(&result, "validation") && !lw_option_given(&result, "out"));
    if (!status) status = lw_train_configure(&config, &settings, &result);
    if (status) lw_fuzz_check_refusal(status);
    lw_recipe_values_free(&values);
    free(result.operands);
}
