// SPDX-License-Identifier: Apache-2.0
// Event files, which TensorBoard draws curves from. A file is a sequence of records:
//
//     8 bytes   n, the length of the data, little-endian
//     4 bytes   the masked CRC-32C of these 8 bytes
//     n bytes   the data: an Event message of protocol buffers
//     4 bytes   the masked CRC-32C of the data
//
// Of the messages, the fields for scalars are written and nothing else.
#ifndef LW_RUN_EVENT_FILE_H
#define LW_RUN_EVENT_FILE_H

#include <lanewise/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_event_scalar {
    const char *tag; // "loss/train"; UTF-8
    double value;    // one that is NaN is left out
} lw_event_scalar;

typedef struct lw_event_file lw_event_file;

// Begins a new event file in a folder, which is made where it is missing. Files that are there already stay;
// TensorBoard puts them together. *file is owned by the caller (lw_event_file_close), NULL on failure.
// LW_ERROR_IO, LW_ERROR_NOT_FOUND, LW_ERROR_INPUT (the path), LW_ERROR_MEMORY.
lw_status lw_event_file_create(lw_event_file **file, const char *folder);

// Appends the scalars of one step as one record, which is handed to the system at once. LW_ERROR_IO,
// LW_ERROR_MEMORY. Not for several threads at once.
lw_status lw_event_file_add(lw_event_file *file, int64_t step, const lw_event_scalar *scalars,
                            size_t n);

void lw_event_file_close(lw_event_file **file);

// The CRC-32C (Castagnoli) of bytes, as the records have it before it is masked.
uint32_t lw_crc32c(const void *bytes, size_t count);

#endif
