// SPDX-License-Identifier: Apache-2.0
// Files: read whole, or written whole or not at all.
#ifndef LW_BASE_FILE_H
#define LW_BASE_FILE_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reads a regular file of at most `limit_bytes`. *bytes is zero-terminated behind its *count bytes and
// owned by the caller (free()). LW_ERROR_NOT_FOUND, LW_ERROR_INPUT (a directory, larger than the
// limit), LW_ERROR_IO, LW_ERROR_MEMORY; the message names the path.
lw_status lw_file_read(const char *path, size_t limit_bytes, uint8_t **bytes, size_t *count);

// Writes a file whole or not at all: a temporary file beside it, fsync, rename, fsync of the folder.
// What was there before stays until the new file is complete.
lw_status lw_file_write(const char *path, const void *bytes, size_t count);

// Takes the lock that the file `path` stands for (made when missing, left behind): of several
// processes or threads that ask for it, one has it at a time. Waits up to `patience_seconds`. *lock
// is for lw_file_unlock; -1 where the file system knows no locks, which is no failure.
// LW_ERROR_NOT_FOUND (the folder), LW_ERROR_IO.
lw_status lw_file_lock(const char *path, double patience_seconds, int *lock);
void lw_file_unlock(int lock);

// Makes a folder and the ones above it (an existing one is fine).
lw_status lw_file_make_folder(const char *path);

// Removes a folder with everything in it; links in it are removed, not followed. A folder that is not
// there is fine. LW_ERROR_IO.
lw_status lw_file_remove_folder(const char *path);

bool lw_file_exists(const char *path);
bool lw_file_is_folder(const char *path);

#endif
