// SPDX-License-Identifier: Apache-2.0
// The real MNIST, where LANEWISE_DATA_DIR has it; skipped elsewhere.
#include "support.h"

#include "base/file.h"
#include "data/catalog.h"
#ifdef LW_HAVE_FETCH
#include "data/sha256.h"
#include "data/stream.h"
#endif

#include <lanewise/data.h>
#include <stdio.h>
#include <stdlib.h>

static char data_folder[PATH_BYTES];

static bool at_hand(void)
{
#ifndef LW_HAVE_ZLIB
    return false; // the files are gzipped
#endif
    char path[PATH_BYTES + 64];
    const char *data_dir = getenv("LANEWISE_DATA_DIR");
    snprintf(data_folder, sizeof data_folder, "%.900s/mnist", data_dir ? data_dir : "");
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte.gz", data_folder);
    return data_dir && *data_dir && lw_file_exists(path);
}

static void test_open(void **state)
{
    (void)state;
    if (!at_hand()) skip();
    lw_data_options options = {.name = "mnist", .validation_count = -1, .offline = true};
    lw_data_splits splits;
    assert_ok(lw_data_open(&splits, &options));
    assert_int_equal(lw_dataset_size(splits.train), 50000);
    assert_int_equal(lw_dataset_size(splits.validation), 10000);
    assert_int_equal(lw_dataset_size(splits.test), 10000);
    // The first labels, as everybody knows them, and the number of each digit in the test set.
    static const int first[] = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
    static const int test_counts[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(lw_dataset_get(splits.train, i).label, first[i]);
    int counts[10] = {0};
    for (size_t i = 0; i < 10000; i++) counts[lw_dataset_get(splits.test, i).label]++;
    for (int digit = 0; digit < 10; digit++) assert_int_equal(counts[digit], test_counts[digit]);
    // The mean of all 60,000 training images is 33.3184 (0.1307 of white).
    double sum = 0;
    for (size_t i = 0; i < 50000; i++) {
        const uint8_t *pixels = lw_dataset_get(splits.train, i).pixels;
        for (int k = 0; k < 784; k++) sum += pixels[k];
    }
    for (size_t i = 0; i < 10000; i++) {
        const uint8_t *pixels = lw_dataset_get(splits.validation, i).pixels;
        for (int k = 0; k < 784; k++) sum += pixels[k];
    }
    assert_true(sum / (60000.0 * 784) > 33.318 && sum / (60000.0 * 784) < 33.319);
    lw_data_close(&splits);
}

// The checksums that fetching insists on are those of these files.
static void test_checksums(void **state)
{
    (void)state;
#if defined(LW_HAVE_FETCH) && defined(LW_HAVE_ZLIB)
    if (!at_hand()) skip();
    const lw_data_set *mnist = lw_data_find_set("mnist");
    for (int i = 0; i < LW_DATA_FILES; i++) {
        const lw_fetch_file *file = &mnist->files[i];
        char path[PATH_BYTES + 64], sum[LW_SHA256_TEXT_BYTES];
        snprintf(path, sizeof path, "%s/%s.gz", data_folder, file->name);
        uint8_t *bytes = malloc(file->bytes + 1);
        assert_non_null(bytes);
        lw_stream *stream;
        size_t got;
        assert_ok(lw_stream_open(&stream, path));
        assert_ok(lw_stream_read(stream, bytes, file->bytes + 1, &got));
        lw_stream_close(&stream);
        assert_int_equal(got, file->bytes);
        assert_ok(lw_sha256(bytes, got, sum));
        assert_string_equal(sum, file->sha256);
        free(bytes);
    }
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open),
                                       cmocka_unit_test(test_checksums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
