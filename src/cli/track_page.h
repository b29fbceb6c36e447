// SPDX-License-Identifier: Apache-2.0
// The history as one self-contained page.
#ifndef LW_CLI_TRACK_PAGE_H
#define LW_CLI_TRACK_PAGE_H

#include "cli/track_history.h"

typedef struct lw_track_page {
    const lw_series *series;
    size_t n;
    const lw_machine *machine;
    const char *history; // the file, for the head of the page
} lw_track_page;

// Appends the page as HTML: verdicts first, then a heat map against oneDNN where the names of the
// benchmarks have one to compare with, then a chart for each benchmark.
void lw_track_page_print(lw_text *out, const lw_track_page *page);

#endif
