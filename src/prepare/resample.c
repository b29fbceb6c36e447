// SPDX-License-Identifier: Apache-2.0
#include "prepare/resample.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

// Weights have 22 fraction bits: 255 of the largest still fit an int32_t, with room for the sum's
// rounding.
enum { weight_bits = 22 };

// How the outputs along one axis are made: output i is the sum of weights[i * most + k] times input
// first[i] + k, k < counts[i].
typedef struct axis {
    int32_t outputs, most;
    int32_t *first, *counts, *weights; // in the scratch
} axis;

static double filter_support(lw_resize_filter filter)
{
    return filter == LW_RESIZE_AREA ? 0.5 : 1.0;
}

static double filter_value(lw_resize_filter filter, double x)
{
    if (filter == LW_RESIZE_AREA) return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

// The width of the filter over the inputs: one output's, at least one input's.
static double filter_stretch(int32_t in, int32_t out)
{
    double scale = (double)in / out;
    return scale < 1.0 ? 1.0 : scale;
}

static int32_t most_inputs(int32_t in, int32_t out, lw_resize_filter filter)
{
    return (int32_t)ceil(filter_support(filter) * filter_stretch(in, out)) * 2 + 1;
}

static size_t axis_ints(int32_t in, int32_t out, lw_resize_filter filter)
{
    return (size_t)out * (size_t)(2 + most_inputs(in, out, filter));
}

// The inputs within the filter's support around the centre of output i, and their weights, which add
// up to one.
static void weigh(axis *a, int32_t i, int32_t in, lw_resize_filter filter)
{
    const double stretch = filter_stretch(in, a->outputs);
    const double centre = (i + 0.5) * in / a->outputs;
    const double support = filter_support(filter) * stretch;
    int32_t first = (int32_t)floor(centre - support + 0.5);
    int32_t last = (int32_t)floor(centre + support + 0.5); // behind the last one
    if (first < 0) first = 0;
    if (last > in) last = in;
    double sum = 0.0;
    for (int32_t k = first; k < last; k++)
        sum += filter_value(filter, (k - centre + 0.5) / stretch);
    a->first[i] = first;
    a->counts[i] = last - first;
    for (int32_t k = first; k < last; k++) {
        double weight = filter_value(filter, (k - centre + 0.5) / stretch) / sum;
        a->weights[(size_t)i * (size_t)a->most + (size_t)(k - first)] =
            (int32_t)lround(ldexp(weight, weight_bits));
    }
}

static axis make_axis(int32_t **scratch, int32_t in, int32_t out, lw_resize_filter filter)
{
    axis a = {.outputs = out, .most = most_inputs(in, out, filter)};
    a.first = *scratch;
    a.counts = a.first + out;
    a.weights = a.counts + out;
    *scratch += axis_ints(in, out, filter);
    for (int32_t i = 0; i < out; i++) weigh(&a, i, in, filter);
    return a;
}

static uint8_t round_sum(int32_t sum)
{
    // Rounded weights may add up to a little more than one.
    sum = (sum + (1 << (weight_bits - 1))) >> weight_bits;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void resample_row(const axis *a, const uint8_t *from, int32_t channels, uint8_t *to)
{
    for (int32_t i = 0; i < a->outputs; i++) {
        const int32_t *weights = a->weights + (size_t)i * (size_t)a->most;
        const uint8_t *first = from + (size_t)a->first[i] * (size_t)channels;
        for (int32_t c = 0; c < channels; c++) {
            int32_t sum = 0;
            for (int32_t k = 0; k < a->counts[i]; k++)
                sum += weights[k] * first[(size_t)k * (size_t)channels + (size_t)c];
            *to++ = round_sum(sum);
        }
    }
}

// One output row from the rows under it; `sums` has a place for each byte of a row.
static void resample_column(const axis *a, int32_t i, const uint8_t *rows, size_t row_bytes,
                            int32_t *sums, uint8_t *to)
{
    memset(sums, 0, row_bytes * sizeof *sums);
    for (int32_t k = 0; k < a->counts[i]; k++) {
        const int32_t weight = a->weights[(size_t)i * (size_t)a->most + (size_t)k];
        const uint8_t *row = rows + (size_t)(a->first[i] + k) * row_bytes;
        for (size_t x = 0; x < row_bytes; x++) sums[x] += weight * row[x];
    }
    for (size_t x = 0; x < row_bytes; x++) to[x] = round_sum(sums[x]);
}

size_t lw_resample_scratch_bytes(const lw_resampling *r)
{
    // Sides and channels are bounded, so nothing overflows 64 bits.
    const size_t row = (size_t)r->to_width * (size_t)r->channels;
    const size_t ints = axis_ints(r->width, r->to_width, r->filter) +
                        axis_ints(r->height, r->to_height, r->filter) + row;
    return ints * sizeof(int32_t) + (size_t)r->height * row;
}

void lw_resample(const lw_resampling *r, const uint8_t *from, void *scratch, uint8_t *to)
{
    int32_t *ints = scratch;
    const axis across = make_axis(&ints, r->width, r->to_width, r->filter);
    const axis down = make_axis(&ints, r->height, r->to_height, r->filter);
    const size_t row_bytes = (size_t)r->to_width * (size_t)r->channels;
    int32_t *sums = ints;
    uint8_t *rows = (uint8_t *)(sums + row_bytes);
    const size_t from_row = (size_t)r->width * (size_t)r->channels;
    for (int32_t y = 0; y < r->height; y++)
        resample_row(&across, from + (size_t)y * from_row, r->channels,
                     rows + (size_t)y * row_bytes);
    for (int32_t y = 0; y < r->to_height; y++)
        resample_column(&down, y, rows, row_bytes, sums, to + (size_t)y * row_bytes);
}

void lw_crop(const uint8_t *from, int32_t height, int32_t width, int32_t channels, int32_t top,
             int32_t left, uint8_t *to, int32_t to_height, int32_t to_width, uint8_t fill)
{
    const size_t to_row = (size_t)to_width * (size_t)channels;
    const int32_t begin = left < 0 ? -left : 0; // the columns of the window that the image has
    const int32_t end = left + to_width > width ? width - left : to_width;
    for (int32_t y = 0; y < to_height; y++, to += to_row) {
        const int32_t row = top + y;
        const bool inside = row >= 0 && row < height && begin < end;
        if (!inside || begin > 0 || end < to_width) memset(to, fill, to_row);
        if (!inside) continue;
        const size_t at = ((size_t)row * (size_t)width + (size_t)(left + begin)) * (size_t)channels;
        memcpy(to + (size_t)begin * (size_t)channels, from + at,
               (size_t)(end - begin) * (size_t)channels);
    }
}
