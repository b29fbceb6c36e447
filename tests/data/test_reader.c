// SPDX-License-Identifier: Apache-2.0
// Readers: a set in memory and the same set streamed give the same samples, in any order, to several
// threads, within the memory they may take.
#include "support.h"

#include "image_files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { n_images = 60 };

static lw_data_splits memory, streamed;

static size_t bytes_of(lw_sample sample)
{
    return (size_t)sample.height * (size_t)sample.width * (size_t)sample.channels;
}

// The same folder twice: whole, and with less memory than it takes.
static int set_up(void **state)
{
    (void)state;
    if (!can_write_images()) return 0;
    for (int i = 0; i < n_images; i++) {
        char name[64];
        snprintf(name, sizeof name, "set/%c/%02d.png", "abc"[i % 3], i);
        write_png(name, 10 + i % 7, 12 + i % 5, 3, (uint8_t)(4 * i));
    }
    lw_data_options options = {.threads = 2};
    if (open_images(&memory, "set", options)) return 1;
    options.memory_bytes = 2000;
    return open_images(&streamed, "set", options) != LW_OK;
}

static int tear_down(void **state)
{
    lw_data_close(&memory);
    lw_data_close(&streamed);
    return leave_images(state);
}

static void test_streamed_set(void **state)
{
    (void)state;
    assert_false(lw_dataset_is_streamed(memory.train));
    assert_true(lw_dataset_is_streamed(streamed.train));
    assert_int_equal(lw_dataset_size(streamed.train), n_images);
    assert_int_equal(lw_dataset_bytes(streamed.train), lw_dataset_bytes(memory.train));
    assert_non_null(strstr(streamed.source, "read as they are needed"));
    for (size_t i = 0; i < n_images; i++) {
        lw_sample here = lw_dataset_get(memory.train, i), there = lw_dataset_get(streamed.train, i);
        assert_null(there.pixels);
        assert_int_equal(here.height, there.height);
        assert_int_equal(here.width, there.width);
        assert_int_equal(here.channels, there.channels);
        assert_int_equal(here.label, there.label);
    }
    // Both the index and the pixels are kept; the one that is right for the memory is found.
    lw_data_splits again;
    lw_data_options options = {.threads = 2, .memory_bytes = 2000};
    assert_ok(open_images(&again, "set", options));
    assert_true(lw_dataset_is_streamed(again.train));
    uint8_t pixels[10 * 12 * 3];
    assert_ok(lw_dataset_read(again.train, 0, pixels));
    assert_memory_equal(pixels, lw_dataset_get(memory.train, 0).pixels, sizeof pixels);
    lw_data_close(&again);
}

static bool same_sample(lw_sample a, lw_sample b)
{
    return a.pixels && b.pixels && a.height == b.height && a.width == b.width &&
           a.channels == b.channels && a.label == b.label &&
           memcmp(a.pixels, b.pixels, bytes_of(a)) == 0;
}

static void make_order(uint32_t order[2 * n_images])
{
    for (uint32_t i = 0; i < 2 * n_images; i++) order[i] = (i * 37 + 11) % n_images;
}

static void check_in_order(const lw_dataset *dataset, uint64_t memory_bytes, int32_t threads)
{
    uint32_t order[2 * n_images];
    make_order(order);
    lw_reader *reader;
    lw_reader_options options = {.memory_bytes = memory_bytes, .threads = threads};
    assert_ok(lw_reader_create(&reader, dataset, order, 2 * n_images, &options));
    order[0] = 0; // the reader has its own
    make_order(order);
    for (size_t i = 0; i < 2 * n_images; i++) {
        lw_sample sample;
        assert_ok(lw_reader_get(reader, i, &sample));
        assert_true(same_sample(sample, lw_dataset_get(memory.train, order[i])));
        if (i % 7 == 0) lw_reader_advance(reader, i);
    }
    lw_reader_advance(reader, 2 * n_images);
    lw_reader_destroy(&reader);
    assert_null(reader);
}

static void test_orders(void **state)
{
    (void)state;
    check_in_order(memory.train, 0, 1);
    for (int32_t threads = 0; threads <= 4; threads++) {
        check_in_order(streamed.train, 0, threads);
        check_in_order(streamed.train, 3000, threads);
        check_in_order(streamed.train, 1, threads); // one at a time
    }
}

// Far ahead of what was let go, more than the memory holds: it waits for work, not for ever.
static void test_far_ahead(void **state)
{
    (void)state;
    lw_reader *reader;
    lw_sample sample, first;
    assert_ok(lw_reader_create(&reader, streamed.train, NULL, 0,
                               &(lw_reader_options){.memory_bytes = 1, .threads = 1}));
    assert_ok(lw_reader_get(reader, n_images - 1, &sample));
    assert_true(same_sample(sample, lw_dataset_get(memory.train, n_images - 1)));
    assert_ok(lw_reader_get(reader, 0, &first)); // still there
    assert_true(same_sample(first, lw_dataset_get(memory.train, 0)));
    lw_reader_advance(reader, 5);
    lw_reader_advance(reader, 3); // backwards is nothing
    assert_failed(lw_reader_get(reader, 4, &sample), LW_ERROR_ARGUMENT, "was passed already");
    assert_ok(lw_reader_get(reader, 5, &sample));
    lw_reader_destroy(&reader);
    // Given up with everything under way.
    assert_ok(lw_reader_create(&reader, streamed.train, NULL, 0, NULL));
    lw_reader_destroy(&reader);
    lw_reader_destroy(&reader);
    lw_reader_destroy(NULL);
}

enum { n_takers = 4 };

typedef struct shared_reader {
    lw_reader *reader;
    const uint32_t *order;
    atomic_size_t next;
    atomic_size_t busy_from[n_takers]; // no taker looks at anything before its own number again
    atomic_int wrong;
    pthread_mutex_t mutex;
    bool done[2 * n_images]; // under the mutex
    size_t n_done_in_order;
} shared_reader;

typedef struct taker {
    shared_reader *shared;
    int index;
} taker;

// Everything before the position that the slowest taker is at was used by everybody.
static void advance_together(shared_reader *shared)
{
    size_t least = SIZE_MAX;
    for (int i = 0; i < n_takers; i++) {
        const size_t from = atomic_load(&shared->busy_from[i]);
        if (from < least) least = from;
    }
    lw_reader_advance(shared->reader, least);
}

static void *take_some(void *user)
{
    const taker *self = user;
    shared_reader *shared = self->shared;
    for (;;) {
        // Said before the position is taken, so that it is never said too late.
        atomic_store(&shared->busy_from[self->index], atomic_load(&shared->next));
        size_t position = atomic_fetch_add(&shared->next, 1);
        lw_sample sample;
        if (position >= 2 * n_images) {
            atomic_store(&shared->busy_from[self->index], 2 * n_images);
            return NULL;
        }
        if (lw_reader_get(shared->reader, position, &sample) ||
            !same_sample(sample, lw_dataset_get(memory.train, shared->order[position])))
            atomic_fetch_add(&shared->wrong, 1);
        advance_together(shared);
    }
}

static void test_threads(void **state)
{
    (void)state;
    uint32_t order[2 * n_images];
    make_order(order);
    for (uint64_t memory_bytes = 1; memory_bytes <= 100000; memory_bytes *= 10) {
        shared_reader shared = {.order = order};
        taker takers[n_takers];
        pthread_t threads[n_takers];
        lw_reader_options options = {.memory_bytes = memory_bytes, .threads = 3};
        assert_ok(lw_reader_create(&shared.reader, streamed.train, order, 2 * n_images, &options));
        for (int i = 0; i < n_takers; i++) {
            takers[i] = (taker){&shared, i};
            assert_int_equal(pthread_create(&threads[i], NULL, take_some, &takers[i]), 0);
        }
        for (int i = 0; i < n_takers; i++) pthread_join(threads[i], NULL);
        assert_int_equal(shared.wrong, 0);
        lw_reader_destroy(&shared.reader);
    }
}

static void test_bad_arguments(void **state)
{
    (void)state;
    lw_reader *reader = (lw_reader *)&reader;
    const uint32_t outside[] = {0, n_images};
    lw_sample sample;
    assert_failed(lw_reader_create(&reader, streamed.train, outside, 2, NULL), LW_ERROR_ARGUMENT,
                  "below 60, got 60");
    assert_null(reader);
    assert_failed(lw_reader_create(&reader, streamed.train, outside, 0, NULL), LW_ERROR_ARGUMENT,
                  "at least one");
    assert_failed(lw_reader_create(&reader, NULL, outside, 1, NULL), LW_ERROR_ARGUMENT, "NULL");
    assert_failed(lw_reader_create(NULL, streamed.train, outside, 1, NULL), LW_ERROR_ARGUMENT,
                  "NULL");
    assert_ok(lw_reader_create(&reader, memory.train, NULL, 0, NULL));
    assert_failed(lw_reader_get(reader, n_images, &sample), LW_ERROR_ARGUMENT, "got 60");
    assert_failed(lw_reader_get(reader, 0, NULL), LW_ERROR_ARGUMENT, "NULL");
    assert_failed(lw_reader_get(NULL, 0, &sample), LW_ERROR_ARGUMENT, "NULL");
    lw_reader_destroy(&reader);
}

// A file that goes or changes under way: the sample fails with its name, the others go on.
static void test_changed_file(void **state)
{
    (void)state;
    lw_reader *reader;
    lw_sample sample;
    assert_int_equal(unlink(in_folder("set/a/00.png")), 0);
    write_png("set/a/03.png", 3, 3, 3, 1);
    write_bytes("set/a/06.png", "no image", 8);
    assert_ok(lw_reader_create(&reader, streamed.train, NULL, 0, NULL));
    assert_failed(lw_reader_get(reader, 0, &sample), LW_ERROR_INPUT, "set/a/00.png: cannot open");
    assert_null(sample.pixels);
    assert_failed(lw_reader_get(reader, 1, &sample), LW_ERROR_INPUT,
                  "set/a/03.png: the image changed while it was read");
    assert_failed(lw_reader_get(reader, 2, &sample), LW_ERROR_INPUT,
                  "set/a/06.png: expected a PNG");
    assert_ok(lw_reader_get(reader, 3, &sample));
    assert_true(same_sample(sample, lw_dataset_get(memory.train, 3)));
    lw_reader_destroy(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streamed_set),  cmocka_unit_test(test_orders),
        cmocka_unit_test(test_far_ahead),     cmocka_unit_test(test_threads),
        cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_changed_file),
    };
    if (!can_write_images()) return 0;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
