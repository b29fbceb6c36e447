// SPDX-License-Identifier: Apache-2.0
// Bringing files of a data set from mirrors into a folder, each one whole and with the right
// checksum.
#ifndef LW_DATA_FETCH_H
#define LW_DATA_FETCH_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A file as it is kept: unpacked. The mirrors have it gzipped, as `name`.gz.
typedef struct lw_fetch_file {
    const char *name;
    size_t bytes;       // unpacked
    const char *sha256; // of the unpacked file, 64 hexadecimal digits
} lw_fetch_file;

typedef struct lw_fetch_job {
    const char *title;          // of the data set, for messages
    const char *const *mirrors; // base addresses that end in "/", in the order they are tried
    size_t n_mirrors;
    const char *protocol; // the only one that is allowed, also after a redirection: "https"
    const lw_fetch_file *files;
    size_t n_files;
    const char *folder;                               // where the files go; made when it is missing
    void (*report)(void *user, const char *sentence); // may be NULL
    void *user;
} lw_fetch_job;

// Fetches the files that are not in the folder yet or do not have their checksum. LW_ERROR_IO with
// a reason per mirror when none served a file; files that were complete by then stay.
lw_status lw_fetch_files(const lw_fetch_job *job);

// Whether this build can fetch at all.
bool lw_fetch_available(void);

// A note beside the data that fetching failed, so that not every start waits for a network that is
// not there. Writing and removing it are best efforts: without it, the next start tries again.
void lw_fetch_note_failure(const char *note_path, int64_t now_seconds, const char *reason);
void lw_fetch_forget_failure(const char *note_path);
// True when a note of less than a day ago is there; *reason and *hours_ago say what it was.
bool lw_fetch_failed_lately(const char *note_path, int64_t now_seconds, char *reason,
                            size_t reason_bytes, int *hours_ago);

#endif
