// SPDX-License-Identifier: Apache-2.0
// What `lanewise data export` and `data varres` share: writing an image folder with a progress bar, and
// saying what was written.
#ifndef LW_CLI_DATA_EXPORT_H
#define LW_CLI_DATA_EXPORT_H

#include "cli/common.h"
#include "cli/json.h"
#include "report/progress.h"

// A progress bar of images that are drawn or written.
typedef struct lw_image_progress {
    lw_progress bar;
    const char *verb; // "writing"
    double begun;
    bool quiet;
} lw_image_progress;

lw_image_progress lw_image_progress_begin(const char *verb, const lw_output *output);

// For lw_export_options: shows how far it is; false after Ctrl-C. `user` is the lw_image_progress.
bool lw_image_progress_update(void *user, size_t done, size_t count);

// Writes the parts of a data set into a new folder, with `manifest` (which passes to this function) beside
// them, and prints the result. Ctrl-C stops it and leaves nothing behind.
lw_status lw_export_data(const lw_data_splits *splits, const char *folder, int64_t threads,
                         cJSON *manifest, const lw_output *output);

#endif
