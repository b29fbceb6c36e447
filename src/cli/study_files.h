// SPDX-License-Identifier: Apache-2.0
// Studies by name: where they are, and what a training says to their options.
#ifndef LW_CLI_STUDY_FILES_H
#define LW_CLI_STUDY_FILES_H

#include "cli/common.h"
#include "cli/shipped.h"
#include "study/study_text.h"

// Reads a study file, or the shipped study of that name ("lab"). LW_ERROR_NOT_FOUND lists the shipped ones.
// Options are checked as if they stood on the command line of `lanewise train`: LW_ERROR_INPUT with the place.
lw_status lw_study_find(lw_study **study, const char *argument);

// The names of the shipped studies, sorted; each is owned by the caller.
size_t lw_study_list(char *names[LW_MOST_SHIPPED]);

// Where a network that a study names is: a file beside the study, or what the name means elsewhere. `path`
// has `path_bytes` of room.
void lw_study_network_path(const lw_study *study, const char *network, char *path,
                           size_t path_bytes);

// Loads it.
lw_status lw_study_network(lw_network **network, const lw_study *study, const char *name);

// The options of an arm as words: "lr=1e-4", "exact". Returns how many there are; each is owned by the caller
// (NULL where memory ran out).
size_t lw_study_option_words(const lw_study_arm *arm, char *words[LW_STUDY_MOST_OPTIONS]);

// Refuses arms whose options or networks make no sense, with the place.
lw_status lw_study_check(const lw_study *study);

#endif
