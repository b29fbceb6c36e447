// SPDX-License-Identifier: Apache-2.0
#include "cli/report_runs.h"

#include "base/error.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Bytes of a label before what tells it from an equal one.
enum { most_settings = 96, most_label = 84 };

static const char *last_part(const lw_run_summary *run)
{
    const char *slash = strrchr(run->path, '/');
    return slash && slash[1] ? slash + 1 : run->path;
}

const char *lw_run_name(const lw_run_set *set, const lw_run_summary *run)
{
    const char *name = last_part(run);
    for (size_t i = 0; i < set->n; i++)
        if (set->runs[i] != run && strcmp(last_part(set->runs[i]), name) == 0) return run->path;
    return name;
}

// ---- settings as words ------------------------------------------------------------------------

static bool is_left_out(const char *key)
{
    // What no recipe is made of, and what stands elsewhere.
    static const char *const keys[] = {
        "seed",        "threads",           "open",  "source", "problems", "train_images",
        "test_images", "validation_images", "beta1", "beta2",  "epsilon"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

static void write_value(char *text, size_t bytes, const cJSON *item)
{
    if (cJSON_IsString(item))
        snprintf(text, bytes, "%s", item->valuestring);
    else if (cJSON_IsNumber(item))
        snprintf(text, bytes, "%.6g", item->valuedouble);
    else if (cJSON_IsBool(item))
        snprintf(text, bytes, "%s", cJSON_IsTrue(item) ? "yes" : "no");
    else if (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2)
        snprintf(text, bytes, "%g to %g", cJSON_GetArrayItem(item, 0)->valuedouble,
                 cJSON_GetArrayItem(item, 1)->valuedouble);
    else
        snprintf(text, bytes, "none");
}

// The members of an object; the names of inner objects ("optimizer") are those of their `name`.
static size_t add_settings(const cJSON *object, const char *owner, lw_run_setting *settings,
                           size_t n, size_t capacity)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (n == capacity || is_left_out(item->string)) continue;
        if (cJSON_IsObject(item)) {
            n = add_settings(item, item->string, settings, n, capacity);
            continue;
        }
        const bool name = owner && strcmp(item->string, "name") == 0;
        lw_run_setting *to = &settings[n++];
        snprintf(to->key, sizeof to->key, "%s", name ? owner : item->string);
        for (char *c = to->key; *c; c++)
            if (*c == '_') *c = ' ';
        write_value(to->value, sizeof to->value, item);
    }
    return n;
}

// "none", or mean and deviation of each channel: "0.1307, 0.3081".
static void describe_normalization(const lw_run_summary *run, lw_run_setting *setting)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(run->config, "normalization");
    const cJSON *means = cJSON_GetObjectItemCaseSensitive(object, "mean");
    const cJSON *deviations = cJSON_GetObjectItemCaseSensitive(object, "stddev");
    size_t length = 0;
    snprintf(setting->key, sizeof setting->key, "normalize");
    snprintf(setting->value, sizeof setting->value, "none");
    for (int i = 0; i < cJSON_GetArraySize(means) && i < cJSON_GetArraySize(deviations); i++) {
        const double mean = cJSON_GetArrayItem(means, i)->valuedouble;
        const double deviation = cJSON_GetArrayItem(deviations, i)->valuedouble;
        const bool unused = fpclassify(mean) == FP_ZERO && fabs(deviation - 1) <= 0;
        if (unused || length + 1 >= sizeof setting->value) continue;
        length += (size_t)snprintf(setting->value + length, sizeof setting->value - length,
                                   "%s%.4g, %.4g", length ? "; " : "", mean, deviation);
    }
}

size_t lw_run_settings(const lw_run_summary *run, lw_run_setting *settings, size_t capacity)
{
    size_t n = 0;
    n = add_settings(cJSON_GetObjectItemCaseSensitive(run->config, "data"), "data", settings, n,
                     capacity);
    n = add_settings(cJSON_GetObjectItemCaseSensitive(run->config, "training"), NULL, settings, n,
                     capacity);
    if (n < capacity) describe_normalization(run, &settings[n++]);
    if (n < capacity) {
        snprintf(settings[n].key, sizeof settings[n].key, "exact");
        snprintf(settings[n++].value, sizeof settings[0].value, "%s",
                 cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(run->config, "exact")) ? "yes"
                                                                                      : "no");
    }
    if (n < capacity) {
        snprintf(settings[n].key, sizeof settings[n].key, "convolutions");
        lw_run_summary_convolutions(run, settings[n].value, sizeof settings[n].value);
        n++;
    }
    return n;
}

static const char *value_of(const lw_run_setting *settings, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, key) == 0) return settings[i].value;
    return "none";
}

// Off is written in several ways, and a version that did not know the setting wrote nothing.
static bool same_value(const char *a, const char *b)
{
    static const char *const off[] = {"none", "0", "no"};
    bool a_off = false, b_off = false;
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        a_off = a_off || strcmp(a, off[i]) == 0;
        b_off = b_off || strcmp(b, off[i]) == 0;
    }
    return strcmp(a, b) == 0 || (a_off && b_off);
}

// Whether all groups of a network have this value.
static bool is_common(const lw_run_set *set, const char *network, const char *key,
                      const char *value)
{
    for (size_t g = 0; g < set->n_groups; g++) {
        if (strcmp(set->groups[g].runs[0]->network, network) != 0) continue;
        lw_run_setting settings[most_settings];
        const size_t n = lw_run_settings(set->groups[g].runs[0], settings, most_settings);
        if (!same_value(value_of(settings, n, key), value)) return false;
    }
    return true;
}

// What follows from a setting that is named already.
static bool goes_without_saying(const char *key)
{
    return strcmp(key, "final fraction") == 0 || strcmp(key, "start fraction") == 0 ||
           strcmp(key, "warmup fraction") == 0;
}

// The network, and what is not the same in all groups that have it.
static void describe_group(const lw_run_set *set, lw_run_group *group)
{
    lw_run_setting settings[most_settings];
    const size_t n = lw_run_settings(group->runs[0], settings, most_settings);
    const char *network = group->runs[0]->network;
    size_t length = (size_t)snprintf(group->label, sizeof group->label, "%.60s", network);
    for (size_t i = 0; i < n; i++) {
        const char *key = settings[i].key, *value = settings[i].value;
        if (goes_without_saying(key) || is_common(set, network, key, value)) continue;
        const bool word = strcmp(key, "optimizer") == 0 || strcmp(key, "schedule") == 0 ||
                          strcmp(key, "data") == 0;
        char part[64];
        lw_text part_text = {0};
        lw_text_print(&part_text, ", %s%s%s", word ? "" : key, word ? "" : " ", value);
        if (part_text.bytes) {
            lw_text_cut(part, sizeof part, part_text.bytes, 48);
            if (length + strlen(part) < most_label)
                length += (size_t)snprintf(group->label + length, sizeof group->label - length,
                                           "%s", part);
        }
        lw_text_free(&part_text);
    }
}

// Labels must tell groups apart also where their settings do not (two networks of one name).
static void tell_apart(lw_run_set *set)
{
    for (size_t g = 1; g < set->n_groups; g++)
        for (size_t h = 0; h < g; h++) {
            lw_run_group *group = &set->groups[g];
            if (strcmp(group->label, set->groups[h].label) != 0) continue;
            char label[sizeof group->label];
            snprintf(label, sizeof label, "%s", group->label);
            snprintf(group->label, sizeof group->label, "%.60s (%.48s)", label,
                     lw_run_name(set, group->runs[0]));
        }
}

// ---- groups -----------------------------------------------------------------------------------

static lw_run_group *find_group(lw_run_set *set, const lw_run_summary *run)
{
    for (size_t g = 0; g < set->n_groups; g++)
        if (lw_run_summary_same_recipe(set->groups[g].runs[0], run)) return &set->groups[g];
    return NULL;
}

static lw_status group_runs(lw_run_set *set)
{
    set->n_groups = 0;
    set->groups = calloc(set->n, sizeof *set->groups);
    if (!set->groups) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu runs", set->n);
    for (size_t i = 0; i < set->n; i++) {
        lw_run_group *group = find_group(set, set->runs[i]);
        if (!group) {
            group = &set->groups[set->n_groups];
            set->n_groups++;
            group->runs = calloc(set->n, sizeof *group->runs);
            group->room = calloc(set->n, sizeof *group->room);
            if (!group->runs || !group->room)
                return lw_fail(LW_ERROR_MEMORY, "no memory for %zu runs", set->n);
        }
        group->runs[group->n++] = set->runs[i];
    }
    return LW_OK;
}

typedef double (*figure_of)(const lw_run_summary *run);

static double train_of(const lw_run_summary *run)
{
    return run->train.accuracy;
}

static double validation_of(const lw_run_summary *run)
{
    return run->validation.accuracy;
}

static double test_of(const lw_run_summary *run)
{
    return run->test.accuracy;
}

static double test_loss_of(const lw_run_summary *run)
{
    return run->test.loss;
}

static double seconds_of(const lw_run_summary *run)
{
    return run->seconds;
}

static double images_per_second_of(const lw_run_summary *run)
{
    return run->images_per_second;
}

static lw_summary summarize(const lw_run_group *group, figure_of figure)
{
    for (size_t i = 0; i < group->n; i++) group->room[i] = figure(group->runs[i]);
    return lw_summary_of(group->room, group->n);
}

// The sum of the matrices, where all runs have one of the same classes.
static lw_status add_confusions(lw_run_group *group)
{
    const int32_t classes = group->runs[0]->confusion.classes;
    for (size_t i = 0; i < group->n; i++)
        if (group->runs[i]->confusion.classes != classes) return LW_OK;
    if (classes == 0) return LW_OK;
    LW_TRY(lw_metrics_create(&group->confusion, classes));
    for (size_t i = 0; i < group->n; i++) {
        const lw_metrics *from = &group->runs[i]->confusion;
        group->confusion.count += from->count;
        group->confusion.correct += from->correct;
        for (int32_t k = 0; k < classes * classes; k++)
            group->confusion.confusion[k] += from->confusion[k];
    }
    group->confusion.loss = group->test_loss.mean;
    return LW_OK;
}

static lw_status summarize_groups(lw_run_set *set)
{
    for (size_t g = 0; g < set->n_groups; g++) {
        lw_run_group *group = &set->groups[g];
        group->train = summarize(group, train_of);
        group->validation = summarize(group, validation_of);
        group->test = summarize(group, test_of);
        group->test_loss = summarize(group, test_loss_of);
        group->seconds = summarize(group, seconds_of);
        group->images_per_second = summarize(group, images_per_second_of);
        describe_group(set, group);
        LW_TRY(add_confusions(group));
    }
    tell_apart(set);
    return LW_OK;
}

static lw_status check_twice(const lw_run_set *set)
{
    for (size_t i = 1; i < set->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(set->runs[i]->path, set->runs[k]->path) == 0)
                return lw_fail(LW_ERROR_ARGUMENT, "%s: the run is named twice", set->runs[i]->path);
    return LW_OK;
}

lw_status lw_run_set_read(lw_run_set *set, const char *const *paths, size_t n, bool anyway)
{
    *set = (lw_run_set){.n = 0};
    set->runs = calloc(n, sizeof *set->runs);
    if (!set->runs) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu runs", n);
    for (size_t i = 0; i < n; i++) {
        LW_TRY(lw_run_summary_read(&set->runs[i], paths[i]));
        set->n++;
    }
    LW_TRY(check_twice(set));
    for (size_t i = 1; i < n && !anyway; i++) {
        lw_status status = lw_run_summary_check_comparable(set->runs[0], set->runs[i]);
        if (status)
            return lw_fail(status, "%s; --anyway shows them side by side", lw_error_message());
    }
    LW_TRY(group_runs(set));
    return summarize_groups(set);
}

void lw_run_set_free(lw_run_set *set)
{
    for (size_t g = 0; g < set->n_groups; g++) {
        lw_metrics_destroy(&set->groups[g].confusion);
        free(set->groups[g].runs);
        free(set->groups[g].room);
    }
    for (size_t i = 0; i < set->n; i++) lw_run_summary_destroy(&set->runs[i]);
    free(set->groups);
    free(set->runs);
    *set = (lw_run_set){.n = 0};
}

// ---- results ----------------------------------------------------------------------------------

const char *lw_run_set_judge(const lw_run_set *set)
{
    bool test = true, validation = true;
    for (size_t g = 0; g < set->n_groups; g++) {
        test = test && set->groups[g].test.n > 0;
        validation = validation && set->groups[g].validation.n > 0;
    }
    return test ? "test" : validation ? "validation" : "training";
}

const lw_summary *lw_run_group_result(const lw_run_set *set, const lw_run_group *group)
{
    const char *judge = lw_run_set_judge(set);
    if (strcmp(judge, "test") == 0) return &group->test;
    return strcmp(judge, "validation") == 0 ? &group->validation : &group->train;
}

double lw_run_result(const lw_run_set *set, const lw_run_summary *run)
{
    const char *judge = lw_run_set_judge(set);
    if (strcmp(judge, "test") == 0) return run->test.accuracy;
    return strcmp(judge, "validation") == 0 ? run->validation.accuracy : run->train.accuracy;
}

bool lw_summary_has_interval(const lw_summary *summary)
{
    return summary->n >= 3;
}

const lw_run_group *lw_run_set_best(const lw_run_set *set)
{
    const lw_run_group *best = &set->groups[0];
    for (size_t g = 1; g < set->n_groups; g++)
        if (lw_run_group_result(set, &set->groups[g])->mean > lw_run_group_result(set, best)->mean)
            best = &set->groups[g];
    return best;
}
