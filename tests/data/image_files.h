// SPDX-License-Identifier: Apache-2.0
// Image files for the tests of folders. Test programs include this after support.h.
#ifndef LW_TESTS_DATA_IMAGE_FILES_H
#define LW_TESTS_DATA_IMAGE_FILES_H

#include <lanewise/data.h>

// False, with a word about it, in a build without libpng: then there is nothing to test.
bool can_write_images(void);

// Writes folder()/name, a PNG of one grey, or of one colour (channels 3: value, value / 2, 255 -
// value). The folders above are made.
void write_png(const char *name, int32_t height, int32_t width, int32_t channels, uint8_t value);

// Makes the folders above folder()/name; writes a file there.
void make_folders(const char *name);
void write_bytes(const char *name, const void *bytes, size_t count);

// Removes what the cache holds.
void empty_cache(void);
// The same, and takes away folder(): for cmocka, as a tear-down.
int leave_images(void **state);
// How many files it holds, and the path of one of them (static; NULL: none).
int count_cached(void);
const char *cached_file(void);

// What the library reported since the last call, one sentence a line; static.
const char *take_reports(void);
void keep_report(void *user, const char *sentence); // for lw_data_options.report

// Opens folder()/name with the options (name, report and seed are set here).
lw_status open_images(lw_data_splits *splits, const char *name, lw_data_options options);

// True when the problems of the splits have one with that text.
bool has_problem(const lw_data_splits *splits, const char *part);

#endif
