// SPDX-License-Identifier: Apache-2.0
#include "study/space.h"

#include "base/error.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- reading ----------------------------------------------------------------------------------

static lw_status fail_memory(const char *name)
{
    return lw_fail(LW_ERROR_MEMORY, "--%s: no memory for its values", name);
}

// The bytes up to `end` as a number.
static bool read_number(const char *begin, const char *end, double *number)
{
    char digits[64];
    const size_t length = (size_t)(end - begin);
    if (length >= sizeof digits) return false;
    memcpy(digits, begin, length);
    digits[length] = '\0';
    return lw_parse_double(digits, number);
}

static lw_status read_range(lw_dimension *dimension, const char *text, const char *dots)
{
    const char *colon = strchr(dots, ':'), *end = colon ? colon : text + strlen(text);
    const char *name = dimension->name;
    dimension->logarithmic = colon && strcmp(colon, ":log") == 0;
    if (colon && !dimension->logarithmic && strcmp(colon, ":linear") != 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--%s: expected :log or :linear behind the range, got \"%s\"", name, colon);
    if (!read_number(text, dots, &dimension->low) || !read_number(dots + 2, end, &dimension->high))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--%s: expected a range as 1e-4..1e-2:log or 0..0.5, got \"%s\"", name,
                       text);
    if (!(dimension->low < dimension->high))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--%s: expected a range from a smaller to a larger number, got \"%s\"", name,
                       text);
    if (dimension->logarithmic && !(dimension->low > 0))
        return lw_fail(LW_ERROR_ARGUMENT, "--%s: a logarithmic range begins above 0, got \"%s\"",
                       name, text);
    if (!isfinite(dimension->logarithmic ? dimension->high / dimension->low
                                         : dimension->high - dimension->low))
        return lw_fail(LW_ERROR_ARGUMENT, "--%s: the range is too wide: \"%s\"", name, text);
    if (dimension->whole &&
        (dimension->low != floor(dimension->low) || dimension->high != floor(dimension->high)))
        return lw_fail(LW_ERROR_ARGUMENT, "--%s: expected whole numbers, got \"%s\"", name, text);
    return LW_OK;
}

static lw_status read_list(lw_dimension *dimension, const char *text, char separator)
{
    const char *name = dimension->name;
    size_t room = 1;
    for (const char *at = text; *at; at++) room += *at == separator;
    dimension->n_values = 0;
    dimension->values = calloc(room, sizeof *dimension->values);
    if (!dimension->values) return fail_memory(name);
    for (const char *at = text;; at++) {
        const char *end = strchr(at, separator);
        const size_t length = end ? (size_t)(end - at) : strlen(at);
        if (length == 0)
            return lw_fail(LW_ERROR_ARGUMENT, "--%s: an empty value in \"%s\"", name, text);
        char *value = strndup(at, length);
        if (!value) return fail_memory(name);
        dimension->values[dimension->n_values++] = value;
        for (size_t i = 0; i + 1 < dimension->n_values; i++)
            if (strcmp(dimension->values[i], value) == 0)
                return lw_fail(LW_ERROR_ARGUMENT, "--%s: %s is there twice", name, value);
        if (!end) return LW_OK;
        at = end;
    }
}

lw_status lw_space_add(lw_space *space, const char *name, lw_value_kind kind, const char *text)
{
    lw_dimension *grown = realloc(space->dimensions, (space->n + 1) * sizeof *grown);
    if (!grown) return fail_memory(name);
    space->dimensions = grown;
    lw_dimension *dimension = &grown[space->n];
    *dimension = (lw_dimension){.name = strdup(name), .whole = kind == LW_VALUE_WHOLE};
    if (!dimension->name) return fail_memory(name);
    space->n++;
    const bool number = kind == LW_VALUE_REAL || kind == LW_VALUE_WHOLE;
    const char *dots = number ? strstr(text, "..") : NULL;
    if (dots) return read_range(dimension, text, dots);
    return read_list(dimension, text, kind == LW_VALUE_TEXT ? '|' : ',');
}

void lw_space_free(lw_space *space)
{
    for (size_t i = 0; i < space->n; i++) {
        lw_dimension *dimension = &space->dimensions[i];
        for (size_t k = 0; k < dimension->n_values; k++) free(dimension->values[k]);
        free(dimension->values);
        free(dimension->name);
    }
    free(space->dimensions);
    *space = (lw_space){0};
}

// ---- drawing ----------------------------------------------------------------------------------

double lw_space_size(const lw_space *space)
{
    double size = 1;
    for (size_t i = 0; i < space->n; i++) {
        const lw_dimension *dimension = &space->dimensions[i];
        size *= dimension->values  ? (double)dimension->n_values
                : dimension->whole ? dimension->high - dimension->low + 1
                                   : INFINITY;
    }
    return size;
}

// A number of [0, 1) with 48 bits.
static double draw_share(lw_rng *rng)
{
    const double high = lw_rng_u32(rng), low = lw_rng_u32(rng) & 0xFFFF;
    return (high * 65536 + low) / 281474976710656.0;
}

static void draw_from_range(const lw_dimension *dimension, lw_rng *rng, lw_text *value)
{
    // Every whole number has a share of the same size, in logarithms where these are wanted.
    const double low = dimension->whole ? dimension->low - 0.5 : dimension->low;
    const double high = dimension->whole ? dimension->high + 0.5 : dimension->high;
    const double share = draw_share(rng);
    const double number =
        dimension->logarithmic ? low * pow(high / low, share) : low + share * (high - low);
    if (dimension->whole) {
        const double whole = fmin(fmax(round(number), dimension->low), dimension->high);
        lw_text_print(value, "%.0f", whole);
        return;
    }
    // Rounding must not lead out of the range.
    char digits[32];
    double rounded;
    snprintf(digits, sizeof digits, "%.3g", number);
    if (lw_parse_double(digits, &rounded) && rounded >= dimension->low &&
        rounded <= dimension->high)
        lw_text_print(value, "%s", digits);
    else
        lw_text_print(value, "%.17g", fmin(fmax(number, dimension->low), dimension->high));
}

void lw_space_draw(const lw_space *space, size_t index, uint64_t seed, uint64_t trial,
                   lw_text *value)
{
    const lw_dimension *dimension = &space->dimensions[index];
    lw_rng rng = lw_rng_stream(seed, LW_RNG_SWEEP, (uint32_t)index, trial);
    if (dimension->values)
        lw_text_print(value, "%s",
                      dimension->values[lw_rng_below(&rng, (uint32_t)dimension->n_values)]);
    else
        draw_from_range(dimension, &rng, value);
}
