// SPDX-License-Identifier: Apache-2.0
// What the place that text goes to can show: a terminal that redraws and colours, or a plain file.
#ifndef LW_REPORT_TERMINAL_H
#define LW_REPORT_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef struct lw_terminal {
    bool interactive; // a terminal whose current line can be redrawn
    bool colour;      // an interactive terminal, and the user did not set NO_COLOR
    bool unicode;     // the locale is UTF-8: block characters and lines may be used
    int columns;      // width in characters; 80 where nothing says
} lw_terminal;

// Looks at the file, at TERM, NO_COLOR (https://no-color.org) and at the locale variables.
lw_terminal lw_terminal_of(FILE *file);

// The width now (the user may resize the window while a progress bar runs), at least 20.
int lw_terminal_columns(FILE *file);

// How a piece of text stands out on a terminal with colours; elsewhere it is printed plainly.
typedef enum lw_style {
    LW_STYLE_PLAIN,
    LW_STYLE_BOLD,
    LW_STYLE_DIM,
    LW_STYLE_GOOD, // green
    LW_STYLE_BAD   // red
} lw_style;

// The control sequences that begin and end a style; "" without colours.
const char *lw_style_begin(const lw_terminal *terminal, lw_style style);
const char *lw_style_end(const lw_terminal *terminal, lw_style style);

#endif
