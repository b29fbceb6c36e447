// SPDX-License-Identifier: Apache-2.0
// Encoding images without writing a file yet.
#ifndef LW_DATA_IMAGE_WRITE_H
#define LW_DATA_IMAGE_WRITE_H

#include "base/text.h"

#include <lanewise/data.h>

// Appends the image as PNG to `file`. `quick`: where thousands are written, time counts more than the last
// bytes. `name` is for messages. LW_ERROR_ARGUMENT, LW_ERROR_MEMORY, LW_ERROR_UNSUPPORTED as
// lw_image_write.
lw_status lw_image_encode(lw_text *file, const lw_sample *image, bool quick, const char *name);

#endif
