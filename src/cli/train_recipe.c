// SPDX-License-Identifier: Apache-2.0
// Recipes: files with training options that belong together, a line each: the option's name without its
// dashes, and its value. What a user gives beside the recipe wins over it.
#include "base/error.h"
#include "base/words.h"
#include "cli/train_job.h"

#include <stdlib.h>
#include <string.h>

// The options that a recipe may have: how it is trained, not on what, how often, or where to.
static bool is_of_recipes(const char *name)
{
    static const char *const others[] = {"recipe", "seed",   "seeds",   "on",        "measure",
                                         "out",    "resume", "sizes",   "log-steps", "time",
                                         "init",   "conv",   "channels"};
    for (size_t i = 0; i < LW_COUNT(others); i++)
        if (strcmp(others[i], name) == 0) return false;
    return true;
}

static size_t list_options(const lw_option_tables *tables,
                           const lw_option *options[LW_OPTION_LIMIT])
{
    size_t n = 0;
    for (size_t t = 0; t < tables->n_tables; t++)
        for (size_t i = 0; i < tables->counts[t] && n < LW_OPTION_LIMIT; i++)
            if (is_of_recipes(tables->tables[t][i].name)) options[n++] = &tables->tables[t][i];
    return n;
}

// A recipe that is being read.
typedef struct reading {
    lw_words words;
    const lw_option *options[LW_OPTION_LIMIT];
    size_t n_options;
    lw_option_result seen; // what it said so far
    lw_option_result user; // what the user had given before
    lw_recipe_values *values;
    lw_train_settings *settings;
    lw_option_result *arguments;
} reading;

static lw_status find_option(const reading *r, lw_word word, const lw_option **option)
{
    const char *names[LW_OPTION_LIMIT];
    *option = NULL;
    for (size_t i = 0; i < r->n_options; i++) {
        names[i] = r->options[i]->name;
        *option = r->options[i];
        if (lw_word_equals(word, names[i])) return LW_OK;
    }
    return lw_words_fail_unknown(&r->words, word, "option", names, r->n_options);
}

// Whether the user has decided on it; a share and a number of validation images are one decision.
static bool is_taken(const reading *r, const lw_option *option)
{
    static const char *const pair[] = {"validation", "val"};
    for (size_t i = 0; i < LW_COUNT(pair); i++)
        if (strcmp(option->name, pair[i]) == 0)
            return lw_option_given(&r->user, pair[0]) || lw_option_given(&r->user, pair[1]);
    return lw_option_given(&r->user, option->name);
}

static lw_status read_value(reading *r, const char **value)
{
    const lw_word rest = lw_words_rest(&r->words);
    *value = NULL;
    if (rest.length == 0) return LW_OK;
    char *text = strndup(rest.bytes, rest.length);
    if (!text) return lw_fail(LW_ERROR_MEMORY, "no memory for a recipe");
    r->values->texts[r->values->n++] = text;
    *value = text;
    return LW_OK;
}

// A value that the user has set aside is checked all the same.
static lw_status read_line(reading *r, lw_word word)
{
    const lw_option *option;
    const char *value;
    lw_train_settings aside = *r->settings;
    LW_TRY(find_option(r, word, &option));
    if (lw_option_given(&r->seen, option->name))
        return lw_words_fail(&r->words, word, "%s is set twice", option->name);
    LW_TRY(read_value(r, &value));
    lw_status status = lw_option_give(option, value, &aside, &r->seen);
    if (status) return lw_words_fail(&r->words, word, "%s", lw_error_message());
    return is_taken(r, option) ? LW_OK : lw_option_give(option, value, r->settings, r->arguments);
}

static lw_status read_recipe(reading *r)
{
    LW_TRY(lw_words_refuse_zero_byte(&r->words));
    for (;;) {
        const lw_word word = lw_words_next_statement(&r->words);
        if (word.length == 0) return LW_OK;
        LW_TRY(read_line(r, word));
    }
}

lw_status lw_recipe_parse(const lw_recipe_text *text, lw_train_settings *settings,
                          lw_option_result *arguments, lw_recipe_values *values)
{
    reading r = {.words = lw_words_begin(text->source, text->bytes, text->count),
                 .user = *arguments,
                 .values = values,
                 .settings = settings,
                 .arguments = arguments};
    r.n_options = list_options(text->options, r.options);
    return read_recipe(&r);
}

void lw_recipe_values_free(lw_recipe_values *values)
{
    for (size_t i = 0; i < values->n; i++) free(values->texts[i]);
    *values = (lw_recipe_values){.n = 0};
}
