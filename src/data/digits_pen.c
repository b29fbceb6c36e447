// SPDX-License-Identifier: Apache-2.0
// The pen: smooth strokes through given points, and ink by the distance of a pixel's middle to
// them.
#include "data/digits_internal.h"

#include <math.h>

static float clamp_unit(float value)
{
    return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static float smaller(float a, float b)
{
    return a < b ? a : b;
}

// First and last pixel whose middle may lie within low .. high, cut to the paper.
static int32_t first_pixel(float low)
{
    return low < 0.5f ? 0 : (int32_t)(low - 0.5f);
}

static int32_t last_pixel(float high, int32_t side)
{
    if (high < 0.0f) return -1;
    return high >= (float)side ? side - 1 : (int32_t)high;
}

void lw_pen_draw(lw_paper *paper, lw_nib from, lw_nib to)
{
    float dx = to.x - from.x, dy = to.y - from.y;
    float length_squared = dx * dx + dy * dy;
    float scale = length_squared > 1e-12f ? 1.0f / length_squared : 0.0f;
    float half_edge = 0.5f * paper->edge, fade = 1.0f / paper->edge;
    float reach = larger(from.radius, to.radius) + half_edge;
    float reach_squared = reach * reach;

    // Only the box around the piece can get ink: some 50 pixels, not the whole paper.
    int32_t x_begin = first_pixel(smaller(from.x, to.x) - reach);
    int32_t x_end = last_pixel(larger(from.x, to.x) + reach, paper->side);
    int32_t y_begin = first_pixel(smaller(from.y, to.y) - reach);
    int32_t y_end = last_pixel(larger(from.y, to.y) + reach, paper->side);
    for (int32_t y = y_begin; y <= y_end; y++) {
        float *row = paper->ink + (int64_t)y * paper->side;
        float py = (float)y + 0.5f - from.y;
        for (int32_t x = x_begin; x <= x_end; x++) {
            float px = (float)x + 0.5f - from.x;
            // The nearest point of the piece is at share t of its length.
            float t = clamp_unit((px * dx + py * dy) * scale);
            float ox = px - t * dx, oy = py - t * dy;
            float distance_squared = ox * ox + oy * oy;
            if (distance_squared >= reach_squared) continue;
            float radius = from.radius + t * (to.radius - from.radius);
            float ink = clamp_unit((radius + half_edge - sqrtf(distance_squared)) * fade);
            if (ink > row[x]) row[x] = ink;
        }
    }
}

// Between two places of the nib; the radius does not count.
static float distance(lw_nib a, lw_nib b)
{
    return sqrtf((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y));
}

// The direction of the curve at `at`, for a piece that `step` is the duration of: Catmull-Rom with
// centripetal durations (square roots of the distances), which neither overshoots nor makes knots
// where the points are spaced unevenly.
static void tangent(lw_nib before, lw_nib at, lw_nib next, float step, float *mx, float *my)
{
    float step_in = sqrtf(distance(before, at)) + 1e-3f;
    float step_out = sqrtf(distance(at, next)) + 1e-3f;
    float both = step_in + step_out;
    *mx = step *
          ((at.x - before.x) / step_in - (next.x - before.x) / both + (next.x - at.x) / step_out);
    *my = step *
          ((at.y - before.y) / step_in - (next.y - before.y) / both + (next.y - at.y) / step_out);
}

// The piece from points[i] to points[i + 1] as a cubic, in steps short enough to look round.
static void draw_span(lw_paper *paper, const lw_nib *points, const bool *corner, int32_t n,
                      int32_t i)
{
    lw_nib a = points[i], b = points[i + 1];
    float length = distance(a, b), step = sqrtf(length) + 1e-3f;
    bool smooth_a = i > 0 && !corner[i], smooth_b = i + 2 < n && !corner[i + 1];
    float ax = b.x - a.x, ay = b.y - a.y, bx = ax, by = ay;
    if (smooth_a) tangent(points[i - 1], a, b, step, &ax, &ay);
    if (smooth_b) tangent(a, b, points[i + 2], step, &bx, &by);
    // A free end or a corner takes the direction that makes the piece a parabola.
    if (smooth_b && !smooth_a) {
        ax = 1.5f * (b.x - a.x) - 0.5f * bx;
        ay = 1.5f * (b.y - a.y) - 0.5f * by;
    }
    if (smooth_a && !smooth_b) {
        bx = 1.5f * (b.x - a.x) - 0.5f * ax;
        by = 1.5f * (b.y - a.y) - 0.5f * ay;
    }
    int32_t pieces = 2 + (int32_t)(length / 2.0f);
    if (pieces > 32) pieces = 32;
    lw_nib last = a;
    for (int32_t k = 1; k <= pieces; k++) {
        float t = (float)k / (float)pieces, t2 = t * t, t3 = t2 * t;
        float of_a = 2.0f * t3 - 3.0f * t2 + 1.0f, of_b = 3.0f * t2 - 2.0f * t3;
        float of_ma = t3 - 2.0f * t2 + t, of_mb = t3 - t2;
        lw_nib here = {.x = of_a * a.x + of_b * b.x + of_ma * ax + of_mb * bx,
                       .y = of_a * a.y + of_b * b.y + of_ma * ay + of_mb * by,
                       .radius = a.radius + t * (b.radius - a.radius)};
        lw_pen_draw(paper, last, here);
        last = here;
    }
}

void lw_pen_draw_stroke(lw_paper *paper, const lw_nib *points, const bool *corner, int32_t n)
{
    for (int32_t i = 0; i + 1 < n; i++) draw_span(paper, points, corner, n, i);
}
