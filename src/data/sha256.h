// SPDX-License-Identifier: Apache-2.0
// SHA-256 of a block of memory; only in builds that fetch (LW_HAVE_FETCH).
#ifndef LW_DATA_SHA256_H
#define LW_DATA_SHA256_H

#include <lanewise/status.h>
#include <stddef.h>

enum { LW_SHA256_TEXT_BYTES = 65 };

// Writes 64 lower-case hexadecimal digits and a zero to `text`.
lw_status lw_sha256(const void *bytes, size_t count, char text[LW_SHA256_TEXT_BYTES]);

#endif
