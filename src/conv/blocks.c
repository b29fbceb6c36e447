// SPDX-License-Identifier: Apache-2.0
// Cutting convolutions into chunks, parts and pieces of workspace.
#include "conv/blocks.h"

#include "base/memory.h"
#include "cpu/parallel.h"

#include <stdio.h>

int64_t lw_conv_block_size(int64_t depth, int64_t limit)
{
    int64_t blocks = (depth + limit - 1) / limit;
    return (depth + blocks - 1) / blocks;
}

lw_conv_chunking lw_conv_chunk_positions(const lw_conv_sizes *sizes, int64_t target)
{
    lw_conv_chunking c = {.sizes = sizes, .images = 1, .rows = sizes->oh, .columns = sizes->ow};
    const int32_t n = sizes->shape.n;
    if (sizes->positions <= target / 2)
        c.images = lw_conv_block_size(n, target / sizes->positions);
    else if (sizes->ow <= target)
        c.rows = (int32_t)lw_conv_block_size(sizes->oh, target / sizes->ow);
    else {
        c.rows = 1;
        c.columns = (int32_t)lw_conv_block_size(sizes->ow, target);
    }
    c.groups = (n + c.images - 1) / c.images;
    int64_t down = ((int64_t)sizes->oh + c.rows - 1) / c.rows;
    int64_t across = ((int64_t)sizes->ow + c.columns - 1) / c.columns;
    c.per_image = down * across;
    c.most_positions = c.images * c.rows * c.columns;
    return c;
}

lw_conv_chunk lw_conv_chunk_at(const lw_conv_chunking *c, int64_t group, int64_t index)
{
    const lw_conv_sizes *sizes = c->sizes;
    int64_t across = ((int64_t)sizes->ow + c->columns - 1) / c->columns;
    lw_conv_chunk chunk;
    chunk.n = group * c->images;
    chunk.images = lw_conv_smaller(c->images, sizes->shape.n - chunk.n);
    chunk.at.oh = (int32_t)(index / across) * c->rows;
    chunk.at.rows = (int32_t)lw_conv_smaller(c->rows, sizes->oh - chunk.at.oh);
    chunk.at.ow = (int32_t)(index % across) * c->columns;
    chunk.at.columns = (int32_t)lw_conv_smaller(c->columns, sizes->ow - chunk.at.ow);
    chunk.positions = chunk.images * chunk.at.rows * chunk.at.columns;
    return chunk;
}

lw_conv_split lw_conv_split_work(int32_t threads, int64_t outer, int64_t inner,
                                 lw_conv_split_costs costs)
{
    lw_conv_split best = {1, 1};
    double lowest = 0.0;
    for (int32_t parts = 1; parts <= threads; parts++) {
        lw_conv_split split = {(int32_t)lw_conv_smaller(parts, outer),
                               (int32_t)lw_conv_smaller(threads / parts, inner)};
        const double outer_items = (double)((outer + split.outer_parts - 1) / split.outer_parts);
        const double inner_items = (double)((inner + split.inner_parts - 1) / split.inner_parts);
        const double cost = outer_items * (inner_items + costs.outer) + inner_items * costs.inner;
        if (parts > 1 && cost >= lowest) continue;
        lowest = cost;
        best = split;
    }
    return best;
}

bool lw_conv_share_of(lw_conv_split split, int32_t thread, int64_t outer, int64_t inner,
                      lw_conv_share *share)
{
    if (thread >= split.outer_parts * split.inner_parts) return false;
    lw_parallel_range(outer, thread / split.inner_parts, split.outer_parts, &share->outer_begin,
                      &share->outer_end);
    lw_parallel_range(inner, thread % split.inner_parts, split.inner_parts, &share->inner_begin,
                      &share->inner_end);
    return share->outer_begin < share->outer_end && share->inner_begin < share->inner_end;
}

// Adds a * b floats, rounded up to whole cache lines, to *bytes; returns where they start.
static size_t book(size_t *bytes, bool *overflow, int64_t a, int64_t b)
{
    size_t offset = *bytes, piece;
    if (!lw_size_multiply((size_t)a, (size_t)b, &piece) ||
        !lw_size_multiply(piece, sizeof(float), &piece) || piece > PTRDIFF_MAX ||
        !lw_size_add(offset, lw_round_up(piece, LW_ALIGNMENT), bytes))
        *overflow = true;
    return offset;
}

size_t lw_conv_book_shared(lw_conv_booking *booking, int64_t a, int64_t b)
{
    return book(&booking->shared_bytes, &booking->overflow, a, b);
}

size_t lw_conv_book_thread(lw_conv_booking *booking, int64_t a, int64_t b)
{
    return book(&booking->thread_bytes, &booking->overflow, a, b);
}

void lw_conv_answer_booking(const lw_conv_booking *booking, int32_t threads, lw_conv_answer *answer)
{
    // Counted for one thread, so that the answer does not depend on how many there are.
    const size_t limit = (size_t)1 << 31;
    size_t one;
    answer->possible = false;
    if (booking->overflow || !lw_size_add(booking->shared_bytes, booking->thread_bytes, &one)) {
        snprintf(answer->reason, sizeof answer->reason,
                 "its workspace would be larger than memory can be");
        return;
    }
    answer->workspace_bytes = lw_conv_workspace_bytes(booking, threads);
    answer->possible = one <= limit;
    if (!answer->possible)
        snprintf(answer->reason, sizeof answer->reason,
                 "its workspace would be %zu bytes for one thread, at most %zu are allowed", one,
                 limit);
}

bool lw_conv_channels_fit(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    const int32_t most = 1 << 22, channels = s->ic > s->oc ? s->ic : s->oc;
    if (channels <= most) return true;
    answer->possible = false;
    snprintf(answer->reason, sizeof answer->reason, "it takes at most %d channels, not %d", most,
             channels);
    return false;
}

size_t lw_conv_workspace_bytes(const lw_conv_booking *booking, int32_t threads)
{
    // Room to align the caller's memory. At most 2 GiB a thread and 1024 threads: it fits 64 bits.
    return booking->shared_bytes + (size_t)threads * booking->thread_bytes + LW_ALIGNMENT;
}

float *lw_conv_shared_piece(void *workspace, size_t offset)
{
    uintptr_t address = (uintptr_t)workspace;
    size_t skip = lw_round_up(address, LW_ALIGNMENT) - address;
    return (float *)(void *)((unsigned char *)workspace + skip + offset);
}

float *lw_conv_thread_piece(const lw_conv_booking *booking, void *workspace, int32_t thread,
                            size_t offset)
{
    return lw_conv_shared_piece(workspace, booking->shared_bytes +
                                               (size_t)thread * booking->thread_bytes + offset);
}
