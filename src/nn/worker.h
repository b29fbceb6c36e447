// SPDX-License-Identifier: Apache-2.0
// A worker takes images through a network on one thread, each at its own size. It keeps a plan and
// a workspace per image size, a bounded number of them.
#ifndef LW_NN_WORKER_H
#define LW_NN_WORKER_H

#include "nn/engine.h"

typedef struct lw_worker {
    const lw_network *network;
    const lw_parameter_layout *layout;
    bool training;
    struct lw_worker_slot *slots; // most recently used first
    int n_slots;
    struct lw_time_sheet *times; // where its workspaces book their time; NULL: nowhere
} lw_worker;

// The network and the layout must outlive the worker.
lw_status lw_worker_init(lw_worker *worker, const lw_network *network,
                         const lw_parameter_layout *layout, bool training);
void lw_worker_destroy(lw_worker *worker);

// The workspace for images of a size: made at the first call with that size (and the least recently
// used one dropped when there are too many). Valid until the next call.
lw_status lw_worker_workspace(lw_worker *worker, lw_extent extent, lw_workspace **workspace);

// The size of the next group when `images` (at least 1) of one size are to come: the fewest groups,
// as even as can be. A pure function of the plan and the number.
int32_t lw_worker_group(const lw_plan *plan, int64_t images);

// The gradient of a batch is the sum of a fixed number of partial sums, which depends on the size
// of the batch and of the gradient alone: so the result has the same bits whoever computes which
// partial.
int32_t lw_partial_count(int32_t batch, int64_t gradient_floats);

#endif
