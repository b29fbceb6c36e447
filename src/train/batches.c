// SPDX-License-Identifier: Apache-2.0
#include "train/batches.h"

#include "base/error.h"
#include "base/rng.h"
#include "cpu/parallel.h"

#include <stdlib.h>
#include <string.h>

// A sample with what it is sorted by: the size of its image, small ones first, then its place.
typedef struct sort_key {
    uint64_t size; // area, then height: images of one size have one value, others another
    uint32_t place, sample;
} sort_key;

// The cost of a size that was asked for lately, in a slot that the size hashes to.
enum { n_cost_slots = 1024 };
typedef struct cost_slot {
    lw_extent extent;
    float cost;
} cost_slot;

typedef struct lw_batch_scratch {
    sort_key *keys;  // as many as the largest batch has, by size: as the data set
    uint32_t *dealt; // by size: the order that is being made
    int64_t *bounds; // by size: (n_sizes + 1), where each size begins
    int64_t n_sizes;
    lw_layer_info *layers; // of the network
    cost_slot costs[n_cost_slots];
} lw_batch_scratch;

static lw_extent extent_of(const lw_batches *batches, uint32_t sample)
{
    lw_sample image = lw_dataset_get(batches->dataset, sample);
    return (lw_extent){image.channels, image.height, image.width};
}

static bool same_extent(lw_extent a, lw_extent b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

// Sides have less than 2^15 pixels, so the area takes 30 bits.
static uint64_t size_key(lw_extent extent)
{
    return ((uint64_t)extent.height * (uint64_t)extent.width) << 16 | (uint64_t)extent.height;
}

static bool has_mixed_sizes(const lw_batches *batches)
{
    lw_extent first = extent_of(batches, 0);
    for (size_t i = 1; i < lw_dataset_size(batches->dataset); i++)
        if (!same_extent(extent_of(batches, (uint32_t)i), first)) return true;
    return false;
}

// ---- sorting ------------------------------------------------------------------------------------

static int compare_keys(const void *a, const void *b)
{
    const sort_key *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

// Sorts `count` places of the order by size. Equal sizes keep their order, so the result follows from
// the order before, whatever the sorting routine does.
static void sort_by_size(lw_batches *batches, int64_t place, int64_t count)
{
    sort_key *keys = batches->scratch->keys;
    uint32_t *order = batches->order + place;
    for (int64_t i = 0; i < count; i++)
        keys[i] = (sort_key){size_key(extent_of(batches, order[i])), (uint32_t)i, order[i]};
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    for (int64_t i = 0; i < count; i++) order[i] = keys[i].sample;
}

// ---- by size ------------------------------------------------------------------------------------

// Sorts all samples by size and notes where each size begins in the order.
static void find_sizes(lw_batches *batches)
{
    lw_batch_scratch *scratch = batches->scratch;
    int64_t size = (int64_t)lw_dataset_size(batches->dataset);
    sort_by_size(batches, 0, size);
    scratch->n_sizes = 0;
    for (int64_t i = 0; i < size; i++)
        if (i == 0 || !same_extent(extent_of(batches, batches->order[i]),
                                   extent_of(batches, batches->order[i - 1])))
            scratch->bounds[scratch->n_sizes++] = i;
    scratch->bounds[scratch->n_sizes] = size;
}

static int64_t count_batches_by_size(lw_batches *batches)
{
    int64_t steps = 0;
    find_sizes(batches);
    for (int64_t i = 0; i < batches->scratch->n_sizes; i++)
        steps +=
            (batches->scratch->bounds[i + 1] - batches->scratch->bounds[i] + batches->batch - 1) /
            batches->batch;
    return steps;
}

// Deals batches of one size each, the sizes in turn: the first batch of every size, the second of every
// size that has one, and so on. Within a size the order stays.
static void deal_sizes(lw_batches *batches)
{
    lw_batch_scratch *scratch = batches->scratch;
    int64_t step = 0, place = 0;
    find_sizes(batches);
    for (int64_t round = 0; step < batches->steps; round++)
        for (int64_t i = 0; i < scratch->n_sizes; i++) {
            int64_t from = scratch->bounds[i] + round * batches->batch;
            int64_t count = scratch->bounds[i + 1] - from;
            if (count <= 0) continue;
            if (count > batches->batch) count = batches->batch;
            memcpy(scratch->dealt + place, batches->order + from,
                   (size_t)count * sizeof *scratch->dealt);
            batches->starts[step++] = place;
            place += count;
        }
    uint32_t *spare = batches->order;
    batches->order = scratch->dealt;
    scratch->dealt = spare;
}

// ---- costs --------------------------------------------------------------------------------------

// Dense multiply-adds of an image, the measure of how long it takes. Never 0.
static float cost_of(lw_batches *batches, lw_extent extent)
{
    uint32_t key = (uint32_t)extent.height * 65536u + (uint32_t)extent.width;
    cost_slot *slot = &batches->scratch->costs[(key * 2654435769u) >> 22];
    if (same_extent(slot->extent, extent)) return slot->cost;
    lw_layer_info *layers = batches->scratch->layers;
    double macs = 1.0;
    // What the network refuses has been refused before.
    if (!lw_network_infer(batches->network, extent, layers))
        for (size_t i = 0; i < lw_network_layer_count(batches->network); i++)
            macs += (double)layers[i].macs;
    *slot = (cost_slot){extent, (float)macs};
    return slot->cost;
}

// ---- epochs -------------------------------------------------------------------------------------

static lw_status allocate(lw_batches *batches)
{
    const bool by_size = batches->kind == LW_TRAIN_ORDER_BY_SIZE;
    const size_t size = lw_dataset_size(batches->dataset), batch = (size_t)batches->batch;
    const size_t layers = lw_network_layer_count(batches->network);
    lw_batch_scratch *scratch = calloc(1, sizeof *scratch);
    batches->scratch = scratch;
    batches->order = malloc(size * sizeof *batches->order);
    if (!scratch || !batches->order)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the order of %zu samples", size);
    scratch->layers = calloc(layers, sizeof *scratch->layers);
    scratch->keys = calloc(by_size || size < batch ? size : batch, sizeof *scratch->keys);
    bool enough = scratch->layers && scratch->keys;
    if (batches->mixed) {
        batches->costs = calloc(size, sizeof *batches->costs);
        enough = enough && batches->costs;
    }
    if (by_size) {
        scratch->dealt = malloc(size * sizeof *scratch->dealt);
        scratch->bounds = calloc(size + 1, sizeof *scratch->bounds);
        enough = enough && scratch->dealt && scratch->bounds;
    }
    return enough ? LW_OK
                  : lw_fail(LW_ERROR_MEMORY, "no memory for the sizes of %zu samples", size);
}

lw_status lw_batches_init(lw_batches *batches, const lw_dataset *dataset, const lw_network *network,
                          const lw_train_config *config)
{
    const int64_t size = (int64_t)lw_dataset_size(dataset);
    *batches = (lw_batches){.dataset = dataset,
                            .network = network,
                            .kind = config->order,
                            .no_shuffle = config->no_shuffle,
                            .batch = config->batch,
                            .seed = config->seed};
    batches->mixed = has_mixed_sizes(batches);
    LW_TRY(allocate(batches));
    for (int64_t i = 0; i < size; i++) batches->order[i] = (uint32_t)i;
    batches->steps = batches->kind == LW_TRAIN_ORDER_BY_SIZE
                         ? count_batches_by_size(batches)
                         : (size + config->batch - 1) / config->batch;
    batches->starts = calloc((size_t)batches->steps + 1, sizeof *batches->starts);
    if (!batches->starts)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %lld batches", (long long)batches->steps);
    for (int64_t step = 0; step < batches->steps; step++)
        batches->starts[step] = step * config->batch;
    batches->starts[batches->steps] = size;
    return LW_OK;
}

void lw_batches_destroy(lw_batches *batches)
{
    if (batches->scratch) {
        free(batches->scratch->keys);
        free(batches->scratch->layers);
        free(batches->scratch->dealt);
        free(batches->scratch->bounds);
    }
    free(batches->scratch);
    free(batches->costs);
    free(batches->starts);
    free(batches->order);
    memset(batches, 0, sizeof *batches);
}

// Fisher and Yates; the same order for the same seed and epoch.
static void shuffle(lw_batches *batches, int32_t epoch)
{
    uint32_t size = (uint32_t)lw_dataset_size(batches->dataset);
    for (uint32_t i = 0; i < size; i++) batches->order[i] = i;
    if (batches->no_shuffle) return;
    lw_rng rng = lw_rng_stream(batches->seed, LW_RNG_SHUFFLE, (uint32_t)epoch, 0);
    for (uint32_t i = size; i > 1; i--) {
        uint32_t other = lw_rng_below(&rng, i);
        uint32_t swapped = batches->order[i - 1];
        batches->order[i - 1] = batches->order[other];
        batches->order[other] = swapped;
    }
}

void lw_batches_start_epoch(lw_batches *batches, int32_t epoch)
{
    shuffle(batches, epoch);
    if (batches->kind == LW_TRAIN_ORDER_BY_SIZE)
        deal_sizes(batches);
    else if (batches->mixed)
        for (int64_t step = 0; step < batches->steps; step++)
            sort_by_size(batches, batches->starts[step], lw_batches_count(batches, step));
    for (size_t i = 0; batches->costs && i < lw_dataset_size(batches->dataset); i++)
        batches->costs[i] = cost_of(batches, extent_of(batches, batches->order[i]));
}

// ---- partials -----------------------------------------------------------------------------------

// The end of partial `p` of a batch with mixed sizes, from *spent on: the image in whose middle the
// partial has had its share of the cost is the next one's first. At least one image is taken, and one
// left for each partial behind.
static int32_t end_of_partial(const float *costs, const lw_batch *batch, int32_t p, double total,
                              double *spent)
{
    int32_t end = batch->partials[p].begin;
    const int32_t last = batch->count - (batch->n_partials - 1 - p);
    const double share = total * (p + 1) / batch->n_partials;
    do {
        *spent += costs[end++];
    } while (end < last && *spent + 0.5 * costs[end] <= share);
    return p + 1 == batch->n_partials ? batch->count : end;
}

static void cut_by_cost(const float *costs, lw_batch *batch)
{
    double total = 0.0, spent = 0.0;
    for (int32_t i = 0; i < batch->count; i++) total += costs[i];
    for (int32_t p = 0; p < batch->n_partials; p++) {
        const double before = spent;
        batch->partials[p].begin = p > 0 ? batch->partials[p - 1].end : 0;
        batch->partials[p].end = end_of_partial(costs, batch, p, total, &spent);
        batch->costs[p] = spent - before;
    }
}

void lw_batches_get(const lw_batches *batches, int64_t step, int32_t n_partials, lw_batch *batch)
{
    batch->place = batches->starts[step];
    batch->count = lw_batches_count(batches, step);
    batch->n_partials = n_partials;
    if (batches->costs) {
        cut_by_cost(batches->costs + batch->place, batch);
        return;
    }
    for (int32_t p = 0; p < n_partials; p++) {
        int64_t begin, end;
        lw_parallel_range(batch->count, p, n_partials, &begin, &end);
        batch->partials[p] = (lw_batch_range){(int32_t)begin, (int32_t)end};
        batch->costs[p] = (double)(end - begin);
    }
}

// The costliest partial that was not given away yet; the first one of equals.
static int32_t costliest(const lw_batch *batch, const bool *given)
{
    int32_t best = -1;
    for (int32_t p = 0; p < batch->n_partials; p++)
        if (!given[p] && (best < 0 || batch->costs[p] > batch->costs[best])) best = p;
    return best;
}

// The costliest one first, always to the thread that has least so far. Each thread works all of it out
// for itself: at most 16 partials, of which at most 16 threads get any.
int32_t lw_batch_share(const lw_batch *batch, int32_t thread, int32_t threads,
                       int32_t indices[LW_PARTIAL_LIMIT])
{
    double loads[LW_PARTIAL_LIMIT] = {0};
    bool given[LW_PARTIAL_LIMIT] = {false};
    bool mine[LW_PARTIAL_LIMIT] = {false};
    if (threads > LW_PARTIAL_LIMIT) threads = LW_PARTIAL_LIMIT;
    for (int32_t i = 0; i < batch->n_partials; i++) {
        int32_t p = costliest(batch, given), least = 0;
        for (int32_t t = 1; t < threads; t++)
            if (loads[t] < loads[least]) least = t;
        given[p] = true;
        loads[least] += batch->costs[p];
        mine[p] = least == thread;
    }
    int32_t count = 0;
    for (int32_t p = 0; p < batch->n_partials; p++)
        if (mine[p]) indices[count++] = p;
    return count;
}
