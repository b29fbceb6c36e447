// SPDX-License-Identifier: Apache-2.0
// IDX files: what is read, and every way in which a file can be wrong.
#include "support.h"

#include "data/stream.h"

#include <lanewise/data.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { n_images = 5, rows = 3, columns = 4, n_values = n_images * rows * columns };

static const uint32_t image_sizes[] = {n_images, rows, columns};
static const uint32_t label_sizes[] = {n_images};
static uint8_t image_file[16 + n_values], label_file[8 + n_images];

static int set_up(void **state)
{
    (void)state;
    make_idx(image_file, 0x08, 3, image_sizes, n_values, 0);
    make_idx(label_file, 0x08, 1, label_sizes, n_images, 3); // 1 2 0 1 2
    write_file("images", image_file, sizeof image_file);
    write_file("labels", label_file, sizeof label_file);
    return 0;
}

static lw_status load(lw_dataset **dataset, const char *images, const char *labels)
{
    return lw_dataset_load_idx(dataset, "tiny", images, labels, 3, NULL);
}

// Loads a wrong image file beside the right labels.
static lw_status load_images(const void *bytes, size_t count)
{
    lw_dataset *dataset = (lw_dataset *)&dataset;
    lw_status status = load(&dataset, write_file("wrong", bytes, count), in_folder("labels"));
    assert_null(dataset);
    return status;
}

static lw_status load_labels(const void *bytes, size_t count)
{
    lw_dataset *dataset = (lw_dataset *)&dataset;
    lw_status status = load(&dataset, in_folder("images"), write_file("wrong", bytes, count));
    assert_null(dataset);
    return status;
}

static void check_tiny(const char *images, const char *labels)
{
    lw_dataset *dataset;
    assert_ok(load(&dataset, images, labels));
    assert_int_equal(lw_dataset_size(dataset), n_images);
    assert_int_equal(lw_dataset_class_count(dataset), 3);
    for (size_t i = 0; i < n_images; i++) {
        lw_sample sample = lw_dataset_get(dataset, i);
        assert_int_equal(sample.height, rows);
        assert_int_equal(sample.width, columns);
        assert_int_equal(sample.channels, 1);
        assert_int_equal(sample.label, (i + 1) % 3);
        for (size_t k = 0; k < rows * columns; k++)
            assert_int_equal(sample.pixels[k], i * rows * columns + k + 1);
    }
    lw_dataset_destroy(&dataset);
}

static void test_plain(void **state)
{
    (void)state;
    check_tiny(in_folder("images"), in_folder("labels"));
}

static void test_rank_4(void **state)
{
    (void)state;
    uint8_t bytes[20 + 2 * 2 * 2 * 3];
    const uint32_t sizes[] = {2, 2, 2, 3}, two[] = {2};
    uint8_t two_labels[10];
    write_file("colour", bytes, make_idx(bytes, 0x08, 4, sizes, 24, 0));
    write_file("two", two_labels, make_idx(two_labels, 0x08, 1, two, 2, 0)); // 1 2
    lw_dataset *dataset;
    assert_ok(load(&dataset, in_folder("colour"), in_folder("two")));
    lw_sample sample = lw_dataset_get(dataset, 1);
    assert_int_equal(sample.channels, 3);
    assert_int_equal(sample.pixels[11], 24);
    lw_dataset_destroy(&dataset);

    // Without a class count the labels give it.
    assert_ok(
        lw_dataset_load_idx(&dataset, "tiny", in_folder("colour"), in_folder("two"), 0, NULL));
    assert_int_equal(lw_dataset_class_count(dataset), 3);
    lw_dataset_destroy(&dataset);
}

static void test_gzip(void **state)
{
    (void)state;
#ifndef LW_HAVE_ZLIB
    assert_failed(load_images("\x1f\x8b\x08.........", 12), LW_ERROR_UNSUPPORTED, "no zlib");
    return;
#endif
    write_gzip("images.gz", image_file, sizeof image_file);
    write_gzip("labels.gz", label_file, sizeof label_file);
    check_tiny(in_folder("images.gz"), in_folder("labels.gz"));
    check_tiny(in_folder("images.gz"), in_folder("labels")); // one packed, one not
    // Gzip is told by content: the name may lie.
    write_gzip("images-without-ending", image_file, sizeof image_file);
    check_tiny(in_folder("images-without-ending"), in_folder("labels"));

    // Several members one behind the other are one file.
    uint8_t packed[1024];
    size_t first = gzip(packed, sizeof packed, image_file, 30);
    size_t second =
        gzip(packed + first, sizeof packed - first, image_file + 30, sizeof image_file - 30);
    write_file("members.gz", packed, first + second);
    check_tiny(in_folder("members.gz"), in_folder("labels"));
}

static void test_damaged_gzip(void **state)
{
    (void)state;
#ifndef LW_HAVE_ZLIB
    skip();
#endif
    uint8_t packed[1024];
    size_t size = gzip(packed, sizeof packed, image_file, sizeof image_file);
    // Cut anywhere: inside the header, the data, the checksum.
    for (size_t cut = 3; cut < size; cut++) assert_int_not_equal(load_images(packed, cut), LW_OK);
    assert_failed(load_images(packed, size - 1), LW_ERROR_INPUT, "cut short");
    assert_failed(load_images(packed, size / 2), LW_ERROR_INPUT, "cut short");

    packed[size] = 'x';
    assert_failed(load_images(packed, size + 1), LW_ERROR_INPUT, "behind the gzip data");
    packed[size] = 0x1f;
    packed[size + 1] = 0x8b;
    assert_failed(load_images(packed, size + 2), LW_ERROR_INPUT, "cut short");

    packed[size - 6] ^= 1; // the checksum
    assert_failed(load_images(packed, size), LW_ERROR_INPUT, "damaged");
    packed[size - 6] ^= 1;
    packed[2] = 99; // the method
    assert_failed(load_images(packed, size), LW_ERROR_INPUT, "damaged");
}

#if defined(LW_HAVE_ZLIB) && defined(LW_HAVE_DEFLATE)

static bool unpacks(const char *path, size_t count)
{
    lw_stream *stream;
    uint8_t *bytes = image_file, first[7];
    size_t got;
    assert_ok(lw_stream_open(&stream, path));
    assert_ok(
        lw_stream_read(stream, first, sizeof first, &got)); // where the stream is does not matter
    const bool done = lw_stream_unpack(stream, count, &bytes);
    if (done)
        assert_memory_equal(bytes, image_file, count);
    else
        assert_null(bytes);
    free(bytes);
    // The stream goes on where it was.
    uint8_t rest[sizeof image_file];
    if (done) {
        assert_ok(lw_stream_read(stream, rest, sizeof rest, &got));
        assert_int_equal(got, count - sizeof first);
        assert_memory_equal(rest, image_file + sizeof first, got);
    }
    lw_stream_close(&stream);
    return done;
}

// The fast way is for whole and undamaged files of one member; everything else is left to the stream.
static void test_unpack(void **state)
{
    (void)state;
    const size_t whole = sizeof image_file;
    uint8_t packed[1024], damaged[1024], *bytes;
    size_t size = gzip(packed, sizeof packed, image_file, whole);
    assert_true(unpacks(write_file("whole.gz", packed, size), whole));
    assert_false(unpacks(in_folder("whole.gz"), whole - 1));
    assert_false(unpacks(in_folder("whole.gz"), whole + 1));
    assert_false(unpacks(in_folder("images"), whole)); // not gzipped
    for (size_t cut = 40; cut < size; cut++)
        assert_false(unpacks(write_file("cut.gz", packed, cut), whole));
    for (size_t i = 20; i < size; i++) {
        memcpy(damaged, packed, size);
        damaged[i] ^= 4;
        lw_dataset *dataset;
        write_file("damaged.gz", damaged, size);
        assert_failed(load(&dataset, in_folder("damaged.gz"), in_folder("labels")), LW_ERROR_INPUT,
                      "damaged.gz: ");
    }
    // A length that is right beside data that are damaged, and the other way round.
    memcpy(damaged, packed, size);
    damaged[size - 5] ^= 1; // the checksum
    assert_false(unpacks(write_file("damaged.gz", damaged, size), whole));
    memcpy(damaged, packed, size);
    damaged[size - 1] ^= 1; // the length
    assert_false(unpacks(write_file("damaged.gz", damaged, size), whole));
    // What stands behind the member is neither passed over nor taken for its end.
    packed[size] = 0;
    assert_false(unpacks(write_file("behind.gz", packed, size + 1), whole));
    memcpy(packed + size, packed, size);
    assert_false(unpacks(write_file("twice.gz", packed, 2 * size), whole));
    assert_false(unpacks(in_folder("twice.gz"), 2 * whole));
    // Memory has no file to unpack.
    lw_stream *stream;
    assert_ok(lw_stream_open_memory(&stream, "memory", packed, size));
    assert_false(lw_stream_unpack(stream, whole, &bytes));
    assert_null(bytes);
    lw_stream_close(&stream);
}

// More than is unpacked in memory at once, nothing at all, and a file that has become shorter.
static void test_unpack_limits(void **state)
{
    (void)state;
    lw_stream *stream;
    uint8_t *bytes;
    assert_true(unpacks(write_gzip("images.gz", image_file, sizeof image_file), sizeof image_file));
    assert_ok(lw_stream_open(&stream, in_folder("images.gz")));
    assert_false(lw_stream_unpack(stream, (size_t)1 << 40, &bytes));
    assert_null(bytes);
    assert_false(lw_stream_unpack(stream, 0, &bytes));
    assert_null(bytes);
    // Shorter than it was when it was opened.
    assert_int_equal(truncate(in_folder("images.gz"), 30), 0);
    assert_false(lw_stream_unpack(stream, sizeof image_file, &bytes));
    assert_null(bytes);
    lw_stream_close(&stream);
}

#endif

// A few hundred bytes of gzip that unpack to a megabyte of zeros, behind a header that asks for it
// all and more: the sizes are refused before memory is taken.
static void test_gzip_bomb(void **state)
{
    (void)state;
#ifndef LW_HAVE_ZLIB
    skip();
#endif
    const uint32_t huge[] = {1000000, 28, 28};
    size_t size = 1 << 20;
    uint8_t *bytes = calloc(size, 1);
    assert_non_null(bytes);
    make_idx(bytes, 0x08, 3, huge, 0, 0);
    lw_dataset *dataset;
    write_gzip("bomb.gz", bytes, size);
    assert_failed(load(&dataset, in_folder("bomb.gz"), in_folder("labels")), LW_ERROR_INPUT,
                  "gzipped bytes can hold");
    // Promises less than what follows.
    make_idx(bytes, 0x08, 3, image_sizes, 0, 0);
    write_gzip("long.gz", bytes, size);
    assert_failed(load(&dataset, in_folder("long.gz"), in_folder("labels")), LW_ERROR_INPUT,
                  "goes on behind them");
    // Promises more than what follows, but not impossibly much.
    const uint32_t more[] = {1350, 28, 28};
    make_idx(bytes, 0x08, 3, more, 0, 0);
    write_gzip("short.gz", bytes, size);
    assert_failed(load(&dataset, in_folder("short.gz"), in_folder("labels")), LW_ERROR_INPUT,
                  "expected 1058400 bytes of values, the file ends after 1048560");
    free(bytes);
}

static void test_wrong_size(void **state)
{
    (void)state;
    uint8_t longer[sizeof image_file + 1];
    memcpy(longer, image_file, sizeof image_file);
    longer[sizeof image_file] = 0;
    assert_failed(load_images(longer, sizeof longer), LW_ERROR_INPUT,
                  "expected 76 bytes by its header, got 77");
    assert_failed(load_images(image_file, sizeof image_file - 1), LW_ERROR_INPUT,
                  "expected 76 bytes by its header, got 75");
    assert_failed(load_images("", 0), LW_ERROR_INPUT, "expected 4 bytes of IDX header");
    assert_failed(load_images(image_file, 3), LW_ERROR_INPUT, "ends after 3");
    assert_failed(load_images(image_file, 15), LW_ERROR_INPUT, "ends after 15");
    assert_failed(load_labels(label_file, sizeof label_file - 2), LW_ERROR_INPUT, "got 11");
    assert_failed(load_labels("", 0), LW_ERROR_INPUT, "IDX header");
}

static void test_wrong_magic(void **state)
{
    (void)state;
    uint8_t bytes[128] = {0};
    const uint32_t sizes[] = {n_images, rows, columns};
    assert_failed(load_images("\x89PNG\r\n\x1a\n........", 16), LW_ERROR_INPUT,
                  "got the bytes 89 50 4e 47");
    assert_failed(load_images(bytes, make_idx(bytes, 0x0D, 3, sizes, n_values, 0)), LW_ERROR_INPUT,
                  "0x0d (32-bit floats)");
    assert_failed(load_images(bytes, make_idx(bytes, 0x42, 3, sizes, n_values, 0)), LW_ERROR_INPUT,
                  "an unknown type");
    assert_failed(load_images(bytes, make_idx(bytes, 0x08, 2, sizes, n_values, 0)), LW_ERROR_INPUT,
                  "got rank 2");
    bytes[3] = 200;
    assert_failed(load_images(bytes, sizeof bytes), LW_ERROR_INPUT, "got rank 200");
    // The pair swapped.
    assert_failed(load_images(label_file, sizeof label_file), LW_ERROR_INPUT, "which is labels");
    assert_failed(load_labels(image_file, sizeof image_file), LW_ERROR_INPUT, "which is images");
}

static void test_impossible_sizes(void **state)
{
    (void)state;
    uint8_t bytes[64];
    const uint32_t huge[] = {1000000, 28, 28}, zero[] = {5, 0, 4};
    const uint32_t overflowing[] = {0xffffffffu, 0xffffffffu, 0xffffffffu};
    const uint32_t tall[] = {1, 20000, 1}, deep[] = {1, 1, 1, 2000};
    assert_failed(load_images(bytes, make_idx(bytes, 0x08, 3, huge, 40, 0)), LW_ERROR_INPUT,
                  "expected 784000016 bytes by its header, got 56");
    assert_failed(load_images(bytes, make_idx(bytes, 0x08, 3, zero, 40, 0)), LW_ERROR_INPUT,
                  "size 2 in its header is 0");
    assert_failed(load_images(bytes, make_idx(bytes, 0x08, 3, overflowing, 40, 0)), LW_ERROR_INPUT,
                  "more than 2^63 bytes");
    const uint32_t large[] = {0xffffffffu, 28, 28};
    assert_failed(load_images(bytes, make_idx(bytes, 0x08, 3, large, 40, 0)), LW_ERROR_INPUT,
                  "at most 17179869184 bytes");

    static uint8_t many[20 + 20000];
    assert_failed(load_images(many, make_idx(many, 0x08, 3, tall, 20000, 0)), LW_ERROR_INPUT,
                  "got 20000x1");
    assert_failed(load_images(many, make_idx(many, 0x08, 4, deep, 2000, 0)), LW_ERROR_INPUT,
                  "channels, got 2000");
}

static void test_labels(void **state)
{
    (void)state;
    uint8_t bytes[32];
    const uint32_t four[] = {4};
    assert_failed(load_labels(bytes, make_idx(bytes, 0x08, 1, four, 4, 3)), LW_ERROR_INPUT,
                  "expected 5 labels");
    make_idx(bytes, 0x08, 1, label_sizes, 5, 3);
    bytes[8 + 3] = 3;
    assert_failed(load_labels(bytes, 8 + 5), LW_ERROR_INPUT, "labels 0 .. 2, got 3 at position 3");
    bytes[8 + 3] = 255;
    assert_failed(load_labels(bytes, 8 + 5), LW_ERROR_INPUT, "got 255");
}

static void test_no_file(void **state)
{
    (void)state;
    lw_dataset *dataset;
    assert_failed(load(&dataset, in_folder("absent"), in_folder("labels")), LW_ERROR_NOT_FOUND,
                  "absent");
    assert_failed(load(&dataset, in_folder("images"), in_folder("absent")), LW_ERROR_NOT_FOUND,
                  "absent");
    assert_failed(load(&dataset, folder(), in_folder("labels")), LW_ERROR_INPUT, "got a folder");
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_failed(load(&dataset, in_folder("pipe"), in_folder("labels")), LW_ERROR_INPUT,
                  "regular file");
    assert_failed(lw_dataset_load_idx(&dataset, "x", NULL, "y", 3, NULL), LW_ERROR_ARGUMENT,
                  "NULL");
    assert_failed(lw_dataset_load_idx(&dataset, "x", "y", "y", -1, NULL), LW_ERROR_ARGUMENT,
                  "got -1");
    assert_failed(lw_dataset_load_idx(NULL, "x", "y", "y", 3, NULL), LW_ERROR_ARGUMENT, "NULL");
}

static void test_closed_file(void **state)
{
    (void)state;
    if (geteuid() == 0) skip(); // root may read everything
    lw_dataset *dataset;
    write_file("closed", image_file, sizeof image_file);
    assert_int_equal(chmod(in_folder("closed"), 0), 0);
    assert_failed(load(&dataset, in_folder("closed"), in_folder("labels")), LW_ERROR_IO, "closed");
}

// Any single byte of a file changed, any cut: an answer, never a crash (the sanitizers watch).
static void test_every_byte(void **state)
{
    (void)state;
    uint8_t bytes[sizeof image_file];
    for (size_t i = 0; i < 20; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(bytes, image_file, sizeof bytes);
            bytes[i] ^= (uint8_t)(1 << bit);
            lw_dataset *dataset;
            lw_status status =
                load(&dataset, write_file("wrong", bytes, sizeof bytes), in_folder("labels"));
            // Values may be anything; the header is right in one way only.
            if (i < 16)
                assert_int_equal(status, LW_ERROR_INPUT);
            else
                assert_int_equal(status, LW_OK);
            lw_dataset_destroy(&dataset);
        }
}

static void test_stream_in_pieces(void **state)
{
    (void)state;
    lw_stream *stream;
    uint8_t bytes[sizeof image_file];
    size_t got;
    assert_ok(lw_stream_open(&stream, in_folder("images")));
    assert_false(lw_stream_gzipped(stream));
    assert_int_equal(lw_stream_stored_bytes(stream), sizeof image_file);
    for (size_t i = 0; i < sizeof image_file; i++) {
        assert_ok(lw_stream_read(stream, bytes + i, 1, &got));
        assert_int_equal(got, 1);
    }
    assert_ok(lw_stream_read(stream, bytes, 1, &got));
    assert_int_equal(got, 0);
    assert_memory_equal(bytes, image_file, sizeof bytes);
    lw_stream_close(&stream);
    lw_stream_close(&stream);
    assert_ok(lw_stream_open_memory(&stream, "memory", "abc", 3));
    assert_ok(lw_stream_read(stream, bytes, 10, &got));
    assert_int_equal(got, 3);
    assert_memory_equal(bytes, "abc", 3);
    lw_stream_close(&stream);
}

// Pieces of all sizes, smaller and larger than what is read ahead.
static void test_stream_in_large_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 65535, 65536, 3, 200000, 65536, 70000, 1000000};
    enum { n_bytes = 700001 };
    uint8_t *written = malloc(n_bytes), *read = calloc(n_bytes, 1);
    assert_true(written && read);
    for (size_t i = 0; i < n_bytes; i++) written[i] = (uint8_t)(i * 7 + i / 251);
    lw_stream *stream;
    assert_ok(lw_stream_open(&stream, write_file("long", written, n_bytes)));
    size_t done = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t got, want = pieces[i], left = n_bytes - done;
        if (want <= left)
            assert_ok(lw_stream_read(stream, read + done, want, &got));
        else {
            uint8_t *rest = malloc(want);
            assert_non_null(rest);
            assert_ok(lw_stream_read(stream, rest, want, &got));
            assert_int_equal(got, left);
            memcpy(read + done, rest, got);
            free(rest);
        }
        done += got;
    }
    assert_int_equal(done, n_bytes);
    assert_memory_equal(read, written, n_bytes);
    lw_stream_close(&stream);
    free(written);
    free(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_rank_4),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_damaged_gzip),
#if defined(LW_HAVE_ZLIB) && defined(LW_HAVE_DEFLATE)
        cmocka_unit_test(test_unpack),
        cmocka_unit_test(test_unpack_limits),
#endif
        cmocka_unit_test(test_gzip_bomb),
        cmocka_unit_test(test_wrong_size),
        cmocka_unit_test(test_wrong_magic),
        cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_closed_file),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_stream_in_pieces),
        cmocka_unit_test(test_stream_in_large_pieces)
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
