// SPDX-License-Identifier: Apache-2.0
// The thread-local sentence behind a failed call.
#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_message[1024];

// In brackets, since for the analyzer the name is a macro (error.h).
lw_status(lw_fail)(lw_status status, const char *format, ...)
{
    // Formatted aside first: an argument may be lw_error_message() itself.
    char text[sizeof last_message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // Sentences quote what files hold, and are read on terminals.
    lw_text_make_printable(text);
    snprintf(last_message, sizeof last_message, "%s", text);
    return status;
}

const char *lw_error_message(void)
{
    return last_message;
}

const char *lw_status_name(lw_status status)
{
    switch (status) {
    case LW_OK: return "ok";
    case LW_ERROR_ARGUMENT: return "bad argument";
    case LW_ERROR_INPUT: return "bad input";
    case LW_ERROR_NOT_FOUND: return "not found";
    case LW_ERROR_UNSUPPORTED: return "unsupported";
    case LW_ERROR_IO: return "input/output error";
    case LW_ERROR_MEMORY: return "out of memory";
    case LW_ERROR_INTERRUPTED: return "interrupted";
    case LW_ERROR_INTERNAL: return "internal error";
    case LW_ERROR_NOT_FINITE: return "not finite";
    }
    return "unknown status";
}
