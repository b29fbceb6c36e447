// SPDX-License-Identifier: Apache-2.0
// The bytes of a file, or of a block of memory, one stretch after the other; gzip is undone on the
// way.
#ifndef LW_DATA_STREAM_H
#define LW_DATA_STREAM_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_stream lw_stream;

// What deflate can gain at most: 258 bytes from 2 bits, 1032 to 1. A header that promises more than
// that times the stored bytes promises too much.
enum { LW_STREAM_MOST_GAIN = 1032 };

// Opens a regular file, gzipped or not (its first two bytes tell). *stream is NULL on failure.
// LW_ERROR_NOT_FOUND, LW_ERROR_IO, LW_ERROR_INPUT (a folder, a device), LW_ERROR_MEMORY,
// LW_ERROR_UNSUPPORTED (gzipped, and this build has no zlib). Messages name the path.
lw_status lw_stream_open(lw_stream **stream, const char *path);

// The same for `count` bytes of memory, which must outlive the stream; `name` stands in the
// messages.
lw_status lw_stream_open_memory(lw_stream **stream, const char *name, const void *bytes,
                                size_t count);

// Reads `want` bytes, or fewer at the end only. LW_ERROR_INPUT when the gzip stream is damaged, cut
// short or followed by something that is not gzip; its checksum is verified at the end, so read
// until *got < want to be sure.
lw_status lw_stream_read(lw_stream *stream, void *bytes, size_t want, size_t *got);

// All `count` bytes that a gzipped file unpacks to, from its beginning, at twice the speed. *bytes is the caller's to free.
// The stream stays where it is. False with *bytes NULL: not gzipped, no file, not exactly so many bytes, damaged, or anything
// else for which it has to be read, which then says what is wrong.
bool lw_stream_unpack(const lw_stream *stream, size_t count, uint8_t **bytes);

// The path or name it was opened with.
const char *lw_stream_name(const lw_stream *stream);
// Bytes as they are stored, before gzip is undone.
uint64_t lw_stream_stored_bytes(const lw_stream *stream);
bool lw_stream_gzipped(const lw_stream *stream);

void lw_stream_close(lw_stream **stream);

#endif
