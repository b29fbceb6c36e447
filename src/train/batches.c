// SPDX-License-Identifier: Apache-2.0
#include "train/batches.h"

#include "base/error.h"
#include "base/rng.h"
#include "cpu/parallel.h"
#include "nn/worker.h"

#include <assert.h>
#include <math.h>
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
    float *sorted_costs;   // of a batch
    uint8_t *owners;       // of a batch
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

// How long an image takes, in multiply-adds: the dense ones, and what it costs to add to all gradients, which
// every image does once whatever its size. Never 0.
static float cost_of(lw_batches *batches, lw_extent extent)
{
    uint32_t key = (uint32_t)extent.height * 65536u + (uint32_t)extent.width;
    cost_slot *slot = &batches->scratch->costs[(key * 2654435769u) >> 22];
    if (same_extent(slot->extent, extent)) return slot->cost;
    lw_layer_info *layers = batches->scratch->layers;
    const double gradient_macs = 8.0; // a value of the gradient takes as long, measured
    double macs = 1.0 + gradient_macs * (double)lw_network_parameter_count(batches->network);
    // What the network refuses has been refused before.
    if (!lw_network_infer(batches->network, extent, layers))
        for (size_t i = 0; i < lw_network_layer_count(batches->network); i++)
            macs += (double)layers[i].macs;
    *slot = (cost_slot){extent, (float)macs};
    return slot->cost;
}

// ---- partials -----------------------------------------------------------------------------------

int32_t lw_batches_partials(const lw_batches *batches, int32_t count)
{
    int32_t n = lw_partial_count(count, batches->gradient_floats);
    if (n > count) n = count;
    return n < LW_PARTIAL_LIMIT ? n : LW_PARTIAL_LIMIT;
}

// A batch while it is cut: the partial that each image belongs to, and what the partials cost.
typedef struct cutting {
    int32_t count, n_partials;
    const float *costs; // (count), ascending in size
    uint8_t *owners;    // (count)
    double sums[LW_PARTIAL_LIMIT];
    int32_t images[LW_PARTIAL_LIMIT];
} cutting;

// A first cut, by size: a partial ends at the image in whose middle it has had its share. At least one image is
// taken, and one left for each partial behind.
static void cut_in_order(cutting *cut)
{
    double total = 0.0, spent = 0.0;
    int32_t next = 0;
    for (int32_t i = 0; i < cut->count; i++) total += (double)cut->costs[i];
    for (int32_t p = 0; p < cut->n_partials; p++) {
        const int32_t last = cut->count - (cut->n_partials - 1 - p);
        const double share = total * (p + 1) / cut->n_partials;
        cut->sums[p] = 0.0;
        cut->images[p] = 0;
        do {
            cut->owners[next] = (uint8_t)p;
            cut->sums[p] += (double)cut->costs[next];
            cut->images[p]++;
            spent += (double)cut->costs[next++];
        } while (next < last &&
                 (p + 1 == cut->n_partials || spent + 0.5 * (double)cut->costs[next] <= share));
    }
}

// The next image of a partial behind `after` whose cost differs from that one's; -1: there is none. Images of
// one size are as good as each other.
static int32_t next_candidate(const cutting *cut, int32_t p, int32_t after)
{
    for (int32_t i = after + 1; i < cut->count; i++)
        if (cut->owners[i] == p && (after < 0 || cut->costs[i] != cut->costs[after])) return i;
    return -1;
}

// An image that goes from the costliest partial to the cheapest, and one that comes back for it, or -1.
typedef struct exchange {
    int32_t given, taken;
    double gap; // between the two afterwards
} exchange;

static exchange find_exchange(const cutting *cut, int32_t high, int32_t low)
{
    const double gap = cut->sums[high] - cut->sums[low];
    exchange best = {-1, -1, gap};
    for (int32_t i = next_candidate(cut, high, -1); i >= 0; i = next_candidate(cut, high, i)) {
        const double cost = (double)cut->costs[i], alone = fabs(gap - 2.0 * cost);
        if (cut->images[high] > 1 && alone < best.gap) best = (exchange){i, -1, alone};
        for (int32_t k = next_candidate(cut, low, -1); k >= 0; k = next_candidate(cut, low, k)) {
            const double swapped = fabs(gap - 2.0 * (cost - (double)cut->costs[k]));
            if (swapped < best.gap) best = (exchange){i, k, swapped};
        }
    }
    return best;
}

static void move_image(cutting *cut, int32_t image, int32_t to)
{
    const int32_t from = cut->owners[image];
    cut->sums[from] -= (double)cut->costs[image];
    cut->images[from]--;
    cut->sums[to] += (double)cut->costs[image];
    cut->images[to]++;
    cut->owners[image] = (uint8_t)to;
}

// Evens out the costliest and the cheapest partial as long as that is worth an image out of its order.
static void even_out(cutting *cut)
{
    const double enough = 0.005; // of a partial's cost
    for (int32_t round = 0; round < 2 * cut->n_partials; round++) {
        int32_t high = 0, low = 0;
        for (int32_t p = 1; p < cut->n_partials; p++) {
            if (cut->sums[p] > cut->sums[high]) high = p;
            if (cut->sums[p] < cut->sums[low]) low = p;
        }
        const double gap = cut->sums[high] - cut->sums[low];
        const exchange best = find_exchange(cut, high, low);
        if (best.given < 0 || gap - best.gap < enough * cut->sums[high]) return;
        move_image(cut, best.given, low);
        if (best.taken >= 0) move_image(cut, best.taken, high);
    }
}

// Puts the images of each partial next to each other, by size as before, and notes where each ends.
static void gather_partials(lw_batches *batches, int64_t step, const cutting *cut)
{
    const int64_t place = batches->starts[step];
    sort_key *keys = batches->scratch->keys;
    int32_t *ends = batches->ends + step * LW_PARTIAL_LIMIT, next = 0;
    for (int32_t p = 0; p < cut->n_partials; p++) {
        for (int32_t i = 0; i < cut->count; i++)
            if (cut->owners[i] == p)
                keys[next++] =
                    (sort_key){.place = (uint32_t)i, .sample = batches->order[place + i]};
        ends[p] = next;
    }
    for (int32_t i = 0; i < cut->count; i++) {
        batches->order[place + i] = keys[i].sample;
        batches->scratch->sorted_costs[i] = batches->costs[place + keys[i].place];
    }
    memcpy(batches->costs + place, batches->scratch->sorted_costs,
           (size_t)cut->count * sizeof *batches->costs);
}

// The images of the batch lie by size and have their costs.
static void cut_batch(lw_batches *batches, int64_t step)
{
    // In larger batches a cut by size is even enough, and looking for a better one takes long.
    const int32_t most_images = 256;
    cutting cut = {.count = lw_batches_count(batches, step),
                   .costs = batches->costs + batches->starts[step],
                   .owners = batches->scratch->owners};
    cut.n_partials = lw_batches_partials(batches, cut.count);
    cut_in_order(&cut);
    if (cut.count <= most_images) even_out(&cut);
    gather_partials(batches, step, &cut);
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
        scratch->sorted_costs = calloc(batch, sizeof *scratch->sorted_costs);
        scratch->owners = calloc(batch, sizeof *scratch->owners);
        enough = enough && batches->costs && scratch->sorted_costs && scratch->owners;
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
                          int64_t gradient_floats, const lw_train_config *config)
{
    const int64_t size = (int64_t)lw_dataset_size(dataset);
    *batches = (lw_batches){.dataset = dataset,
                            .network = network,
                            .kind = config->order,
                            .no_shuffle = config->no_shuffle,
                            .batch = config->batch,
                            .seed = config->seed,
                            .gradient_floats = gradient_floats};
    batches->mixed = has_mixed_sizes(batches);
    LW_TRY(allocate(batches));
    for (int64_t i = 0; i < size; i++) batches->order[i] = (uint32_t)i;
    batches->steps = batches->kind == LW_TRAIN_ORDER_BY_SIZE
                         ? count_batches_by_size(batches)
                         : (size + config->batch - 1) / config->batch;
    assert(batches->steps > 0); // no data set is empty
    batches->starts = calloc((size_t)batches->steps + 1, sizeof *batches->starts);
    if (batches->mixed)
        batches->ends = calloc((size_t)batches->steps, LW_PARTIAL_LIMIT * sizeof *batches->ends);
    if (!batches->starts || (batches->mixed && !batches->ends))
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
        free(batches->scratch->sorted_costs);
        free(batches->scratch->owners);
        free(batches->scratch->dealt);
        free(batches->scratch->bounds);
    }
    free(batches->scratch);
    free(batches->costs);
    free(batches->ends);
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
    if (!batches->mixed) return;
    for (size_t i = 0; i < lw_dataset_size(batches->dataset); i++)
        batches->costs[i] = cost_of(batches, extent_of(batches, batches->order[i]));
    for (int64_t step = 0; step < batches->steps; step++) cut_batch(batches, step);
}

// ---- one batch ----------------------------------------------------------------------------------

void lw_batches_get(const lw_batches *batches, int64_t step, lw_batch *batch)
{
    batch->place = batches->starts[step];
    batch->count = lw_batches_count(batches, step);
    batch->n_partials = lw_batches_partials(batches, batch->count);
    for (int32_t p = 0; p < batch->n_partials; p++) {
        int64_t begin, end;
        lw_parallel_range(batch->count, p, batch->n_partials, &begin, &end);
        batch->costs[p] = (double)(end - begin);
        if (batches->ends) {
            begin = p > 0 ? batch->partials[p - 1].end : 0;
            end = batches->ends[step * LW_PARTIAL_LIMIT + p];
            batch->costs[p] = 0.0;
            for (int64_t i = begin; i < end; i++)
                batch->costs[p] += (double)batches->costs[batch->place + i];
        }
        batch->partials[p] = (lw_batch_range){(int32_t)begin, (int32_t)end};
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
