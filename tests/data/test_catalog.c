// SPDX-License-Identifier: Apache-2.0
// Data sets by name: where they are looked for, what is said about it, how they are split. The
// environment is read once per process, so main sets it before the first call; `test_catalog
// nowhere` has none.
#include "support.h"

#include "base/file.h"
#include "data/fetch.h"

#include <lanewise/data.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { n_train = 12, n_test = 3, rows = 3, columns = 2 };

// Four small IDX files in `place` of the test's folder. Labels are 1 2 3 ... modulo 10.
static void write_set(const char *place)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    assert_ok(lw_file_make_folder(in_folder(place)));
    for (int i = 0; i < 4; i++) {
        uint8_t bytes[128];
        uint32_t count = i < 2 ? n_train : n_test;
        const uint32_t images[] = {count, rows, columns};
        size_t size = i % 2 ? make_idx(bytes, 0x08, 1, &count, count, 10)
                            : make_idx(bytes, 0x08, 3, images, count * rows * columns, 0);
        char name[128];
        snprintf(name, sizeof name, "%s/%s", place, names[i]);
        write_file(name, bytes, size);
    }
}

static lw_data_splits splits;

static lw_status open_set(const char *name)
{
    lw_data_options options = {.name = name, .validation_count = -1, .offline = true, .seed = 1};
    lw_status status = lw_data_open(&splits, &options);
    if (status) {
        assert_null(splits.train);
        assert_null(splits.validation);
        assert_null(splits.test);
    }
    return status;
}

#define assert_in_source(part)                                                                     \
    do {                                                                                           \
        if (!strstr(splits.source, part)) fail_msg("no \"%s\" in: %s", part, splits.source);       \
    } while (0)

static void close_set(void)
{
    lw_data_close(&splits);
    assert_null(splits.train);
    assert_null(splits.test);
}

static int tear_down(void **state)
{
    (void)state;
    lw_data_close(&splits);
    empty_folder(); // not another one: the environment names it
    return 0;
}

static void test_unknown_names(void **state)
{
    (void)state;
    assert_failed(open_set("mnits"), LW_ERROR_NOT_FOUND, "did you mean 'mnist'?");
    assert_failed(open_set("MNIST"), LW_ERROR_NOT_FOUND, "did you mean 'mnist'?");
    assert_failed(open_set("digit"), LW_ERROR_NOT_FOUND, "did you mean 'digits'?");
    assert_failed(open_set("cifar"), LW_ERROR_NOT_FOUND,
                  "unknown data set 'cifar'; expected auto, mnist");
    assert_failed(open_set(""), LW_ERROR_NOT_FOUND, "unknown data set ''");
    assert_failed(open_set("no/such/folder"), LW_ERROR_NOT_FOUND, "no such folder");
#ifdef LW_HAVE_ARCHIVE
    assert_failed(open_set(write_file("file", "x", 1)), LW_ERROR_INPUT,
                  "the archive cannot be read");
#else
    assert_failed(open_set(write_file("file", "x", 1)), LW_ERROR_UNSUPPORTED,
                  "this build cannot read archives");
#endif
}

static void test_data_dir(void **state)
{
    (void)state;
    write_set("data/mnist");
    for (int i = 0; i < 2; i++) {
        assert_ok(open_set(i ? "mnist" : NULL));
        assert_string_equal(splits.name, "mnist");
        assert_in_source("MNIST from ");
        assert_in_source("/data/mnist (LANEWISE_DATA_DIR)");
        assert_null(strstr(splits.source, "because"));
        assert_int_equal(lw_dataset_size(splits.train), 10);
        assert_int_equal(lw_dataset_size(splits.validation), 2);
        assert_int_equal(lw_dataset_size(splits.test), n_test);
        assert_string_equal(lw_dataset_name(splits.train), "mnist train");
        assert_string_equal(lw_dataset_name(splits.validation), "mnist validation");
        assert_string_equal(lw_dataset_name(splits.test), "mnist test");
        assert_int_equal(lw_dataset_class_count(splits.test), 10);
        // The validation set is the tail: labels 11 and 12 modulo 10.
        assert_int_equal(lw_dataset_get(splits.train, 0).label, 1);
        assert_int_equal(lw_dataset_get(splits.validation, 0).label, 1);
        assert_int_equal(lw_dataset_get(splits.validation, 1).label, 2);
        assert_int_equal(lw_dataset_get(splits.validation, 1).pixels[0], 11 * rows * columns + 1);
        close_set();
    }
}

static void test_other_places(void **state)
{
    (void)state;
    write_set("cache/mnist");
    assert_ok(open_set("mnist"));
    assert_in_source("/cache/mnist (the user's cache)");
    close_set();
    write_set("data"); // LANEWISE_DATA_DIR itself; it comes before the cache
    assert_ok(open_set("mnist"));
    assert_in_source("/data (LANEWISE_DATA_DIR)");
    close_set();
    write_set("data/MNIST/raw");
    assert_ok(open_set("auto"));
    assert_in_source("/data/MNIST/raw (LANEWISE_DATA_DIR)");
    close_set();
}

static void test_splits(void **state)
{
    (void)state;
    write_set("data/mnist");
    lw_data_options options = {.name = "mnist", .offline = true};
    assert_ok(lw_data_open(&splits, &options)); // no validation set
    assert_int_equal(lw_dataset_size(splits.train), n_train);
    assert_null(splits.validation);
    close_set();
    options.train_limit = 4;
    options.validation_count = 3;
    assert_ok(lw_data_open(&splits, &options));
    assert_int_equal(lw_dataset_size(splits.train), 4);
    assert_int_equal(lw_dataset_size(splits.validation), 3);
    assert_int_equal(lw_dataset_get(splits.validation, 0).label, 0); // the tenth
    close_set();
    options.train_limit = 1000; // more than there are: all
    assert_ok(lw_data_open(&splits, &options));
    assert_int_equal(lw_dataset_size(splits.train), n_train - 3);
    close_set();
    options.validation_count = n_train;
    assert_failed(lw_data_open(&splits, &options), LW_ERROR_ARGUMENT,
                  "than the 12 training images, got 12");
    options.validation_count = -2;
    assert_failed(lw_data_open(&splits, &options), LW_ERROR_ARGUMENT, "validation_count");
    options.validation_count = 0;
    options.train_limit = -1;
    assert_failed(lw_data_open(&splits, &options), LW_ERROR_ARGUMENT, "train_limit");
    assert_failed(lw_data_open(NULL, &options), LW_ERROR_ARGUMENT, "NULL");
}

// Damaged files are an error, also where another set could step in.
static void test_damaged(void **state)
{
    (void)state;
    write_set("data/mnist");
    write_file("data/mnist/train-labels-idx1-ubyte", "xyz", 3);
    assert_failed(open_set("auto"), LW_ERROR_INPUT, "data/mnist/train-labels-idx1-ubyte");
    assert_failed(open_set("mnist"), LW_ERROR_INPUT, "train-labels-idx1-ubyte");
    assert_null(strstr(lw_error_message(), "mends"));
    assert_int_equal(unlink(in_folder("data/mnist/train-labels-idx1-ubyte")), 0);
    assert_failed(open_set("auto"), LW_ERROR_INPUT, "incomplete");
    assert_non_null(strstr(lw_error_message(), "train-labels-idx1-ubyte is missing"));
    assert_ok(lw_file_make_folder(in_folder("data/mnist/train-labels-idx1-ubyte")));
    assert_failed(open_set("auto"), LW_ERROR_INPUT, "got a folder");
}

static void test_damaged_cache(void **state)
{
    (void)state;
    write_set("cache/mnist");
    write_file("cache/mnist/t10k-images-idx3-ubyte", "xyz", 3);
    assert_failed(open_set("auto"), LW_ERROR_INPUT, "`lanewise data fetch mnist` mends it");
    assert_non_null(strstr(lw_error_message(), "t10k-images-idx3-ubyte"));
    // A cache that is only incomplete is what an interrupted fetch leaves; it counts as not there.
    assert_int_equal(unlink(in_folder("cache/mnist/t10k-images-idx3-ubyte")), 0);
    assert_failed(open_set("mnist"), LW_ERROR_NOT_FOUND, "not in the user's cache");
}

static void test_fashion(void **state)
{
    (void)state;
    write_set("data/fashion-mnist");
    assert_ok(open_set("fashion-mnist"));
    assert_string_equal(splits.name, "fashion-mnist");
    assert_string_equal(lw_dataset_class_name(splits.train, 0), "T-shirt/top");
    assert_string_equal(lw_dataset_class_name(splits.test, 9), "Ankle boot");
    close_set();
    assert_ok(open_set("auto"));
    assert_string_equal(splits.name, "fashion-mnist");
    assert_in_source(
        "/data/fashion-mnist (LANEWISE_DATA_DIR), because MNIST is not in LANEWISE_DATA_DIR (");
    assert_in_source("not in the user's cache (");
    assert_in_source("and fetching is switched off");
    close_set();
}

// Whether the machine has Fashion-MNIST as a package that this build can read.
static bool package_installed(void)
{
#ifdef LW_HAVE_ZLIB
    return lw_file_is_folder("/usr/share/datasets/fashion-mnist");
#else
    return false; // it is gzipped
#endif
}

static void test_nothing_at_hand(void **state)
{
    (void)state;
    assert_failed(open_set("mnist"), LW_ERROR_NOT_FOUND, "which is no folder");
    lw_data_options options = {.name = "auto", .train_limit = 20, .offline = true};
    assert_ok(lw_data_open(&splits, &options));
    assert_string_equal(splits.name, package_installed() ? "fashion-mnist" : "digits");
    assert_in_source("because MNIST is not in LANEWISE_DATA_DIR");
    if (!package_installed()) {
        assert_in_source("the built-in digits, drawn with seed 0");
        close_set();
        if (lw_file_is_folder("/usr/share/datasets/fashion-mnist")) return;
        assert_ok(lw_data_open(&splits, &options));
        assert_in_source("; Fashion-MNIST is not in LANEWISE_DATA_DIR");
        assert_in_source("apt-get install dataset-fashion-mnist");
        close_set();
        assert_failed(open_set("fashion-mnist"), LW_ERROR_NOT_FOUND, "not installed");
    }
}

// A fetch that failed lately is not tried again by "auto": this test would wait for a network
// otherwise.
static void test_failed_lately(void **state)
{
    (void)state;
    assert_ok(lw_file_make_folder(in_folder("cache")));
    lw_fetch_note_failure(in_folder("cache/mnist-fetch-failed"), (int64_t)time(NULL) - 7300,
                          "no network");
    write_set("data/fashion-mnist");
    lw_data_options options = {.name = "auto"};
    assert_ok(lw_data_open(&splits, &options));
    assert_in_source("; no network (2 hours ago; tried again");
    assert_in_source("lanewise data fetch mnist");
}

static void test_digits(void **state)
{
    (void)state;
    lw_data_options options = {
        .name = "digits", .train_limit = 50, .validation_count = 30, .seed = 4};
    lw_data_splits again;
    assert_ok(lw_data_open(&splits, &options));
    assert_string_equal(splits.name, "digits");
    assert_in_source("the built-in digits, drawn with seed 4");
    assert_int_equal(lw_dataset_size(splits.train), 50);
    assert_int_equal(lw_dataset_size(splits.validation), 30);
    assert_int_equal(lw_dataset_size(splits.test), 4000);
    // A limit takes the first training images and leaves the other two sets as they are.
    options.train_limit = 60;
    assert_ok(lw_data_open(&again, &options));
    for (size_t i = 0; i < 30; i++) {
        assert_memory_equal(lw_dataset_get(splits.train, i).pixels,
                            lw_dataset_get(again.train, i).pixels, 784);
        assert_memory_equal(lw_dataset_get(splits.validation, i).pixels,
                            lw_dataset_get(again.validation, i).pixels, 784);
        assert_memory_not_equal(lw_dataset_get(splits.train, i).pixels,
                                lw_dataset_get(splits.validation, i).pixels, 784);
        assert_memory_not_equal(lw_dataset_get(splits.train, i).pixels,
                                lw_dataset_get(splits.test, i).pixels, 784);
    }
    lw_data_close(&again);
    close_set();
    options.validation_count = 20000;
    options.train_limit = 0;
    assert_failed(lw_data_open(&splits, &options), LW_ERROR_ARGUMENT, "20000 training images");
    options.train_limit = INT64_MAX;
    assert_failed(lw_data_open(&splits, &options), LW_ERROR_ARGUMENT, "10000000");
    options.train_limit = 1;
    options.validation_count = INT64_MAX;
    assert_failed(lw_data_open(&splits, &options), LW_ERROR_ARGUMENT, "10000000");
}

static void test_path(void **state)
{
    (void)state;
    write_set("my set");
    char path[PATH_BYTES + 16];
    for (int slashes = 0; slashes < 3; slashes++) {
        snprintf(path, sizeof path, "%s%.*s", in_folder("my set"), slashes, "//");
        assert_ok(open_set(path));
        assert_string_equal(splits.name, "my set");
        assert_in_source("IDX files from ");
        assert_int_equal(lw_dataset_class_count(splits.train), 10);
        close_set();
    }
    // Classes come from the training labels; the test labels have to fit.
    write_file("my set/t10k-labels-idx1-ubyte", "\0\0\x08\1\0\0\0\3\1\2\x0a", 11);
    assert_failed(open_set(in_folder("my set")), LW_ERROR_INPUT,
                  "labels 0 .. 9, got 10 at position 2");
    assert_int_equal(unlink(in_folder("my set/t10k-labels-idx1-ubyte")), 0);
    assert_failed(open_set(in_folder("my set")), LW_ERROR_INPUT,
                  "t10k-labels-idx1-ubyte is missing");
    make_folder("empty");
    assert_failed(open_set(in_folder("empty")), LW_ERROR_INPUT, "four IDX files");
}

static void test_list(void **state)
{
    (void)state;
    lw_data_entry entry;
    assert_int_equal(lw_data_catalog_size(), 4);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(lw_data_catalog_get(i, &entry));
        assert_int_equal(entry.classes, 10);
        assert_int_equal(entry.height, 28);
        assert_string_not_equal(entry.where, "");
    }
    assert_true(entry.at_hand); // the built-in digits come behind those with files
    assert_string_equal(entry.name, "digits");
    int64_t count = entry.train_count;
    if (package_installed()) {
        assert_ok(lw_data_catalog_get(1, &entry));
        assert_string_equal(entry.name, "fashion-mnist");
        count = entry.train_count;
    }
    assert_ok(lw_data_catalog_get(3, &entry)); // drawn from the best at hand
    assert_string_equal(entry.name, "varres");
    assert_true(entry.at_hand);
    assert_int_equal(entry.height, 0);
    assert_int_equal(entry.train_count, count);
    assert_string_equal(entry.where, package_installed()
                                         ? "drawn from fashion-mnist when it is used"
                                         : "drawn from digits when it is used");
    assert_failed(lw_data_catalog_get(4, &entry), LW_ERROR_ARGUMENT, "below 4");

    assert_ok(lw_data_catalog_get(0, &entry));
    assert_string_equal(entry.name, "mnist");
    assert_int_equal(entry.train_count, 60000);
    assert_false(entry.at_hand);
    write_set("data/mnist");
    assert_ok(lw_data_catalog_get(3, &entry));
    assert_string_equal(entry.where, "drawn from mnist when it is used");
    assert_int_equal(entry.train_count, 60000);
    assert_ok(lw_data_catalog_get(0, &entry));
    assert_true(entry.at_hand);
    assert_string_equal(entry.where, in_folder("data/mnist"));
    assert_int_equal(unlink(in_folder("data/mnist/train-images-idx3-ubyte")), 0);
    assert_ok(lw_data_catalog_get(0, &entry));
    assert_false(entry.at_hand);
    assert_non_null(strstr(entry.where, "incomplete: train-images-idx3-ubyte is missing in"));
}

static void test_fetch_by_name(void **state)
{
    (void)state;
    assert_failed(lw_data_fetch("mnits", NULL, NULL), LW_ERROR_NOT_FOUND, "did you mean 'mnist'?");
    assert_failed(lw_data_fetch("digits", NULL, NULL), LW_ERROR_UNSUPPORTED, "built in");
    assert_failed(lw_data_fetch("fashion-mnist", NULL, NULL), LW_ERROR_UNSUPPORTED,
                  "apt-get install dataset-fashion-mnist");
    assert_failed(lw_data_fetch(NULL, NULL, NULL), LW_ERROR_ARGUMENT, "NULL");
}

static void test_nowhere(void **state)
{
    (void)state;
    lw_data_entry entry;
    assert_failed(open_set("mnist"), LW_ERROR_NOT_FOUND,
                  "MNIST is not in a cache (HOME is not set)");
    assert_non_null(strstr(lw_error_message(), "switched off (LANEWISE_OFFLINE)"));
    assert_failed(lw_data_fetch("mnist", NULL, NULL), LW_ERROR_UNSUPPORTED,
                  "LANEWISE_OFFLINE is set");
    assert_ok(lw_data_catalog_get(0, &entry));
    assert_false(entry.at_hand);
    assert_string_equal(entry.where, "put the four IDX files into mnist under LANEWISE_DATA_DIR");
}

static int run_nowhere(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nowhere)};
    static const char *const names[] = {"LANEWISE_DATA_DIR", "LANEWISE_CACHE_DIR", "XDG_CACHE_HOME",
                                        "HOME"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
    setenv("LANEWISE_OFFLINE", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "nowhere") == 0) return run_nowhere();
    setenv("LANEWISE_DATA_DIR", in_folder("data"), 1);
    setenv("LANEWISE_CACHE_DIR", in_folder("cache"), 1);
    unsetenv("LANEWISE_OFFLINE"); // each test says so itself, so that both ways are seen
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_unknown_names, tear_down),
                                       cmocka_unit_test_teardown(test_data_dir, tear_down),
                                       cmocka_unit_test_teardown(test_other_places, tear_down),
                                       cmocka_unit_test_teardown(test_splits, tear_down),
                                       cmocka_unit_test_teardown(test_damaged, tear_down),
                                       cmocka_unit_test_teardown(test_damaged_cache, tear_down),
                                       cmocka_unit_test_teardown(test_fashion, tear_down),
                                       cmocka_unit_test_teardown(test_nothing_at_hand, tear_down),
                                       cmocka_unit_test_teardown(test_failed_lately, tear_down),
                                       cmocka_unit_test_teardown(test_digits, tear_down),
                                       cmocka_unit_test_teardown(test_path, tear_down),
                                       cmocka_unit_test_teardown(test_list, tear_down),
                                       cmocka_unit_test(test_fetch_by_name)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_folder();
    return failed;
}
