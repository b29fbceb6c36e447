// SPDX-License-Identifier: Apache-2.0
// Runs as one page for a browser.
#ifndef LW_CLI_REPORT_PAGE_H
#define LW_CLI_REPORT_PAGE_H

#include "cli/report_runs.h"
#include "report/page.h"

// Begins the page: the answer, results, curves, sizes, confusion matrices. Then comes what needs the data or
// the models (cli/report_pictures.h). LW_ERROR_MEMORY.
lw_status lw_report_page_begin(lw_page *page, const lw_run_set *set);

// Adds what is looked at last: where the time went, all settings. LW_ERROR_MEMORY.
lw_status lw_report_page_end(lw_page *page, const lw_run_set *set);

// The tables that the terminal shows too; each is owned by the caller (lw_table_destroy).
lw_status lw_report_groups_table(lw_table **table, const lw_run_set *set);
lw_status lw_report_runs_table(lw_table **table, const lw_run_set *set);
// Recipes that differ in the algorithms of their convolutions alone; NULL where there are none.
lw_status lw_report_convolutions_table(lw_table **table, const lw_run_set *set);

// The answer in words, "98.68 %" and "mean test accuracy of 4 runs ...".
void lw_report_headline(char figure[static 32], char sentence[static 512], const lw_run_set *set);

#endif
