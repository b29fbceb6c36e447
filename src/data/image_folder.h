// SPDX-License-Identifier: Apache-2.0
// Folders and archives of images as data sets.
#ifndef LW_DATA_IMAGE_FOLDER_H
#define LW_DATA_IMAGE_FOLDER_H

#include <lanewise/data.h>

// All files of the cache together.
static const uint64_t lw_image_cache_limit_bytes = (uint64_t)16 << 30;

// Opens a folder or, with `archive`, an archive, and divides it as the options say. `name` is the
// name that the parts get. On failure the caller closes *splits.
lw_status lw_image_folder_open(lw_data_splits *splits, const char *path, const char *name,
                               bool archive, const lw_data_options *options);

#endif
