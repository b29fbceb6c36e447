// SPDX-License-Identifier: Apache-2.0
// `lanewise train --seeds`: the same training with several seeds, side by side.
#ifndef LW_CLI_TRAIN_SEEDS_H
#define LW_CLI_TRAIN_SEEDS_H

#include "cli/train_job.h"

enum { LW_N_SEEDS_OPTIONS = 3 }; // --seeds --on --measure
extern const lw_option lw_seeds_option_table[LW_N_SEEDS_OPTIONS];

// Refuses --on and --measure where nothing runs side by side.
lw_status lw_train_seeds_check(const lw_option_result *given);

// The whole command, where --seeds was given.
lw_status lw_train_seeds(const lw_invocation *invocation);

#endif
