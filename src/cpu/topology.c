// SPDX-License-Identifier: Apache-2.0
// How many threads this process may use: the affinity mask, cut down to the CPU quota of its
// cgroup. A container that may use two of a host's 64 cores gets two threads, not 64.
#define _GNU_SOURCE // sched_getaffinity
#include "cpu/topology.h"

#include <lanewise/cpu.h>

#include "base/config.h"
#include "base/limits.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static int32_t thread_count, most_threads;
static pthread_once_t thread_count_once = PTHREAD_ONCE_INIT;

static int32_t count_affinity(void)
{
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) return CPU_COUNT(&mask);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int32_t)online : 1;
}

// Quota over period in CPUs, 0 where there is no limit: "max 100000" or "150000 100000".
static double parse_quota(const char *line)
{
    double quota, period;
    if (sscanf(line, "%lf %lf", &quota, &period) != 2) return 0;
    return period > 0 && quota > 0 ? quota / period : 0;
}

static double read_quota_v1(void)
{
    char quota_line[64], period_line[64];
    double quota, period;
    if (!lw_limits_read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota_line,
                             sizeof quota_line) ||
        !lw_limits_read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period_line,
                             sizeof period_line) ||
        sscanf(quota_line, "%lf", &quota) != 1 || sscanf(period_line, "%lf", &period) != 1)
        return 0;
    return period > 0 && quota > 0 ? quota / period : 0;
}

// The tighter of the limits of both versions of cgroups.
static double read_quota(void)
{
    double v1 = read_quota_v1(), v2 = lw_limits_of_cgroup("cpu.max", parse_quota);
    return v1 > 0 && (v2 <= 0 || v1 < v2) ? v1 : v2;
}

static void count_threads(void)
{
    thread_count = most_threads = count_affinity();
    double quota = read_quota();
    if (quota > 0 && quota < thread_count) {
        // Rounded down: a thread more than the quota pays for would be stopped in the middle of a step.
        thread_count = (int32_t)quota;
        most_threads = thread_count + (quota > thread_count);
    }
    if (thread_count < 1) thread_count = 1;
    if (most_threads < 1) most_threads = 1;
    // What threads share can be tested with several of them on any machine.
    if (lw_config_get()->oversubscribe) most_threads = INT32_MAX;
}

int32_t lw_cpu_threads(void)
{
    pthread_once(&thread_count_once, count_threads);
    return thread_count;
}

int32_t lw_cpu_useful_threads(int64_t asked)
{
    pthread_once(&thread_count_once, count_threads);
    return asked < most_threads ? (int32_t)asked : most_threads;
}

int32_t lw_cpu_resolve_threads(int64_t asked)
{
    return asked ? lw_cpu_useful_threads(asked) : lw_cpu_threads();
}
