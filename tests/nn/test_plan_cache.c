// SPDX-License-Identifier: Apache-2.0
// Plans for many image sizes: shared, bounded, and never dropped while somebody has one.
#include "nn/plan_cache.h"
#include "nn/worker.h"

#include <lanewise/lanewise.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct fixture {
    lw_network *network;
    lw_parameter_layout layout;
    lw_plan_cache *cache;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    char path[1024];
    snprintf(path, sizeof path, "%s/networks/varres.net", LW_SOURCE_DIR);
    assert_int_equal(LW_OK, lw_network_load(&f.network, path));
    assert_int_equal(LW_OK, lw_parameter_layout_create(&f.layout, f.network));
    assert_int_equal(LW_OK, lw_plan_cache_create(&f.cache, f.network, &f.layout));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lw_plan_cache_destroy(&f->cache);
    assert_null(f->cache);
    lw_parameter_layout_destroy(&f->layout);
    lw_network_destroy(&f->network);
    return 0;
}

static const lw_plan *get(fixture *f, int32_t height, int32_t width)
{
    const lw_plan *plan;
    if (lw_plan_cache_acquire(f->cache, (lw_extent){1, height, width}, &plan))
        fail_msg("%s", lw_error_message());
    assert_int_equal(height, plan->input.height);
    assert_int_equal(width, plan->input.width);
    return plan;
}

static void test_shared(void **state)
{
    fixture *f = *state;
    const lw_plan *first = get(f, 32, 40), *second = get(f, 32, 40), *turned = get(f, 40, 32);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, turned);
    assert_int_equal(2, lw_plan_cache_made(f->cache));
    lw_plan_cache_release(f->cache, first);
    lw_plan_cache_release(f->cache, second);
    lw_plan_cache_release(f->cache, turned);
    assert_ptr_equal(first, get(f, 32, 40)); // kept, although nobody had it
    lw_plan_cache_release(f->cache, first);
    lw_plan_cache_release(f->cache, NULL);
}

static void test_bounded(void **state)
{
    fixture *f = *state;
    const lw_plan *held = get(f, 8, 8);
    for (int32_t i = 0; i < LW_PLAN_CACHE_LIMIT + 20; i++)
        lw_plan_cache_release(f->cache, get(f, 9 + i / 100, 9 + i % 100));
    int64_t made = lw_plan_cache_made(f->cache);
    assert_int_equal(LW_PLAN_CACHE_LIMIT + 21, made);
    assert_ptr_equal(held, get(f, 8, 8));            // the oldest, but in use
    lw_plan_cache_release(f->cache, get(f, 14, 30)); // among the last ones
    assert_int_equal(made, lw_plan_cache_made(f->cache));
    lw_plan_cache_release(f->cache, get(f, 9, 9)); // went long ago
    assert_int_equal(made + 1, lw_plan_cache_made(f->cache));
    lw_plan_cache_release(f->cache, held);
    lw_plan_cache_release(f->cache, held);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    const lw_plan *plan;
    assert_int_equal(LW_ERROR_INPUT, lw_plan_cache_acquire(f->cache, (lw_extent){1, 4, 4}, &plan));
    assert_null(plan);
    assert_int_equal(0, lw_plan_cache_made(f->cache));
}

// A worker keeps one workspace, which grows to what the largest group needs; once all sizes have been
// there, no memory is taken any more.
static void test_worker_memory(void **state)
{
    fixture *f = *state;
    lw_worker worker;
    lw_workspace *workspace;
    const void *block = NULL;
    assert_int_equal(LW_OK, lw_worker_init(&worker, f->cache, true));
    for (int pass = 0; pass < 2; pass++)
        for (int32_t side = 8; side <= 96; side++) {
            lw_extent extent = {1, side, 96};
            assert_int_equal(LW_OK, lw_worker_workspace(&worker, extent, &workspace));
            assert_int_equal(side, workspace->plan->input.height);
            assert_int_equal(0, workspace->clean_images);
            if (pass == 1) assert_ptr_equal(block, workspace->arena.block);
            block = workspace->arena.block;
        }
    assert_int_equal(89, lw_plan_cache_made(f->cache));
    // A size that is refused leaves the worker fit for the next one.
    assert_int_equal(LW_ERROR_INPUT,
                     lw_worker_workspace(&worker, (lw_extent){1, 3, 3}, &workspace));
    assert_null(workspace);
    assert_int_equal(LW_OK, lw_worker_workspace(&worker, (lw_extent){1, 16, 16}, &workspace));
    lw_worker_destroy(&worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_worker_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
