// SPDX-License-Identifier: Apache-2.0
// The history as one self-contained page.
#ifndef LW_CLI_TRACK_PAGE_H
#define LW_CLI_TRACK_PAGE_H

#include "cli/track_history.h"
#include "report/page.h"

typedef struct lw_track_page {
    const lw_series *series;
    size_t n;
    const lw_machine *machine;
    const char *history; // the file, for the head of the page
} lw_track_page;

// Fills the page: verdicts first, then a heat map against oneDNN where the names of the benchmarks have
// one to compare with, then a chart for each benchmark. The caller writes or frees it.
void lw_track_page_print(lw_page *page, const lw_track_page *history);

#endif
