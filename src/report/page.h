// SPDX-License-Identifier: Apache-2.0
// A self-contained HTML page: one file that needs no network and no other file, light and dark as the
// reader prefers, for screens of any width and for paper. It is put together from the top down:
//
//     lw_page page;
//     lw_page_begin(&page, "Two runs", "fixed on mnist");
//     lw_page_section(&page, "Accuracy");
//     lw_page_chart(&page, "Accuracy after each epoch", &chart);
//     lw_page_table(&page, "Runs", table);
//     status = lw_page_write(&page, "report.html");
//
// Every text that is handed over is escaped. Tables and the figures of charts are on the page as JSON
// too, in script elements of the type application/json: an object {"name", "rows"}. Running out of memory
// on the way is remembered and reported by lw_page_write.
#ifndef LW_REPORT_PAGE_H
#define LW_REPORT_PAGE_H

#include "base/text.h"
#include "report/chart.h"
#include "report/table.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct lw_page {
    lw_text text; // what was put together so far; what is appended must be well-formed HTML
    size_t n_figures;
    char figure[256]; // the caption of the figure that is open, or was last
    bool in_section, failed;
} lw_page;

// Starts a page; `subtitle` may be NULL.
void lw_page_begin(lw_page *page, const char *title, const char *subtitle);

// The answer first: a figure in large letters ("98.68 %") and what it is.
__attribute__((format(printf, 3, 4))) void lw_page_headline(lw_page *page, const char *figure,
                                                            const char *format, ...);

// A box to type words into: tables rows and figures whose name (first cell, caption) lacks any of them are
// hidden. At most one a page.
void lw_page_filter(lw_page *page, const char *label);

// Begins a section with a heading; it ends where the next one begins.
void lw_page_section(lw_page *page, const char *title);

__attribute__((format(printf, 2, 3))) void lw_page_paragraph(lw_page *page, const char *format,
                                                             ...);

// Lines of a file as they are.
void lw_page_code(lw_page *page, const char *text);

// A table that scrolls sideways where the screen is too narrow. `name` heads it and names its JSON;
// NULL in a figure of the same name. The table stays the caller's.
void lw_page_table(lw_page *page, const char *name, const lw_table *table);

// The same for a matrix of numbers on coloured grounds (lw_table_heat).
void lw_page_heat_map(lw_page *page, const char *name, const lw_table *table);

// Figures between these stand side by side where there is room.
void lw_page_grid_begin(lw_page *page);
void lw_page_grid_end(lw_page *page);

// The same for figures that are each as wide as what is in them.
void lw_page_row_begin(lw_page *page);
void lw_page_row_end(lw_page *page);

// A chart with its legend, a line that follows the pointer or the arrow keys and says the values, and
// its table to fold out.
void lw_page_chart(lw_page *page, const char *name, const lw_chart *chart);

// A figure of one's own: what is appended to page->text in between, an SVG element say.
void lw_page_figure_begin(lw_page *page, const char *caption);
void lw_page_figure_end(lw_page *page);

// What is between these is folded away until the reader asks for it.
void lw_page_details_begin(lw_page *page, const char *summary);
void lw_page_details_end(lw_page *page);

// A sheet of small pictures, with a line of text about all of them (may be NULL).
void lw_page_pictures_begin(lw_page *page, const char *about);
// A picture: the bytes of a PNG file, shown `width` CSS pixels wide with its pixels as they are; `caption`
// below it and `description` for those who do not see it.
void lw_page_picture(lw_page *page, const lw_text *png, int width, const char *caption,
                     const char *description);
void lw_page_pictures_end(lw_page *page);

// Ends the page and writes it, whole or not at all; the page is freed in any case. LW_ERROR_MEMORY, or
// as lw_file_write.
lw_status lw_page_write(lw_page *page, const char *path);

// Frees a page that is not wanted any more; {0} is fine.
void lw_page_free(lw_page *page);

#endif
