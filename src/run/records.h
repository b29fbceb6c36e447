// SPDX-License-Identifier: Apache-2.0
// The JSON records of a run directory (docs/run-directory.md names every key). Each function makes
// a value that the caller owns (cJSON_Delete), or returns NULL without memory.
#ifndef LW_RUN_RECORDS_H
#define LW_RUN_RECORDS_H

#include <cjson/cJSON.h>
#include <lanewise/metrics.h>
#include <lanewise/model.h>
#include <lanewise/train.h>

// A line of log.jsonl after an epoch.
cJSON *lw_record_epoch(const lw_epoch_result *result);

// A line of log.jsonl after a step, counted from 1; `loss` is the batch's mean, before the update.
cJSON *lw_record_step(int64_t step, double loss);

// A line of log.jsonl where an interrupted run went on.
cJSON *lw_record_resume(const lw_train_position *position);

// The optimizer, schedule and numbers of config.json; the caller adds the data. What is added here has to be 0,
// false or null where it is off, as it was in runs from before: those stay the same recipe and the same trial.
cJSON *lw_record_config(const lw_train_config *config);

// One data set's part of metrics.json: counts, accuracy, loss, and the confusion matrix where there
// is one (rows: true class).
cJSON *lw_record_metrics(const lw_metrics *metrics);

// The confusion matrix alone, an array of rows; NULL also when the metrics have none.
cJSON *lw_record_confusion(const lw_metrics *metrics);

// An array with an object for each size: height, width, images, correct, accuracy, loss.
cJSON *lw_record_sizes(const lw_size_metrics *sizes, size_t n_sizes);

#endif
