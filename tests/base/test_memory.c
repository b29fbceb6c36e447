// SPDX-License-Identifier: Apache-2.0
// Aligned blocks, checked sizes, and arenas. Built twice: as the library has it, and with
// LW_DEBUG_MEMORY, where overwritten canaries must show.
#include "base/limits.h"
#include "base/memory.h"

#include "base/error.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_aligned(const void *address)
{
    return (uintptr_t)address % LW_ALIGNMENT == 0;
}

static void blocks_are_aligned_and_zeroed(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *block = NULL;
        assert_int_equal(lw_memory_allocate(&block, sizes[i], "test"), LW_OK);
        assert_non_null(block);
        assert_true(is_aligned(block));
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(((unsigned char *)block)[k], 0);
        memset(block, 1, sizes[i]);
        lw_memory_free(block);
    }
    lw_memory_free(NULL);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    void *block = &block;
    assert_int_equal(lw_memory_allocate(&block, SIZE_MAX, "the moon"), LW_ERROR_MEMORY);
    assert_null(block);
    assert_non_null(strstr(lw_error_message(), "the moon"));
}

// The system may promise what it does not have: then the process would be killed later.
static void more_than_the_machine_has_is_refused(void **state)
{
    (void)state;
    void *block = &block;
    const uint64_t most = lw_limits_memory_bytes();
    if (most > SIZE_MAX / 2) return;
    assert_int_equal(lw_memory_allocate(&block, (size_t)most + ((size_t)256 << 20), "a network"),
                     LW_ERROR_MEMORY);
    assert_null(block);
    assert_non_null(strstr(lw_error_message(), "a network: "));
    assert_non_null(strstr(lw_error_message(), "this process may use"));
}

static void sizes_are_checked(void **state)
{
    (void)state;
    size_t result = 0;
    assert_true(lw_size_multiply(SIZE_MAX / 2, 2, &result));
    assert_true(result == SIZE_MAX - 1);
    assert_true(lw_size_multiply(0, SIZE_MAX, &result));
    assert_true(result == 0);
    assert_false(lw_size_multiply(SIZE_MAX / 2 + 1, 2, &result));
    assert_true(lw_size_add(SIZE_MAX - 1, 1, &result));
    assert_true(result == SIZE_MAX);
    assert_false(lw_size_add(SIZE_MAX, 1, &result));
    assert_int_equal(lw_round_up(0, 64), 0);
    assert_int_equal(lw_round_up(1, 64), 64);
    assert_int_equal(lw_round_up(64, 64), 64);
    assert_int_equal(lw_round_up(65, 64), 128);
}

static void arena_pieces_do_not_overlap(void **state)
{
    (void)state;
    enum { n_pieces = 40 };
    lw_arena arena = {0};
    lw_arena_slot slots[n_pieces];
    for (size_t i = 0; i < n_pieces; i++) slots[i] = lw_arena_book(&arena, i, sizeof(float));
    assert_int_equal(lw_arena_allocate(&arena, "test"), LW_OK);
    for (size_t i = 0; i < n_pieces; i++) {
        assert_true(is_aligned(lw_arena_at(&arena, slots[i])));
        memset(lw_arena_at(&arena, slots[i]), (int)i, i * sizeof(float));
    }
    for (size_t i = 0; i < n_pieces; i++) {
        const unsigned char *piece = lw_arena_at(&arena, slots[i]);
        for (size_t k = 0; k < i * sizeof(float); k++) assert_int_equal(piece[k], (int)i);
    }
    assert_true(lw_arena_intact(&arena));
    lw_arena_free(&arena);
    assert_null(arena.block);
    assert_int_equal(arena.booked_bytes, 0);
}

static void arena_of_nothing_is_fine(void **state)
{
    (void)state;
    lw_arena arena = {0};
    assert_int_equal(lw_arena_allocate(&arena, "test"), LW_OK);
    assert_true(lw_arena_intact(&arena));
    lw_arena_free(&arena);
    lw_arena_free(&arena); // a freed arena is an empty one
}

static void arena_overflow_is_remembered(void **state)
{
    (void)state;
    static const size_t counts[][2] = {{SIZE_MAX, 2}, {SIZE_MAX / 2, 1}, {SIZE_MAX, 1}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        lw_arena arena = {0};
        lw_arena_book(&arena, counts[i][0], counts[i][1]);
        lw_arena_book(&arena, 1, 1); // a booking that fits does not hide the one that did not
        assert_int_equal(lw_arena_allocate(&arena, "the sea"), LW_ERROR_MEMORY);
        assert_non_null(strstr(lw_error_message(), "the sea"));
        assert_null(arena.block);
        lw_arena_free(&arena);
    }
    // Many bookings, each of which fits, whose sum does not.
    lw_arena arena = {0};
    for (int i = 0; i < 8; i++) lw_arena_book(&arena, SIZE_MAX / 4 - LW_ALIGNMENT, 1);
    assert_int_equal(lw_arena_allocate(&arena, "the sea"), LW_ERROR_MEMORY);
    lw_arena_free(&arena);
}

#ifdef LW_DEBUG_MEMORY
static void write_behind_a_piece_shows(void **state)
{
    (void)state;
    lw_arena arena = {0};
    lw_arena_book(&arena, 10, 1);
    lw_arena_slot middle = lw_arena_book(&arena, 3, LW_ALIGNMENT);
    lw_arena_book(&arena, 10, 1);
    assert_int_equal(lw_arena_allocate(&arena, "test"), LW_OK);
    unsigned char *piece = lw_arena_at(&arena, middle);
    memset(piece, 0, 3 * LW_ALIGNMENT);
    assert_true(lw_arena_intact(&arena));
    piece[3 * LW_ALIGNMENT] = 0;
    assert_false(lw_arena_intact(&arena));
    lw_arena_free(&arena);
}

static void unwritten_pieces_are_nan(void **state)
{
    (void)state;
    lw_arena arena = {0};
    lw_arena_slot slot = lw_arena_book(&arena, 100, sizeof(float));
    assert_int_equal(lw_arena_allocate(&arena, "test"), LW_OK);
    const float *piece = lw_arena_at(&arena, slot);
    for (int i = 0; i < 100; i++) assert_true(isnan(piece[i]));
    lw_arena_free(&arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_zeroed),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(more_than_the_machine_has_is_refused),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(arena_pieces_do_not_overlap),
        cmocka_unit_test(arena_of_nothing_is_fine),
        cmocka_unit_test(arena_overflow_is_remembered),
#ifdef LW_DEBUG_MEMORY
        cmocka_unit_test(write_behind_a_piece_shows),
        cmocka_unit_test(unwritten_pieces_are_nan),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
