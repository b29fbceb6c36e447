// SPDX-License-Identifier: Apache-2.0
// Accuracy at each size of image.
#ifndef LW_REPORT_SIZES_H
#define LW_REPORT_SIZES_H

#include "report/terminal.h"

#include <lanewise/metrics.h>
#include <stddef.h>
#include <stdio.h>

// Prints an empty line and a table of size, images, accuracy and loss; nothing for fewer than two sizes. More
// sizes than fit a screen are put together, neighbours to bands of about as many images each.
lw_status lw_sizes_print(const lw_size_metrics *sizes, size_t n_sizes, FILE *file,
                         const lw_terminal *terminal);

#endif
