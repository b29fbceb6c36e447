// SPDX-License-Identifier: Apache-2.0
// The only thing the library ever prints: diagnostics that LANEWISE_VERBOSE asks for.
#ifndef LW_BASE_LOG_H
#define LW_BASE_LOG_H

#include <stdbool.h>

// True when lines of `topic` ("dispatch", "exec") are wanted; ask before computing what they say.
bool lw_log_wanted(const char *topic);

// Writes "lanewise: topic: ...", one whole line, to stderr when `topic` is wanted. No newline in
// the text.
__attribute__((format(printf, 2, 3))) void lw_log(const char *topic, const char *format, ...);

#endif
