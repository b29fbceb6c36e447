// SPDX-License-Identifier: Apache-2.0
// Studies: experiments written down as text. A study says which trainings (arms) are compared, by which
// figures, over how many seeds, and what was published about them; docs/studies.md describes the text.
#ifndef LW_STUDY_STUDY_TEXT_H
#define LW_STUDY_STUDY_TEXT_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LW_STUDY_TEXT_LIMIT_BYTES = 1 << 20,
    LW_STUDY_MOST_ARMS = 32,
    LW_STUDY_MOST_OPTIONS = 32,  // of an arm
    LW_STUDY_MOST_PUBLISHED = 4, // figures of an arm
    LW_STUDY_MOST_SEEDS = 1000
};

typedef enum lw_study_kind {
    LW_STUDY_TRAIN,  // arms are trainings
    LW_STUDY_MATCH,  // arms look for equal numbers of parameters
    LW_STUDY_SHAPES, // arms are output sizes of convolutions
    LW_N_STUDY_KINDS
} lw_study_kind;

// The figures that arms are compared by.
typedef enum lw_study_metric {
    LW_STUDY_TEST_ACCURACY,
    LW_STUDY_VALIDATION_ACCURACY,
    LW_STUDY_TRAIN_ACCURACY,
    LW_STUDY_TEST_LOSS,
    LW_STUDY_VALIDATION_LOSS,
    LW_STUDY_PARAMETERS,
    LW_STUDY_IMAGES_PER_SECOND,
    LW_STUDY_SECONDS,
    LW_STUDY_SECONDS_TO_97, // of training, to the epoch that reaches it on the validation images
    LW_STUDY_SECONDS_TO_98,
    LW_STUDY_SECONDS_TO_99,
    LW_STUDY_CHANNELS, // of a match
    LW_STUDY_OUTPUT,   // size, of a shape
    LW_N_STUDY_METRICS
} lw_study_metric;

// How the values of a metric are written: a fraction is in per cent in texts and for people.
typedef enum lw_study_unit {
    LW_STUDY_FRACTION,
    LW_STUDY_LOSS,
    LW_STUDY_COUNT,
    LW_STUDY_RATE,
    LW_STUDY_TIME,
    LW_STUDY_SIZE
} lw_study_unit;

typedef struct lw_study_metric_info {
    const char *name;  // in study texts and JSON: "test_accuracy"
    const char *title; // for people: "test accuracy"
    lw_study_unit unit;
} lw_study_metric_info;

extern const lw_study_metric_info lw_study_metrics[LW_N_STUDY_METRICS];
extern const char *const lw_study_kind_words[LW_N_STUDY_KINDS];

// What a report of the study draws; bits.
enum {
    LW_STUDY_PLOT_CURVES = 1,     // loss and accuracy per epoch
    LW_STUDY_PLOT_CONFUSION = 2,  // matrix of the first arm
    LW_STUDY_PLOT_SIZES = 4,      // accuracy at each size of image
    LW_STUDY_PLOT_PARAMETERS = 8, // parameters against accuracy
    LW_STUDY_PLOT_ARMS = 16,      // the first figure of each arm, with its interval
    LW_STUDY_PLOT_DRAWINGS = 32   // of shapes
};

// A figure that somebody published.
typedef struct lw_study_published {
    lw_study_metric metric;
    double value;       // a fraction where the metric is one; NaN for a size
    const char *text;   // as it was written
    const char *source; // "the fixed-resolution document"
} lw_study_published;

// An option of the training, as on the command line; `value` is NULL for a flag.
typedef struct lw_study_option {
    const char *name, *value;
    int32_t line, column;
} lw_study_option;

// Two numbers, "3" or "3x5".
typedef struct lw_study_pair {
    int32_t first, second;
} lw_study_pair;

typedef struct lw_study_arm {
    const char *name;                               // one word
    const char *title;                              // of a few words; the name where none was given
    const char *network;                            // kinds train and match
    lw_study_option options[LW_STUDY_MOST_OPTIONS]; // its own and those of the whole study
    size_t n_options;
    lw_study_published published[LW_STUDY_MOST_PUBLISHED];
    size_t n_published;
    const char *layer, *to;                            // kind match
    lw_study_pair size, kernel, stride, pad, dilation; // kind shapes
    int32_t
        against; // index of the arm that this one is compared with: its own word, or the study's; -1: none
    int32_t line, column;
} lw_study_arm;

typedef struct lw_study {
    char name[48];     // the file's, without ".study"
    char *source;      // the path, for messages
    const char *title; // one line
    char *about;       // a paragraph; "" when there is none
    lw_study_kind kind;
    int32_t seeds; // 1 where nothing is drawn by lot
    int32_t on;    // cores; 0: as many as there are
    lw_study_metric compare[LW_N_STUDY_METRICS];
    size_t n_compare;
    unsigned plot;
    int32_t
        against; // index of the arm that the others are compared with, unless they name one; -1: none
    lw_study_arm *arms;
    size_t n_arms;
    char *strings; // what the pointers above point into
} lw_study;

// An option of the training that a study may set.
typedef struct lw_study_known_option {
    const char *name;
    bool takes_value;
} lw_study_known_option;

// Reads a study. `source` is the path for messages, whose file name gives the study its name; `options`
// are the names that a training knows (their values are for the caller to check, who finds the place of each
// in the arm). LW_ERROR_INPUT with "file:line:column: ..." for all that is wrong, with the nearest known word;
// LW_ERROR_MEMORY. *study is NULL then.
lw_status lw_study_parse(lw_study **study, const char *text, size_t text_bytes, const char *source,
                         const lw_study_known_option *options, size_t n_options);
void lw_study_destroy(lw_study **study);

// The option of that name; NULL when the arm has none.
const lw_study_option *lw_study_find_option(const lw_study_arm *arm, const char *name);

// What was published about that figure of the arm; NULL when nothing was.
const lw_study_published *lw_study_find_published(const lw_study_arm *arm, lw_study_metric metric);

#endif
