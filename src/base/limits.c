// SPDX-License-Identifier: Apache-2.0
#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool lw_limits_read_line(const char *path, char *line, int line_bytes)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool done = fgets(line, line_bytes, file) != NULL;
    fclose(file);
    return done;
}

double lw_limits_of_cgroup(const char *file, double (*parse)(const char *line))
{
    double tightest = 0;
    char own[4096];
    if (!lw_limits_read_line("/proc/self/cgroup", own, sizeof own) || strncmp(own, "0::/", 4) != 0)
        return 0;
    char *folder = own + 3;
    folder[strcspn(folder, "\n")] = '\0';
    for (;;) {
        char path[4300], line[128];
        bool root = strcmp(folder, "/") == 0;
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", root ? "" : folder, file);
        double limit = lw_limits_read_line(path, line, sizeof line) ? parse(line) : 0;
        if (limit > 0 && (tightest == 0 || limit < tightest)) tightest = limit;
        char *slash = strrchr(folder, '/');
        if (!slash || root) return tightest;
        slash[slash == folder] = '\0';
    }
}

// "max" and "9223372036854771712" (version 1's word for it) are no limit.
static double parse_bytes(const char *line)
{
    double bytes;
    return sscanf(line, "%lf", &bytes) == 1 && bytes > 0 && bytes < 1e18 ? bytes : 0;
}

uint64_t lw_limits_memory_bytes(void)
{
    const double least = 64.0 * (1 << 20), unknown = 1 << 30;
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    double bytes = pages > 0 && page_bytes > 0 ? (double)pages * (double)page_bytes : unknown;
    char line[128];
    double limits[] = {lw_limits_of_cgroup("memory.max", parse_bytes), 0};
    if (lw_limits_read_line("/sys/fs/cgroup/memory/memory.limit_in_bytes", line, sizeof line))
        limits[1] = parse_bytes(line);
    for (int i = 0; i < 2; i++)
        if (limits[i] > 0 && limits[i] < bytes) bytes = limits[i];
    return (uint64_t)(bytes < least ? least : bytes);
}
