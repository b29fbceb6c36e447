// SPDX-License-Identifier: Apache-2.0
// The databases that the program keeps, a history and a store of trials: small ones, and what holds of them
// whatever happened to the process that wrote them.
#ifndef LW_TESTS_FAULT_DATABASES_H
#define LW_TESTS_FAULT_DATABASES_H

#include "cli/program.h"

// Makes the folders of two finished trainings, `r1` and `r2`, for `track record --run`.
void databases_make_runs(void);

// SQLite finds nothing wrong with the file; one that is not there is fine. `what` is for the failure.
void expect_sound_database(const char *path, const char *what);

// How many times the history h.db was recorded to. Fails when the program cannot say.
int count_records(const char *what);

// Two small trainings side by side, in that folder.
program_result databases_train_seeds(const char *folder);

// The folder holds what databases_train_seeds makes of it in peace, which is in `whole`.
void expect_whole_seeds(const char *folder, const char *what);

#endif
