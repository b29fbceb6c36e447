// SPDX-License-Identifier: Apache-2.0
// A worker takes images through a network on one thread, each at its own size. The plans of the sizes
// are shared with the other workers; the memory is one workspace, as large as the largest size needs.
// Laying it out for another size costs less than a second workspace would cost in cache misses.
#ifndef LW_NN_WORKER_H
#define LW_NN_WORKER_H

#include "nn/engine.h"
#include "nn/plan_cache.h"

typedef struct lw_worker {
    lw_plan_cache *plans; // shared
    lw_workspace *workspace;
    struct lw_time_sheet *times; // where its workspace books its time; NULL: nowhere
} lw_worker;

// The plans must outlive the worker.
lw_status lw_worker_init(lw_worker *worker, lw_plan_cache *plans, bool training);
void lw_worker_destroy(lw_worker *worker);

// The next workspace is laid out anew: it may have been joined to another one.
void lw_worker_forget(lw_worker *worker);

// The workspace, laid out for images of a size. Valid until the next call.
lw_status lw_worker_workspace(lw_worker *worker, lw_extent extent, lw_workspace **workspace);

// The size of the next group when `images` (at least 1) of one size are to come: the fewest groups,
// as even as can be. A pure function of the plan and the number.
int32_t lw_worker_group(const lw_plan *plan, int64_t images);

// The gradient of a batch is the sum of a fixed number of partial sums, which depends on the size
// of the batch and of the gradient alone: so the result has the same bits whoever computes which
// partial.
int32_t lw_partial_count(int32_t batch, int64_t gradient_floats);

#endif
