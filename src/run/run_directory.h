// SPDX-License-Identifier: Apache-2.0
// A run directory: what a training run leaves behind (docs/run-directory.md). It appears whole or
// not at all: the files are written into a folder "<path>.partial-<pid>" beside it, which gets its
// name when everything is on the disk.
#ifndef LW_RUN_RUN_DIRECTORY_H
#define LW_RUN_RUN_DIRECTORY_H

#include <cjson/cJSON.h>
#include <lanewise/model.h>
#include <lanewise/network.h>
#include <lanewise/status.h>
#include <stddef.h>

#define LW_RUN_NETWORK_FILE "network.net"
#define LW_RUN_CONFIG_FILE "config.json"
#define LW_RUN_LOG_FILE "log.jsonl"
#define LW_RUN_MODEL_FILE "model.safetensors"
#define LW_RUN_METRICS_FILE "metrics.json"

// The layout of a run directory, which config.json names as `format`; a reader refuses a newer one.
enum { LW_RUN_FORMAT = 1 };

typedef struct lw_run lw_run;

// Starts a run directory and writes the network text into it. `out` must not exist or be an empty
// folder (LW_ERROR_INPUT otherwise); NULL takes runs/<network>-<n> with the first free n.
// Everything that can be known to fail is noticed here, before the work that is to be kept.
lw_status lw_run_begin(lw_run **run, const char *out, const lw_network *network);

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

// Ends the use of a run and sets *run to NULL. One that is not finished is removed from the disk,
// one that is finished stays. NULL and a pointer to NULL are fine.
void lw_run_abandon(lw_run **run);

// Resolves what a user gives as a run, a run directory or a .safetensors file, to the model file.
// LW_ERROR_NOT_FOUND: nothing there, or a run that was never finished. LW_ERROR_INPUT: a folder
// without a model, a file of another kind.
lw_status lw_run_find_model(const char *path, char *model_path, size_t model_path_bytes);

#endif
