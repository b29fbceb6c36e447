// SPDX-License-Identifier: Apache-2.0
// What came of a study: figures of its arms over the seeds, beside what was published.
#ifndef LW_CLI_STUDY_RESULT_H
#define LW_CLI_STUDY_RESULT_H

#include "base/text.h"
#include "cli/common.h"
#include "cli/match.h"
#include "cli/trials.h"
#include "report/table.h"
#include "study/study_text.h"
#include "study/summary.h"
#include "study/trial.h"

#include <cjson/cJSON.h>

// Pictures up to this side are convolved and drawn.
enum { LW_STUDY_MOST_DRAWN = 16 };

// A convolution of one channel, and what it makes of a small picture.
typedef struct lw_study_shape {
    int32_t out[2]; // in the order of the study's text, width x height
    int64_t parameters;
    bool drawn;
    float picture[LW_STUDY_MOST_DRAWN * LW_STUDY_MOST_DRAWN]; // row by row, 0 (black) to 1
    float result[LW_STUDY_MOST_DRAWN * LW_STUDY_MOST_DRAWN];
} lw_study_shape;

typedef struct lw_study_arm_result {
    const lw_study_arm *arm;
    const lw_trial **trials; // kind train: those that are finished, by seed; of the result's list
    size_t n_trials;
    const char *failure; // why one of them failed; NULL: none did
    int64_t parameters;  // of the network, or of the match that was found; -1: not known
    lw_match match;      // kind match; its networks are gone
    lw_study_shape shape;
} lw_study_arm_result;

typedef struct lw_study_result {
    const lw_study *study;
    lw_study_arm_result *arms; // as many as the study has
    char *folder;              // of the runs and the page; owned; NULL: none
    lw_trials *trials;         // kind train; owned, as is the store
    lw_trial_store *store;
    const char *data, *data_source; // the name of the data and where they come from; may be NULL
    int32_t seeds;                  // that were asked for
    size_t n_done, n_trials;
    void *texts;      // that options of the study refer to; owned
    bool quick;       // one short epoch of few images: to see that it works
    int32_t epochs;   // --epochs; 0: as the study says
    int64_t finished; // seconds since 1970
} lw_study_result;

lw_status lw_study_result_create(lw_study_result **result, const lw_study *study);
void lw_study_result_destroy(lw_study_result **result);

// The figure of a single trial (NaN: it has none), and its accuracy at one of its sizes of test images.
double lw_study_trial_value(const lw_trial *trial, lw_study_metric metric);
double lw_study_size_accuracy(const lw_trial *trial, size_t index);

// The figure over the seeds.
lw_summary lw_study_summarize(const lw_study_arm_result *arm, lw_study_metric metric);

// The figure minus that of another arm, seed by seed.
lw_summary lw_study_difference(const lw_study_arm_result *arm, const lw_study_arm_result *other,
                               lw_study_metric metric);

// The first figure of the study that seeds can change; the first one where there is none.
lw_study_metric lw_study_headline(const lw_study *study);

// Texts for people. A value as "98.53 %"; a summary as "98.53 +- 0.08 %" (with the sign for it where
// `unicode`); its interval as "98.47 to 98.59 %" or "-".
typedef struct lw_study_words {
    char text[192];
} lw_study_words;
lw_study_words lw_study_format(lw_study_metric metric, double value);
lw_study_words lw_study_format_summary(const lw_study_arm_result *arm, lw_study_metric metric,
                                       bool unicode);
lw_study_words lw_study_format_interval(lw_study_metric metric, const lw_summary *summary);

// True when the figures are of the data that published ones are of, and no quick look.
bool lw_study_can_compare(const lw_study_result *result);

// The sentences below the table: where a published figure lies outside the interval, and how the arms differ
// from the one they are compared with. `index` from 0 on; false when there are no more.
typedef struct lw_study_sentence {
    char text[1024];
} lw_study_sentence;
size_t lw_study_sentences(const lw_study_result *result, lw_study_sentence *sentences,
                          size_t capacity);

// The tables, on a terminal or a page; owned by the caller. *table is NULL when there is nothing to show.
lw_status lw_study_make_table(lw_table **table, const lw_study_result *result, bool unicode);

// Prints tables, sentences and drawings.
lw_status lw_study_print(const lw_study_result *result, const lw_output *output);

// Appends title, what was run where and when, table and sentences as Markdown.
lw_status lw_study_append_markdown(const lw_study_result *result, lw_text *text);

// What a study says, and everything that came of it, as JSON; NULL without memory.
cJSON *lw_study_json(const lw_study *study);
cJSON *lw_study_result_json(const lw_study_result *result);

// Kinds match and shapes: works it out.
lw_status lw_study_find_match(lw_study_arm_result *arm, const lw_study *study);
lw_status lw_study_find_shape(lw_study_arm_result *arm);

// Draws the shapes of a study with characters, or appends an SVG element.
lw_status lw_study_print_shapes(const lw_study_result *result, FILE *file,
                                const lw_terminal *terminal);
void lw_study_draw_shape(lw_text *svg, const lw_study_arm_result *arm);

// Writes the page report.html.
lw_status lw_study_write_page(const lw_study_result *result, const char *path);

#endif
