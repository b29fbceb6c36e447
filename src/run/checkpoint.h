// SPDX-License-Identifier: Apache-2.0
// The state of a training as a file. lw_train_state_save and lw_train_state_load are declared in
// <lanewise/train.h>; here is what only the program needs.
//
// A checkpoint is a safetensors file: the weights under their names, the other arrays as
// "first_moment:conv1.weight", everything else as texts in the metadata. One of these is the checksum of
// the whole file, taken while its own digits are 0.
#ifndef LW_RUN_CHECKPOINT_H
#define LW_RUN_CHECKPOINT_H

#include "run/safetensors.h"

#include <lanewise/train.h>

// Writes a state with texts of the caller's; their keys begin with "run.", so that they are nobody else's.
lw_status lw_checkpoint_write(const char *path, const lw_train_state *state,
                              const lw_safetensors_text *texts, size_t n_texts);

// Reads a state, and *file for the caller's texts (lw_safetensors_metadata); `file` may be NULL. Both are owned
// by the caller, and NULL on failure.
lw_status lw_checkpoint_read(lw_train_state **state, lw_safetensors **file, const char *path);

#endif
