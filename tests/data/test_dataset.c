// SPDX-License-Identifier: Apache-2.0
// Data sets from memory, slices of them, and who owns what for how long.
#include "support.h"

#include "base/error.h"
#include "data/dataset.h"

#include <lanewise/data.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { count = 7, height = 2, width = 3, channels = 2, image_bytes = height * width * channels };

static uint8_t pixels[count * image_bytes];
static int32_t labels[count];

static lw_dataset *make(void)
{
    for (int i = 0; i < count * image_bytes; i++) pixels[i] = (uint8_t)(3 * i);
    for (int i = 0; i < count; i++) labels[i] = i % 4;
    lw_dataset *dataset;
    assert_ok(lw_dataset_create(&dataset, "small", pixels, labels, count, channels, height, width,
                                4, NULL));
    return dataset;
}

static void test_create_copies(void **state)
{
    (void)state;
    lw_dataset *dataset = make();
    memset(pixels, 0, sizeof pixels); // the data set must not notice
    memset(labels, 0, sizeof labels);
    assert_int_equal(lw_dataset_size(dataset), count);
    assert_int_equal(lw_dataset_class_count(dataset), 4);
    assert_string_equal(lw_dataset_name(dataset), "small");
    assert_int_equal(lw_dataset_bytes(dataset), count * (image_bytes + 4));
    for (size_t i = 0; i < count; i++) {
        lw_sample sample = lw_dataset_get(dataset, i);
        assert_int_equal(sample.label, i % 4);
        assert_int_equal(sample.height, height);
        assert_int_equal(sample.width, width);
        assert_int_equal(sample.channels, channels);
        for (size_t k = 0; k < image_bytes; k++)
            assert_int_equal(sample.pixels[k], (uint8_t)(3 * (i * image_bytes + k)));
    }
    lw_dataset_destroy(&dataset);
    assert_null(dataset);
    lw_dataset_destroy(&dataset);
    lw_dataset_destroy(NULL);
}

static void test_class_names(void **state)
{
    (void)state;
    lw_dataset *dataset = make();
    assert_string_equal(lw_dataset_class_name(dataset, 0), "0");
    assert_string_equal(lw_dataset_class_name(dataset, 3), "3");
    assert_string_equal(lw_dataset_class_name(dataset, 4), "?");
    assert_string_equal(lw_dataset_class_name(dataset, -1), "?");
    lw_dataset_destroy(&dataset);

    char name[] = "Sneaker";
    const char *const names[] = {"Bag", name};
    int32_t two[] = {0, 1};
    assert_ok(lw_dataset_create(&dataset, "named", pixels, two, 2, 1, 2, 2, 2, names));
    name[0] = 'X';
    assert_string_equal(lw_dataset_class_name(dataset, 1), "Sneaker");
    lw_dataset_destroy(&dataset);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    lw_dataset *dataset = (lw_dataset *)&dataset;
    const char *const names[] = {"a", NULL};
    int32_t wrong[] = {0, 4}, negative[] = {0, -1};
    lw_dataset **out = &dataset;
    assert_failed(lw_dataset_create(NULL, "x", pixels, labels, 1, 1, 1, 1, 1, NULL),
                  LW_ERROR_ARGUMENT, "dataset is NULL");
    assert_failed(lw_dataset_create(out, "x", NULL, labels, 1, 1, 1, 1, 1, NULL), LW_ERROR_ARGUMENT,
                  "NULL");
    assert_null(dataset);
    assert_failed(lw_dataset_create(out, "x", pixels, labels, 0, 1, 1, 1, 1, NULL),
                  LW_ERROR_ARGUMENT, "at least one image");
    assert_failed(lw_dataset_create(out, "x", pixels, labels, 1, 0, 1, 1, 1, NULL),
                  LW_ERROR_ARGUMENT, "channels, got 0");
    assert_failed(lw_dataset_create(out, "x", pixels, labels, 1, 1, -5, 1, 1, NULL),
                  LW_ERROR_ARGUMENT, "got -5x1");
    assert_failed(lw_dataset_create(out, "x", pixels, labels, 1, 1, 1, 16385, 1, NULL),
                  LW_ERROR_ARGUMENT, "got 1x16385");
    assert_failed(lw_dataset_create(out, "x", pixels, labels, 1, 1, 1, 1, 0, NULL),
                  LW_ERROR_ARGUMENT, "classes, got 0");
    assert_failed(lw_dataset_create(out, "x", pixels, labels, 1, 1, 1, 1, 2, names),
                  LW_ERROR_ARGUMENT, "class 1 is NULL");
    assert_failed(lw_dataset_create(out, "x", pixels, wrong, 2, 1, 1, 1, 4, NULL), LW_ERROR_INPUT,
                  "labels 0 .. 3, got 4 for image 1");
    assert_failed(lw_dataset_create(out, "x", pixels, negative, 2, 1, 1, 1, 4, NULL),
                  LW_ERROR_INPUT, "got -1 for image 1");
    assert_null(dataset);
}

static void test_slice(void **state)
{
    (void)state;
    lw_dataset *all = make(), *middle, *inner, *bad = all;
    assert_ok(lw_dataset_slice(&middle, all, 2, 6));
    assert_ok(lw_dataset_slice(&inner, middle, 1, 3));
    assert_int_equal(lw_dataset_size(middle), 4);
    assert_int_equal(lw_dataset_size(inner), 2);
    assert_int_equal(lw_dataset_bytes(inner), 2 * (image_bytes + 4));
    assert_ptr_equal(lw_dataset_get(inner, 0).pixels, lw_dataset_get(all, 3).pixels);
    assert_int_equal(lw_dataset_get(inner, 1).label, 4 % 4);
    // A slice ends where it ends, though the memory goes on.
    assert_null(lw_dataset_get(inner, 2).pixels);
    assert_null(lw_dataset_get(all, count).pixels);

    assert_failed(lw_dataset_slice(&bad, all, 3, 3), LW_ERROR_ARGUMENT, "got 3 .. 3");
    assert_null(bad);
    assert_failed(lw_dataset_slice(&bad, all, 4, 3), LW_ERROR_ARGUMENT, "got 4 .. 3");
    assert_failed(lw_dataset_slice(&bad, middle, 0, 5), LW_ERROR_ARGUMENT, "0 .. 4, got 0 .. 5");
    assert_failed(lw_dataset_slice(&bad, NULL, 0, 1), LW_ERROR_ARGUMENT, "NULL");
    assert_failed(lw_dataset_slice(NULL, all, 0, 1), LW_ERROR_ARGUMENT, "NULL");

    // The last one standing keeps the memory, whichever it is (the sanitizers watch).
    lw_dataset_destroy(&all);
    lw_dataset_destroy(&middle);
    assert_int_equal(lw_dataset_get(inner, 0).pixels[0], (uint8_t)(3 * 3 * image_bytes));
    assert_string_equal(lw_dataset_class_name(inner, 2), "2");
    lw_dataset_destroy(&inner);
}

// Three images of 2x3, 1x1 and 3x2 pixels, two channels each.
static lw_dataset *make_mixed(void)
{
    static const lw_image_size sizes[] = {{2, 3}, {1, 1}, {3, 2}};
    static const int32_t mixed_labels[] = {2, 0, 1};
    uint8_t bytes[2 * (6 + 1 + 6)];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i + 1);
    lw_dataset *dataset;
    assert_ok(
        lw_dataset_create_mixed(&dataset, "mixed", bytes, sizes, mixed_labels, 3, 2, 3, NULL));
    memset(bytes, 0, sizeof bytes); // the data set must not notice
    return dataset;
}

static void check_sample(const lw_dataset *dataset, size_t index, int32_t rows, int32_t columns,
                         int32_t label, uint8_t first)
{
    lw_sample sample = lw_dataset_get(dataset, index);
    assert_int_equal(sample.height, rows);
    assert_int_equal(sample.width, columns);
    assert_int_equal(sample.channels, 2);
    assert_int_equal(sample.label, label);
    uint8_t copy[32];
    assert_ok(lw_dataset_read(dataset, index, copy));
    for (int32_t k = 0; k < rows * columns * 2; k++) {
        assert_int_equal(sample.pixels[k], first + k);
        assert_int_equal(copy[k], first + k);
    }
}

static void test_mixed_sizes(void **state)
{
    (void)state;
    lw_dataset *dataset = make_mixed(), *slice;
    check_sample(dataset, 0, 2, 3, 2, 1);
    check_sample(dataset, 1, 1, 1, 0, 13);
    check_sample(dataset, 2, 3, 2, 1, 15);
    assert_null(lw_dataset_get(dataset, 3).pixels);
    assert_int_equal(lw_dataset_bytes(dataset), 26 + 3 * 4);
    assert_false(lw_dataset_is_streamed(dataset));
    assert_null(lw_dataset_file_name(dataset, 0));
    assert_ok(lw_dataset_slice(&slice, dataset, 1, 3));
    lw_dataset_destroy(&dataset);
    check_sample(slice, 1, 3, 2, 1, 15);
    assert_int_equal(lw_dataset_bytes(slice), 14 + 2 * 4);
    assert_failed(lw_dataset_read(slice, 2, pixels), LW_ERROR_ARGUMENT, "below 2, got 2");
    lw_dataset_destroy(&slice);

    const lw_image_size wrong[] = {{2, 3}, {0, 1}};
    assert_failed(lw_dataset_create_mixed(&dataset, "m", pixels, wrong, labels, 2, 1, 4, NULL),
                  LW_ERROR_ARGUMENT, "got 0x1");
    assert_null(dataset);
    assert_failed(lw_dataset_create_mixed(&dataset, "m", pixels, NULL, labels, 2, 1, 4, NULL),
                  LW_ERROR_ARGUMENT, "sizes");
    assert_failed(lw_dataset_create_mixed(NULL, "m", pixels, wrong, labels, 2, 1, 4, NULL),
                  LW_ERROR_ARGUMENT, "dataset is NULL");
}

static void test_select(void **state)
{
    (void)state;
    lw_dataset *dataset = make_mixed(), *chosen, *again, *part;
    const uint32_t positions[] = {2, 0, 2, 1}, inner[] = {1, 3};
    assert_ok(lw_dataset_select(&chosen, dataset, positions, 4));
    assert_int_equal(lw_dataset_size(chosen), 4);
    assert_ok(lw_dataset_select(&again, chosen, inner, 2));
    assert_ok(lw_dataset_slice(&part, chosen, 1, 3));
    lw_dataset_destroy(&dataset);
    check_sample(chosen, 0, 3, 2, 1, 15);
    check_sample(chosen, 3, 1, 1, 0, 13);
    lw_dataset_destroy(&chosen);
    check_sample(again, 0, 2, 3, 2, 1);
    check_sample(again, 1, 1, 1, 0, 13);
    assert_int_equal(lw_dataset_size(part), 2);
    check_sample(part, 0, 2, 3, 2, 1);
    check_sample(part, 1, 3, 2, 1, 15);
    assert_null(lw_dataset_get(part, 2).pixels);
    const uint32_t outside[] = {0, 2};
    assert_failed(lw_dataset_select(&chosen, part, outside, 2), LW_ERROR_ARGUMENT,
                  "below 2, got 2");
    assert_null(chosen);
    assert_failed(lw_dataset_select(&chosen, part, outside, 0), LW_ERROR_ARGUMENT, "at least one");
    assert_failed(lw_dataset_select(&chosen, NULL, outside, 1), LW_ERROR_ARGUMENT, "NULL");
    assert_failed(lw_dataset_select(NULL, part, outside, 1), LW_ERROR_ARGUMENT, "NULL");
    lw_dataset_destroy(&again);
    lw_dataset_destroy(&part);
    // Slices of sets of one size can be chosen from as well.
    lw_dataset *all = make(), *tail;
    assert_ok(lw_dataset_slice(&tail, all, 3, 7));
    assert_ok(lw_dataset_select(&chosen, tail, inner, 2));
    assert_ptr_equal(lw_dataset_get(chosen, 1).pixels, lw_dataset_get(all, 6).pixels);
    assert_int_equal(lw_dataset_bytes(chosen), 2 * (image_bytes + 4));
    lw_dataset_destroy(&all);
    lw_dataset_destroy(&tail);
    lw_dataset_destroy(&chosen);
}

static void *slice_often(void *user)
{
    const lw_dataset *dataset = user;
    for (size_t i = 0; i < 500; i++) {
        lw_dataset *slice;
        if (lw_dataset_slice(&slice, dataset, i % count, count)) return user;
        if (lw_dataset_get(slice, 0).label != (int32_t)(i % count) % 4) return user;
        lw_dataset_destroy(&slice);
    }
    return NULL;
}

static void test_slices_in_threads(void **state)
{
    (void)state;
    lw_dataset *dataset = make();
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, slice_often, dataset), 0);
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(lw_dataset_get(dataset, 5).label, 1);
    lw_dataset_destroy(&dataset);
}

// The tests stand on this helper, so it has to say no.
static void test_failed_with_says_no(void **state)
{
    (void)state;
    lw_fail(LW_ERROR_INPUT, "a.idx: expected 3, got 4");
    assert_true(failed_with(LW_ERROR_INPUT, LW_ERROR_INPUT, "got 4"));
    assert_false(failed_with(LW_OK, LW_ERROR_INPUT, "got 4"));
    assert_false(failed_with(LW_OK, LW_OK, "got 4"));
    assert_false(failed_with(LW_ERROR_IO, LW_ERROR_INPUT, "got 4"));
    assert_false(failed_with(LW_ERROR_INPUT, LW_ERROR_INPUT, "got 5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failed_with_says_no),
                                       cmocka_unit_test(test_create_copies),
                                       cmocka_unit_test(test_class_names),
                                       cmocka_unit_test(test_bad_arguments),
                                       cmocka_unit_test(test_slice),
                                       cmocka_unit_test(test_mixed_sizes),
                                       cmocka_unit_test(test_select),
                                       cmocka_unit_test(test_slices_in_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
