// SPDX-License-Identifier: Apache-2.0
// The looks of every page, and the little that moves on it.
#ifndef LW_REPORT_PAGE_STYLE_H
#define LW_REPORT_PAGE_STYLE_H

// Rules of CSS, in pieces that end with NULL, and a script; static storage.
extern const char *const lw_page_style[];
extern const char lw_page_script[];

#endif
