// SPDX-License-Identifier: Apache-2.0
// What `lanewise train` does to images before the network sees them: resizing, rescaling at random,
// augmentation. And resizing as other commands need it.
#ifndef LW_CLI_IMAGE_OPTIONS_H
#define LW_CLI_IMAGE_OPTIONS_H

#include "cli/train_job.h"

enum { LW_N_IMAGE_OPTIONS = 3 }; // --augment --scale-jitter --resize
extern const lw_option lw_image_option_table[LW_N_IMAGE_OPTIONS];

// Reads the three options into the job, whose configuration then refers to the job's augmentation.
// LW_ERROR_ARGUMENT names the option and the word.
lw_status lw_train_read_images(lw_train_job *job);

// Replaces every part of a data set by one that a recipe made, with progress on stderr; nothing for
// height 0. `threads` 0: as many as this process may use.
lw_status lw_resize_splits(lw_data_splits *splits, const lw_resize *resize, int32_t threads,
                           const lw_output *output);

#endif
