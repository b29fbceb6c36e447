// SPDX-License-Identifier: Apache-2.0
// The environment variables of Lanewise, read once, in one place.
#ifndef LW_BASE_CONFIG_H
#define LW_BASE_CONFIG_H

#include <stdbool.h>

typedef struct lw_config {
    char data_dir[1024]; // LANEWISE_DATA_DIR: folder with data sets; "" when not set
    char cache_dir
        [1024]; // LANEWISE_CACHE_DIR, else XDG_CACHE_HOME/lanewise, else HOME/.cache/lanewise;
                // "" when none of them is set
    char max_isa[16]; // LANEWISE_MAX_ISA: generic, avx2, avx512, neon; "" when not set
    char conv[512];   // LANEWISE_CONV: forced algorithms
    char verbose[64]; // LANEWISE_VERBOSE: "dispatch", "exec" or both with a comma; "" when not set
    bool offline;     // LANEWISE_OFFLINE: 1 to never fetch
    bool deterministic; // LANEWISE_DETERMINISTIC: 1 to choose by the cost model alone
    bool oversubscribe; // LANEWISE_OVERSUBSCRIBE: 1 for more threads than processors
} lw_config;

// The configuration of this process; read at the first call, constant afterwards.
const lw_config *lw_config_get(void);

// True when LANEWISE_VERBOSE names `topic`.
bool lw_config_verbose(const char *topic);

#endif
