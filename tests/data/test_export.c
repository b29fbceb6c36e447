// SPDX-License-Identifier: Apache-2.0
// Data sets as folders of images: the files, their pixels, and what is left when something is wrong.
#include "support.h"

#include "base/file.h"

#include <lanewise/lanewise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { n_images = 40 };

// Images of several sizes in three classes, one of which has a name that is no name of a file.
static lw_dataset *make_set(int32_t channels, const char *const names[3])
{
    uint8_t pixels[n_images * 20 * 20 * 3];
    lw_image_size sizes[n_images];
    int32_t labels[n_images];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i >> 3);
    for (int32_t i = 0; i < n_images; i++) {
        sizes[i] = (lw_image_size){1 + i % 20, 20 - i % 7};
        labels[i] = i % 3;
    }
    lw_dataset *dataset;
    assert_ok(lw_dataset_create_mixed(&dataset, "set", pixels, sizes, labels, n_images, channels, 3,
                                      names));
    return dataset;
}

static const char *const usual_names[3] = {"cat", "T-shirt/top", ".."};

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

#ifdef LW_HAVE_PNG

static void test_files(void **state)
{
    (void)state;
    for (int32_t channels = 1; channels <= 3; channels += 2) {
        lw_dataset *dataset = make_set(channels, usual_names), *part;
        assert_ok(lw_dataset_slice(&part, dataset, 0, 10));
        lw_data_splits splits = {.train = dataset, .validation = part, .test = part};
        lw_export_options options = {.manifest = "{}\n", .threads = 3};
        empty_folder();
        assert_ok(lw_data_export(&splits, in_folder("out/"), &options));
        static const char *const folders[3] = {"cat", "T-shirt_top", "_.."};
        for (int32_t i = 0; i < n_images; i++) {
            char name[256];
            snprintf(name, sizeof name, "out/train/%s/%06d.png", folders[i % 3], i);
            uint8_t *pixels;
            int32_t height, width, got = 0;
            assert_ok(lw_image_read(&pixels, &height, &width, &got, in_folder(name)));
            lw_sample sample = lw_dataset_get(dataset, (size_t)i);
            assert_int_equal(sample.height, height);
            assert_int_equal(sample.width, width);
            size_t bytes = (size_t)height * (size_t)width * (size_t)channels;
            // An image whose channels are equal by chance reads as grey.
            if (got == channels) assert_memory_equal(sample.pixels, pixels, bytes);
            free(pixels);
        }
        assert_true(exists(in_folder("out/val/cat/000009.png")));
        assert_false(exists(in_folder("out/val/cat/000012.png")));
        assert_true(exists(in_folder("out/test/T-shirt_top/000007.png")));
        assert_true(exists(in_folder("out/manifest.json")));
        lw_dataset_destroy(&part);
        lw_dataset_destroy(&dataset);
    }
}

static void test_names_that_collide(void **state)
{
    (void)state;
    const char *const names[3] = {"a/b", "a_b", ""};
    lw_dataset *dataset = make_set(1, names);
    lw_data_splits splits = {.train = dataset};
    empty_folder();
    assert_ok(lw_data_export(&splits, in_folder("out"), NULL));
    assert_true(exists(in_folder("out/train/a_b/000000.png")));
    assert_true(exists(in_folder("out/train/a_b-2/000001.png")));
    assert_true(exists(in_folder("out/train/_/000002.png")));
    assert_false(exists(in_folder("out/test")));
    lw_dataset_destroy(&dataset);
}

static int count_entries(const char *path)
{
    char command[PATH_BYTES + 64];
    int count = -1;
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(1, fscanf(pipe, "%d", &count));
    pclose(pipe);
    return count;
}

static bool stop_at_once(void *user, size_t done, size_t count)
{
    (void)done;
    (void)count;
    ++*(int *)user;
    return false;
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    lw_dataset *dataset = make_set(1, usual_names);
    lw_data_splits splits = {.train = dataset};
    empty_folder();
    int calls = 0;
    lw_export_options options = {.progress = stop_at_once, .user = &calls};
    assert_failed(lw_data_export(&splits, in_folder("out"), &options), LW_ERROR_INTERRUPTED,
                  "the unfinished folder is removed");
    assert_true(calls > 0);
    assert_int_equal(0, count_entries(folder()));
    // What is there is not touched.
    make_folder("out");
    write_file("out/keep", "x", 1);
    assert_failed(lw_data_export(&splits, in_folder("out"), NULL), LW_ERROR_INPUT,
                  "nothing was changed");
    assert_true(exists(in_folder("out/keep")));
    assert_int_equal(1, count_entries(folder()));
    // No folder can be made in a file.
    assert_failed(lw_data_export(&splits, in_folder("out/keep/out"), NULL), LW_ERROR_IO,
                  "out/keep");
    assert_int_equal(1, count_entries(folder()));
    assert_failed(lw_data_export(&splits, "", NULL), LW_ERROR_INPUT, "empty");
    assert_failed(lw_data_export(NULL, "x", NULL), LW_ERROR_ARGUMENT, "NULL");
    lw_dataset_destroy(&dataset);
    dataset = make_set(2, usual_names);
    splits.train = dataset;
    assert_failed(lw_data_export(&splits, in_folder("two"), NULL), LW_ERROR_ARGUMENT,
                  "1 or 3 channels, got 2");
    assert_false(exists(in_folder("two")));
    assert_int_equal(1, count_entries(folder()));
    lw_dataset_destroy(&dataset);
}

#else

static void test_without_png(void **state)
{
    (void)state;
    lw_dataset *dataset = make_set(1, usual_names);
    lw_data_splits splits = {.train = dataset};
    assert_failed(lw_data_export(&splits, in_folder("out"), NULL), LW_ERROR_UNSUPPORTED, "libpng");
    assert_false(exists(in_folder("out")));
    lw_dataset_destroy(&dataset);
}

#endif

// Removing follows no link, and minds nothing that is not there.
static void test_remove_folder(void **state)
{
    (void)state;
    empty_folder();
    make_folder("tree");
    make_folder("tree/deep");
    make_folder("other");
    write_file("tree/deep/file", "x", 1);
    write_file("other/file", "x", 1);
    assert_int_equal(0, symlink(in_folder("other"), in_folder("tree/deep/link")));
    assert_ok(lw_file_remove_folder(in_folder("tree")));
    assert_false(exists(in_folder("tree")));
    assert_true(exists(in_folder("other/file")));
    assert_ok(lw_file_remove_folder(in_folder("tree")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef LW_HAVE_PNG
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_names_that_collide),
        cmocka_unit_test(test_nothing_is_left),
#else
        cmocka_unit_test(test_without_png),
#endif
        cmocka_unit_test(test_remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, leave_folder);
}
