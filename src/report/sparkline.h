// SPDX-License-Identifier: Apache-2.0
// A curve in one line of a terminal.
#ifndef LW_REPORT_SPARKLINE_H
#define LW_REPORT_SPARKLINE_H

#include "report/terminal.h"

#include <stddef.h>
#include <stdio.h>

// Prints the values as characters of eight heights, from the least to the greatest of them, one value a
// column; more values than `columns` are put together by their means. A value that is not finite is a
// blank. Where the locale is not UTF-8 the heights are the characters "_.-:=+*#".
void lw_sparkline_print(const double *values, size_t n, size_t columns, FILE *file,
                        const lw_terminal *terminal);

#endif
