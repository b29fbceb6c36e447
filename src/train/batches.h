// SPDX-License-Identifier: Apache-2.0
// Which samples make up the batches of an epoch, in which order, and which of a batch form a partial
// gradient. All of it follows from the data set, the configuration and the epoch, never from threads.
#ifndef LW_TRAIN_BATCHES_H
#define LW_TRAIN_BATCHES_H

#include <lanewise/data.h>
#include <lanewise/network.h>
#include <lanewise/train.h>

enum { LW_PARTIAL_LIMIT = 16 }; // partial gradients of a batch, as lw_partial_count has it at most

typedef struct lw_batches {
    const lw_dataset *dataset;
    const lw_network *network;
    lw_train_order kind;
    bool no_shuffle;
    int32_t batch; // images of a full batch
    uint64_t seed;
    int64_t steps;   // batches of an epoch
    bool mixed;      // not all images have one size
    uint32_t *order; // the samples of the epoch, batch after batch
    int64_t *starts; // (steps + 1), of each batch in the order
    // Where sizes are mixed, else NULL: the cost of the sample at each place, and of each batch the ends
    // (exclusive, within the batch) of LW_PARTIAL_LIMIT partials, as far as it has them.
    float *costs;
    int32_t *ends;
    int64_t gradient_floats;
    struct lw_batch_scratch *scratch;
} lw_batches;

// Images [begin, end) of a batch.
typedef struct lw_batch_range {
    int32_t begin, end;
} lw_batch_range;

// A batch of `count` images from `place` of the order on, and the images of each of its partials.
typedef struct lw_batch {
    int64_t place;
    int32_t count, n_partials;
    lw_batch_range partials[LW_PARTIAL_LIMIT];
    double costs[LW_PARTIAL_LIMIT]; // of the partials, in any unit
} lw_batch;

// The data set and the network must outlive the batches. LW_ERROR_MEMORY.
// `gradient_floats`: of all parameters, for lw_partial_count.
lw_status lw_batches_init(lw_batches *batches, const lw_dataset *dataset, const lw_network *network,
                          int64_t gradient_floats, const lw_train_config *config);
void lw_batches_destroy(lw_batches *batches);

// Puts the samples into the order of an epoch (from 0). Where sizes are mixed, a batch is cut into partials
// of about the same cost, and the images of a partial lie by size, the small ones first.
void lw_batches_start_epoch(lw_batches *batches, int32_t epoch);

// How many partials a batch of `count` images has: 1 .. LW_PARTIAL_LIMIT, and at most as many as images.
int32_t lw_batches_partials(const lw_batches *batches, int32_t count);

// Batch `step` of the epoch with its partials: of as many images each where all have one size, of about the
// same cost otherwise. None is empty.
void lw_batches_get(const lw_batches *batches, int64_t step, lw_batch *batch);

// How many images batch `step` has.
static inline int32_t lw_batches_count(const lw_batches *batches, int64_t step)
{
    return (int32_t)(batches->starts[step + 1] - batches->starts[step]);
}

// The partials of a thread: writes their indices (ascending) and returns how many there are. Every
// partial goes to one thread, so that the threads have about the same cost.
int32_t lw_batch_share(const lw_batch *batch, int32_t thread, int32_t threads,
                       int32_t indices[LW_PARTIAL_LIMIT]);

#endif
