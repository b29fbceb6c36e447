// SPDX-License-Identifier: Apache-2.0
// Which sizes the images of a data set have, and which of them a network can take.
#ifndef LW_CLI_DATA_SIZES_H
#define LW_CLI_DATA_SIZES_H

#include "cli/common.h"

#include <cjson/cJSON.h>

// A table of the sizes with how many images of each part have them; of many sizes the most frequent.
lw_status lw_data_sizes_print(const lw_data_splits *splits, const lw_output *output);

// All sizes: an array of {"height", "width", "train", "validation", "test"}. NULL without memory.
cJSON *lw_data_sizes_json(const lw_data_splits *splits);

// Refuses images that the network cannot take for their size, naming the first; with `skip_bad` they
// leave their part and join the problems of the set.
lw_status lw_data_fit(lw_data_splits *splits, const lw_network *network, bool skip_bad,
                      const lw_output *output);

#endif
