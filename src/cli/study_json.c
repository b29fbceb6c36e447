// SPDX-License-Identifier: Apache-2.0
// The results of a study for programs.
#include "cli/json.h"
#include "cli/study_result.h"
#include "cli/summary_json.h"

#include <lanewise/cpu.h>
#include <lanewise/version.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

// Appends to an array; NULL on either side gives NULL, and nothing is lost.
static cJSON *append(cJSON *array, cJSON *item)
{
    if (array && item && cJSON_AddItemToArray(array, item)) return array;
    cJSON_Delete(item);
    cJSON_Delete(array);
    return NULL;
}

static cJSON *published_json(const lw_study_arm *arm)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < arm->n_published; i++) {
        const lw_study_published *published = &arm->published[i];
        lw_json_object object = lw_json_object_begin();
        lw_json_add_text(&object, "figure", lw_study_metrics[published->metric].name);
        if (isfinite(published->value))
            lw_json_add_number(&object, "value", published->value);
        else
            lw_json_add_text(&object, "value", published->text);
        lw_json_add_text(&object, "source", published->source);
        array = append(array, lw_json_object_take(&object));
    }
    return array;
}

static cJSON *options_json(const lw_study_arm *arm)
{
    lw_json_object object = lw_json_object_begin();
    for (size_t i = 0; i < arm->n_options; i++)
        if (arm->options[i].value)
            lw_json_add_text(&object, arm->options[i].name, arm->options[i].value);
        else
            lw_json_add_flag(&object, arm->options[i].name, true);
    return lw_json_object_take(&object);
}

static cJSON *trials_json(const lw_study_arm_result *arm)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < arm->n_trials; i++) {
        const lw_trial *trial = arm->trials[i];
        lw_json_object object = lw_json_object_begin();
        lw_json_add_number(&object, "seed", (double)trial->seed);
        lw_json_add_number(&object, "test_accuracy", trial->test_accuracy);
        lw_json_add_number(&object, "validation_accuracy", trial->validation_accuracy);
        lw_json_add_number(&object, "seconds", trial->seconds);
        lw_json_add_text(&object, "run_directory", trial->folder);
        array = append(array, lw_json_object_take(&object));
    }
    return array;
}

// What the study says of an arm.
static void describe_arm(lw_json_object *object, const lw_study *study, const lw_study_arm *arm)
{
    lw_json_add_text(object, "name", arm->name);
    lw_json_add_text(object, "title", arm->title);
    lw_json_add_item(object, "published", published_json(arm));
    if (study->kind != LW_STUDY_SHAPES) lw_json_add_text(object, "network", arm->network);
    if (study->kind == LW_STUDY_TRAIN) lw_json_add_item(object, "options", options_json(arm));
    if (study->kind == LW_STUDY_MATCH) {
        lw_json_add_text(object, "layer", arm->layer);
        lw_json_add_text(object, "to", arm->to);
    }
    if (study->kind != LW_STUDY_SHAPES) return;
    lw_json_add_pair(object, "size", arm->size.first, arm->size.second);
    lw_json_add_pair(object, "kernel", arm->kernel.first, arm->kernel.second);
    lw_json_add_pair(object, "stride", arm->stride.first, arm->stride.second);
    lw_json_add_pair(object, "pad", arm->pad.first, arm->pad.second);
    lw_json_add_pair(object, "dilation", arm->dilation.first, arm->dilation.second);
}

static void add_training(lw_json_object *object, const lw_study_result *result,
                         const lw_study_arm_result *arm)
{
    for (int metric = 0; metric < LW_STUDY_CHANNELS; metric++) {
        if (metric == LW_STUDY_PARAMETERS) continue;
        const lw_summary summary = lw_study_summarize(arm, (lw_study_metric)metric);
        lw_json_add_item(object, lw_study_metrics[metric].name, lw_summary_json(&summary));
    }
    if (arm->arm->against >= 0) {
        const lw_study_arm_result *other = &result->arms[arm->arm->against];
        const lw_summary gap = lw_study_difference(arm, other, lw_study_headline(result->study));
        lw_json_add_text(object, "against", other->arm->name);
        lw_json_add_item(object, "difference", lw_summary_json(&gap));
    }
    lw_json_add_item(object, "trials", trials_json(arm));
}

static cJSON *arm_json(const lw_study_result *result, const lw_study_arm_result *arm)
{
    const lw_study_kind kind = result->study->kind;
    lw_json_object object = lw_json_object_begin();
    describe_arm(&object, result->study, arm->arm);
    lw_json_add_number(&object, "parameters", arm->parameters >= 0 ? (double)arm->parameters : NAN);
    if (kind == LW_STUDY_TRAIN) add_training(&object, result, arm);
    if (kind == LW_STUDY_MATCH) {
        lw_json_add_count(&object, "target", arm->match.target);
        lw_json_add_count(&object, "channels", arm->match.rows[arm->match.best].channels);
    }
    if (kind == LW_STUDY_SHAPES)
        lw_json_add_pair(&object, "output", arm->shape.out[0], arm->shape.out[1]);
    return lw_json_object_take(&object);
}

static cJSON *sentences_json(const lw_study_result *result)
{
    enum { most_sentences = 2 * LW_STUDY_MOST_ARMS };
    lw_study_sentence *sentences = calloc(most_sentences, sizeof *sentences);
    cJSON *array = sentences ? cJSON_CreateArray() : NULL;
    const size_t n = array ? lw_study_sentences(result, sentences, most_sentences) : 0;
    for (size_t i = 0; array && i < n; i++)
        array = append(array, cJSON_CreateString(sentences[i].text));
    free(sentences);
    return array;
}

static void add_study(lw_json_object *object, const lw_study *study)
{
    lw_json_add_text(object, "study", study->name);
    lw_json_add_text(object, "title", study->title);
    lw_json_add_text(object, "kind", lw_study_kind_words[study->kind]);
}

cJSON *lw_study_json(const lw_study *study)
{
    lw_json_object object = lw_json_object_begin();
    add_study(&object, study);
    lw_json_add_text(&object, "about", study->about);
    lw_json_add_text(&object, "file", study->source);
    lw_json_add_count(&object, "seeds", study->seeds);
    cJSON *arms = cJSON_CreateArray();
    for (size_t i = 0; arms && i < study->n_arms; i++) {
        lw_json_object arm = lw_json_object_begin();
        describe_arm(&arm, study, &study->arms[i]);
        arms = append(arms, lw_json_object_take(&arm));
    }
    lw_json_add_item(&object, "arms", arms);
    return lw_json_object_take(&object);
}

cJSON *lw_study_result_json(const lw_study_result *result)
{
    const lw_study *study = result->study;
    lw_json_object object = lw_json_object_begin();
    add_study(&object, study);
    lw_json_add_text(&object, "version", lw_version());
    if (study->kind == LW_STUDY_TRAIN) {
        lw_json_add_text(&object, "data", result->data);
        lw_json_add_text(&object, "cpu", lw_cpu_name());
        lw_json_add_text(&object, "isa", lw_cpu_isa());
        lw_json_add_count(&object, "seeds", result->seeds);
        lw_json_add_flag(&object, "quick", result->quick);
        lw_json_add_count(&object, "trials", (int64_t)result->n_trials);
        lw_json_add_count(&object, "finished_trials", (int64_t)result->n_done);
        const lw_trials_account account = lw_trials_account_of(result->trials);
        lw_json_add_count(&object, "cores", account.cores);
        lw_json_add_number(&object, "seconds", account.seconds);
        lw_json_add_number(&object, "images_per_second", account.images_per_second);
        lw_json_add_text(&object, "folder", result->folder);
        lw_json_add_text(&object, "compared_by", lw_study_metrics[lw_study_headline(study)].name);
        lw_json_add_text(&object, "against",
                         study->against >= 0 ? study->arms[study->against].name : NULL);
    }
    cJSON *arms = cJSON_CreateArray();
    for (size_t i = 0; arms && i < study->n_arms; i++)
        arms = append(arms, arm_json(result, &result->arms[i]));
    lw_json_add_item(&object, "arms", arms);
    lw_json_add_item(&object, "sentences", sentences_json(result));
    return lw_json_object_take(&object);
}
