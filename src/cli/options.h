// SPDX-License-Identifier: Apache-2.0
// Command-line options from a table: each entry says the option's name, what its value is, where
// the value goes, what it is without the option, and what the help says. Parsing, range checks,
// messages and help all come from the table.
#ifndef LW_CLI_OPTIONS_H
#define LW_CLI_OPTIONS_H

#include "base/text.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// What an option takes, and the type that it is stored as.
typedef enum lw_option_kind {
    LW_OPTION_FLAG,    // nothing; bool
    LW_OPTION_TEXT,    // any text but the empty one; const char *, borrowed from argv
    LW_OPTION_INTEGER, // int64_t
    LW_OPTION_REAL,    // double
    LW_OPTION_CHOICE,  // one of `choices`; int, its index
    LW_OPTION_PAIR,    // "5" or "5x3": lw_option_pair ("5" is 5x5)
    LW_OPTION_OPTIONAL // a text or nothing; const char *, "" for nothing, NULL without the option
} lw_option_kind;

typedef struct lw_option_pair {
    int32_t first, second;
} lw_option_pair;

typedef struct lw_option {
    const char *name; // without the two dashes
    lw_option_kind kind;
    size_t offset;           // of the value in the command's settings
    const char *value_name;  // "N", as the help shows it; NULL for a flag
    const char *preset;      // the value without the option, as a user would write it; NULL: zero
    double minimum, maximum; // integers, reals and both numbers of a pair
    bool above_minimum, below_maximum; // the bound itself is not allowed
    const char *const *choices;        // NULL-terminated
    const char *suffix; // of an optional text: the next argument is its value when it ends so
    const char *help;   // one sentence, no full stop
} lw_option;

// Several tables one after the other: a command's own and those it shares with others.
typedef struct lw_option_tables {
    const lw_option *tables[8];
    size_t counts[8];
    size_t n_tables;
} lw_option_tables;

enum { LW_OPTION_LIMIT = 64 }; // options of one command

// What parsing leaves beside the settings.
typedef struct lw_option_result {
    const char *
        *operands; // the arguments that are no options, in argv's order; owned by the caller
    size_t n_operands;
    bool help;                          // -h or --help was given; nothing after it was looked at
    const char *given[LW_OPTION_LIMIT]; // names of the options that were given
    size_t n_given;
} lw_option_result;

// Writes the presets into `settings`, then what the arguments say. `command` ("lanewise train") is
// used in messages. LW_ERROR_ARGUMENT with a sentence: an unknown option (with the nearest known
// one), a missing or unwanted value, a value of the wrong form or outside its range, an option
// given twice. result->operands must be freed in any case (free()).
lw_status lw_options_parse(const lw_option_tables *options, const char *command, int argc,
                           char *const *argv, void *settings, lw_option_result *result);

// The option of that name, or NULL.
const lw_option *lw_options_find(const lw_option_tables *options, const char *name);

// Stores `value` (NULL for a flag) as if the option had been given with it, and notes it as given. Texts are
// borrowed. LW_ERROR_ARGUMENT with the sentence that a wrong value has in lw_options_parse.
lw_status lw_option_give(const lw_option *option, const char *value, void *settings,
                         lw_option_result *result);

// True when the option of that name was given.
bool lw_option_given(const lw_option_result *result, const char *name);

// Appends the options that were given and differ from their preset, in the order of the tables, as
// "name=value" (a flag: "name"), one a line; those named in `skip` (NULL-terminated) are left out.
void lw_options_print_given(const lw_option_tables *options, const lw_option_result *result,
                            const void *settings, const char *const *skip, lw_text *text);

// Prints the options, one per paragraph, as the help shows them.
void lw_options_print_help(const lw_option_tables *options, FILE *file);

// Prints text wrapped at 80 columns, every line after `indent` spaces; `column` is where the first
// line stands already. A newline in the text ends a line.
void lw_print_wrapped(FILE *file, const char *text, int column, int indent);

// Reads a time above zero, "100ms", "2s", "5min" or plain seconds; and a share of 0 % to 100 % in per
// cent, "3%" or "3", as a fraction.
bool lw_parse_time(const char *text, double *seconds);
bool lw_parse_share(const char *text, double *fraction);

// Reads "5" or "5x3", both numbers in minimum .. maximum.
bool lw_parse_pair(const char *text, double minimum, double maximum, lw_option_pair *pair);

#endif
