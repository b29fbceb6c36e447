// SPDX-License-Identifier: Apache-2.0
// The figures that a study can compare, and what an arm says about them.
#include "study/study_text.h"

#include <stdlib.h>
#include <string.h>

const lw_study_metric_info lw_study_metrics[LW_N_STUDY_METRICS] = {
    [LW_STUDY_TEST_ACCURACY] = {"test_accuracy", "test accuracy", LW_STUDY_FRACTION},
    [LW_STUDY_VALIDATION_ACCURACY] = {"validation_accuracy", "validation", LW_STUDY_FRACTION},
    [LW_STUDY_TRAIN_ACCURACY] = {"train_accuracy", "training", LW_STUDY_FRACTION},
    [LW_STUDY_TEST_LOSS] = {"test_loss", "test loss", LW_STUDY_LOSS},
    [LW_STUDY_VALIDATION_LOSS] = {"validation_loss", "validation loss", LW_STUDY_LOSS},
    [LW_STUDY_PARAMETERS] = {"parameters", "parameters", LW_STUDY_COUNT},
    [LW_STUDY_IMAGES_PER_SECOND] = {"images_per_second", "images/s", LW_STUDY_RATE},
    [LW_STUDY_SECONDS] = {"seconds", "training time", LW_STUDY_TIME},
    [LW_STUDY_SECONDS_TO_97] = {"seconds_to_97", "to 97 %", LW_STUDY_TIME},
    [LW_STUDY_SECONDS_TO_98] = {"seconds_to_98", "to 98 %", LW_STUDY_TIME},
    [LW_STUDY_SECONDS_TO_99] = {"seconds_to_99", "to 99 %", LW_STUDY_TIME},
    [LW_STUDY_CHANNELS] = {"channels", "channels", LW_STUDY_COUNT},
    [LW_STUDY_OUTPUT] = {"output", "output", LW_STUDY_SIZE},
};

const char *const lw_study_kind_words[LW_N_STUDY_KINDS] = {
    [LW_STUDY_TRAIN] = "train", [LW_STUDY_MATCH] = "match", [LW_STUDY_SHAPES] = "shapes"};

void lw_study_destroy(lw_study **study)
{
    if (!study || !*study) return;
    free((*study)->strings);
    free((*study)->source);
    free((*study)->about);
    free((*study)->arms);
    free(*study);
    *study = NULL;
}

const lw_study_option *lw_study_find_option(const lw_study_arm *arm, const char *name)
{
    for (size_t i = 0; i < arm->n_options; i++)
        if (strcmp(arm->options[i].name, name) == 0) return &arm->options[i];
    return NULL;
}

const lw_study_published *lw_study_find_published(const lw_study_arm *arm, lw_study_metric metric)
{
    for (size_t i = 0; i < arm->n_published; i++)
        if (arm->published[i].metric == metric) return &arm->published[i];
    return NULL;
}
