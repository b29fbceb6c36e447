// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include "base/error.h"
#include "base/limits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef LW_DEBUG_MEMORY
enum { canary_bytes = LW_ALIGNMENT };
#else
enum { canary_bytes = 0 };
#endif
static const unsigned char canary_value = 0xC5;
static const unsigned char poison_value = 0xFF; // four of them are a NaN

bool lw_size_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool lw_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

// Large blocks are backed by huge pages, where the system has them: what is read here and there in many
// megabytes then takes no walk through page tables.
static void prefer_huge_pages(void *block, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t least_bytes = (size_t)4 << 20, page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes < least_bytes) return;
    const size_t behind_page = (uintptr_t)block % page_bytes;
    const size_t skipped_bytes = behind_page ? page_bytes - behind_page : 0;
    const size_t whole_bytes = (bytes - skipped_bytes) / page_bytes * page_bytes;
    // No harm where the system says no.
    (void)madvise((unsigned char *)block + skipped_bytes, whole_bytes, MADV_HUGEPAGE);
#else
    (void)block;
    (void)bytes;
#endif
}

// A file of a few bytes can describe gigabytes. A system that promises memory it does not have would
// kill the process when it is used, so that what is beyond all limits is refused here.
lw_status lw_memory_check(size_t bytes, const char *purpose)
{
    const size_t harmless_bytes = (size_t)256 << 20;
    if (bytes < harmless_bytes) return LW_OK;
    const uint64_t most_bytes = lw_limits_memory_bytes();
    if (bytes <= most_bytes) return LW_OK;
    return lw_fail(LW_ERROR_MEMORY,
                   "%s: %zu bytes are more than the %llu MiB of memory that this process may use",
                   purpose, bytes, (unsigned long long)(most_bytes >> 20));
}

lw_status lw_memory_allocate(void **block, size_t bytes, const char *purpose)
{
    *block = NULL;
    if (bytes == 0) bytes = 1;
    if (bytes > SIZE_MAX - LW_ALIGNMENT)
        return lw_fail(LW_ERROR_MEMORY, "%s: %zu bytes are more than memory can be", purpose,
                       bytes);
    LW_TRY(lw_memory_check(bytes, purpose));
    size_t rounded = lw_round_up(bytes, LW_ALIGNMENT);
    void *memory = aligned_alloc(LW_ALIGNMENT, rounded);
    if (!memory) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes", purpose, bytes);
    prefer_huge_pages(memory, rounded);
    memset(memory, 0, rounded);
    *block = memory;
    return LW_OK;
}

void lw_memory_free(void *block)
{
    free(block);
}

lw_arena_slot lw_arena_book(lw_arena *arena, size_t count, size_t piece_bytes)
{
    size_t slot = arena->booked_bytes, bytes, end;
    if (!lw_size_multiply(count, piece_bytes, &bytes) || bytes > SIZE_MAX / 4 ||
        !lw_size_add(slot, lw_round_up(bytes, LW_ALIGNMENT) + canary_bytes, &end)) {
        arena->overflow = true;
        return 0;
    }
    if (canary_bytes) {
        if (arena->n_canaries == arena->canary_capacity) {
            size_t capacity = 2 * arena->canary_capacity + 16;
            size_t *grown = realloc(arena->canary_offsets, capacity * sizeof *grown);
            if (!grown) {
                arena->overflow = true;
                return 0;
            }
            arena->canary_offsets = grown;
            arena->canary_capacity = capacity;
        }
        arena->canary_offsets[arena->n_canaries++] = end - canary_bytes;
    }
    arena->booked_bytes = end;
    return slot;
}

void lw_arena_reset(lw_arena *arena)
{
    arena->booked_bytes = 0;
    arena->n_canaries = 0;
    arena->overflow = false;
}

static lw_status grow_block(lw_arena *arena, const char *purpose)
{
    void *block;
    lw_memory_free(arena->block); // first, so that both need not fit memory
    arena->block = NULL;
    arena->block_bytes = 0;
    LW_TRY(lw_memory_allocate(&block, arena->booked_bytes, purpose));
    arena->block = block;
    arena->block_bytes = arena->booked_bytes;
    return LW_OK;
}

lw_status lw_arena_allocate(lw_arena *arena, const char *purpose)
{
    if (arena->overflow)
        return lw_fail(LW_ERROR_MEMORY, "%s: the size does not fit this machine's memory", purpose);
    if (!arena->block || arena->booked_bytes > arena->block_bytes)
        LW_TRY(grow_block(arena, purpose));
    if (canary_bytes) {
        memset(arena->block, poison_value, arena->booked_bytes);
        for (size_t i = 0; i < arena->n_canaries; i++)
            memset(arena->block + arena->canary_offsets[i], canary_value, canary_bytes);
    }
    return LW_OK;
}

bool lw_arena_intact(const lw_arena *arena)
{
    for (size_t i = 0; i < arena->n_canaries; i++) {
        const unsigned char *canary = arena->block + arena->canary_offsets[i];
        for (const unsigned char *end = canary + canary_bytes; canary != end; canary++)
            if (*canary != canary_value) return false;
    }
    return true;
}

void lw_arena_free(lw_arena *arena)
{
    lw_memory_free(arena->block);
    free(arena->canary_offsets);
    memset(arena, 0, sizeof *arena);
}
