// SPDX-License-Identifier: Apache-2.0
// Images drawn with characters.
#include "report/picture.h"

#include "report/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/capture.h"

enum { side = 36, lines_high = 9 };

static uint8_t pixels[side * side];
static const lw_terminal unicode = {.unicode = true, .columns = 80};
static const lw_terminal ascii = {.columns = 80};
static const lw_terminal colours = {
    .interactive = true, .colour = true, .unicode = true, .columns = 80};

// A picture that is bright in its upper left quarter only.
static lw_picture corner(void)
{
    memset(pixels, 0, sizeof pixels);
    for (int y = 0; y < side / 2; y++) memset(pixels + y * side, 255, side / 2);
    lw_picture picture = {.image = {pixels, 1, side, side, 3}, .style = LW_STYLE_GOOD};
    lw_picture_caption(&picture, 0, "3");
    return picture;
}

// The characters of line `line`, without its newline.
static void copy_line(char *line_text, size_t bytes, const char *text, int line)
{
    for (; line > 0; line--) text = strchr(text, '\n') + 1;
    snprintf(line_text, bytes, "%.*s", (int)strcspn(text, "\n"), text);
}

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void ascii_shows_brightness(void **state)
{
    (void)state;
    capture out;
    char line[256];
    lw_picture picture = corner();
    capture_begin(&out);
    lw_picture_print(&picture, 1, out.file, &ascii);
    const char *text = captured(&out);
    assert_int_equal(count_lines(text), lines_high + 1); // the second line of the caption is empty
    copy_line(line, sizeof line, text, 0);
    assert_string_equal(line, "  @@@@@@@@@         ");
    copy_line(line, sizeof line, text, lines_high - 1);
    assert_string_equal(line, "                    ");
    copy_line(line, sizeof line, text, lines_high);
    assert_string_equal(line, "  3");
    capture_end(&out);
}

static void blocks_show_quarters(void **state)
{
    (void)state;
    capture out;
    char line[256];
    lw_picture picture = corner();
    // A character is two pixels wide and four high here. A dark quarter leaves three.
    pixels[0] = pixels[side] = 0;
    capture_begin(&out);
    lw_picture_print(&picture, 1, out.file, &unicode);
    copy_line(line, sizeof line, captured(&out), 0);
    assert_int_equal(lw_text_columns(line), LW_PICTURE_COLUMNS);
    assert_int_equal(memcmp(line, "  \u259f\u2588\u2588", 11), 0);
    assert_null(strchr(line, '\x1b'));
    capture_end(&out);
}

static void colours_are_switched_off_again(void **state)
{
    (void)state;
    capture out;
    char line[2048];
    lw_picture picture = corner();
    capture_begin(&out);
    lw_picture_print(&picture, 1, out.file, &colours);
    for (int i = 0; i < lines_high; i++) {
        copy_line(line, sizeof line, captured(&out), i);
        assert_string_equal(line + strlen(line) - 4, "\x1b[0m");
    }
    copy_line(line, sizeof line, captured(&out), 0);
    assert_non_null(strstr(line, "48;5;255m")); // white
    assert_non_null(strstr(line, "48;5;232m")); // black
    capture_end(&out);
}

static void rows_follow_the_width(void **state)
{
    (void)state;
    capture out;
    lw_picture pictures[6];
    for (int i = 0; i < 6; i++) pictures[i] = corner();
    lw_picture_caption(&pictures[5], 1, "second");
    capture_begin(&out);
    lw_picture_print(pictures, 6, out.file, &ascii); // 4, an empty line, and 2
    assert_int_equal(count_lines(captured(&out)), (lines_high + 1) + 1 + (lines_high + 2));
    capture_end(&out);
    lw_terminal narrow = {.columns = 25};
    capture_begin(&out);
    lw_picture_print(pictures, 6, out.file, &narrow); // one by one
    assert_int_equal(count_lines(captured(&out)), 6 * (lines_high + 2));
    capture_end(&out);
}

static void any_size_and_colour_is_drawn(void **state)
{
    (void)state;
    static uint8_t large[100 * 60 * 3];
    static const uint8_t tiny[] = {255, 0};
    capture out;
    char line[256];
    memset(large, 200, sizeof large);
    lw_picture pictures[2] = {{.image = {large, 3, 100, 60, 0}}, {.image = {tiny, 1, 1, 2, 0}}};
    lw_picture_caption(&pictures[0], 0, "a caption that is too long");
    capture_begin(&out);
    lw_picture_print(pictures, 2, out.file, &ascii);
    copy_line(line, sizeof line, captured(&out), 3);
    assert_string_equal(line, "  ##################  @@@@@@@@@         ");
    copy_line(line, sizeof line, captured(&out), lines_high);
    assert_string_equal(line, "  a caption that is   ");
    capture_end(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_shows_brightness),         cmocka_unit_test(blocks_show_quarters),
        cmocka_unit_test(colours_are_switched_off_again), cmocka_unit_test(rows_follow_the_width),
        cmocka_unit_test(any_size_and_colour_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
