// SPDX-License-Identifier: Apache-2.0
// The words of an augmentation: one table for reading, writing and checking them.
#include <lanewise/augment.h>

#include "base/error.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum value_kind {
    VALUE_REAL,   // double
    VALUE_CHANCE, // the same; without a value one half
    VALUE_COUNT,  // int32_t
    VALUE_LEVEL,  // uint8_t
    VALUE_RANGE,  // two doubles, LOW:HIGH
    VALUE_SHIFT,  // two doubles: pixels, or a share of the side as 10%
    VALUE_ELASTIC // two doubles, RMS[:SIGMA]
} value_kind;

typedef struct word {
    const char *name;
    value_kind kind;
    size_t offset; // of the (first) value in lw_augment
    double minimum, maximum;
    const char *expected; // the form of the value, for messages
} word;

static const word words[] = {
    {"rotate", VALUE_REAL, offsetof(lw_augment, rotate), 0, 180, "degrees, 0 .. 180"},
    {"shift", VALUE_SHIFT, offsetof(lw_augment, shift_pixels), 0, 1000,
     "pixels, 0 .. 1000, or a share as in 10%"},
    {"scale", VALUE_RANGE, offsetof(lw_augment, scale_low), 0.1, 10,
     "LOW:HIGH within 0.1 .. 10, as in 0.9:1.1"},
    {"shear", VALUE_REAL, offsetof(lw_augment, shear), 0, 60, "degrees, 0 .. 60"},
    {"flip", VALUE_CHANCE, offsetof(lw_augment, flip), 0, 1, "nothing or a probability, 0 .. 1"},
    {"vflip", VALUE_CHANCE, offsetof(lw_augment, vflip), 0, 1, "nothing or a probability, 0 .. 1"},
    {"crop", VALUE_COUNT, offsetof(lw_augment, crop), 0, 1000, "whole pixels, 0 .. 1000"},
    {"rcrop", VALUE_RANGE, offsetof(lw_augment, rcrop_low), 0.01, 1,
     "LOW:HIGH within 0.01 .. 1, as in 0.6:1"},
    {"elastic", VALUE_ELASTIC, offsetof(lw_augment, elastic), 0, 100,
     "pixels, 0 .. 100, and perhaps :SIGMA, 1 .. 1000"},
    {"blur", VALUE_REAL, offsetof(lw_augment, blur), 0, 20, "pixels, 0 .. 20"},
    {"brightness", VALUE_REAL, offsetof(lw_augment, brightness), 0, 1, "a number 0 .. 1"},
    {"contrast", VALUE_REAL, offsetof(lw_augment, contrast), 0, 1, "a number 0 .. 1"},
    {"noise", VALUE_REAL, offsetof(lw_augment, noise), 0, 128, "grey levels, 0 .. 128"},
    {"erase", VALUE_REAL, offsetof(lw_augment, erase), 0, 1, "a share of the area, 0 .. 1"},
    {"cutout", VALUE_COUNT, offsetof(lw_augment, cutout), 0, 16384, "whole pixels, 0 .. 16384"},
    {"mixup", VALUE_REAL, offsetof(lw_augment, mixup), 0, 10, "a number 0 .. 10"},
    {"fill", VALUE_LEVEL, offsetof(lw_augment, fill), 0, 255, "a grey level 0 .. 255"},
};
enum { n_words = sizeof words / sizeof *words };

// Policies, in the same words. Those of digits leave every digit readable as itself: no flips, no
// large turns.
static const struct {
    const char *name, *text;
} policies[] = {
    {"none", ""},
    {"light", "rotate=5,shift=3%,scale=0.95:1.05"},
    {"digits", "rotate=10,shift=5%,scale=0.9:1.1,shear=8"},
    {"photos", "flip,rcrop=0.6:1,brightness=0.2,contrast=0.2"},
};
enum { n_policies = sizeof policies / sizeof *policies };

static const double least_sigma = 1, largest_sigma = 1000;

lw_augment lw_augment_none(void)
{
    return (lw_augment){
        .scale_low = 1, .scale_high = 1, .rcrop_low = 1, .rcrop_high = 1, .elastic_sigma = 4};
}

bool lw_augment_is_none(const lw_augment *augment)
{
    lw_augment none = lw_augment_none();
    char text[512], nothing[512];
    none.fill = augment->fill;
    lw_augment_format(augment, text, sizeof text);
    lw_augment_format(&none, nothing, sizeof nothing);
    return strcmp(text, nothing) == 0;
}

// ---- checking ---------------------------------------------------------------------------------

static double *reals(lw_augment *augment, const word *w)
{
    return (double *)(void *)((char *)augment + w->offset);
}

static int32_t *whole(lw_augment *augment, const word *w)
{
    return (int32_t *)(void *)((char *)augment + w->offset);
}

static bool within(double value, double low, double high)
{
    return value >= low && value <= high; // not of a NaN
}

static bool value_fits(const lw_augment *augment, const word *w)
{
    lw_augment copy = *augment;
    const double *values = reals(&copy, w);
    switch (w->kind) {
    case VALUE_REAL:
    case VALUE_CHANCE: return within(values[0], w->minimum, w->maximum);
    case VALUE_COUNT: return within(*whole(&copy, w), w->minimum, w->maximum);
    case VALUE_LEVEL: return true;
    case VALUE_RANGE:
        return within(values[0], w->minimum, w->maximum) &&
               within(values[1], values[0], w->maximum);
    case VALUE_SHIFT: return within(values[0], w->minimum, w->maximum) && within(values[1], 0, 1);
    case VALUE_ELASTIC:
        return within(values[0], w->minimum, w->maximum) &&
               within(values[1], least_sigma, largest_sigma);
    }
    return false;
}

lw_status lw_augment_check(const lw_augment *augment)
{
    for (int i = 0; i < n_words; i++)
        if (!value_fits(augment, &words[i]))
            return lw_fail(LW_ERROR_ARGUMENT, "augment: %s: expected %s, got a value outside",
                           words[i].name, words[i].expected);
    return LW_OK;
}

// ---- reading ----------------------------------------------------------------------------------

enum { item_bytes = 64 };

static lw_status fail_value(const word *w, const char *value)
{
    return lw_fail(LW_ERROR_ARGUMENT, "augment: %s: expected %s, got \"%s\"", w->name, w->expected,
                   value);
}

// "LOW:HIGH" or "A[:B]": false when a part is no number; *n says how many there are.
static bool read_pair(const char *value, double *first, double *second, int *n)
{
    char part[item_bytes];
    size_t length = strcspn(value, ":");
    snprintf(part, sizeof part, "%.*s", (int)length, value);
    *n = value[length] == ':' ? 2 : 1;
    return lw_parse_double(part, first) && (*n == 1 || lw_parse_double(value + length + 1, second));
}

static bool read_shift(double values[2], const char *value)
{
    char number[item_bytes];
    snprintf(number, sizeof number, "%s", value);
    size_t length = strlen(number);
    const bool share = length > 0 && number[length - 1] == '%';
    double read;
    if (share) number[length - 1] = '\0';
    if (!lw_parse_double(number, &read)) return false;
    values[0] = share ? 0 : read;
    values[1] = share ? read / 100 : 0;
    return true;
}

// The value of one word; `value` NULL: there is none.
static lw_status read_value(lw_augment *augment, const word *w, const char *value)
{
    double *values = reals(augment, w);
    int64_t integer = 0;
    int n = 0;
    bool good = value != NULL;
    switch (w->kind) {
    case VALUE_CHANCE:
        good = true;
        values[0] = 0.5;
        if (value) good = lw_parse_double(value, &values[0]);
        break;
    case VALUE_REAL: good = good && lw_parse_double(value, &values[0]); break;
    case VALUE_COUNT:
    case VALUE_LEVEL:
        good = good && lw_parse_int64(value, &integer) &&
               within((double)integer, w->minimum, w->maximum);
        if (!good) break;
        if (w->kind == VALUE_COUNT)
            *whole(augment, w) = (int32_t)integer;
        else
            augment->fill = (uint8_t)integer;
        break;
    case VALUE_RANGE: good = good && read_pair(value, &values[0], &values[1], &n) && n == 2; break;
    case VALUE_SHIFT: good = good && read_shift(values, value); break;
    case VALUE_ELASTIC: good = good && read_pair(value, &values[0], &values[1], &n); break;
    }
    if (!good || !value_fits(augment, w)) return fail_value(w, value ? value : "");
    return LW_OK;
}

static lw_status fail_unknown(const char *name)
{
    const char *known[n_words + n_policies];
    for (int i = 0; i < n_words; i++) known[i] = words[i].name;
    for (int i = 0; i < n_policies; i++) known[n_words + i] = policies[i].name;
    const char *nearest = lw_nearest_word(name, known, n_words + n_policies);
    if (nearest)
        return lw_fail(LW_ERROR_ARGUMENT, "augment: there is no \"%s\"; did you mean \"%s\"?", name,
                       nearest);
    return lw_fail(
        LW_ERROR_ARGUMENT,
        "augment: there is no \"%s\" (rotate shift scale shear flip vflip crop rcrop "
        "elastic blur brightness contrast noise erase cutout mixup fill, or light digits "
        "photos none)",
        name);
}

static lw_status read_words(lw_augment *augment, const char *text, bool policy_may_come);

static lw_status read_item(lw_augment *augment, char *item, bool first, uint32_t *seen)
{
    char *value = strchr(item, '=');
    if (value) *value++ = '\0';
    for (int i = 0; i < n_words; i++) {
        if (strcmp(item, words[i].name) != 0) continue;
        if (*seen & 1u << i)
            return lw_fail(LW_ERROR_ARGUMENT, "augment: %s stands there twice", item);
        *seen |= 1u << i;
        return read_value(augment, &words[i], value);
    }
    for (int i = 0; i < n_policies; i++) {
        if (strcmp(item, policies[i].name) != 0) continue;
        if (!first)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "augment: the policy %s has to come first: what follows a policy "
                           "replaces its strengths",
                           item);
        if (value) return lw_fail(LW_ERROR_ARGUMENT, "augment: the policy %s takes no value", item);
        return read_words(augment, policies[i].text, false);
    }
    return fail_unknown(item);
}

static lw_status read_words(lw_augment *augment, const char *text, bool policy_may_come)
{
    uint32_t seen = 0;
    bool first = policy_may_come;
    while (*text) {
        char item[item_bytes];
        size_t length = strcspn(text, ",");
        if (length == 0 || (text[length] == ',' && !text[length + 1]))
            return lw_fail(LW_ERROR_ARGUMENT,
                           "augment: expected a word before or after every comma");
        if (length >= sizeof item)
            return lw_fail(LW_ERROR_ARGUMENT, "augment: \"%.40s...\" is too long for a word", text);
        memcpy(item, text, length);
        item[length] = '\0';
        LW_TRY(read_item(augment, item, first, &seen));
        first = false;
        text += length + (text[length] == ',');
    }
    return LW_OK;
}

lw_status lw_augment_parse(lw_augment *augment, const char *text)
{
    if (!augment || !text)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_augment_parse: %s is NULL",
                       augment ? "text" : "augment");
    lw_augment made = lw_augment_none();
    *augment = made;
    if (!*text)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "augment: expected words as in rotate=15,flip, got nothing");
    LW_TRY(read_words(&made, text, true));
    *augment = made;
    return LW_OK;
}

// ---- writing ----------------------------------------------------------------------------------

static void format_value(const lw_augment *augment, const word *w, char *text, size_t text_bytes)
{
    lw_augment copy = *augment;
    const double *values = reals(&copy, w);
    switch (w->kind) {
    case VALUE_REAL:
    case VALUE_CHANCE: snprintf(text, text_bytes, "%g", values[0]); break;
    case VALUE_COUNT: snprintf(text, text_bytes, "%d", (int)*whole(&copy, w)); break;
    case VALUE_LEVEL: snprintf(text, text_bytes, "%d", augment->fill); break;
    case VALUE_SHIFT:
        // A struct may say both; the words only one of them.
        if (values[0] > 0 || values[1] == 0)
            snprintf(text, text_bytes, "%g", values[0]);
        else
            snprintf(text, text_bytes, "%g%%", 100 * values[1]);
        break;
    case VALUE_RANGE:
    case VALUE_ELASTIC: snprintf(text, text_bytes, "%g:%g", values[0], values[1]); break;
    }
}

void lw_augment_format(const lw_augment *augment, char *text, size_t text_bytes)
{
    const lw_augment none = lw_augment_none();
    size_t length = 0;
    if (text_bytes == 0) return;
    text[0] = '\0';
    for (int i = 0; i < n_words; i++) {
        char value[item_bytes], nothing[item_bytes];
        format_value(augment, &words[i], value, sizeof value);
        format_value(&none, &words[i], nothing, sizeof nothing);
        const bool idle = words[i].kind == VALUE_ELASTIC && augment->elastic == 0;
        if (idle || strcmp(value, nothing) == 0 || length >= text_bytes) continue;
        int added = snprintf(text + length, text_bytes - length, "%s%s=%s", length ? "," : "",
                             words[i].name, value);
        if (added > 0) length += (size_t)added;
    }
}
