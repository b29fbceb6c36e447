// SPDX-License-Identifier: Apache-2.0
// Folders of images: classes and parts, channels, division, and what is cached of them.
#include "support.h"

#include "data/dataset.h"
#include "data/divide.h"
#include "data/image_cache.h"
#include "image_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Three classes in two parts, each image of a size and a grey of its own.
static void write_parts(const char *name)
{
    static const char *const classes[] = {"cat", "dog", "emu"};
    for (int part = 0; part < 2; part++)
        for (int label = 0; label < 3; label++)
            for (int i = 0; i < 4 - part; i++) {
                char path[256];
                snprintf(path, sizeof path, "%s/%s/%s/%d.png", name, part ? "test" : "train",
                         classes[label], i);
                write_png(path, 8 + i, 10 + label, 1, (uint8_t)(100 * part + 20 * label + i));
            }
}

static void check_image(const lw_dataset *dataset, size_t index, const char *file, int32_t height,
                        int32_t width, int32_t label, uint8_t value)
{
    lw_sample sample = lw_dataset_get(dataset, index);
    assert_string_equal(lw_dataset_file_name(dataset, index), file);
    assert_int_equal(sample.height, height);
    assert_int_equal(sample.width, width);
    assert_int_equal(sample.label, label);
    uint8_t *pixels = malloc((size_t)height * (size_t)width * (size_t)sample.channels);
    assert_non_null(pixels);
    assert_ok(lw_dataset_read(dataset, index, pixels));
    assert_int_equal(pixels[0], value);
    assert_int_equal(pixels[height * width * sample.channels - sample.channels], value);
    free(pixels);
}

static void check_parts(const lw_data_splits *splits)
{
    assert_int_equal(lw_dataset_size(splits->train), 12);
    assert_int_equal(lw_dataset_size(splits->test), 9);
    assert_null(splits->validation);
    assert_int_equal(lw_dataset_class_count(splits->train), 3);
    assert_string_equal(lw_dataset_class_name(splits->test, 1), "dog");
    check_image(splits->train, 0, "train/cat/0.png", 8, 10, 0, 0);
    check_image(splits->train, 7, "train/dog/3.png", 11, 11, 1, 23);
    check_image(splits->test, 8, "test/emu/2.png", 10, 12, 2, 142);
}

static void test_parts(void **state)
{
    (void)state;
    lw_data_splits splits;
    write_parts("parts");
    assert_ok(open_images(&splits, "parts", (lw_data_options){.threads = 2}));
    check_parts(&splits);
    assert_string_equal(splits.name, "parts");
    assert_string_equal(lw_dataset_name(splits.train), "parts train");
    assert_non_null(strstr(splits.source, "21 images of 3 classes from the folder"));
    assert_int_equal(splits.n_problems, 0);
    lw_data_close(&splits);
    // From the cache, with a slash behind the name.
    assert_int_equal(count_cached(), 1);
    assert_ok(open_images(&splits, "parts/", (lw_data_options){.threads = 1}));
    check_parts(&splits);
    assert_string_equal(splits.name, "parts");
    lw_data_close(&splits);
    assert_int_equal(count_cached(), 1);
    assert_string_equal(take_reports(), "");
}

static void test_validation_folders(void **state)
{
    (void)state;
    static const char *const words[] = {"val", "valid", "validation"};
    for (int i = 0; i < 3; i++) {
        char name[64];
        lw_data_splits splits;
        empty_folder();
        write_png("set/train/a/1.png", 8, 8, 1, 1);
        write_png("set/train/b/1.png", 8, 8, 1, 2);
        snprintf(name, sizeof name, "set/%s/a/7.png", words[i]);
        write_png(name, 8, 8, 1, 3);
        snprintf(name, sizeof name, "set/%s/b/7.png", words[i]);
        write_png(name, 8, 8, 1, 4);
        assert_ok(open_images(&splits, "set", (lw_data_options){.validation_count = -1}));
        assert_int_equal(lw_dataset_size(splits.train), 2);
        assert_int_equal(lw_dataset_size(splits.validation), 2);
        assert_null(splits.test);
        assert_int_equal(lw_dataset_get(splits.validation, 1).pixels[0], 4);
        lw_data_close(&splits);
        assert_ok(open_images(&splits, "set", (lw_data_options){.validation_count = 0}));
        assert_null(splits.validation);
        assert_int_equal(lw_dataset_size(splits.train), 2);
        lw_data_close(&splits);
        assert_failed(open_images(&splits, "set", (lw_data_options){.validation_count = 1}),
                      LW_ERROR_ARGUMENT, "set has a folder of validation images");
        assert_failed(open_images(&splits, "set", (lw_data_options){.validation_fraction = 0.5}),
                      LW_ERROR_ARGUMENT, "set has a folder of validation images");
    }
}

// "train" can be the name of a class; folders lie inside each other; what is hidden is no image.
static void test_names(void **state)
{
    (void)state;
    lw_data_splits splits;
    write_png("vehicles/train/x.png", 5, 5, 1, 7);
    write_png("vehicles/bus/deep/er/y.png", 5, 5, 1, 8);
    write_png("vehicles/b\xC3\xA9 \n\xFF\\/z.png", 5, 5, 1, 9);
    write_bytes("vehicles/bus/.hidden", "no image", 8);
    write_bytes("vehicles/.git/config", "no image", 8);
    write_bytes("vehicles/bus/Thumbs.db", "no image", 8);
    write_bytes("vehicles/manifest.json", "{}", 2);
    assert_ok(open_images(&splits, "vehicles", (lw_data_options){.threads = 1}));
    assert_int_equal(lw_dataset_size(splits.train), 3);
    assert_int_equal(lw_dataset_class_count(splits.train), 3);
    assert_string_equal(lw_dataset_class_name(splits.train, 0), "bus");
    assert_string_equal(lw_dataset_class_name(splits.train, 1), "b\xC3\xA9 \\n\\xFF\\\\");
    assert_string_equal(lw_dataset_class_name(splits.train, 2), "train");
    check_image(splits.train, 0, "bus/deep/er/y.png", 5, 5, 0, 8);
    lw_data_close(&splits);
    // Beside train, with folders in it, others are passed over, which is said.
    write_png("odd/train/a/1.png", 5, 5, 1, 1);
    write_png("odd/sketches/b/1.png", 5, 5, 1, 1);
    assert_ok(open_images(&splits, "odd", (lw_data_options){.threads = 1}));
    assert_int_equal(lw_dataset_class_count(splits.train), 1);
    assert_non_null(strstr(take_reports(), "odd/sketches: passed over"));
    lw_data_close(&splits);
}

static void test_channels(void **state)
{
    (void)state;
    lw_data_splits splits;
    write_png("tints/a/grey.png", 4, 4, 1, 200);
    write_png("tints/b/colour.png", 4, 4, 3, 200);
    const uint8_t luma = (uint8_t)(0.299 * 200 + 0.587 * 100 + 0.114 * 55 + 0.5);
    for (int32_t channels = 0; channels <= 3; channels++) {
        if (channels == 2) continue;
        assert_ok(open_images(&splits, "tints", (lw_data_options){.channels = channels}));
        int32_t expected = channels == 0 ? 3 : channels;
        lw_sample grey = lw_dataset_get(splits.train, 0), colour = lw_dataset_get(splits.train, 1);
        assert_int_equal(grey.channels, expected);
        assert_int_equal(grey.pixels[expected - 1], 200);
        assert_int_equal(colour.pixels[0], expected == 3 ? 200 : luma);
        assert_int_equal(colour.pixels[expected - 1], expected == 3 ? 55 : luma);
        lw_data_close(&splits);
    }
    assert_failed(open_images(&splits, "tints", (lw_data_options){.channels = 2}),
                  LW_ERROR_ARGUMENT, "got 2");
    write_png("greys/a/1.png", 4, 4, 1, 20);
    assert_ok(open_images(&splits, "greys", (lw_data_options){.channels = 0}));
    assert_int_equal(lw_dataset_get(splits.train, 0).channels, 1);
    lw_data_close(&splits);
}

// 30 images of one class and 10 of another.
static void write_uneven(const char *name)
{
    for (int i = 0; i < 40; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%c/%02d.png", name, i < 30 ? 'a' : 'b', i);
        write_png(path, 3, 3, 1, (uint8_t)i);
    }
}

static void count_labels(const lw_dataset *dataset, int counts[2])
{
    counts[0] = counts[1] = 0;
    for (size_t i = 0; i < lw_dataset_size(dataset); i++)
        counts[lw_dataset_get(dataset, i).label]++;
}

static void test_division(void **state)
{
    (void)state;
    lw_data_splits splits, again;
    int counts[2];
    write_uneven("uneven");
    assert_ok(open_images(&splits, "uneven", (lw_data_options){.validation_fraction = 0.1}));
    count_labels(splits.validation, counts);
    assert_int_equal(counts[0], 3);
    assert_int_equal(counts[1], 1);
    assert_int_equal(lw_dataset_size(splits.train), 36);
    assert_null(splits.test);
    // No image is in both, and none is lost.
    bool seen[40] = {false};
    for (size_t i = 0; i < 36; i++) seen[lw_dataset_get(splits.train, i).pixels[0]] = true;
    for (size_t i = 0; i < 4; i++) {
        uint8_t value = lw_dataset_get(splits.validation, i).pixels[0];
        assert_false(seen[value]);
        seen[value] = true;
    }
    for (int i = 0; i < 40; i++) assert_true(seen[i]);
    // The same again; a count says the same as a share; a limit takes of each class.
    assert_ok(
        open_images(&again, "uneven", (lw_data_options){.validation_count = 4, .train_limit = 8}));
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(lw_dataset_file_name(splits.validation, i),
                            lw_dataset_file_name(again.validation, i));
    count_labels(again.train, counts);
    assert_int_equal(counts[0], 6);
    assert_int_equal(counts[1], 2);
    lw_data_close(&again);
    assert_ok(open_images(&again, "uneven", (lw_data_options){.validation_count = -1}));
    assert_int_equal(lw_dataset_size(again.validation), 6);
    lw_data_close(&again);
    assert_failed(open_images(&again, "uneven", (lw_data_options){.validation_count = 40}),
                  LW_ERROR_ARGUMENT, "fewer validation images than the 40");
    assert_failed(open_images(&again, "uneven", (lw_data_options){.validation_fraction = 1.5}),
                  LW_ERROR_ARGUMENT, "got 1.5");
    lw_data_close(&splits);
}

static void test_shares(void **state)
{
    (void)state;
    // 7 of class 0, 2 of class 1, 1 of class 2.
    const int32_t labels[10] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 2};
    bool chosen[10], other[10];
    for (size_t wanted = 0; wanted <= 7; wanted++) {
        size_t counts[3] = {0}, total = 0;
        assert_ok(lw_divide_stratified(chosen, labels, 10, 3, wanted, true, 5, 0));
        for (int i = 0; i < 10; i++) {
            counts[labels[i]] += chosen[i];
            total += chosen[i];
        }
        assert_int_equal(total, wanted);
        assert_true(counts[0] <= 6 && counts[1] <= 1 && counts[2] == 0);
    }
    // With one kept of each there are only seven to have.
    assert_ok(lw_divide_stratified(chosen, labels, 10, 3, 10, false, 5, 0));
    for (int i = 0; i < 10; i++) assert_true(chosen[i]);
    // Another seed or purpose chooses others: four of ten in a few tries are not always the same.
    bool seeds_differ = false, purposes_differ = false;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        assert_ok(lw_divide_stratified(chosen, labels, 10, 3, 3, true, 0, 0));
        assert_ok(lw_divide_stratified(other, labels, 10, 3, 3, true, seed, 0));
        seeds_differ = seeds_differ || memcmp(chosen, other, sizeof chosen) != 0;
        assert_ok(lw_divide_stratified(chosen, labels, 10, 3, 3, true, seed, 1));
        purposes_differ = purposes_differ || memcmp(chosen, other, sizeof chosen) != 0;
    }
    assert_true(seeds_differ && purposes_differ);
}

// ---- the cache ----------------------------------------------------------------------------------

static void open_and_check(const char *report)
{
    lw_data_splits splits;
    assert_ok(open_images(&splits, "parts", (lw_data_options){.threads = 2}));
    check_parts(&splits);
    lw_data_close(&splits);
    const char *reports = take_reports();
    if (!strstr(reports, report)) fail_msg("expected \"%s\", got \"%s\"", report, reports);
    assert_true(*report || !*reports);
}

static void change_byte(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0x41, file), EOF);
    fclose(file);
}

static void test_cache(void **state)
{
    (void)state;
    empty_cache();
    write_parts("parts");
    open_and_check("");
    const char *file = cached_file();
    struct stat before, after;
    assert_int_equal(stat(file, &before), 0);
    open_and_check("");
    assert_int_equal(stat(file, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); // it was not written again
    // Damaged wherever it may be: noticed once, then mended.
    for (long offset = 0; offset < 900; offset += 23) {
        change_byte(file, offset);
        open_and_check("is made anew");
        open_and_check("");
    }
    assert_int_equal(truncate(file, after.st_size - 1), 0);
    open_and_check("its length does not fit");
    assert_int_equal(truncate(file, 10), 0);
    open_and_check("it is no such file");
    assert_int_equal(truncate(file, 0), 0);
    open_and_check("it cannot be read");
    assert_int_equal(unlink(file), 0);
    open_and_check("");
    // Another time of a file is another file, for all that can be told.
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, in_folder("parts/train/dog/1.png"), times, 0), 0);
    open_and_check("the files have changed since");
    assert_int_equal(count_cached(), 1);
    assert_true(access(in_folder("parts/images"), F_OK) != 0); // nothing beside the user's files
}

static void test_changed_files(void **state)
{
    (void)state;
    lw_data_splits splits;
    write_png("live/a/1.png", 4, 4, 1, 10);
    write_png("live/b/1.png", 4, 4, 1, 20);
    assert_ok(open_images(&splits, "live", (lw_data_options){.threads = 1}));
    lw_data_close(&splits);
    write_png("live/b/2.png", 6, 6, 1, 30);
    assert_ok(open_images(&splits, "live", (lw_data_options){.threads = 1}));
    assert_int_equal(lw_dataset_size(splits.train), 3);
    lw_data_close(&splits);
    assert_int_equal(unlink(in_folder("live/b/1.png")), 0);
    assert_ok(open_images(&splits, "live", (lw_data_options){.threads = 1}));
    assert_int_equal(lw_dataset_size(splits.train), 2);
    assert_int_equal(lw_dataset_get(splits.train, 1).pixels[0], 30);
    lw_data_close(&splits);
    take_reports();
}

// The oldest go first, and the file itself must fit.
static void test_cache_limit(void **state)
{
    (void)state;
    char files[3][4096];
    lw_image_item item = {.height = 1, .width = 1};
    uint64_t names[1] = {0};
    lw_image_index index = {
        .items = &item, .count = 1, .class_names = names, .classes = 1, .channels = 1};
    lw_text_append(&index.texts, "a", 2);
    index.pixel_bytes = 1;
    lw_image_block block;
    assert_ok(lw_image_cache_make(&block, &index, true));
    for (int i = 0; i < 3; i++) {
        snprintf(files[i], sizeof files[i], "%s/limited/%d.images", folder(), i);
        assert_ok(lw_image_cache_write(&block, &index, files[i], 1, 2 * block.bytes + 100));
        const struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        assert_int_equal(utimensat(AT_FDCWD, files[i], times, 0), 0);
    }
    assert_int_not_equal(access(files[0], F_OK), 0);
    assert_int_equal(access(files[1], F_OK), 0);
    assert_int_equal(access(files[2], F_OK), 0);
    assert_failed(lw_image_cache_write(&block, &index, files[0], 1, block.bytes - 1), LW_ERROR_IO,
                  "the cache may have");
    assert_int_equal(access(files[1], F_OK), 0);
    lw_image_block_free(&block);
    lw_text_free(&index.texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_validation_folders),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_division),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_changed_files),
        cmocka_unit_test(test_cache_limit),
    };
    if (!can_write_images()) return 0;
    return cmocka_run_group_tests(tests, NULL, leave_images);
}
