// SPDX-License-Identifier: Apache-2.0
// A folder of images and a run on them, made by the program before the tests of a group: what
// `train` left behind and `eval` and `predict` work on. Test programs include this after
// <cmocka.h>.
#ifndef LW_TESTS_CLI_SMALL_RUN_H
#define LW_TESTS_CLI_SMALL_RUN_H

#include "cli/answer.h"

// Making the built-in digits takes longer than all that is done with them here: a part of them is
// written once, as IDX files in the folder `small`. n_train counts validation images too.
enum { n_train = 1700, n_validation = 200, n_test = 400, side = 28 };

// The object that `train --json` printed about the run, which is runs/lab_small-1.
extern cJSON *small_run_result;

// Enters a folder of the test's own and makes `small` there, without a run.
int small_run_make_data(void **state);

// Enters a folder of the test's own and makes there: `small`; first.png, the first test image,
// inverted.png and colour.png, the same inverted and with three channels, wide.png, which is 29
// pixels wide (none of them where the build has no libpng); the run.
int small_run_make(void **state);
int small_run_remove(void **state);

// Skips the test where the build has no libpng.
void small_run_needs_pictures(void);

#endif
