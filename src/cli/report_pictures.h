// SPDX-License-Identifier: Apache-2.0
// What a trained network gets wrong, and what its first layer looks for, as pictures on a page.
#ifndef LW_CLI_REPORT_PICTURES_H
#define LW_CLI_REPORT_PICTURES_H

#include "cli/common.h"
#include "report/page.h"
#include "run/run_summary.h"

// Adds the wrongly classified test images of a run, those of the worst mixed-up pairs of classes first, and
// the filters of its first convolution. `title` heads them. What cannot be had (the data are not at hand any
// more, no libpng) is said on the page and noted, and is no failure. LW_ERROR_MEMORY, LW_ERROR_INTERRUPTED.
lw_status lw_report_pictures(lw_page *page, const lw_run_summary *run, const char *title,
                             const lw_common_settings *settings, const lw_output *output);

#endif
