// SPDX-License-Identifier: Apache-2.0
#ifndef LW_CLI_TRACK_GATE_HISTORY_H
#define LW_CLI_TRACK_GATE_HISTORY_H

#include "cli/track_options.h"

// Measures a program and compares it with the history of this machine (--history); shows the result
// and sets the exit code as lw_track_compare does.
lw_status lw_track_gate_history(const char *program, const lw_ab_options *options,
                                const lw_invocation *invocation);

#endif
