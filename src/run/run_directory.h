// SPDX-License-Identifier: Apache-2.0
// A run directory: what a training run leaves behind (docs/run-directory.md). It appears whole or
// not at all: the files are written into a folder "<path>.partial" beside it, which gets its name when
// everything is on the disk. Until then it belongs to one process at a time, by a lock on its log, and what a
// killed one leaves can be gone on with.
#ifndef LW_RUN_RUN_DIRECTORY_H
#define LW_RUN_RUN_DIRECTORY_H

#include <cjson/cJSON.h>
#include <lanewise/model.h>
#include <lanewise/network.h>
#include <lanewise/status.h>
#include <lanewise/train.h>
#include <stddef.h>

#define LW_RUN_NETWORK_FILE "network.net"
#define LW_RUN_CONFIG_FILE "config.json"
#define LW_RUN_LOG_FILE "log.jsonl"
#define LW_RUN_MODEL_FILE "model.safetensors"
#define LW_RUN_METRICS_FILE "metrics.json"
#define LW_RUN_CSV_FILE "log.csv"
#define LW_RUN_RESUME_FILE "resume.json" // only while the run is unfinished

// The layout of a run directory, which config.json names as `format`; a reader refuses a newer one.
enum { LW_RUN_FORMAT = 1 };

typedef struct lw_run lw_run;

// Starts a run directory and writes the network text into it. `out` must not exist or be an empty
// folder (LW_ERROR_INPUT otherwise); NULL takes runs/<network>-<n> with the first free n. An unfinished
// run has its name already, unless a killed process left it there before its first checkpoint.
// Everything that can be known to fail is noticed here, before the work that is to be kept.
lw_status lw_run_begin(lw_run **run, const char *out, const lw_network *network);

// Whether lw_run_begin can do it now: the same refusals, and nothing is left on the disk.
lw_status lw_run_try(const char *out, const lw_network *network);

// Appends one object to the log, as one line. `record` stays the caller's. Not for several threads
// at once.
lw_status lw_run_log(lw_run *run, const cJSON *record);

// Writes a file of that name (no folder) into the run; one that is there already is replaced.
lw_status lw_run_put_text(lw_run *run, const char *name, const char *text);
lw_status lw_run_put_json(lw_run *run, const char *name, const cJSON *json);
lw_status lw_run_put_model(lw_run *run, const lw_model *model);

// Gives the run its name. Refused when an earlier write failed or there is no model yet; then only
// lw_run_abandon is left. When somebody else took the path in the meantime: a default name moves on
// to the next free number; a given one fails with LW_ERROR_IO, but the run is not lost: the message
// and lw_run_path say where it is.
lw_status lw_run_finish(lw_run *run);

// The path of the run directory: after lw_run_finish where it is, before where it is meant to be.
const char *lw_run_path(const lw_run *run);

// Ends the use of a run and sets *run to NULL. One that is neither finished nor kept, nor has a checkpoint, is
// removed from the disk. NULL and a pointer to NULL are fine.
void lw_run_abandon(lw_run **run);

// Writes a checkpoint of the training into the run, with the log as it is; the one before the last is removed.
// From now on the run stays on the disk, finished or not. A failure leaves the earlier ones as they are.
lw_status lw_run_put_checkpoint(lw_run *run, const lw_train_state *state);

// The number of the newest checkpoint; 0 without any. And its path, cut to `path_bytes`.
int lw_run_checkpoints(const lw_run *run);
void lw_run_checkpoint_path(const lw_run *run, char *path, size_t path_bytes);

// The run stays on the disk though it is not finished.
void lw_run_keep(lw_run *run);

// The opposite: lw_run_abandon removes the run with its checkpoints, unless it is finished.
void lw_run_discard(lw_run *run);

// Removes from a folder what a finished run does not have: checkpoints, the options, files that were never
// complete. lw_run_finish does it last, unless the process is killed before.
void lw_run_remove_leftovers(const char *folder);

// The number of the newest checkpoint in the folder of an unfinished run ("<path>.partial"), 0 without any.
int lw_run_newest_checkpoint(const char *partial);

// Takes up the unfinished run of that path (with or without ".partial"). LW_ERROR_NOT_FOUND: there is none;
// LW_ERROR_INPUT: it is finished, or another process is working on it, or it has no LW_RUN_RESUME_FILE.
lw_status lw_run_resume(lw_run **run, const char *path);

// The text of a file of an unfinished run; owned by the caller (free()).
lw_status lw_run_read_file(const lw_run *run, const char *name, char **text);

// Reads the newest checkpoint that is whole, and cuts the log to what it was then. *state is owned by the caller;
// NULL: the run was stopped before its first checkpoint, and begins anew. `report` gets a sentence for
// each thing that is damaged and can be passed over. LW_ERROR_INPUT: no checkpoint is whole.
lw_status lw_run_read_checkpoint(lw_run *run, lw_train_state **state,
                                 void (*report)(void *user, const char *sentence), void *user);

// Resolves what a user gives as a run, a run directory or a .safetensors file, to the model file.
// LW_ERROR_NOT_FOUND: nothing there, or a run that was never finished. LW_ERROR_INPUT: a folder
// without a model, a file of another kind.
lw_status lw_run_find_model(const char *path, char *model_path, size_t model_path_bytes);

#endif
