// SPDX-License-Identifier: Apache-2.0
// Every table is complete, and the chosen one is the best there is.
#include "cpu/kernel_table.h"

#include <lanewise/cpu.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_every_slot_is_filled(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n = lw_kernel_tables(tables);
    for (int t = 0; t < n; t++) {
        assert_true(tables[t]->vector_floats >= 4);
#define LW_KERNEL_ENTRY(slot, family) assert_true(tables[t]->slot != NULL);
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY
    }
}

static void test_best_table_is_chosen(void **state)
{
    (void)state;
    const lw_kernel_table *tables[LW_MAX_TABLES];
    int n = lw_kernel_tables(tables);
    assert_string_equal("generic", tables[0]->isa);
    for (int t = 1; t < n; t++)
        assert_true(tables[t]->vector_floats >= tables[t - 1]->vector_floats);
    // Unless a lower one is asked for, as `./run test --isa` does.
    const char *wish = getenv("LANEWISE_MAX_ISA"), *expected = tables[n - 1]->isa;
    for (int t = 0; wish && t < n; t++)
        if (strcmp(tables[t]->isa, wish) == 0) expected = wish;
    assert_string_equal(expected, lw_cpu_isa());
    assert_true(strlen(lw_cpu_name()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_slot_is_filled),
        cmocka_unit_test(test_best_table_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
