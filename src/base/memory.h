// SPDX-License-Identifier: Apache-2.0
// Memory: aligned blocks, arenas that carve one block into named pieces, checked size arithmetic.
#ifndef LW_BASE_MEMORY_H
#define LW_BASE_MEMORY_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

// Every block and every arena piece starts on a cache line, which is also the widest vector.
enum { LW_ALIGNMENT = 64 };

// A block of `bytes` (at least 1) zeroed bytes, aligned to LW_ALIGNMENT; NULL without memory, or when
// it is more than the process may use (base/limits.h).
// `purpose` names it in the message. Freed by lw_memory_free.
lw_status lw_memory_allocate(void **block, size_t bytes, const char *purpose);
void lw_memory_free(void *block);

// Refuses what this process may not have: for several blocks that are needed together. LW_ERROR_MEMORY.
lw_status lw_memory_check(size_t bytes, const char *purpose);

// *product = a * b, *sum = a + b; false when that does not fit.
bool lw_size_multiply(size_t a, size_t b, size_t *product);
bool lw_size_add(size_t a, size_t b, size_t *sum);

// `size` rounded up to a multiple of `unit` (a power of two).
static inline size_t lw_round_up(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}

// An arena is planned first (lw_arena_book hands out offsets), then allocated once
// (lw_arena_allocate), then asked for addresses. Debug builds put a canary behind every piece and
// poison the pieces with NaN, so that a kernel that reads what nobody wrote shows. An arena can be
// planned anew (lw_arena_reset), which takes memory only when it grows.
typedef struct lw_arena {
    unsigned char *block;
    size_t block_bytes, booked_bytes;
    size_t *canary_offsets; // debug builds only
    size_t n_canaries, canary_capacity;
    bool overflow; // a booking did not fit a size_t or ran out of memory for the book itself
} lw_arena;

typedef size_t lw_arena_slot; // the offset of a piece

// Books `count` pieces of `piece_bytes`; the address is known after lw_arena_allocate.
lw_arena_slot lw_arena_book(lw_arena *arena, size_t count, size_t piece_bytes);

// Forgets the bookings and keeps the block for the next ones; addresses become invalid.
void lw_arena_reset(lw_arena *arena);

// Allocates what was booked, unless the block is large enough; what a kept block holds is undefined, a
// new one is zero. LW_ERROR_MEMORY with `purpose` and the size in the message; the block is then gone.
lw_status lw_arena_allocate(lw_arena *arena, const char *purpose);

// The address of a piece.
static inline void *lw_arena_at(const lw_arena *arena, lw_arena_slot slot)
{
    return arena->block + slot;
}

// Debug builds: true while no canary was overwritten. Release builds: true.
bool lw_arena_intact(const lw_arena *arena);

void lw_arena_free(lw_arena *arena);

#endif
