// SPDX-License-Identifier: Apache-2.0
// Folders of images with something wrong in them: each thing is named, and left out where that is
// asked for.
#include "support.h"

#include "image_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lw_data_splits splits;

static const lw_data_options skipping = {.skip_bad = true, .threads = 2};

// Two classes of two good images each.
static void write_good(void)
{
    empty_folder();
    write_png("set/a/1.png", 8, 8, 1, 1);
    write_png("set/a/2.png", 8, 8, 1, 2);
    write_png("set/b/1.png", 8, 8, 1, 3);
    write_png("set/b/2.png", 8, 8, 1, 4);
}

// Refused with the sentence; or left out, and the four good ones stay. Also from the cache.
static void expect_bad(const char *sentence)
{
    assert_failed(open_images(&splits, "set", (lw_data_options){.threads = 2}), LW_ERROR_INPUT,
                  sentence);
    assert_null(splits.train);
    for (int again = 0; again < 2; again++) {
        assert_ok(open_images(&splits, "set", skipping));
        assert_int_equal(lw_dataset_size(splits.train), 4);
        assert_int_equal(lw_dataset_get(splits.train, 3).pixels[0], 4);
        assert_int_equal(splits.n_problems, 1);
        if (!has_problem(&splits, sentence)) fail_msg("not listed: %s", splits.problems[0]);
        lw_data_close(&splits);
        assert_int_equal(splits.n_problems, 0);
    }
    assert_failed(open_images(&splits, "set", (lw_data_options){.threads = 2}), LW_ERROR_INPUT,
                  sentence);
}

static void test_no_classes(void **state)
{
    (void)state;
    empty_folder();
    make_folders("set/x");
    assert_failed(open_images(&splits, "set", skipping), LW_ERROR_INPUT, "set: expected a folder");
    assert_failed(open_images(&splits, "set", skipping), LW_ERROR_INPUT, "found nothing");
    write_png("set/1.png", 4, 4, 1, 1);
    assert_failed(open_images(&splits, "set", skipping), LW_ERROR_INPUT,
                  "found 1 file and no folder");
    assert_int_equal(unlink(in_folder("set/1.png")), 0);
    make_folders("set/a/x");
    assert_failed(open_images(&splits, "set", skipping), LW_ERROR_INPUT,
                  "the class a has no training images");
    empty_folder();
    make_folders("set/train/x");
    make_folders("set/test/x");
    assert_failed(open_images(&splits, "set", skipping), LW_ERROR_INPUT,
                  "set/train: expected a folder for each class");
    assert_failed(open_images(&splits, "nowhere/at/all", skipping), LW_ERROR_NOT_FOUND,
                  "nowhere/at/all");
}

static void test_no_images(void **state)
{
    (void)state;
    write_good();
    write_bytes("set/b/notes.txt", "no image at all", 15);
    expect_bad("set/b/notes.txt: expected a PNG or JPEG image, the file does not begin like one");
    write_good();
    write_bytes("set/b/0.png", "", 0);
    expect_bad("set/b/0.png: expected a PNG or JPEG image, the file is empty");
    write_good();
    write_png("set/stray.png", 4, 4, 1, 1);
    expect_bad("set/stray.png: it lies beside the folders of the classes");
}

// A file of the good set with some bytes changed or cut off.
static void write_damaged(const char *name, long cut, long flip)
{
    uint8_t bytes[4096];
    FILE *file = fopen(in_folder("set/a/1.png"), "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (flip >= 0) bytes[flip] ^= 0x55;
    write_bytes(name, bytes, count - (size_t)cut);
}

static void test_damaged(void **state)
{
    (void)state;
    write_good();
    write_damaged("set/b/0.png", 20, -1);
    expect_bad("set/b/0.png: the PNG is damaged");
    write_good();
    write_damaged("set/b/0.png", 0, 45); // in the pixels: only decoding notices
    expect_bad("set/b/0.png: the PNG is damaged");
    write_good();
    write_damaged("set/b/0.png", 0, 18); // 8 pixels wide become another number
    expect_bad("set/b/0.png: ");
#ifdef LW_HAVE_JPEG
    write_good();
    write_bytes("set/b/0.jpg", "\xFF\xD8\xFF\xE0\x00\x10JFIF", 10);
    expect_bad("set/b/0.jpg: the JPEG is damaged");
#endif
}

// A header that claims a size; the checksums behind it do not matter before the claim is believed.
static void write_claim(const char *name, uint32_t width, uint32_t height)
{
    uint8_t bytes[64] = "\x89PNG\r\n\x1A\n\0\0\0\rIHDR";
    for (int i = 0; i < 4; i++) {
        bytes[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        bytes[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    bytes[24] = 8;
    write_bytes(name, bytes, sizeof bytes);
}

static void test_sizes(void **state)
{
    (void)state;
    write_good();
    write_claim("set/b/0.png", 100000, 1);
    expect_bad("set/b/0.png: expected at most 16384 pixels a side, got 1x100000");
    write_good();
    write_claim("set/b/0.png", 16000, 16000);
    expect_bad("set/b/0.png: expected at most 67108864 pixels, got 16000x16000");
    write_good();
    write_claim("set/b/0.png", 8000, 8000);
    expect_bad("set/b/0.png: the header says 8000x8000 pixels, more than 64 bytes can hold");
    // One pixel is an image like any other here; a network may think otherwise.
    write_good();
    write_png("set/b/0.png", 1, 1, 1, 77);
    assert_ok(open_images(&splits, "set", (lw_data_options){.threads = 2}));
    assert_int_equal(lw_dataset_get(splits.train, 2).pixels[0], 77);
    assert_int_equal(lw_dataset_get(splits.train, 2).height, 1);
    lw_data_close(&splits);
}

static void test_links(void **state)
{
    (void)state;
    write_good();
    assert_int_equal(symlink("../a", in_folder("set/b/loop")), 0); // no loop: taken twice
    assert_ok(open_images(&splits, "set", (lw_data_options){.threads = 2}));
    assert_int_equal(lw_dataset_size(splits.train), 6);
    lw_data_close(&splits);
    write_good();
    assert_int_equal(symlink("..", in_folder("set/b/up")), 0);
    expect_bad("set/b/up: this link leads back to a folder above it");
    write_good();
    assert_int_equal(symlink("itself.png", in_folder("set/b/itself.png")), 0);
    expect_bad("set/b/itself.png: cannot look at it");
    write_good();
    assert_int_equal(symlink("nothing", in_folder("set/b/broken.png")), 0);
    expect_bad("set/b/broken.png: cannot look at it");
    write_good();
    assert_int_equal(mkfifo(in_folder("set/b/pipe.png"), 0666), 0);
    expect_bad("set/b/pipe.png: expected a file, got a device or a pipe");
}

static void test_unreadable(void **state)
{
    (void)state;
    // Root may read everything, so somebody else has to look.
    const uid_t nobody = 65534, self = geteuid();
    for (int kind = 0; kind < 2; kind++) {
        write_good();
        const char *closed = in_folder(kind ? "set/b/closed" : "set/b/0.png");
        if (kind)
            make_folders("set/b/closed/x");
        else
            write_png("set/b/0.png", 4, 4, 1, 1);
        assert_int_equal(chmod(folder(), 0755), 0);
        assert_int_equal(chmod(closed, 0), 0);
        if (self == 0 && seteuid(nobody) != 0) skip();
        expect_bad(kind ? "set/b/closed: cannot look into it" : "set/b/0.png: cannot open it");
        assert_int_equal(seteuid(self), 0);
        assert_int_equal(chmod(closed, 0700), 0);
        take_reports(); // nobody may not write to the cache either
    }
}

static void test_names(void **state)
{
    (void)state;
    write_good();
    write_bytes("set/b/a \n\xFF b.png", "nothing", 7);
    expect_bad("set/b/a \\n\\xFF b.png: expected a PNG or JPEG image");
    // So deep that it must be a mistake.
    write_good();
    char deep[256] = "set/b/";
    for (int i = 0; i < 40; i++) strcat(deep, "d/");
    make_folders(deep);
    assert_failed(open_images(&splits, "set", (lw_data_options){.threads = 2}), LW_ERROR_INPUT,
                  "expected at most 32 folders inside each other");
}

static void test_missing_classes(void **state)
{
    (void)state;
    empty_folder();
    write_png("set/train/a/1.png", 4, 4, 1, 1);
    write_png("set/train/b/1.png", 4, 4, 1, 2);
    write_png("set/test/a/1.png", 4, 4, 1, 3);
    assert_failed(open_images(&splits, "set", (lw_data_options){.threads = 2}), LW_ERROR_INPUT,
                  "set: the class b has no test images");
    assert_ok(open_images(&splits, "set", skipping));
    assert_int_equal(lw_dataset_size(splits.test), 1);
    assert_int_equal(lw_dataset_class_count(splits.test), 2);
    lw_data_close(&splits);
    // One that was never trained on.
    write_png("set/test/b/1.png", 4, 4, 1, 4);
    write_png("set/test/zebra/1.png", 4, 4, 1, 5);
    assert_failed(open_images(&splits, "set", (lw_data_options){.threads = 2}), LW_ERROR_INPUT,
                  "set/test/zebra/1.png: the training images have no such class");
    assert_ok(open_images(&splits, "set", skipping));
    assert_int_equal(lw_dataset_size(splits.test), 2);
    assert_int_equal(lw_dataset_class_count(splits.train), 2);
    lw_data_close(&splits);
}

static void test_many(void **state)
{
    (void)state;
    write_good();
    for (int i = 0; i < 25; i++) {
        char name[64];
        snprintf(name, sizeof name, "set/a/bad%02d.png", i);
        write_bytes(name, "no image", 8);
    }
    // The first by name, whichever thread was first.
    for (int32_t threads = 1; threads <= 4; threads++)
        assert_failed(open_images(&splits, "set", (lw_data_options){.threads = threads}),
                      LW_ERROR_INPUT, "set/a/bad00.png: expected a PNG or JPEG image");
    assert_failed(open_images(&splits, "set", (lw_data_options){.threads = 2}), LW_ERROR_INPUT,
                  "(and 24 more problems)");
    assert_ok(open_images(&splits, "set", skipping));
    assert_int_equal(splits.n_problems, 25);
    assert_non_null(strstr(splits.problems[24], "bad24.png"));
    assert_int_equal(lw_dataset_size(splits.train), 4);
    lw_data_close(&splits);
    // Nothing good is left of a class, then of all.
    write_good();
    unlink(in_folder("set/b/1.png"));
    write_bytes("set/b/2.png", "no image", 8);
    assert_ok(open_images(&splits, "set", skipping));
    assert_int_equal(lw_dataset_class_count(splits.train), 2);
    assert_int_equal(lw_dataset_size(splits.train), 2);
    lw_data_close(&splits);
    write_bytes("set/a/1.png", "no image", 8);
    write_bytes("set/a/2.png", "no image", 8);
    assert_failed(open_images(&splits, "set", skipping), LW_ERROR_INPUT, "set/a/1.png");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_classes), cmocka_unit_test(test_no_images),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_links),      cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_missing_classes),
        cmocka_unit_test(test_many),
    };
    if (!can_write_images()) return 0;
    return cmocka_run_group_tests(tests, NULL, leave_images);
}
