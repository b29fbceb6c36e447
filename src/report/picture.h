// SPDX-License-Identifier: Apache-2.0
// Images drawn with characters, several side by side, each with lines of text under it.
#ifndef LW_REPORT_PICTURE_H
#define LW_REPORT_PICTURE_H

#include "report/terminal.h"

#include <lanewise/data.h>
#include <stddef.h>
#include <stdio.h>

// The width of a drawn picture with its gap, in terminal columns: four fit 80.
enum { LW_PICTURE_COLUMNS = 20 };

typedef struct lw_picture {
    lw_sample image;                         // 1 or 3 channels (more: the first is drawn)
    char caption[2][4 * LW_PICTURE_COLUMNS]; // lines below it
    lw_style style;                          // of the first line
} lw_picture;

// Sets a line of the caption (0 or 1), cut to the width of a picture.
void lw_picture_caption(lw_picture *picture, int line, const char *text);

// Draws the pictures in rows as wide as the terminal (at most 4 in a row). A character stands for
// 2x2 points: two greys and a block character on a terminal with colours, black and white without,
// a brightness ramp of ASCII characters where the locale is not UTF-8. Bright points are drawn: the
// images are light on dark.
void lw_picture_print(const lw_picture *pictures, size_t n, FILE *file,
                      const lw_terminal *terminal);

#endif
