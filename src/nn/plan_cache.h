// SPDX-License-Identifier: Apache-2.0
// The plans of one network for many image sizes, shared by the threads of a call. The cache holds a
// bounded number of them; the ones that nobody has used for the longest time go first.
#ifndef LW_NN_PLAN_CACHE_H
#define LW_NN_PLAN_CACHE_H

#include "nn/plan.h"

typedef struct lw_plan_cache lw_plan_cache;

// The network and the layout must outlive the cache.
lw_status lw_plan_cache_create(lw_plan_cache **cache, const lw_network *network,
                               const lw_parameter_layout *layout);

// Every plan must have been given back.
void lw_plan_cache_destroy(lw_plan_cache **cache);

// The plan for images of a size; errors as of lw_plan_create. It stays until it is given back by
// lw_plan_cache_release. Any thread.
lw_status lw_plan_cache_acquire(lw_plan_cache *cache, lw_extent input, const lw_plan **plan);
void lw_plan_cache_release(lw_plan_cache *cache, const lw_plan *plan);

// How many plans were made so far, those that were dropped included.
int64_t lw_plan_cache_made(lw_plan_cache *cache);

// Plans that a cache holds, if no more than that are in use.
enum { LW_PLAN_CACHE_LIMIT = 512 };

#endif
