// SPDX-License-Identifier: Apache-2.0
// How a training run, or any long work, shows that it moves: a bar that is redrawn in place on a
// terminal, now and then a line elsewhere, and one lasting line per epoch in both.
#ifndef LW_REPORT_PROGRESS_H
#define LW_REPORT_PROGRESS_H

#include "report/terminal.h"

#include <lanewise/train.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct lw_progress {
    FILE *file;
    lw_terminal terminal;
    double begun, last_shown; // seconds on the caller's clock
    bool drawn;               // there is a bar on the current line
    bool validation;          // epochs end with a validation pass
} lw_progress;

// A progress display on `file` that starts at `now`.
lw_progress lw_progress_begin(FILE *file, bool validation, double now);

// Shows the state, unless the last showing was a moment ago (a tenth of a second on a terminal,
// five seconds elsewhere). `now` is in seconds on any clock that does not jump.
void lw_progress_update(lw_progress *progress, const lw_train_progress *state, double now);

// Replaces the bar by the line of a finished epoch.
void lw_progress_epoch(lw_progress *progress, const lw_epoch_result *result, int32_t epochs,
                       double now);

// Shows how far some other work is, once it has taken two seconds: "measuring 3 of 9", a bar, a
// percentage. `what` is one short text, `fraction` the share that is done.
void lw_progress_work(lw_progress *progress, const char *what, double fraction, double now);

// Takes the bar away; the line is empty again.
void lw_progress_clear(lw_progress *progress);

#endif
