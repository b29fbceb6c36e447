// SPDX-License-Identifier: Apache-2.0
// The image size for commands that look at a network: --input, or what the network declares.
#ifndef LW_CLI_NETWORK_INPUT_H
#define LW_CLI_NETWORK_INPUT_H

#include "cli/common.h"

// The help text of --input.
extern const char lw_input_help[];

// The size in `text` ("1x48x48"; NULL: not given), else as declared, else the smallest one, which is
// noted. LW_ERROR_ARGUMENT when the text is malformed.
lw_status lw_choose_input(lw_extent *input, const lw_network *network, const char *text,
                          const lw_output *output);

#endif
