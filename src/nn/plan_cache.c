// SPDX-License-Identifier: Apache-2.0
// A hash table of plans under one mutex. A thread asks only when the size of its images changes.
#include "nn/plan_cache.h"

#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>

enum { n_buckets = 1024 };

typedef struct entry {
    lw_plan *plan;
    int32_t users;      // threads that have it now
    uint64_t last_used; // on the cache's count of uses
    struct entry *next; // in the bucket
} entry;

struct lw_plan_cache {
    const lw_network *network;
    const lw_parameter_layout *layout;
    pthread_mutex_t mutex;
    uint64_t uses;
    int64_t made;
    int32_t n_entries;
    entry *buckets[n_buckets];
};

static bool same_extent(lw_extent a, lw_extent b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

static entry **bucket_of(lw_plan_cache *cache, lw_extent input)
{
    // Fibonacci hashing: the top bits of a product are well mixed.
    uint32_t key = (uint32_t)input.height * 65536u + (uint32_t)input.width;
    return &cache->buckets[(key * 2654435769u) >> 22];
}

lw_status lw_plan_cache_create(lw_plan_cache **cache, const lw_network *network,
                               const lw_parameter_layout *layout)
{
    *cache = calloc(1, sizeof **cache);
    if (!*cache) return lw_fail(LW_ERROR_MEMORY, "no memory for the plans of a network");
    (*cache)->network = network;
    (*cache)->layout = layout;
    pthread_mutex_init(&(*cache)->mutex, NULL);
    return LW_OK;
}

static void free_entry(entry *old)
{
    lw_plan_destroy(&old->plan);
    free(old);
}

void lw_plan_cache_destroy(lw_plan_cache **cache)
{
    if (!cache || !*cache) return;
    for (int i = 0; i < n_buckets; i++)
        while ((*cache)->buckets[i]) {
            entry *first = (*cache)->buckets[i];
            (*cache)->buckets[i] = first->next;
            free_entry(first);
        }
    pthread_mutex_destroy(&(*cache)->mutex);
    free(*cache);
    *cache = NULL;
}

// Drops the plan that was idle for the longest time, if there is one.
static void drop_oldest(lw_plan_cache *cache)
{
    entry **oldest = NULL;
    for (int i = 0; i < n_buckets; i++)
        for (entry **at = &cache->buckets[i]; *at; at = &(*at)->next)
            if ((*at)->users == 0 && (!oldest || (*at)->last_used < (*oldest)->last_used))
                oldest = at;
    if (!oldest) return;
    entry *dropped = *oldest;
    *oldest = dropped->next;
    free_entry(dropped);
    cache->n_entries--;
}

static lw_status add_plan(lw_plan_cache *cache, lw_extent input, entry **added)
{
    entry *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a plan");
    lw_status status = lw_plan_create(&made->plan, cache->network, cache->layout, input);
    if (status) {
        free_entry(made);
        return status;
    }
    if (cache->n_entries >= LW_PLAN_CACHE_LIMIT) drop_oldest(cache);
    entry **bucket = bucket_of(cache, input);
    made->next = *bucket;
    *bucket = made;
    cache->n_entries++;
    cache->made++;
    *added = made;
    return LW_OK;
}

lw_status lw_plan_cache_acquire(lw_plan_cache *cache, lw_extent input, const lw_plan **plan)
{
    *plan = NULL;
    pthread_mutex_lock(&cache->mutex);
    entry *found = *bucket_of(cache, input);
    while (found && !same_extent(found->plan->input, input)) found = found->next;
    lw_status status = found ? LW_OK : add_plan(cache, input, &found);
    if (!status) {
        found->users++;
        found->last_used = ++cache->uses;
        *plan = found->plan;
    }
    pthread_mutex_unlock(&cache->mutex);
    return status;
}

void lw_plan_cache_release(lw_plan_cache *cache, const lw_plan *plan)
{
    if (!plan) return;
    pthread_mutex_lock(&cache->mutex);
    for (entry *at = *bucket_of(cache, plan->input); at; at = at->next)
        if (at->plan == plan) at->users--;
    pthread_mutex_unlock(&cache->mutex);
}

int64_t lw_plan_cache_made(lw_plan_cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    int64_t made = cache->made;
    pthread_mutex_unlock(&cache->mutex);
    return made;
}
