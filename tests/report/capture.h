// SPDX-License-Identifier: Apache-2.0
// A stream in memory, to look at what was printed. Test programs include this after <cmocka.h>.
#ifndef LW_TESTS_REPORT_CAPTURE_H
#define LW_TESTS_REPORT_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct capture {
    FILE *file;
    char *text; // up to date after captured()
    size_t length;
} capture;

static inline void capture_begin(capture *it)
{
    memset(it, 0, sizeof *it);
    it->file = open_memstream(&it->text, &it->length);
    assert_non_null(it->file);
}

// What was printed so far.
static inline const char *captured(capture *it)
{
    assert_int_equal(fflush(it->file), 0);
    return it->text;
}

static inline void capture_end(capture *it)
{
    fclose(it->file);
    free(it->text);
}

#endif
