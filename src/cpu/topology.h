// SPDX-License-Identifier: Apache-2.0
// Threads that were asked for by number, on a machine that may have fewer processors for them.
#ifndef LW_CPU_TOPOLOGY_H
#define LW_CPU_TOPOLOGY_H

#include <stdint.h>

// As many of the asked-for threads as can be at work at the same time: no more than the processors of the affinity
// mask, and than the cgroup's quota rounded up (lw_cpu_threads rounds down: who asks for two where one and a half are
// paid for gets them). All of them with LANEWISE_OVERSUBSCRIBE=1. 0, which stands for the default, stays 0.
int32_t lw_cpu_useful_threads(int64_t asked);

// The same, with lw_cpu_threads() for 0.
int32_t lw_cpu_resolve_threads(int64_t asked);

#endif
