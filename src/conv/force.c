// SPDX-License-Identifier: Apache-2.0
// The grammar of forced algorithms.
#include "conv/force.h"

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

typedef struct forced_entry {
    char layer[64]; // "" when the entry names none
    lw_conv_pass pass;
    lw_conv_algorithm algorithm;
} forced_entry;

// Reads one entry, the text up to the next comma.
static lw_status read_entry(const char *text, size_t length, const char *source,
                            forced_entry *entry)
{
    char copy[128];
    if (length >= sizeof copy)
        return lw_fail(LW_ERROR_INPUT, "%s: '%.*s...': an entry has at most %zu characters", source,
                       20, text, sizeof copy - 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *equals = strchr(copy, '=');
    if (!equals)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: '%s': expected [layer.]pass=algorithm, as in conv2.bwd_w=unfold",
                       source, copy);
    *equals = '\0';
    char *dot = strrchr(copy, '.');
    const char *pass = dot ? dot + 1 : copy;
    if (dot) *dot = '\0';
    if (dot && (dot == copy || strlen(copy) >= sizeof entry->layer))
        return lw_fail(LW_ERROR_INPUT, "%s: '%.*s': the layer's name is empty or too long", source,
                       (int)length, text);
    entry->layer[0] = '\0';
    if (dot) memcpy(entry->layer, copy, strlen(copy) + 1);
    // Who wrote a layer alone learns where the pass goes.
    if (lw_conv_pass_parse(&entry->pass, pass))
        return lw_fail(LW_ERROR_INPUT, "%s: '%.*s': %s%s", source, (int)length, text,
                       lw_error_message(), dot ? "" : "; for one layer as in conv2.bwd_w=unfold");
    if (lw_conv_algorithm_parse(&entry->algorithm, equals + 1))
        return lw_fail(LW_ERROR_INPUT, "%s: '%.*s': %s", source, (int)length, text,
                       lw_error_message());
    return LW_OK;
}

lw_status lw_conv_forced_algorithm(const char *text, const char *source, const char *layer,
                                   lw_conv_pass pass, lw_conv_algorithm *algorithm)
{
    *algorithm = LW_CONV_ALGORITHM_AUTO;
    bool by_layer = false;
    while (*text) {
        size_t length = strcspn(text, ",");
        forced_entry entry;
        LW_TRY(read_entry(text, length, source, &entry));
        bool names_layer = layer && strcmp(entry.layer, layer) == 0;
        if (entry.pass == pass && (names_layer || (!entry.layer[0] && !by_layer))) {
            *algorithm = entry.algorithm;
            by_layer = by_layer || names_layer;
        }
        text += length;
        if (*text == ',') text++;
    }
    return LW_OK;
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

lw_status lw_conv_forced_check(const char *text, const char *source, const char *const *layers,
                               size_t n)
{
    while (*text) {
        size_t length = strcspn(text, ",");
        forced_entry entry;
        LW_TRY(read_entry(text, length, source, &entry));
        if (entry.layer[0] && !is_among(entry.layer, layers, n)) {
            const char *near = lw_nearest_word(entry.layer, layers, n);
            return lw_fail(LW_ERROR_INPUT, "%s: '%.*s': the network has no convolution '%s'%s%s%s",
                           source, (int)length, text, entry.layer, near ? "; did you mean '" : "",
                           near ? near : "", near ? "'?" : "");
        }
        text += length;
        if (*text == ',') text++;
    }
    return LW_OK;
}
