// SPDX-License-Identifier: Apache-2.0
// The two GEMM tiles of every ISA that this machine has, against plain loops in double.
#include "cpu/kernel_table.h"
#include "oracle/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { most_k = 400, most_lanes = 64, most_rows = 16, most_stride = 80, most_vector = 16 };

static void tables_are_sound(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n_tables = lw_kernel_tables(tables);
    assert_in_range(n_tables, 1, LW_MAX_TABLES);
    for (int i = 0; i < n_tables; i++) {
        assert_in_range(tables[i]->gemm_rows, 1, most_rows);
        assert_in_range(tables[i]->gemm_columns, 1, most_lanes);
        assert_int_equal(tables[i]->gemm_columns % tables[i]->vector_floats, 0);
        assert_in_range(tables[i]->dot_rows, 1, most_rows);
        assert_in_range(tables[i]->dot_columns, 1, most_rows);
    }
}

// c after the tile, element (r, j), and the magnitude of its sum.
static void tile_by_loops(const lw_kernel_table *kernels, const float *a, const float *b, int64_t k,
                          int32_t r, int32_t j, double before, double *sum, double *magnitude)
{
    *sum = before;
    *magnitude = before < 0 ? -before : before;
    for (int64_t i = 0; i < k; i++) {
        double product = (double)a[i * kernels->gemm_rows + r] *
                         (double)b[i * kernels->gemm_columns + j];
        *sum += product;
        *magnitude += product < 0 ? -product : product;
    }
}

// Runs one tile of random sizes. Everything of c that is not in the tile must stay as it was.
static void check_tile(const lw_kernel_table *kernels, lw_rng *rng, bool integers)
{
    static float a[most_k * most_rows], b[most_k * most_lanes];
    static float c[most_rows * most_stride], before[most_rows * most_stride];
    int64_t k = lw_rng_below(rng, 4) ? lw_rng_below(rng, 40) : lw_rng_below(rng, most_k);
    bool full = lw_rng_below(rng, 2), accumulate = lw_rng_below(rng, 2);
    int32_t rows = full ? kernels->gemm_rows
                        : 1 + (int32_t)lw_rng_below(rng, (uint32_t)kernels->gemm_rows);
    int32_t columns = full ? kernels->gemm_columns
                           : 1 + (int32_t)lw_rng_below(rng, (uint32_t)kernels->gemm_columns);
    int64_t stride = columns + (int64_t)lw_rng_below(rng, (uint32_t)(most_stride - columns));
    size_t a_count = (size_t)(k * kernels->gemm_rows);
    size_t b_count = (size_t)(k * kernels->gemm_columns);
    if (integers) {
        lw_fill_integers(rng, a, a_count, 4);
        lw_fill_integers(rng, b, b_count, 4);
        lw_fill_integers(rng, before, most_rows * most_stride, 4);
    } else {
        lw_fill_reals(rng, a, a_count);
        lw_fill_reals(rng, b, b_count);
        lw_fill_reals(rng, before, most_rows * most_stride);
    }
    memcpy(c, before, sizeof c);
    kernels->gemm_tile(a, b, k, c, stride, rows, columns, accumulate);
    for (int32_t i = 0; i < most_rows * most_stride; i++) {
        int32_t r = i / (int32_t)stride, j = i % (int32_t)stride;
        if (r >= rows || j >= columns) {
            if (!lw_compare_bits(&before[i], &c[i], 1))
                fail_msg("outside of the tile: %s", lw_compare_message());
            continue;
        }
        double sum, magnitude;
        tile_by_loops(kernels, a, b, k, r, j, accumulate ? (double)before[i] : 0.0, &sum,
                      &magnitude);
        float expected = (float)sum, bound = (float)magnitude;
        bool same = integers ? lw_compare_bits(&expected, &c[i], 1)
                             : lw_compare_sums(&expected, &c[i], &bound, 1, (double)k + 1.0);
        if (!same)
            fail_msg("%s, k %d, %dx%d, row %d, column %d: %s", kernels->isa, (int)k, rows, columns,
                     r, j, lw_compare_message());
    }
}

// Runs one tile of inner products on misaligned rows and adds to lanes that are not zero.
static void check_dot(const lw_kernel_table *kernels, lw_rng *rng)
{
    static float a[most_rows * (most_k + 32)], b[most_rows * (most_k + 32)];
    enum { n_lanes = most_rows * most_rows * most_vector };
    static float lanes[n_lanes], before[n_lanes];
    const int32_t vector = kernels->vector_floats;
    int64_t k = vector * (int64_t)lw_rng_below(rng, (uint32_t)(most_k / vector));
    int64_t a_stride = k + lw_rng_below(rng, 16), b_stride = k + lw_rng_below(rng, 16);
    const float *first_a = a + lw_rng_below(rng, 16), *first_b = b + lw_rng_below(rng, 16);
    lw_fill_integers(rng, a, sizeof a / sizeof *a, 4);
    lw_fill_integers(rng, b, sizeof b / sizeof *b, 4);
    lw_fill_integers(rng, before, n_lanes, 4);
    memcpy(lanes, before, sizeof lanes);
    kernels->gemm_dot(first_a, a_stride, first_b, b_stride, k, lanes);
    const int32_t used = kernels->dot_rows * kernels->dot_columns * vector;
    for (int32_t i = 0; i < n_lanes; i++) {
        int32_t lane = i % vector, j = i / vector % kernels->dot_columns;
        int32_t r = i / vector / kernels->dot_columns;
        float expected = before[i];
        for (int64_t p = lane; i < used && p < k; p += vector)
            expected += first_a[r * a_stride + p] * first_b[j * b_stride + p];
        if (!lw_compare_bits(&expected, &lanes[i], 1))
            fail_msg("%s, k %d, row %d, column %d, lane %d: %s", kernels->isa, (int)k, r, j, lane,
                     lw_compare_message());
    }
}

static void tiles_equal_plain_loops(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n_tables = lw_kernel_tables(tables);
    for (int i = 0; i < n_tables; i++)
        for (uint32_t round = 0; round < 60; round++) {
            lw_rng rng = lw_rng_stream(6, LW_RNG_TEST, 0, round);
            check_tile(tables[i], &rng, true);
            check_tile(tables[i], &rng, false);
        }
}

static void inner_products_equal_plain_loops(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n_tables = lw_kernel_tables(tables);
    for (int i = 0; i < n_tables; i++)
        for (uint32_t round = 0; round < 60; round++) {
            lw_rng rng = lw_rng_stream(6, LW_RNG_TEST, 1, round);
            check_dot(tables[i], &rng);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(tiles_equal_plain_loops),
        cmocka_unit_test(inner_products_equal_plain_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
