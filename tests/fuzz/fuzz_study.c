// SPDX-License-Identifier: Apache-2.0
// Texts of studies.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "study/study_text.h"

#include <string.h>

static void look_at_arm(const lw_study *study, const lw_study_arm *arm)
{
    LW_FUZZ_CHECK(*arm->name && arm->title);
    lw_fuzz_check_readable(arm->name);
    LW_FUZZ_CHECK(arm->n_options <= LW_STUDY_MOST_OPTIONS);
    LW_FUZZ_CHECK(arm->n_published <= LW_STUDY_MOST_PUBLISHED);
    for (size_t i = 0; i < arm->n_options; i++) {
        const lw_study_option *option = &arm->options[i];
        // An option stands once in an arm, and is found there.
        LW_FUZZ_CHECK(lw_study_find_option(arm, option->name) == option);
        if (option->value) lw_fuzz_touch(option->value, strlen(option->value));
    }
    for (size_t i = 0; i < arm->n_published; i++) {
        const lw_study_published *published = &arm->published[i];
        LW_FUZZ_CHECK(published->metric >= 0 && published->metric < LW_N_STUDY_METRICS);
        LW_FUZZ_CHECK(published->text && published->source);
    }
    if (study->kind == LW_STUDY_SHAPES)
        LW_FUZZ_CHECK(arm->size.first > 0 && arm->kernel.second > 0 && arm->stride.first > 0);
    else
        LW_FUZZ_CHECK(arm->network && *arm->network);
}

void lw_fuzz_study(const uint8_t *bytes, size_t count)
{
    static const lw_study_known_option options[] = {
        {"data", true},      {"optimizer", true}, {"lr", true},    {"epochs", true},
        {"nesterov", false}, {"augment", true},   {"exact", false}};
    lw_study *study;
    const lw_status status = lw_study_parse(&study, (const char *)bytes, count, "fuzz.study",
                                            options, sizeof options / sizeof *options);
    if (status) {
        LW_FUZZ_CHECK(!study);
        lw_fuzz_check_refusal(status);
        return;
    }
    LW_FUZZ_CHECK(study->n_arms >= 1 && study->n_arms <= LW_STUDY_MOST_ARMS);
    LW_FUZZ_CHECK(study->seeds >= 1 && study->seeds <= LW_STUDY_MOST_SEEDS && study->on >= 0);
    LW_FUZZ_CHECK(study->n_compare <= LW_N_STUDY_METRICS);
    LW_FUZZ_CHECK(study->against >= -1 && study->against < (int32_t)study->n_arms);
    for (size_t i = 0; i < study->n_arms; i++) look_at_arm(study, &study->arms[i]);
    lw_study_destroy(&study);
}
