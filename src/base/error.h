// SPDX-License-Identifier: Apache-2.0
// How the library's own code reports a failure.
#ifndef LW_BASE_ERROR_H
#define LW_BASE_ERROR_H

#include <lanewise/status.h>

// Stores the sentence for lw_error_message() and returns `status`:
//     return lw_fail(LW_ERROR_INPUT, "%s: expected %d images, got %d", path, expected, got);
// One sentence, no final full stop or newline; it names the file and field, expected and got.
__attribute__((format(printf, 2, 3))) lw_status lw_fail(lw_status status, const char *format, ...);

// Forwards a failure.
#define LW_TRY(call)                                                                               \
    do {                                                                                           \
        lw_status lw_try_status = (call);                                                          \
        if (lw_try_status) return lw_try_status;                                                   \
    } while (0)

#ifdef __clang_analyzer__ // which cannot see that a failure is never LW_OK
#define lw_fail(status, ...) ((void)(lw_fail)(status, __VA_ARGS__), (status))
#endif

#endif
