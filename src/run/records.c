// SPDX-License-Identifier: Apache-2.0
#include "run/records.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

// An object under construction: the first failure frees it and makes the rest do nothing.
typedef struct record {
    cJSON *object;
} record;

static void take(record *made, const char *key, cJSON *item)
{
    if (!made->object) {
        cJSON_Delete(item);
    } else if (!item || !cJSON_AddItemToObject(made->object, key, item)) {
        cJSON_Delete(item);
        cJSON_Delete(made->object);
        made->object = NULL;
    }
}

static void number(record *made, const char *key, double value)
{
    take(made, key, cJSON_CreateNumber(value)); // not a number and infinity become null
}

static void text(record *made, const char *key, const char *value)
{
    take(made, key, cJSON_CreateString(value));
}

cJSON *lw_record_epoch(const lw_epoch_result *result)
{
    record made = {cJSON_CreateObject()};
    text(&made, "event", "epoch");
    number(&made, "epoch", result->epoch);
    number(&made, "train_loss", result->train_loss);
    number(&made, "train_accuracy", result->train_accuracy);
    // Both 0 says that there is no validation set: a loss of 0 goes with an accuracy of 1.
    bool validated = result->validation_loss != 0 || result->validation_accuracy != 0;
    number(&made, "validation_loss", validated ? result->validation_loss : NAN);
    number(&made, "validation_accuracy", validated ? result->validation_accuracy : NAN);
    number(&made, "learning_rate", result->learning_rate);
    number(&made, "seconds", result->seconds);
    number(&made, "images_per_second", result->images_per_second);
    take(&made, "best", validated ? cJSON_CreateBool(result->best) : cJSON_CreateNull());
    return made.object;
}

cJSON *lw_record_step(int64_t step, double loss)
{
    record made = {cJSON_CreateObject()};
    text(&made, "event", "step");
    number(&made, "step", (double)step);
    number(&made, "loss", loss);
    return made.object;
}

cJSON *lw_record_resume(const lw_train_position *position)
{
    record made = {cJSON_CreateObject()};
    text(&made, "event", "resume");
    number(&made, "epoch", position->epoch);
    number(&made, "epoch_step", (double)position->epoch_step);
    number(&made, "step", (double)position->step);
    return made.object;
}

static cJSON *describe_optimizer(const lw_optimizer_config *optimizer)
{
    static const char *const names[] = {
        [LW_OPTIMIZER_SGD] = "sgd", [LW_OPTIMIZER_ADAM] = "adam", [LW_OPTIMIZER_ADAMW] = "adamw"};
    record made = {cJSON_CreateObject()};
    text(&made, "name", names[optimizer->kind]);
    number(&made, "learning_rate", optimizer->learning_rate);
    number(&made, "weight_decay", optimizer->weight_decay);
    if (optimizer->kind == LW_OPTIMIZER_SGD) {
        number(&made, "momentum", optimizer->momentum);
        take(&made, "nesterov", cJSON_CreateBool(optimizer->nesterov));
    } else {
        number(&made, "beta1", optimizer->beta1);
        number(&made, "beta2", optimizer->beta2);
        number(&made, "epsilon", optimizer->epsilon);
    }
    return made.object;
}

static cJSON *describe_schedule(const lw_schedule_config *schedule)
{
    static const char *const names[] = {[LW_SCHEDULE_CONSTANT] = "constant",
                                        [LW_SCHEDULE_STEP] = "step",
                                        [LW_SCHEDULE_COSINE] = "cosine",
                                        [LW_SCHEDULE_ONE_CYCLE] = "one-cycle"};
    record made = {cJSON_CreateObject()};
    text(&made, "name", names[schedule->kind]);
    number(&made, "warmup_fraction", schedule->warmup_fraction);
    if (schedule->kind == LW_SCHEDULE_STEP) {
        number(&made, "step_epochs", schedule->step_epochs);
        number(&made, "gamma", schedule->gamma);
    }
    if (schedule->kind == LW_SCHEDULE_COSINE || schedule->kind == LW_SCHEDULE_ONE_CYCLE)
        number(&made, "final_fraction", schedule->final_fraction);
    if (schedule->kind == LW_SCHEDULE_ONE_CYCLE)
        number(&made, "start_fraction", schedule->start_fraction);
    return made.object;
}

cJSON *lw_record_config(const lw_train_config *config)
{
    record made = {cJSON_CreateObject()};
    number(&made, "epochs", config->epochs);
    number(&made, "batch", config->batch);
    // As raw digits: a seed has 64 bits, cJSON's numbers keep 53 of them.
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)config->seed);
    take(&made, "seed", cJSON_CreateRaw(seed));
    number(&made, "threads", config->threads);
    number(&made, "max_steps", (double)config->max_steps);
    number(&made, "until_accuracy", config->until_accuracy);
    number(&made, "patience", config->patience);
    take(&made, "keep_best", cJSON_CreateBool(config->keep_best));
    number(&made, "label_smoothing", config->label_smoothing);
    number(&made, "ema_decay", config->ema_decay);
    number(&made, "clip_norm", config->clip_norm);
    char augment[512] = "";
    if (config->augment) lw_augment_format(config->augment, augment, sizeof augment);
    take(&made, "augment", augment[0] ? cJSON_CreateString(augment) : cJSON_CreateNull());
    const double jitter[2] = {config->rescale_low, config->rescale_high};
    take(&made, "scale_jitter",
         config->rescale_high > 0 ? cJSON_CreateDoubleArray(jitter, 2) : cJSON_CreateNull());
    take(&made, "shuffle", cJSON_CreateBool(!config->no_shuffle));
    text(&made, "order", config->order == LW_TRAIN_ORDER_BY_SIZE ? "by-size" : "mixed");
    take(&made, "optimizer", describe_optimizer(&config->optimizer));
    take(&made, "schedule", describe_schedule(&config->schedule));
    return made.object;
}

cJSON *lw_record_confusion(const lw_metrics *metrics)
{
    cJSON *rows = cJSON_CreateArray();
    bool ok = rows && metrics->confusion;
    for (int32_t i = 0; ok && i < metrics->classes; i++) {
        cJSON *row = cJSON_CreateArray();
        ok = row && cJSON_AddItemToArray(rows, row);
        for (int32_t k = 0; ok && k < metrics->classes; k++)
            ok = cJSON_AddItemToArray(
                row, cJSON_CreateNumber((double)metrics->confusion[i * metrics->classes + k]));
    }
    if (ok) return rows;
    cJSON_Delete(rows);
    return NULL;
}

static cJSON *describe_size(const lw_size_metrics *size)
{
    record made = {cJSON_CreateObject()};
    number(&made, "height", size->height);
    number(&made, "width", size->width);
    number(&made, "images", (double)size->count);
    number(&made, "correct", (double)size->correct);
    number(&made, "accuracy", (double)size->correct / (double)size->count);
    number(&made, "loss", size->loss);
    return made.object;
}

cJSON *lw_record_sizes(const lw_size_metrics *sizes, size_t n_sizes)
{
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; rows && i < n_sizes; i++) {
        cJSON *row = describe_size(&sizes[i]);
        if (row && cJSON_AddItemToArray(rows, row)) continue;
        cJSON_Delete(row);
        cJSON_Delete(rows);
        rows = NULL;
    }
    return rows;
}

cJSON *lw_record_metrics(const lw_metrics *metrics)
{
    record made = {cJSON_CreateObject()};
    number(&made, "count", (double)metrics->count);
    number(&made, "correct", (double)metrics->correct);
    number(&made, "accuracy", lw_metrics_accuracy(metrics));
    number(&made, "loss", metrics->loss);
    if (metrics->confusion) take(&made, "confusion", lw_record_confusion(metrics));
    return made.object;
}
