// SPDX-License-Identifier: Apache-2.0
#include "nn/worker.h"

#include "base/error.h"

#include <string.h>

lw_status lw_worker_init(lw_worker *worker, lw_plan_cache *plans, bool training)
{
    *worker = (lw_worker){.plans = plans};
    return lw_workspace_create(&worker->workspace, training);
}

void lw_worker_destroy(lw_worker *worker)
{
    if (worker->workspace) lw_plan_cache_release(worker->plans, worker->workspace->plan);
    lw_workspace_destroy(&worker->workspace);
    memset(worker, 0, sizeof *worker);
}

void lw_worker_forget(lw_worker *worker)
{
    lw_plan_cache_release(worker->plans, worker->workspace->plan);
    worker->workspace->plan = NULL;
}

static bool same_extent(lw_extent a, lw_extent b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

lw_status lw_worker_workspace(lw_worker *worker, lw_extent extent, lw_workspace **workspace)
{
    lw_workspace *own = worker->workspace;
    const lw_plan *plan;
    *workspace = NULL;
    if (!own->plan || !same_extent(own->plan->input, extent)) {
        lw_plan_cache_release(worker->plans, own->plan);
        own->plan = NULL;
        LW_TRY(lw_plan_cache_acquire(worker->plans, extent, &plan));
        lw_status status = lw_workspace_assign(own, plan);
        if (status) lw_plan_cache_release(worker->plans, plan);
        if (status) return status;
        own->times = worker->times;
    }
    *workspace = own;
    return LW_OK;
}

int32_t lw_worker_group(const lw_plan *plan, int64_t images)
{
    int64_t groups = (images + plan->group - 1) / plan->group;
    return (int32_t)((images + groups - 1) / groups);
}

int32_t lw_partial_count(int32_t batch, int64_t gradient_floats)
{
    // Every partial costs a write and a read of the whole gradient, so it holds a full group of
    // images, and two where the gradient fills a good part of the second-level cache. All of them
    // together are bounded, in number and in memory.
    const int64_t large_floats = 64 << 10, all_floats = 3 << 20;
    const int32_t images_each =
        gradient_floats > large_floats ? 2 * LW_GROUP_LIMIT : LW_GROUP_LIMIT;
    int32_t most = 16;
    while (most > 2 && most * gradient_floats > all_floats) most /= 2;
    const int32_t count = (batch + images_each - 1) / images_each;
    if (count >= most) return most;
    // An odd one would be one thread's alone while the others wait.
    return count > 2 ? count + count % 2 : count;
}
