// SPDX-License-Identifier: Apache-2.0
// Archives of image folders, written here with libarchive: read as they are, and nothing they say
// about where to go is followed.
#include "support.h"

#include "image_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lw_data_splits splits;

#ifdef LW_HAVE_ARCHIVE

#include <archive.h>
#include <archive_entry.h>

typedef enum packing { ZIP, TAR, TAR_GZ, N_PACKINGS } packing;
static const char *const endings[] = {"zip", "tar", "tar.gz"};

static struct archive *begin(const char *name, packing how)
{
    struct archive *out = archive_write_new();
    if (how == ZIP)
        archive_write_set_format_zip(out);
    else
        archive_write_set_format_gnutar(out);
    if (how == TAR_GZ) archive_write_add_filter_gzip(out);
    assert_int_equal(archive_write_open_filename(out, in_folder(name)), ARCHIVE_OK);
    return out;
}

static void add(struct archive *out, const char *path, unsigned kind, const void *bytes,
                size_t count, const char *link)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, kind);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)count);
    if (link) archive_entry_set_symlink(entry, link);
    assert_int_equal(archive_write_header(out, entry), ARCHIVE_OK);
    if (count) assert_int_equal(archive_write_data(out, bytes, count), count);
    archive_entry_free(entry);
}

// A PNG of one grey as a member.
static void add_image(struct archive *out, const char *path, int32_t side, uint8_t value)
{
    uint8_t bytes[4096];
    write_png("member.png", side, side, 1, value);
    FILE *file = fopen(in_folder("member.png"), "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    add(out, path, AE_IFREG, bytes, count, NULL);
}

static void finish(struct archive *out)
{
    assert_int_equal(archive_write_close(out), ARCHIVE_OK);
    archive_write_free(out);
}

// Two classes in two parts, below a prefix.
static void add_good(struct archive *out, const char *prefix)
{
    static const char *const names[] = {"train/cat/1.png", "train/cat/2.png",
                                        "train/d\xC3\xB6g/1.png", "test/cat/1.png",
                                        "test/d\xC3\xB6g/1.png"};
    for (int i = 0; i < 5; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", prefix, names[i]);
        add_image(out, path, 4 + i, (uint8_t)(50 + i));
    }
}

static void check_good(const char *name)
{
    assert_int_equal(lw_dataset_size(splits.train), 3);
    assert_int_equal(lw_dataset_size(splits.test), 2);
    assert_string_equal(lw_dataset_class_name(splits.train, 0), "cat");
    assert_string_equal(lw_dataset_class_name(splits.train, 1), "d\xC3\xB6g");
    lw_sample last = lw_dataset_get(splits.test, 1);
    uint8_t pixels[64];
    assert_ok(lw_dataset_read(splits.test, 1, pixels));
    assert_int_equal(pixels[63], 54);
    assert_int_equal(last.height, 8);
    assert_int_equal(last.label, 1);
    assert_string_equal(splits.name, name);
    lw_data_close(&splits);
}

static void test_kinds(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"", "./", "wrapped/", "./wrapped/", ".//wrapped//./"};
    for (int how = 0; how < N_PACKINGS; how++)
        for (int i = 0; i < 5; i++) {
            char name[64];
            snprintf(name, sizeof name, "pets.%s", endings[how]);
            empty_cache();
            struct archive *out = begin(name, (packing)how);
            add_good(out, prefixes[i]);
            finish(out);
            for (int again = 0; again < 2; again++) { // the second time from the cache
                assert_ok(open_images(&splits, name, (lw_data_options){.threads = 2}));
                check_good("pets");
            }
            assert_int_equal(count_cached(), 1);
        }
    assert_int_equal(access(in_folder("train"), F_OK), -1); // nothing was unpacked
    take_reports();
}

// Links and devices are left out, folders without files count, a class of its own is no wrapping.
static void test_members(void **state)
{
    (void)state;
    struct archive *out = begin("odd.tar", TAR);
    add(out, "only", AE_IFDIR, NULL, 0, NULL);
    add_image(out, "only/1.png", 4, 9);
    add(out, "only/link.png", AE_IFLNK, NULL, 0, "/etc/passwd");
    add(out, "only/null.png", AE_IFCHR, NULL, 0, NULL);
    add(out, "__MACOSX/only/1.png", AE_IFREG, "x", 1, NULL);
    add(out, "only/._1.png", AE_IFREG, "x", 1, NULL);
    finish(out);
    assert_ok(open_images(&splits, "odd.tar", (lw_data_options){.threads = 1}));
    assert_int_equal(lw_dataset_size(splits.train), 1);
    assert_string_equal(lw_dataset_class_name(splits.train, 0), "only");
    lw_data_close(&splits);
    out = begin("empty-class.zip", ZIP);
    add_image(out, "a/1.png", 4, 9);
    add(out, "b/", AE_IFDIR, NULL, 0, NULL);
    finish(out);
    assert_failed(open_images(&splits, "empty-class.zip", (lw_data_options){.threads = 1}),
                  LW_ERROR_INPUT, "empty-class.zip: the class b has no training images");
    out = begin("twice.tar", TAR);
    add_image(out, "a/1.png", 4, 9);
    add_image(out, "a/1.png", 4, 10);
    finish(out);
    assert_failed(open_images(&splits, "twice.tar", (lw_data_options){.threads = 1}),
                  LW_ERROR_INPUT, "twice.tar/a/1.png: it is in the archive twice");
}

static void test_paths_that_lead_out(void **state)
{
    (void)state;
    static const char *const paths[] = {"/train/cat/x.png", "../x.png", "train/cat/../../../x.png",
                                        "train/.."};
    for (int how = 0; how < 2; how++)
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            struct archive *out = begin("out.archive", how ? ZIP : TAR);
            add_good(out, "");
            add_image(out, paths[i], 5, 1);
            finish(out);
            char sentence[256];
            snprintf(sentence, sizeof sentence, "%s: a path in an archive must stay inside of it",
                     paths[i]);
            assert_failed(open_images(&splits, "out.archive", (lw_data_options){.threads = 1}),
                          LW_ERROR_INPUT, sentence);
            assert_ok(open_images(&splits, "out.archive",
                                  (lw_data_options){.threads = 1, .skip_bad = true}));
            assert_int_equal(splits.n_problems, 1);
            check_good("out.archive");
        }
    assert_int_equal(access(in_folder("x.png"), F_OK), -1);
}

static void test_damaged(void **state)
{
    (void)state;
    for (int how = 0; how < N_PACKINGS; how++) {
        char name[64];
        snprintf(name, sizeof name, "cut.%s", endings[how]);
        struct archive *out = begin(name, (packing)how);
        add_good(out, "");
        finish(out);
        struct stat info;
        assert_int_equal(stat(in_folder(name), &info), 0);
        // Cut anywhere in the files: refused, or the files that are whole are told from those that
        // are not (an archive has no list of what should be in it).
        for (off_t size = info.st_size / 2; size > 0; size -= 97) {
            assert_int_equal(truncate(in_folder(name), size), 0);
            lw_status status = open_images(&splits, name, (lw_data_options){.threads = 1});
            if (!status) fail_msg("%s of %ld bytes was taken", name, (long)size);
            assert_int_equal(status, LW_ERROR_INPUT);
            assert_non_null(strstr(lw_error_message(), name));
        }
    }
    write_bytes("text.zip", "this is no archive, whatever its name says", 42);
    assert_failed(open_images(&splits, "text.zip", (lw_data_options){.threads = 1}), LW_ERROR_INPUT,
                  "text.zip: the archive cannot be read");
    write_bytes("nothing.tar", "", 0);
    assert_failed(open_images(&splits, "nothing.tar", (lw_data_options){.threads = 1}),
                  LW_ERROR_INPUT, "nothing.tar: ");
}

// A small archive of a large nothing is stopped where it passes the memory that it may take.
static void test_bomb(void **state)
{
    (void)state;
    enum { piece = 1 << 20, pieces = 4 };
    uint8_t *zeros = calloc(piece, pieces);
    assert_non_null(zeros);
    struct archive *out = begin("bomb.tar.gz", TAR_GZ);
    add_good(out, "");
    add(out, "train/cat/zeros.png", AE_IFREG, zeros, (size_t)piece * pieces, NULL);
    finish(out);
    free(zeros);
    assert_failed(open_images(&splits, "bomb.tar.gz",
                              (lw_data_options){.threads = 1, .memory_bytes = 2 << 20}),
                  LW_ERROR_INPUT, "unpacks to more than the 2 MiB");
    assert_failed(open_images(&splits, "bomb.tar.gz", (lw_data_options){.threads = 1}),
                  LW_ERROR_INPUT, "zeros.png: expected a PNG or JPEG image");
}

// Files without content, and files that are passed over, cost memory and time as well.
static void test_bombs_of_nothing(void **state)
{
    (void)state;
    struct archive *out = begin("names.tar.gz", TAR_GZ);
    for (int i = 0; i < 2000; i++) {
        char path[64];
        snprintf(path, sizeof path, "train/cat/%d.png", i);
        add(out, path, AE_IFREG, NULL, 0, NULL);
    }
    finish(out);
    assert_failed(open_images(&splits, "names.tar.gz",
                              (lw_data_options){.threads = 1, .memory_bytes = 65536}),
                  LW_ERROR_INPUT, "unpacks to more than");

    enum { hidden_bytes = 3 << 20 };
    uint8_t *zeros = calloc(1, hidden_bytes);
    assert_non_null(zeros);
    out = begin("hidden.tar.gz", TAR_GZ);
    add_good(out, "");
    add(out, "train/.hidden/zeros.png", AE_IFREG, zeros, hidden_bytes, NULL);
    finish(out);
    free(zeros);
    assert_failed(open_images(&splits, "hidden.tar.gz",
                              (lw_data_options){.threads = 1, .memory_bytes = 2 << 20}),
                  LW_ERROR_INPUT, "unpacks to more than the 2 MiB");
    assert_ok(open_images(&splits, "hidden.tar.gz",
                          (lw_data_options){.threads = 1, .memory_bytes = 4 << 20}));
    check_good("hidden");
}

// What decodes to more than the memory is decoded from the packed files, which are in memory.
static void test_streamed(void **state)
{
    (void)state;
    struct archive *out = begin("pets.zip", ZIP);
    add_good(out, "");
    finish(out);
    empty_cache();
    for (int again = 0; again < 2; again++) {
        assert_ok(open_images(&splits, "pets.zip",
                              (lw_data_options){.threads = 1, .memory_bytes = 4096}));
        bool streamed = lw_dataset_is_streamed(splits.train);
        check_good("pets");
        assert_false(streamed); // 190 bytes of pixels
    }
    out = begin("large.zip", ZIP);
    add_good(out, "");
    add_image(out, "train/cat/large.png", 600, 77); // compresses well
    finish(out);
    for (int again = 0; again < 2; again++) {
        assert_ok(open_images(&splits, "large.zip",
                              (lw_data_options){.threads = 1, .memory_bytes = 100000}));
        assert_true(lw_dataset_is_streamed(splits.train));
        assert_int_equal(lw_dataset_size(splits.train), 4);
        assert_null(lw_dataset_get(splits.train, 2).pixels);
        uint8_t *pixels = malloc(600 * 600);
        assert_non_null(pixels);
        assert_ok(lw_dataset_read(splits.train, 2, pixels));
        assert_int_equal(pixels[600 * 600 - 1], 77);
        free(pixels);
        lw_data_close(&splits);
    }
}

#else

static void test_without_libarchive(void **state)
{
    (void)state;
    write_bytes("pets.zip", "PK", 2);
    assert_failed(open_images(&splits, "pets.zip", (lw_data_options){.threads = 1}),
                  LW_ERROR_UNSUPPORTED, "without libarchive");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef LW_HAVE_ARCHIVE
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_members),
        cmocka_unit_test(test_damaged),  cmocka_unit_test(test_paths_that_lead_out),
        cmocka_unit_test(test_bomb),     cmocka_unit_test(test_bombs_of_nothing),
        cmocka_unit_test(test_streamed),
#else
        cmocka_unit_test(test_without_libarchive),
#endif
    };
    if (!can_write_images()) return 0;
    return cmocka_run_group_tests(tests, NULL, leave_images);
}
