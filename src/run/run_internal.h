// SPDX-License-Identifier: Apache-2.0
// What the files of the run directory share: its state, and paths.
#ifndef LW_RUN_RUN_INTERNAL_H
#define LW_RUN_RUN_INTERNAL_H

#include "run/run_directory.h"

#include <stdbool.h>
#include <stdint.h>

enum { LW_RUN_PATH_BYTES = 4096 };

#define LW_RUN_PARTIAL_SUFFIX ".partial"

struct lw_run {
    char target[LW_RUN_PATH_BYTES];  // the name it gets, or has once it is finished
    char partial[LW_RUN_PATH_BYTES]; // where it is written; "" while there is none
    char series[LW_RUN_PATH_BYTES];  // "runs/fixed" where the name is "runs/fixed-<n>", else ""
    int log;                         // descriptor of the log, -1 when closed
    int lock;                        // held on the log from the first to the last moment
    uint64_t log_hash;               // of all that the log holds
    int64_t log_bytes;
    int checkpoints; // the number of the newest one, from 1; 0: none
    bool has_model;
    bool failed;   // a write failed, so the files are not what they should be
    bool finished; // nothing is removed any more
    bool kept;     // the same, though it is not finished
};

// The failure that errno stands for.
lw_status lw_run_fail_errno(const char *path, const char *action);

// folder/name into `path` of LW_RUN_PATH_BYTES; false when it is too long.
bool lw_run_join(char *path, const char *folder, const char *name);

// The folder that holds `path`.
void lw_run_parent_of(char *parent, const char *path);

// A copy of a path without slashes at its end, short enough for what is added to it.
lw_status lw_run_trim_path(char *trimmed, const char *path);

// The name without ".partial" at its end, where it has that and more.
void lw_run_target_of(char *target, const char *path);

// Waits until the entries of a folder are on the disk.
void lw_run_sync_folder(const char *path);

// Takes the lock of the unfinished run in folder `partial`. LW_ERROR_INPUT: another process has it;
// LW_ERROR_NOT_FOUND: no such folder.
lw_status lw_run_lock(const char *partial, int *lock);

#endif
