// SPDX-License-Identifier: Apache-2.0
// What several subcommands need: the shared options, notes, networks by name, data sets, figures of
// this process.
#ifndef LW_CLI_COMMON_H
#define LW_CLI_COMMON_H

#include "cli/command.h"

#include <lanewise/data.h>
#include <lanewise/network.h>
#include <stdint.h>

// The options behind lw_common_settings, in groups. The counts are constants for the commands'
// tables.
enum {
    LW_N_DATA_OPTIONS = 2,    // --data --train-limit
    LW_N_OFFLINE_OPTIONS = 3, // --offline --skip-bad --memory
    LW_N_THREAD_OPTIONS = 1,  // --threads
    LW_N_OUTPUT_OPTIONS = 2   // --json --quiet
};
extern const lw_option lw_data_option_table[LW_N_DATA_OPTIONS];
extern const lw_option lw_offline_option_table[LW_N_OFFLINE_OPTIONS];
extern const lw_option lw_thread_option_table[LW_N_THREAD_OPTIONS];
extern const lw_option lw_output_option_table[LW_N_OUTPUT_OPTIONS];

// Prints a sentence on stderr, unless --quiet.
__attribute__((format(printf, 2, 3))) void lw_note(const lw_output *output, const char *format,
                                                   ...);

// The same as a callback of the library: `output` is an lw_output.
void lw_note_sentence(void *output, const char *sentence);

// Loads a network file, or the shipped network of that name ("lab"). LW_ERROR_NOT_FOUND lists the
// shipped ones.
lw_status lw_find_network(lw_network **network, const char *argument);

// The number of threads to work with: as many as were asked for, as far as there are processors for them, or else
// as many as this process may use.
int32_t lw_settings_threads(const lw_common_settings *settings);

// Opens the data set that the settings name, with a progress bar where that takes long, and notes
// where it came from and what was left out of it. `validation` as in lw_data_options.
lw_status lw_open_data(lw_data_splits *splits, const lw_common_settings *settings, const char *name,
                       int64_t validation, const lw_output *output);

// The channels that images have to come in for a network, where images can have them; else 0.
int32_t lw_data_channels(const lw_network *network);

// Lists what was left out of a data set: the first ten problems and how many there are.
void lw_note_problems(const lw_data_splits *splits, const lw_output *output);

// The parts of a data set in the words of --split, NULL-terminated: train, validation, test.
extern const char *const lw_split_words[4];
// The part with that index; NULL when there is none (no validation images).
const lw_dataset *lw_split_at(const lw_data_splits *splits, int index);

// Class names of a data set as an array; owned by the caller (free()), the names by the set.
lw_status lw_class_names(const char ***names, const lw_dataset *dataset);

// The most memory this process has held at once, in bytes; 0 where the system does not say.
uint64_t lw_peak_memory_bytes(void);

#endif
