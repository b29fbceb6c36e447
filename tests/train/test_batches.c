// SPDX-License-Identifier: Apache-2.0
// Which samples go into which batch, and how a batch is cut into partial gradients and shared out.
#include "train/batches.h"
#include "training_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    lw_network *network;
    lw_dataset *dataset;
    lw_train_config config;
    lw_batches batches;
} fixture;

static void start(fixture *f, lw_dataset *dataset, lw_train_order order, int32_t batch)
{
    f->network = load_network("varres");
    f->dataset = dataset;
    f->config = lw_train_config_default();
    f->config.order = order;
    f->config.batch = batch;
    assert_int_equal(LW_OK, lw_batches_init(&f->batches, dataset, f->network, 29029, &f->config));
}

static void stop(fixture *f)
{
    lw_batches_destroy(&f->batches);
    lw_dataset_destroy(&f->dataset);
    lw_network_destroy(&f->network);
}

static int32_t side_at(const fixture *f, int64_t place)
{
    return lw_dataset_get(f->dataset, f->batches.order[place]).height;
}

static void assert_every_sample_once(const fixture *f)
{
    size_t size = lw_dataset_size(f->dataset);
    bool *seen = calloc(size, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < size; i++) {
        assert_true(f->batches.order[i] < size);
        assert_false(seen[f->batches.order[i]]);
        seen[f->batches.order[i]] = true;
    }
    free(seen);
    assert_int_equal(0, f->batches.starts[0]);
    assert_int_equal((int64_t)size, f->batches.starts[f->batches.steps]);
}

static const int32_t sides[] = {32, 9, 64, 48, 17};
enum { n_sides = sizeof sides / sizeof *sides };

// Batches hold what the shuffle puts into them, as with images of one size; only inside a partial the
// images lie by size.
static void test_mixed_batches(void **state)
{
    (void)state;
    fixture f, plain;
    start(&f, make_mixed_set(103, sides, n_sides, 10), LW_TRAIN_ORDER_MIXED, 16);
    start(&plain, make_training_set(103, 1, 12, 10), LW_TRAIN_ORDER_MIXED, 16);
    assert_true(f.batches.mixed);
    assert_false(plain.batches.mixed);
    assert_int_equal(7, f.batches.steps);
    bool several = false;
    for (int32_t epoch = 0; epoch < 3; epoch++) {
        lw_batches_start_epoch(&f.batches, epoch);
        lw_batches_start_epoch(&plain.batches, epoch);
        assert_every_sample_once(&f);
        for (int64_t step = 0; step < f.batches.steps; step++) {
            int64_t begin = f.batches.starts[step], end = f.batches.starts[step + 1];
            uint64_t here = 0, expected = 0; // sums of distinct bits of the samples
            for (int64_t i = begin; i < end; i++) {
                here += (uint64_t)f.batches.order[i] * f.batches.order[i];
                expected += (uint64_t)plain.batches.order[i] * plain.batches.order[i];
                several = several || side_at(&f, i) != side_at(&f, begin);
            }
            assert_int_equal(expected, here);
            lw_batch batch;
            lw_batches_get(&f.batches, step, &batch);
            for (int32_t p = 0; p < batch.n_partials; p++)
                for (int64_t i = batch.partials[p].begin + 1; i < batch.partials[p].end; i++)
                    assert_true(side_at(&f, begin + i - 1) <= side_at(&f, begin + i));
        }
    }
    assert_true(several);
    stop(&f);
    stop(&plain);
}

// One size a batch, the sizes in turn, every size shuffled anew each epoch.
static void test_batches_by_size(void **state)
{
    (void)state;
    fixture f;
    const int32_t uneven[] = {20, 20, 10, 20, 30, 20}; // two thirds are 20
    start(&f, make_mixed_set(60, uneven, 6, 10), LW_TRAIN_ORDER_BY_SIZE, 8);
    // 10: 10 images, 20: 40, 30: 10.
    const int32_t expected[][2] = {{10, 8}, {20, 8}, {30, 8}, {10, 2}, {20, 8},
                                   {30, 2}, {20, 8}, {20, 8}, {20, 8}};
    assert_int_equal(9, f.batches.steps);
    uint32_t first[60];
    for (int32_t epoch = 0; epoch < 2; epoch++) {
        lw_batches_start_epoch(&f.batches, epoch);
        assert_every_sample_once(&f);
        for (int64_t step = 0; step < f.batches.steps; step++) {
            assert_int_equal(expected[step][1], lw_batches_count(&f.batches, step));
            for (int64_t i = f.batches.starts[step]; i < f.batches.starts[step + 1]; i++)
                assert_int_equal(expected[step][0], side_at(&f, i));
        }
        if (epoch == 0) memcpy(first, f.batches.order, sizeof first);
    }
    assert_memory_not_equal(first, f.batches.order, sizeof first);
    lw_batches_start_epoch(&f.batches, 0);
    assert_memory_equal(first, f.batches.order, sizeof first);
    f.batches.no_shuffle = true;
    lw_batches_start_epoch(&f.batches, 0);
    for (int64_t step = 0; step < f.batches.steps; step++)
        for (int64_t i = f.batches.starts[step] + 1; i < f.batches.starts[step + 1]; i++)
            assert_true(f.batches.order[i - 1] < f.batches.order[i]);
    stop(&f);
}

// None is empty, all images belong to one, and they cost about the same.
static void test_partials(void **state)
{
    (void)state;
    const int32_t batch_sizes[] = {1, 3, 16, 48, 200, 240, 400};
    for (size_t k = 0; k < sizeof batch_sizes / sizeof *batch_sizes; k++) {
        fixture f;
        start(&f, make_mixed_set(300, sides, n_sides, 10), LW_TRAIN_ORDER_MIXED, batch_sizes[k]);
        lw_batches_start_epoch(&f.batches, 0);
        for (int64_t step = 0; step < f.batches.steps; step++) {
            lw_batch batch;
            lw_batches_get(&f.batches, step, &batch);
            const int32_t n = batch.n_partials;
            double total = 0.0, largest = 0.0;
            assert_int_equal(lw_batches_count(&f.batches, step), batch.count);
            for (int32_t p = 0; p < n; p++) {
                assert_int_equal(p ? batch.partials[p - 1].end : 0, batch.partials[p].begin);
                assert_true(batch.partials[p].begin < batch.partials[p].end);
                total += batch.costs[p];
            }
            assert_int_equal(batch.count, batch.partials[n - 1].end);
            for (int32_t i = 0; i < batch.count; i++)
                if ((double)f.batches.costs[batch.place + i] > largest)
                    largest = (double)f.batches.costs[batch.place + i];
            for (int32_t p = 0; p < n; p++) assert_true(batch.costs[p] <= total / n + largest);
        }
        stop(&f);
    }
}

// Two partials of sixteen images: by size alone the costlier one is 4 % above the mean.
static void test_partials_are_even(void **state)
{
    (void)state;
    fixture f;
    const int32_t three[] = {32, 48, 64};
    start(&f, make_mixed_set(1600, three, 3, 10), LW_TRAIN_ORDER_MIXED, 16);
    lw_batches_start_epoch(&f.batches, 0);
    double excess = 0.0;
    for (int64_t step = 0; step < f.batches.steps; step++) {
        lw_batch batch;
        lw_batches_get(&f.batches, step, &batch);
        assert_int_equal(2, batch.n_partials);
        double mean = (batch.costs[0] + batch.costs[1]) / 2;
        excess += (batch.costs[0] > mean ? batch.costs[0] : batch.costs[1]) / mean - 1.0;
    }
    assert_true(excess / (double)f.batches.steps < 0.025);
    stop(&f);
}

// One image costs more than all others together: still each partial has one.
static void test_no_partial_is_empty(void **state)
{
    (void)state;
    fixture f;
    int32_t extreme[17] = {300};
    for (int i = 1; i < 17; i++) extreme[i] = 8;
    start(&f, make_mixed_set(17, extreme, 17, 10), LW_TRAIN_ORDER_MIXED, 17);
    lw_batches_start_epoch(&f.batches, 0);
    lw_batch batch;
    lw_batches_get(&f.batches, 0, &batch);
    assert_int_equal(4, batch.n_partials);
    for (int32_t p = 0; p < batch.n_partials; p++)
        assert_true(batch.partials[p].begin < batch.partials[p].end);
    stop(&f);
}

// Every partial has exactly one thread; the load of the busiest is within one partial of the mean.
static void test_shares(void **state)
{
    (void)state;
    lw_batch batch = {.count = 64, .n_partials = LW_PARTIAL_LIMIT};
    double total = 0.0, largest = 0.0;
    for (int32_t p = 0; p < LW_PARTIAL_LIMIT; p++) {
        batch.costs[p] = 1.0 + p * 5 % 7;
        total += batch.costs[p];
        if (batch.costs[p] > largest) largest = batch.costs[p];
    }
    for (int32_t threads = 1; threads <= 40; threads++) {
        int32_t owners[LW_PARTIAL_LIMIT] = {0};
        for (int32_t thread = 0; thread < threads; thread++) {
            int32_t indices[LW_PARTIAL_LIMIT];
            int32_t n = lw_batch_share(&batch, thread, threads, indices);
            double load = 0.0;
            for (int32_t i = 0; i < n; i++) {
                owners[indices[i]]++;
                load += batch.costs[indices[i]];
                if (i > 0) assert_true(indices[i - 1] < indices[i]);
            }
            assert_true(load <= total / threads + largest);
        }
        for (int32_t p = 0; p < LW_PARTIAL_LIMIT; p++) assert_int_equal(1, owners[p]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_batches),
        cmocka_unit_test(test_batches_by_size),
        cmocka_unit_test(test_partials),
        cmocka_unit_test(test_partials_are_even),
        cmocka_unit_test(test_no_partial_is_empty),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
