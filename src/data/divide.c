// SPDX-License-Identifier: Apache-2.0
#include "data/divide.h"

#include "base/error.h"
#include "base/rng.h"

#include <stdlib.h>

typedef struct class_share {
    size_t count, taken, room; // room: how many may be taken at most
    double remainder;          // of its exact share
    int32_t label;
} class_share;

// Largest remainder first; between equals the order of the classes decides.
static int compare_remainders(const void *a, const void *b)
{
    const class_share *left = a, *right = b;
    if (left->remainder != right->remainder) return left->remainder > right->remainder ? -1 : 1;
    return (left->label > right->label) - (left->label < right->label);
}

static int compare_labels(const void *a, const void *b)
{
    const class_share *left = a, *right = b;
    return (left->label > right->label) - (left->label < right->label);
}

// How many of each class.
static void set_shares(class_share *shares, int32_t classes, size_t count, size_t wanted,
                       bool keep_one)
{
    size_t left = wanted;
    for (int32_t c = 0; c < classes; c++) {
        double exact = (double)wanted * (double)shares[c].count / (double)count;
        shares[c].label = c;
        shares[c].room = keep_one && shares[c].count > 0 ? shares[c].count - 1 : shares[c].count;
        shares[c].taken = (size_t)exact;
        shares[c].remainder = exact - (double)shares[c].taken;
        if (shares[c].taken > shares[c].room) shares[c].taken = shares[c].room;
        left -= shares[c].taken;
    }
    qsort(shares, (size_t)classes, sizeof *shares, compare_remainders);
    // One each in turn; more than one turn only where classes ran out of room.
    for (bool moved = true; left > 0 && moved;) {
        moved = false;
        for (int32_t c = 0; c < classes && left > 0; c++) {
            if (shares[c].taken == shares[c].room) continue;
            shares[c].taken++;
            left--;
            moved = true;
        }
    }
    qsort(shares, (size_t)classes, sizeof *shares, compare_labels);
}

lw_status lw_divide_stratified(bool *chosen, const int32_t *labels, size_t count, int32_t classes,
                               size_t wanted, bool keep_one, uint64_t seed, uint32_t purpose)
{
    class_share *shares = calloc((size_t)classes, sizeof *shares);
    lw_rng *streams = calloc((size_t)classes, sizeof *streams);
    if (!shares || !streams) {
        free(shares);
        free(streams);
        return lw_fail(LW_ERROR_MEMORY, "no memory to divide %zu images", count);
    }
    for (size_t i = 0; i < count; i++) shares[labels[i]].count++;
    set_shares(shares, classes, count, wanted, keep_one);
    for (int32_t c = 0; c < classes; c++)
        streams[c] = lw_rng_stream(seed, LW_RNG_SPLIT, purpose, (uint64_t)c);
    // Selection sampling: each sample is taken with the chance (still wanted) / (still to come), which
    // makes every choice of that many equally likely.
    for (size_t i = 0; i < count; i++) {
        class_share *share = &shares[labels[i]];
        chosen[i] = share->taken > 0 &&
                    lw_rng_below(&streams[labels[i]], (uint32_t)share->count) < share->taken;
        if (chosen[i]) share->taken--;
        share->count--;
    }
    free(shares);
    free(streams);
    return LW_OK;
}
