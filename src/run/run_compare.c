// SPDX-License-Identifier: Apache-2.0
// Whether runs are of one recipe, and whether their figures can be compared.
#include "base/error.h"
#include "run/run_summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Whether a value says the same as none: runs of a version that did not know the key have none.
static bool is_off(const cJSON *item)
{
    return !item || cJSON_IsNull(item) || cJSON_IsFalse(item) ||
           (cJSON_IsNumber(item) && fpclassify(item->valuedouble) == FP_ZERO) ||
           (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 0);
}

static bool is_among(const char *key, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

// cJSON calls two values that are not there different.
static bool same_value(const cJSON *a, const cJSON *b)
{
    return (is_off(a) && is_off(b)) || cJSON_Compare(a, b, true);
}

// Whether all that `a` has for other keys than those left out is in `b` too.
static bool is_in(const cJSON *a, const cJSON *b, const char *const *left_out, size_t n)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, a)
    {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, item->string);
        if (is_among(item->string, left_out, n) || (is_off(item) && is_off(other))) continue;
        if (cJSON_IsObject(item) && cJSON_IsObject(other)) {
            if (!is_in(item, other, NULL, 0) || !is_in(other, item, NULL, 0)) return false;
        } else if (!other || !cJSON_Compare(item, other, true)) {
            return false;
        }
    }
    return true;
}

static bool same_but(const cJSON *a, const cJSON *b, const char *const *left_out, size_t n)
{
    return is_in(a, b, left_out, n) && is_in(b, a, left_out, n);
}

static const cJSON *part_of(const lw_run_summary *run, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(run->config, key);
}

// Runs of a version that did not write it down count as equal.
static bool same_if_known(const lw_run_summary *a, const lw_run_summary *b, const char *key)
{
    const cJSON *one = part_of(a, key), *other = part_of(b, key);
    return !one || !other || cJSON_Compare(one, other, true);
}

// What was forced is in config.json as `conv`. Before it was, only what ran was: on one machine and by one version
// that differs where something was forced.
static bool same_convolutions(const lw_run_summary *a, const lw_run_summary *b)
{
    const cJSON *one = part_of(a, "conv"), *other = part_of(b, "conv");
    if (one && other) return cJSON_Compare(one, other, true);
    if (strcmp(a->isa, b->isa) != 0 || strcmp(a->version, b->version) != 0) return true;
    return same_if_known(a, b, "convolutions");
}

bool lw_run_summary_same_settings(const lw_run_summary *a, const lw_run_summary *b)
{
    static const char *const of_training[] = {"seed", "threads"};
    static const char *const of_data[] = {"open", "source"}; // where they lie
    return strcmp(a->network_text, b->network_text) == 0 &&
           same_but(part_of(a, "training"), part_of(b, "training"), of_training, 2) &&
           same_but(part_of(a, "data"), part_of(b, "data"), of_data, 2) &&
           same_if_known(a, b, "normalization") &&
           same_value(part_of(a, "init"), part_of(b, "init")) &&
           cJSON_IsTrue(part_of(a, "exact")) == cJSON_IsTrue(part_of(b, "exact"));
}

bool lw_run_summary_same_recipe(const lw_run_summary *a, const lw_run_summary *b)
{
    return lw_run_summary_same_settings(a, b) && same_convolutions(a, b);
}

// ---- convolutions as words --------------------------------------------------------------------

// The names of all that ran, each once: "direct+winograd".
static void list_algorithms(const lw_run_summary *run, char *text, size_t bytes)
{
    const cJSON *layer, *word;
    size_t length = 0;
    cJSON_ArrayForEach(layer, part_of(run, "convolutions")) cJSON_ArrayForEach(word, layer)
    {
        if (!cJSON_IsString(word) || strstr(text, word->valuestring) || length >= bytes) continue;
        length += (size_t)snprintf(text + length, bytes - length, "%s%s", length ? "+" : "",
                                   word->valuestring);
    }
}

// "naive" of "fwd=naive,bwd_d=naive,bwd_w=naive"; otherwise all of it.
static void write_forced(char *text, size_t bytes, const char *forced)
{
    char all[256];
    const char *equals = strchr(forced, '='), *comma = strchr(forced, ',');
    snprintf(text, bytes, "%s", forced);
    if (!equals || !comma || comma < equals) return;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(comma - equals - 1), equals + 1);
    snprintf(all, sizeof all, "fwd=%s,bwd_d=%s,bwd_w=%s", name, name, name);
    if (strcmp(all, forced) == 0) snprintf(text, bytes, "%s", name);
}

void lw_run_summary_convolutions(const lw_run_summary *run, char *text, size_t text_bytes)
{
    const cJSON *forced = part_of(run, "conv");
    char names[64] = "";
    if (!forced) list_algorithms(run, names, sizeof names);
    if (forced && cJSON_IsString(forced))
        write_forced(text, text_bytes, forced->valuestring);
    else
        snprintf(text, text_bytes, "%s", names[0] ? names : "as chosen");
}

// ---- figures ----------------------------------------------------------------------------------

lw_status lw_run_summary_check_comparable(const lw_run_summary *a, const lw_run_summary *b)
{
    const bool tested = a->test_images > 0;
    const int64_t images_a = tested ? a->test_images : a->validation_images;
    const int64_t images_b = tested ? b->test_images : b->validation_images;
    if (strcmp(a->data, b->data) == 0 && images_a == images_b) return LW_OK;
    return lw_fail(
        LW_ERROR_INPUT,
        "%s was judged on %lld %s images of %s, %s on %lld of %s: their figures cannot be "
        "compared",
        a->path, (long long)images_a, tested ? "test" : "validation", a->data, b->path,
        (long long)images_b, b->data);
}
