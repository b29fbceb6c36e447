// SPDX-License-Identifier: Apache-2.0
// The built-in digits: a data set that needs no file. A hand's strokes are bent, slanted, turned,
// scaled and shifted by chance and drawn with a pen of chance width on slightly noisy paper.
#include "data/dataset.h"
#include "data/digits_internal.h"

#include "base/error.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { lattice = 5, most_images = 10000000, least_side = 8, most_side = 1024 };

// Everything chance decides about one drawing, in shares of the image's side, so that the same
// drawing comes out at any resolution.
typedef struct hand {
    int32_t digit;
    lw_glyph_point points[LW_GLYPH_MOST_POINTS]; // centred: -0.5 .. 0.5
    float pressure[LW_GLYPH_MOST_POINTS];        // times the radius
    float bend[2][lattice][lattice];             // displacement of a coarse grid over the digit
    float matrix[2][2], shift[2];
    float radius, edge; // of the pen
    float darkness;     // of the ink; above 1 it saturates
    float noise;        // standard deviation, 1 is white
} hand;

// Uniform in low .. high.
static float draw_between(lw_rng *rng, float low, float high)
{
    return low + (high - low) * lw_rng_uniform(rng);
}

// Turn, slant, width and size as one matrix. The ranges are what people do: more right slant than
// left.
static void draw_matrix(lw_rng *rng, hand *drawn)
{
    float height = draw_between(rng, 0.56f, 0.73f);
    float width = height * draw_between(rng, 0.78f, 1.18f);
    float slant = draw_between(rng, -0.15f, 0.4f);
    float angle = draw_between(rng, -0.2f, 0.2f);
    float c = cosf(angle), s = sinf(angle);
    drawn->matrix[0][0] = c * width;
    drawn->matrix[0][1] = -c * slant * height - s * height;
    drawn->matrix[1][0] = s * width;
    drawn->matrix[1][1] = -s * slant * height + c * height;
    drawn->shift[0] = draw_between(rng, -0.06f, 0.06f);
    drawn->shift[1] = draw_between(rng, -0.06f, 0.06f);
}

// All decisions, in a fixed order: the order is part of what (seed, index) means, so new decisions
// go to the end.
static void draw_hand(lw_rng *rng, hand *drawn)
{
    drawn->digit = (int32_t)lw_rng_below(rng, 10);
    uint32_t n_hands = (uint32_t)lw_glyph_count(drawn->digit);
    const lw_glyph *glyph = lw_glyph_get(drawn->digit, (int32_t)lw_rng_below(rng, n_hands));
    for (int32_t i = 0; i < LW_GLYPH_MOST_POINTS; i++) {
        const lw_glyph_point *point = &glyph->points[i];
        drawn->points[i].pen = point->pen;
        if (point->pen == LW_PEN_END) break;
        // No hand hits the same place twice.
        drawn->points[i].x = 0.01f * (point->x - 50.0f) + 0.024f * (float)lw_rng_normal(rng);
        drawn->points[i].y = 0.01f * (point->y - 50.0f) + 0.024f * (float)lw_rng_normal(rng);
        drawn->pressure[i] = draw_between(rng, 0.8f, 1.2f);
    }
    for (int axis = 0; axis < 2; axis++)
        for (int i = 0; i < lattice; i++)
            for (int j = 0; j < lattice; j++)
                drawn->bend[axis][i][j] = 0.12f * (float)lw_rng_normal(rng);
    draw_matrix(rng, drawn);
    drawn->radius = draw_between(rng, 0.028f, 0.066f);
    drawn->edge = draw_between(rng, 0.035f, 0.065f);
    drawn->darkness = draw_between(rng, 0.85f, 1.2f);
    float noise = draw_between(rng, -0.08f, 0.08f);
    drawn->noise = noise > 0.0f ? noise : 0.0f; // half of the papers are clean
}

// The four weights of a cubic B-spline at `t` between the second and the third node.
static void spline_weights(float t, float weights[4])
{
    float rest = 1.0f - t;
    weights[0] = rest * rest * rest / 6.0f;
    weights[1] = (3.0f * t * t * t - 6.0f * t * t + 4.0f) / 6.0f;
    weights[2] = (3.0f * rest * rest * rest - 6.0f * rest * rest + 4.0f) / 6.0f;
    weights[3] = t * t * t / 6.0f;
}

// The piece of the lattice that `u` (-0.6 .. 0.6 and what jitter adds) lies in, and where in it.
static int find_piece(float u, float *t)
{
    const int pieces = lattice - 3;
    float at = (u + 0.6f) / 1.2f * (float)pieces;
    at = at < 0.0f ? 0.0f : at > (float)pieces ? (float)pieces : at;
    int piece = (int)at < pieces ? (int)at : pieces - 1;
    *t = at - (float)piece;
    return piece;
}

// A smooth displacement: neighbouring points move alike, so strokes stay whole and joints joined.
static void bend_point(const hand *drawn, float *x, float *y)
{
    float tx, ty, wx[4], wy[4], moved[2] = {0.0f, 0.0f};
    int px = find_piece(*x, &tx), py = find_piece(*y, &ty);
    spline_weights(tx, wx);
    spline_weights(ty, wy);
    for (int axis = 0; axis < 2; axis++)
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                moved[axis] += wy[i] * wx[j] * drawn->bend[axis][py + i][px + j];
    *x += moved[0];
    *y += moved[1];
}

// A point of the glyph on the paper: bent first (in the digit's own frame, so the bend turns and
// scales with it), then through the matrix.
static lw_nib place_nib(const hand *drawn, int32_t i, float side)
{
    float x = drawn->points[i].x, y = drawn->points[i].y;
    bend_point(drawn, &x, &y);
    return (lw_nib){
        .x = side * (0.5f + drawn->shift[0] + drawn->matrix[0][0] * x + drawn->matrix[0][1] * y),
        .y = side * (0.5f + drawn->shift[1] + drawn->matrix[1][0] * x + drawn->matrix[1][1] * y),
        .radius = side * drawn->radius * drawn->pressure[i]};
}

// Cuts the list of points into strokes and draws them.
static void draw_strokes(const hand *drawn, lw_paper *paper)
{
    float side = (float)paper->side;
    // Never sharper than a pixel: that is the anti-aliasing.
    paper->edge = side * drawn->edge > 1.0f ? side * drawn->edge : 1.0f;
    memset(paper->ink, 0, (size_t)paper->side * (size_t)paper->side * sizeof *paper->ink);
    int32_t i = 0;
    while (drawn->points[i].pen != LW_PEN_END) {
        lw_nib stroke[LW_GLYPH_MOST_POINTS];
        bool corner[LW_GLYPH_MOST_POINTS];
        int32_t n = 0;
        do {
            stroke[n] = place_nib(drawn, i, side);
            corner[n++] = drawn->points[i++].pen == LW_PEN_CORNER;
        } while (drawn->points[i].pen == LW_PEN_SMOOTH || drawn->points[i].pen == LW_PEN_CORNER);
        lw_pen_draw_stroke(paper, stroke, corner, n);
    }
}

// Nearly normal noise from one draw: the sum of four bytes has mean 510 and deviation 147.8.
static float draw_noise(lw_rng *rng)
{
    uint32_t bits = lw_rng_u32(rng);
    uint32_t sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
    return ((float)sum - 510.0f) * (1.0f / 147.8f);
}

// Ink to bytes. The noise is drawn last, pixel by pixel, so it does not disturb the geometry's
// draws.
static void develop(lw_rng *rng, const hand *drawn, const lw_paper *paper, uint8_t *pixels)
{
    size_t count = (size_t)paper->side * (size_t)paper->side;
    for (size_t i = 0; i < count; i++) {
        float value = drawn->darkness * paper->ink[i];
        if (value > 1.0f) value = 1.0f;
        if (drawn->noise > 0.0f) value += drawn->noise * draw_noise(rng);
        value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
        pixels[i] = (uint8_t)(255.0f * value + 0.5f);
    }
}

// Bounds that keep all sizes far from overflow and catch a slip before gigabytes are drawn.
static lw_status check_options(const char *name, const lw_digits_options *options)
{
    if (options->count < 1 || options->count > most_images)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected 1 .. %d digits, got %zu", name,
                       (int)most_images, options->count);
    if (options->side < least_side || options->side > most_side)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data set %s: expected digits of %d .. %d pixels a side, got %d", name,
                       (int)least_side, (int)most_side, (int)options->side);
    if (options->stream >= 1u << 24)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected a stream below 16777216, got %u",
                       name, options->stream);
    return LW_OK;
}

lw_status lw_dataset_create_digits(lw_dataset **dataset, const char *name,
                                   const lw_digits_options *options)
{
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create_digits: dataset is NULL");
    *dataset = NULL;
    if (!name || !options)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create_digits: name or options is NULL");
    LW_TRY(check_options(name, options));
    // Within the checked ranges this is below 2^44.
    size_t image_bytes = (size_t)options->side * (size_t)options->side;
    lw_paper paper = {.ink = malloc(image_bytes * sizeof *paper.ink), .side = options->side};
    lw_dataset_parts parts = {.pixels = malloc(options->count * image_bytes),
                              .labels = malloc(options->count * sizeof *parts.labels),
                              .count = options->count,
                              .channels = 1,
                              .height = options->side,
                              .width = options->side,
                              .classes = 10};
    if (!paper.ink || !parts.pixels || !parts.labels) {
        free(paper.ink);
        free(parts.pixels);
        free(parts.labels);
        return lw_fail(LW_ERROR_MEMORY, "data set %s: no memory for %zu digits", name,
                       options->count);
    }
    for (size_t i = 0; i < options->count; i++) {
        lw_rng rng =
            lw_rng_stream(options->seed, LW_RNG_DIGITS, options->stream, options->first + i);
        hand drawn;
        draw_hand(&rng, &drawn);
        draw_strokes(&drawn, &paper);
        develop(&rng, &drawn, &paper, parts.pixels + i * image_bytes);
        parts.labels[i] = drawn.digit;
    }
    free(paper.ink);
    return lw_dataset_adopt(dataset, name, &parts);
}
