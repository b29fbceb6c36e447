// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "base/error.h"
#include "base/text.h"
#include "report/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const lw_option *option_at(const lw_option_tables *options, size_t index)
{
    for (size_t i = 0; i < options->n_tables; i++) {
        if (index < options->counts[i]) return &options->tables[i][index];
        index -= options->counts[i];
    }
    return NULL;
}

static const lw_option *find_option(const lw_option_tables *options, const char *name,
                                    size_t length)
{
    const lw_option *option;
    for (size_t i = 0; (option = option_at(options, i)); i++)
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    return NULL;
}

bool lw_option_given(const lw_option_result *result, const char *name)
{
    for (size_t i = 0; i < result->n_given; i++)
        if (strcmp(result->given[i], name) == 0) return true;
    return false;
}

// A bound as a user would write it: 1,000,000 or 0.5.
static void print_bound(lw_text *text, double bound)
{
    if (bound == floor(bound) && fabs(bound) < 1e15)
        lw_text_print(text, "%s", lw_format_count((int64_t)bound).text);
    else
        lw_text_print(text, "%g", bound);
}

// " from 1 to 100", " above 0 and at most 1", " from 0 to less than 1".
static void print_range(lw_text *text, const lw_option *option)
{
    lw_text_print(text, option->above_minimum ? " above " : " from ");
    print_bound(text, option->minimum);
    if (option->below_maximum)
        lw_text_print(text, option->above_minimum ? " and less than " : " to less than ");
    else
        lw_text_print(text, option->above_minimum ? " and at most " : " to ");
    print_bound(text, option->maximum);
}

static void print_choices(lw_text *text, const char *const *choices)
{
    for (size_t i = 0; choices[i]; i++) {
        const char *separator = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        lw_text_print(text, "%s%s", separator, choices[i]);
    }
}

// "a whole number from 1 to 100": what the option wants.
static void print_expectation(lw_text *text, const lw_option *option)
{
    switch (option->kind) {
    case LW_OPTION_FLAG: lw_text_print(text, "no value"); return;
    case LW_OPTION_TEXT:
    case LW_OPTION_OPTIONAL: lw_text_print(text, "a text that is not empty"); return;
    case LW_OPTION_CHOICE: print_choices(text, option->choices); return;
    case LW_OPTION_INTEGER: lw_text_print(text, "a whole number"); break;
    case LW_OPTION_REAL: lw_text_print(text, "a number"); break;
    case LW_OPTION_PAIR: lw_text_print(text, "a whole number or two as in 5x3, each"); break;
    }
    print_range(text, option);
}

static lw_status fail_value(const lw_option *option, const char *value)
{
    lw_text expectation = {0};
    print_expectation(&expectation, option);
    const char *expected = expectation.failed ? "another value" : expectation.bytes;
    size_t n_choices = 0;
    if (option->choices)
        while (option->choices[n_choices]) n_choices++;
    const char *nearest = value ? lw_nearest_word(value, option->choices, n_choices) : NULL;
    if (!value)
        lw_fail(LW_ERROR_ARGUMENT, "--%s needs a value: expected %s", option->name, expected);
    else if (nearest)
        lw_fail(LW_ERROR_ARGUMENT, "--%s: expected %s, got \"%s\"; did you mean \"%s\"?",
                option->name, expected, value, nearest);
    else
        lw_fail(LW_ERROR_ARGUMENT, "--%s: expected %s, got \"%s\"", option->name, expected, value);
    lw_text_free(&expectation);
    return LW_ERROR_ARGUMENT;
}

static bool in_range(const lw_option *option, double value)
{
    if (option->above_minimum ? value <= option->minimum : value < option->minimum) return false;
    return option->below_maximum ? value < option->maximum : value <= option->maximum;
}

// The number before a unit at the end of the text; false when the text does not end so.
static bool number_before(const char *text, const char *unit, double *value)
{
    char number[32];
    const size_t length = strlen(text), unit_length = strlen(unit);
    if (length < unit_length || length - unit_length >= sizeof number) return false;
    if (strcmp(text + length - unit_length, unit) != 0) return false;
    snprintf(number, sizeof number, "%.*s", (int)(length - unit_length), text);
    return lw_parse_double(number, value);
}

bool lw_parse_time(const char *text, double *seconds)
{
    // "ms" before "s", which it ends with.
    if (number_before(text, "ms", seconds))
        *seconds *= 1e-3;
    else if (number_before(text, "min", seconds))
        *seconds *= 60;
    else if (!number_before(text, "s", seconds) && !lw_parse_double(text, seconds))
        return false;
    return *seconds > 0;
}

bool lw_parse_share(const char *text, double *fraction)
{
    if (!number_before(text, "%", fraction) && !lw_parse_double(text, fraction)) return false;
    *fraction *= 0.01;
    return *fraction >= 0 && *fraction <= 1;
}

bool lw_parse_pair(const char *text, double minimum, double maximum, lw_option_pair *pair)
{
    char first[16];
    size_t length = strcspn(text, "x");
    if (length >= sizeof first) return false;
    memcpy(first, text, length);
    first[length] = '\0';
    int64_t a, b;
    if (!lw_parse_int64(first, &a)) return false;
    if (!text[length])
        b = a;
    else if (!lw_parse_int64(text + length + 1, &b))
        return false;
    if (!((double)a >= minimum && (double)a <= maximum)) return false;
    if (!((double)b >= minimum && (double)b <= maximum)) return false;
    *pair = (lw_option_pair){(int32_t)a, (int32_t)b};
    return true;
}

// Reads `value` into the option's place; false when it is not what the option wants. Every place is
// written with its own type.
static bool store_value(const lw_option *option, const char *value, void *settings)
{
    void *place = (char *)settings + option->offset;
    int64_t integer;
    double real;
    switch (option->kind) {
    case LW_OPTION_FLAG: *(bool *)place = true; return true;
    case LW_OPTION_TEXT:
    case LW_OPTION_OPTIONAL:
        if (!*value) return false;
        *(const char **)place = value;
        return true;
    case LW_OPTION_INTEGER:
        if (!lw_parse_int64(value, &integer) || !in_range(option, (double)integer)) return false;
        *(int64_t *)place = integer;
        return true;
    case LW_OPTION_REAL:
        if (!lw_parse_double(value, &real) || !in_range(option, real)) return false;
        *(double *)place = real;
        return true;
    case LW_OPTION_CHOICE:
        for (int i = 0; option->choices[i]; i++)
            if (strcmp(option->choices[i], value) == 0) {
                *(int *)place = i;
                return true;
            }
        return false;
    case LW_OPTION_PAIR:
        return lw_parse_pair(value, option->minimum, option->maximum, (lw_option_pair *)place);
    }
    return false;
}

static lw_status fail_unknown(const lw_option_tables *options, const char *command,
                              const char *argument, size_t length)
{
    const char *names[LW_OPTION_LIMIT];
    char word[64];
    size_t n = 0;
    const lw_option *option;
    for (size_t i = 0; (option = option_at(options, i)) && n < LW_OPTION_LIMIT; i++)
        names[n++] = option->name;
    size_t dashes = strspn(argument, "-");
    snprintf(word, sizeof word, "%.*s", (int)(length - dashes), argument + dashes);
    const char *nearest = lw_nearest_word(word, names, n);
    if (nearest)
        return lw_fail(LW_ERROR_ARGUMENT, "unknown option \"%.*s\"; did you mean \"--%s\"?",
                       (int)length, argument, nearest);
    return lw_fail(LW_ERROR_ARGUMENT, "unknown option \"%.*s\"; \"%s --help\" lists the options",
                   (int)length, argument, command);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

// Handles argv[*index], which begins with a dash, and its value.
static lw_status parse_option(const lw_option_tables *options, const char *command, int argc,
                              char *const *argv, int *index, void *settings,
                              lw_option_result *result)
{
    const char *argument = argv[*index];
    size_t length = strcspn(argument, "=");
    const char *value = argument[length] ? argument + length + 1 : NULL;
    const lw_option *option = NULL;
    if (length > 2 && argument[1] == '-') option = find_option(options, argument + 2, length - 2);
    if (!option) return fail_unknown(options, command, argument, length);
    if (lw_option_given(result, option->name))
        return lw_fail(LW_ERROR_ARGUMENT, "--%s is given twice", option->name);
    result->given[result->n_given++] = option->name;
    if (option->kind == LW_OPTION_FLAG && value)
        return lw_fail(LW_ERROR_ARGUMENT, "--%s takes no value, got \"%s\"", option->name, value);
    if (option->kind == LW_OPTION_OPTIONAL && !value) {
        *(const char **)(void *)((char *)settings + option->offset) = "";
        if (*index + 1 >= argc || !ends_with(argv[*index + 1], option->suffix)) return LW_OK;
        value = argv[++*index];
    }
    if (option->kind != LW_OPTION_FLAG && !value) {
        // "--out --json" is a forgotten value; a text that begins with two dashes needs "--out=".
        if (*index + 1 >= argc || strncmp(argv[*index + 1], "--", 2) == 0)
            return fail_value(option, NULL);
        value = argv[++*index];
    }
    return store_value(option, value, settings) ? LW_OK : fail_value(option, value);
}

const lw_option *lw_options_find(const lw_option_tables *options, const char *name)
{
    return find_option(options, name, strlen(name));
}

lw_status lw_option_give(const lw_option *option, const char *value, void *settings,
                         lw_option_result *result)
{
    const bool known = lw_option_given(result, option->name);
    if (option->kind == LW_OPTION_FLAG && value)
        return lw_fail(LW_ERROR_ARGUMENT, "--%s takes no value, got \"%s\"", option->name, value);
    if (option->kind != LW_OPTION_FLAG && !value) return fail_value(option, NULL);
    if (!store_value(option, value, settings)) return fail_value(option, value);
    if (!known && result->n_given < LW_OPTION_LIMIT)
        result->given[result->n_given++] = option->name;
    return LW_OK;
}

static lw_status store_presets(const lw_option_tables *options, void *settings)
{
    const lw_option *option;
    for (size_t i = 0; (option = option_at(options, i)); i++) {
        if (i >= LW_OPTION_LIMIT)
            return lw_fail(LW_ERROR_INTERNAL, "more than %d options", LW_OPTION_LIMIT);
        if (option->preset && !store_value(option, option->preset, settings))
            return lw_fail(LW_ERROR_INTERNAL, "--%s: the preset \"%s\" is not allowed",
                           option->name, option->preset);
    }
    return LW_OK;
}

lw_status lw_options_parse(const lw_option_tables *options, const char *command, int argc,
                           char *const *argv, void *settings, lw_option_result *result)
{
    memset(result, 0, sizeof *result);
    LW_TRY(store_presets(options, settings));
    result->operands = calloc((size_t)argc + 1, sizeof *result->operands);
    if (!result->operands) return lw_fail(LW_ERROR_MEMORY, "no memory for %d arguments", argc);
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];
        if (options_ended || argument[0] != '-' || !argument[1]) {
            result->operands[result->n_operands++] = argument;
        } else if (strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
            result->help = true;
            return LW_OK;
        } else {
            LW_TRY(parse_option(options, command, argc, argv, &i, settings, result));
        }
    }
    return LW_OK;
}

// A number in the fewest digits that give it back.
static void print_real(lw_text *text, double value)
{
    char digits[40];
    double back;
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (lw_parse_double(digits, &back) && back == value) break;
    }
    lw_text_print(text, "%s", digits);
}

// The value as a user would write it.
static void print_value(lw_text *text, const lw_option *option, const void *settings)
{
    const void *place = (const char *)settings + option->offset;
    switch (option->kind) {
    case LW_OPTION_FLAG: return;
    case LW_OPTION_TEXT:
    case LW_OPTION_OPTIONAL: lw_text_print(text, "%s", *(const char *const *)place); return;
    case LW_OPTION_INTEGER: lw_text_print(text, "%lld", (long long)*(const int64_t *)place); return;
    case LW_OPTION_REAL: print_real(text, *(const double *)place); return;
    case LW_OPTION_CHOICE: lw_text_print(text, "%s", option->choices[*(const int *)place]); return;
    case LW_OPTION_PAIR:
        lw_text_print(text, "%dx%d", ((const lw_option_pair *)place)->first,
                      ((const lw_option_pair *)place)->second);
        return;
    }
}

static bool is_word_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0) return true;
    return false;
}

void lw_options_print_given(const lw_option_tables *options, const lw_option_result *result,
                            const void *settings, const char *const *skip, lw_text *text)
{
    const lw_option *option;
    for (size_t i = 0; (option = option_at(options, i)); i++) {
        if (!lw_option_given(result, option->name) || is_word_of(option->name, skip)) continue;
        lw_text value = {0};
        print_value(&value, option, settings);
        const char *bytes = value.bytes ? value.bytes : "";
        if (value.failed) text->failed = true;
        if (option->kind == LW_OPTION_FLAG)
            lw_text_print(text, "%s\n", option->name);
        else if (!option->preset || strcmp(option->preset, bytes) != 0)
            lw_text_print(text, "%s=%s\n", option->name, bytes);
        lw_text_free(&value);
    }
}

void lw_print_wrapped(FILE *file, const char *text, int column, int indent)
{
    enum { right_margin = 80 };
    bool line_start = true;
    for (; column < indent; column++) fputc(' ', file);
    while (*text) {
        if (*text == '\n') {
            fputc('\n', file);
            text++;
            line_start = true;
            // An empty line stays empty.
            column = *text == '\n' || !*text ? 0 : fprintf(file, "%*s", indent, "");
            continue;
        }
        // Spaces at the start of a line are kept: examples are indented.
        size_t spaces = line_start ? strspn(text, " ") : 0;
        size_t length = spaces + strcspn(text + spaces, " \n");
        if (!line_start && column + 1 + (int)length > right_margin) {
            fputc('\n', file);
            column = fprintf(file, "%*s", indent, "");
            line_start = true;
        }
        column += fprintf(file, "%s%.*s", line_start ? "" : " ", (int)length, text);
        line_start = false;
        text += length;
        if (*text == ' ') text += strspn(text, " ");
    }
    fputc('\n', file);
}

void lw_options_print_help(const lw_option_tables *options, FILE *file)
{
    enum { help_column = 26 };
    const lw_option *option;
    for (size_t i = 0; (option = option_at(options, i)); i++) {
        int column = fprintf(file, "  --%s%s%s", option->name, option->value_name ? " " : "",
                             option->value_name ? option->value_name : "");
        lw_text help = {0};
        lw_text_print(&help, "%s", option->help);
        if (option->kind == LW_OPTION_CHOICE) {
            lw_text_print(&help, ": ");
            print_choices(&help, option->choices);
        }
        if (option->preset) lw_text_print(&help, " (default: %s)", option->preset);
        if (column + 2 > help_column) {
            fputc('\n', file);
            column = 0;
        }
        lw_print_wrapped(file, help.failed ? option->help : help.bytes, column, help_column);
        lw_text_free(&help);
    }
    fprintf(file, "  -h, --help%*sprint this help\n", help_column - 12, "");
}
