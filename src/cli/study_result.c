// SPDX-License-Identifier: Apache-2.0
#include "cli/study_result.h"

#include "base/error.h"
#include "report/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

lw_status lw_study_result_create(lw_study_result **result, const lw_study *study)
{
    *result = NULL;
    lw_study_result *made = calloc(1, sizeof *made);
    if (made) made->arms = calloc(study->n_arms, sizeof *made->arms);
    if (!made || !made->arms) {
        free(made);
        return lw_fail(LW_ERROR_MEMORY, "no memory for the results of %zu arms", study->n_arms);
    }
    made->study = study;
    made->seeds = study->seeds;
    for (size_t i = 0; i < study->n_arms; i++) {
        made->arms[i].arm = &study->arms[i];
        made->arms[i].parameters = -1;
    }
    *result = made;
    return LW_OK;
}

void lw_study_result_destroy(lw_study_result **result)
{
    if (!result || !*result) return;
    for (size_t i = 0; i < (*result)->study->n_arms; i++) free((*result)->arms[i].trials);
    free((*result)->arms);
    free((*result)->folder);
    free((*result)->texts);
    lw_trials_close(&(*result)->trials);
    lw_trial_store_close(&(*result)->store);
    free(*result);
    *result = NULL;
}

// ---- figures ----------------------------------------------------------------------------------

double lw_study_trial_value(const lw_trial *trial, lw_study_metric metric)
{
    switch (metric) {
    case LW_STUDY_TEST_ACCURACY: return trial->test_accuracy;
    case LW_STUDY_VALIDATION_ACCURACY: return trial->validation_accuracy;
    case LW_STUDY_TRAIN_ACCURACY: return trial->train_accuracy;
    case LW_STUDY_TEST_LOSS: return trial->test_loss;
    case LW_STUDY_VALIDATION_LOSS: return trial->validation_loss;
    case LW_STUDY_IMAGES_PER_SECOND: return trial->images_per_second;
    case LW_STUDY_SECONDS: return trial->seconds;
    case LW_STUDY_SECONDS_TO_97: return lw_trial_seconds_to(trial, 0.97);
    case LW_STUDY_SECONDS_TO_98: return lw_trial_seconds_to(trial, 0.98);
    case LW_STUDY_SECONDS_TO_99: return lw_trial_seconds_to(trial, 0.99);
    case LW_STUDY_PARAMETERS:
    case LW_STUDY_CHANNELS:
    case LW_STUDY_OUTPUT:
    case LW_N_STUDY_METRICS: break;
    }
    return NAN;
}

double lw_study_size_accuracy(const lw_trial *trial, size_t index)
{
    const lw_size_metrics *size = &trial->test_sizes[index];
    return size->count > 0 ? (double)size->correct / (double)size->count : NAN;
}

static double constant_value(const lw_study_arm_result *arm, lw_study_metric metric)
{
    if (metric == LW_STUDY_PARAMETERS && arm->parameters >= 0) return (double)arm->parameters;
    if (metric == LW_STUDY_CHANNELS && arm->match.n_rows > 0)
        return arm->match.rows[arm->match.best].channels;
    return NAN;
}

lw_summary lw_study_summarize(const lw_study_arm_result *arm, lw_study_metric metric)
{
    double values[LW_STUDY_MOST_SEEDS];
    size_t n = 0;
    if (isfinite(constant_value(arm, metric))) values[n++] = constant_value(arm, metric);
    for (size_t i = 0; n < LW_STUDY_MOST_SEEDS && i < arm->n_trials; i++)
        values[n++] = lw_study_trial_value(arm->trials[i], metric);
    return lw_summary_of(values, n);
}

lw_summary lw_study_difference(const lw_study_arm_result *arm, const lw_study_arm_result *other,
                               lw_study_metric metric)
{
    double values[LW_STUDY_MOST_SEEDS];
    size_t n = 0;
    for (size_t i = 0; i < arm->n_trials; i++)
        for (size_t k = 0; n < LW_STUDY_MOST_SEEDS && k < other->n_trials; k++)
            if (arm->trials[i]->seed == other->trials[k]->seed)
                values[n++] = lw_study_trial_value(arm->trials[i], metric) -
                              lw_study_trial_value(other->trials[k], metric);
    return lw_summary_of(values, n);
}

lw_study_metric lw_study_headline(const lw_study *study)
{
    for (size_t i = 0; i < study->n_compare; i++)
        if (study->compare[i] != LW_STUDY_PARAMETERS) return study->compare[i];
    return study->compare[0];
}

// ---- as texts ---------------------------------------------------------------------------------

static lw_study_unit unit_of(lw_study_metric metric)
{
    return lw_study_metrics[metric].unit;
}

// A number without its unit.
static void print_number(char *text, size_t text_bytes, lw_study_unit unit, double value)
{
    switch (unit) {
    case LW_STUDY_FRACTION: snprintf(text, text_bytes, "%.2f", 100 * value); return;
    case LW_STUDY_LOSS: snprintf(text, text_bytes, "%.4f", value); return;
    case LW_STUDY_TIME: snprintf(text, text_bytes, value < 99.95 ? "%.2f" : "%.0f", value); return;
    case LW_STUDY_COUNT:
    case LW_STUDY_RATE:
    case LW_STUDY_SIZE:
        snprintf(text, text_bytes, "%s", lw_format_count((int64_t)llround(value)).text);
        return;
    }
}

static const char *suffix_of(lw_study_unit unit)
{
    return unit == LW_STUDY_FRACTION ? " %" : unit == LW_STUDY_TIME ? " s" : "";
}

lw_study_words lw_study_format(lw_study_metric metric, double value)
{
    lw_study_words words = {"-"};
    char number[40];
    if (!isfinite(value)) return words;
    print_number(number, sizeof number, unit_of(metric), value);
    snprintf(words.text, sizeof words.text, "%s%s", number, suffix_of(unit_of(metric)));
    return words;
}

lw_study_words lw_study_format_summary(const lw_study_arm_result *arm, lw_study_metric metric,
                                       bool unicode)
{
    lw_study_words words = {"-"};
    const lw_summary summary = lw_study_summarize(arm, metric);
    char mean[40], deviation[40], some[64] = "";
    if (metric == LW_STUDY_OUTPUT)
        snprintf(words.text, sizeof words.text, "%dx%d", arm->shape.out[0], arm->shape.out[1]);
    if (summary.n == 0) return words;
    print_number(mean, sizeof mean, unit_of(metric), summary.mean);
    // A time to an accuracy that not every seed reached.
    if (arm->n_trials > 0 && summary.n < arm->n_trials && metric != LW_STUDY_PARAMETERS)
        snprintf(some, sizeof some, " (%zu of %zu)", summary.n, arm->n_trials);
    if (isfinite(summary.deviation) && !isfinite(constant_value(arm, metric))) {
        print_number(deviation, sizeof deviation, unit_of(metric), summary.deviation);
        snprintf(words.text, sizeof words.text, "%s %s %s%s%s", mean, unicode ? "\u00B1" : "+-",
                 deviation, suffix_of(unit_of(metric)), some);
    } else {
        snprintf(words.text, sizeof words.text, "%s%s%s", mean, suffix_of(unit_of(metric)), some);
    }
    return words;
}

lw_study_words lw_study_format_interval(lw_study_metric metric, const lw_summary *summary)
{
    lw_study_words words = {"-"};
    char low[40], high[40];
    if (!isfinite(summary->low) || !isfinite(summary->high)) return words;
    // Few seeds far apart have an interval beyond what a share can be.
    const bool share = unit_of(metric) == LW_STUDY_FRACTION;
    print_number(low, sizeof low, unit_of(metric), share ? fmax(summary->low, 0) : summary->low);
    print_number(high, sizeof high, unit_of(metric),
                 share ? fmin(summary->high, 1) : summary->high);
    snprintf(words.text, sizeof words.text, "%s to %s%s", low, high, suffix_of(unit_of(metric)));
    return words;
}

// ---- sentences --------------------------------------------------------------------------------

// What distances are measured in: " points" of per cent, " images/s".
static const char *distance_unit(lw_study_metric metric)
{
    return unit_of(metric) == LW_STUDY_FRACTION ? " points"
           : unit_of(metric) == LW_STUDY_RATE   ? " images/s"
                                                : suffix_of(unit_of(metric));
}

// A distance: "0.13 points".
static lw_study_words distance(lw_study_metric metric, double value)
{
    lw_study_words words;
    char number[40];
    print_number(number, sizeof number, unit_of(metric), fabs(value));
    snprintf(words.text, sizeof words.text, "%s%s", number, distance_unit(metric));
    return words;
}

// What is to be said about a published figure; false when it agrees with what was found.
static bool judge_published(const lw_study_arm_result *arm, const lw_study_published *published,
                            lw_study_sentence *sentence)
{
    const lw_study_metric metric = published->metric;
    const lw_summary found = lw_study_summarize(arm, metric);
    const char *title = lw_study_metrics[metric].title;
    if (metric == LW_STUDY_OUTPUT) {
        const lw_study_words here = lw_study_format_summary(arm, metric, false);
        snprintf(sentence->text, sizeof sentence->text,
                 "%s: %s has %s; the size is %s, as the formula says.", arm->arm->name,
                 published->source, published->text, here.text);
        return strcmp(here.text, published->text) != 0;
    }
    if (found.n == 0) return false;
    const double gap = found.mean - published->value;
    const char *side = gap < 0 ? "lower" : "higher";
    if (unit_of(metric) == LW_STUDY_COUNT) {
        snprintf(sentence->text, sizeof sentence->text, "%s: %s has %s %s, found here: %s.",
                 arm->arm->name, published->source, lw_study_format(metric, published->value).text,
                 title, lw_study_format(metric, found.mean).text);
        return gap != 0;
    }
    if (!isfinite(found.low) || (published->value >= found.low && published->value <= found.high))
        return false;
    // The published figure is one run: seeds scatter more than their mean does.
    const double reach =
        lw_summary_student(0.95, found.n - 1) * found.deviation * sqrt(1 + 1.0 / (double)found.n);
    snprintf(sentence->text, sizeof sentence->text,
             "%s: %s of %s was published (%s); the mean here is %s by %s. That is %s what a single "
             "run can differ by, with 95 %% certainty and %zu seeds: %s.",
             arm->arm->name, lw_study_format(metric, published->value).text, title,
             published->source, side, distance(metric, gap).text,
             fabs(gap) <= reach ? "within" : "more than", found.n, distance(metric, reach).text);
    return true;
}

// How an arm differs from the one that all are compared with.
static bool compare_arms(const lw_study_result *result, const lw_study_arm_result *arm,
                         lw_study_sentence *sentence)
{
    const lw_study *study = result->study;
    if (arm->arm->against < 0) return false;
    const lw_study_arm_result *other = &result->arms[arm->arm->against];
    const lw_study_metric metric = lw_study_headline(study);
    const lw_summary gap = lw_study_difference(arm, other, metric);
    // Two differences may happen to be equal, and their interval then has no width at all.
    const size_t least_seeds = 3;
    if (arm == other || gap.n < least_seeds || !isfinite(gap.low)) return false;
    char low[40], high[40];
    print_number(low, sizeof low, unit_of(metric), gap.low);
    print_number(high, sizeof high, unit_of(metric), gap.high);
    if (gap.low <= 0 && gap.high >= 0)
        snprintf(sentence->text, sizeof sentence->text,
                 "%s: no difference in %s from %s that %zu seeds would show (95 %% interval %s to "
                 "%s%s).",
                 arm->arm->name, lw_study_metrics[metric].title, other->arm->name, gap.n, low, high,
                 distance_unit(metric));
    else if (unit_of(metric) == LW_STUDY_RATE)
        snprintf(sentence->text, sizeof sentence->text,
                 "%s: %.2g times the %s of %s (%s %s, 95 %% interval %s to %s, %zu seeds).",
                 arm->arm->name,
                 lw_study_summarize(arm, metric).mean / lw_study_summarize(other, metric).mean,
                 lw_study_metrics[metric].title, other->arm->name,
                 gap.mean > 0 ? "more by" : "less by", distance(metric, gap.mean).text, low, high,
                 gap.n);
    else
        snprintf(sentence->text, sizeof sentence->text,
                 "%s: %s %s in %s than %s (95 %% interval %s to %s%s, %zu seeds).", arm->arm->name,
                 distance(metric, gap.mean).text, gap.mean > 0 ? "more" : "less",
                 lw_study_metrics[metric].title, other->arm->name, low, high, distance_unit(metric),
                 gap.n);
    return true;
}

// Published figures are of MNIST.
static bool is_mnist(const char *data)
{
    return strcmp(data, "mnist") == 0 || strncmp(data, "varres:mnist", strlen("varres:mnist")) == 0;
}

bool lw_study_can_compare(const lw_study_result *result)
{
    return !result->quick && (!result->data || is_mnist(result->data));
}

static bool any_published(const lw_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i].n_published > 0) return true;
    return false;
}

static size_t judge_all_published(const lw_study_result *result, lw_study_sentence *sentences,
                                  size_t capacity)
{
    const lw_study *study = result->study;
    size_t n = 0;
    if (!lw_study_can_compare(result)) {
        if (result->quick || !any_published(study)) return 0;
        snprintf(sentences[0].text, sizeof sentences[0].text,
                 "What was published is of MNIST, this table of %s: they cannot be compared.",
                 result->data);
        return 1;
    }
    for (size_t i = 0; i < study->n_arms; i++)
        for (size_t k = 0; k < study->arms[i].n_published && n < capacity; k++)
            n += judge_published(&result->arms[i], &study->arms[i].published[k], &sentences[n]);
    return n;
}

size_t lw_study_sentences(const lw_study_result *result, lw_study_sentence *sentences,
                          size_t capacity)
{
    const lw_study *study = result->study;
    size_t n = judge_all_published(result, sentences, capacity);
    for (size_t i = 0; i < study->n_arms && n < capacity; i++)
        if (result->arms[i].failure)
            snprintf(sentences[n++].text, sizeof sentences[0].text, "%s failed: %s.",
                     study->arms[i].name, result->arms[i].failure);
    for (size_t i = 0; !result->quick && i < study->n_arms && n < capacity; i++)
        n += compare_arms(result, &result->arms[i], &sentences[n]);
    return n;
}
