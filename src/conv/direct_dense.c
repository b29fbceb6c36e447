// SPDX-License-Identifier: Apache-2.0
// Direct convolution with the dense kernels. The weights are packed once an execution. Then each
// thread takes bands of rows (and, where there are too few, ranges of panels of out channels): what
// a band reads and writes stays in L2 while panel after panel passes over it.
#include "conv/direct_dense.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <stdio.h>
#include <string.h>

// Floats that a band reads and writes.
enum { band_floats = 65536 };

// Phases are planned and computed one by one.
enum { most_phases = 1024 };

// A band as the kernels see it.
typedef struct band_view {
    lw_conv_view view;
    lw_conv_map map; // the map from the band's first real row on
    int32_t row;     // that row
} band_view;

// The part of the in map that rows [first, last] are read from.
static band_view view_in(const lw_conv_dense *dense, int64_t first, int64_t last)
{
    const int32_t rows = dense->h.in;
    band_view b = {.map = *dense->in};
    b.row = (int32_t)(first < 0 ? 0 : lw_conv_smaller(first, rows));
    int64_t end = last + 1 < b.row ? b.row : lw_conv_smaller(last + 1, rows);
    int64_t left, right;
    lw_conv_axis_reads(&dense->w, 0, lw_conv_axis_count(&dense->w, 0), &left, &right);
    b.view = (lw_conv_view){.channels = dense->in_channels,
                            .height = (int32_t)(end - b.row),
                            .width = dense->w.in,
                            .top = (int32_t)(first < b.row ? b.row - first : 0),
                            .left = (int32_t)(left < 0 ? -left : 0),
                            .bottom = (int32_t)(last >= end ? last + 1 - end : 0),
                            .right = (int32_t)(right >= dense->w.in ? right + 1 - dense->w.in : 0),
                            .padded_channels = dense->few > 0};
    b.map.origin += b.row * b.map.row;
    lw_conv_view_layout(&b.view, &b.map, false);
    return b;
}

// Rows [begin, end) of the out map.
static band_view view_out(const lw_conv_dense *dense, int32_t begin, int32_t end)
{
    band_view b = {.map = *dense->out, .row = begin};
    b.view = (lw_conv_view){
        .channels = dense->out_channels, .height = end - begin, .width = dense->w.out};
    b.map.origin += begin * b.map.row;
    lw_conv_view_layout(&b.view, &b.map, true);
    // In scratch, whole blocks of channels: vectors do not cross cache lines.
    b.view.padded_channels = !b.view.in_place && dense->out_channels > LW_FIRST_CHANNELS;
    if (b.view.padded_channels) lw_conv_view_layout(&b.view, &b.map, true);
    return b;
}

// How many of the last out channels dense_few does in less time than a vector of them takes.
static int32_t choose_few(const lw_conv_dense *dense)
{
    const int32_t vector = dense->kernels->vector_floats, tail = dense->out_channels % vector;
    if (tail == 0 || tail > LW_DENSE_FEW || dense->in_channels <= LW_FIRST_CHANNELS) return 0;
    double phases = (double)lw_conv_axis_phases(&dense->h) * lw_conv_axis_phases(&dense->w);
    double taps = (double)dense->h.kernel * dense->w.kernel / phases; // of one
    double inputs = (double)lw_conv_round_up(dense->in_channels, LW_BLOCK) / vector;
    double few = taps * inputs * (tail + 1) / 2.0 + 6.0 * tail; // adding up lanes, scalar stores
    return few < taps * dense->in_channels / 2.0 ? tail : 0;
}

// Rows of a band: as many as stay in L2, and fewer where threads would have nothing to do.
static void choose_band(lw_conv_dense *dense)
{
    const int32_t steps = lw_conv_axis_count(&dense->h, 0);
    const int64_t in_row =
        (int64_t)lw_conv_axis_in_step(&dense->h) * dense->w.in * dense->in_channels;
    const int64_t out_row =
        (int64_t)lw_conv_axis_out_step(&dense->h) * dense->w.out * dense->out_channels;
    enum { pair = 2 }; // a tile has two rows
    int64_t rows = lw_conv_round_up(band_floats / (in_row + out_row) + 1, pair);
    rows = lw_conv_round_up(lw_conv_block_size(steps, rows), pair);
    const int64_t images = dense->problem->sizes.shape.n, threads = dense->problem->threads;
    for (; rows > pair; rows = lw_conv_round_up(rows / 2, pair)) {
        const int64_t units = images * ((steps + rows - 1) / rows);
        if (units >= 4 * threads || units % threads == 0) break;
    }
    dense->band = (int32_t)lw_conv_smaller(rows, steps);
    dense->bands = (steps - 1) / dense->band + 1;
}

static void book(lw_conv_dense *dense)
{
    lw_conv_booking *booking = &dense->booking;
    const lw_conv_sizes *sizes = &dense->problem->sizes;
    const int32_t vector = dense->kernels->vector_floats;
    dense->weights_at =
        lw_conv_book_shared(booking, lw_conv_dense_weights_floats(dense), sizes->taps);
    dense->bias_at = lw_conv_book_shared(booking, lw_conv_round_up(dense->out_channels, vector), 1);
    dense->runs_at = lw_conv_book_thread(booking, sizes->taps, sizeof(int64_t) / sizeof(float));

    int64_t first, last;
    lw_conv_axis_reads(&dense->h, 0, lw_conv_axis_count(&dense->h, 0), &first, &last);
    band_view in = view_in(dense, first, last);
    dense->in_place = in.view.in_place;
    const int64_t reach = (int64_t)dense->h.dilation * (dense->h.kernel - 1);
    lw_conv_axis_reads(&dense->h, 0, 1, &first, &last);
    int64_t in_rows = (dense->band - 1) * (int64_t)lw_conv_axis_in_step(&dense->h) + last - first +
                      1 + (dense->h.pad > reach ? dense->h.pad - reach : 0);
    if (!dense->in_place) dense->in_at = lw_conv_book_thread(booking, in_rows, in.view.row);

    band_view out = view_out(dense, 0, dense->h.out);
    dense->out_place = out.view.in_place;
    int64_t out_rows =
        lw_conv_smaller((int64_t)dense->band * lw_conv_axis_out_step(&dense->h), dense->h.out);
    if (!dense->out_place) dense->out_at = lw_conv_book_thread(booking, out_rows, out.view.row);
}

lw_conv_dense lw_conv_dense_plan(const lw_conv_problem *problem, bool backward)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    lw_conv_dense dense = {.problem = problem, .kernels = lw_kernels()};
    dense.h = (lw_conv_axis){.in = backward ? sizes->oh : s->ih,
                             .out = backward ? s->ih : sizes->oh,
                             .kernel = s->kh,
                             .stride = s->stride_h,
                             .dilation = s->dilation_h,
                             .pad = s->pad_h,
                             .backward = backward};
    dense.w = (lw_conv_axis){.in = backward ? sizes->ow : s->iw,
                             .out = backward ? s->iw : sizes->ow,
                             .kernel = s->kw,
                             .stride = s->stride_w,
                             .dilation = s->dilation_w,
                             .pad = s->pad_w,
                             .backward = backward};
    dense.in = backward ? &problem->y : &problem->x;
    dense.out = backward ? &problem->x : &problem->y;
    dense.in_channels = backward ? s->oc : s->ic;
    dense.out_channels = backward ? s->ic : s->oc;
    dense.few = choose_few(&dense);
    const int32_t width = dense.kernels->dense_channels, full = dense.out_channels - dense.few;
    dense.panels = (int32_t)(((int64_t)full + width - 1) / width) + (dense.few > 0);
    choose_band(&dense);
    book(&dense);
    return dense;
}

void lw_conv_dense_answer(const lw_conv_problem *problem, bool backward, lw_conv_answer *answer)
{
    if (!lw_conv_channels_fit(problem, answer)) return;
    lw_conv_dense dense = lw_conv_dense_plan(problem, backward);
    const int64_t phases = (int64_t)lw_conv_axis_phases(&dense.h) * lw_conv_axis_phases(&dense.w);
    if (phases > most_phases) {
        answer->possible = false;
        snprintf(answer->reason, sizeof answer->reason,
                 "its strides make %lld phases, at most %d are taken one by one", (long long)phases,
                 (int)most_phases);
        return;
    }
    lw_conv_answer_booking(&dense.booking, problem->threads, answer);
    answer->cycles = lw_conv_dense_cycles(&dense);
}

// The runs of a phase, relative to its first tap, which *start is the place of; taps that lie side
// by side make one run.
static void list_runs(const lw_conv_dense *dense, int32_t phase_h, int32_t phase_w, int64_t row,
                      int64_t pixel, int64_t channels, int64_t *runs, int64_t *start,
                      lw_dense_geometry *g)
{
    const int64_t rows = lw_conv_axis_taps(&dense->h, phase_h);
    const int64_t columns = lw_conv_axis_taps(&dense->w, phase_w);
    g->n_runs = 0;
    g->run_floats = channels;
    g->runs = runs;
    *start = 0;
    if (rows == 0 || columns == 0) return;
    int32_t place;
    int64_t h = 0, w = 0, first_w = 0, last_w = 0;
    for (int32_t j = 0, found = 0; j < dense->w.kernel; j++) {
        if (!lw_conv_axis_tap(&dense->w, phase_w, j, &place, &w)) continue;
        if (found++ == 0) first_w = w;
        last_w = w;
    }
    const bool together = pixel == channels && last_w - first_w == columns - 1;
    if (together) g->run_floats = columns * channels;
    for (int32_t i = 0; i < dense->h.kernel; i++) {
        if (!lw_conv_axis_tap(&dense->h, phase_h, i, &place, &h)) continue;
        for (int32_t j = 0; j < dense->w.kernel; j++) {
            if (!lw_conv_axis_tap(&dense->w, phase_w, j, &place, &w)) continue;
            const int64_t at = h * row + w * pixel;
            if (g->n_runs == 0) *start = at;
            runs[g->n_runs++] = at - *start;
            if (together) break;
        }
    }
}

// A map whose rows follow each other without a gap, on both sides, is one long row.
static void join_rows(lw_dense_geometry *g)
{
    const int64_t outputs = (int64_t)g->rows * g->columns;
    if (g->x_row_step != g->columns * g->x_pixel_step || g->y_row != g->columns * g->y_pixel ||
        outputs > INT32_MAX)
        return;
    g->columns = (int32_t)outputs;
    g->rows = 1;
}

// The taps of a phase along the rows, counted from its first: [first, last).
typedef struct tap_rows {
    int32_t first, last;
} tap_rows;

// Those that read pixels of the map, and not its halo, when step `i` of the rows is computed.
static tap_rows taps_inside(const lw_conv_axis *h, int32_t phase, int64_t i)
{
    tap_rows inside = {0, 0};
    int32_t place, taps = 0;
    int64_t offset;
    for (int32_t t = 0; t < h->kernel; t++) {
        if (!lw_conv_axis_tap(h, phase, t, &place, &offset)) continue;
        taps++;
        const int64_t row = i * lw_conv_axis_in_step(h) + offset;
        if (row < 0) inside.first = taps;
        if (row < h->in) inside.last = taps;
    }
    if (inside.last < inside.first) inside.last = inside.first;
    return inside;
}

// The end of the steps from `begin` on, at most `end`, that read the same taps. Most of a map reads
// all of them: with `begin` and a later step inside, so is everything between.
static int32_t same_taps(const lw_conv_axis *h, int32_t phase, int32_t begin, int32_t end,
                         tap_rows inside)
{
    int32_t low = begin, high = end; // low has the same taps, high has not or is the end
    for (int32_t step = 1; low + 1 < high;) {
        const int32_t at = low + step < high ? low + step : high - 1;
        const tap_rows there = taps_inside(h, phase, at);
        if (there.first == inside.first && there.last == inside.last) {
            low = at;
            step *= 2;
        } else {
            high = at;
            step = 1;
        }
    }
    return low + 1;
}

// What the kernel calls of a phase have in common.
typedef struct phase_call {
    const lw_conv_dense *dense;
    const lw_conv_panel *panel;
    int32_t phase_h;
    lw_dense_geometry g;
    const float *x, *weights, *bias; // of step 0 of the rows
    float *y;
} phase_call;

// Rows [begin, end): one call for all that read the same taps. What lies above or below the map is
// not multiplied, unless a call for these rows alone takes longer than that: one channel of input.
static void compute_rows(const phase_call *call, int32_t begin, int32_t end)
{
    enum { call_products = 256 }; // of vectors
    const lw_conv_axis *h = &call->dense->h;
    const int64_t all = lw_conv_axis_taps(h, call->phase_h);
    const int64_t runs = all > 0 ? call->g.n_runs / all : 0; // of a row of taps
    const int64_t weights =
        runs * call->g.run_floats *
        (call->panel->weights_floats / (call->panel->few
                                            ? lw_conv_round_up(call->dense->in_channels, LW_BLOCK)
                                            : call->dense->in_channels));
    const bool divide =
        call->g.columns * weights >= (int64_t)call_products * call->dense->kernels->vector_floats;
    while (begin < end) {
        tap_rows taps = {0, (int32_t)all};
        int32_t stop = end;
        if (divide) {
            taps = taps_inside(h, call->phase_h, begin);
            stop = same_taps(h, call->phase_h, begin, end, taps);
        }
        lw_dense_geometry g = call->g;
        g.rows = stop - begin;
        g.n_runs = (int32_t)((taps.last - taps.first) * runs);
        g.runs += taps.first * runs;
        const float *x = g.n_runs ? call->x + begin * g.x_row_step : call->x;
        float *y = call->y + begin * g.y_row;
        join_rows(&g);
        (call->panel->few ? call->dense->kernels->dense_few : call->dense->kernels->dense_forward)(
            &g, x, call->weights + taps.first * weights, call->bias, y);
        begin = stop;
    }
}

// Whether a panel's outputs go past the caches: there are more of them than a last-level cache holds, so
// nobody would find them there, and each line would be fetched before it is overwritten. 1x1 64->256 on
// 56x56, batch 16: 5 to 10 % faster.
static bool streams(const lw_conv_dense *dense, const lw_dense_geometry *g, const float *y)
{
    const int64_t last_level_floats = (32 << 20) / (int64_t)sizeof(float);
    return dense->problem->sizes.shape.n * dense->out->image >= last_level_floats &&
           g->oc == g->y_channels && g->oc % LW_BLOCK == 0 && g->y_row % LW_BLOCK == 0 &&
           g->y_pixel % LW_BLOCK == 0 && (uintptr_t)y % 64 == 0;
}

// One panel of a band: all phases. `x` and `y` are pixel (0, 0) of the views.
static void compute_panel(const lw_conv_dense_work *work, const lw_conv_panel *panel,
                          const band_view *in, const band_view *out, int32_t begin, int32_t end,
                          const float *x, float *y)
{
    const lw_conv_dense *dense = work->dense;
    const lw_conv_axis *h = &dense->h, *w = &dense->w;
    const int64_t weights_floats = lw_conv_dense_weights_floats(dense);
    const int64_t channels =
        panel->few ? lw_conv_round_up(dense->in_channels, LW_BLOCK) : dense->in_channels;
    const bool last = panel->first + panel->channels == dense->out_channels;
    phase_call call = {.dense = dense,
                       .panel = panel,
                       .bias = work->bias ? work->bias + panel->first : NULL,
                       .g = {.oc = panel->channels,
                             .y_channels = last && out->view.in_place
                                               ? dense->out->padded_channels - panel->first
                                               : panel->channels,
                             .x_row_step = lw_conv_axis_in_step(h) * in->view.row,
                             .x_pixel_step = lw_conv_axis_in_step(w) * in->view.pixel,
                             .y_row = lw_conv_axis_out_step(h) * out->view.row,
                             .y_pixel = lw_conv_axis_out_step(w) * out->view.pixel}};
    for (int32_t ph = 0; ph < lw_conv_axis_phases(h); ph++)
        for (int32_t pw = 0; pw < lw_conv_axis_phases(w); pw++) {
            int64_t start;
            list_runs(dense, ph, pw, in->view.row, in->view.pixel, channels, work->runs, &start,
                      &call.g);
            call.phase_h = ph;
            call.g.columns = lw_conv_axis_count(w, pw);
            call.weights = work->packed +
                           lw_conv_dense_taps_before(dense, ph, pw) * weights_floats +
                           lw_conv_dense_taps(dense, ph, pw) * panel->weights_at;
            call.x = x - in->row * in->view.row + start;
            call.y = y + (ph - out->row) * out->view.row + pw * out->view.pixel + panel->first;
            call.g.stream = out->view.in_place && streams(dense, &call.g, call.y);
            compute_rows(&call, begin, (int32_t)lw_conv_smaller(end, lw_conv_axis_count(h, ph)));
        }
}

void lw_conv_dense_band(const lw_conv_dense_work *work, int64_t n, int32_t band, int32_t panel,
                        int32_t panel_end)
{
    const lw_conv_dense *dense = work->dense;
    const lw_conv_axis *h = &dense->h;
    const int32_t begin = band * dense->band;
    const int32_t end =
        (int32_t)lw_conv_smaller((int64_t)begin + dense->band, lw_conv_axis_count(h, 0));
    int64_t first, last;
    lw_conv_axis_reads(h, begin, end, &first, &last);
    const band_view in = view_in(dense, first, last);
    const int64_t out_step = lw_conv_axis_out_step(h);
    const band_view out = view_out(dense, (int32_t)(begin * out_step),
                                   (int32_t)lw_conv_smaller(end * out_step, h->out));
    const float *x = lw_conv_view_read(&in.view, &in.map, work->in, n, work->in_scratch);
    float *y = lw_conv_view_target(&out.view, &out.map, work->out, n, work->out_scratch);
    for (int32_t p = panel; p < panel_end; p++) {
        const lw_conv_panel one = lw_conv_dense_panel(dense, p);
        compute_panel(work, &one, &in, &out, begin, end, x, y);
    }
    const int32_t channel = lw_conv_dense_panel(dense, panel).first;
    const lw_conv_panel final = lw_conv_dense_panel(dense, panel_end - 1);
    lw_conv_view_written(&out.view, &out.map, work->out_scratch, 0, out.view.height, channel,
                         final.first + final.channels - channel, work->out, n);
}

// ---- executions ---------------------------------------------------------------------------------

typedef struct dense_job {
    const lw_conv_dense *dense;
    const lw_conv_arrays *arrays;
    void *workspace;
} dense_job;

static void pack(void *context, int32_t thread, int32_t threads)
{
    const dense_job *job = context;
    const lw_conv_dense *dense = job->dense;
    const lw_conv_shape *s = &dense->problem->sizes.shape;
    const lw_conv_weights_order order = lw_conv_user_order(s->ic, s->kh, s->kw);
    lw_conv_dense_pack(dense, &order, job->arrays->weights,
                       lw_conv_shared_piece(job->workspace, dense->weights_at), thread, threads);
    if (thread > 0 || !job->arrays->bias) return;
    float *bias = lw_conv_shared_piece(job->workspace, dense->bias_at);
    const size_t real = (size_t)dense->out_channels;
    const size_t all = (size_t)lw_conv_round_up(dense->out_channels, dense->kernels->vector_floats);
    memcpy(bias, job->arrays->bias, real * sizeof *bias);
    memset(bias + real, 0, (all - real) * sizeof *bias);
}

static void compute(void *context, int32_t thread, int32_t threads)
{
    const dense_job *job = context;
    const lw_conv_dense *dense = job->dense;
    const bool backward = dense->h.backward;
    const lw_conv_booking *booking = &dense->booking;
    const lw_conv_dense_work work = {
        .dense = dense,
        .in = backward ? job->arrays->dy : job->arrays->x,
        .out = backward ? job->arrays->dx : job->arrays->y,
        .packed = lw_conv_shared_piece(job->workspace, dense->weights_at),
        .bias = job->arrays->bias ? lw_conv_shared_piece(job->workspace, dense->bias_at) : NULL,
        .runs = (void *)lw_conv_thread_piece(booking, job->workspace, thread, dense->runs_at),
        .in_scratch = lw_conv_thread_piece(booking, job->workspace, thread, dense->in_at),
        .out_scratch = lw_conv_thread_piece(booking, job->workspace, thread, dense->out_at)};
    const int64_t units = (int64_t)dense->problem->sizes.shape.n * dense->bands;
    lw_conv_split split = lw_conv_split_work(
        threads, units, dense->panels, (lw_conv_split_costs){.outer = dense->in_place ? 0.0 : 1.0});
    lw_conv_share share;
    if (!lw_conv_share_of(split, thread, units, dense->panels, &share)) return;
    for (int64_t i = share.outer_begin; i < share.outer_end; i++)
        lw_conv_dense_band(&work, i / dense->bands, (int32_t)(i % dense->bands),
                           (int32_t)share.inner_begin, (int32_t)share.inner_end);
}

void lw_conv_dense_execute(const lw_conv_problem *problem, bool backward,
                           const lw_conv_arrays *arrays, void *workspace)
{
    const lw_conv_dense dense = lw_conv_dense_plan(problem, backward);
    dense_job job = {&dense, arrays, workspace};
    lw_parallel_run(problem->threads, pack, &job);
    lw_parallel_run(problem->threads, compute, &job);
}
