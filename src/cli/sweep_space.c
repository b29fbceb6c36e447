// SPDX-License-Identifier: Apache-2.0
#include "cli/sweep_space.h"

#include "base/error.h"
#include "cli/trial_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- the table --------------------------------------------------------------------------------

// Options of `lanewise train` that a search has for itself, or that a trial cannot have.
static const char *const not_here[] = {
    "seed", "seeds",     "on",    "measure", "threads", "out",        "json",   "quiet",
    "time", "log-steps", "sizes", "until",   "steps",   "checkpoint", "resume", "tensorboard"};

// Options that are the same for all trials: what is compared must be comparable.
static const char *const never_chosen[] = {"recipe",     "epochs",   "data",   "train-limit",
                                           "offline",    "skip-bad", "memory", "channels",
                                           "validation", "val",      "init",   "conv"};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

// The option of a training at a place of the table of a sweep; NULL behind the last one.
static const lw_option *option_at(size_t index)
{
    const lw_option_tables *options = &lw_command_train.options;
    for (size_t t = 0; t < options->n_tables; t++)
        for (size_t i = 0; i < options->counts[t]; i++) {
            const lw_option *option = &options->tables[t][i];
            if (!is_one_of(option->name, not_here, LW_COUNT(not_here)) && index-- == 0)
                return option;
        }
    return NULL;
}

// What the help shows: "A..B:log", "sgd,adam,adamw". `words` is room for the latter.
static const char *value_name(const lw_option *option, char *words, size_t words_bytes)
{
    size_t length = 0;
    if (option->kind == LW_OPTION_FLAG) return NULL;
    if (is_one_of(option->name, never_chosen, LW_COUNT(never_chosen))) return option->value_name;
    switch (option->kind) {
    case LW_OPTION_INTEGER:
    case LW_OPTION_REAL: return "A..B[:log]|A,B,C";
    case LW_OPTION_CHOICE: break;
    default: return "TEXT|TEXT";
    }
    for (size_t i = 0; option->choices[i] && length < words_bytes; i++)
        length += (size_t)snprintf(words + length, words_bytes - length, "%s%s", i ? "," : "",
                                   option->choices[i]);
    return words;
}

void lw_sweep_space_table(lw_option_tables *options, size_t offset)
{
    static lw_option table[LW_OPTION_LIMIT];
    static char words[LW_OPTION_LIMIT][64];
    const lw_option *option;
    size_t n = 0;
    for (; n < LW_OPTION_LIMIT && (option = option_at(n)); n++) {
        const bool flag = option->kind == LW_OPTION_FLAG;
        const size_t place = flag ? offsetof(lw_sweep_values, flags) + n * sizeof(bool)
                                  : offsetof(lw_sweep_values, texts) + n * sizeof(const char *);
        table[n] = (lw_option){.name = option->name,
                               .kind = flag ? LW_OPTION_FLAG : LW_OPTION_TEXT,
                               .offset = offset + place,
                               .value_name = value_name(option, words[n], sizeof words[n]),
                               .preset = flag ? NULL : option->preset, // for the help
                               .help = option->help};
    }
    options->tables[options->n_tables] = table;
    options->counts[options->n_tables++] = n;
}

// ---- reading ----------------------------------------------------------------------------------

static lw_status add_fixed(lw_sweep_space *space, const char *name, const char *value)
{
    char **grown = realloc(space->fixed, (space->n_fixed + 1) * sizeof *grown);
    if (grown) space->fixed = grown;
    const size_t bytes = strlen(name) + (value ? strlen(value) : 0) + 2;
    char *word = grown ? malloc(bytes) : NULL;
    if (!word) return lw_fail(LW_ERROR_MEMORY, "--%s: no memory for its value", name);
    snprintf(word, bytes, "%s%s%s", name, value ? "=" : "", value ? value : "");
    space->fixed[space->n_fixed++] = word;
    return LW_OK;
}

static lw_value_kind kind_of(const lw_option *option)
{
    switch (option->kind) {
    case LW_OPTION_INTEGER: return LW_VALUE_WHOLE;
    case LW_OPTION_REAL: return LW_VALUE_REAL;
    case LW_OPTION_CHOICE: return LW_VALUE_WORD;
    default: return LW_VALUE_TEXT;
    }
}

// Every value is one that a training takes, also where chance would not hit it.
static lw_status check_values(const lw_dimension *dimension)
{
    const size_t n = dimension->values ? dimension->n_values : 2;
    lw_status status = LW_OK;
    for (size_t i = 0; i < n && !status; i++) {
        lw_text word = {0};
        lw_trial_settings read = {.n_arguments = 0};
        lw_text_print(&word, "%s=", dimension->name);
        if (dimension->values)
            lw_text_print(&word, "%s", dimension->values[i]);
        else
            lw_text_print(&word, "%.17g", i == 0 ? dimension->low : dimension->high);
        const char *const words[] = {word.bytes};
        status = word.failed ? lw_fail(LW_ERROR_MEMORY, "--%s: no memory", dimension->name)
                             : lw_trial_settings_read(&read, words, 1);
        lw_trial_settings_free(&read);
        lw_text_free(&word);
    }
    return status;
}

static lw_status read_option(lw_sweep_space *space, const lw_option *option, const char *text)
{
    if (is_one_of(option->name, never_chosen, LW_COUNT(never_chosen)))
        return add_fixed(space, option->name, text);
    LW_TRY(lw_space_add(&space->space, option->name, kind_of(option), text));
    LW_TRY(check_values(&space->space.dimensions[space->space.n - 1]));
    // One value is no choice.
    lw_dimension *last = &space->space.dimensions[space->space.n - 1];
    if (last->n_values != 1) return LW_OK;
    const lw_status status = add_fixed(space, option->name, last->values[0]);
    free(last->values[0]);
    free(last->values);
    free(last->name);
    space->space.n--;
    return status;
}

lw_status lw_sweep_space_read(lw_sweep_space *space, const lw_sweep_values *values,
                              const lw_option_result *given)
{
    const lw_option *option;
    *space = (lw_sweep_space){.n_fixed = 0};
    for (size_t i = 0; i < LW_OPTION_LIMIT && (option = option_at(i)); i++) {
        if (!lw_option_given(given, option->name)) continue;
        if (option->kind == LW_OPTION_FLAG)
            LW_TRY(add_fixed(space, option->name, NULL));
        else
            LW_TRY(read_option(space, option, values->texts[i]));
    }
    return LW_OK;
}

void lw_sweep_words_free(char **words, size_t n_words)
{
    for (size_t i = 0; i < n_words; i++) free(words[i]);
    free(words);
}

void lw_sweep_space_free(lw_sweep_space *space)
{
    lw_sweep_words_free(space->fixed, space->n_fixed);
    lw_space_free(&space->space);
    *space = (lw_sweep_space){.n_fixed = 0};
}

// ---- drawing ----------------------------------------------------------------------------------

// "lr=0.003"; NULL without memory.
static char *draw_word(const lw_space *space, size_t dimension, uint64_t seed, uint64_t number)
{
    lw_text word = {0};
    lw_text_print(&word, "%s=", space->dimensions[dimension].name);
    lw_space_draw(space, dimension, seed, number, &word);
    if (!word.failed) return word.bytes;
    lw_text_free(&word);
    return NULL;
}

// Takes out the words behind the first `n_fixed` that have no effect.
static lw_status drop_idle(const char *network, char **words, size_t n_fixed, size_t *n_words)
{
    lw_trial_settings read;
    lw_recipe_values recipe = {.n = 0};
    lw_status status = lw_trial_settings_read(&read, (const char *const *)words, *n_words);
    size_t kept = n_fixed;
    if (!status) status = lw_train_apply_recipe(&read.settings, &read.given, network, &recipe);
    for (size_t i = n_fixed; i < *n_words && !status; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(words[i], "="), words[i]);
        if (lw_train_option_idle(&read.settings, name))
            free(words[i]);
        else
            words[kept++] = words[i];
    }
    if (!status) *n_words = kept;
    lw_trial_settings_free(&read);
    lw_recipe_values_free(&recipe);
    return status;
}

lw_status lw_sweep_space_draw(const lw_sweep_space *space, const char *network, uint64_t seed,
                              uint64_t number, char ***words, size_t *n_words)
{
    *n_words = 0;
    *words = calloc(space->n_fixed + space->space.n + 1, sizeof **words);
    if (!*words) return lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    for (size_t i = 0; i < space->n_fixed + space->space.n; i++) {
        char *word = i < space->n_fixed
                         ? strdup(space->fixed[i])
                         : draw_word(&space->space, i - space->n_fixed, seed, number);
        if (!word) return lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
        (*words)[(*n_words)++] = word;
    }
    return drop_idle(network, *words, space->n_fixed, n_words);
}
