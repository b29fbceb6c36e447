// SPDX-License-Identifier: Apache-2.0
// JPEG: colours, every orientation, and damaged files. The files are written here with libjpeg.
#include "support.h"

#include "data/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef LW_HAVE_JPEG
#include <jpeglib.h>
#endif

#ifdef LW_HAVE_JPEG

// Large flat fields, so that the losses of JPEG stay small: a tile of 16 pixels, 3 x 2 of them, each
// of its own grey.
enum { tile = 16, rows = 3, columns = 2, height = rows * tile, width = columns * tile };
static const uint8_t greys[rows][columns] = {{0, 40}, {90, 140}, {190, 250}};

typedef struct recipe {
    int components; // 1, 3 or 4
    bool progressive;
    int orientation;     // 0: no EXIF
    bool big_endian;     // of EXIF
    bool no_adobe;       // 4 components without Adobe's marker: inks are not inverted
    const uint8_t *tint; // (components) what takes the place of the greys; may be NULL
} recipe;

static void fill_row(uint8_t *row, const recipe *how, int y)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < how->components; c++) {
            uint8_t grey = greys[y / tile][x / tile];
            // Four components: ink is what is missing to white; Adobe's files hold 255 - ink.
            uint8_t value = how->components == 4 ? (c == 3 ? 255 : grey) : grey;
            if (how->components == 4 && how->no_adobe) value = (uint8_t)(255 - value);
            row[x * how->components + c] = how->tint ? how->tint[c] : value;
        }
}

static void write_exif(j_compress_ptr jpeg, const recipe *how)
{
    uint8_t intel[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0";
    uint8_t motorola[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0";
    intel[6 + 18] = (uint8_t)how->orientation;
    motorola[6 + 19] = (uint8_t)how->orientation;
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, how->big_endian ? motorola : intel, 6 + 22);
}

static const char *write_jpeg(const char *name, recipe how)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_height = height;
    jpeg.image_width = width;
    jpeg.input_components = how.components;
    jpeg.in_color_space = how.components == 1   ? JCS_GRAYSCALE
                          : how.components == 3 ? JCS_RGB
                                                : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (how.no_adobe) jpeg.write_Adobe_marker = FALSE;
    if (how.progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (how.orientation) write_exif(&jpeg, &how);
    for (int y = 0; y < height; y++) {
        uint8_t row[width * 4];
        fill_row(row, &how, y);
        JSAMPROW pointer = row;
        jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void expect_near(int got, int expected)
{
    if (abs(got - expected) > 3) fail_msg("expected about %d, got %d", expected, got);
}

// The grey in the middle of a tile of the picture as it was written, or of its turned form.
static void check_tiles(const char *path, int32_t wanted, int32_t channels)
{
    uint8_t *pixels;
    int32_t high, wide;
    assert_ok(lw_image_read(&pixels, &high, &wide, &wanted, path));
    assert_int_equal(wanted, channels);
    assert_int_equal(high, height);
    assert_int_equal(wide, width);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            for (int c = 0; c < channels; c++) {
                int at = (y * tile + tile / 2) * width + x * tile + tile / 2;
                expect_near(pixels[at * channels + c], greys[y][x]);
            }
    free(pixels);
}

static void test_colours(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        const char *path =
            write_jpeg("grey.jpg", (recipe){.components = 1, .progressive = progressive});
        check_tiles(path, 0, 1);
        check_tiles(path, 3, 3);
        path = write_jpeg("colour.jpg", (recipe){.components = 3, .progressive = progressive});
        check_tiles(path, 0, 3);
        check_tiles(path, 1, 1);
    }
    // Told by the content, whatever the name says.
    check_tiles(write_jpeg("picture.png", (recipe){.components = 1}), 0, 1);
}

static void check_tint(const char *path, const uint8_t expected[3])
{
    uint8_t *pixels;
    int32_t high, wide, channels = 3;
    assert_ok(lw_image_read(&pixels, &high, &wide, &channels, path));
    for (int c = 0; c < 3; c++) expect_near(pixels[c], expected[c]);
    free(pixels);
    channels = 1;
    assert_ok(lw_image_read(&pixels, &high, &wide, &channels, path));
    expect_near(pixels[0], (expected[0] * 299 + expected[1] * 587 + expected[2] * 114) / 1000);
    free(pixels);
}

static void test_tints(void **state)
{
    (void)state;
    const uint8_t orange[] = {250, 130, 20};
    check_tint(write_jpeg("orange.jpg", (recipe){.components = 3, .tint = orange}), orange);
    // The same in inks: Adobe writes what is left of white, other programs may write the ink.
    const uint8_t inverted[] = {250, 130, 20, 255}, inks[] = {5, 125, 235, 0};
    const uint8_t dark[] = {250, 130, 20, 128}, half[] = {125, 65, 10};
    check_tint(write_jpeg("adobe.jpg", (recipe){.components = 4, .tint = inverted}), orange);
    check_tint(write_jpeg("inks.jpg", (recipe){.components = 4, .no_adobe = true, .tint = inks}),
               orange);
    check_tint(write_jpeg("dark.jpg", (recipe){.components = 4, .tint = dark}), half);
    check_tiles(write_jpeg("cmyk.jpg", (recipe){.components = 4}), 1, 1);
}

// Where the tile of row y and column x of the stored picture is seen.
static void place_of(int orientation, int y, int x, int *row, int *column)
{
    int down = rows - 1 - y, right = columns - 1 - x;
    const int places[9][2] = {{0, 0}, {y, x},    {y, right},    {down, right}, {down, x},
                              {x, y}, {x, down}, {right, down}, {right, y}};
    *row = places[orientation][0];
    *column = places[orientation][1];
}

static void check_orientation(const char *path, int orientation)
{
    uint8_t *pixels;
    int32_t high, wide, channels = 0;
    assert_ok(lw_image_read(&pixels, &high, &wide, &channels, path));
    bool turned = orientation >= 5;
    assert_int_equal(high, turned ? width : height);
    assert_int_equal(wide, turned ? height : width);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            int row, column;
            place_of(orientation, y, x, &row, &column);
            int at = (row * tile + tile / 2) * wide + column * tile + tile / 2;
            expect_near(pixels[at * channels], greys[y][x]);
        }
    free(pixels);
}

static void test_orientations(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int big = 0; big < 2; big++) {
            recipe how = {.components = 1, .orientation = orientation, .big_endian = big};
            check_orientation(write_jpeg("turned.jpg", how), orientation);
            how.components = 3;
            check_orientation(write_jpeg("turned.jpg", how), orientation);
        }
    // Nonsense counts as nothing.
    check_orientation(write_jpeg("nine.jpg", (recipe){.components = 1, .orientation = 9}), 1);
}

static size_t load(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, room, file);
    fclose(file);
    return count;
}

static lw_status read_bytes(const uint8_t *bytes, size_t count)
{
    uint8_t *pixels = NULL;
    int32_t high, wide, channels = 0;
    lw_status status =
        lw_image_read(&pixels, &high, &wide, &channels, write_file("damaged.jpg", bytes, count));
    free(pixels);
    return status;
}

static void test_damaged(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        recipe how = {.components = 3, .progressive = progressive, .orientation = 6};
        uint8_t bytes[8192];
        size_t count = load(write_jpeg("whole.jpg", how), bytes, sizeof bytes);
        assert_in_range(count, 100, sizeof bytes - 1);
        assert_ok(read_bytes(bytes, count));
        for (size_t cut = 0; cut + 2 < count; cut++)
            assert_int_equal(read_bytes(bytes, cut), LW_ERROR_INPUT);
        assert_failed(read_bytes(bytes, count - 100), LW_ERROR_INPUT,
                      "damaged.jpg: the JPEG is damaged");
        // Not every damage can be noticed, but none may do harm (the sanitizers watch).
        for (size_t i = 0; i < count; i++) {
            bytes[i] ^= 0x55;
            lw_status status = read_bytes(bytes, count);
            assert_true(status == LW_OK || status == LW_ERROR_INPUT);
            bytes[i] ^= 0x55;
        }
    }
}

static void test_claimed_sizes(void **state)
{
    (void)state;
    uint8_t bytes[8192];
    size_t count = load(write_jpeg("whole.jpg", (recipe){.components = 1}), bytes, sizeof bytes);
    size_t at = 2;
    while (!(bytes[at] == 0xFF && bytes[at + 1] == 0xC0)) at++;
    memset(bytes + at + 5, 0xFF, 4); // 65535 x 65535
    assert_failed(read_bytes(bytes, count), LW_ERROR_INPUT, "at most 16384 pixels a side");
    memcpy(bytes + at + 5, "\x40\x00\x40\x00", 4);
    assert_failed(read_bytes(bytes, count), LW_ERROR_INPUT, "at most 67108864 pixels");
    memcpy(bytes + at + 5, "\x10\x00\x10\x00", 4);
    assert_failed(read_bytes(bytes, count), LW_ERROR_INPUT,
                  "the header says 4096x4096 pixels, more than");
    memcpy(bytes + at + 5, "\x01\x00\x01\x00", 4);
    assert_failed(read_bytes(bytes, count), LW_ERROR_INPUT, "damaged"); // the pixels are missing
    memset(bytes + at + 5, 0, 4);
    assert_failed(read_bytes(bytes, count), LW_ERROR_INPUT, "damaged");
}

// The header of a prefix: either what the whole file says, or a wish for more.
static void test_prefixes(void **state)
{
    (void)state;
    uint8_t bytes[8192];
    size_t count = load(write_jpeg("whole.jpg", (recipe){.components = 3, .orientation = 8}), bytes,
                        sizeof bytes);
    bool found = false;
    for (size_t part = 3; part <= count; part++) {
        lw_image_bytes file = {
            .bytes = bytes, .count = part, .file_bytes = count, .name = "prefix"};
        lw_image_header header;
        bool enough;
        assert_ok(lw_image_read_header(&header, &file, &enough));
        if (found) assert_true(enough);
        if (!enough) continue;
        found = true;
        assert_int_equal(header.height, width);
        assert_int_equal(header.width, height);
        assert_true(header.colour);
    }
    assert_true(found);
}

#else

static void test_without_jpeg(void **state)
{
    (void)state;
    uint8_t *pixels;
    int32_t height, width, channels = 0;
    const char *path = write_file("a.jpg", "\xFF\xD8\xFF\xE0....", 8);
    assert_failed(lw_image_read(&pixels, &height, &width, &channels, path), LW_ERROR_UNSUPPORTED,
                  "without libjpeg");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef LW_HAVE_JPEG
        cmocka_unit_test(test_colours),       cmocka_unit_test(test_tints),
        cmocka_unit_test(test_orientations),  cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_claimed_sizes), cmocka_unit_test(test_prefixes),
#else
        cmocka_unit_test(test_without_jpeg),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, leave_folder);
}
