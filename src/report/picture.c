// SPDX-License-Identifier: Apache-2.0
// Every picture is first brought to a fixed grid of points by area averaging. A character is twice
// as high as it is wide, and so is a quarter of one: a square picture has twice as many points
// across.
#include "report/picture.h"

#include "report/format.h"

#include <stdbool.h>
#include <string.h>

enum {
    cells_wide = LW_PICTURE_COLUMNS - 2,
    cells_high = cells_wide / 2,
    points_wide = 2 * cells_wide,
    points_high = 2 * cells_high,
    most_in_a_row = 4
};

typedef struct point_grid {
    int grey[points_high][points_wide]; // 0 .. 255
} point_grid;

// Mean brightness of a pixel's channels (of the first one alone where they are no colours).
static int pixel_grey(const lw_sample *image, int32_t y, int32_t x)
{
    const uint8_t *pixel =
        image->pixels + ((size_t)y * (size_t)image->width + (size_t)x) * (size_t)image->channels;
    return image->channels == 3 ? (2 * pixel[0] + 5 * pixel[1] + pixel[2]) / 8 : pixel[0];
}

// The pixels under point `i` of the `points` of an axis: [begin, end), at least one.
static void span(int i, int points, int32_t size, int32_t *begin, int32_t *end)
{
    *begin = (int32_t)((int64_t)i * size / points);
    *end = (int32_t)((int64_t)(i + 1) * size / points);
    if (*end <= *begin) *end = *begin + 1;
}

static void sample_points(const lw_sample *image, point_grid *grid)
{
    for (int row = 0; row < points_high; row++)
        for (int column = 0; column < points_wide; column++) {
            int32_t y_begin, y_end, x_begin, x_end;
            span(row, points_high, image->height, &y_begin, &y_end);
            span(column, points_wide, image->width, &x_begin, &x_end);
            int64_t sum = 0, count = (int64_t)(y_end - y_begin) * (x_end - x_begin);
            for (int32_t y = y_begin; y < y_end; y++)
                for (int32_t x = x_begin; x < x_end; x++) sum += pixel_grey(image, y, x);
            grid->grey[row][column] = (int)(sum / count);
        }
}

// The block character that fills the given quarters: bit 0 upper left, 1 upper right, 2 lower left,
// 3 lower right.
static const char *quarters(unsigned mask)
{
    static const char *const characters[16] = {
        " ",      "\u2598", "\u259d", "\u2580", "\u2596", "\u258c", "\u259e", "\u259b",
        "\u2597", "\u259a", "\u2590", "\u259c", "\u2584", "\u2599", "\u259f", "\u2588"};
    return characters[mask & 15];
}

// One of the 24 greys of a 256-colour terminal.
static int terminal_grey(int grey)
{
    return 232 + grey * 23 / 255;
}

// Two greys tell four points apart well enough: those above the mean and those below it, each group
// drawn in its own mean.
static void print_coloured_cell(const int grey[4], FILE *file)
{
    int mean = (grey[0] + grey[1] + grey[2] + grey[3]) / 4, high = 0, low = 0, n_high = 0;
    unsigned mask = 0;
    for (int i = 0; i < 4; i++) {
        bool above = grey[i] > mean;
        mask |= (unsigned)above << i;
        n_high += above;
        *(above ? &high : &low) += grey[i];
    }
    if (n_high > 0) high /= n_high;
    low /= 4 - n_high; // never all four are above their mean
    fprintf(file, "\x1b[38;5;%d;48;5;%dm%s", terminal_grey(high), terminal_grey(low),
            quarters(mask));
}

static void print_plain_cell(const int grey[4], FILE *file)
{
    // Averaging thins light strokes: less than half of full brightness still counts as drawn.
    enum { threshold = 96 };
    unsigned mask = 0;
    for (int i = 0; i < 4; i++) mask |= (unsigned)(grey[i] >= threshold) << i;
    fputs(quarters(mask), file);
}

static void print_ascii_cell(const int grey[4], FILE *file)
{
    static const char ramp[] = " .:-=+*#%@";
    int mean = (grey[0] + grey[1] + grey[2] + grey[3]) / 4;
    fputc(ramp[mean * 9 / 255], file);
}

static void print_cells(const point_grid *grid, int row, FILE *file, const lw_terminal *terminal)
{
    for (int column = 0; column < cells_wide; column++) {
        const int *upper = &grid->grey[2 * row][2 * column];
        const int *lower = &grid->grey[2 * row + 1][2 * column];
        int grey[4] = {upper[0], upper[1], lower[0], lower[1]};
        if (!terminal->unicode)
            print_ascii_cell(grey, file);
        else if (terminal->colour)
            print_coloured_cell(grey, file);
        else
            print_plain_cell(grey, file);
    }
    if (terminal->unicode && terminal->colour) fputs("\x1b[0m", file);
}

static bool has_caption(const lw_picture *pictures, size_t n, int line)
{
    for (size_t i = 0; i < n; i++)
        if (pictures[i].caption[line][0]) return true;
    return false;
}

static void print_captions(const lw_picture *pictures, size_t n, int line, FILE *file,
                           const lw_terminal *terminal)
{
    for (size_t i = 0; i < n; i++) {
        const char *caption = pictures[i].caption[line];
        lw_style style = line == 0 ? pictures[i].style : LW_STYLE_DIM;
        fprintf(file, "  %s%s%s", lw_style_begin(terminal, style), caption,
                lw_style_end(terminal, style));
        if (i + 1 < n) fprintf(file, "%*s", (int)(cells_wide - lw_text_columns(caption)), "");
    }
    fputc('\n', file);
}

static void print_row(const lw_picture *pictures, size_t n, FILE *file, const lw_terminal *terminal)
{
    point_grid grids[most_in_a_row];
    for (size_t i = 0; i < n; i++) sample_points(&pictures[i].image, &grids[i]);
    for (int row = 0; row < cells_high; row++) {
        for (size_t i = 0; i < n; i++) {
            fputs("  ", file);
            print_cells(&grids[i], row, file, terminal);
        }
        fputc('\n', file);
    }
    for (int line = 0; line < 2; line++)
        if (has_caption(pictures, n, line)) print_captions(pictures, n, line, file, terminal);
}

void lw_picture_caption(lw_picture *picture, int line, const char *text)
{
    lw_text_cut(picture->caption[line], sizeof picture->caption[line], text, cells_wide);
}

void lw_picture_print(const lw_picture *pictures, size_t n, FILE *file, const lw_terminal *terminal)
{
    size_t in_a_row = (size_t)terminal->columns / LW_PICTURE_COLUMNS;
    if (in_a_row > most_in_a_row) in_a_row = most_in_a_row;
    if (in_a_row == 0) in_a_row = 1;
    for (size_t i = 0; i < n; i += in_a_row) {
        if (i > 0) fputc('\n', file);
        print_row(pictures + i, n - i < in_a_row ? n - i : in_a_row, file, terminal);
    }
}
