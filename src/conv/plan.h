// SPDX-License-Identifier: Apache-2.0
// What the room shares of making plans.
#ifndef LW_CONV_PLAN_H
#define LW_CONV_PLAN_H

#include <lanewise/status.h>
#include <stdint.h>

// *threads: the number asked for, or all of this process for 0. LW_ERROR_ARGUMENT, naming
// `function`, when it is negative or above LW_CONV_MAX_THREADS.
lw_status lw_conv_resolve_threads(const char *function, int32_t asked, int32_t *threads);

// At most `threads`, and no more than work of that many cycles is worth waking.
int32_t lw_conv_worthwhile_threads(int32_t threads, double cycles);

#endif
