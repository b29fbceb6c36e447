// SPDX-License-Identifier: Apache-2.0
#include "nn/worker.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

// Image sizes that a worker keeps memory for.
enum { max_slots = 16 };

struct lw_worker_slot {
    lw_plan *plan;
    lw_workspace *workspace;
};

lw_status lw_worker_init(lw_worker *worker, const lw_network *network,
                         const lw_parameter_layout *layout, bool training)
{
    *worker = (lw_worker){.network = network, .layout = layout, .training = training};
    worker->slots = calloc(max_slots, sizeof *worker->slots);
    if (!worker->slots) return lw_fail(LW_ERROR_MEMORY, "no memory for a worker");
    return LW_OK;
}

static void free_slot(struct lw_worker_slot *slot)
{
    lw_workspace_destroy(&slot->workspace);
    lw_plan_destroy(&slot->plan);
}

void lw_worker_destroy(lw_worker *worker)
{
    for (int i = 0; i < worker->n_slots; i++) free_slot(&worker->slots[i]);
    free(worker->slots);
    memset(worker, 0, sizeof *worker);
}

static bool same_extent(lw_extent a, lw_extent b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

// Moves slot `index` to the front.
static void use_slot(lw_worker *worker, int index)
{
    struct lw_worker_slot used = worker->slots[index];
    memmove(worker->slots + 1, worker->slots, (size_t)index * sizeof used);
    worker->slots[0] = used;
}

lw_status lw_worker_workspace(lw_worker *worker, lw_extent extent, lw_workspace **workspace)
{
    *workspace = NULL;
    for (int i = 0; i < worker->n_slots; i++)
        if (same_extent(worker->slots[i].plan->input, extent)) {
            if (i > 0) use_slot(worker, i);
            *workspace = worker->slots[0].workspace;
            return LW_OK;
        }
    struct lw_worker_slot made = {0};
    lw_status status = lw_plan_create(&made.plan, worker->network, worker->layout, extent);
    if (!status) status = lw_workspace_create(&made.workspace, made.plan, worker->training);
    if (status) {
        free_slot(&made);
        return status;
    }
    if (worker->n_slots == max_slots) free_slot(&worker->slots[--worker->n_slots]);
    made.workspace->times = worker->times;
    worker->slots[worker->n_slots] = made;
    use_slot(worker, worker->n_slots++);
    *workspace = made.workspace;
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
    const int64_t large_floats = 64 << 10, all_floats = 2 << 20;
    const int32_t images_each = gradient_floats > large_floats ? 2 * LW_GROUP_LIMIT : LW_GROUP_LIMIT;
    int64_t most = all_floats / (gradient_floats > 0 ? gradient_floats : 1);
    if (most > 16) most = 16;
    if (most < 2) most = 2;
    const int32_t count = (batch + images_each - 1) / images_each;
    return count < most ? count : (int32_t)most;
}
