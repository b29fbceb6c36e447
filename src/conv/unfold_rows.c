// SPDX-License-Identifier: Apache-2.0
// Rows of the unfolded picture, copied run by run: along an output row the pixels under one tap are
// a stride apart, and only the ends of the row can fall on padding.
#include "conv/unfold_rows.h"

#include <stdbool.h>
#include <string.h>

// The outputs along one axis of a rectangle whose tap falls inside the input: [begin, end), the
// first of them seeing input row or column `in`.
typedef struct tap_run {
    int32_t begin, end;
    int64_t in;
} tap_run;

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

// Output c of `count` sees input first + c * stride, of which there are `inputs`.
static tap_run find_run(int64_t first, int64_t stride, int32_t inputs, int32_t count)
{
    int64_t begin = first >= 0 ? 0 : (-first + stride - 1) / stride;
    int64_t end = first >= inputs ? 0 : (inputs - 1 - first) / stride + 1;
    tap_run run;
    run.begin = (int32_t)clamp(begin, 0, count);
    run.end = (int32_t)clamp(end, run.begin, count);
    run.in = first + run.begin * stride;
    return run;
}

static tap_run find_rows(const lw_conv_shape *s, int32_t kh, const lw_conv_rectangle *at)
{
    int64_t first = (int64_t)at->oh * s->stride_h + (int64_t)kh * s->dilation_h - s->pad_h;
    return find_run(first, s->stride_h, s->ih, at->rows);
}

static tap_run find_columns(const lw_conv_shape *s, int32_t kw, const lw_conv_rectangle *at)
{
    int64_t first = (int64_t)at->ow * s->stride_w + (int64_t)kw * s->dilation_w - s->pad_w;
    return find_run(first, s->stride_w, s->iw, at->columns);
}

// Where in its plane the first pixel stands that row r of the rectangle sees.
static int64_t pixel_at(const lw_conv_shape *s, const tap_run *rows, int32_t r,
                        const tap_run *columns)
{
    return (rows->in + (int64_t)(r - rows->begin) * s->stride_h) * s->iw + columns->in;
}

// A call of memcpy takes longer than what most runs hold, hence blocks of fixed size where they may
// run over the end.
static void copy_run(float *restrict to, const float *restrict from, int64_t count, bool overrun)
{
    if (overrun)
        for (int64_t i = 0; i < count; i += LW_CONV_COPY_FLOATS)
            memcpy(to + i, from + i, LW_CONV_COPY_FLOATS * sizeof *to);
    else
        memcpy(to, from, (size_t)count * sizeof *to);
}

void lw_conv_unfold_row(const lw_conv_sizes *sizes, const float *plane, const float *plane_end,
                        int32_t kh, int32_t kw, const lw_conv_rectangle *at, float *row,
                        const float *row_end)
{
    const lw_conv_shape *s = &sizes->shape;
    const tap_run rows = find_rows(s, kh, at), columns = find_columns(s, kw, at);
    const int32_t length = columns.end - columns.begin;
    for (int32_t r = 0; r < at->rows; r++, row += at->columns) {
        if (r < rows.begin || r >= rows.end || length == 0) {
            memset(row, 0, (size_t)at->columns * sizeof *row);
            continue;
        }
        const float *from = plane + pixel_at(s, &rows, r, &columns);
        float *to = row + columns.begin;
        for (int32_t c = 0; c < columns.begin; c++) row[c] = 0.0f;
        if (s->stride_w == 1) {
            const int64_t room = length + LW_CONV_COPY_FLOATS - 1; // no block runs over by more
            copy_run(to, from, length, row_end - to >= room && plane_end - from >= room);
        } else {
            for (int32_t c = 0; c < length; c++) to[c] = from[(int64_t)c * s->stride_w];
        }
        for (int32_t c = columns.end; c < at->columns; c++) row[c] = 0.0f;
    }
}

// Neither array is part of the other: without that promise every run would be checked for it.
static void add_run(float *restrict to, const float *restrict from, int32_t count, int64_t step)
{
    if (step == 1)
        for (int32_t c = 0; c < count; c++) to[c] += from[c];
    else
        for (int32_t c = 0; c < count; c++) to[c * step] += from[c];
}

void lw_conv_fold_row(const lw_conv_sizes *sizes, float *plane, int32_t kh, int32_t kw,
                      const lw_conv_rectangle *at, const float *row)
{
    const lw_conv_shape *s = &sizes->shape;
    const tap_run rows = find_rows(s, kh, at), columns = find_columns(s, kw, at);
    const int32_t length = columns.end - columns.begin;
    if (length == 0) return;
    for (int32_t r = rows.begin; r < rows.end; r++)
        add_run(plane + pixel_at(s, &rows, r, &columns),
                row + (int64_t)r * at->columns + columns.begin, length, s->stride_w);
}

double lw_conv_estimate_rows(const lw_conv_sizes *sizes, double row_cycles)
{
    const double rows = (double)sizes->shape.n * sizes->oh * (double)sizes->depth;
    double gathered = sizes->shape.stride_w > 1 ? 1.1 * sizes->ow : 0.0;
    // With a single tap nothing of a line is used a second time: what is passed over was fetched too.
    if (sizes->taps == 1) gathered += 0.4 * (sizes->shape.stride_w - 1) * sizes->ow;
    return rows * (row_cycles + gathered);
}
