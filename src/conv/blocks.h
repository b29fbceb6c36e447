// SPDX-License-Identifier: Apache-2.0
// How the work of a convolution is cut up: chunks of output positions that fit the cache, parts for
// threads, and the workspace that holds one thread's block.
#ifndef LW_CONV_BLOCKS_H
#define LW_CONV_BLOCKS_H

#include "conv/list.h"
#include "conv/unfold_rows.h"

#include <stdbool.h>

// A chunk: a rectangle of output positions of one image, or the whole maps of several images. Its
// positions are numbered image by image in reading order.
typedef struct lw_conv_chunk {
    int64_t n, images;
    lw_conv_rectangle at;
    int64_t positions; // images * at.rows * at.columns
} lw_conv_chunk;

// All chunks of a shape. They depend on the shape alone, so that nothing summed over chunks depends
// on the number of threads.
typedef struct lw_conv_chunking {
    const lw_conv_sizes *sizes;
    int64_t images;            // of a full chunk, in chunks of several images
    int32_t rows, columns;     // of a full chunk
    int64_t groups, per_image; // chunks: groups of images, rectangles within an image
    int64_t most_positions;    // of any chunk
} lw_conv_chunking;

// Chunks of about `target` positions (at least 1), none larger. `sizes` is borrowed.
lw_conv_chunking lw_conv_chunk_positions(const lw_conv_sizes *sizes, int64_t target);

// The rectangle `index` (0 .. per_image - 1) of image group `group`.
lw_conv_chunk lw_conv_chunk_at(const lw_conv_chunking *chunking, int64_t group, int64_t index);

// The cut of a two-dimensional lot of work, `outer` x `inner` items, into parts for threads.
typedef struct lw_conv_split {
    int32_t outer_parts, inner_parts; // at most `threads` together
} lw_conv_split;

// What a part costs beside 1 for each of its pairs of an outer and an inner item: for each of its outer and
// for each of its inner items, which other parts have to do as well.
typedef struct lw_conv_split_costs {
    double outer, inner;
} lw_conv_split_costs;

lw_conv_split lw_conv_split_work(int32_t threads, int64_t outer, int64_t inner,
                                 lw_conv_split_costs costs);

// A thread's share of a split. False when the thread has nothing to do.
typedef struct lw_conv_share {
    int64_t outer_begin, outer_end, inner_begin, inner_end;
} lw_conv_share;

bool lw_conv_share_of(lw_conv_split split, int32_t thread, int64_t outer, int64_t inner,
                      lw_conv_share *share);

// Workspace, booked piece by piece: first what all threads share, then one thread's pieces, which
// every thread has.
typedef struct lw_conv_booking {
    size_t shared_bytes, thread_bytes;
    bool overflow;
} lw_conv_booking;

// Books a * b floats and returns their offset.
size_t lw_conv_book_shared(lw_conv_booking *booking, int64_t a, int64_t b);
size_t lw_conv_book_thread(lw_conv_booking *booking, int64_t a, int64_t b);

// Answers "yes" or, when one thread's workspace would be absurdly large, "no"; and how large it is for all threads, unless
// memory cannot be as large.
void lw_conv_answer_booking(const lw_conv_booking *booking, int32_t threads,
                            lw_conv_answer *answer);

// Whether the channels are few enough for kernels to count their floats in 32 bits; otherwise
// answers "no".
bool lw_conv_channels_fit(const lw_conv_problem *problem, lw_conv_answer *answer);

// The bytes of a workspace for that many threads.
size_t lw_conv_workspace_bytes(const lw_conv_booking *booking, int32_t threads);

// The addresses of pieces in a workspace of any alignment.
float *lw_conv_shared_piece(void *workspace, size_t offset);
float *lw_conv_thread_piece(const lw_conv_booking *booking, void *workspace, int32_t thread,
                            size_t offset);

// Reduces a depth to blocks of at most `limit`, all but the last of equal size; returns that size.
int64_t lw_conv_block_size(int64_t depth, int64_t limit);

static inline int64_t lw_conv_round_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static inline int64_t lw_conv_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
