// SPDX-License-Identifier: Apache-2.0
// Windows, and packing from them.
#include "conv/pictures.h"

#include <string.h>

// A stack of pictures that a matrix is read from: a lane for each output position of a chunk, a
// step of depth for each channel and tap.
typedef struct pictures {
    const float *base;        // what the first tap of the first channel sees at the first position
    int64_t channel, image;   // floats from one to the next
    int64_t lane_row, lane_column; // floats between neighbouring output rows and columns
    int64_t tap_row, tap_column;   // floats between neighbouring taps
    int32_t kh, kw;
    bool overrun; // LW_CONV_COPY_FLOATS may be read behind the last value
} pictures;

bool lw_conv_is_plain(const lw_conv_sizes *sizes)
{
    const lw_conv_shape *s = &sizes->shape;
    return sizes->taps == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_h == 0 &&
           s->pad_w == 0;
}

// Lanes of a panel that are evenly spaced in the pictures.
typedef struct lane_run {
    int32_t lane, count;
    int64_t offset;
} lane_run;

// Adds a run, or lengthens the one before when it goes on from there.
static int add_run(lane_run *runs, int n_runs, lane_run run, int64_t step)
{
    lane_run *before = n_runs ? &runs[n_runs - 1] : NULL;
    if (before && before->offset + before->count * step == run.offset) {
        before->count += run.count;
        return n_runs;
    }
    runs[n_runs] = run;
    return n_runs + 1;
}

// Lists the runs behind `count` lanes from position `first` of the chunk on; returns their number.
static int list_runs(const pictures *p, const lw_conv_chunk *chunk, int64_t first,
                     int64_t count, lane_run runs[LW_CONV_MAX_PANEL])
{
    const int64_t columns = chunk->at.columns, map = columns * chunk->at.rows;
    int n_runs = 0;
    for (int64_t lane = 0; lane < count;) {
        int64_t image = (first + lane) / map, within = (first + lane) % map;
        int64_t row = within / columns, column = within % columns;
        int64_t length = lw_conv_smaller(columns - column, count - lane);
        lane_run run = {(int32_t)lane, (int32_t)length,
                        image * p->image + row * p->lane_row + column * p->lane_column};
        n_runs = add_run(runs, n_runs, run, p->lane_column);
        lane += length;
    }
    return n_runs;
}

// Cuts runs into blocks of at most LW_CONV_COPY_FLOATS lanes; returns their number.
static int cut_into_blocks(const lane_run *runs, int n_runs, lane_run blocks[LW_CONV_MAX_PANEL])
{
    int n_blocks = 0;
    for (int i = 0; i < n_runs; i++)
        for (int32_t l = 0; l < runs[i].count; l += LW_CONV_COPY_FLOATS)
            blocks[n_blocks++] = (lane_run){runs[i].lane + l, LW_CONV_COPY_FLOATS,
                                            runs[i].offset + l};
    return n_blocks;
}

// Copies one step of depth, run by run.
static void copy_runs(const lane_run *runs, int n_runs, const float *from, int64_t step, float *to)
{
    for (int i = 0; i < n_runs; i++) {
        const float *source = from + runs[i].offset;
        float *lane = to + runs[i].lane;
        if (step == 1)
            memcpy(lane, source, (size_t)runs[i].count * sizeof *lane);
        else
            for (int32_t l = 0; l < runs[i].count; l++) lane[l] = source[l * step];
    }
}

// Copies one step of depth in whole blocks, which takes a fraction of the time of short runs. What
// they write too much is overwritten by the next block or the next step of depth.
static void copy_blocks(const lane_run *blocks, int n_blocks, const float *from, float *to)
{
    for (int i = 0; i < n_blocks; i++)
        memcpy(to + blocks[i].lane, from + blocks[i].offset, LW_CONV_COPY_FLOATS * sizeof *to);
}

// Packs steps [begin, end) of depth, in the order channel, kh, kw, for every position of the chunk.
static void pack(const pictures *p, const lw_conv_chunk *chunk, int64_t begin, int64_t end,
                 int64_t width, float *panels)
{
    const int64_t taps = (int64_t)p->kh * p->kw;
    const bool in_blocks = p->lane_column == 1 && p->overrun;
    lane_run runs[LW_CONV_MAX_PANEL], blocks[LW_CONV_MAX_PANEL];
    for (int64_t lane = 0; lane < chunk->positions; lane += width) {
        int64_t lanes = lw_conv_smaller(width, chunk->positions - lane);
        int n_runs = list_runs(p, chunk, lane, lanes, runs);
        int n_blocks = in_blocks ? cut_into_blocks(runs, n_runs, blocks) : 0;
        int64_t channel = begin / taps;
        int32_t kh = (int32_t)(begin % taps / p->kw), kw = (int32_t)(begin % taps % p->kw);
        float *to = panels + lane * (end - begin);
        for (int64_t d = begin; d < end; d++, to += width) {
            const float *tap =
                p->base + channel * p->channel + kh * p->tap_row + kw * p->tap_column;
            if (in_blocks)
                copy_blocks(blocks, n_blocks, tap, to);
            else
                copy_runs(runs, n_runs, tap, p->lane_column, to);
            if (++kw < p->kw) continue;
            kw = 0;
            if (++kh < p->kh) continue;
            kh = 0;
            channel++;
        }
    }
}

// Pixels of input that `out` neighbouring outputs see along one axis.
static int64_t input_span(int64_t out, int32_t stride, int32_t kernel, int32_t dilation)
{
    return (out - 1) * stride + (int64_t)(kernel - 1) * dilation + 1;
}

size_t lw_conv_book_window(lw_conv_booking *booking, const lw_conv_chunking *chunking,
                           int64_t depth)
{
    const lw_conv_shape *s = &chunking->sizes->shape;
    if (lw_conv_is_plain(chunking->sizes)) return 0;
    // Rows of the unfolded picture may start and end within a channel.
    int64_t channels = lw_conv_smaller(s->ic, (depth - 1) / chunking->sizes->taps + 2);
    int64_t rows = input_span(chunking->rows, s->stride_h, s->kh, s->dilation_h);
    int64_t columns = input_span(chunking->columns, s->stride_w, s->kw, s->dilation_w);
    return lw_conv_book_thread(booking, channels * chunking->images,
                               rows * columns + LW_CONV_COPY_FLOATS);
}

// Copies what a window of one plane sees of the input; the rest of it is padding and zero already.
static void fill_plane(const lw_conv_shape *s, const float *plane, int64_t ih, int64_t iw,
                       int64_t rows, int64_t columns, float *window)
{
    const int64_t first = ih < 0 ? -ih : 0, last = lw_conv_smaller(rows, s->ih - ih);
    const int64_t left = iw < 0 ? -iw : 0, right = lw_conv_smaller(columns, s->iw - iw);
    if (left >= right) return;
    for (int64_t r = first; r < last; r++)
        memcpy(window + r * columns + left, plane + (ih + r) * s->iw + iw + left,
               (size_t)(right - left) * sizeof *window);
}

// Copies what a chunk sees of channels [channel, channel + channels) into the window.
static pictures fill_window(const lw_conv_sizes *sizes, const lw_conv_chunk *chunk, const float *x,
                            int64_t channel, int64_t channels, float *window)
{
    const lw_conv_shape *s = &sizes->shape;
    const int64_t rows = input_span(chunk->at.rows, s->stride_h, s->kh, s->dilation_h);
    const int64_t columns = input_span(chunk->at.columns, s->stride_w, s->kw, s->dilation_w);
    const int64_t ih = (int64_t)chunk->at.oh * s->stride_h - s->pad_h;
    const int64_t iw = (int64_t)chunk->at.ow * s->stride_w - s->pad_w;
    if (ih < 0 || iw < 0 || ih + rows > s->ih || iw + columns > s->iw)
        memset(window, 0, (size_t)(channels * chunk->images * rows * columns) * sizeof *window);
    float *plane = window;
    for (int64_t c = channel; c < channel + channels; c++)
        for (int64_t n = chunk->n; n < chunk->n + chunk->images; n++, plane += rows * columns)
            fill_plane(s, x + (n * s->ic + c) * lw_conv_input_plane(s), ih, iw, rows, columns,
                       plane);
    return (pictures){
        .base = window, .image = rows * columns, .channel = chunk->images * rows * columns,
        .lane_row = s->stride_h * columns, .lane_column = s->stride_w,
        .tap_row = s->dilation_h * columns, .tap_column = s->dilation_w,
        .kh = s->kh, .kw = s->kw, .overrun = true};
}

void lw_conv_pack_unfolded(const lw_conv_sizes *sizes, const lw_conv_chunk *chunk, const float *x,
                           int64_t begin, int64_t end, int64_t width, float *window,
                           float *panels)
{
    const lw_conv_shape *s = &sizes->shape;
    if (lw_conv_is_plain(sizes)) {
        const int64_t plane = lw_conv_input_plane(s);
        pictures from = {
            .base = x + chunk->n * s->ic * plane + (int64_t)chunk->at.oh * s->iw + chunk->at.ow,
            .image = s->ic * plane, .channel = plane, .lane_row = s->iw, .lane_column = 1,
            .kh = 1, .kw = 1, .overrun = false};
        pack(&from, chunk, begin, end, width, panels);
        return;
    }
    const int64_t channel = begin / sizes->taps, channels = (end - 1) / sizes->taps + 1 - channel;
    pictures from = fill_window(sizes, chunk, x, channel, channels, window);
    pack(&from, chunk, begin - channel * sizes->taps, end - channel * sizes->taps, width,
         panels);
}

void lw_conv_pack_maps(const lw_conv_sizes *sizes, const lw_conv_chunk *chunk, const float *maps,
                       int64_t begin, int64_t end, int64_t width, float *panels)
{
    const int64_t map = sizes->positions, oc = sizes->shape.oc;
    pictures from = {
        .base = maps + chunk->n * oc * map + (int64_t)chunk->at.oh * sizes->ow + chunk->at.ow,
        .image = oc * map, .channel = map, .lane_row = sizes->ow, .lane_column = 1,
        .kh = 1, .kw = 1, .overrun = false};
    pack(&from, chunk, begin, end, width, panels);
}
