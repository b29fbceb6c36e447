// SPDX-License-Identifier: Apache-2.0
#ifndef LW_CLI_TRACK_HEAT_MAP_H
#define LW_CLI_TRACK_HEAT_MAP_H

#include "cli/track_page.h"

// How fast the best of our algorithms is beside oneDNN in the latest run, for every problem and pass
// that has both, as a table with coloured cells. Nothing where no benchmark is called onednn.
void lw_track_heat_map_print(lw_page *page, const lw_track_page *history);

#endif
