// SPDX-License-Identifier: Apache-2.0
// PNG: every colour type, the round trip, and damaged files.
#include "support.h"

#include <lanewise/data.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef LW_HAVE_PNG
#include <png.h>
#include <zlib.h>
#endif

#ifdef LW_HAVE_PNG

enum { side = 4 }; // all images here are 4 x 4

typedef struct png_recipe {
    int colour_type, depth;
    bool interlaced;
    const png_color *palette; // (n_palette)
    int n_palette;
    const uint8_t *palette_alpha; // (n_palette); NULL: opaque
    const png_color_16 *clear;    // the transparent colour; NULL: none
} png_recipe;

// Writes `rows` (side x row_bytes, as PNG packs them) as the recipe says.
static const char *write_png(const char *name, png_recipe recipe, const uint8_t *rows,
                             size_t row_bytes)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png))) abort();
    png_init_io(png, file);
    png_set_IHDR(png, info, side, side, recipe.depth, recipe.colour_type,
                 recipe.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (recipe.palette) png_set_PLTE(png, info, recipe.palette, recipe.n_palette);
    if (recipe.palette_alpha) png_set_tRNS(png, info, recipe.palette_alpha, recipe.n_palette, NULL);
    if (recipe.clear) png_set_tRNS(png, info, NULL, 0, recipe.clear);
    png_write_info(png, info);
    const uint8_t *row_pointers[side];
    for (int y = 0; y < side; y++) row_pointers[y] = rows + (size_t)y * row_bytes;
    png_write_image(png, (png_bytepp)(uintptr_t)row_pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(file), 0);
    return path;
}

// Reads with the wanted channels and compares all bytes.
static void check_read(const char *path, int32_t wanted, int32_t channels, const uint8_t *expected)
{
    uint8_t *pixels;
    int32_t height, width;
    assert_ok(lw_image_read(&pixels, &height, &width, &wanted, path));
    assert_int_equal(height, side);
    assert_int_equal(width, side);
    assert_int_equal(wanted, channels);
    assert_memory_equal(pixels, expected, (size_t)(side * side * channels));
    free(pixels);
}

static void repeat(uint8_t *out, const uint8_t *values, int times)
{
    for (int i = 0; i < side * side; i++)
        for (int k = 0; k < times; k++) out[i * times + k] = values[i];
}

static void test_grey(void **state)
{
    (void)state;
    static const int depths[] = {1, 2, 4, 8, 16};
    for (size_t d = 0; d < 5; d++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            int depth = depths[d], most = (1 << (depth < 8 ? depth : 8)) - 1;
            uint8_t rows[side * 8] = {0}, grey[side * side], colour[side * side * 3];
            size_t row_bytes = (size_t)(side * depth + 7) / 8;
            for (int i = 0; i < side * side; i++) {
                int value = (i * 37 + 5) & most, x = i % side;
                uint8_t *row = rows + (size_t)(i / side) * row_bytes;
                if (depth == 16)
                    row[2 * x] = row[2 * x + 1] = (uint8_t)value;
                else
                    row[x * depth / 8] |= (uint8_t)(value << (8 - depth - x * depth % 8));
                grey[i] = (uint8_t)(value * 255 / most);
            }
            repeat(colour, grey, 3);
            png_recipe recipe = {
                .colour_type = PNG_COLOR_TYPE_GRAY, .depth = depth, .interlaced = interlaced};
            const char *path = write_png("grey.png", recipe, rows, row_bytes);
            check_read(path, 0, 1, grey);
            check_read(path, 1, 1, grey);
            check_read(path, 3, 3, colour);
        }
}

static void test_colour(void **state)
{
    (void)state;
    uint8_t rows[side * side * 6], colour[side * side * 3], grey[side * side];
    for (int i = 0; i < side * side * 3; i++) colour[i] = (uint8_t)(i * 5);
    colour[0] = colour[1] = colour[2] = 255;
    colour[3] = colour[4] = colour[5] = 0;
    for (int i = 0; i < side * side; i++)
        grey[i] = (uint8_t)(0.299 * colour[3 * i] + 0.587 * colour[3 * i + 1] +
                            0.114 * colour[3 * i + 2] + 0.5);
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        png_recipe recipe = {
            .colour_type = PNG_COLOR_TYPE_RGB, .depth = 8, .interlaced = interlaced};
        check_read(write_png("colour.png", recipe, colour, side * 3), 0, 3, colour);
        check_read(in_folder("colour.png"), 1, 1, grey);
        // 16 bits: the high byte twice is exactly the 8-bit value.
        for (int i = 0; i < side * side * 3; i++) rows[2 * i] = rows[2 * i + 1] = colour[i];
        recipe.depth = 16;
        check_read(write_png("deep.png", recipe, rows, side * 6), 3, 3, colour);
        check_read(in_folder("deep.png"), 1, 1, grey);
    }
}

// 16 bits are rounded, not cut: 0x00ff is 0.99 / 255.
static void test_rounding(void **state)
{
    (void)state;
    uint8_t rows[side * side * 2], grey[side * side];
    for (int i = 0; i < side * side; i++) {
        rows[2 * i] = 0;
        rows[2 * i + 1] = 0xff;
        grey[i] = 1;
    }
    png_recipe recipe = {.colour_type = PNG_COLOR_TYPE_GRAY, .depth = 16};
    check_read(write_png("rounded.png", recipe, rows, side * 2), 0, 1, grey);
}

static void test_palette(void **state)
{
    (void)state;
    const png_color palette[4] = {{10, 20, 30}, {255, 255, 255}, {0, 0, 0}, {200, 0, 100}};
    const uint8_t alpha[4] = {255, 255, 0, 128};
    uint8_t rows[side], colour[side * side * 3];
    for (int y = 0; y < side; y++) rows[y] = 0x1b; // 0 1 2 3 in two bits each
    for (int i = 0; i < side * side; i++) {
        colour[3 * i] = palette[i % 4].red;
        colour[3 * i + 1] = palette[i % 4].green;
        colour[3 * i + 2] = palette[i % 4].blue;
    }
    png_recipe recipe = {
        .colour_type = PNG_COLOR_TYPE_PALETTE, .depth = 2, .palette = palette, .n_palette = 4};
    check_read(write_png("palette.png", recipe, rows, 1), 0, 3, colour);

    // With alpha: the third entry vanishes into white, the fourth is half of it.
    recipe.palette_alpha = alpha;
    for (int i = 0; i < side * side; i++) {
        if (i % 4 == 2) memset(colour + 3 * i, 255, 3);
        if (i % 4 == 3) memcpy(colour + 3 * i, "\xe3\x7f\xb1", 3); // 227 127 177
    }
    check_read(write_png("clear.png", recipe, rows, 1), 0, 3, colour);
}

static void test_alpha(void **state)
{
    (void)state;
    uint8_t rows[side * side * 4], expected[side * side * 3], grey[side * side];
    for (int i = 0; i < side * side; i++) {
        int value = i * 16, alpha = i % 3 * 127; // 0, 127, 254
        rows[2 * i] = (uint8_t)value;
        rows[2 * i + 1] = (uint8_t)alpha;
        grey[i] = (uint8_t)((value * alpha + 255 * (255 - alpha)) / 255.0 + 0.5);
    }
    png_recipe recipe = {.colour_type = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 8};
    check_read(write_png("grey-alpha.png", recipe, rows, side * 2), 0, 1, grey);
    repeat(expected, grey, 3);
    check_read(in_folder("grey-alpha.png"), 3, 3, expected);

    for (int i = 0; i < side * side; i++)
        for (int k = 0; k < 4; k++) {
            int value = i * 10 + k, alpha = i * 17;
            rows[4 * i + k] = (uint8_t)(k == 3 ? alpha : value);
            if (k < 3)
                expected[3 * i + k] =
                    (uint8_t)((value * alpha + 255 * (255 - alpha)) / 255.0 + 0.5);
        }
    recipe = (png_recipe){.colour_type = PNG_COLOR_TYPE_RGB_ALPHA, .depth = 8, .interlaced = true};
    check_read(write_png("alpha.png", recipe, rows, side * 4), 0, 3, expected);
}

static void test_clear_grey(void **state)
{
    (void)state;
    uint8_t rows[side * side], expected[side * side];
    const png_color_16 clear = {.gray = 48};
    for (int i = 0; i < side * side; i++) {
        rows[i] = (uint8_t)(16 * i);
        expected[i] = rows[i] == 48 ? 255 : rows[i];
    }
    png_recipe recipe = {.colour_type = PNG_COLOR_TYPE_GRAY, .depth = 8, .clear = &clear};
    check_read(write_png("clear-grey.png", recipe, rows, side), 0, 1, expected);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int32_t channels = 1; channels <= 3; channels += 2) {
        uint8_t pixels[5 * 7 * 3], *read;
        int32_t height, width, got = 0;
        for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i);
        assert_ok(lw_image_write(in_folder("round.png"), pixels, 5, 7, channels));
        assert_ok(lw_image_read(&read, &height, &width, &got, in_folder("round.png")));
        assert_int_equal(height, 5);
        assert_int_equal(width, 7);
        assert_int_equal(got, channels);
        assert_memory_equal(read, pixels, (size_t)(5 * 7 * channels));
        free(read);
    }
    const uint8_t one = 77;
    uint8_t *read;
    int32_t height, width, channels = 3;
    assert_ok(lw_image_write(in_folder("one.png"), &one, 1, 1, 1));
    assert_ok(lw_image_read(&read, &height, &width, &channels, in_folder("one.png")));
    assert_memory_equal(read, "\x4d\x4d\x4d", 3);
    free(read);
}

static lw_status read_bytes(const void *bytes, size_t count)
{
    uint8_t *pixels = (uint8_t *)&pixels;
    int32_t height, width, channels = 0;
    lw_status status =
        lw_image_read(&pixels, &height, &width, &channels, write_file("x.png", bytes, count));
    if (status) assert_null(pixels);
    free(pixels);
    return status;
}

// A small interlaced colour image as bytes.
static size_t small_file(uint8_t *bytes, size_t room)
{
    uint8_t rows[side * side * 3];
    for (size_t i = 0; i < sizeof rows; i++) rows[i] = (uint8_t)(i * 29);
    png_recipe recipe = {.colour_type = PNG_COLOR_TYPE_RGB, .depth = 8, .interlaced = true};
    FILE *file = fopen(write_png("small.png", recipe, rows, side * 3), "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static void test_damaged(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t size = small_file(bytes, sizeof bytes);
    assert_ok(read_bytes(bytes, size));
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(read_bytes(bytes, cut), LW_ERROR_INPUT);
    assert_failed(read_bytes(bytes, size - 20), LW_ERROR_INPUT, "the PNG is damaged");
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x55;
        assert_int_equal(read_bytes(bytes, size), LW_ERROR_INPUT); // every byte is under a checksum
        bytes[i] ^= 0x55;
    }
}

// Claims another size in the header, with the right checksum.
static lw_status read_with_size(uint32_t width, uint32_t height)
{
    uint8_t bytes[1024];
    size_t size = small_file(bytes, sizeof bytes);
    for (int i = 0; i < 4; i++) {
        bytes[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        bytes[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    uint32_t sum = (uint32_t)crc32(0, bytes + 12, 17);
    for (int i = 0; i < 4; i++) bytes[29 + i] = (uint8_t)(sum >> (24 - 8 * i));
    return read_bytes(bytes, size);
}

static void test_claimed_sizes(void **state)
{
    (void)state;
    assert_ok(read_with_size(side, side));
    assert_failed(read_with_size(100000, 1), LW_ERROR_INPUT, "got 1x100000");
    assert_failed(read_with_size(16384, 16384), LW_ERROR_INPUT, "at most 67108864 pixels");
    assert_failed(read_with_size(8192, 8192), LW_ERROR_INPUT, "bytes can hold");
    assert_failed(read_with_size(0, 4), LW_ERROR_INPUT, "damaged");
    assert_failed(read_with_size(0x80000000u, 4), LW_ERROR_INPUT, "damaged");
    assert_failed(read_with_size(side, 2 * side), LW_ERROR_INPUT, "damaged");
    // A camera's note of 1.3 GB: memory would be taken for it before it is found missing.
    uint8_t bytes[1024];
    size_t size = small_file(bytes, sizeof bytes);
    memcpy(bytes + 33,
           "\x50\x00\x00\x00"
           "eXIf",
           8);
    assert_failed(read_bytes(bytes, size), LW_ERROR_INPUT, "a chunk is longer than the file");
}

// A camera's note in a chunk of its own, behind the header: a quarter turn to the right.
static void test_orientation(void **state)
{
    (void)state;
    enum { header_bytes = 33, exif_bytes = 22, chunk_bytes = 12 + exif_bytes };
    static const uint8_t exif[exif_bytes + 1] =
        "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
    const uint8_t row[3] = {10, 20, 30};
    uint8_t bytes[1024], turned[1024 + chunk_bytes], *pixels;
    const char *path = in_folder("row.png");
    assert_ok(lw_image_write(path, row, 1, 3, 1));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t chunk[chunk_bytes] = {0, 0, 0, exif_bytes, 'e', 'X', 'I', 'f'};
    memcpy(chunk + 8, exif, exif_bytes);
    uint32_t sum = (uint32_t)crc32(0, chunk + 4, 4 + exif_bytes);
    for (int i = 0; i < 4; i++) chunk[8 + exif_bytes + i] = (uint8_t)(sum >> (24 - 8 * i));
    memcpy(turned, bytes, header_bytes);
    memcpy(turned + header_bytes, chunk, chunk_bytes);
    memcpy(turned + header_bytes + chunk_bytes, bytes + header_bytes, count - header_bytes);
    int32_t height, width, channels = 1;
    path = write_file("turned.png", turned, count + chunk_bytes);
    assert_ok(lw_image_read(&pixels, &height, &width, &channels, path));
    assert_int_equal(height, 3);
    assert_int_equal(width, 1);
    assert_memory_equal(pixels, row, 3);
    free(pixels);
}

static void test_no_image(void **state)
{
    (void)state;
    uint8_t *pixels, grey[4] = {0};
    int32_t height, width, channels = 0;
    assert_failed(read_bytes("", 0), LW_ERROR_INPUT, "the file is empty");
    assert_failed(read_bytes("GIF89a..........", 16), LW_ERROR_INPUT,
                  "expected a PNG or JPEG image, the file does not begin like one");
    assert_failed(lw_image_read(&pixels, &height, &width, &channels, in_folder("absent.png")),
                  LW_ERROR_NOT_FOUND, "absent.png");
    assert_failed(lw_image_read(&pixels, &height, &width, &channels, folder()), LW_ERROR_INPUT,
                  "folder");
    assert_failed(lw_image_read(&pixels, &height, &width, &channels, NULL), LW_ERROR_ARGUMENT,
                  "NULL");
    channels = 2;
    assert_failed(lw_image_read(&pixels, &height, &width, &channels, in_folder("small.png")),
                  LW_ERROR_ARGUMENT, "got 2");

    assert_failed(lw_image_write(in_folder("y.png"), grey, 2, 2, 4), LW_ERROR_ARGUMENT, "got 4");
    assert_failed(lw_image_write(in_folder("y.png"), grey, 0, 2, 1), LW_ERROR_ARGUMENT, "got 0x2");
    assert_failed(lw_image_write(in_folder("y.png"), grey, 16384, 16384, 1), LW_ERROR_ARGUMENT,
                  "in all");
    assert_failed(lw_image_write(in_folder("y.png"), NULL, 2, 2, 1), LW_ERROR_ARGUMENT, "NULL");
    assert_int_not_equal(access(in_folder("y.png"), F_OK), 0);
    assert_failed(lw_image_write(in_folder("no/such/folder.png"), grey, 2, 2, 1),
                  LW_ERROR_NOT_FOUND, "no/such/folder.png");
}

#else

static void test_without_png(void **state)
{
    (void)state;
    uint8_t *pixels, grey[4] = {0};
    int32_t height, width, channels = 0;
    const char *path = write_file("a.png", "\x89PNG\r\n\x1A\n", 8);
    assert_failed(lw_image_read(&pixels, &height, &width, &channels, path), LW_ERROR_UNSUPPORTED,
                  "without libpng");
    assert_failed(lw_image_write("a.png", grey, 2, 2, 1), LW_ERROR_UNSUPPORTED, "without libpng");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef LW_HAVE_PNG
        cmocka_unit_test(test_grey),        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_rounding),    cmocka_unit_test(test_palette),
        cmocka_unit_test(test_alpha),       cmocka_unit_test(test_clear_grey),
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_orientation), cmocka_unit_test(test_claimed_sizes),
        cmocka_unit_test(test_no_image),
#else
        cmocka_unit_test(test_without_png),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, leave_folder);
}
