// SPDX-License-Identifier: Apache-2.0
// What the system lets this process use: limits of its cgroup, and memory.
#ifndef LW_BASE_LIMITS_H
#define LW_BASE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

// The first line of a small file; false where it cannot be read.
bool lw_limits_read_line(const char *path, char *line, int line_bytes);

// The tightest limit from this process's cgroup (version 2) up to the root: the smallest value above
// 0 that `parse` finds in the first lines of `file` ("cpu.max") there; 0 where there is no limit.
double lw_limits_of_cgroup(const char *file, double (*parse)(const char *line));

// The memory this process may use: that of the machine, or less where its cgroup says so. At least
// 64 MiB; 1 GiB where the system does not say.
uint64_t lw_limits_memory_bytes(void);

#endif
