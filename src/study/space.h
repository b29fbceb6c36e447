// SPDX-License-Identifier: Apache-2.0
// What a search may choose from: for some options a list of values or a range.
#ifndef LW_STUDY_SPACE_H
#define LW_STUDY_SPACE_H

#include "base/text.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What values of an option are.
typedef enum lw_value_kind {
    LW_VALUE_REAL,  // ranges "1e-4..1e-2:log", "0..0.5", lists "0.1,0.2"
    LW_VALUE_WHOLE, // the same, of whole numbers
    LW_VALUE_WORD,  // lists "adam,sgd"
    LW_VALUE_TEXT   // texts, which may hold commas: lists "none|rotate=15,shift=2"
} lw_value_kind;

// One option.
typedef struct lw_dimension {
    char *name;
    char **values; // of a list, as they were written; NULL for a range
    size_t n_values;
    double low, high;
    bool logarithmic, whole;
} lw_dimension;

typedef struct lw_space {
    lw_dimension *dimensions;
    size_t n;
} lw_space;

// Adds the option `name` with what `text` allows; a single value is a list of one. In any case the
// space is the caller's (lw_space_free). LW_ERROR_ARGUMENT with a sentence that begins with "--<name>: ".
lw_status lw_space_add(lw_space *space, const char *name, lw_value_kind kind, const char *text);
void lw_space_free(lw_space *space);

// How many different choices there are; infinity where a range of reals is among them.
double lw_space_size(const lw_space *space);

// The value of a dimension in trial number `trial` of the search with that seed, as a user would write
// it. Numbers from ranges have three digits. Appends to `value`.
void lw_space_draw(const lw_space *space, size_t dimension, uint64_t seed, uint64_t trial,
                   lw_text *value);

#endif
