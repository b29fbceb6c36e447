// SPDX-License-Identifier: Apache-2.0
// What the files of `lanewise sweep` share: its settings and the state of a search.
#ifndef LW_CLI_SWEEP_H
#define LW_CLI_SWEEP_H

#include "cli/sweep_space.h"
#include "cli/trials.h"
#include "study/halving.h"

typedef struct lw_sweep_settings {
    lw_common_settings common;
    lw_sweep_values values;
    const char *out;
    int64_t trials, on, seeds, finalists, seed, first_epochs, factor;
    int search; // index into lw_sweep_search_words
    bool again, no_test;
} lw_sweep_settings;

// A choice of settings: trials that differ in their seed alone.
typedef struct lw_sweep_choice {
    char **words; // as lw_sweep_space_draw made them
    size_t n_words;
    char *key;      // the words in one text
    size_t *trials; // in the list; the first is that of the search
    size_t n_trials;
    double accuracy,
        loss; // on validation images, mean over the seeds; not a number: no finished trial
} lw_sweep_choice;

typedef struct lw_sweep {
    const lw_sweep_settings *settings;
    const lw_output *output;
    const char *network;
    lw_sweep_space space;
    lw_trial_store *store;
    lw_trials *trials;
    char *search;             // the text of the search that its trials belong to
    char *set;                // the text under which the store knows it: search, network and data
    lw_sweep_choice *choices; // in the order in which they were drawn
    size_t n_choices;
    size_t *ranked; // choices, the best first
    lw_halving halving;
    char *recipe_file;  // where the best choice was written; NULL: there is none
    lw_test_taken test; // what the test images said, of this or an earlier call
    bool tested;        // there is a test of the best choice
} lw_sweep;

// Ranks the choices: finished ones by accuracy, then by loss; the rest behind them.
void lw_sweep_rank(lw_sweep *sweep);
// The best choice; NULL when none is finished.
const lw_sweep_choice *lw_sweep_best(const lw_sweep *sweep);
// The options of a choice that were chosen, "lr=0.003 batch=32"; owned by the caller.
char *lw_sweep_chosen(const lw_sweep *sweep, const lw_sweep_choice *choice);

// Writes the best choice as a recipe into the search's folder.
lw_status lw_sweep_write_recipe(lw_sweep *sweep);

// Opens the test images for the best choice, unless that has happened before: then what was found is
// taken from the store. LW_ERROR_ARGUMENT where it has happened for another choice, without --again.
lw_status lw_sweep_test(lw_sweep *sweep);

// The answer, as a table and as JSON.
lw_status lw_sweep_report(const lw_sweep *sweep);

#endif
