// SPDX-License-Identifier: Apache-2.0
// `lanewise study run`: its settings, and how it comes to results.
#ifndef LW_CLI_STUDY_RUN_H
#define LW_CLI_STUDY_RUN_H

#include "cli/study_result.h"

typedef struct lw_study_settings {
    lw_common_settings common;
    int64_t seeds, epochs, on; // 0: as the study says
    const char *arms, *out;
    bool quick;
} lw_study_settings;

// The command.
lw_status lw_study_run(const lw_invocation *invocation);

// Kind train: writes what the settings say otherwise into the study, trains what is not done yet, and fills
// in the trials of every arm.
lw_status lw_study_train(lw_study_result *result, lw_study *study,
                         const lw_study_settings *settings, const lw_output *output);

#endif
