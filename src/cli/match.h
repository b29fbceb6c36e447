// SPDX-License-Identifier: Apache-2.0
// How many channels a layer needs for a network to have as many parameters as another one.
#ifndef LW_CLI_MATCH_H
#define LW_CLI_MATCH_H

#include <lanewise/network.h>
#include <lanewise/status.h>
#include <stdint.h>

enum { LW_MATCH_MOST_ROWS = 3 };

typedef struct lw_match_row {
    int32_t channels;
    int64_t parameters;
} lw_match_row;

typedef struct lw_match {
    const lw_network *network, *other; // borrowed
    const char *layer;
    int64_t target;                        // parameters of the other network
    lw_match_row rows[LW_MATCH_MOST_ROWS]; // ascending; the best one and its neighbours
    int n_rows, best;
} lw_match;

// Finds the channels (or features) of `layer` that bring `network` nearest to the parameters of `other`.
// Networks and name must outlive the match. LW_ERROR_INPUT and LW_ERROR_ARGUMENT with a sentence when
// there is no such layer, its channels cannot change, or no number of them will do.
lw_status lw_match_find(lw_match *match, const lw_network *network, const char *layer,
                        const lw_network *other);

#endif
