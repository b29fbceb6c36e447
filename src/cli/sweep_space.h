// SPDX-License-Identifier: Apache-2.0
// The options of a training where `lanewise sweep` takes them: each with one value, or with several to
// choose from.
#ifndef LW_CLI_SWEEP_SPACE_H
#define LW_CLI_SWEEP_SPACE_H

#include "cli/command.h"
#include "study/space.h"

// What the user wrote for each of the options, in the order of lw_sweep_space_table.
typedef struct lw_sweep_values {
    const char *texts[LW_OPTION_LIMIT];
    bool flags[LW_OPTION_LIMIT];
} lw_sweep_values;

// Adds the table of these options; `offset` is that of the lw_sweep_values in the settings.
void lw_sweep_space_table(lw_option_tables *options, size_t offset);

// What is the same for all trials, as words of a training, and what is chosen.
typedef struct lw_sweep_space {
    char **fixed; // "data=mnist"
    size_t n_fixed;
    lw_space space;
} lw_sweep_space;

// Reads what was given. In any case lw_sweep_space_free. LW_ERROR_ARGUMENT names the option.
lw_status lw_sweep_space_read(lw_sweep_space *space, const lw_sweep_values *values,
                              const lw_option_result *given);
void lw_sweep_space_free(lw_sweep_space *space);

// The words of trial number `number` (from 0 on) of the search with that seed: the fixed ones, then one
// for each option that is chosen; one that has no effect together with the others is left out.
// *words and the texts in it are for lw_sweep_words_free.
lw_status lw_sweep_space_draw(const lw_sweep_space *space, const char *network, uint64_t seed,
                              uint64_t number, char ***words, size_t *n_words);
void lw_sweep_words_free(char **words, size_t n_words);

#endif
