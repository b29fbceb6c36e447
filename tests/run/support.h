// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a folder of their own on the disk, and checks of sentences.
#ifndef LW_TESTS_RUN_SUPPORT_H
#define LW_TESTS_RUN_SUPPORT_H

#include "support/folder.h"

#include <lanewise/status.h>

// True when a call failed as expected with a sentence that holds all `parts` ("|" between them).
static inline bool failed_with(lw_status got, lw_status expected, const char *parts)
{
    const char *message = lw_error_message();
    if (got != expected) return false;
    while (*parts) {
        char part[256];
        size_t length = strcspn(parts, "|");
        snprintf(part, sizeof part, "%.*s", (int)length, parts);
        if (!strstr(message, part)) return false;
        parts += length + (parts[length] == '|');
    }
    return true;
}

#define assert_failed_with(call, expected, parts)                                                  \
    do {                                                                                           \
        lw_status got_status = (call);                                                             \
        if (!failed_with(got_status, expected, parts))                                             \
            fail_msg("%s: expected '%s' with [%s], got '%s' with [%s]", #call,                     \
                     lw_status_name(expected), parts, lw_status_name(got_status),                  \
                     lw_error_message());                                                          \
    } while (0)

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        lw_status got_status = (call);                                                             \
        if (got_status) fail_msg("%s: %s", #call, lw_error_message());                             \
    } while (0)

#endif
