// SPDX-License-Identifier: Apache-2.0
// Looking into texts that a test gets.
#ifndef LW_TESTS_SUPPORT_TEXT_H
#define LW_TESTS_SUPPORT_TEXT_H

#include <string.h>

// How often `part` stands in `text`, without overlaps.
static inline int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

#endif
