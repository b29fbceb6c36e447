// SPDX-License-Identifier: Apache-2.0
// The peak kernel computes what its contract says, for every ISA of this machine, and the measured
// peak is a rate. How high it is is no test's business.
#include "bench/peak.h"
#include "cpu/kernel_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_chains_run_towards_one(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n = lw_kernel_tables(tables);
    for (int t = 0; t < n; t++) {
        // Without a step the chains hold 0, 1, 2, ...: whoever skips the work is found out.
        assert_true(tables[t]->fma_peak(0) > 1.5f);
        assert_true(tables[t]->fma_peak(1) != tables[t]->fma_peak(0));
        assert_true(fabsf(tables[t]->fma_peak(1) - 1.0f) < 1.0f);
        assert_true(fabsf(tables[t]->fma_peak(1000) - 1.0f) < 1e-6f);
    }
}

static void the_peak_is_a_rate(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 2; threads++) {
        double peak = lw_bench_measure_peak(threads, 0.008);
        assert_true(isfinite(peak) && peak > 0.0);
    }
}

static void the_flushing_buffer_grows_with_the_threads(void **state)
{
    (void)state;
    assert_true(lw_bench_flush_bytes(1) >= (size_t)4 << 20);
    assert_true(lw_bench_flush_bytes(64) >= (size_t)256 << 20);
    assert_true(lw_bench_flush_bytes(1024) <= (size_t)512 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chains_run_towards_one),
        cmocka_unit_test(the_peak_is_a_rate),
        cmocka_unit_test(the_flushing_buffer_grows_with_the_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
