// SPDX-License-Identifier: Apache-2.0
// Status codes and the sentence that explains the last failure.
#ifndef LANEWISE_STATUS_H
#define LANEWISE_STATUS_H

// Everything that is declared with LW_API is exported from the shared library; nothing else is.
#if defined(__GNUC__)
#define LW_API __attribute__((visibility("default")))
#else
#define LW_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

// What a call that can fail returns. LW_OK is zero, so `if (status)` means "it failed".
typedef enum lw_status {
    LW_OK = 0,
    LW_ERROR_ARGUMENT,    // the caller passed something that can never work (a NULL, a zero size)
    LW_ERROR_INPUT,       // a file or a text has the wrong content
    LW_ERROR_NOT_FOUND,   // a file, data set, layer or parameter of that name does not exist
    LW_ERROR_UNSUPPORTED, // well-formed, but this build or this algorithm cannot do it
    LW_ERROR_IO,          // the operating system refused to read or write
    LW_ERROR_MEMORY,      // not enough memory
    LW_ERROR_INTERRUPTED, // a callback of the caller asked to stop
    LW_ERROR_INTERNAL,    // a bug in Lanewise
    LW_ERROR_NOT_FINITE   // a computation gave infinity, or what is no number
} lw_status;

// The name of a status as a word, "ok", "bad argument", ...; never NULL; static storage.
LW_API const char *lw_status_name(lw_status status);

// The sentence that belongs to the last failed call of this thread: what, where, expected, got.
// Never NULL; "" before the first failure. Valid until the next failing call of the same thread.
LW_API const char *lw_error_message(void);

#ifdef __cplusplus
}
#endif

#endif
